"""What a step may expect of a reply: small rules that answer with a `Finding`, or None when they are met.

A finding's detail names statuses, fields and types, never a value that came from the system: values may be personal.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from monitor.model import Finding, Reason, Reply, Rule

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
"""JSON's names of types, as a catalogue writes them."""

_ABSENT = object()

DENSE_FROM = 64_000  # bytes from which JSON is counted before it is read: 1 MB of "{}," makes 20 MB of objects
DENSE = 40_000  # values


_BY_CLASS = {3: Reason.UNEXPECTED_REDIRECT, 4: Reason.HTTP_4XX, 5: Reason.HTTP_5XX}


def status(allowed: Sequence[str | int] = ("2xx",), *, refusals: Sequence[int] = ()) -> Rule:
    """The HTTP status is one of `allowed`, numbers or classes such as "2xx".

    `refusals` are the statuses by which this system says that it does not accept who we are: auth_failed.
    """
    wanted = frozenset(str(a) for a in allowed)

    def rule(reply: Reply) -> Finding | None:
        if str(reply.status) in wanted or f"{reply.status // 100}xx" in wanted:
            return None
        if reply.status == 429:
            return Finding(Reason.RATE_LIMITED, "HTTP 429")
        refused = Reason.AUTH_FAILED if reply.status in refusals else None
        return Finding(refused or _BY_CLASS.get(reply.status // 100, Reason.CONTENT_MISMATCH), f"HTTP {reply.status}")

    return rule


def header(name: str, pattern: str) -> Rule:
    """The header is there and the regular expression is found in it."""
    wanted, key = re.compile(pattern), name.lower()

    def rule(reply: Reply) -> Finding | None:
        value = reply.headers.get(key)
        if value is None:
            return Finding(Reason.CONTRACT_VIOLATION, f"no header {name}")
        return None if wanted.search(value) else Finding(Reason.CONTENT_MISMATCH, f"header {name}")

    return rule


def json_type(kind: str = "object") -> Rule:
    """The body is JSON and of this type; HTML, an empty body or broken JSON break the contract."""

    def rule(reply: Reply) -> Finding | None:
        if not reply.body.strip():
            return Finding(Reason.CONTRACT_VIOLATION, "empty body where JSON was due")
        if len(reply.body) > DENSE_FROM and sum(map(reply.body.count, (b",", b"[", b"{"))) > DENSE:
            return Finding(Reason.TOO_LARGE, "JSON of too many values")
        try:
            document = reply.json
        except (ValueError, RecursionError):
            what = "HTML" if looks_like_html(reply) else "no JSON"
            return Finding(Reason.CONTRACT_VIOLATION, f"{what} where JSON was due")
        if is_a(document, kind):
            return None
        return Finding(Reason.CONTRACT_VIOLATION, f"JSON {type_name(document)} where {kind} was due")

    return rule


def field(path: str, kind: str | None = None, equals: Any = _ABSENT) -> Rule:
    """JSON holds `path` ("a.b.0.c"), of this type, with this value. Comes after `json_type`."""

    def rule(reply: Reply) -> Finding | None:
        value = dig(reply.json, path)
        if value is _ABSENT:
            return Finding(Reason.CONTRACT_VIOLATION, f"missing field {path}")
        if kind is not None and not is_a(value, kind):
            return Finding(Reason.CONTRACT_VIOLATION, f"field {path} is {type_name(value)}, {kind} was due")
        if equals is not _ABSENT and (value != equals or isinstance(value, bool) is not isinstance(equals, bool)):
            return Finding(Reason.CONTENT_MISMATCH, f"field {path} has another value")
        return None

    return rule


def no_error_code(*paths: str, accepted: Sequence[str] = ("0", "00", "200", "success", "ok")) -> Rule:
    """None of these fields holds an error code: HTTP 200 is not success (protocols, section 0).

    Codes come as int, string, "0" or "00"; an absent or null field says nothing. Comes after `json_type`.
    """

    def rule(reply: Reply) -> Finding | None:
        document = reply.json
        for path in paths:
            code = dig(document, path)
            if code is _ABSENT or code is None or code is False or code == "":
                continue
            if str(code).strip().lower() not in accepted:
                return Finding(Reason.BUSINESS_ERROR, f"{path} {safe_code(code)}".strip())
        return None

    return rule


def token_refused() -> Rule:
    """The client is known to who gives out tokens: it refuses with 400 or 401 and a word of RFC 6749, section 5.2."""
    words = (b"invalid_grant", b"invalid_client", b"unauthorized_client")

    def rule(reply: Reply) -> Finding | None:
        if reply.status not in (400, 401, 403):
            return None
        said = next((word.decode() for word in words if word in reply.body), "")
        if not said and reply.status == 400:
            return None
        return Finding(Reason.AUTH_FAILED, f"HTTP {reply.status} {said}".strip())

    return rule


def token(path: str) -> Rule:
    """The field holds what may go into a header: visible ASCII, as RFC 6750 has it. Comes after `json_type`."""
    text = field(path, "string")

    def rule(reply: Reply) -> Finding | None:
        if found := text(reply):
            return found
        if re.fullmatch(r"[!-~]+", dig(reply.json, path)):
            return None
        return Finding(Reason.CONTRACT_VIOLATION, f"{path} is no token")

    return rule


def text_present(text: str) -> Rule:
    """The body holds this text."""
    shown = _shown(text)

    def rule(reply: Reply) -> Finding | None:
        if shown(reply):
            return None
        if not reply.body.strip():
            return Finding(Reason.CONTRACT_VIOLATION, "empty body")
        return Finding(Reason.CONTENT_MISMATCH, f"text “{text}” is missing")

    return rule


def text_absent(text: str) -> Rule:
    """The body does not hold this text."""
    shown = _shown(text)

    def rule(reply: Reply) -> Finding | None:
        return Finding(Reason.CONTENT_MISMATCH, f"text “{text}” is there") if shown(reply) else None

    return rule


def _shown(text: str) -> Callable[[Reply], bool]:
    """Whether a page shows the text, however it writes Vietnamese: composed, decomposed or in HTML's entities."""
    plain, composed = text.encode(), unicodedata.normalize("NFC", text)

    def shown(reply: Reply) -> bool:
        if plain in reply.body or text.isascii():
            return plain in reply.body
        return composed in unicodedata.normalize("NFC", html.unescape(reply.body.decode("utf-8", "replace")))

    return shown


def not_empty() -> Rule:
    def rule(reply: Reply) -> Finding | None:
        return None if reply.body.strip() else Finding(Reason.CONTRACT_VIOLATION, "empty body")

    return rule


def dig(document: Any, path: str) -> Any:
    """The value at "a.b.0.c", or a private marker that equals nothing else."""
    for part in path.split("."):
        if isinstance(document, dict):
            document = document.get(part, _ABSENT)
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return _ABSENT
    return document


def is_a(value: Any, kind: str) -> bool:
    """True when a JSON value has the type of this name; true and false are no numbers."""
    if isinstance(value, bool) and kind != "boolean":
        return False
    return isinstance(value, TYPES[kind])


def type_name(value: Any) -> str:
    return next((name for name in TYPES if is_a(value, name)), "unknown")


def safe_code(code: Any) -> str:
    """An error code if it looks like one (short, no spaces); else nothing: it may be a sentence with a name in it."""
    return str(code) if re.fullmatch(r"-?[0-9]{1,6}|[A-Z][A-Z_]{1,30}", str(code)) else ""


def lifetime(reply: Reply) -> float | None:
    """How many seconds a token lives; None where the reply does not say, or says what cannot be."""
    seconds = reply.json.get("expires_in")
    return float(seconds) if is_a(seconds, "number") and 0 <= seconds < 1e9 else None


def as_code(value: Any) -> str:
    """A code as text: it comes as int, as string, with spaces around it. "" for what is none."""
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def looks_like_html(reply: Reply) -> bool:
    return "html" in reply.headers.get("content-type", "") or reply.body.lstrip()[:1] == b"<"
