"""The evidence of one outage as a file for whoever objects to it: docs/evidence.md.

Pure but for the file that `pack` writes into. What goes out are the tries that decide the incident's outages, and the
proof that they do: they are judged here once more, by themselves (`recount`), and a choice of tries that does not give
the measured incident again is no evidence of it. The reader counts with other programs, those of handover_texts.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import IO, Any, NamedTuple, TypeAlias

from monitor.blindness import blindness
from monitor.catalogue import Catalogue, SystemTerms
from monitor.incident_rules import IncidentRules
from monitor.incidents import REOPEN, Incident
from monitor.judge import Blind, Boundary, Line, Try, fold, hold_ms, in_time, latest_ms
from monitor.model import CONTROL_SYSTEM, Outcome, Settings
from monitor.spans import union
from monitor.status import Key, lifetime
from monitor.terms import ever

CheckKey: TypeAlias = tuple[str, str]  # system, check
Dated: TypeAlias = Mapping[CheckKey, Sequence[tuple[int, Settings]]]
"""From which instant on (ms) which settings judge the slots of a check."""

REACHES = (2, 8, 32)
"""How many holds before and after an incident are looked at, until what is found is enough."""

_FOREVER = 1 << 40  # seconds


class Window(NamedTuple):
    """[start, end) in seconds: all tries due in it go out, and lines are drawn in it."""

    start: int
    end: int


# --- what is chosen ---------------------------------------------------------------------------------------------------


def systems_of(rules: IncidentRules, system: str) -> list[str]:
    """The systems whose lines decide an outage: its own, and those through which it is reached (figures, section 4)."""
    return [system, *rules.parents(system)]


def lines_of(rules: IncidentRules, system: str) -> list[Key]:
    """The lines of a system that can make it down: those of its critical checks."""
    checks = _terms(rules.catalogue, system).checks
    return [key for key in rules.keys(system) if checks[key[1]].critical]


def controls_of(rules: IncidentRules, system: str) -> list[Key]:
    """The controls of every location from which the systems of an outage are seen."""
    catalogue = rules.catalogue
    places = dict.fromkeys(key[2] for one in systems_of(rules, system) for key in lines_of(rules, one))
    known = [place for place in places if place in catalogue.locations]
    return [(CONTROL_SYSTEM, control.id, place) for place in known for control in catalogue.locations[place].controls]


def keys_of(rules: IncidentRules, system: str) -> list[Key]:
    """All lines whose tries go out."""
    own = [key for one in systems_of(rules, system) for key in lines_of(rules, one)]
    return [*own, *controls_of(rules, system)]


def window(rules: IncidentRules, incident: Incident, dated: Dated, holds: int, now: int) -> Window:
    """So many holds around an incident: up to where nothing could reopen it any more, at most up to now (seconds).

    What came into force after it does not matter: the same incident has the same window for ever.
    """
    settings = [each for rows in dated.values() for valid_from, each in rows if valid_from <= incident.end * 1000]
    around = holds * max(map(hold_ms, settings), default=0) + max(map(latest_ms, settings), default=0)
    grace = max((rules.grace(incident.system, parent) for parent in rules.parents(incident.system)), default=0)
    first = incident.outages[0].start
    start = first - grace - around // 1000 - 1
    return Window(max(start, 0), now if incident.ongoing else min(now, incident.end + REOPEN + around // 1000 + 1))


# --- counted again ----------------------------------------------------------------------------------------------------


def recount(
    rules: IncidentRules, incident: Incident, outcomes: Iterable[Outcome], dated: Dated, span: Window
) -> Incident | None:
    """The incident as these tries alone give it; None where they give another one, or none."""
    tries: dict[Key, list[Try]] = {key: [] for key in keys_of(rules, incident.system)}
    judging: dict[tuple[CheckKey, int], Settings] = {}
    for o in outcomes:
        settings = _settings(dated, (o.system, o.check), o.due_at)
        if settings is not None and in_time(o.started_at, o.due_at, o.try_, settings):
            judging[(o.system, o.check), o.due_at] = settings
            seen = Try(o.started_at, o.due_at, o.try_, o.verdict, o.reason, o.failed_step)
            tries[o.system, o.check, o.location].append(seen)
    for of in tries.values():
        of.sort()
    lines, boundaries = _fold(tries, judging)
    starts = dict.fromkeys(systems_of(rules, incident.system), span.start)
    made = rules.make(starts, boundaries, lines, span.end)
    found = [one.incident for one in made.incidents[incident.system]]
    return next((one for one in found if _same(one, incident)), None)


def _settings(dated: Dated, check: CheckKey, due_at: int) -> Settings | None:
    rows = dated.get(check, ())
    index = bisect_right(rows, due_at, key=itemgetter(0))
    return rows[index - 1][1] if index else None


def _fold(
    tries: Mapping[Key, Sequence[Try]], judging: Mapping[tuple[CheckKey, int], Settings]
) -> tuple[dict[Key, Line], dict[Key, list[Boundary]]]:
    """The lines of these tries, with what their locations could not see."""

    def settings_of(key: Key) -> Any:
        return lambda try_: judging[key[:2], try_.due_at]

    blind: dict[str, list[Blind]] = {}
    for place in {key[2] for key in tries}:
        controls = [key for key in tries if key[0] == CONTROL_SYSTEM and key[2] == place]
        blind[place] = blindness((tries[key], settings_of(key)) for key in controls)
    lines: dict[Key, Line] = {}
    boundaries: dict[Key, list[Boundary]] = {}
    for key, of in tries.items():
        if key[0] != CONTROL_SYSTEM:
            lines[key], boundaries[key] = fold(of, settings_of(key), blind=blind[key[2]] if of else ())
    return lines, boundaries


def _same(one: Incident, other: Incident) -> bool:
    return _measured(one) == _measured(other)


def _measured(incident: Incident) -> tuple[Any, ...]:
    # A decision about the party parts what was measured as a whole.
    own = [union((s.start, s.end) for s in outage.own) for outage in incident.outages]
    return incident.start, incident.end, incident.ongoing, incident.seconds, own


# --- as text ----------------------------------------------------------------------------------------------------------

_dump = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def settings_text(rules: IncidentRules, incident: Incident, dated: Dated, span: Window) -> str:
    """What judged: JSON with one rule a line, so that awk reads it too. Instants in ms, spans of systems in seconds."""
    catalogue, system = rules.catalogue, incident.system
    rows = {
        "windows": [{"kind": "window", "from": span.start, "until": span.end}],
        "incidents": [{"kind": "incident", "start": incident.start, "end": incident.end, "reopen": REOPEN}],
        "settings": [_settings_row(*key, *row) for key in sorted(dated) for row in _in_force(dated[key], span)],
        "lines": [
            {"kind": "line", "system": one, "check": check, "location": place, "quorum": _quorum(catalogue, one, check)}
            for one, check, place in keys_of(rules, system)
        ],
        "systems": [_system_row(rules, system, one, span) for one in systems_of(rules, system)],
    }
    parts = [f'"{name}":[\n' + ",\n".join(map(_dump, of)) + "\n]" for name, of in rows.items()]
    return "{\n" + ",\n".join([f'"simulated":{_dump(catalogue.simulated)}', *parts]) + "\n}\n"


def _in_force(rows: Sequence[tuple[int, Settings]], span: Window) -> Iterator[tuple[int, Settings]]:
    """Those that judge slots of the window."""
    ends = [valid_from for valid_from, _ in rows[1:]] + [_FOREVER * 1000]
    for (valid_from, settings), end in zip(rows, ends, strict=True):
        if valid_from < span.end * 1000 and end > span.start * 1000:
            yield valid_from, settings


def _settings_row(system: str, check: str, valid_from: int, settings: Settings) -> dict[str, Any]:
    return {
        "kind": "settings",
        "system": system,
        "check": check,
        "valid_from": valid_from,
        "hold_ms": hold_ms(settings),
        "confirm_down": settings.confirm_down,
        "confirm_up": settings.confirm_up,
        "interval_ms": round(settings.interval * 1000),
        "timeout_ms": round(settings.timeout * 1000),
        "spacing_ms": round(settings.spacing * 1000),
    }


def _system_row(rules: IncidentRules, own: str, system: str, span: Window) -> dict[str, Any]:
    start, end = lifetime(rules.catalogue, system, 0, _FOREVER)
    is_own = system == own
    grace = 0 if is_own else rules.grace(own, system)
    return {
        "kind": "system",
        "system": system,
        "role": "self" if is_own else "parent",
        "grace": grace,
        "lives_from": start,
        "lives_until": span.end if end == _FOREVER else end,
    }


def _quorum(catalogue: Catalogue, system: str, check: str) -> int:
    """How many locations decide; 0: more than half of those that report."""
    return 0 if system == CONTROL_SYSTEM else _terms(catalogue, system).checks[check].quorum or 0


def _terms(catalogue: Catalogue, system: str) -> SystemTerms:
    """Those of a catalogue that has one set of them (terms.as_of): the reader's programs know of no change."""
    return ever(catalogue, system)[-1]


# --- the file ---------------------------------------------------------------------------------------------------------

_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP file can name: when it was packed is not part of what it says
SUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class Page:
    """A file of the packet: its name, and its text in pieces."""

    name: str
    text: Iterable[str]


def pack(target: IO[bytes], parts: Iterable[Page], comment: str = "") -> None:
    """Write a ZIP file: the same parts give the same bytes. Last comes SHA256SUMS over all others."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packet:
        packet.comment = comment.encode()
        sums = [f"{_add(packet, part)}  {part.name}\n" for part in parts]
        _add(packet, Page(SUMS, sums))


def _add(packet: zipfile.ZipFile, part: Page) -> str:
    """Write one file; its SHA-256."""
    about = zipfile.ZipInfo(part.name, _TIME)
    about.compress_type = zipfile.ZIP_DEFLATED
    about.create_system, about.external_attr = 3, 0o100644 << 16  # as on Unix, wherever it is written
    digest = hashlib.sha256()
    with packet.open(about, "w", force_zip64=True) as file:  # how long a day is shows only at its end
        for chunk in _chunks(part.text):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _chunks(text: Iterable[str], size: int = 1 << 16) -> Iterator[bytes]:
    """The same text in few pieces."""
    waiting: list[str] = []
    length = 0
    for piece in text:
        waiting.append(piece)
        length += len(piece)
        if length >= size:
            yield "".join(waiting).encode()
            waiting, length = [], 0
    yield "".join(waiting).encode()
