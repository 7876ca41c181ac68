"""What was seen of a failed try, and the seals over all that was received in a day: docs/evidence.md.

Pure. A seal is a digest that anybody can make again from what it seals: the lines that `motcua outcomes export` writes,
and the digests of the evidence. It holds the digest of the day before, so whoever keeps one seal outside of the store
has all that was sealed until then. Days are those of UTC; they end at 07:00 in Viet Nam.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias

from monitor.model import Outcome, StepResult, Verdict
from monitor.wire import PHASES, export_line

DAY_MS = 86_400_000

_EPOCH = date(2020, 1, 1)
_EPOCH_DAYS = (_EPOCH - date(1970, 1, 1)).days

_dump = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode


# --- days -------------------------------------------------------------------------------------------------------------


def day_of(at: int) -> int:
    """The number of the UTC day of an instant (ms): days since 2020-01-01."""
    return at // DAY_MS - _EPOCH_DAYS


def start_of(number: int) -> int:
    """The first instant (ms) of a day."""
    return (number + _EPOCH_DAYS) * DAY_MS


def number_of(day: date) -> int:
    """The number of a day."""
    return (day - _EPOCH).days


def date_of(number: int) -> date:
    """The day of a number."""
    return _EPOCH + timedelta(days=number)


# --- evidence ---------------------------------------------------------------------------------------------------------


class Evidence(NamedTuple):
    """What was seen of the step that failed, as canonical JSON, and the SHA-256 of that text in UTF-8."""

    step: str
    body: str
    digest: str


def evidence_of(outcome: Outcome) -> Evidence | None:
    """The evidence that a try brings; None where its failed step has no exchange.

    The body is JSON with sorted keys and without blanks: which try it was, what failed, the phases in whole
    microseconds and the exchange. What may be in an exchange was decided where it was made (connectors/redact.py).
    """
    step = next((s for s in outcome.steps if s.verdict not in (None, Verdict.UP)), None)
    if step is None or step.exchange is None:
        return None
    # A text from a network may hold half of a character; UTF-8 has no form for that.
    body = _dump(_body(outcome, step)).encode("utf-8", "replace").decode()
    return Evidence(step.name, body, digest_of(body))


def _body(outcome: Outcome, step: StepResult) -> dict[str, Any]:
    assert step.exchange is not None, "only steps with an exchange are evidence"
    return {
        "system": outcome.system,
        "check": outcome.check,
        "location": outcome.location,
        "due_at": outcome.due_at,
        "try": outcome.try_,
        "started_at": outcome.started_at,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "step": step.name,
        "status": step.status,
        "phases": {phase: round(getattr(step.phases, phase) * 1_000_000) for phase in PHASES},
        "exchange": asdict(step.exchange),
    }


def digest_of(text: str) -> str:
    """The SHA-256 of a text in UTF-8, as `sha256sum` writes it."""
    return sha256(text.encode()).hexdigest()


def closing_line(version: Mapping[str, Any]) -> str:
    """How the closing of a period enters a seal: JSON of its version, the figures as their SHA-256, with its end."""
    told = {name: value for name, value in version.items() if not name.startswith("reopened")}
    return _dump(told | {"figures": digest_of(version["figures"])}) + "\n"


def reopening_line(version: Mapping[str, Any]) -> str:
    """How the reopening of a period enters a seal."""
    names = ("kind", "name", "version", "reopened_at", "reopened_by", "reopened_why")
    return _dump({name: version[name] for name in names}) + "\n"


EvidenceKey: TypeAlias = tuple[str, str, str, int, int, str]
"""(system, check, location, due_at, try, step): the order in which evidence is sealed."""


def is_genuine(key: EvidenceKey, body: str, digest: str) -> bool:
    """Whether the digest is that of the body, and the body speaks of the try under which it is kept."""
    if digest_of(body) != digest:
        return False
    try:
        told = json.loads(body)
        return tuple(told[name] for name in ("system", "check", "location", "due_at", "try", "step")) == key
    except (ValueError, TypeError, KeyError):
        return False


# --- seals ------------------------------------------------------------------------------------------------------------


class Seal(NamedTuple):
    """The seal of a day. `previous` is the digest of the day before, None for the first day that there is.

    `digest` alone is the seal. The digests of its parts are kept beside it to tell which one was changed. `closed` is
    how many times a period was closed or reopened on the day; None of a seal from before these were sealed.
    """

    day: date
    digest: str
    outcomes: int
    evidence: int
    previous: str | None
    outcomes_digest: str
    evidence_digest: str
    made_at: int  # ms
    closed: int | None = None
    closed_digest: str | None = None

    @property
    def line(self) -> str:
        """As it is kept outside: "2026-11-23 <digest>"."""
        return f"{self.day.isoformat()} {self.digest}"


class Sealing:
    """A seal in the making, from content that comes in order: outcomes by key, digests of evidence by key, closings.

    A key is (system, check, location, due_at, try), of evidence also the step; texts are compared byte by byte.
    """

    def __init__(self, previous: str | None) -> None:
        self._previous = previous
        self._whole = sha256(f"{previous or ''}\n".encode())
        self._outcomes, self._evidence, self._closed = sha256(), sha256(), sha256()
        self.outcomes = self.evidence = self.closed = 0

    def add_outcome(self, outcome: Outcome) -> None:
        line = outcome_line(outcome).encode()
        self._whole.update(line)
        self._outcomes.update(line)
        self.outcomes += 1

    def add_evidence(self, digest: str) -> None:
        line = f"{digest}\n".encode()
        self._whole.update(line)
        self._evidence.update(line)
        self.evidence += 1

    def add_closing(self, line: str) -> None:
        """Add what was closed or reopened: a line with its end (`closing_line`)."""
        self._whole.update(line.encode())
        self._closed.update(line.encode())
        self.closed += 1

    def seal(self, day: date, made_at: int) -> Seal:
        """The seal over what was added."""
        parts = self._outcomes.hexdigest(), self._evidence.hexdigest()
        closed = self.closed, self._closed.hexdigest()
        return Seal(
            day, self._whole.hexdigest(), self.outcomes, self.evidence, self._previous, *parts, made_at, *closed
        )


def outcome_line(outcome: Outcome) -> str:
    """How an outcome enters a seal: its line of the export, with its end."""
    return export_line(outcome) + "\n"


# --- what does not match ----------------------------------------------------------------------------------------------


class Part(StrEnum):
    """What was found to be other than it was sealed."""

    OUTCOMES = "outcomes"
    EVIDENCE = "evidence"
    CLOSED = "closed"  # the figures of closed periods
    LINES = "lines"  # what is made from the outcomes
    CHAIN = "chain"  # the digest of the day before
    SEAL = "seal"  # the digest itself
    MISSING = "missing"  # there is no seal
    OUTSIDE = "outside"  # a copy that was kept outside says otherwise


class Finding(NamedTuple):
    """One thing that does not match; `day` None: it belongs to no day. The text is for people."""

    day: date | None
    part: Part
    text: str


def compare(kept: Seal, made: Seal | None, before: Seal | None) -> list[Finding]:
    """What of a kept seal does not match: with the one that was made again, or with the kept one of the day before.

    `made` None: its content is no longer kept, and only the chain is looked at.
    """
    found: list[Finding] = []
    if kept.previous != (before.digest if before else None):
        found.append(Finding(kept.day, Part.CHAIN, "mắt xích với con dấu của ngày trước không khớp"))
    if made is None:
        return found
    closed = list(compare_closed(kept, made))
    parts = [
        *_part(kept.day, Part.OUTCOMES, (kept.outcomes, kept.outcomes_digest), (made.outcomes, made.outcomes_digest)),
        *_part(kept.day, Part.EVIDENCE, (kept.evidence, kept.evidence_digest), (made.evidence, made.evidence_digest)),
    ]
    parts += closed
    if kept.digest != made.digest and not parts:
        parts.append(Finding(kept.day, Part.SEAL, "con dấu không phải là của nội dung đang lưu"))
    return found + parts


def compare_closed(kept: Seal, made: Seal) -> Iterator[Finding]:
    """What of closed periods does not match; these stay when raw rows are gone."""
    if kept.closed is not None and kept.closed_digest is not None:
        then, now = (kept.closed, kept.closed_digest), (made.closed or 0, made.closed_digest or "")
        yield from _part(kept.day, Part.CLOSED, then, now)


_NAMES = {Part.OUTCOMES: "kết quả đo", Part.EVIDENCE: "chứng cứ", Part.CLOSED: "lần chốt, mở lại kỳ"}


def _part(day: date, part: Part, kept: tuple[int, str], made: tuple[int, str]) -> Iterator[Finding]:
    if kept[0] != made[0]:
        yield Finding(day, part, f"{_NAMES[part]}: con dấu ghi {kept[0]}, đang lưu {made[0]}")
    elif kept[1] != made[1]:
        yield Finding(day, part, f"{_NAMES[part]}: đủ số lượng ({made[0]}) nhưng nội dung đã bị thay đổi")


def forged(day: date, key: EvidenceKey) -> Finding:
    """Of evidence that is not genuine."""
    system, check, location, due_at, try_, step = key
    where = f"{system}/{check} tại {location}, due_at {due_at}, lần {try_}, bước {step}"
    return Finding(day, Part.EVIDENCE, f"chứng cứ {where}: nội dung không khớp với mã băm hoặc với lần đo")


def gaps(seals: Mapping[date, Seal], received: Iterable[date]) -> list[Finding]:
    """The days that have no seal although a later one has; `received` are those on which something was received."""
    if not seals:
        return []
    first, last = min([*seals, *received]), max(seals)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [Finding(day, Part.MISSING, "không có con dấu") for day in days if day not in seals]


_COPY = re.compile(r"(\d{4}-\d\d-\d\d) ([0-9a-f]{64})")


def read_copies(text: str) -> dict[date, str]:
    """Seals that were kept outside, by day: lines "2026-11-23 <digest>"; empty lines and those with # do not count.

    Raises ValueError that names the line.
    """
    copies: dict[date, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = _COPY.fullmatch(line.strip())
        if parts is None:
            raise ValueError(f"line {number}: a seal was due, such as 2026-11-23 and 64 hexadecimal digits")
        try:
            day = date.fromisoformat(parts[1])
        except ValueError:
            raise ValueError(f"line {number}: {parts[1]} is no day") from None
        if copies.setdefault(day, parts[2]) != parts[2]:
            raise ValueError(f"line {number}: a second seal of {day}, and another one")
    return copies


def compare_copies(seals: Mapping[date, Seal], copies: Mapping[date, str]) -> list[Finding]:
    """What of the copies is not in the chain."""
    found: list[Finding] = []
    for day, digest in sorted(copies.items()):
        kept = seals.get(day)
        if kept is None:
            found.append(Finding(day, Part.OUTSIDE, "bản lưu bên ngoài có con dấu, trong kho không có"))
        elif kept.digest != digest:
            found.append(Finding(day, Part.OUTSIDE, "con dấu trong kho khác bản lưu bên ngoài"))
    return found
