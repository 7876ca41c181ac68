"""How iGate writes the fields of a dossier: codes, names by language, instants, statuses in words (protocols, 1.3)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

_CODE = re.compile(r"[\w./-]{1,80}")
_MAX_NAME = 500  # of a procedure: some are long

# By the first whole words that are found in a name without its marks; TrangThaiHoSo of the national portal.
_STATUS_WORDS = tuple(
    (re.compile(rf"\b(?:{words})\b"), number)
    for words, number in (
        ("da bo sung", 4), ("bo sung", 5), ("da thanh toan", 4), ("thanh toan", 6),
        ("da hoan thanh nghia vu tai chinh", 4), ("nghia vu tai chinh", 6), ("khong (?:duoc )?tiep nhan", 3),
        ("tu choi", 3), ("rut(?! gon)", 7), ("dung xu ly", 8), ("huy", 8), ("da tra", 10), ("da xu ly xong", 9),
        ("co ket qua", 9), ("hoan thanh", 9), ("ket thuc", 9), ("moi dang ky", 1),
        ("(?:cho|chua)(?: duoc)? tiep nhan", 1), ("tiep nhan", 2), ("luan chuyen", 4), ("xu ly", 4), ("thu ly", 4),
    )
)  # fmt: skip
FINAL = frozenset({3, 7, 8, 9, 10})
"""Of TrangThaiHoSo: nothing more is to be done."""

_NOT_YET = re.compile(r"\b(?:chua|khong|cho|dang|tam)\b(?!.*\bda\b)")
"""Before the words of an end: not ended. "Đang chờ hủy", "tạm dừng xử lý", but "không giải quyết, đã hủy"."""


def status_of(name: str) -> int:
    """The number of the national portal's list that a name of a status means; 0: none that we know."""
    plain, denied = _plain(name), False
    for words, number in _STATUS_WORDS:
        for match in words.finditer(plain):
            if number not in FINAL or not _NOT_YET.search(plain[: match.start()]):
                return number
            denied = True
    return 4 if denied else 0


def channel_of(name: str) -> int:
    """The number of the national portal's list KenhThucHien: online, by post, else in person."""
    plain = _plain(name)
    return 2 if "truc tuyen" in plain else 3 if "buu chinh" in plain else 1


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(c for c in apart if not unicodedata.combining(c))


def dig(item: Any, *path: str) -> Any:
    """What lies at this path of an object; None where it ends before."""
    for key in path:
        item = item.get(key) if isinstance(item, dict) else None
    return item


def code_of(value: Any) -> str:
    """A code as it may be kept; "" for what is none."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _CODE.fullmatch(text) else ""


def name_of(value: Any) -> str:
    """A name as text, or as a list by language, where 228 is Vietnamese (protocols, section 1.3)."""
    if isinstance(value, list):
        named = [entry for entry in value if isinstance(entry, dict)]
        named.sort(key=lambda entry: str(entry.get("languageId")) != "228")
        value = named[0].get("name") if named else ""
    return unicodedata.normalize("NFC", value.strip())[:_MAX_NAME] if isinstance(value, str) else ""


def names_in(item: Any) -> Iterable[tuple[tuple[str, str], str]]:
    """Names of the unit, procedure and sector of a dossier, each by its kind and code."""
    procedure = dig(item, "procedure")
    named = (
        ("unit", dig(item, "agency"), ("code", "id"), ("name",)),
        ("procedure", procedure, ("code", "id"), ("translate", "name")),
        ("sector", dig(procedure, "sector"), ("id", "code"), ("name", "translate")),
    )
    for kind, part, codes, fields in named:
        code = _first(code_of(dig(part, field)) for field in codes)
        name = _first(name_of(dig(part, field)) for field in fields)
        if code and name:
            yield (kind, code), name


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def instant_at(item: Any, field: str) -> int | None:
    """2025-07-01T08:00:00.000+0700 in seconds. Raises ValueError that names the field, not its value."""
    value = dig(item, field)
    if value in (None, ""):
        return None
    try:
        at = datetime.fromisoformat(value)
        seconds = int(at.timestamp())
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{field} is no instant") from None
    if at.tzinfo is None:
        raise ValueError(f"{field} has no zone")
    return seconds
