"""Kind national_portal, without a socket: the session, the lists, the dossier, and what is made of the replies."""

from __future__ import annotations

import json
import unicodedata
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors import CONNECTORS
from connectors.national_portal import NationalPortal, NationalPortalCheck, NationalPortalSystem
from monitor.model import Auth, Finding, Gauge, Reason, Reply, Step
from tests.connectors.harness import finding, reply, walk

BASE = "https://truc.invalid:8081/XrdAdapter/RestService/forward"
PROVIDER = "VN:GOV:000.00.00.G22:vpcpdvcprovider"
SYSTEM: dict[str, Any] = {
    "base_url": BASE,
    "username": "tai-khoan",
    "password": 'mật "khẩu',
    "madonvi": "000.00.00.H00",
}
DOSSIER = "000.00.00.H00-250101-0001"
EVERY: dict[str, Any] = {"services": ["sectors", "procedures", "dossier"], "dossier_code": DOSSIER}
PERSON = "NGƯỜI MÔ PHỎNG"

SESSION = reply({"session": "phien-0001", "error_code": 0, "message": "Thành công"})
SECTORS = reply({"error_code": "0", "result": [{"MALINHVUC": "G01", "TENLINHVUC": "Lĩnh vực", "MANGANH": "1"}]})
PROCEDURES = reply({"error_code": "00", "result": [{"MATTHC": f"1.00000{n}", "TENTTHC": "Thủ tục"} for n in range(3)]})
FOUND = reply({"error_code": 0, "result": [{"MaHoSo": DOSSIER, "ChuHoSo": PERSON}]})


def portal(check: dict[str, Any] | None = None, **changes: Any) -> NationalPortal:
    return NationalPortal(NationalPortalSystem(**SYSTEM | changes), NationalPortalCheck(**check or {}))


def login_step(**changes: Any) -> Step:
    return next(portal(**changes).login())


def call(name: str, check: dict[str, Any] | None = None, **changes: Any) -> Step:
    options = {"services": [name], **({"dossier_code": DOSSIER} if name == "dossier" else {}), **(check or {})}
    return next(portal(options, **changes).run(Auth("phien-0001")))


def sent(step: Step) -> Any:
    return json.loads(step.request.body or b"")


def violation(detail: str) -> Finding:
    return Finding(Reason.CONTRACT_VIOLATION, detail)


NAMES = pytest.mark.parametrize("name", ["sectors", "procedures", "dossier"])
GOOD = {"sectors": SECTORS, "procedures": PROCEDURES, "dossier": FOUND}


# --- login ---


def test_login_gives_a_session() -> None:
    (step,), auth = walk(portal().login(), SESSION)
    assert auth == Auth("phien-0001", None)
    assert (step.name, step.request.method, step.request.url) == ("login", "POST", f"{BASE}/mapi/login")
    assert step.request.headers == (
        ("Accept", "application/json"),
        ("Content-Type", "application/json"),
        ("Charset", "utf-8"),
        ("dstcode", PROVIDER),
    )
    assert sent(step) == {"username": "tai-khoan", "password": 'mật "khẩu'}
    assert (step.follow, step.public, step.relogin_on) == (0, False, None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (SESSION, None),
        (reply({"session": "a", "error_code": "00"}), None),
        (reply({"session": "a"}), None),
        (reply({"session": "a", "error_code": "-1"}), Finding(Reason.AUTH_FAILED, "error_code -1")),
        (reply({"session": "", "error_code": 3, "message": PERSON}), Finding(Reason.AUTH_FAILED, "error_code 3")),
        (reply({"session": "a", "ERROR_CODE": 200}), Finding(Reason.AUTH_FAILED, "ERROR_CODE 200")),
        (reply({"error_code": PERSON}), Finding(Reason.AUTH_FAILED, "error_code")),
        (reply({"error_code": 0}), violation("missing field session")),
        (reply({"error_code": 0, "session": None}), violation("field session is null, string was due")),
        (reply({"error_code": 0, "session": {"id": 1}}), violation("field session is object, string was due")),
        (reply({"error_code": 0, "session": " "}), violation("field session is empty")),
        (reply("", 401), Finding(Reason.AUTH_FAILED, "HTTP 401")),
        (reply("", 403), Finding(Reason.AUTH_FAILED, "HTTP 403")),
        (reply({"fault": {"code": 101503}}, 500), Finding(Reason.HTTP_5XX, "gateway 101503")),
        (reply("", 500), Finding(Reason.HTTP_5XX, "HTTP 500")),
        (reply("<html>Đăng nhập"), violation("HTML where JSON was due")),
        (reply(""), violation("empty body where JSON was due")),
        (reply([]), violation("JSON array where object was due")),
    ],
    ids=lambda value: f"{value.status} {value.body.decode()}"[:50] if isinstance(value, Reply) else "",
)
def test_what_is_made_of_the_answer_to_a_login(answer: Reply, expected: Finding | None) -> None:
    assert finding(login_step(), answer) == expected


# --- what is sent, and where ---


def test_a_run_asks_what_it_is_told_in_order() -> None:
    asked = portal(EVERY)
    assert asked.steps() == ("sectors", "procedures", "dossier")
    steps, result = walk(asked.run(Auth("phien-0001")), SECTORS, PROCEDURES, FOUND)
    assert result is None
    common = {"session": "phien-0001", "madonvi": "000.00.00.H00"}
    assert [(step.name, sent(step)) for step in steps] == [
        ("sectors", {**common, "service": "LayDanhMucLinhVuc"}),
        ("procedures", {**common, "service": "LayDanhSachTTHC"}),
        ("dossier", {**common, "service": "TraCuuHoSo", "mahoso": DOSSIER}),
    ]
    assert {(step.request.method, step.request.url) for step in steps} == {("POST", f"{BASE}/mapi/g")}
    assert {(step.follow, step.public) for step in steps} == {(0, False)}


def test_without_options_the_sectors_alone_are_asked() -> None:
    assert portal().steps() == ("sectors",)


def test_the_procedures_of_one_unit() -> None:
    step = call("procedures", {"procedures_of": "000.00.01.H00"})
    assert sent(step)["maDonVi"] == "000.00.01.H00"
    assert "maDonVi" not in sent(call("procedures"))


@pytest.mark.parametrize("make", [login_step, lambda **changes: call("sectors", **changes)], ids=["login", "call"])
def test_the_route_goes_into_header_or_query(make: Any) -> None:
    in_header = make(dstcode="VN:GOV:1")
    assert dict(in_header.request.headers)["dstcode"] == "VN:GOV:1"
    assert "?" not in in_header.request.url
    in_query = make(dstcode_in="query", providerurl="https://noi-bo.invalid/a?b=1&c")
    assert "dstcode" not in dict(in_query.request.headers)
    assert parse_qs(urlsplit(in_query.request.url).query) == {
        "dstcode": [PROVIDER],
        "providerurl": ["https://noi-bo.invalid/a?b=1&c"],
    }
    assert f"?dstcode={PROVIDER}&" in in_query.request.url, "as the adapters' own clients write it"


def test_paths_of_other_deployments() -> None:
    step = call("sectors", call_path="/mapi/dungchung?v=2", dstcode_in="query")
    assert step.request.url == f"{BASE}/mapi/dungchung?v=2&dstcode={PROVIDER}"
    assert login_step(login_path="/dang-nhap").request.url == f"{BASE}/dang-nhap"


# --- what is made of the replies ---


@NAMES
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply("", 401), Finding(Reason.AUTH_FAILED, "HTTP 401")),
        (reply("", 403), Finding(Reason.AUTH_FAILED, "HTTP 403")),
        (reply("", 404), Finding(Reason.HTTP_4XX, "HTTP 404")),
        (reply("", 429), Finding(Reason.RATE_LIMITED, "HTTP 429")),
        (reply("", 503), Finding(Reason.HTTP_5XX, "HTTP 503")),
        (reply({"code": "303001"}, 503), Finding(Reason.HTTP_5XX, "gateway 303001")),
        (reply("<html>"), violation("HTML where JSON was due")),
        (reply(""), violation("empty body where JSON was due")),
        (reply([{"MATTHC": "1"}]), violation("JSON array where object was due")),
        (reply({"error_code": "-1", "message": PERSON}), Finding(Reason.BUSINESS_ERROR, "error_code -1")),
        (reply({"error_code": 200, "result": []}), Finding(Reason.BUSINESS_ERROR, "error_code 200")),
        (reply({"errorCode": 3}), Finding(Reason.BUSINESS_ERROR, "errorCode 3")),
        (reply({"error_code": PERSON}), Finding(Reason.BUSINESS_ERROR, "error_code")),
        (reply({"result": "OK"}), violation("field result is string, array was due")),
        (reply({"result": 3}), violation("field result is number, array was due")),
        (reply({"result": False}), violation("field result is boolean, array was due")),
        (reply({"result": [{"MATTHC": "1"}, PERSON]}), violation("field result.1 is string, object was due")),
        (reply({"result": [None]}), violation("field result.0 is null, object was due")),
        (reply({"result": [[]]}), violation("field result.0 is array, object was due")),
    ],
    ids=lambda value: f"{value.status} {value.body.decode()}"[:50] if isinstance(value, Reply) else "",
)
def test_what_is_wrong_with_every_answer(name: str, answer: Reply, expected: Finding) -> None:
    assert finding(call(name), answer) == expected


@NAMES
@pytest.mark.parametrize("code", [0, "0", "00", " 00 ", None, ""], ids=repr)
def test_good_answers_by_every_code_of_success(name: str, code: Any) -> None:
    assert finding(call(name), reply({**GOOD[name].json, "error_code": code})) is None


@pytest.mark.parametrize(("name", "column"), [("sectors", "MALINHVUC"), ("procedures", "MATTHC")])
def test_a_list_has_rows_with_codes(name: str, column: str) -> None:
    step = call(name)

    def judged(**result: Any) -> Finding | None:
        return finding(step, reply({"error_code": 0, **result}))

    assert judged(result={column: "1"}) is None, "one row, written as an object"
    assert judged(result=[{column.lower(): 7}]) is None, "case varies, and codes may be numbers"
    assert judged() == judged(result=None) == violation("missing field result")
    assert judged(result=[]) == judged(result={}) == violation("field result is empty")
    for row in ({}, {"TEN": PERSON}, {column: None}, {column: " "}, {column: [PERSON]}, {column: True}):
        assert judged(result=[row]) == violation(f"missing field result.0.{column}"), row


@pytest.mark.parametrize(
    ("result", "number"),
    [([{"MATTHC": "1"}] * 3, 3.0), ([{"MATTHC": "1"}], 1.0), ({"MATTHC": "1"}, 1.0)],
    ids=str,
)
def test_procedures_are_counted(result: Any, number: float) -> None:
    step = call("procedures")
    assert step.measure is not None
    assert dict(step.measure(reply({"error_code": 0, "result": result}))) == {Gauge.PROCEDURES: number}
    assert call("sectors").measure is call("dossier").measure is None


def test_a_dossier_is_on_the_portal_or_is_not() -> None:
    step = call("dossier")

    def judged(**result: Any) -> Finding | None:
        return finding(step, reply({"error_code": "0", **result}))

    missing = Finding(Reason.CONTENT_MISMATCH, "dossier not found")
    assert judged() == judged(result=None) == judged(result=[]) == judged(result={}) == judged(result=[{}]) == missing
    assert judged(result={"MAHOSO": DOSSIER}) is None
    assert judged(result=[{"MAHOSO": "khac"}, {"mahoso": f" {DOSSIER} "}]) is None
    assert judged(result=[{"TrangThaiHoSo": "4"}]) is None, "a reply that does not repeat the code"
    assert judged(result=[{"MaHoSo": "000.00.00.H00-250101-0002"}]) == Finding(
        Reason.CONTENT_MISMATCH, "another dossier"
    )


# --- sessions that have ended ---

ENDED = [
    {"error_code": "-2"},
    {"error_code": -2},
    {"error_code": " 401 "},
    {"error_code": 401, "result": []},
    {"error_code": "-1", "message": "Phiên làm việc đã hết hạn"},
    {"error_code": -1, "message": unicodedata.normalize("NFD", "PHIÊN làm việc không hợp lệ")},
    {"error_code": "1", "message": "Invalid Session"},
    {"error_code": "SESSION_EXPIRED"},
    {"message": "session timeout"},
]
NOT_ENDED = [
    {"error_code": "-1", "message": "Sai phiên bản dữ liệu"},
    {"error_code": "-1", "message": ["session"]},
    {"error_code": "-1", "message": None},
    {"error_code": 0, "message": "session ok", "result": []},
    {"error_code": "00", "message": "Phiên làm việc còn hạn"},
    {"error_code": "3", "message": "đã tồn tại"},
    ["session"],
    "session",
]


@NAMES
@pytest.mark.parametrize("body", ENDED, ids=str)
def test_an_ended_session_asks_for_a_new_login_and_then_is_auth_failed(name: str, body: Any) -> None:
    step, answer = call(name), reply(body)
    assert step.relogin_on is not None
    assert step.relogin_on(answer)
    found = finding(step, answer)
    assert found is not None
    assert found.reason is Reason.AUTH_FAILED
    assert found.detail in (
        "session -2",
        "session 401",
        "session -1",
        "session 1",
        "session SESSION_EXPIRED",
        "session",
    )


@pytest.mark.parametrize("body", NOT_ENDED, ids=str)
def test_nothing_else_does(body: Any) -> None:
    step, answer = call("sectors"), reply(json.dumps(body))
    assert step.relogin_on is not None
    assert not step.relogin_on(answer)
    found = finding(step, answer)
    assert found is not None
    assert found.reason in (Reason.BUSINESS_ERROR, Reason.CONTRACT_VIOLATION)


def test_a_401_asks_for_a_new_login_whatever_its_body() -> None:
    again = call("sectors").relogin_on
    assert again is not None
    assert [status for status in (200, 400, 401, 403, 500) if again(reply("<html>", status))] == [401]


def test_the_codes_of_an_ended_session_are_a_setting() -> None:
    step = call("sectors", session_codes=["99", -7])
    assert step.relogin_on is not None
    assert [code for code in (99, "-7", "-2", 401) if step.relogin_on(reply({"error_code": code}))] == [99, "-7"]


# --- hostile bodies ---

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["0", "-2"])
KEYS = st.sampled_from(["result", "error_code", "message", "session", "MATTHC", "MALINHVUC", "MaHoSo", "fault", "code"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=10
)


@given(body=st.dictionaries(KEYS, VALUES, max_size=4) | VALUES, status=st.sampled_from([0, 200, 204, 401, 500]))
def test_no_json_makes_a_rule_fail(body: Any, status: int) -> None:
    answer = reply(json.dumps(body), status)
    for step in (login_step(), call("sectors"), call("procedures"), call("dossier")):
        found = finding(step, answer)
        assert step.relogin_on is None or step.relogin_on(answer) in (True, False)
        if found is None and step.measure:
            assert step.measure(answer)[Gauge.PROCEDURES] >= 1


@pytest.mark.parametrize("depth", [900, 950, 980, 1_000, 50_000])
@pytest.mark.parametrize("key", ["result", "error_code", "message", "session"])
def test_deep_nesting_is_a_finding(depth: int, key: str) -> None:
    answer = reply(f'{{"{key}": {"[" * depth}{"]" * depth}}}')
    for step in (login_step(), call("sectors"), call("dossier")):
        assert finding(step, answer) is not None
        assert step.relogin_on is None or not step.relogin_on(answer)


@NAMES
def test_no_finding_shows_what_the_answer_held(name: str) -> None:
    step = call(name)
    for body in (
        {"error_code": PERSON, "message": PERSON},
        {"error_code": "-2", "message": PERSON},
        {"error_code": 0, "result": PERSON},
        {"error_code": 0, "result": [PERSON]},
        {"error_code": 0, "result": [{PERSON: PERSON, "MaHoSo": PERSON}]},
    ):
        found = finding(step, reply(body))
        assert found is not None
        assert PERSON not in found.detail


def test_nothing_secret_is_ever_shown() -> None:
    asked = portal(EVERY)
    _, auth = walk(asked.login(), SESSION)
    said = repr(
        (asked._system, asked, login_step(), *walk(asked.run(auth), SECTORS, PROCEDURES, FOUND)[0], auth, SESSION)
    )
    for secret in ("tai-khoan", "khẩu", "phien-0001", PERSON):
        assert secret not in said


# --- options that make no sense ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_url": "truc.invalid"}, "base_url"),
        ({"username": None}, "username"),
        ({"password": None}, "password"),
        ({"madonvi": None}, "madonvi"),
        ({"dstcode_in": "body"}, "dstcode_in"),
        ({"dstcode": "a b"}, "dstcode"),
        ({"dstcode": "a\r\nX: b"}, "dstcode"),
        ({"session_codes": [None]}, "session_codes"),
        ({"session": "a"}, "session"),
    ],
    ids=str,
)
def test_bad_options_of_a_system_are_refused_and_no_value_is_shown(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        portal(**changes)
    assert message in str(raised.value)
    assert "khẩu" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"services": []}, "services"),
        ({"services": ["DongBoHoSoMC"]}, "services"),
        ({"services": ["login"]}, "services"),
        ({"services": ["dossier"]}, "service dossier and dossier_code go together"),
        ({"services": ["dossier"], "dossier_code": ""}, "service dossier and dossier_code go together"),
        ({"dossier_code": DOSSIER}, "service dossier and dossier_code go together"),
        ({"procedures_of": "H00"}, "procedures_of goes with service procedures"),
        ({"service": "LayThuTuc"}, "service"),
    ],
    ids=str,
)
def test_bad_options_of_a_check_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NationalPortalCheck(**options)


def test_the_kind_is_in_the_table() -> None:
    assert CONNECTORS["national_portal"] is NationalPortal
