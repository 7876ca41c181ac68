"""Commands about figures and what they hang on: availability, maintenance, calendar, period."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor import calendars, maintenance, periods, words
from monitor import figures as counting
from monitor.availability import NO_FIGURE, Attribution, Piece, percent, ratio
from monitor.catalogue import STATE_CALENDAR, Calendar, CalendarYear, Catalogue, SpecialDay
from monitor.cli.shared import (
    ACCOUNT,
    INSTANT,
    LINE,
    LINK,
    catalogue_option,
    data_option,
    echo_json,
    json_option,
    sandbox_option,
    the_province,
    the_store,
)
from monitor.garbage import collecting_later
from monitor.live import console
from monitor.maintenance import Window
from monitor.model import Reason, State
from monitor.periods import Kind, Period
from monitor.store import Store
from monitor.store.maintenance import Announcement
from monitor.store.periods import ClosedPeriod
from monitor.wiring import ConfigurationError, configuration

RUNNING = "running"
KINDS = tuple(kind.value for kind in Kind)

period_kind = click.option(
    "--kind", type=click.Choice(KINDS), default=KINDS[0], show_default=True, help="Which days it means."
)
by_option = click.option(
    "--by",
    type=ACCOUNT,
    envvar="MOTCUA_BY",
    default="cli",
    show_default=True,
    help="An account's or a role's name ($MOTCUA_BY).",
)


def now() -> int:
    return int(time.time())


# --- availability -----------------------------------------------------------------------------------------------------


@click.command()
@click.option("--period", "wanted", help="2026-10, 2026-Q3, 2026-H1, 2026-9M, 2026 or 2026-10-01..2026-10-20.")
@click.option(
    "--kind",
    type=click.Choice([*KINDS, RUNNING]),
    help="Which days the period means; running: this calendar month until now, as without --period.",
)
@click.option("--system", help="One system only, and its checks.")
@click.option("--explain", is_flag=True, help="Every interval that was counted, and why.")
@catalogue_option
@data_option
@sandbox_option
@json_option
@collecting_later()
def availability(
    wanted: str | None,
    kind: str | None,
    system: str | None,
    explain: bool,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
    as_json: bool,
) -> None:
    """The three availabilities of every system, as docs/figures.md defines them: raw, contractual, office.

    --json is a list with one object for each figure of a system, and of each of its checks: system, check (null: the
    system itself), figure, down_seconds, observed_seconds, set_seconds, no_data_seconds, degraded_seconds,
    provisional, text; simulated where the data are. A figure that is refused has the reason as its text and null for
    its numbers. The raw object of a system also has its outages and its error_rates; with --explain each has pieces.
    The contractual figure is about the days of the period on which the contract is valid; without any it is left out.

    \b
    Example: motcua availability --period 2026-10 --kind calendar --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    at = now()
    chosen = _chosen_period(province, wanted, kind, at)
    if system is not None:
        _check_systems(province, [system])
    with the_store(configuration(data)) as store:
        closed = store.periods.versions(chosen.kind, chosen.name)
        figures = _read(province, store, chosen, at, None if closed else system)
    if system is not None and system not in figures.spans:
        raise ConfigurationError(f"system {system} does not count in {chosen.name}: see its valid_from and valid_to")
    note = _agreement(province, closed[-1], figures) if closed else None
    if as_json:
        rows = counting.rows(figures, explained=explain)
        _echo_rows(row for row in rows if system in (None, row["system"]))
        if note:
            click.echo(note, err=True)
        return
    shown = console()
    _show_head(shown, province, chosen.vi_dated)
    if figures.is_running:
        _say(shown, f"Kỳ chưa kết thúc: tính đến {_at(province, at)}")
    if note:
        _say(shown, note)
    _show_figures(shown, province, counting.frozen(figures, checks=system is not None), only=system)
    if explain:
        _show_explanation(shown, figures, only=system)


def _echo_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """A JSON list with one object a line: for 2,000 checks it is as fast again as with indents."""
    click.echo("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]")


def _chosen_period(province: Catalogue, name: str | None, kind: str | None, at: int) -> Period:
    zone = ZoneInfo(province.province.timezone)
    if name is not None and kind == RUNNING:
        raise click.UsageError("--kind running is this month until now; leave --period out")
    if name is None:
        if kind not in (None, RUNNING):
            raise click.UsageError(f"--kind {kind} needs a --period")
        name, kind = f"{datetime.fromtimestamp(at, zone):%Y-%m}", Kind.CALENDAR
    return _parsed(name, kind or (Kind.CUSTOM if ".." in name else Kind.CALENDAR))


def _parsed(name: str, kind: str) -> Period:
    try:
        return periods.parse(name, kind)
    except periods.PeriodError as error:
        raise ConfigurationError(str(error)) from None


def _check_systems(province: Catalogue, systems: Iterable[str]) -> None:
    for system in systems:
        if system not in province.systems:
            raise ConfigurationError(f"system {system} is not in the catalogue ({', '.join(province.systems)})")


def _read(
    province: Catalogue, store: Store, period: Period, at: int, only: str | None = None
) -> counting.PeriodFigures:
    span = periods.seconds(period, ZoneInfo(province.province.timezone))
    if at <= span[0]:
        raise ConfigurationError(f"{period.name} has not begun: its first day is {period.start}")
    return counting.read(store.terms.dated(province, at), store, span, at, _attributions(store), only)


def _attributions(store: Store) -> Sequence[Attribution]:
    """What people decided about whose fault outages were."""
    return store.incidents.attributions()


# --- what is shown of figures -----------------------------------------------------------------------------------------


def _show_head(shown: Console, province: Catalogue, what: str, *, simulated: bool | None = None) -> None:
    if province.simulated if simulated is None else simulated:
        shown.print(words.SIMULATED, style="bold yellow")
    _say(shown, f"{province.province.name.vi} · {what}", "bold")


def _say(shown: Console, text: str, style: str = "") -> None:
    if style:
        shown.print(Text(text, style), soft_wrap=True)
    else:
        click.echo(text)


def _at(province: Catalogue, seconds: int) -> str:
    return words.instant(seconds, ZoneInfo(province.province.timezone))


def _show_figures(shown: Console, province: Catalogue, frozen: Mapping[str, Any], only: str | None = None) -> None:
    """Every system: its figures with numerators and denominators, what was promised, errors, outages."""
    verdicts = {verdict["system"]: verdict for verdict in frozen["verdicts"]}
    for system, rows in groupby(frozen["rows"], key=lambda row: row["system"]):
        if only not in (None, system):
            continue
        of_system = list(rows)
        table = Table(title=f"{frozen['systems'][system]} ({system})", title_justify="left")
        for heading in _HEADINGS:
            table.add_column(heading, justify="left" if heading in ("Cách tính", "Ghi chú") else "right")
        for row in of_system:
            if row["check"] is None or only:
                table.add_row(*_cells(row))
        shown.print()
        shown.print(table)
        if system in verdicts:
            _say(shown, _promise(verdicts[system]))
        _say(shown, _errors(of_system[0]["error_rates"]))
        _show_outages(shown, province, of_system[0]["outages"], frozen["parties"])


_HEADINGS = (
    *("Cách tính", "Sẵn sàng", "Giây sẵn sàng / quan sát", "Gián đoạn", "Suy giảm"),
    *("Độ phủ", "Giây quan sát / phải tính", "Ghi chú"),
)


def _cells(row: Mapping[str, Any]) -> Sequence[str]:
    label = words.FIGURES[row["figure"]] + (f", kiểm tra {row['check']}" if row["check"] else "")
    if row["set_seconds"] is None:
        return (label, *[""] * 6, row["text"])
    observed, down = row["observed_seconds"], row["down_seconds"]
    coverage = ratio(observed, row["set_seconds"])
    return (
        label,
        row["text"],
        f"{words.number(observed - down)} / {words.number(observed)}",
        f"{words.number(down)} giây",
        f"{words.number(row['degraded_seconds'])} giây",
        NO_FIGURE if coverage is None else percent(coverage),
        f"{words.number(observed)} / {words.number(row['set_seconds'])}",
        words.PROVISIONAL if row["provisional"] else "",
    )


def _promise(verdict: Mapping[str, Any]) -> str:
    allowed, down = Fraction(verdict["allowed_seconds"]), verdict["down_seconds"]
    left = allowed - down
    budget = f"còn {words.duration(int(left))}" if left >= 0 else f"vượt {words.duration(int(-left))}"
    said = f"Cam kết {words.share(Fraction(verdict['objective']))}, {words.FIGURES[verdict['figure']].lower()}: "
    said += words.SLA[verdict["verdict"]]
    if verdict["verdict"] != "no_data":
        said += f" (được gián đoạn {words.duration(int(allowed))}, đã gián đoạn {words.duration(down)}, {budget})"
    said += f", {words.PROVISIONAL}" if verdict["provisional"] else ""
    return said + (", chỉ xét số liệu tự đo, không xét số liệu nhập" if verdict["measured_only"] else "")


def _errors(rates: Sequence[Mapping[str, Any]]) -> str:
    whole, *by_reason = rates
    said = f"Tỷ lệ lỗi kiểm tra: {whole['text']}"
    if whole["conclusive"]:
        said += f" ({words.number(whole['failed'])} / {words.number(whole['conclusive'])} lần)"
    parts = [f"{words.REASONS[Reason(r['reason'])]} {r['text']} ({words.number(r['failed'])})" for r in by_reason]
    return "; ".join([said, *parts])


def _show_outages(
    shown: Console, province: Catalogue, outages: Sequence[Mapping[str, Any]], parties: Mapping[str, str]
) -> None:
    for outage in outages:
        end = "đang diễn ra" if outage["end"] is None else _at(province, outage["end"])
        why = words.REASONS[Reason(outage["reason"])] if outage["reason"] else ""
        party = parties.get(outage["party"], outage["party"])
        seconds = f"{words.number(outage['down_seconds'])} giây trong kỳ"
        parts = f"Gián đoạn {_at(province, outage['start'])} → {end}", seconds, why, f"bên chịu trách nhiệm: {party}"
        _say(shown, "  " + "; ".join(part for part in parts if part))


# --- every interval, and why ------------------------------------------------------------------------------------------


def _show_explanation(shown: Console, figures: counting.PeriodFigures, only: str | None) -> None:
    for system in figures.systems:
        if only not in (None, system.system):
            continue
        name = figures.catalogue.systems[system.system].name.vi
        for account in system.accounts:
            _say(shown, f"\n{name}: {words.FIGURES[account.kind].lower()}", "bold")
            if isinstance(account, counting.Refused):
                _say(shown, f"  không tính: {account.why}")
                continue
            pieces = account.pieces()
            for piece in pieces:
                _say(shown, f"  {_became(figures.catalogue, system, piece)}")
            for line in _sums(account, pieces):
                _say(shown, f"  {line}")


def _became(province: Catalogue, system: counting.SystemFigures, piece: Piece) -> str:
    span = f"{_at(province, piece.start)} → {_at(province, piece.end)}"
    seconds = f"{words.number(piece.end - piece.start)} giây"
    said = f"không tính: {words.EXCLUSIONS[piece.excluded]}" if piece.excluded else _COUNTED[piece.state]
    return f"{span}  {seconds:>14}  {words.STATES[piece.state]:<17}  {said}{_cause(province, system, piece)}"


_COUNTED = {
    State.UP: "tính là sẵn sàng",
    State.DEGRADED: "tính là sẵn sàng (suy giảm)",
    State.DOWN: "tính là gián đoạn",
    State.NO_DATA: "không quan sát được: giảm độ phủ",
}


def _cause(province: Catalogue, system: counting.SystemFigures, piece: Piece) -> str:
    if piece.state is not State.DOWN:
        return ""
    outage = next((o for o in system.outages if o.start <= piece.start < o.end), None)
    parts = [words.what_fails(outage.step, outage.reason)] if outage else []
    if piece.root and piece.root != system.system:
        parts.append(f"do {province.systems[piece.root].name.vi}")
    if piece.party:
        parts.append(f"bên chịu trách nhiệm: {province.parties[piece.party].name.vi}")
    return "; " + "; ".join(part for part in parts if part) if any(parts) else ""


def _sums(account: counting.Account, pieces: Sequence[Piece]) -> Iterable[str]:
    """The pieces added up, and the figure that is made of the sums."""

    def added(*states: State) -> int:
        return sum(p.end - p.start for p in pieces if p.excluded is None and p.state in states)

    good, down, silent = added(State.UP, State.DEGRADED), added(State.DOWN), added(State.NO_DATA)
    out: dict[str, int] = {}
    for piece in pieces:
        if piece.excluded:
            out[piece.excluded] = out.get(piece.excluded, 0) + piece.end - piece.start
    parts = [f"{words.number(good)} sẵn sàng", f"{words.number(down)} gián đoạn"]
    parts.append(f"{words.number(silent)} không quan sát được")
    parts += [f"{words.number(seconds)} không tính ({words.EXCLUSIONS[why]})" for why, seconds in out.items()]
    whole = good + down + silent + sum(out.values())
    yield f"Cộng: {' + '.join(parts)} = {words.number(whole)} giây"
    counted = account.figure
    yield f"Sẵn sàng: {words.number(good)} / ({words.number(good)} + {words.number(down)}) = {counted.text()}"
    coverage = NO_FIGURE if counted.coverage is None else percent(counted.coverage)
    observed = words.number(good + down)
    yield f"Độ phủ: {observed} / ({observed} + {words.number(silent)}) = {coverage}" + (
        f", {words.PROVISIONAL}" if counted.provisional else ""
    )


# --- maintenance ------------------------------------------------------------------------------------------------------


@click.group("maintenance")
def maintenance_() -> None:
    """Announced maintenance: write it down, see whether it counts, call it off. Nothing written is ever changed.

    \b
    Example: motcua maintenance list --period 2026-11 --data data -c catalogue.yaml
    """


@maintenance_.command("add")
@click.argument("systems", nargs=-1, required=True, metavar="SYSTEM...")
@click.option("--from", "start", type=INSTANT, required=True, help="The beginning, such as 2026-11-28T22:00.")
@click.option("--to", "end", type=INSTANT, required=True, help="The end; what lasts longer is downtime.")
@click.option("--notice", type=INSTANT, required=True, help="When the notice was sent.")
@click.option("--url", type=LINK, help="Where the notice can be read.")
@click.option("--title", type=LINE, help="What is done; no personal data.")
@click.option("--rrule", help="It recurs by this rule of RFC 5545, such as FREQ=MONTHLY;BYDAY=1SU.")
@click.option("--count", type=click.IntRange(1, maintenance.MAX_DATES), help="With --rrule: so many dates.")
@click.option("--until", type=INSTANT, help="With --rrule: dates that begin before this instant.")
@by_option
@catalogue_option
@data_option
@sandbox_option
def maintenance_add(
    systems: Sequence[str],
    start: int,
    end: int,
    notice: int,
    url: str | None,
    title: str | None,
    rrule: str | None,
    count: int | None,
    until: int | None,
    by: str,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
) -> None:
    """Write down maintenance that was announced, for the named systems alone, and say whether it counts.

    A notice that comes after the beginning is written down all the same: it does not count, and that is then on record.

    \b
    Example: motcua maintenance add igate --from 2026-11-28T22:00 --to 2026-11-29T04:00 --notice 2026-11-20T09:00
             --title "Nâng cấp cơ sở dữ liệu" --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    _check_systems(province, systems)
    start, end, notice = (at // 1000 for at in (start, end, notice))
    if end <= start:
        raise ConfigurationError("the maintenance ends before it begins; --to comes after --from")
    if notice > end:
        raise ConfigurationError("the notice comes after the end of the maintenance; --notice comes before --from")
    at = now()
    if notice > at:
        raise ConfigurationError(
            f"--notice {_at(province, notice)} lies in the future: write down a notice once it has gone out"
        )
    spans = _dates(province, start, end, rrule, count, until)
    with the_store(configuration(data)) as store:
        province = store.terms.dated(province, now())
        made = store.maintenance.add(systems, spans, notice, at=at, by=by, title=title or "", notice_url=url)
    _show_maintenance(province, made)


def _dates(
    province: Catalogue, start: int, end: int, rrule: str | None, count: int | None, until: int | None
) -> Sequence[tuple[int, int]]:
    if rrule is None:
        if count is not None or until is not None:
            raise click.UsageError("--count and --until go with --rrule")
        return [(start, end)]
    rule = rrule if count is None else f"{rrule};COUNT={count}"
    zone = ZoneInfo(province.province.timezone)
    try:
        return maintenance.expand(rule, start, end - start, zone, until and until // 1000)
    except maintenance.RuleError as error:
        raise ConfigurationError(str(error)) from None


@maintenance_.command("list")
@click.option("--period", "wanted", help="What touches this period only.")
@period_kind
@catalogue_option
@data_option
@sandbox_option
@json_option
def maintenance_list(
    wanted: str | None, kind: str, catalogue: Path | None, data: Path | None, in_sandbox: bool, as_json: bool
) -> None:
    """Every announced maintenance, and whether each contract takes it out of its figure.

    \b
    Example: motcua maintenance list --period 2026-11 --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    span: tuple[int | None, int | None] = (None, None)
    if wanted is not None:
        span = periods.seconds(_parsed(wanted, kind), ZoneInfo(province.province.timezone))
    with the_store(configuration(data)) as store:
        province = store.terms.dated(province, now())
        found = store.maintenance.announcements(*span)
    if as_json:
        echo_json(province, maintenance=[_announcement_json(province, one) for one in found])
    else:
        _show_maintenance(province, found)


@maintenance_.command("cancel")
@click.argument("id_", metavar="ID", type=click.IntRange(min=1, max=2**31 - 1))
@click.option("--at", type=INSTANT, help="When the cancellation was sent (default: now).")
@by_option
@catalogue_option
@data_option
@sandbox_option
def maintenance_cancel(
    id_: int, at: int | None, by: str, catalogue: Path | None, data: Path | None, in_sandbox: bool
) -> None:
    """Write down that a maintenance was called off; it counts if it was sent before the beginning.

    \b
    Example: motcua maintenance cancel 3 --at 2026-11-27T16:00 --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    sent = now() if at is None else at // 1000
    if sent > now():
        raise ConfigurationError(f"--at {_at(province, sent)} lies in the future: write it down once it was sent")
    with the_store(configuration(data)) as store:
        province = store.terms.dated(province, now())
        cancelled = store.maintenance.cancel(id_, at=sent, by=by)
    _show_maintenance(province, [cancelled])


def _show_maintenance(province: Catalogue, found: Sequence[Announcement]) -> None:
    shown = console()
    _show_head(shown, province, "Bảo trì có báo trước")
    if not found:
        _say(shown, "không có")
        return
    for one in found:
        window = one.window
        dates = f"từ {_at(province, window.start)} đến {_at(province, window.end)}"
        said = f"{window.id}: {', '.join(sorted(window.systems))} {dates}, báo lúc {_at(province, window.notice_at)}"
        _say(shown, f"{said}: {one.title}" if one.title else said)
        late = ", SAU KHI BẮT ĐẦU" if one.made_at > window.start else ""
        _say(shown, f"   ghi sổ lúc {_at(province, one.made_at)} bởi {one.made_by}{late}")
        for line in _ruled(province, window) or ["không có hợp đồng nào áp dụng"]:
            _say(shown, f"   {line}")


def _ruled(province: Catalogue, window: Window) -> list[str]:
    return [
        f"{contract}: chưa xét được: {ruling}"
        if isinstance(ruling, str)
        else f"{contract}: {'tính là bảo trì' if ruling.valid else 'không tính'}: {ruling.vi}"
        for contract, ruling in counting.rulings(province, window).items()
    ]


def _announcement_json(province: Catalogue, one: Announcement) -> dict[str, Any]:
    window = one.window
    rulings = [
        {"contract": contract, "valid": None, "provisional": None, "text": ruling}
        if isinstance(ruling, str)
        else {"contract": contract, "valid": ruling.valid, "provisional": ruling.provisional, "text": ruling.vi}
        for contract, ruling in counting.rulings(province, window).items()
    ]
    return {
        "id": one.id,
        "systems": sorted(window.systems),
        "start": window.start,
        "end": window.end,
        "notice_at": window.notice_at,
        "notice_url": one.notice_url,
        "title": one.title,
        "series": window.series,
        "made_at": one.made_at,
        "made_by": one.made_by,
        "cancelled_at": window.cancelled_at,
        "cancelled_by": one.cancelled_by,
        "rulings": rulings,
    }


# --- calendars --------------------------------------------------------------------------------------------------------


@click.group()
def calendar() -> None:
    """Working days and special days.

    \b
    Example: motcua calendar show 2026 -c catalogue.yaml
    """


@calendar.command("show")
@click.argument("year", type=click.IntRange(2000, 2099))
@click.option("--calendar", "calendar_id", default=STATE_CALENDAR, show_default=True, help="Its id in the catalogue.")
@click.option("--yaml", "as_yaml", is_flag=True, help="The year's list, to be pasted into the catalogue.")
@catalogue_option
@sandbox_option
@json_option
def calendar_show(
    year: int, calendar_id: str, as_yaml: bool, catalogue: Path | None, in_sandbox: bool, as_json: bool
) -> None:
    """Special days of a year and working days of each month; of a year that is not in the catalogue, a first list.

    That list is what the law and the exchanges announced so far say; no figure uses it before it is in the catalogue.

    \b
    Example: motcua calendar show 2027 --yaml -c catalogue.yaml
    """
    if as_yaml and as_json:
        raise click.UsageError("--yaml and --json are two forms; choose one")
    province = the_province(catalogue, in_sandbox)
    if calendar_id not in province.calendars and calendar_id != STATE_CALENDAR:
        raise ConfigurationError(f"calendar {calendar_id} is not in the catalogue ({', '.join(province.calendars)})")
    chosen = counting.calendar_of(province, calendar_id)
    is_listed = year in chosen.years
    listed = chosen.years[year] if is_listed else calendars.seeded(year)
    if as_yaml:
        click.echo(_calendar_yaml(calendar_id, year, listed), nl=False)
        return
    working = _working_days(chosen, year, listed)
    if as_json:
        facts = {"calendar": calendar_id, "year": year, "listed": is_listed, "confirmed": listed.confirmed}
        echo_json(province, **facts, days=[_day_json(day) for day in listed.days], working_days=working)
        return
    shown = console()
    _show_head(shown, province, f"Lịch {calendar_id} năm {year}: {_standing(listed, is_listed)}")
    table = Table("Ngày", "Thứ", "Loại", "Tên")
    for day in listed.days:
        table.add_row(f"{day.date:%d/%m/%Y}", words.WEEKDAYS[day.date.weekday()], words.DAYS[day.kind], day.name.vi)
    shown.print(table)
    months = ", ".join(f"tháng {month}: {days}" for month, days in enumerate(working, 1))
    _say(shown, f"Ngày làm việc: {months}; cả năm: {sum(working)}")


def _standing(listed: CalendarYear, is_listed: bool) -> str:
    if not is_listed:
        return "chưa xác nhận, chưa có trong danh mục"
    return "đã xác nhận" if listed.confirmed else "chưa xác nhận"


def _working_days(chosen: Calendar, year: int, listed: CalendarYear) -> list[int]:
    """How many working days each month has."""
    whole = chosen.model_copy(update={"years": {year: listed}})
    counted = [0] * 12
    day = date(year, 1, 1)
    while day.year == year:
        counted[day.month - 1] += calendars.day(whole, day).working
        day += timedelta(days=1)
    return counted


def _day_json(day: SpecialDay) -> dict[str, Any]:
    names = {"vi": day.name.vi, "en": day.name.en}
    return {"date": f"{day.date}", "kind": day.kind, "as_weekday": day.as_weekday, "name": names}


def _calendar_yaml(name: str, year: int, listed: CalendarYear) -> str:
    """Indented as it stands in the catalogue, under `calendars: <name>: years:`."""
    days = [{key: value for key, value in _day_json(day).items() if value is not None} for day in listed.days]
    shown = {year: {"confirmed": listed.confirmed, "days": days}}
    text = yaml.safe_dump(shown, allow_unicode=True, sort_keys=False, width=1000)
    return f"# calendars.{name}.years\n" + "".join(f"      {line}\n" for line in text.splitlines())


# --- closed periods ---------------------------------------------------------------------------------------------------


@click.group()
def period() -> None:
    """Close a period: its figures stay as they are, whatever is found out later.

    \b
    Example: motcua period close 2026-10 --data data -c catalogue.yaml
    """


@period.command("close")
@click.argument("wanted", metavar="PERIOD")
@period_kind
@click.option("--reason", type=LINE, help="Why there is another version; needed after a reopening.")
@by_option
@catalogue_option
@data_option
@sandbox_option
@collecting_later()
def period_close(
    wanted: str,
    kind: str,
    reason: str | None,
    by: str,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
) -> None:
    """Keep the figures of all systems, with a digest of what they were made from.

    At the earliest one hold after the end of the period: so long may its last verdicts still change.

    \b
    Example: motcua period close 2026-10 --kind calendar --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    chosen, at = _parsed(wanted, kind), now()
    start, end = periods.seconds(chosen, ZoneInfo(province.province.timezone))
    hold = counting.longest_hold(province)
    if at < end + hold:
        when = _at(province, end + hold)
        raise ConfigurationError(f"{chosen.name} can be closed from {when} on, {hold} s after its end")
    with the_store(configuration(data)) as store:
        figures = _read(province, store, chosen, at)
        made = store.periods.close(
            chosen.kind,
            chosen.name,
            start,
            end,
            at=at,
            by=by,
            inputs=figures.digest,
            figures=counting.canonical(counting.frozen(figures)),
            reason=reason,
        )
    if province.simulated:
        click.echo(words.SIMULATED)
    click.echo(f"{chosen.name} ({chosen.kind}): đã chốt phiên bản {made.version}, SHA-256 đầu vào {made.inputs}")


@period.command("reopen")
@click.argument("wanted", metavar="PERIOD")
@period_kind
@click.option("--why", type=LINE, required=True, help="Why, for whoever reads the next version.")
@by_option
@data_option
def period_reopen(wanted: str, kind: str, why: str, by: str, data: Path | None) -> None:
    """Allow a next version of a closed period. The version that there is stays readable.

    \b
    Example: motcua period reopen 2026-10 --why "Bổ sung biên bản bảo trì" --data data
    """
    chosen = _parsed(wanted, kind)
    with the_store(configuration(data)) as store:
        reopened = store.periods.reopen(chosen.kind, chosen.name, at=now(), by=by, why=why)
    click.echo(f"{chosen.name} ({chosen.kind}): đã mở lại, phiên bản {reopened.version} vẫn được giữ")


@period.command("show")
@click.argument("wanted", metavar="PERIOD")
@period_kind
@click.option("--version", type=click.IntRange(min=1), help="Default: the last one.")
@catalogue_option
@data_option
@sandbox_option
@json_option
def period_show(
    wanted: str,
    kind: str,
    version: int | None,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
    as_json: bool,
) -> None:
    """The figures of a closed period as they were closed, and whether what they were made from has changed since.

    Where that has not changed and gives other figures, somebody has edited the closed ones: exit code 1.

    \b
    Example: motcua period show 2026-10 --version 1 --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    chosen = _parsed(wanted, kind)
    with the_store(configuration(data)) as store:
        versions = store.periods.versions(chosen.kind, chosen.name)
        if not versions:
            raise ConfigurationError(f"{chosen.name} ({chosen.kind}) is not closed")
        if version is not None and version > len(versions):
            raise ConfigurationError(f"{chosen.name} ({chosen.kind}) has no version {version}, but {len(versions)}")
        figures = _read(province, store, chosen, now())
    closed = versions[-1] if version is None else versions[version - 1]
    frozen = json.loads(closed.figures)
    changed = closed.inputs != figures.digest
    edited = not changed and not counting.is_as_counted(frozen, figures)
    if as_json:
        told = {"changed": changed, "edited": edited, "figures": frozen["rows"], "verdicts": frozen["verdicts"]}
        echo_json(province, **_facts(closed), **told)
        sys.exit(1 if edited else 0)
    shown = console()
    _show_head(shown, province, chosen.vi_dated, simulated=frozen["simulated"])
    for line in _history(province, closed):
        _say(shown, line)
    agreement = _agreement(province, closed, figures)
    shown.print(agreement, style="bold red" if edited else "", soft_wrap=True, highlight=False, markup=False)
    _show_figures(shown, province, frozen)
    sys.exit(1 if edited else 0)


def _history(province: Catalogue, closed: ClosedPeriod) -> Iterable[str]:
    yield f"Phiên bản {closed.version}, chốt lúc {_at(province, closed.closed_at)} bởi {closed.closed_by}"
    if closed.reason:
        yield f"Lý do của phiên bản này: {closed.reason}"
    if closed.reopened_at is not None:
        when = _at(province, closed.reopened_at)
        yield f"Mở lại lúc {when} bởi {closed.reopened_by}: {closed.reopened_why}"
    yield f"SHA-256 đầu vào: {closed.inputs}"


def _agreement(province: Catalogue, closed: ClosedPeriod, figures: counting.PeriodFigures) -> str:
    """Whether a closed version is what would be counted now."""
    said = f"Đã chốt phiên bản {closed.version} lúc {_at(province, closed.closed_at)}"
    said += ", sau đó mở lại" if closed.reopened_at is not None else ""
    frozen = json.loads(closed.figures)
    if closed.inputs == figures.digest:
        if counting.is_as_counted(frozen, figures):
            return f"{said}: dữ liệu đầu vào không đổi từ khi chốt"
        return f"{said}: SỐ LIỆU ĐÃ CHỐT BỊ SỬA, dữ liệu đầu vào không đổi nhưng cho ra số liệu khác"
    same = counting.numbers(frozen["rows"]) == counting.numbers(counting.rows(figures))
    return f"{said}: dữ liệu đầu vào đã thay đổi từ khi chốt" + (", các con số vẫn như đã chốt" if same else "")


@period.command("list")
@catalogue_option
@data_option
@sandbox_option
@json_option
def period_list(catalogue: Path | None, data: Path | None, in_sandbox: bool, as_json: bool) -> None:
    """Every version of every closed period.

    \b
    Example: motcua period list --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    with the_store(configuration(data)) as store:
        versions = store.periods.all()
    if as_json:
        echo_json(province, periods=[_facts(version) for version in versions])
        return
    shown = console()
    _show_head(shown, province, "Kỳ đã chốt")
    table = Table("Kỳ", "Loại", "Phiên bản", "Chốt lúc", "Bởi", "Lý do", "Mở lại vì")
    for v in versions:
        when = _at(province, v.closed_at)
        table.add_row(v.name, v.kind, str(v.version), when, v.closed_by, v.reason or "", v.reopened_why or "")
    shown.print(table)


def _facts(closed: ClosedPeriod) -> dict[str, Any]:
    return {key: value for key, value in asdict(closed).items() if key != "figures"}
