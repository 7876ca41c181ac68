"""The figures of dossiers that more than one shows: boards, commands, the report.

Those of boards are by unit, channel and timeliness, as of the last complete collection. Reads what the store has
counted. Everything is as of one instant, when that collection began: what was due after it is not overdue, for nobody
knows yet whether it was ended. Where iGate's own statistics are collected instead, their form of the running month is
all there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from importlib import resources
from typing import NamedTuple, get_args
from zoneinfo import ZoneInfo

from monitor import calendars, index766, words
from monitor import dossiers as counting
from monitor.catalogue import STATE_CALENDAR, Catalogue
from monitor.dossiers import Channel, Counts, Source, Timeliness, UnitTree
from monitor.incident_rules import IncidentState
from monitor.store import Store
from monitor.store.dossiers import DossierBook
from monitor.store.incidents import IncidentRecord

MAX_UNITS = 200
"""Units that have figures of their own; the others, those with the fewest dossiers, are one together."""

_COMPARED = 5 * 7 * 86_400  # seconds before an incident in which the weeks lie that it is compared with
FIGURES = ("pending", "index766")
"""What a collection that goes back to a day only leaves provisional; what came and ended since then is all there."""

SUPPLEMENTS_INFERRED = "yêu cầu bổ sung suy từ thay đổi trạng thái giữa hai lần thu thập"
"""iGate's search has no list of them."""

OTHERS = "_others"
ANY_CHANNEL = "any"  # of figures whose source does not say how a dossier came
_CHANNELS = {channel: channel.name.lower() for channel in Channel}
_TIMELINESS = {timely: timely.name.lower() for timely in Timeliness}


class Points(NamedTuple):
    """A component of index 766 in a period; what cannot be told is None."""

    component: str
    maximum: int
    own: Fraction | None
    official: Fraction | None
    parts: tuple[int, int] | None  # numerator and denominator of our own


@dataclass
class Kpis:
    """Counts as of `at`, by the unit's code and words of closed sets.

    `period` is `today`, `month` or `year`, each up to `at`. `late` and `online`: dossiers submitted online this month,
    and those of them that were accepted late; empty where the working hours are not known. A unit's figures are without
    those of units below it that have their own, so that they add up.
    """

    at: int
    names: dict[str, str] = field(default_factory=dict)
    received: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # unit, channel, period
    resolved: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)  # unit, channel, timeliness, period
    pending: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # unit, channel, in_time or overdue
    due_today: Counter[str] = field(default_factory=Counter)
    due_tomorrow: Counter[str] = field(default_factory=Counter)
    online: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    index: dict[str, list[Points]] = field(default_factory=dict)  # by period: `month`, `official`
    gone: Counter[str] = field(default_factory=Counter)  # what iGate has no more, and is counted all the same
    provisional: frozenset[str] = frozenset()  # those of FIGURES that miss what was open before all was collected


def read(catalogue: Catalogue, store: Store, now: int) -> Kpis | None:
    """The figures; None before the first complete collection. Raises StoreError."""
    zone, book = ZoneInfo(catalogue.province.timezone), store.dossiers
    until = book.collected_until()
    if catalogue.dossiers.source == "statistics":
        return _of_statistics(book, catalogue, zone, now)
    if until is None:
        return None
    return _of_dossiers(catalogue, store, zone, min(now, until))


def _of_dossiers(catalogue: Catalogue, store: Store, zone: ZoneInfo, at: int) -> Kpis:
    book, made, today = store.dossiers, Kpis(at), datetime.fromtimestamp(at, zone).date()
    first_days = {"today": today, "month": today.replace(day=1), "year": today.replace(month=1, day=1)}
    since = book.collected_since() or 0  # of a period that began before it only a part is known
    periods = {name: start for name, day in first_days.items() if since <= (start := _midnight(day, zone))}
    starts = list(periods.values()) or [at]
    received, resolved, pending = book.received(starts, at), book.resolved(starts, at), book.pending(at, zone)
    month = periods.get("month")
    online = {} if month is None else book.submitted_online(month, at)
    gone = book.gone_by_unit()
    of_all: Counter[str] = Counter(str(key[0]) for key in (*received, *resolved, *pending)) + Counter(online.keys())
    of_all += Counter(gone.keys())
    for (unit, _), counts in received.items():
        of_all[unit] += counts[-1]
    named = _series(book.units(), of_all, catalogue.dossiers.units, today)
    for (unit, channel), counts in received.items():
        for period, count in zip(periods, counts, strict=False):
            made.received[named[unit], _CHANNELS[channel], period] += count
    for (unit, channel, timely), counts in resolved.items():
        for period, count in zip(periods, counts, strict=False):
            made.resolved[named[unit], _CHANNELS[channel], _TIMELINESS[timely], period] += count
    for (unit, channel), open_ in pending.items():
        series = named[unit]
        made.pending[series, _CHANNELS[channel], "overdue"] += open_.overdue
        made.pending[series, _CHANNELS[channel], "in_time"] += sum(open_) - open_.overdue
        made.due_today[series] += open_.today
        made.due_tomorrow[series] += open_.tomorrow
    for unit, count in gone.items():
        made.gone[named[unit]] += count
    made.provisional = frozenset(FIGURES if since else ())
    late = None if month is None else _accepted_late(catalogue, book, zone, month, at)
    if late is not None:
        for unit, count in online.items():
            made.online[named[unit]] += count
            made.late[named[unit]] += late.get(unit, 0)
    made.names = _names(book.units(), {*named.values()}, today)
    made.index = _index(store, zone, today, at, since)
    return made


def _of_statistics(book: DossierBook, catalogue: Catalogue, zone: ZoneInfo, now: int) -> Kpis | None:
    """What the form of the running month says, as it was asked for last."""
    first = datetime.fromtimestamp(now, zone).date().replace(day=1)
    kept = book.form(first, (first + timedelta(days=31)).replace(day=1), Source.STATISTICS)
    if kept is None:
        return None
    made, units = Kpis(kept.made_at), book.units()
    codes = Counter({row.code or row.name: row.counts.received + 1 for row in kept.form.rows})
    named = _series(units, codes, catalogue.dossiers.units, first)
    for row in kept.form.rows:
        series, c = named[row.code or row.name], row.counts
        made.received[series, "online", "month"] += c.new_online
        made.received[series, "direct", "month"] += c.new_direct
        for timely, count in zip(Timeliness, (c.resolved_early, c.resolved_on_time, c.resolved_overdue), strict=True):
            made.resolved[series, ANY_CHANNEL, _TIMELINESS[timely], "month"] += count
        made.pending[series, ANY_CHANNEL, "in_time"] += c.pending_in_time
        made.pending[series, ANY_CHANNEL, "overdue"] += c.pending_overdue
    rows = {row.code or row.name: row.name for row in kept.form.rows}
    made.names = {series: rows.get(series, name) for series, name in _names(units, {*named.values()}, first).items()}
    return made


def _series(units: UnitTree, sizes: Counter[str], chosen: Collection[str], day: date) -> dict[str, str]:
    """For each unit the one under whose name it is counted; of too many those with the fewest dossiers are OTHERS."""
    named = units.grouped(sizes, chosen, day)
    whole: Counter[str] = Counter()
    for unit, size in sizes.items():
        whole[named[unit]] += size
    # By size, then by code: which ones have their own does not change from one reading to the next.
    order = sorted(whole, key=lambda unit: (unit not in chosen, -whole[unit], unit))
    left_out = set(order[MAX_UNITS:])
    return {unit: OTHERS if series in left_out else series for unit, series in named.items()}


def _names(units: UnitTree, series: Collection[str], day: date) -> dict[str, str]:
    return {code: "Các đơn vị còn lại" if code == OTHERS else units.name(code, day) for code in series}


def _accepted_late(
    catalogue: Catalogue, book: DossierBook, zone: ZoneInfo, start: int, at: int
) -> Mapping[str, int] | None:
    """Of the dossiers submitted online in [start, at) those accepted late, by unit; None without working hours."""
    calendar = catalogue.calendars.get(STATE_CALENDAR)
    if calendar is None or not any(calendar.hours.values()):
        return None
    try:
        spans = calendars.service_seconds(calendar, zone, start, at)
    except calendars.UnknownYear:
        return None
    waited = book.slow_to_accept(start, at, at, counting.ACCEPTANCE_SECONDS)
    return counting.late_by_unit(waited, at, spans)


# --- outages ----------------------------------------------------------------------------------------------------------


def impact(
    catalogue: Catalogue,
    store: Store,
    record: IncidentRecord,
    now: int,
    until: int,
    units: Collection[str] | None = None,
) -> counting.Impact:
    """What an incident touched of the dossiers that are known up to `until`; seconds.

    The catalogue has the state's calendar. Raises calendars.UnknownYear, StoreError.
    """
    zone, book, calendar = ZoneInfo(catalogue.province.timezone), store.dossiers, catalogue.calendars[STATE_CALENDAR]
    span = record.start, now if record.end is None else record.end
    known = store.incidents.list(span[0] - _COMPARED, span[1], record.system)
    outages = [(r.start, now if r.end is None else r.end) for r in known if r.state is not IncidentState.WITHDRAWN]

    def is_working(day: date) -> bool:
        return calendars.day(calendar, day).working

    first, since = book.first_applied(), book.collected_since() or 0
    earlier = counting.comparable(*span, outages, is_working, zone)
    earlier = [one for one in earlier if first is not None and max(first, since) <= one[0]]
    due = book.due_in(*span, counting.working_day_after(span[1], is_working, zone), units)
    received, *before = book.submitted([span, *earlier], units)
    return counting.impact(span, received, before, due, book.supplements(*span, units), min(now, until))


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, datetime.min.time(), zone).timestamp())


# --- index 766 --------------------------------------------------------------------------------------------------------


def our_formulas() -> list[index766.Formula]:
    """The versions of the formula that come with this program."""
    return index766.formulas((resources.files("monitor") / "index766.yaml").read_text(encoding="utf-8"))


def _index(store: Store, zone: ZoneInfo, today: date, at: int, since: int) -> dict[str, list[Points]]:
    """The running month, and the latest period of which the portal's points are there.

    Nothing of our own is said of a period that began before `since`.
    """
    first, book = today.replace(day=1), store.dossiers
    periods = {"month": (first, (first + timedelta(days=31)).replace(day=1))}
    if latest := book.last_scored():
        periods["official"] = latest
    made = {}
    for name, (start, end) in periods.items():
        formula = index766.in_force(our_formulas(), end - timedelta(days=1))
        if formula is None:
            continue
        official = {c: s for (unit, c), s in book.scores(start, end).items() if not unit}
        span = _midnight(start, zone), min(_midnight(end, zone), at)
        own = own_estimates(store, span, zone, official) if since <= span[0] else {}
        known = index766.scores(formula, own, official)
        made[name] = [
            Points(
                score.component.id,
                score.component.max,
                score.estimate,
                score.official,
                (score.own.numerator, score.own.denominator) if score.own else None,
            )
            for score in known
        ]
    return made


def own_estimates(
    store: Store,
    span: tuple[int, int],
    zone: ZoneInfo,
    official: Mapping[str, index766.OfficialScore],
    within: tuple[UnitTree, str, date] | None = None,
) -> Mapping[str, index766.Own | str]:
    """What the dossiers of [start, end) say of the components that they can say something of, else why they cannot.

    `within`: one unit and all below it on a day. A period that goes on ends at the last complete collection.
    """
    book, (start, end) = store.dossiers, span
    until = book.collected_until()
    if until is None or until <= start:
        return dict.fromkeys(get_args(index766.Said), "chưa thu thập xong hồ sơ của kỳ")
    end = min(end, until)
    counts, judged, special = book.counts(start, end), book.judged(start, end), list(book.special(start, end))
    groups = {*counts, *judged, *(s.group for s in special)}
    if within is not None:
        units, code, day = within
        inside = units.under(code, {group.unit for group in groups}, day)
        groups = {group for group in groups if group.unit in inside}
    plain = [one for group, one in judged.items() if group in groups]
    progress = index766.Progress(sum(j.on_time for j in plain), sum(j.overdue for j in plain))
    for one in special:
        if one.group in groups:
            progress = progress.plus(index766.in_time(one.deadline, one.ended, one.supplements, end))
    notes = [SUPPLEMENTS_INFERRED]
    if progress.unknown:
        notes.append(f"{words.number(progress.unknown)} hồ sơ không có hạn trả, không xét")
    counted = {group: one for group, one in counts.items() if group in groups}
    whole = counting.total(counted.values())
    synchronised = synchronised_of(book, (start, end), zone, {group.unit for group in groups})
    used = {group.procedure for group, one in counted.items() if one.new_online and group.procedure}
    return {
        "progress": index766.Own(progress.in_time, progress.in_time + progress.overdue, note="; ".join(notes)),
        "online": _online(whole, official.get("1.4"), synchronised),
        "synchronised": _synchronised(synchronised),
        "used": _used(len(used), official.get("3.1")),
        "satisfaction": _overdue(whole),
    }


def _online(whole: Counts, official: index766.OfficialScore | None, synchronised: Synchronised) -> index766.Own | str:
    """The share of online dossiers times the share of those that are on the national portal (1.4)."""
    if official is not None and official.numerator is not None and official.denominator:
        rate, source = min(Fraction(1), official.numerator / official.denominator), "theo Cổng DVCQG"
    elif synchronised.told:
        rate = Fraction(synchronised.found, synchronised.told)
        source = f"đối soát {words.number(synchronised.told)} hồ sơ"
    else:
        return "thiếu tỷ lệ đồng bộ 1.4: nhập điểm của Cổng DVCQG hoặc đối soát (reconcile)"
    return index766.Own(whole.new_online, whole.new, rate, f"nhân tỷ lệ đồng bộ {words.percent(rate)} ({source})")


def _synchronised(synchronised: Synchronised) -> index766.Own | str:
    """1.4 where each dossier of the period was looked up: the portal divides by the larger of two counts of its own."""
    found, told, igate = synchronised
    if not told:
        return "chưa đối soát với Cổng DVCQG (reconcile)"
    if told < igate:
        return f"mới đối soát {words.number(told)} / {words.number(igate)} hồ sơ (reconcile)"
    return index766.Own(found, told, note="theo đối soát; mẫu số là số hồ sơ của iGate, không phải số của Cổng")


def _used(procedures: int, official: index766.OfficialScore | None) -> index766.Own | str:
    """3.2: procedures of which a dossier came online, of those offered online, whose number the portal alone knows."""
    if official is None or not official.numerator or official.numerator.denominator != 1:
        return "thiếu số thủ tục trực tuyến: nhập điểm 3.1 của Cổng DVCQG với tử số"
    offered = official.numerator.numerator
    return index766.Own(min(procedures, offered), offered, note="mẫu số theo tử số 3.1 của Cổng DVCQG")


def _overdue(whole: Counts) -> str:
    """5.4 less what only the portal knows of it: a part has no points."""
    late, all_ = whole.resolved_overdue + whole.pending_overdue, whole.received
    if not all_:
        return "không có hồ sơ trong kỳ"
    share = words.percent(Fraction(late, all_))
    return f"thiếu tỷ lệ phản ánh; riêng hồ sơ quá hạn: {words.number(late)} / {words.number(all_)} = {share}"


class Synchronised(NamedTuple):
    """Dossiers of a period on the national portal, of those whose answer is known, of all that iGate has."""

    found: int
    told: int
    igate: int


def synchronised_of(
    book: DossierBook, span: tuple[int, int], zone: ZoneInfo, units: Collection[str] | None = None
) -> Synchronised:
    """What `reconcile` has found so far of the dossiers accepted in the period."""
    answers = book.answers(*span)
    if not answers:
        return Synchronised(0, 0, book.number_accepted(*span))
    known: Sequence[counting.Match] = counting.matches(book.accepted_in(*span, units), answers, zone)
    told = sum(m.found + len(m.missing) for m in known)
    return Synchronised(sum(m.found for m in known), told, sum(m.igate for m in known))
