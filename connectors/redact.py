"""What may be shown of a request and a reply: an allow-list, so that a new field is hidden until somebody allows it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from monitor.model import Reply, Request

SHOWN_QUERY = frozenset({"page", "size", "spec", "sort", "dstcode", "grant_type"})
SHOWN_HEADERS = frozenset(
    {"content-type", "content-length", "content-encoding", "transfer-encoding", "date", "retry-after", "server"}
)
BODY_LIMIT = 2048


def request_line(request: Request) -> str:
    """The method and URL without user info, with the values of unknown query keys hidden."""
    return f"{request.method} {url(request.url)}"


def url(address: str) -> str:
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = "&".join(f"{key}={value if key in SHOWN_QUERY else '***'}" for key, value in pairs)
    origin = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}" if host else ""
    return origin + parts.path + (f"?{query}" if query else "")


def headers(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    shown = [(name, value[:200]) for name, value in given.items() if name in SHOWN_HEADERS]
    if "location" in given:
        shown.append(("location", url(given["location"])[:200]))
    return tuple(shown)


def body(reply: Reply) -> str:
    """The beginning of a public page, as text."""
    return reply.body[:BODY_LIMIT].decode("utf-8", "replace")
