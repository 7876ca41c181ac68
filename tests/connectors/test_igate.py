"""Kind igate, without a socket: the login, the steps of a run, and what is made of the replies."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from connectors.igate import IGate, IGateCheck, IGateSystem
from monitor.model import Auth, Finding, Reason, Reply, Step
from tests.connectors.harness import finding, reply, walk

SYSTEM: dict[str, Any] = {
    "sso_url": "https://sso.invalid",
    "gateway_url": "https://api.invalid",
    "portal_url": "https://cong.invalid",
    "portal_text": "Dịch vụ công",
    "username": "tai-khoan",
    "password": "mật khẩu&1",
}
TOKEN = reply({"access_token": "abc.def", "expires_in": 300, "token_type": "Bearer"})
PORTAL = reply("<h1>Cổng Dịch vụ công tỉnh</h1>")
LIST = reply({"content": [{"code": "H00.01-250101-0001"}], "number": 0, "size": 1})


def igate(steps: list[str] | None = None, **changes: Any) -> IGate:
    return IGate(IGateSystem(**SYSTEM | changes), IGateCheck(**({"steps": steps} if steps else {})))


def login_step(**changes: Any) -> Step:
    login = igate(**changes).login()
    assert login is not None
    return next(login)


def run_step(name: str, **changes: Any) -> Step:
    return next(igate([name], **changes).run(Auth("abc.def")))


# --- login ---


def test_login_by_password() -> None:
    login = igate().login()
    assert login is not None
    (step,), auth = walk(login, TOKEN)
    assert auth == Auth("abc.def", 300.0)
    assert step.name == "token"
    assert step.request.method == "POST"
    assert step.request.url == "https://sso.invalid/auth/realms/digo/protocol/openid-connect/token"
    assert dict(step.request.headers)["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs((step.request.body or b"").decode()) == {
        "grant_type": ["password"],
        "client_id": ["web-onegate"],
        "username": ["tai-khoan"],
        "password": ["mật khẩu&1"],
        "scope": ["openid"],
    }
    assert (step.follow, step.public, step.relogin_on) == (0, False, None)


def test_login_by_client_credentials() -> None:
    step = login_step(grant="client_credentials", client_id="ung-dung", client_secret="bí mật", username=None)
    assert parse_qs((step.request.body or b"").decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["ung-dung"],
        "client_secret": ["bí mật"],
    }


@pytest.mark.parametrize("given", [None, "300", True, [], {}], ids=repr)
def test_a_lifetime_that_is_no_number_is_as_if_it_were_not_said(given: Any) -> None:
    login = igate().login()
    assert login is not None
    _, auth = walk(login, reply({"access_token": "abc.def", "expires_in": given}))
    assert auth == Auth("abc.def", None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (TOKEN, None),
        (reply({"error": "invalid_grant"}, 401), Finding(Reason.AUTH_FAILED, "HTTP 401 invalid_grant")),
        (reply({"error": "invalid_grant"}, 400), Finding(Reason.AUTH_FAILED, "HTTP 400 invalid_grant")),
        (reply({"error": "invalid_client"}, 401), Finding(Reason.AUTH_FAILED, "HTTP 401 invalid_client")),
        (reply({"error": "unauthorized_client"}, 400), Finding(Reason.AUTH_FAILED, "HTTP 400 unauthorized_client")),
        (reply("<html>", 401), Finding(Reason.AUTH_FAILED, "HTTP 401")),
        (reply("", 403), Finding(Reason.AUTH_FAILED, "HTTP 403")),
        (reply({"error": "invalid_request"}, 400), Finding(Reason.HTTP_4XX, "HTTP 400")),
        (reply("", 404), Finding(Reason.HTTP_4XX, "HTTP 404")),
        (reply("", 429), Finding(Reason.RATE_LIMITED, "HTTP 429")),
        (reply("", 502), Finding(Reason.HTTP_5XX, "HTTP 502")),
        (reply("", 302), Finding(Reason.UNEXPECTED_REDIRECT, "HTTP 302")),
        (reply("<html>Đăng nhập"), Finding(Reason.CONTRACT_VIOLATION, "HTML where JSON was due")),
        (reply(""), Finding(Reason.CONTRACT_VIOLATION, "empty body where JSON was due")),
        (reply([]), Finding(Reason.CONTRACT_VIOLATION, "JSON array where object was due")),
        (reply({"error": "-1"}), Finding(Reason.BUSINESS_ERROR, "error -1")),
        (reply({}), Finding(Reason.CONTRACT_VIOLATION, "missing field access_token")),
        (
            reply({"access_token": ["abc"]}),
            Finding(Reason.CONTRACT_VIOLATION, "field access_token is array, string was due"),
        ),
        (reply({"access_token": ""}), Finding(Reason.CONTRACT_VIOLATION, "access_token is no token")),
        (reply({"access_token": "a\r\nX: b"}), Finding(Reason.CONTRACT_VIOLATION, "access_token is no token")),
        (reply({"access_token": "mã"}), Finding(Reason.CONTRACT_VIOLATION, "access_token is no token")),
    ],
    ids=lambda value: f"{value.status} {value.body.decode()}" if isinstance(value, Reply) else "",
)
def test_what_is_made_of_the_answer_to_a_login(answer: Reply, expected: Finding | None) -> None:
    assert finding(login_step(), answer) == expected


def test_no_finding_shows_what_the_answer_held() -> None:
    answer = reply({"error": "invalid_grant", "error_description": "NGƯỜI MÔ PHỎNG"}, 401)
    found = finding(login_step(), answer)
    assert found is not None
    assert "NGƯỜI" not in found.detail


@pytest.mark.parametrize("steps", [["portal", "search"], ["procedures"]], ids=str)
def test_who_asks_the_gateway_logs_in(steps: list[str]) -> None:
    assert igate(steps).login() is not None


def test_no_login_for_the_portal_alone_or_where_none_is_wanted() -> None:
    assert igate(["portal"]).login() is None
    assert igate(login=False, username=None, password=None, sso_url=None).login() is None


# --- run ---


def test_a_run_asks_portal_search_and_procedures() -> None:
    connector = igate()
    assert connector.steps() == ("portal", "search", "procedures")
    steps, result = walk(connector.run(Auth("abc.def")), PORTAL, LIST, LIST)
    assert result is None
    assert [(step.name, step.request.method, step.request.url) for step in steps] == [
        ("portal", "GET", "https://cong.invalid/"),
        ("search", "GET", "https://api.invalid/pa/dossier/search?page=0&size=1&spec=slice&sort=updatedDate,desc"),
        ("procedures", "GET", "https://api.invalid/bd/procedure?page=0&size=1&spec=slice"),
    ]


def test_the_token_goes_to_the_gateway_alone() -> None:
    steps, _ = walk(igate().run(Auth("abc.def")), PORTAL, LIST, LIST)
    sent = {step.name: dict(step.request.headers).get("Authorization") for step in steps}
    assert sent == {"portal": None, "search": "Bearer abc.def", "procedures": "Bearer abc.def"}


def test_only_the_public_page_may_be_kept_and_redirect() -> None:
    steps, _ = walk(igate().run(Auth("abc.def")), PORTAL, LIST, LIST)
    assert {step.name: (step.public, step.follow) for step in steps} == {
        "portal": (True, 5),
        "search": (False, 0),
        "procedures": (False, 0),
    }


def test_a_401_asks_for_a_new_login_and_nothing_else_does() -> None:
    step = run_step("search")
    assert step.relogin_on is not None
    assert [status for status in (200, 400, 401, 403, 500) if step.relogin_on(reply(status=status))] == [401]
    assert run_step("portal").relogin_on is None


def test_without_a_portal_its_step_is_left_out() -> None:
    assert igate(portal_url=None).steps() == ("search", "procedures")


def test_a_check_that_would_ask_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="step portal needs portal_url"):
        igate(["portal"], portal_url=None)


def test_without_a_login_no_token_is_sent() -> None:
    connector = igate(["search"], login=False)
    ((step,), _) = walk(connector.run(None), LIST)
    assert dict(step.request.headers) == {"Accept": "application/json"}


def test_a_gateway_may_lie_below_a_path() -> None:
    assert run_step("search", gateway_url="https://api.invalid/igate").request.url.startswith(
        "https://api.invalid/igate/pa/dossier/search?"
    )


def test_paths_of_other_deployments() -> None:
    assert run_step("search", paths={"search": "/padman/dossier/search?size=1"}).request.url == (
        "https://api.invalid/padman/dossier/search?size=1"
    )
    assert login_step(paths={"token": "/realms/x/token"}).request.url == "https://sso.invalid/realms/x/token"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (LIST, None),
        (reply({"content": []}), None),
        (reply("", 401), Finding(Reason.AUTH_FAILED, "HTTP 401")),
        (reply("", 403), Finding(Reason.AUTH_FAILED, "HTTP 403")),
        (reply("", 404), Finding(Reason.HTTP_4XX, "HTTP 404")),
        (reply("", 429), Finding(Reason.RATE_LIMITED, "HTTP 429")),
        (reply("", 500), Finding(Reason.HTTP_5XX, "HTTP 500")),
        (reply("<html>"), Finding(Reason.CONTRACT_VIOLATION, "HTML where JSON was due")),
        (reply(""), Finding(Reason.CONTRACT_VIOLATION, "empty body where JSON was due")),
        (reply([]), Finding(Reason.CONTRACT_VIOLATION, "JSON array where object was due")),
        (reply({"number": 0}), Finding(Reason.CONTRACT_VIOLATION, "missing field content")),
        (
            reply({"content": "x"}),
            Finding(Reason.CONTRACT_VIOLATION, "field content is string, array was due"),
        ),
        (reply({"error_code": "-1"}), Finding(Reason.BUSINESS_ERROR, "error_code -1")),
        (reply({"errorCode": 106, "content": []}), Finding(Reason.BUSINESS_ERROR, "errorCode 106")),
        (reply({"error": "Not Found", "content": []}), Finding(Reason.BUSINESS_ERROR, "error")),
        (reply({"error_code": "00", "content": []}), None),
    ],
    ids=lambda value: f"{value.status} {value.body.decode()}" if isinstance(value, Reply) else "",
)
@pytest.mark.parametrize("name", ["search", "procedures"])
def test_what_is_made_of_the_answer_to_a_read(name: str, answer: Reply, expected: Finding | None) -> None:
    assert finding(run_step(name), answer) == expected


def test_igate_1_answers_with_the_list_itself() -> None:
    step = run_step("search", list_field=None, login=False)
    assert finding(step, reply([])) is None
    assert finding(step, LIST) == Finding(Reason.CONTRACT_VIOLATION, "JSON object where array was due")


def test_list_field_of_other_versions() -> None:
    step = run_step("search", list_field="data.list")
    assert finding(step, reply({"data": {"list": []}})) is None
    assert finding(step, LIST) == Finding(Reason.CONTRACT_VIOLATION, "missing field data.list")


def test_the_portal_page() -> None:
    step = run_step("portal")
    assert finding(step, PORTAL) is None
    assert finding(step, reply("")) == Finding(Reason.CONTRACT_VIOLATION, "empty body")
    assert finding(step, reply("Đăng nhập")) == Finding(Reason.CONTENT_MISMATCH, "text “Dịch vụ công” is missing")
    assert finding(step, reply("", 503)) == Finding(Reason.HTTP_5XX, "HTTP 503")
    assert finding(run_step("portal", portal_text=None), reply("Đăng nhập")) is None


# --- options that make no sense ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"username": None}, "grant password needs username"),
        ({"username": None, "password": None}, "grant password needs username, password"),
        ({"sso_url": None}, "grant password needs sso_url"),
        ({"grant": "client_credentials"}, "grant client_credentials needs client_secret"),
        ({"grant": "refresh_token"}, "grant"),
        ({"gateway_url": None}, "gateway_url"),
        ({"gateway_url": "api.invalid"}, "gateway_url"),
        ({"paths": {"sync": "/ad/sync"}}, "paths"),
        ({"realm": "digo"}, "realm"),
    ],
    ids=str,
)
def test_bad_options_of_a_system_are_refused_and_no_value_is_shown(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        igate(**changes)
    assert message in str(raised.value)
    assert "mật khẩu" not in str(raised.value)


@pytest.mark.parametrize("steps", [["token"], ["sync"], []], ids=str)
def test_bad_steps_are_refused(steps: list[str]) -> None:
    with pytest.raises(ValidationError):
        IGateCheck(steps=steps)
