"""Kind population, without a socket: who we say we are, the look-up that is off, and that no person comes out of it."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors import CONNECTORS, soap
from connectors.population import Population, PopulationCheck
from connectors.population_profiles import PopulationSystem, signature
from monitor.model import Auth, Finding, Gauge, Reason, Reply, Step
from tests.connectors.harness import finding, reply, walk

SERVICE = "https://dan-cu.invalid:8443/037"
CREDENTIALS: dict[str, dict[str, Any]] = {
    "wso2_cc": {
        "token_url": "https://lgsp.invalid/token",
        "consumer_key": "bi-mat-key",
        "consumer_secret": "bi-mat-secret",
    },
    "lgspaccesstoken": {
        "token_url": "https://lgsp.invalid/token",
        "access_key": "bi-mat-access",
        "secret_key": "bi-mat-secret",
        "app_name": "motcua",
        "partner_code": "000.00.00.H00",
        "partner_code_cus": "000.00.00.G01",
    },
    "c06_sha256": {
        "auth_url": "https://c06.invalid/xac-thuc",
        "username": "bi-mat-user",
        "secret": "bi-mat-secret",
        "road_client": "VN/GOV/000.00.00.H00",
        "api_key": "bi-mat-api",
    },
    "json_wrapper": {},
}
OFFICER = {"officer_username": "bi-mat-can-bo", "officer_password": "bi-mat-mat-khau"}
SUBJECT: dict[str, Any] = {
    "approval": "00/MP",
    "subject": "000000000000",
    "subject_name": "Người <Mô> Phỏng",
    "subject_born": "19000101",
}
PERSONAL = ("000000000000", "Người", "NGƯỜI", "19000101", "bi-mat")
PROFILES = pytest.mark.parametrize("profile", list(CREDENTIALS))
NOW = 1_800_000_000.5

TOKEN = reply({"access_token": "bi-mat-token", "expires_in": 3600})
CITIZEN = """
  <ns1:CongDan>
    <ns1:SoDinhDanh>000000000000</ns1:SoDinhDanh><ns1:SoCMND/>
    <ns1:HoVaTen><ns1:Ho/><ns1:ChuDem> </ns1:ChuDem><ns1:Ten>NGƯỜI MÔ PHỎNG</ns1:Ten></ns1:HoVaTen>
    <ns1:GioiTinh>1</ns1:GioiTinh><ns1:NhomMau></ns1:NhomMau>
    <ns1:ThuongTru><ns1:MaTinhThanh>00</ns1:MaTinhThanh><ns1:ChiTiet><![CDATA[ẤP <1>]]></ns1:ChiTiet></ns1:ThuongTru>
  </ns1:CongDan>"""
FILLED = 5.0


def answer_of(inside: str) -> str:
    """A SOAP answer as the service writes it."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope'
        ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header/><soapenv:Body>'
        f"{inside}</soapenv:Body></soapenv:Envelope>"
    )


def collection(inside: str) -> str:
    namespace = "http://www.mic.gov.vn/dancu/1.0"
    return answer_of(f'<ns1:CongdanCollection xmlns:ns1="{namespace}">{inside}</ns1:CongdanCollection>')


FOUND = collection(CITIZEN)


def population(profile: str = "wso2_cc", /, *, lookup: bool = False, **changes: Any) -> Population:
    options = {"service_url": SERVICE, "profile": profile, **CREDENTIALS[profile]}
    if lookup:
        options |= SUBJECT | (OFFICER if profile == "lgspaccesstoken" else {})
    return Population(PopulationSystem(**options | changes), PopulationCheck(lookup=lookup), clock=lambda: NOW)


def lookup_step(profile: str = "wso2_cc", /, **changes: Any) -> Step:
    asked = population(profile, lookup=True, **changes)
    auth = Auth("bi-mat-token") if asked.login() else None
    return next(asked.run(auth))


def said(step: Step, text: str | bytes, profile: str = "wso2_cc") -> tuple[Finding | None, float | None]:
    """What is made of a SOAP answer, as this profile sends it: the finding, or else the fields that are present."""
    body = text if isinstance(text, bytes) else text.encode()
    if profile == "json_wrapper":
        body = json.dumps({"error_code": "0", "message": body.decode("utf-8", "replace")}).encode()
    answer = reply(body)
    assert step.measure is not None
    found = finding(step, answer)
    return found, None if found else step.measure(answer)[Gauge.FIELDS_PRESENT]


def violation(detail: str) -> Finding:
    return Finding(Reason.CONTRACT_VIOLATION, detail)


# --- a run without a look-up ---


@PROFILES
def test_a_run_asks_for_no_person(profile: str) -> None:
    asked = population(profile, **SUBJECT)
    assert asked.steps() == ("reach",)
    (step,), result = walk(asked.run(None), Reply(0, {}, b""))
    assert result is None
    assert (step.name, step.request.url) == ("reach", "tls://dan-cu.invalid:8443")
    assert (step.request.body, step.request.headers, step.rules) == (None, (), ())


def test_a_service_without_tls_is_reached_by_a_connection() -> None:
    step = next(population("json_wrapper", service_url="http://dan-cu.invalid:8080/037").run(None))
    assert step.request.url == "tcp://dan-cu.invalid:8080"


# --- who we say we are ---


def test_wso2_cc_asks_the_gateway_for_a_token() -> None:
    login = population("wso2_cc").login()
    assert login is not None
    (step,), auth = walk(login, TOKEN)
    assert auth == Auth("bi-mat-token", 3600.0)
    assert (step.name, step.request.url, step.request.method) == ("token", "https://lgsp.invalid/token", "POST")
    key = dict(step.request.headers)["Authorization"].removeprefix("Basic ")
    assert b64decode(key) == b"bi-mat-key:bi-mat-secret"


def lgsp_access_token(text: str) -> Any:
    return json.loads(b64decode(text))


KNOWN = {
    "AccessKey": "bi-mat-access",
    "SecretKey": "bi-mat-secret",
    "AppName": "motcua",
    "PartnerCode": "000.00.00.H00",
    "PartnerCodeCus": "000.00.00.G01",
}


def test_lgspaccesstoken_says_who_asks_in_a_header_of_its_own() -> None:
    login = population("lgspaccesstoken").login()
    assert login is not None
    (step,), auth = walk(login, TOKEN)
    assert auth == Auth("bi-mat-token", 3600.0)
    headers = dict(step.request.headers)
    assert lgsp_access_token(headers["lgspaccesstoken"]) == KNOWN
    assert "Authorization" not in headers
    assert step.request.body == b"grant_type=client_credentials"


@pytest.mark.parametrize("profile", ["c06_sha256", "json_wrapper"])
def test_the_others_have_no_token(profile: str) -> None:
    assert population(profile).login() is population(profile, lookup=True).login() is None


def test_signature() -> None:
    text = b"https://c06.invalid/xac-thuc" + b"user" + b"1800000000500" + b"secret"
    assert signature("https://c06.invalid/xac-thuc", "user", "1800000000500", "secret") == sha256(text).hexdigest()


@pytest.mark.parametrize(("unit", "timestamp"), [({}, "1800000000500"), ({"timestamp_unit": "ms"}, "1800000000500"),
                                                 ({"timestamp_unit": "s"}, "1800000000")])  # fmt: skip
def test_c06_signs_each_request_with_its_time(unit: dict[str, str], timestamp: str) -> None:
    headers = dict(lookup_step("c06_sha256", **unit).request.headers)
    signed = signature("https://c06.invalid/xac-thuc", "bi-mat-user", timestamp, "bi-mat-secret")
    assert b64decode(headers["Authorization"].removeprefix("Basic ")).decode() == f"bi-mat-user:{signed}"
    assert headers["Timestamp"] == timestamp
    assert (headers["X-Road-Client"], headers["ApiKey"]) == ("VN/GOV/000.00.00.H00", "bi-mat-api")
    assert (headers["SOAPAction"], headers["Content-Type"]) == ('""', "application/xml; charset=utf-8")


def test_the_time_is_that_of_the_request_by_the_machines_clock() -> None:
    times = iter([1.0, 2.0])
    asked = population("c06_sha256", lookup=True)
    ticking = Population(asked._system, PopulationCheck(lookup=True), clock=lambda: next(times))
    assert [dict(next(ticking.run(None)).request.headers)["Timestamp"] for _ in range(2)] == ["1000", "2000"]
    real = Population(asked._system, PopulationCheck(lookup=True))
    assert int(dict(next(real.run(None)).request.headers)["Timestamp"]) > 1_700_000_000_000


def test_c06_may_give_a_token_for_the_signature() -> None:
    asked = population("c06_sha256", lookup=True, token_url="https://c06.invalid/xac-thuc")
    login = asked.login()
    assert login is not None
    (step,), auth = walk(login, TOKEN)
    signed = signature("https://c06.invalid/xac-thuc", "bi-mat-user", "1800000000500", "bi-mat-secret")
    headers = dict(step.request.headers)
    assert (step.name, step.request.url) == ("token", "https://c06.invalid/xac-thuc")
    assert b64decode(headers["Authorization"].removeprefix("Basic ")).decode() == f"bi-mat-user:{signed}"
    assert (headers["Timestamp"], headers["X-Road-Client"]) == ("1800000000500", "VN/GOV/000.00.00.H00")
    looked_up = next(asked.run(auth))
    headers = dict(looked_up.request.headers)
    assert (headers["Authorization"], headers["ApiKey"]) == ("Bearer bi-mat-token", "bi-mat-api")
    assert "Timestamp" not in headers
    assert looked_up.relogin_on is not None


# --- the look-up is off ---


@PROFILES
@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"approval": None}, "approval"),
        ({"approval": " "}, "approval"),
        ({"subject": None}, "subject"),
        ({"approval": None, "subject": None}, "approval, subject"),
    ],
    ids=str,
)
def test_without_approval_and_subject_nobody_is_looked_up(profile: str, changes: dict[str, Any], missing: str) -> None:
    with pytest.raises(ValueError, match="lookup asks for a person") as raised:
        population(profile, lookup=True, **changes)
    assert f"needs {missing} in" in str(raised.value)
    assert not any(word in str(raised.value) for word in PERSONAL)


def test_a_look_up_in_an_officers_name_needs_the_officer() -> None:
    with pytest.raises(ValueError, match="needs officer_username, officer_password in"):
        population("lgspaccesstoken", lookup=True, officer_username=None, officer_password=None)


# --- the look-up ---


def fields_of(envelope: bytes | str) -> dict[str, Any]:
    """What a request asks, read by another reader than ours."""
    root = ET.fromstring(envelope)
    operation = root.find(
        "{http://schemas.xmlsoap.org/soap/envelope/}Body/{http://dancuquocgia.bca}TraCuuThongTinCongDan"
    )
    assert operation is not None

    def read(element: ET.Element) -> Any:
        return {child.tag.removeprefix("{http://dancuquocgia.bca}"): read(child) for child in element} or element.text

    fields: dict[str, Any] = read(operation)
    return fields


def asked_of(step: Step, profile: str) -> dict[str, Any]:
    body = step.request.body or b""
    if profile == "json_wrapper":
        fields: dict[str, Any] = json.loads(body)
        return fields
    return fields_of(json.loads(body)["data"] if profile == "lgspaccesstoken" else body)


@PROFILES
def test_a_look_up_asks_for_one_person_in_the_order_of_the_schema(profile: str) -> None:
    ids = {"TaiKhoan": "bi-mat-tk", "MaCanBo": "bi-mat-cb", "MaDonVi": "H00"}
    asked = population(profile, lookup=True, ids=ids)
    assert asked.steps() == ("lookup",)
    step = lookup_step(profile, ids=ids)
    assert (step.name, step.request.method, step.request.url) == ("lookup", "POST", SERVICE)
    assert (step.follow, step.public) == (0, False)
    fields = asked_of(step, profile)
    assert re.fullmatch(r"[0-9a-f]{32}", fields.pop("MaYeuCau"))
    born: dict[str, Any] = {"NgayThangNam": "19000101"}
    expected = {
        "MaDVC": "VPCP",
        "MaTichHop": "037",
        "MaCanBo": "bi-mat-cb",
        "MaDonVi": "H00",
        "TaiKhoan": "bi-mat-tk",
        "SoDinhDanh": "000000000000",
        "HoVaTen": "NGƯỜI <MÔ> PHỎNG",
        **(born if profile == "json_wrapper" else {"NgayThangNamSinh": born}),
    }
    assert list(fields.items()) == list(expected.items())


@PROFILES
def test_each_request_has_a_number_of_its_own(profile: str) -> None:
    assert len({asked_of(lookup_step(profile), profile)["MaYeuCau"] for _ in range(20)}) == 20


@PROFILES
def test_an_old_card_a_year_alone_and_other_ids(profile: str) -> None:
    changes = {"subject": "000000000", "subject_born": "1900", "subject_name": None, "ids": {"MaDVC": "1.000000"}}
    fields = asked_of(lookup_step(profile, **changes), profile)
    assert (fields["SoCMND"], fields["MaDVC"], fields["MaTichHop"]) == ("000000000", "1.000000", "037")
    assert fields.get("NgayThangNamSinh", fields) == ({"Nam": "1900"} if profile != "json_wrapper" else fields)
    assert not {"SoDinhDanh", "HoVaTen", "NgayThangNam"} & set(fields)
    assert "NgayThangNamSinh" not in asked_of(lookup_step(profile, subject_born=None), profile)


def test_wso2_cc_sends_soap_with_its_token() -> None:
    headers = dict(lookup_step("wso2_cc").request.headers)
    assert headers == {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": '""',
        "Authorization": "Bearer bi-mat-token",
    }


def test_lgspaccesstoken_sends_soap_in_json() -> None:
    step = lookup_step("lgspaccesstoken")
    headers, body = dict(step.request.headers), json.loads(step.request.body or b"")
    assert lgsp_access_token(headers["lgspaccesstoken"]) == lgsp_access_token(body["lgspAccessToken"]) == KNOWN
    assert body["accessToken"] == "Bearer bi-mat-token"
    assert b64decode(body["AuthHash"]) == b"bi-mat-can-bo:bi-mat-mat-khau"
    assert headers["Content-Type"] == "application/json"


@PROFILES
def test_only_a_token_can_be_renewed(profile: str) -> None:
    again = lookup_step(profile).relogin_on
    if profile in ("c06_sha256", "json_wrapper"):
        assert again is None
        return
    assert again is not None
    assert again(reply("", 401))
    assert again(reply({"fault": {"code": 900901}}, 200))
    assert not again(reply(FOUND))


# --- what is made of the answer ---


@PROFILES
def test_of_a_person_only_the_number_of_filled_fields_is_kept(profile: str) -> None:
    assert said(lookup_step(profile), FOUND, profile) == (None, FILLED)


def test_a_text_beside_fields_is_no_field() -> None:
    citizen = "<CongDan>x<HoVaTen>x<Ten>x</Ten>x</HoVaTen><GioiTinh>1</GioiTinh></CongDan>"
    assert said(lookup_step(), collection(citizen)) == (None, 2.0)


@PROFILES
@pytest.mark.parametrize(
    "answer",
    [
        collection(""),
        collection("\n  "),
        answer_of("<CongdanCollection/>"),
        answer_of("<op:TraCuuResponse xmlns:op='a'><CongdanCollection/></op:TraCuuResponse>"),
        collection("<ns1:CongDan/>"),
        collection("<ns1:CongDan><ns1:SoDinhDanh>000000000000</ns1:SoDinhDanh></ns1:CongDan>"),
        collection("<ns1:CongDan><ns1:HoVaTen><ns1:Ten> </ns1:Ten></ns1:HoVaTen></ns1:CongDan>"),
        collection("<ns1:CongDan><ns1:HoVaTen><ns1:Ten/></ns1:HoVaTen><ns1:GioiTinh>1</ns1:GioiTinh></ns1:CongDan>"),
    ],
)
def test_that_nobody_was_found_is_no_error(profile: str, answer: str) -> None:
    assert said(lookup_step(profile), answer, profile) == (None, 0.0)


@pytest.mark.parametrize("before", ["", "\ufeff", "\r\n \n", '\r\n<?xml version="1.0" encoding="utf-16"?>'])
@pytest.mark.parametrize("profile", ["wso2_cc", "json_wrapper"])
def test_what_stands_before_an_answer_does_not_matter(before: str, profile: str) -> None:
    answer = before + FOUND.partition("?>")[2]
    assert said(lookup_step(profile), answer, profile) == (None, FILLED)


def soap_fault(code: str, tag: str = "faultcode") -> str:
    return answer_of(f"<soapenv:Fault><{tag}>{code}</{tag}><faultstring>NGƯỜI MÔ PHỎNG</faultstring></soapenv:Fault>")


@PROFILES
@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (soap_fault("soapenv:Server"), "SOAP Fault Server"),
        (soap_fault(" Client "), "SOAP Fault Client"),
        (soap_fault("ns:INVALID_REQUEST"), "SOAP Fault INVALID_REQUEST"),
        (soap_fault("-12"), "SOAP Fault -12"),
        (soap_fault("000000000000"), "SOAP Fault"),
        (soap_fault("Người mô phỏng"), "SOAP Fault"),
        (soap_fault("a:b:Người"), "SOAP Fault"),
        (soap_fault(""), "SOAP Fault"),
        (soap_fault("soapenv:Server", "other"), "SOAP Fault"),
        (answer_of("<e:Fault><e:Code><e:Value>e:Receiver</e:Value></e:Code></e:Fault>"), "SOAP Fault Receiver"),
        (answer_of("<Fault/>"), "SOAP Fault"),
    ],
)
def test_a_fault_is_a_business_error_whose_code_alone_is_shown(profile: str, answer: str, detail: str) -> None:
    assert said(lookup_step(profile), answer, profile) == (Finding(Reason.BUSINESS_ERROR, detail), None)


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x0 "xxxxxxxxxx">'
    + "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 9))
    + "]><Envelope><Body><CongdanCollection>&x8;</CongdanCollection></Body></Envelope>"
)


NO_XML = "no XML where SOAP was due"
MISSING = "missing field CongdanCollection"
ENTITY_OF_A_FILE = '<!DOCTYPE a SYSTEM "file:///etc/hostname"><soapenv:Envelope'
WRONG = {
    "nothing": ("", "empty body where SOAP was due"),
    "blanks": (" \r\n", "empty body where SOAP was due"),
    "xhtml": ("<html><body>Đăng nhập</body></html>", "HTML where SOAP was due"),
    "html": ("<!DOCTYPE html><html><body>Đăng nhập", "HTML where SOAP was due"),
    "a text": ("OK", NO_XML),
    "cut short": (FOUND[:-20], NO_XML),
    "two roots": (FOUND + "<a/>", NO_XML),
    "a bomb": (BOMB, NO_XML),
    "a file": (FOUND.replace("<soapenv:Envelope", ENTITY_OF_A_FILE), NO_XML),
    "an unknown entity": (FOUND.replace("NGƯỜI", "&nobody;"), NO_XML),
    "a NUL": (FOUND.replace("NGƯỜI", "\0"), NO_XML),
    "too dense": ("<a>" + "<b/>" * 20_000 + "</a>", NO_XML),
    "no envelope": ("<CongdanCollection/>", "other XML where SOAP was due"),
    "another root": ("<Answer><Body><CongdanCollection/></Body></Answer>", "other XML where SOAP was due"),
    "no body": ("<Envelope/>", "other XML where SOAP was due"),
    "a body that is text": ("<Envelope>Body</Envelope>", "other XML where SOAP was due"),
    "an empty body": ("<Envelope><Body/></Envelope>", MISSING),
    "no collection": (answer_of(CITIZEN.replace("ns1:", "")), MISSING),
    "another answer": (answer_of("<KetQua>NGƯỜI MÔ PHỎNG</KetQua>"), MISSING),
}


@PROFILES
@pytest.mark.parametrize("title", WRONG)
def test_what_is_no_answer_breaks_the_contract(profile: str, title: str) -> None:
    answer, detail = WRONG[title]
    assert said(lookup_step(profile), answer, profile) == (violation(detail), None)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037", "utf-7"])
@pytest.mark.parametrize("declared", [False, True])
def test_no_other_encoding_hides_a_dtd(encoding: str, declared: bool) -> None:
    text = '<!DOCTYPE a [<!ENTITY x "y">]><Envelope><Body><CongdanCollection>&x;</CongdanCollection></Body></Envelope>'
    text = (f'<?xml version="1.0" encoding="{encoding}"?>' if declared else "") + text
    assert soap.document(text.encode(encoding)) is None
    found, _ = said(lookup_step(), text.encode(encoding))
    assert found is not None
    assert found.reason is Reason.CONTRACT_VIOLATION


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply("", 401), Finding(Reason.AUTH_FAILED, "HTTP 401")),
        (reply("", 403), Finding(Reason.AUTH_FAILED, "HTTP 403")),
        (reply("", 404), Finding(Reason.HTTP_4XX, "HTTP 404")),
        (reply(soap_fault("soapenv:Server"), 500), Finding(Reason.HTTP_5XX, "HTTP 500")),
        (reply({"fault": {"code": 101504}}, 200), Finding(Reason.HTTP_5XX, "gateway 101504")),
        (reply("<am:fault><am:code>900908</am:code></am:fault>", 403), Finding(Reason.AUTH_FAILED, "gateway 900908")),
        (reply("", 429), Finding(Reason.RATE_LIMITED, "HTTP 429")),
    ],
)
def test_status_and_gateway_speak_before_the_answer(answer: Reply, expected: Finding) -> None:
    assert finding(lookup_step(), answer) == expected


def test_who_did_not_say_who_they_are_is_not_refused() -> None:
    assert finding(lookup_step("json_wrapper"), reply("", 401)) == Finding(Reason.HTTP_4XX, "HTTP 401")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error_code": "-1", "message": FOUND}, Finding(Reason.BUSINESS_ERROR, "error_code -1")),
        ({"error_code": 0}, violation("missing field message")),
        ({"error_code": 0, "message": None}, violation("field message is null, string was due")),
        ({"error_code": 0, "message": {"Ten": "NGƯỜI"}}, violation("field message is object, string was due")),
        ({"error_code": 0, "message": "\ud800"}, violation("no XML where SOAP was due")),
        ([FOUND], violation("JSON array where object was due")),
    ],
    ids=str,
)
def test_what_is_wrong_with_the_wrapping(body: Any, expected: Finding) -> None:
    assert finding(lookup_step("json_wrapper"), reply(json.dumps(body))) == expected


def test_a_token_that_is_refused() -> None:
    login = population().login()
    assert login is not None
    assert finding(next(login), reply({"error": "invalid_client"}, 401)) == Finding(
        Reason.AUTH_FAILED, "HTTP 401 invalid_client"
    )


# --- hostile bodies ---

PIECES = [
    "<",
    ">",
    "</",
    "/>",
    "Envelope",
    "Body",
    "Fault",
    "CongDan",
    "CongdanCollection",
    "HoVaTen",
    "Ten",
    "&x;",
    "=",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=20).map("".join) | st.binary(max_size=40))
def test_no_text_makes_a_rule_fail(text: str | bytes) -> None:
    for profile in CREDENTIALS:
        found, fields = said(
            lookup_step(profile), text if isinstance(text, bytes) else text.encode("utf-8", "replace"), profile
        )
        assert (found is None) is (fields is not None)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["message", "error_code", "fault", "code"]), inner, max_size=3)))  # fmt: skip
def test_no_json_makes_a_rule_fail(value: Any) -> None:
    for profile in CREDENTIALS:
        assert finding(lookup_step(profile), reply(json.dumps(value))) is not None


TAGS = st.sampled_from(["CongDan", "HoVaTen", "Ten", "Fault", "CongdanCollection"])
ELEMENTS = st.recursive(
    st.sampled_from(["", " ", "x", "<![CDATA[<a>]]>", "&#x41;", "<!-- x -->", "<?x y?>"]),
    lambda inner: st.builds("<a:{0}>{1}</a:{0}>{2}".format, TAGS, inner, inner),
    max_leaves=12,
)


@given(ELEMENTS)
def test_any_tree_has_a_number_of_fields_or_a_finding(inside: str) -> None:
    text = collection(inside)
    found, fields = said(lookup_step(), text)
    assert found is None, "a Fault counts only right below the Body"
    assert fields is not None
    assert 0 <= fields <= inside.count("</")


@pytest.mark.parametrize("depth", [100, 2_000, 4_000, 100_000])
@pytest.mark.parametrize("tag", ["CongDan", "CongdanCollection", "Fault"])
@pytest.mark.parametrize("profile", ["wso2_cc", "json_wrapper"])
def test_deep_nesting(depth: int, tag: str, profile: str) -> None:
    text = collection(f"<{tag}>" * depth + "x" + f"</{tag}>" * depth)
    found, fields = said(lookup_step(profile), text, profile)
    assert (found, fields) == ((None, 0.0) if depth < 5_000 else (violation("no XML where SOAP was due"), None))


def test_a_long_namespace_is_not_copied_into_every_name() -> None:
    namespace = "u" * 500_000
    inside = "".join(f"<ns1:e{n}>1</ns1:e{n}>" for n in range(3_000))
    citizen = f"<ns1:CongDan><ns1:HoVaTen><ns1:Ten>x</ns1:Ten></ns1:HoVaTen>{inside}</ns1:CongDan>"
    text = answer_of(f'<ns1:CongdanCollection xmlns:ns1="{namespace}">{citizen}</ns1:CongdanCollection>')
    root = soap.document(text.encode())
    assert root is not None
    assert max(len(element.tag) for element in root.iter()) < 30
    assert said(lookup_step(), text) == (None, 3_001.0)


# --- nothing personal and nothing secret ---


@PROFILES
def test_neither_secret_nor_person_is_ever_shown(profile: str) -> None:
    asked = population(profile, lookup=True, ids={"MaCanBo": "bi-mat-cb", "SoDienThoai": "bi-mat-dt"})
    step = lookup_step(profile)
    login = asked.login()
    steps, auth = walk(login, TOKEN) if login else ([], None)
    assert step.measure is not None
    answer = reply(FOUND)
    shown = repr((asked._system, asked, step, steps, auth, answer, vars(asked)))
    findings = [said(step, text, profile)[0] for text in (FOUND, soap_fault("Người"), FOUND[:-9], answer_of(CITIZEN))]
    for word in (*PERSONAL, "MÔ PHỎNG", "YmktbWF0"):  # the last: how a secret of ours begins in Base64
        assert word not in shown
        assert word not in repr(findings)


@PROFILES
def test_the_gauge_is_a_number_and_nothing_else(profile: str) -> None:
    step = lookup_step(profile)
    body = json.dumps({"error_code": 0, "message": FOUND}) if profile == "json_wrapper" else FOUND
    assert step.measure is not None
    gauges = dict(step.measure(reply(body)))
    assert gauges == {Gauge.FIELDS_PRESENT: FILLED}
    assert type(gauges[Gauge.FIELDS_PRESENT]) is float


# --- options that make no sense ---


@pytest.mark.parametrize(
    ("profile", "changes", "message"),
    [
        ("wso2_cc", {"consumer_secret": None}, "profile wso2_cc needs consumer_secret"),
        ("wso2_cc", {"token_url": None, "consumer_key": None}, "profile wso2_cc needs token_url, consumer_key"),
        ("wso2_cc", {"api_key": "bi-mat-api"}, "profile wso2_cc has no api_key"),
        ("wso2_cc", {"consumer_key": None, "timestamp_unit": "s"}, "needs consumer_key and has no timestamp_unit"),
        ("lgspaccesstoken", {"partner_code_cus": None}, "profile lgspaccesstoken needs partner_code_cus"),
        ("lgspaccesstoken", {"secret": "bi-mat"}, "profile lgspaccesstoken has no secret"),
        ("c06_sha256", {"auth_url": None}, "profile c06_sha256 needs auth_url"),
        ("c06_sha256", {"consumer_key": "bi-mat"}, "profile c06_sha256 has no consumer_key"),
        ("c06_sha256", {"timestamp_unit": "us"}, "timestamp_unit"),
        ("json_wrapper", {"username": "bi-mat-user"}, "profile json_wrapper has no username"),
        ("json_wrapper", {"officer_username": "bi-mat"}, "profile json_wrapper has no officer_username"),
        ("json_wrapper", {"service_url": None}, "service_url"),
        ("json_wrapper", {"profile": "none"}, "profile"),
        ("json_wrapper", {"subject": "00000000000"}, "must be 12 or 9 digits"),
        ("json_wrapper", {"subject": "00000000000x"}, "must be 12 or 9 digits"),
        ("json_wrapper", {"subject_born": "1900-01-01"}, "must be 8 or 4 digits"),
        ("json_wrapper", {"ids": {"SoDinhDanh": "000000000000"}}, "ids"),
        ("json_wrapper", {"ids": {"MaTichHop": 31}}, "ids"),
        ("json_wrapper", {"grant": "password"}, "grant"),
    ],
    ids=str,
)
def test_bad_options_of_a_system_are_refused_and_no_value_is_shown(
    profile: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        population(profile, **SUBJECT | changes)
    assert message in str(raised.value)
    assert not re.search(r"bi-mat|000000|Người|1900-", str(raised.value))


def test_a_check_knows_no_other_option() -> None:
    with pytest.raises(ValidationError, match="subject"):
        PopulationCheck.model_validate({"subject": "000000000000"})


def test_a_service_that_cannot_be_reached_is_refused() -> None:
    with pytest.raises(ValueError, match="names no host"):
        population(service_url="https://:8443/037")


def test_the_kind_is_in_the_table() -> None:
    assert CONNECTORS["population"] is Population
