"""What may be shown of a request and a reply: an allow-list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import redact
from monitor.model import Reply, Request

SECRET = "mat-khau-0000000000"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://igate.invalid/pa/dossier/search", "https://igate.invalid/pa/dossier/search"),
        ("https://igate.invalid:8443/", "https://igate.invalid:8443/"),
        ("http://[2001:db8::1]:8080/a", "http://[2001:db8::1]:8080/a"),
        ("https://ten:mat-khau@igate.invalid/a", "https://igate.invalid/a"),
        (
            "https://igate.invalid/s?page=0&size=1&spec=slice&sort=updatedDate,desc",
            "https://igate.invalid/s?page=0&size=1&spec=slice&sort=updatedDate,desc",
        ),
        ("https://igate.invalid/s?code=H01-000&size=1", "https://igate.invalid/s?code=***&size=1"),
        ("https://igate.invalid/s?identity-number=0000", "https://igate.invalid/s?identity-number=***"),
        ("https://igate.invalid/s?code=1&code=2", "https://igate.invalid/s?code=***&code=***"),
        ("https://igate.invalid/s?code=", "https://igate.invalid/s?code=***"),
        ("https://igate.invalid/s?eyJhbGciOi.eyJpc3M.c2ln", "https://igate.invalid/s?***=***"),
        ("https://igate.invalid/s?nguoi@example.invalid=1", "https://igate.invalid/s?***=***"),
        ("https://igate.invalid/s#access_token=eyJhbGciOi", "https://igate.invalid/s"),
        ("https://igate.invalid/a;jsessionid=0000/b;c=d", "https://igate.invalid/a;***/b;***"),
        ("/dang-nhap?state=0000", "/dang-nhap?state=***"),
        ("?state=0000", "?state=***"),
        ("", ""),
        ("http://[khong-phai/", "***"),
        ("http://igate.invalid:cong/", "***"),
    ],
)
def test_url(address: str, shown: str) -> None:
    assert redact.url(address) == shown


def test_the_request_line_has_neither_headers_nor_body() -> None:
    request = Request("https://sso.invalid/token?code=1", "POST", (("Authorization", SECRET),), SECRET.encode())
    assert redact.request_line(request) == "POST https://sso.invalid/token?code=***"


def test_only_headers_that_are_allowed_are_shown() -> None:
    given_headers = {
        "content-type": "application/json",
        "content-length": "7",
        "content-encoding": "gzip",
        "transfer-encoding": "chunked",
        "date": "Thu, 09 Oct 2025 08:53:20 GMT",
        "retry-after": "5",
        "server": "nginx",
        "set-cookie": SECRET,
        "authorization": SECRET,
        "www-authenticate": SECRET,
        "x-nguoi-dung": SECRET,
        "etag": SECRET,
    }
    assert dict(redact.headers(given_headers)) == {
        name: given_headers[name]
        for name in (
            "content-type",
            "content-length",
            "content-encoding",
            "transfer-encoding",
            "date",
            "retry-after",
            "server",
        )
    }


def test_a_location_is_shown_without_its_values() -> None:
    assert redact.headers({"location": f"https://sso.invalid/login?ticket={SECRET}"}) == (
        ("location", "https://sso.invalid/login?ticket=***"),
    )


def test_long_headers_are_cut() -> None:
    shown = dict(redact.headers({"server": "x" * 5_000, "location": "/" + "y" * 5_000}))
    assert {name: len(value) for name, value in shown.items()} == {"server": 200, "location": 200}


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_whatever_a_server_sends_as_location_can_be_shown(location: str) -> None:
    redact.headers({"location": location})


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.text("0123456789", min_size=9, max_size=12))
def test_no_value_of_an_unknown_key_is_shown(key: str, value: str) -> None:
    shown = redact.url(f"https://igate.invalid/s?ma-{key}={value}")
    assert value not in shown


def test_a_body_is_cut_to_two_kilobytes_whatever_its_bytes() -> None:
    assert len(redact.body(Reply(200, {}, b"x" * 10_000))) == 2048
    cut_within_a_letter = "ị".encode() * 1_000
    assert redact.body(Reply(200, {}, cut_within_a_letter)).startswith("ị" * 682)
    assert redact.body(Reply(200, {}, b"\xff\x00")) == "\ufffd\x00"
