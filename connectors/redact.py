"""What may be shown of a request and a reply: an allow-list, so that a new field is hidden until somebody allows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from monitor.model import Certificate, Reply, Request

SHOWN_QUERY = frozenset({"page", "size", "spec", "sort", "dstcode", "grant_type"})
SHOWN_HEADERS = frozenset(
    {"content-type", "content-length", "content-encoding", "transfer-encoding", "date", "retry-after", "server"}
)
BODY_LIMIT = 2048


def request_line(request: Request) -> str:
    """The method and URL without user info, with the values of unknown query keys hidden."""
    shown = url(request.url)
    return shown if shown.startswith(("tcp://", "tls://")) else f"{request.method} {shown}"


def url(address: str) -> str:
    """A redirect's target may be anything: what is no address is not shown at all."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "***"
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = "&".join(f"{_key(key)}={value if key in SHOWN_QUERY else '***'}" for key, value in pairs)
    origin = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}" if host else ""
    path = re.sub(r";[^/]*", ";***", parts.path)  # ";jsessionid=..."
    return origin + path + (f"?{query}" if query else "")


def _key(key: str) -> str:
    """A query may be a value without a name: "?<token>"."""
    return key if re.fullmatch(r"[A-Za-z_-]{1,24}", key) else "***"


def headers(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    shown = [(name, value[:200]) for name, value in given.items() if name in SHOWN_HEADERS]
    if "location" in given:
        shown.append(("location", url(given["location"])[:200]))
    return tuple(shown)


def certificate(given: Certificate | None) -> str:
    """When it ends and how long its chain is: "2027-01-05 09:30 UTC, 2 certificates"."""
    if given is None:
        return ""
    end = datetime.fromtimestamp(given.not_after, UTC)
    return f"{end:%Y-%m-%d %H:%M} UTC, {given.chain} certificate{'s' if given.chain > 1 else ''}"


def body(reply: Reply) -> str:
    """The beginning of a public page, as text."""
    return reply.body[:BODY_LIMIT].decode("utf-8", "replace")
