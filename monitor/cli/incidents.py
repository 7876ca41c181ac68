"""Commands about incidents: what happened, and what people did about it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor import periods, words
from monitor.availability import RAW, figure, scheduled
from monitor.calendars import UnknownYear
from monitor.catalogue import Catalogue
from monitor.cli.figures import by_option, period_kind
from monitor.cli.shared import (
    INSTANT,
    catalogue_option,
    data_option,
    echo_json,
    json_option,
    sandbox_option,
    the_province,
    the_store,
)
from monitor.incident_rules import (
    REPEAT_DAYS,
    BadText,
    FactKind,
    IncidentKind,
    IncidentRules,
    IncidentState,
    Tally,
)
from monitor.incidents import Breach, Clocks, Extent, Incident, Severity, mean_text
from monitor.live import console
from monitor.scorecards import brought_in, scorecard
from monitor.status import Timelines, lifetime
from monitor.store import Store
from monitor.store.incidents import Fact, IncidentError, IncidentRecord
from monitor.wiring import ConfigurationError, configuration

DAY = 86_400
SHOWN_DAYS = 30  # without a period
ALL = "all"
STATES = tuple(state.value for state in IncidentState)

id_argument = click.argument("id_", metavar="ID", type=click.IntRange(min=1, max=2**31 - 1))
at_option = click.option("--at", type=INSTANT, help="When it happened (default: now).")


def now() -> int:
    return int(time.time())


@contextmanager
def _one_line() -> Iterator[None]:
    """What cannot be done with an incident is bad input."""
    try:
        yield
    except (IncidentError, BadText) as error:
        raise ConfigurationError(str(error)) from None


@click.group()
def incidents() -> None:
    """Incidents: what happened, what people did about it, and how it compares with what was promised.

    \b
    Example: motcua incidents list --data data -c catalogue.yaml
    """


# --- list -------------------------------------------------------------------------------------------------------------


@incidents.command("list")
@click.option("--period", "wanted", help="What touches this period: 2026-10, 2026-Q3, 2026 or 2026-10-01..2026-10-20.")
@period_kind
@click.option("--since", type=INSTANT, help="What goes on at or after this instant (default: 30 days ago).")
@click.option("--until", type=INSTANT, help="What began before this instant (default: now).")
@click.option("--system", help="One system only.")
@click.option(
    "--state", type=click.Choice([*STATES, ALL]), help="In this state only (default: all but withdrawn ones)."
)
@catalogue_option
@data_option
@sandbox_option
@json_option
def incidents_list(
    wanted: str | None,
    kind: str,
    since: int | None,
    until: int | None,
    system: str | None,
    state: str | None,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
    as_json: bool,
) -> None:
    """Every incident of some time; those that desk staff reported are listed apart, and are in no availability.

    \b
    Example: motcua incidents list --period 2026-10 --system igate --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    if system is not None:
        _check_system(province, system)
    start, end = _span(province, wanted, kind, since, until)
    with the_store(configuration(data)) as store:
        province = store.terms.dated(province, now())
        chosen = [r for r in store.incidents.list(start, end, system) if _is_chosen(r, state)]
        going_on = store.incidents.current(IncidentRules(province), now())
        clocks = store.incidents.clocks_of(chosen)
        imported = brought_in(province, store, chosen, now())
    rows = [_row(record, going_on.get(record.id), clocks[record.id], record.id in imported) for record in chosen]
    by_kind = {kind: [row for row in rows if row.record.kind is kind] for kind in IncidentKind}
    if as_json:
        reported = by_kind.pop(IncidentKind.REPORTED)
        measured = [_row_json(row) for rows in by_kind.values() for row in rows]
        echo_json(province, incidents=measured, reported=[_row_json(row) for row in reported])
        return
    shown = console()
    _show_head(shown, province, f"Sự cố từ {_at(province, start)} đến {_at(province, end)}")
    for of_kind, its in by_kind.items():
        if its or of_kind is IncidentKind.OUTAGE:
            _show_rows(shown, province, _TITLES[of_kind], its)


_TITLES = {
    IncidentKind.OUTAGE: "Gián đoạn đo được",
    IncidentKind.BLIND: "Hệ thống giám sát mất tầm quan sát (không tính cho hệ thống nào)",
    IncidentKind.REPORTED: "Do cán bộ báo (không tính vào độ sẵn sàng)",
}


class _Row(NamedTuple):
    """An incident as it stands now; `seconds` are down."""

    record: IncidentRecord
    seconds: int
    clocks: Clocks
    imported: bool


def _row(record: IncidentRecord, seen: Incident | None, clocks: Clocks, imported: bool) -> _Row:
    return _Row(record, seen.seconds if seen else record.down_seconds, clocks, imported)


def _is_chosen(record: IncidentRecord, state: str | None) -> bool:
    if state is None:
        return record.state is not IncidentState.WITHDRAWN
    return state in (ALL, record.state)


def _span(province: Catalogue, wanted: str | None, kind: str, since: int | None, until: int | None) -> tuple[int, int]:
    if wanted is not None:
        if since is not None or until is not None:
            raise click.UsageError("--period and --since, --until are two ways to say it; choose one")
        return _period(province, wanted, kind)
    end = now() if until is None else until // 1000
    start = end - SHOWN_DAYS * DAY if since is None else since // 1000
    if start >= end:
        raise click.UsageError("--since comes before --until")
    return start, end


def _period(province: Catalogue, wanted: str, kind: str) -> tuple[int, int]:
    try:
        chosen = periods.parse(wanted, periods.Kind.CUSTOM if ".." in wanted else kind)
    except periods.PeriodError as error:
        raise ConfigurationError(str(error)) from None
    return periods.seconds(chosen, ZoneInfo(province.province.timezone))


def _row_json(row: _Row) -> dict[str, Any]:
    r = row.record
    return {
        "id": r.id,
        "kind": r.kind,
        "system": r.system,
        "location": r.location,
        "state": r.state,
        "severity": r.severity,
        "start": r.start,
        "end": r.end,
        "down_seconds": row.seconds,
        "party": r.party,
        "root": r.root,
        "reason": r.reason,
        "step": r.step,
        "detected_at": r.detected_at / 1000,
        "acknowledged_at": row.clocks.acknowledged,
        "merged_into": r.merged_into,
        "imported": row.imported,
    }


def _show_rows(shown: Console, province: Catalogue, title: str, rows: Sequence[_Row]) -> None:
    table = Table(title=f"{title}: {len(rows)}", title_justify="left")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right" if heading in ("Số", "Gián đoạn") else "left")
    for row in rows:
        r = row.record
        acknowledged = "" if row.clocks.acknowledged is None or r.state is IncidentState.CLOSED else ", đã tiếp nhận"
        table.add_row(
            str(r.id),
            _name(province, r),
            words.SEVERITIES[r.severity],
            _at(province, r.start),
            "" if r.end is None else _at(province, r.end),
            words.duration(row.seconds) if r.kind is not IncidentKind.REPORTED else "",
            words.what_fails(r.step, r.reason),
            _party(province, r.party),
            Text(
                words.INCIDENT_STATES[r.state] + acknowledged + (f", {words.IMPORTED}" if row.imported else ""),
                _STYLES.get(r.state, ""),
            ),
        )
    shown.print()
    shown.print(table)


_HEADINGS = ("Số", "Hệ thống", "Mức", "Bắt đầu", "Kết thúc", "Gián đoạn", "Lỗi", "Bên chịu trách nhiệm", "Tình trạng")
_STYLES = {IncidentState.OPEN: "bold red", IncidentState.WITHDRAWN: "dim"}


# --- show -------------------------------------------------------------------------------------------------------------


class _Whole(NamedTuple):
    """All that is known of an incident. `broken` is text where the terms cannot be judged, and says why."""

    record: IncidentRecord
    seen: Incident | None
    facts: Sequence[Fact]
    clocks: Clocks
    broken: Sequence[Breach] | str
    imported: bool

    @property
    def seconds(self) -> int:
        return self.seen.seconds if self.seen else self.record.down_seconds

    def parents(self) -> dict[str, int]:
        """The down seconds of its outages that were parents', by the root cause."""
        found: dict[str, int] = {}
        for outage in self.seen.outages if self.seen else ():
            for stretch in outage.stretches:
                if stretch.root != self.record.system:
                    found[stretch.root] = found.get(stretch.root, 0) + stretch.end - stretch.start
        return found

    def latest(self, kind: FactKind) -> Fact | None:
        return next((fact for fact in reversed(self.facts) if fact.kind is kind), None)

    @property
    def root_cause(self) -> str | None:
        """As a person says, else as the lines do."""
        decision = self.latest(FactKind.ATTRIBUTED)
        said: str | None = decision.value.get("root_cause") if decision else None
        return said or self.record.root


@incidents.command("show")
@id_argument
@catalogue_option
@data_option
@sandbox_option
@json_option
def incidents_show(id_: int, catalogue: Path | None, data: Path | None, in_sandbox: bool, as_json: bool) -> None:
    """One incident in full: measured and claimed times, clocks, broken terms, whose it is, and what was written down.

    \b
    Example: motcua incidents show 7 --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    with the_store(configuration(data)) as store, _one_line():
        province = store.terms.dated(province, now())
        rules = IncidentRules(province)
        record, facts, clocks = store.incidents.get(id_), store.incidents.facts(id_), store.incidents.clocks(id_)
        seen = store.incidents.seen(rules, id_, now())
        imported = bool(brought_in(province, store, [record], now()))
    whole = _Whole(
        record, seen, facts, clocks, words.IMPORTED if imported else _broken(rules, record, clocks), imported
    )
    if as_json:
        echo_json(province, **_whole_json(rules, whole))
    else:
        _show_whole(province, rules, whole)


def _broken(rules: IncidentRules, record: IncidentRecord, clocks: Clocks) -> Sequence[Breach] | str:
    if record.kind is not IncidentKind.OUTAGE or record.state is IncidentState.WITHDRAWN:
        return ()
    try:
        return rules.breaches(record.system, record.severity, clocks, record.party, now())
    except UnknownYear as error:
        return error.vi


def _whole_json(rules: IncidentRules, whole: _Whole) -> dict[str, Any]:
    record, clocks = whole.record, whole.clocks
    terms = rules.terms(record.system, record.severity, record.start)
    answer = whole.latest(FactKind.VENDOR_ANSWERED)
    return {
        "incident": _row_json(_Row(record, whole.seconds, clocks, whole.imported)) | {"root_cause": whole.root_cause},
        "clocks": clocks_json(clocks),
        "claims": {name: (answer.value.get(f"claims_{name}") if answer else None) for name in ("start", "end")},
        "terms": terms
        and {
            "response_seconds": terms.respond,
            "fix_seconds": terms.restore,
            "clock": "working_hours" if terms.working_hours else "24x7",
            "response_from": terms.response_from,
        },
        "breaches": None
        if isinstance(whole.broken, str)
        else [{"term": b.term, "allowed_seconds": b.allowed, "elapsed_seconds": b.elapsed} for b in whole.broken],
        "parents": [{"system": system, "seconds": seconds} for system, seconds in whole.parents().items()],
        "affected": [a._asdict() for a in whole.seen.affected] if whole.seen else [],
        "facts": [fact._asdict() for fact in whole.facts],
    }


def clocks_json(clocks: Clocks) -> dict[str, int | None]:
    """Seconds since the epoch."""
    return {
        "started": clocks.started,
        "detected": clocks.detected,
        "acknowledged": clocks.acknowledged,
        "vendor_notified": clocks.vendor_notified,
        "vendor_answered": clocks.vendor_answered,
        "restored": clocks.restored,
        "closed": clocks.closed,
    }


def _show_whole(province: Catalogue, rules: IncidentRules, whole: _Whole) -> None:
    record, shown = whole.record, console()
    _show_head(shown, province, f"Sự cố {record.id}: {_name(province, record)}")
    for label, said in _lines(province, rules, whole):
        shown.print(Text.assemble((f"{label:<{_LABEL}}", "dim"), said), soft_wrap=True)
    if whole.seen and whole.seen.affected:
        affected = Table(title="Hệ thống không truy cập được vì sự cố này", title_justify="left")
        for heading in ("Hệ thống", "Từ", "Đến", "Số giây"):
            affected.add_column(heading, justify="right" if heading == "Số giây" else "left")
        for a in whole.seen.affected:
            name = province.systems[a.system].name.vi
            affected.add_row(name, _at(province, a.start), _at(province, a.end), words.number(a.seconds))
        shown.print()
        shown.print(affected)
    if whole.facts:
        written = Table(title="Đã ghi nhận", title_justify="left")
        for heading in ("Lúc ghi", "Việc", "Xảy ra lúc", "Người ghi", "Nội dung"):
            written.add_column(heading)
        for fact in whole.facts:
            written.add_row(
                _at(province, fact.at // 1000),
                words.FACTS[fact.kind],
                _at(province, fact.effective_at // 1000),
                fact.by,
                _content(province, fact),
            )
        shown.print()
        shown.print(written)


_LABEL = 22  # characters; the longest label and two blanks


def _lines(province: Catalogue, rules: IncidentRules, whole: _Whole) -> Iterator[tuple[str, str]]:
    """What is said of an incident, line by line."""
    r, clocks = whole.record, whole.clocks
    into = "" if r.merged_into is None else f", thuộc sự cố {r.merged_into}"
    yield "Loại", words.INCIDENT_KINDS[r.kind]
    yield "Tình trạng", words.INCIDENT_STATES[r.state] + into
    if whole.imported:
        yield "Nguồn số liệu", f"{words.IMPORTED}: hệ thống này không tự đo được đúng như vậy, không xét cam kết"
    yield "Mức độ", words.SEVERITIES[r.severity]
    if r.reason:
        yield "Lỗi", words.what_fails(r.step, r.reason)
    answer = whole.latest(FactKind.VENDOR_ANSWERED)
    claims: Mapping[str, int] = answer.value if answer else {}
    for label, measured, claimed in (
        ("Bắt đầu", r.start, claims.get("claims_start")),
        ("Kết thúc", r.end, claims.get("claims_end")),
    ):
        said = "chưa" if measured is None else _at(province, measured)
        yield label, said + (f" (nhà thầu khai {_claim(province, claimed, measured)})" if claimed is not None else "")
    if r.kind is IncidentKind.OUTAGE:
        yield "Gián đoạn", f"{words.duration(whole.seconds)} ({words.number(whole.seconds)} giây)"
        for system, seconds in whole.parents().items():
            yield "Trước đó", f"{words.number(seconds)} giây không truy cập được qua {_system(province, system)}"
    for label, at in (
        ("Phát hiện", clocks.detected),
        ("Tiếp nhận", clocks.acknowledged),
        ("Báo nhà thầu", clocks.vendor_notified),
        ("Nhà thầu trả lời", clocks.vendor_answered),
        ("Đóng", clocks.closed),
    ):
        yield label, "chưa" if at is None else _at(province, at)
    if r.party:
        decision = whole.latest(FactKind.ATTRIBUTED)
        yield "Bên chịu trách nhiệm", _party(province, r.party) + (f" ({decision.by} quyết định)" if decision else "")
    if whole.root_cause:
        yield "Nguyên nhân gốc", _system(province, whole.root_cause)
    if r.kind is IncidentKind.OUTAGE:
        yield "Cam kết", _promises(province, rules, whole)


def _claim(province: Catalogue, claimed: int, measured: int | None) -> str:
    if measured is None or claimed == measured:
        return _at(province, claimed)
    way = "muộn hơn" if claimed > measured else "sớm hơn"
    return f"{_at(province, claimed)}, {way} {words.duration(abs(claimed - measured))}"


def _promises(province: Catalogue, rules: IncidentRules, whole: _Whole) -> str:
    """The terms of the contract, and which of them were broken."""
    r = whole.record
    terms = rules.terms(r.system, r.severity, r.start)
    contract = rules.contract(r.system, r.start)
    if terms is None or contract is None:
        return "không có cam kết cho mức này"
    clock = "giờ làm việc" if terms.working_hours else "24/7"
    promised = [("phản hồi", terms.respond), ("khắc phục", terms.restore)]
    said = ", ".join(f"{name} trong {words.term(time)}" for name, time in promised if time is not None)
    said = f"{contract.name.vi}: {said} ({clock})"
    if isinstance(whole.broken, str):
        return f"{said}; chưa xét được: {whole.broken}"
    if contract.party != r.party:
        return f"{said}; không áp dụng: bên chịu trách nhiệm là {_party(province, r.party)}"
    broken = [
        f"VI PHẠM {words.TERMS[b.term]}: {words.duration(b.elapsed)}, cam kết {words.term(b.allowed)}"
        for b in whole.broken
    ]
    return "; ".join([said, *(broken or ["chưa vi phạm"])])


def _content(province: Catalogue, fact: Fact) -> str:
    value = fact.value
    said = [f"phiếu {value['ticket']}"] if "ticket" in value else []
    said += [
        f"{label} {_at(province, value[name])}"
        for name, label in (("claims_start", "khai bắt đầu"), ("claims_end", "khai kết thúc"))
        if name in value
    ]
    said += [_party(province, value["party"])] if "party" in value else []
    said += [f"nguyên nhân gốc {_system(province, value['root_cause'])}"] if "root_cause" in value else []
    return ", ".join([*said, *([fact.text] if fact.text else [])])


# --- what people did --------------------------------------------------------------------------------------------------


def _write(
    id_: int,
    kind: FactKind,
    by: str,
    where: tuple[Path | None, Path | None, bool],
    *,
    at: int | None = None,
    value: Mapping[str, Any] | None = None,
    text: str | None = None,
) -> None:
    """Write a fact down and say so."""
    catalogue, data, in_sandbox = where
    province = the_province(catalogue, in_sandbox)
    with the_store(configuration(data)) as store, _one_line():
        fact = store.incidents.add_fact(id_, kind, by, effective_at=at, value=value, text=text)
    shown = console()
    if province.simulated:
        shown.print(words.SIMULATED, style="bold yellow")
    said = f"Sự cố {id_}: {words.FACTS[kind].lower()}, {_at(province, fact.effective_at // 1000)}, {fact.by}"
    content = _content(province, fact)
    shown.print(f"{said}: {content}" if content else said, soft_wrap=True, highlight=False, markup=False)


@incidents.command("ack")
@id_argument
@at_option
@by_option
@catalogue_option
@data_option
@sandbox_option
def incidents_ack(
    id_: int, at: int | None, by: str, catalogue: Path | None, data: Path | None, in_sandbox: bool
) -> None:
    """Write down that somebody of ours has taken an incident up; of several the first instant counts.

    \b
    Example: motcua incidents ack 7 --by truc_ban --data data -c catalogue.yaml
    """
    _write(id_, FactKind.ACKNOWLEDGED, by, (catalogue, data, in_sandbox), at=at)


@incidents.command("notify-vendor")
@id_argument
@at_option
@click.option("--ticket", help="The number that the vendor gave.")
@by_option
@catalogue_option
@data_option
@sandbox_option
def incidents_notify_vendor(
    id_: int,
    at: int | None,
    ticket: str | None,
    by: str,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
) -> None:
    """Write down that the vendor was told of an incident; of several the first instant counts.

    \b
    Example: motcua incidents notify-vendor 7 --at 2026-11-24T08:15 --ticket INC-0042 --data data -c catalogue.yaml
    """
    _write(id_, FactKind.VENDOR_NOTIFIED, by, (catalogue, data, in_sandbox), at=at, value={"ticket": ticket})


@incidents.command("answer")
@id_argument
@at_option
@click.option("--claims-start", type=INSTANT, help="When it began, as the vendor says.")
@click.option("--claims-end", type=INSTANT, help="When it ended, as the vendor says.")
@by_option
@catalogue_option
@data_option
@sandbox_option
def incidents_answer(
    id_: int,
    at: int | None,
    claims_start: int | None,
    claims_end: int | None,
    by: str,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
) -> None:
    """Write down the vendor's answer; the times that he claims are shown beside the measured ones and change nothing.

    \b
    Example: motcua incidents answer 7 --at 2026-11-24T08:40 --claims-end 2026-11-24T09:05 --data data
             -c catalogue.yaml
    """
    claims = {name: at and at // 1000 for name, at in (("claims_start", claims_start), ("claims_end", claims_end))}
    _write(id_, FactKind.VENDOR_ANSWERED, by, (catalogue, data, in_sandbox), at=at, value=claims)


@incidents.command("note")
@id_argument
@click.option("--text", required=True, help="What is to be known; no personal data.")
@at_option
@by_option
@catalogue_option
@data_option
@sandbox_option
def incidents_note(
    id_: int, text: str, at: int | None, by: str, catalogue: Path | None, data: Path | None, in_sandbox: bool
) -> None:
    """Write a note down; a text with what looks like an identity card's or a telephone number is refused.

    \b
    Example: motcua incidents note 7 --text "Mất điện tại trung tâm dữ liệu" --data data -c catalogue.yaml
    """
    _write(id_, FactKind.NOTE, by, (catalogue, data, in_sandbox), at=at, text=text)


@incidents.command("attribute")
@id_argument
@click.option("--party", required=True, help="The id of the party that is responsible.")
@click.option("--root-cause", help="The id of the system at the root of it.")
@click.option("--why", required=True, help="The grounds; no personal data.")
@by_option
@catalogue_option
@data_option
@sandbox_option
def incidents_attribute(
    id_: int,
    party: str,
    root_cause: str | None,
    why: str,
    by: str,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
) -> None:
    """Decide whose the down seconds of an incident are; the latest decision counts, and all of them are kept.

    \b
    Example: motcua incidents attribute 7 --party carrier --why "Đứt cáp, có biên bản" --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    if party not in province.parties:
        raise ConfigurationError(f"party {party} is not in the catalogue ({', '.join(province.parties)})")
    if root_cause is not None:
        _check_system(province, root_cause)
    value = {"party": party, "root_cause": root_cause}
    _write(id_, FactKind.ATTRIBUTED, by, (catalogue, data, in_sandbox), value=value, text=why)


@incidents.command("close")
@id_argument
@click.option("--why", required=True, help="What was done; no personal data.")
@at_option
@by_option
@catalogue_option
@data_option
@sandbox_option
def incidents_close(
    id_: int, why: str, at: int | None, by: str, catalogue: Path | None, data: Path | None, in_sandbox: bool
) -> None:
    """Close an incident that is over. One that was reported and goes on ends with it, at --at.

    \b
    Example: motcua incidents close 7 --why "Đã thay thiết bị, theo dõi 24 giờ" --data data -c catalogue.yaml
    """
    _write(id_, FactKind.CLOSED, by, (catalogue, data, in_sandbox), at=at, text=why)


@incidents.command("report")
@click.argument("system")
@click.option("--since", type=INSTANT, required=True, help="When it began.")
@click.option("--until", type=INSTANT, help="When it ended; leave it out while it goes on.")
@click.option("--text", required=True, help="What fails; no personal data.")
@click.option(
    "--severity",
    "level",
    type=click.Choice([s.value for s in Severity]),
    help="Default: that of a function that fails.",
)
@by_option
@catalogue_option
@data_option
@sandbox_option
def incidents_report(
    system: str,
    since: int,
    until: int | None,
    text: str,
    level: str | None,
    by: str,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
) -> None:
    """Write down a fault that desk staff met and no check sees. It is listed apart, and in no availability.

    \b
    Example: motcua incidents report igate --since 2026-11-24T08:05 --text "Không in được giấy hẹn" --by mot_cua
             --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    _check_system(province, system)
    start, end = since // 1000, None if until is None else until // 1000
    severity = Severity(level) if level else IncidentRules(province).severity(system, Extent.FUNCTION, start)
    with the_store(configuration(data)) as store, _one_line():
        record = store.incidents.report(system, severity, by, text, start=start, end=end)
    shown = console()
    if province.simulated:
        shown.print(words.SIMULATED, style="bold yellow")
    said = f"Sự cố {record.id}: {_name(province, record)}, {words.SEVERITIES[severity].lower()}, cán bộ báo"
    shown.print(f"{said}, từ {_at(province, start)}", soft_wrap=True, highlight=False, markup=False)


# --- how many, how long -----------------------------------------------------------------------------------------------


@incidents.command("summary")
@click.option("--period", "wanted", required=True, help="2026-10, 2026-Q3, 2026-H1, 2026 or 2026-10-01..2026-10-20.")
@period_kind
@catalogue_option
@data_option
@sandbox_option
@json_option
def incidents_summary(
    wanted: str, kind: str, catalogue: Path | None, data: Path | None, in_sandbox: bool, as_json: bool
) -> None:
    """Number, MTTA, MTTR, MTBF and repeats of the incidents that begin in a period, by system and by party.

    Measured outages only: those that rest on imported outcomes are left out, and their number is said. MTTA is the mean
    time to acknowledgement, of those that were acknowledged; MTTR the mean down time; MTBF the available seconds by the
    number of incidents, of a party those of the systems that are its own by the catalogue. A repeat begins within 7 or
    30 days of the one before in the same system, or of the same party; those of all are the systems' together.

    \b
    Example: motcua incidents summary --period 2026-10 --kind calendar --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    span, at = _period(province, wanted, kind), now()
    if at <= span[0]:
        raise ConfigurationError(f"{wanted} has not begun")
    with the_store(configuration(data)) as store:
        province = store.terms.dated(province, at)
        card = scorecard(province, store, span, _available(province, store, span, at), at)
    if as_json:
        echo_json(
            province,
            period=wanted,
            start=span[0],
            end=span[1],
            systems=[{"system": system, **tally_json(tally)} for system, tally in card.systems.items()],
            parties=[{"party": party, **tally_json(tally)} for party, tally in card.parties.items()],
            all=tally_json(card.all),
            left_out=card.left_out,
        )
        return
    shown = console()
    running = f", tính đến {_at(province, at)}" if at < span[1] else ""
    _show_head(shown, province, f"Sự cố bắt đầu từ {_at(province, span[0])} đến {_at(province, span[1])}{running}")
    if card.left_out:
        shown.print(f"Không tính {words.number(card.left_out)} sự cố {words.IMPORTED}", style="yellow", soft_wrap=True)
    by_system = {_system(province, s): t for s, t in card.systems.items()}
    _show_tallies(shown, "Theo hệ thống", by_system | {"Tất cả": card.all})
    _show_tallies(shown, "Theo bên chịu trách nhiệm", {_party(province, p): t for p, t in card.parties.items()})


def _available(province: Catalogue, store: Store, span: tuple[int, int], at: int) -> dict[str, int]:
    """The available seconds of the raw figure of each system that counts in the period."""
    end = min(span[1], at)
    view = Timelines(province, store.boundaries(span[0], end), store.lines(), span[0], end)
    lives = {system: scheduled(span, lifetime(province, system, span[0], end), at) for system in province.systems}
    return {
        system: figure(view.system(system), life, RAW).available_seconds
        for system, life in lives.items()
        if life[0] < life[1]
    }


def tally_json(tally: Tally) -> dict[str, Any]:
    """Mean times in whole seconds, rounded up."""
    return {
        "number": tally.number,
        "down_seconds": tally.seconds,
        "mtta_seconds": _whole(tally.mtta),
        "mttr_seconds": _whole(tally.mttr),
        "mtbf_seconds": _whole(tally.mtbf),
        **{f"repeats_{days}d": count for days, count in tally.repeats.items()},
    }


def _whole(seconds: Fraction | None) -> int | None:
    return None if seconds is None else math.ceil(seconds)


def _show_tallies(shown: Console, title: str, told: Mapping[str, Tally]) -> None:
    table = Table(title=title, title_justify="left")
    headings = ("Số sự cố", "Gián đoạn", "MTTA", "MTTR", "MTBF", *(f"Lặp lại {days} ngày" for days in REPEAT_DAYS))
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, tally in told.items():
        table.add_row(
            name,
            words.number(tally.number),
            words.duration(tally.seconds),
            *(mean_text(mean) for mean in (tally.mtta, tally.mttr, tally.mtbf)),
            *(words.number(count) for count in tally.repeats.values()),
        )
    shown.print()
    shown.print(table)


# --- small things -----------------------------------------------------------------------------------------------------


def _check_system(province: Catalogue, system: str) -> None:
    if system not in province.systems:
        raise ConfigurationError(f"system {system} is not in the catalogue ({', '.join(province.systems)})")


def _show_head(shown: Console, province: Catalogue, what: str) -> None:
    if province.simulated:
        shown.print(words.SIMULATED, style="bold yellow")
    shown.print(Text(f"{province.province.name.vi} · {what}", "bold"), soft_wrap=True)


def _name(province: Catalogue, record: IncidentRecord) -> str:
    if record.location is not None:
        place = province.locations.get(record.location)
        return f"Điểm đo {place.name.vi if place else record.location}"
    return _system(province, record.system)


def _system(province: Catalogue, system: str) -> str:
    """Its name; of one that has left the catalogue the id."""
    return province.systems[system].name.vi if system in province.systems else system


def _party(province: Catalogue, party: str | None) -> str:
    if party is None:
        return ""
    return province.parties[party].name.vi if party in province.parties else party


def _at(province: Catalogue, seconds: int) -> str:
    return words.instant(seconds, ZoneInfo(province.province.timezone))
