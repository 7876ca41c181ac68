"""Kind http, without a socket: what it asks, and what it makes of the replies."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.http import Http, HttpCheck, HttpSystem
from monitor.model import Connector, Finding, Reason, Reply, Step
from tests.connectors.harness import finding, reply, walk

PAGE = reply("<h1>Cổng Dịch vụ công</h1>", content_type="text/html;charset=UTF-8")
GENDERS = reply([{"Ma": "1", "Ten": "Nam"}, {"Ma": "2", "Ten": "Nữ"}])


def step(system: dict[str, Any] | None = None, **check: Any) -> Step:
    """The one step of a check with these options."""
    connector: Connector = Http(HttpSystem(**{"base_url": "https://cong.invalid"} | (system or {})), HttpCheck(**check))
    assert connector.login() is None
    assert connector.steps() == ("request",)
    return next(connector.run(None))


def judged(answer: Reply, system: dict[str, Any] | None = None, **check: Any) -> Finding | None:
    return finding(step(system, **check), answer)


def test_one_request_without_any_option() -> None:
    connector = Http(HttpSystem(base_url="https://cong.invalid"), HttpCheck())
    steps, result = walk(connector.run(None), PAGE)
    assert (len(steps), result) == (1, None)
    asked = steps[0]
    assert (asked.name, asked.request.method, asked.request.url) == ("request", "GET", "https://cong.invalid/")
    assert (asked.request.headers, asked.request.body) == ((), None)
    assert (asked.follow, asked.public, asked.relogin_on, asked.encoding) == (0, False, None, "identity")


def test_options_of_the_check_reach_the_step() -> None:
    asked = step(path="/dmdc/muc?ma=1", method="HEAD", follow=3, public=True)
    assert (asked.request.method, asked.request.url) == ("HEAD", "https://cong.invalid/dmdc/muc?ma=1")
    assert (asked.follow, asked.public) == (3, True)


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://cong.invalid", "/", "https://cong.invalid/"),
        ("https://cong.invalid/", "/", "https://cong.invalid/"),
        ("https://cong.invalid", "/a/b?c=1", "https://cong.invalid/a/b?c=1"),
        ("https://cong.invalid", "a", "https://cong.invalid/a"),
        ("https://cong.invalid/dvc", "/", "https://cong.invalid/dvc"),
        ("https://cong.invalid/dvc/", "/", "https://cong.invalid/dvc/"),
        ("https://cong.invalid/dvc", "/a", "https://cong.invalid/dvc/a"),
        ("https://cong.invalid/dvc/", "a", "https://cong.invalid/dvc/a"),
        ("https://cong.invalid/dvc", "https://khac.invalid/a", "https://khac.invalid/a"),
    ],
)
def test_a_path_lies_below_the_base_unless_it_is_a_whole_address(base: str, path: str, url: str) -> None:
    assert step({"base_url": base}, path=path).request.url == url


def test_basic_authentication() -> None:
    asked = step({"username": "tài khoản", "password": "mật:khẩu"})
    assert asked.request.headers == (("Authorization", f"Basic {b64encode('tài khoản:mật:khẩu'.encode()).decode()}"),)


def test_an_empty_password_is_a_password() -> None:
    asked = step({"username": "tai-khoan", "password": ""})
    assert asked.request.headers == (("Authorization", f"Basic {b64encode(b'tai-khoan:').decode()}"),)


def test_headers_of_the_system() -> None:
    assert step({"headers": {"X-Api-Key": "khoa"}}).request.headers == (("X-Api-Key", "khoa"),)


# --- what is made of replies ---


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, None),
        (302, Finding(Reason.UNEXPECTED_REDIRECT, "HTTP 302")),
        (401, Finding(Reason.HTTP_4XX, "HTTP 401")),
        (429, Finding(Reason.RATE_LIMITED, "HTTP 429")),
        (503, Finding(Reason.HTTP_5XX, "HTTP 503")),
    ],
)
def test_statuses(status: int, expected: Finding | None) -> None:
    assert judged(reply(status=status)) == expected


@pytest.mark.parametrize("known", [{"username": "a", "password": "b"}, {"headers": {"X-Api-Key": "khoa"}}])
def test_a_401_to_those_who_said_who_they_are_refuses_them(known: dict[str, Any]) -> None:
    assert judged(reply(status=401), known) == Finding(Reason.AUTH_FAILED, "HTTP 401")
    assert judged(reply(status=403), known) == Finding(Reason.HTTP_4XX, "HTTP 403")


def test_other_statuses_may_be_what_is_due() -> None:
    assert judged(reply(status=401), status=[401]) is None
    assert judged(reply(status=302), status=["3xx"]) is None
    assert judged(reply(status=200), status=[401]) == Finding(Reason.CONTENT_MISMATCH, "HTTP 200")


def test_header() -> None:
    assert judged(PAGE, header={"Content-Type": "^text/html"}) is None
    assert judged(PAGE, header={"Content-Type": "json"}) == Finding(Reason.CONTENT_MISMATCH, "header Content-Type")


def test_json_of_an_array() -> None:
    fields = [{"path": "0.Ma", "type": "string"}, {"path": "1.Ten", "equals": "Nữ"}]
    assert judged(GENDERS, json=fields) is None
    assert judged(reply({"Ma": "1"}), json=fields) == Finding(
        Reason.CONTRACT_VIOLATION, "JSON object where array was due"
    )
    assert judged(reply([{"Ten": "Nam"}]), json=fields) == Finding(Reason.CONTRACT_VIOLATION, "missing field 0.Ma")
    assert judged(PAGE, json=fields) == Finding(Reason.CONTRACT_VIOLATION, "HTML where JSON was due")


def test_json_of_an_object() -> None:
    fields = [{"path": "status", "equals": None}, {"path": "data.list", "type": "array"}]
    assert judged(reply({"status": None, "data": {"list": []}}), json=fields) is None
    assert judged(reply({"status": 1, "data": {"list": []}}), json=fields) == Finding(
        Reason.CONTENT_MISMATCH, "field status has another value"
    )


def test_without_equals_any_value_will_do() -> None:
    assert judged(reply({"status": 1}), json=[{"path": "status"}]) is None


def test_texts() -> None:
    assert judged(PAGE, text_present=["Dịch vụ công"], text_absent=["bảo trì"]) is None
    assert judged(PAGE, text_present=["Dịch vụ công", "Tra cứu"]) == Finding(
        Reason.CONTENT_MISMATCH, "text “Tra cứu” is missing"
    )
    assert judged(PAGE, text_absent=["Dịch vụ"]) == Finding(Reason.CONTENT_MISMATCH, "text “Dịch vụ” is there")


def test_the_status_speaks_before_the_content() -> None:
    answer = reply("<h1>502 Bad Gateway</h1>", status=502)
    assert judged(answer, json=[{"path": "a"}], text_present=["b"]) == Finding(Reason.HTTP_5XX, "HTTP 502")


# --- options that make no sense ---


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"base_url": "cong.invalid"},
        {"base_url": "ftp://cong.invalid"},
        {"base_url": "https://"},
        {"base_url": "https://cong.invalid", "user": "a"},
        {"base_url": "https://cong.invalid", "username": "a"},
        {"base_url": "https://cong.invalid", "password": "bi-mat"},
    ],
    ids=str,
)
def test_bad_options_of_a_system_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        HttpSystem(**options)
    assert "bi-mat" not in str(raised.value)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "POST"},
        {"method": "DELETE"},
        {"status": ["6xx"]},
        {"status": [20]},
        {"status": ["ok"]},
        {"header": {"Server": "("}},
        {"json": [{"path": "a", "type": "text"}]},
        {"json": [{"type": "string"}]},
        {"json": [{"path": "a", "equal": 1}]},
        {"follow": -1},
        {"follow": 11},
        {"timeout": 3},
    ],
    ids=str,
)
def test_bad_options_of_a_check_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpCheck(**options)
