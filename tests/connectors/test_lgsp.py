"""Kind lgsp, without a socket: the token, the read behind the gateway, and whose fault the gateway says it is."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors import CONNECTORS, wso2
from connectors.lgsp import Lgsp, LgspCheck, LgspSystem
from monitor.model import Auth, Finding, Reason, Reply, Step
from tests.connectors.harness import finding, reply, walk

SYSTEM: dict[str, Any] = {
    "gateway_url": "https://lgsp.invalid:8243",
    "consumer_key": "khoa-mo-phong",
    "consumer_secret": "bí-mật:mô-phỏng",
}
TOKEN = reply({"access_token": "abc-def", "expires_in": 3600, "token_type": "Bearer", "scope": "default"})
CATEGORIES = reply([{"CategoryCode": "magioitinh"}, {"CategoryCode": "madantoc"}])
PERSON = "NGƯỜI MÔ PHỎNG"


def connector(check: dict[str, Any] | None = None, **changes: Any) -> Lgsp:
    return Lgsp(LgspSystem(**SYSTEM | changes), LgspCheck(**check or {}))


def login_step(**changes: Any) -> Step:
    return next(connector(**changes).login())


def read_step(check: dict[str, Any] | None = None, **changes: Any) -> Step:
    return next(connector(check, **changes).run(Auth("abc-def")))


def fault_3(code: Any, status: int = 500) -> Reply:
    return reply({"fault": {"code": code, "message": PERSON, "description": PERSON}}, status)


def fault_4(code: Any, status: int = 500) -> Reply:
    return reply({"code": code, "message": PERSON, "description": PERSON}, status)


def fault_xml(code: Any, status: int = 500, prefix: str = "ams") -> Reply:
    return reply(
        f'<{prefix}:fault xmlns:{prefix}="http://wso2.org/apimanager/security"><{prefix}:code>{code}</{prefix}:code>'
        f"<{prefix}:message>{PERSON}</{prefix}:message></{prefix}:fault>",
        status,
    )


SHAPES = pytest.mark.parametrize("shape", [fault_3, fault_4, fault_xml])


# --- login ---


def test_login_by_client_credentials() -> None:
    (step,), auth = walk(connector().login(), TOKEN)
    assert auth == Auth("abc-def", 3600.0)
    assert (step.name, step.request.method, step.request.url) == ("token", "POST", "https://lgsp.invalid:8243/token")
    headers = dict(step.request.headers)
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert b64decode(headers["Authorization"].removeprefix("Basic ")).decode() == "khoa-mo-phong:bí-mật:mô-phỏng"
    assert step.request.body == b"grant_type=client_credentials"
    assert (step.follow, step.public, step.relogin_on) == (0, False, None)


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({"token_path": "/oauth2/token"}, "https://lgsp.invalid:8243/oauth2/token"),
        ({"token_url": "http://khoa.invalid:8280/token"}, "http://khoa.invalid:8280/token"),
        ({"gateway_url": "https://api.invalid/ngsp/"}, "https://api.invalid/ngsp/token"),
    ],
    ids=str,
)
def test_where_tokens_are_given_out(changes: dict[str, Any], url: str) -> None:
    assert login_step(**changes).request.url == url


@pytest.mark.parametrize(
    "seconds", ["3600", None, True, [], -1, 10**400, "1e999", float("nan")], ids=lambda v: str(v)[:9]
)
def test_a_lifetime_that_is_none_is_as_if_it_were_not_said(seconds: Any) -> None:
    _, auth = walk(connector().login(), reply({"access_token": "abc-def", "expires_in": seconds}))
    assert auth == Auth("abc-def", None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (TOKEN, None),
        (reply({"error": "invalid_client"}, 401), Finding(Reason.AUTH_FAILED, "HTTP 401 invalid_client")),
        (reply({"error": "unauthorized_client"}, 400), Finding(Reason.AUTH_FAILED, "HTTP 400 unauthorized_client")),
        (reply({"error": "unsupported_grant_type"}, 400), Finding(Reason.HTTP_4XX, "HTTP 400")),
        (reply("<html>", 401), Finding(Reason.AUTH_FAILED, "HTTP 401")),
        (fault_4("900901", 401), Finding(Reason.AUTH_FAILED, "gateway 900901")),
        (fault_3(303001, 503), Finding(Reason.HTTP_5XX, "gateway 303001")),
        (reply("", 429), Finding(Reason.RATE_LIMITED, "HTTP 429")),
        (reply("", 502), Finding(Reason.HTTP_5XX, "HTTP 502")),
        (reply("<html>"), Finding(Reason.CONTRACT_VIOLATION, "HTML where JSON was due")),
        (reply(""), Finding(Reason.CONTRACT_VIOLATION, "empty body where JSON was due")),
        (reply([TOKEN.json]), Finding(Reason.CONTRACT_VIOLATION, "JSON array where object was due")),
        (reply({"error": PERSON}), Finding(Reason.BUSINESS_ERROR, "error")),
        (reply({}), Finding(Reason.CONTRACT_VIOLATION, "missing field access_token")),
        (
            reply({"access_token": 7}),
            Finding(Reason.CONTRACT_VIOLATION, "field access_token is number, string was due"),
        ),
        (reply({"access_token": ""}), Finding(Reason.CONTRACT_VIOLATION, "access_token is no token")),
        (reply({"access_token": "a\r\nX: b"}), Finding(Reason.CONTRACT_VIOLATION, "access_token is no token")),
    ],
    ids=lambda value: f"{value.status} {value.body.decode()}"[:40] if isinstance(value, Reply) else "",
)
def test_what_is_made_of_the_answer_to_a_login(answer: Reply, expected: Finding | None) -> None:
    assert finding(login_step(), answer) == expected


# --- run ---


def test_a_run_reads_the_list_of_lists() -> None:
    asked = connector()
    assert asked.steps() == ("request",)
    (step,), result = walk(asked.run(Auth("abc-def")), CATEGORIES)
    assert result is None
    assert (step.name, step.request.method) == ("request", "GET")
    assert step.request.url == "https://lgsp.invalid:8243/dmdc/1.0/AllCategory"
    assert step.request.headers == (("Accept", "application/json"), ("Authorization", "Bearer abc-def"))
    assert (step.request.body, step.follow, step.public, step.measure) == (None, 0, False, None)


def test_headers_that_a_service_wants_besides() -> None:
    headers = dict(read_step(headers={"MaDonVi": "H00", "ApiKey": "khoa"}).request.headers)
    assert (headers["MaDonVi"], headers["ApiKey"]) == ("H00", "khoa")
    assert "ApiKey" not in dict(login_step(headers={"ApiKey": "khoa"}).request.headers)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (CATEGORIES, None),
        (reply([]), None),
        (reply("", 401), Finding(Reason.AUTH_FAILED, "HTTP 401")),
        (reply("", 403), Finding(Reason.AUTH_FAILED, "HTTP 403")),
        (reply("", 404), Finding(Reason.HTTP_4XX, "HTTP 404")),
        (reply("", 429), Finding(Reason.RATE_LIMITED, "HTTP 429")),
        (reply("<h1>502 Bad Gateway</h1>", 502), Finding(Reason.HTTP_5XX, "HTTP 502")),
        (reply("", 302), Finding(Reason.UNEXPECTED_REDIRECT, "HTTP 302")),
        (reply({"code": "-1"}), Finding(Reason.CONTRACT_VIOLATION, "JSON object where array was due")),
        (reply({"error_code": "-1"}), Finding(Reason.BUSINESS_ERROR, "error_code -1")),
        (reply({"error_code": 0}), Finding(Reason.CONTRACT_VIOLATION, "JSON object where array was due")),
        (reply("<html>"), Finding(Reason.CONTRACT_VIOLATION, "HTML where JSON was due")),
        (reply(""), Finding(Reason.CONTRACT_VIOLATION, "empty body where JSON was due")),
    ],
    ids=lambda value: f"{value.status} {value.body.decode()}"[:40] if isinstance(value, Reply) else "",
)
def test_what_is_made_of_the_answer_to_a_read(answer: Reply, expected: Finding | None) -> None:
    assert finding(read_step(), answer) == expected


def test_an_object_may_hold_an_error_code() -> None:
    step = read_step({"type": "object", "field": "value", "path": "/hotich/1.0/danhMuc"})
    assert step.request.url == "https://lgsp.invalid:8243/hotich/1.0/danhMuc"
    assert finding(step, reply({"errorCode": 0, "value": []})) is None
    assert finding(step, reply({"errorCode": 101})) == Finding(Reason.BUSINESS_ERROR, "errorCode 101")
    assert finding(step, reply({"ErrorCode": "100"})) == Finding(Reason.BUSINESS_ERROR, "ErrorCode 100")
    assert finding(step, reply({"status": 1})) == Finding(Reason.CONTRACT_VIOLATION, "missing field value")
    assert finding(step, reply([])) == Finding(Reason.CONTRACT_VIOLATION, "JSON array where object was due")


def test_a_field_of_the_first_row() -> None:
    step = read_step({"field": "0.CategoryCode"})
    assert finding(step, CATEGORIES) is None
    assert finding(step, reply([])) == Finding(Reason.CONTRACT_VIOLATION, "missing field 0.CategoryCode")


@pytest.mark.parametrize(
    ("gateway", "url"),
    [("https://lgsp.invalid:8243", "tls://lgsp.invalid:8243"), ("http://lgsp.invalid:8280", "tcp://lgsp.invalid:8280")],
)
def test_a_token_alone_is_a_layer_of_its_own(gateway: str, url: str) -> None:
    asked = connector({"token_only": True}, gateway_url=gateway)
    assert asked.steps() == ("reach",)
    assert next(asked.login()).name == "token"
    (step,), _ = walk(asked.run(Auth("abc-def")), Reply(0, {}, b""))
    assert (step.name, step.request.url, step.request.headers, step.rules) == ("reach", url, (), ())


# --- faults of the gateway ---

TABLE = {
    Reason.AUTH_FAILED: [900900, 900901, 900902, 900908, 900910],
    Reason.HTTP_4XX: [900906],
    Reason.RATE_LIMITED: [*range(900800, 900808)],
    Reason.HTTP_5XX: [700700, 101503, 101504, 101505, 303001],
}
KNOWN = [(code, reason) for reason, codes in TABLE.items() for code in codes]


@SHAPES
@pytest.mark.parametrize("status", [200, 401, 404, 429, 500, 503])
@pytest.mark.parametrize(("code", "reason"), KNOWN)
def test_the_gateways_code_speaks_before_the_status(shape: Any, status: int, code: int, reason: Reason) -> None:
    assert finding(read_step(), shape(code, status)) == Finding(reason, f"gateway {code}")
    assert finding(read_step({"type": "object"}), shape(str(code), status)) == Finding(reason, f"gateway {code}")


@SHAPES
@given(
    known=st.sampled_from(KNOWN),
    as_text=st.booleans(),
    before=st.text(" \t\n", max_size=3),
    after=st.text(" \r\n", max_size=3),
)
def test_codes_come_as_numbers_and_as_texts(
    shape: Any, known: tuple[int, Reason], as_text: bool, before: str, after: str
) -> None:
    code, reason = known
    answer = shape(f"{before}{code}{after}" if as_text else code)
    assert finding(read_step(), answer) == Finding(reason, f"gateway {code}")


@SHAPES
def test_a_code_that_is_not_in_the_table_leaves_the_word_to_the_status(shape: Any) -> None:
    assert finding(read_step(), shape("900999", 500)) == Finding(Reason.HTTP_5XX, "HTTP 500")
    assert finding(read_step(), shape("900999", 403)) == Finding(Reason.AUTH_FAILED, "HTTP 403")
    assert finding(read_step(), shape("900999", 200)) == Finding(Reason.BUSINESS_ERROR, "gateway 900999")


def test_a_code_of_a_service_is_none_of_the_gateways() -> None:
    step = read_step({"type": "object"})
    codes: list[Any] = [0, "200", 1, "-1", 12345, "123456", "9009011", "101503 lỗi", "101", True, None, 900901.0, {}]
    for code in codes:
        assert finding(step, fault_4(code, 200)) is None, code
        assert wso2.fault_code(fault_4(code, 401)) is None, code


def test_in_the_gateways_envelope_every_code_is_its_own() -> None:
    step = read_step({"type": "object"})
    assert finding(step, fault_3("42", 200)) == Finding(Reason.BUSINESS_ERROR, "gateway 42")
    assert finding(step, fault_3(None, 200)) == Finding(Reason.BUSINESS_ERROR, "gateway")
    assert finding(step, fault_xml("42", 200, "am")) == Finding(Reason.BUSINESS_ERROR, "gateway 42")
    assert finding(step, fault_3("42", 502)) == Finding(Reason.HTTP_5XX, "HTTP 502")


@pytest.mark.parametrize(
    "code", [PERSON, "000000000000", [PERSON], {"a": PERSON}, "A" * 1000], ids=lambda v: str(v)[:20]
)
def test_a_code_that_may_be_personal_is_not_shown(code: Any) -> None:
    for shape in (fault_3, fault_xml):
        found = finding(read_step(), shape(json.dumps(code) if shape is fault_xml else code, 200))
        assert found == Finding(Reason.BUSINESS_ERROR, "gateway")


@pytest.mark.parametrize(
    "body",
    [
        {"fault": None, "value": []},
        {"fault": "900901"},
        {"fault": ["900901"]},
        {"fault": {}},
        {"fault": {"message": "900901"}},
        [{"code": "900901"}],
        "900901",
        900901,
    ],
    ids=repr,
)
def test_what_only_looks_like_a_fault_is_none(body: Any) -> None:
    assert wso2.fault_code(reply(json.dumps(body))) is None


@pytest.mark.parametrize(
    "body",
    [
        "<fault/>",
        "<fault><message>900901</message></fault>",
        "<faults><fault><code>900901</code></fault></faults>",
        "<Fault><code>900901</code></Fault>",
        "<answer><code>900901</code><fault/></answer>",
        "<fault><code>900901</code>",
        "<fault><code>&e;</code></fault>",
        '<!DOCTYPE a [<!ENTITY e "900901">]><fault><code>&e;</code></fault>',
        "<html><body>fault 900901</body></html>",
    ],
)
def test_xml_that_only_looks_like_a_fault_is_none(body: str) -> None:
    assert wso2.fault_code(reply(body)) is None


def test_a_byte_order_mark_or_another_prefix_hides_no_fault() -> None:
    for text in (
        '\ufeff{"fault": {"code": 900901}}',
        '\ufeff<?xml version="1.0"?>\r\n<am:fault xmlns:am="http://wso2.org"><am:code> 900901\n</am:code></am:fault>',
        '\r\n<?xml version="1.0" encoding="utf-16"?><amt:fault><amt:code>900901</amt:code></amt:fault>',
    ):
        assert wso2.fault_code(reply(text)) == "900901"
    as_html = reply({"code": "900901"}, content_type="text/html")
    assert wso2.fault_code(as_html) == "900901"


# --- when to log in once more ---


@SHAPES
def test_a_401_or_the_gateways_word_for_it_asks_for_a_new_login(shape: Any) -> None:
    again = read_step().relogin_on
    assert again is not None
    assert [status for status in (200, 400, 401, 403, 404, 500) if again(reply(status=status))] == [401]
    assert again(shape(900901, 200))
    assert again(shape("900901", 500))
    assert not again(shape(900902, 403)), "it was never there"
    assert not again(shape(900908, 403)), "no token helps who is not subscribed"
    assert not again(shape(101503, 500))
    assert not again(CATEGORIES)


def test_the_same_refusal_after_a_second_login_is_auth_failed() -> None:
    for answer in (reply("", 401), fault_3(900901, 200), fault_4("900901", 500)):
        found = finding(read_step(), answer)
        assert found is not None
        assert found.reason is Reason.AUTH_FAILED


# --- hostile bodies ---

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["900901", 101503])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["fault", "code", "error", "error_code", "access_token", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(value=VALUES, status=st.sampled_from([0, 200, 302, 401, 500, 999]))
def test_no_json_makes_a_rule_fail(value: Any, status: int) -> None:
    answer = reply(json.dumps(value), status)
    for step in (login_step(), read_step(), read_step({"type": "object", "field": "a.0"})):
        finding(step, answer)
        assert step.relogin_on is None or step.relogin_on(answer) in (True, False)


@given(
    body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
    start=st.sampled_from([b"", b"<", b"{", b"<fault>"]),
)
def test_no_bytes_make_a_rule_fail(body: bytes, start: bytes) -> None:
    found = finding(read_step(), reply(start + body))
    assert found is None or found.reason in (Reason.CONTRACT_VIOLATION, Reason.BUSINESS_ERROR)


@pytest.mark.parametrize("depth", [100, 900, 950, 980, 1_000, 30_000])
@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"fault":', "}"), ('{"code":', "}"), ("<fault>", "</fault>")]
)
def test_deep_nesting_is_a_finding(depth: int, opening: str, closing: str) -> None:
    answer = reply(f"{opening * depth}1{closing * depth}", 200)
    for check in ({"type": "array", "field": "0.0.x"}, {"type": "object", "field": "x"}):
        found = finding(read_step(check), answer)
        assert found is not None
        assert found.reason in (Reason.CONTRACT_VIOLATION, Reason.BUSINESS_ERROR, Reason.TOO_LARGE)
    assert finding(login_step(), answer) is not None


# --- options that make no sense ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gateway_url": None}, "gateway_url"),
        ({"gateway_url": "lgsp.invalid"}, "gateway_url"),
        ({"consumer_key": None}, "consumer_key"),
        ({"consumer_secret": None}, "consumer_secret"),
        (
            {"token_url": "https://a.invalid/token", "token_path": "/token"},
            "token_url and token_path exclude each other",
        ),
        ({"grant": "password"}, "grant"),
    ],
    ids=str,
)
def test_bad_options_of_a_system_are_refused_and_no_value_is_shown(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        connector(**changes)
    assert message in str(raised.value)
    assert "mô-phỏng" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "POST"}, "method"),
        ({"type": "string"}, "type"),
        ({"token_only": True, "path": "/a", "field": "b"}, "leave out field, path"),
    ],
    ids=str,
)
def test_bad_options_of_a_check_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LgspCheck(**options)


def test_a_gateway_that_cannot_be_reached_is_refused() -> None:
    with pytest.raises(ValueError, match="names no host"):
        connector({"token_only": True}, gateway_url="https://:8243")


def test_neither_key_nor_secret_is_ever_shown() -> None:
    asked = connector(headers={"ApiKey": "khoa-rieng"})
    said = repr((asked._system, asked, login_step(), read_step(), walk(asked.login(), TOKEN)))
    for secret in ("khoa-mo-phong", "mô-phỏng", "khoa-rieng", "abc-def", "a2hvYS1tby1waG9uZ"):
        assert secret not in said


def test_the_kind_is_in_the_table() -> None:
    assert CONNECTORS["lgsp"] is Lgsp
