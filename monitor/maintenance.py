"""Which announced maintenance a contract takes out of its figure: docs/figures.md, section 5.

Pure. A window is what was announced: systems by name, a beginning and an end, and when the notice went out. It is
never stretched: past its end the system is down as at any other time, and an extension is a window of its own with
its own notice. A series is one notice that lists its dates (`expand`); each date is a window, judged by itself against
that notice. Only the figure changes: probing goes on, and what the window takes out are its seconds, up or down
alike, whether or not an outage had begun before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from monitor import calendars
from monitor.catalogue import Calendar
from monitor.periods import epoch
from monitor.spans import Span, intersect, union


@dataclass(frozen=True, slots=True)
class Window:
    """Maintenance of the named systems (not of what hangs on them) in [start, end); instants in seconds.

    `cancelled_at` is when the cancellation was sent. Windows of one series have its id; one date of it may be
    cancelled alone.
    """

    id: str
    systems: frozenset[str]
    start: int
    end: int
    notice_at: int
    cancelled_at: int | None = None
    series: str | None = None

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"window {self.id} ends before it begins")


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a window counts as planned maintenance, and why, in both languages.

    `provisional`: its notice was counted in a year whose list is not official yet.
    """

    valid: bool
    provisional: bool
    vi: str
    en: str


def verdict(window: Window, notice_days: int, calendar: Calendar, zone: ZoneInfo) -> Ruling:
    """Judge a window by the contract's whole working days of notice and the calendar in which these are counted.

    1. A cancellation counts if it was sent before the start; one sent at the start or later changes nothing.
    2. The notice may not come after the start. With 0 days asked for, that is all.
    3. So many whole working days lie between the notice's day and the window's first day, neither counted, in the
       province's zone; they are counted back from the first day, and no further than needed.

    Raises calendars.UnknownYear where the count needs a year that the calendar does not list.
    """
    if _is_cancelled(window):
        return Ruling(False, False, "đã hủy trước giờ bắt đầu", "cancelled before its start")
    if window.notice_at > window.start:
        return Ruling(False, False, "báo sau khi bảo trì đã bắt đầu", "announced after its start")
    if notice_days == 0:
        return _with_late_cancellation(
            window, Ruling(True, False, "báo không muộn hơn giờ bắt đầu", "announced by its start")
        )
    notice_day, first_day = (datetime.fromtimestamp(at, zone).date() for at in (window.notice_at, window.start))
    found, official = calendars.notice(calendar, notice_day, first_day, notice_days)
    if found < notice_days:
        vi = f"báo trước {found} ngày làm việc, hợp đồng cần {notice_days}"
        en = f"announced {_working_days(found)} ahead, the contract asks for {notice_days}"
    else:
        vi = f"báo trước đủ {notice_days} ngày làm việc"
        en = f"announced {_working_days(notice_days)} or more ahead"
    if not official:
        vi, en = f"{vi} (tạm tính: lịch làm việc chưa chính thức)", f"{en} (provisional: the calendar is not official)"
    return _with_late_cancellation(window, Ruling(found >= notice_days, not official, vi, en))


class Planned(NamedTuple):
    """The seconds of valid maintenance, and whether some notice was counted in a year that is not official yet."""

    spans: list[Span]
    provisional: bool


def valid_seconds(
    windows: Iterable[Window],
    system: str,
    notice_days: int,
    calendar: Calendar,
    zone: ZoneInfo,
    start: int,
    end: int,
) -> Planned:
    """The seconds of valid maintenance of one system within [start, end); windows that overlap count once.

    Only windows that touch [start, end) are judged, so that no other one can make the figure provisional. Raises
    calendars.UnknownYear.
    """
    touching = [w for w in windows if system in w.systems and max(w.start, start) < min(w.end, end)]
    ruled = [(w, verdict(w, notice_days, calendar, zone)) for w in touching]
    valid = union((w.start, w.end) for w, ruling in ruled if ruling.valid)
    return Planned(intersect(valid, [(start, end)]), any(ruling.provisional for _, ruling in ruled))


def _is_cancelled(window: Window) -> bool:
    return window.cancelled_at is not None and window.cancelled_at < window.start


def _with_late_cancellation(window: Window, ruling: Ruling) -> Ruling:
    if window.cancelled_at is None:
        return ruling
    return Ruling(
        ruling.valid,
        ruling.provisional,
        f"{ruling.vi}; thông báo hủy không gửi trước giờ bắt đầu nên không tính",
        f"{ruling.en}; the cancellation was not sent before the start and does not count",
    )


def _working_days(count: int) -> str:
    return f"{count} working day" if count == 1 else f"{count} working days"


# --- series -----------------------------------------------------------------------------------------------------------

MAX_DATES = 400
"""A daily window for a year, and some: a notice lists its dates, and nobody reads a longer list."""


def _list(value: str) -> str:
    return f"(?:{value})(?:,(?:{value}))*"


_NUMBER = "[1-9][0-9]{0,3}"  # dateutil never comes back from an INTERVAL of 0
_ANY = {"FREQ": "[A-Z]+", "INTERVAL": _NUMBER, "COUNT": _NUMBER, "UNTIL": ".+"}
_WEEKDAY = "(?:MO|TU|WE|TH|FR|SA|SU)"
_BY_MONTH = _ANY | {
    "BYDAY": _list(f"(?:[+-]?[1-5])?{_WEEKDAY}"),
    "BYMONTHDAY": _list("-?(?:[1-9]|[12][0-9]|3[01])"),
    "BYMONTH": _list("[1-9]|1[0-2]"),
    "BYSETPOS": _list("-?[1-9][0-9]?"),
}
_PARTS = {
    "DAILY": _ANY | {"BYDAY": _list(_WEEKDAY)},
    "WEEKLY": _ANY | {"BYDAY": _list(_WEEKDAY), "WKST": _WEEKDAY},
    "MONTHLY": _BY_MONTH,
    "YEARLY": _BY_MONTH,
}
"""What a rule may hold, by its FREQ, and in which form. It is what lists of days need, and no more: some of the rest
dateutil reads as it pleases, and for a date that never comes it searches every day up to the year 9999."""

_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)
_EXAMPLE = "write such as FREQ=MONTHLY;BYDAY=1SU;COUNT=12"


class RuleError(ValueError):
    """A rule of recurrence that gives no list of dates; says what to write."""


def expand(rule: str, first_start: int, duration: int, zone: ZoneInfo, until: int | None = None) -> list[Span]:
    """The windows of a series, each `duration` seconds long, by a rule of RFC 5545 (RRULE) from the first one on.

    They begin at the same time of the clock on the wall, and before `until`. The rule must end, by COUNT, UNTIL or
    `until`; a plain date in UNTIL counts as a whole day. It speaks of days: the hours are those of the first window,
    which must fall on a day of the rule. Raises RuleError, also for more than MAX_DATES dates.
    """
    if duration <= 0:
        raise RuleError("a window lasts at least a second")
    parts = _parse(rule)
    last = _last(parts.pop("UNTIL", None), zone)
    if last is None and until is None and "COUNT" not in parts:
        raise RuleError(f"the rule {rule!r} never ends; add COUNT or UNTIL, such as FREQ=WEEKLY;UNTIL=20261231")
    first = datetime.fromtimestamp(first_start, zone).replace(tzinfo=None)
    spans: list[Span] = []
    for wall in rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=first):
        start = epoch(wall, zone)
        if (last is not None and wall > last) or (until is not None and start >= until):
            break
        if len(spans) == MAX_DATES:
            raise RuleError(f"the rule {rule!r} gives more than {MAX_DATES} dates; let it end earlier")
        if not spans and wall != first:
            raise RuleError(f"the first window, on {first:%Y-%m-%d}, is no day of the rule {rule!r}")
        spans.append((start, start + duration))
    if not spans:
        raise RuleError(f"the rule {rule!r} gives no date before its end; {_EXAMPLE}")
    return spans


def _parse(rule: str) -> dict[str, str]:
    written = rule.strip().upper().removeprefix("RRULE:").split(";")
    parts = dict(part.split("=", 1) for part in written if "=" in part)
    if len(parts) < len(written):
        raise RuleError(f"{rule!r} is no rule, or names a part twice; {_EXAMPLE}")
    known = _PARTS.get(parts.get("FREQ", ""))
    if known is None:
        raise RuleError(f"the rule {rule!r} needs one of FREQ={', '.join(_PARTS)}; {_EXAMPLE}")
    for name, value in parts.items():
        if name not in known:
            raise RuleError(f"the rule {rule!r}: FREQ={parts['FREQ']} takes no {name}, but {', '.join(known)}")
        if not re.fullmatch(known[name], value):
            raise RuleError(f"the rule {rule!r}: {name}={value} is not understood; {_EXAMPLE}")
    return parts


def _last(written: str | None, zone: ZoneInfo) -> datetime | None:
    """The last instant at which a window may begin, by the clock on the wall. dateutil takes no zone here."""
    if written is None:
        return None
    match = _UNTIL.fullmatch(written)
    try:
        if match:
            at = datetime.strptime(match[1] + (match[2] or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007
            return at.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) if match[3] else at
    except (ValueError, OverflowError):
        pass
    raise RuleError(f"UNTIL={written} is no instant; write UNTIL=20261231 or UNTIL=20261231T170000Z")
