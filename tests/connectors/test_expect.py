"""The rules by which a reply is judged: what each says of a good and of a bad one."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import expect
from monitor.model import Finding, Reason
from tests.connectors.harness import reply


def violation(detail: str) -> Finding:
    return Finding(Reason.CONTRACT_VIOLATION, detail)


def mismatch(detail: str) -> Finding:
    return Finding(Reason.CONTENT_MISMATCH, detail)


# --- status ---


@pytest.mark.parametrize(
    ("allowed", "status", "finding"),
    [
        ("2xx", 200, None),
        ("2xx", 204, None),
        ("2xx", 302, Finding(Reason.UNEXPECTED_REDIRECT, "HTTP 302")),
        ("2xx", 304, Finding(Reason.UNEXPECTED_REDIRECT, "HTTP 304")),
        ("2xx", 401, Finding(Reason.HTTP_4XX, "HTTP 401")),
        ("2xx", 404, Finding(Reason.HTTP_4XX, "HTTP 404")),
        ("2xx", 429, Finding(Reason.RATE_LIMITED, "HTTP 429")),
        ("2xx", 500, Finding(Reason.HTTP_5XX, "HTTP 500")),
        ("2xx", 599, Finding(Reason.HTTP_5XX, "HTTP 599")),
        ("2xx", 999, mismatch("HTTP 999")),
        ("200", 204, mismatch("HTTP 204")),
        ("200 3xx", 200, None),
        ("200 3xx", 301, None),
        ("200 3xx", 201, mismatch("HTTP 201")),
        ("429", 429, None),
        ("401", 401, None),
    ],
)
def test_status(allowed: str, status: int, finding: Finding | None) -> None:
    assert expect.status(allowed.split())(reply(status=status)) == finding


def test_statuses_may_be_numbers() -> None:
    assert expect.status([200, "3xx"])(reply(status=200)) is None
    assert expect.status([200])(reply(status=201)) == mismatch("HTTP 201")


@pytest.mark.parametrize(
    ("status", "finding"),
    [
        (200, None),
        (401, Finding(Reason.AUTH_FAILED, "HTTP 401")),
        (403, Finding(Reason.AUTH_FAILED, "HTTP 403")),
        (404, Finding(Reason.HTTP_4XX, "HTTP 404")),
        (429, Finding(Reason.RATE_LIMITED, "HTTP 429")),
    ],
)
def test_statuses_that_refuse_who_we_are(status: int, finding: Finding | None) -> None:
    assert expect.status(refusals=(401, 403))(reply(status=status)) == finding


# --- headers ---


def test_header() -> None:
    rule = expect.header("Content-Type", r"^text/html\b")
    assert rule(reply(content_type="text/html;charset=UTF-8")) is None
    assert rule(reply(content_type="application/json")) == mismatch("header Content-Type")
    assert rule(reply()) == violation("no header Content-Type")


# --- JSON ---


@pytest.mark.parametrize(
    ("kind", "body", "finding"),
    [
        ("object", "{}", None),
        ("object", b"\xef\xbb\xbf{}", None),  # a byte order mark is no fault
        ("object", " \r\n{} ", None),
        ("array", "[]", None),
        ("null", "null", None),
        ("object", "", violation("empty body where JSON was due")),
        ("object", " \r\n", violation("empty body where JSON was due")),
        ("object", "<html>", violation("HTML where JSON was due")),
        ("object", "  <!DOCTYPE html>", violation("HTML where JSON was due")),
        ("object", '{"a": 1', violation("no JSON where JSON was due")),
        ("object", "OK", violation("no JSON where JSON was due")),
        ("object", b'{"a": "\xff\xfe"}', violation("no JSON where JSON was due")),
        ("object", "9" * 5_000, violation("no JSON where JSON was due")),  # more digits than Python reads
        ("object", "[]", violation("JSON array where object was due")),
        ("array", "{}", violation("JSON object where array was due")),
        ("number", "true", violation("JSON boolean where number was due")),
        ("object", "null", violation("JSON null where object was due")),
        ("object", '"Đăng nhập"', violation("JSON string where object was due")),
    ],
)
def test_json_type(kind: str, body: str | bytes, finding: Finding | None) -> None:
    assert expect.json_type(kind)(reply(body)) == finding


def test_html_is_told_by_its_content_type_too() -> None:
    rule = expect.json_type()
    assert rule(reply("Đăng nhập", content_type="text/html")) == violation("HTML where JSON was due")


def test_json_that_would_fill_the_memory_is_not_read() -> None:
    rule = expect.json_type("array")
    assert rule(reply("[" + "{}," * 300_000 + "{}]")) == Finding(Reason.TOO_LARGE, "JSON of too many values")
    assert rule(reply("[" * 60_000)) == violation("no JSON where JSON was due"), "nested deeper than Python reads"
    assert rule(reply(["Nguyễn" * 20] * 5_000)) is None, "large but not dense"


DOCUMENT = {"content": [{"ma": "1", "so": 0, "la": False, "khong": None}], "error_code": 0}


@pytest.mark.parametrize(
    ("path", "wanted", "finding"),
    [
        ("content", {}, None),
        ("content", {"kind": "array"}, None),
        ("content.0.ma", {"kind": "string", "equals": "1"}, None),
        ("content.0.khong", {}, None),
        ("content.0.khong", {"kind": "null", "equals": None}, None),
        ("content.0.la", {"kind": "boolean", "equals": False}, None),
        ("content.0.so", {"kind": "number", "equals": 0}, None),
        ("noi_dung", {}, violation("missing field noi_dung")),
        ("content.1.ma", {}, violation("missing field content.1.ma")),
        ("content.-1.ma", {}, violation("missing field content.-1.ma")),
        ("content.².ma", {}, violation("missing field content.².ma")),
        ("content.ma", {}, violation("missing field content.ma")),
        ("content.0.ma.x", {}, violation("missing field content.0.ma.x")),
        ("content", {"kind": "object"}, violation("field content is array, object was due")),
        ("content.0.la", {"kind": "number"}, violation("field content.0.la is boolean, number was due")),
        ("content.0.khong", {"kind": "string"}, violation("field content.0.khong is null, string was due")),
        ("content.0.ma", {"equals": "2"}, mismatch("field content.0.ma has another value")),
        ("content.0.ma", {"equals": 1}, mismatch("field content.0.ma has another value")),
        ("content.0.ma", {"equals": None}, mismatch("field content.0.ma has another value")),
        ("content.0.la", {"equals": 0}, mismatch("field content.0.la has another value")),
        ("content.0.so", {"equals": False}, mismatch("field content.0.so has another value")),
    ],
    ids=str,
)
def test_field(path: str, wanted: dict[str, Any], finding: Finding | None) -> None:
    assert expect.field(path, **wanted)(reply(DOCUMENT)) == finding


@pytest.mark.parametrize("code", [0, "0", "00", 200, "200", "success", "OK", " ok ", None, "", False], ids=repr)
def test_codes_that_say_that_all_is_well(code: Any) -> None:
    assert expect.no_error_code("error_code")(reply({"error_code": code})) is None


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        (-1, "error_code -1"),
        ("-1", "error_code -1"),
        (106, "error_code 106"),
        ("INVALID_TOKEN", "error_code INVALID_TOKEN"),
        (True, "error_code"),
        ("Không tìm thấy NGƯỜI MÔ PHỎNG", "error_code"),  # a sentence may name a person
        ("000000000000", "error_code"),  # twelve digits may be a person's number
        ({"ten": "NGƯỜI MÔ PHỎNG"}, "error_code"),
        (["NGƯỜI MÔ PHỎNG"], "error_code"),
    ],
    ids=repr,
)
def test_error_codes_are_named_unless_they_may_be_personal(code: Any, detail: str) -> None:
    finding = expect.no_error_code("error_code")(reply({"error_code": code}))
    assert finding == Finding(Reason.BUSINESS_ERROR, detail)


def test_the_first_of_several_fields_with_a_code_speaks() -> None:
    rule = expect.no_error_code("error_code", "status.code")
    assert rule(reply({"status": {"code": 500}})) == Finding(Reason.BUSINESS_ERROR, "status.code 500")
    assert rule(reply({"error_code": 7, "status": {"code": 500}})) == Finding(Reason.BUSINESS_ERROR, "error_code 7")
    assert rule(reply({})) is None
    assert rule(reply([])) is None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_no_json_value_makes_a_rule_fail(value: Any) -> None:
    for rule in (
        expect.json_type(),
        expect.field("a.0.b", "string"),
        expect.no_error_code("a", "0"),
        expect.token("a"),
    ):
        rule(reply({"a": value}))
        rule(reply(json.dumps(value)))


# --- tokens ---


@pytest.mark.parametrize(
    ("status", "body", "finding"),
    [
        (200, {"error": "invalid_client"}, None),
        (500, {"error": "invalid_client"}, None),
        (400, {"error": "invalid_grant"}, Finding(Reason.AUTH_FAILED, "HTTP 400 invalid_grant")),
        (400, {"error": "unauthorized_client"}, Finding(Reason.AUTH_FAILED, "HTTP 400 unauthorized_client")),
        (400, {"error": "invalid_request"}, None),  # the status speaks
        (400, "", None),
        (401, {"error": "invalid_client"}, Finding(Reason.AUTH_FAILED, "HTTP 401 invalid_client")),
        (401, b"\xff<html>", Finding(Reason.AUTH_FAILED, "HTTP 401")),
        (403, "", Finding(Reason.AUTH_FAILED, "HTTP 403")),
    ],
)
def test_a_client_that_is_refused_a_token(status: int, body: Any, finding: Finding | None) -> None:
    assert expect.token_refused()(reply(body, status)) == finding


@pytest.mark.parametrize(
    ("value", "finding"),
    [
        ("abc.DEF-_~+/=", None),
        ("", violation("data.token is no token")),
        ("a b", violation("data.token is no token")),
        ("a\n", violation("data.token is no token")),
        ("mã", violation("data.token is no token")),
        (7, violation("field data.token is number, string was due")),
        (None, violation("field data.token is null, string was due")),
    ],
    ids=repr,
)
def test_token(value: Any, finding: Finding | None) -> None:
    assert expect.token("data.token")(reply({"data": {"token": value}})) == finding
    assert expect.token("data.token")(reply({"token": value})) == violation("missing field data.token")


# --- pages ---


def test_text_present() -> None:
    rule = expect.text_present("Dịch vụ công")
    assert rule(reply("<h1>Cổng Dịch vụ công</h1>")) is None
    assert rule(reply("<h1>Đăng nhập</h1>")) == mismatch("text “Dịch vụ công” is missing")
    assert rule(reply(" \n")) == violation("empty body")
    assert rule(reply(b"\xff\xfe\x00")) == mismatch("text “Dịch vụ công” is missing")


def test_text_absent() -> None:
    rule = expect.text_absent("bảo trì")
    assert rule(reply("<h1>Cổng Dịch vụ công</h1>")) is None
    assert rule(reply("")) is None
    assert rule(reply("Hệ thống đang bảo trì")) == mismatch("text “bảo trì” is there")


@pytest.mark.parametrize("in_catalogue", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "page",
    [
        unicodedata.normalize("NFC", "Cổng Dịch vụ công"),
        unicodedata.normalize("NFD", "Cổng Dịch vụ công"),
        "C&#7893;ng D&#7883;ch v&#7909; c&ocirc;ng",
        "C&#x1ED5;ng D&#x1ECB;ch v&#x1EE5; c&ocirc;ng",
    ],
)
def test_a_text_is_found_however_a_page_writes_vietnamese(in_catalogue: Any, page: str) -> None:
    text = unicodedata.normalize(in_catalogue, "Dịch vụ công")
    assert expect.text_present(text)(reply(page)) is None
    assert expect.text_absent(text)(reply(page)) is not None


def test_not_empty() -> None:
    assert expect.not_empty()(reply("x")) is None
    assert expect.not_empty()(reply("\r\n ")) == violation("empty body")


# --- small ones ---


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({}, "object"),
        ([], "array"),
        ("", "string"),
        (0, "number"),
        (0.5, "number"),
        (True, "boolean"),
        (None, "null"),
    ],
)
def test_every_json_value_has_one_type(value: Any, kind: str) -> None:
    assert expect.type_name(value) == kind
    assert [name for name in expect.TYPES if expect.is_a(value, name)] == [kind]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (0, "0"),
        (-1, "-1"),
        (" 00\n", "00"),
        ("", ""),
        (True, ""),
        (None, ""),
        (1.0, ""),
        (["0"], ""),
        ({"0": 0}, ""),
    ],
    ids=repr,
)
def test_codes_are_numbers_or_texts(value: Any, code: str) -> None:
    assert expect.as_code(value) == code
