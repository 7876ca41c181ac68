"""Commands about evidence: what failed tries showed, the seals over all that was received, and whether they hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, Any, NamedTuple
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.text import Text

from monitor import words
from monitor.catalogue import Catalogue
from monitor.cli.incidents import clocks_json, id_argument, now
from monitor.cli.shared import (
    FILE,
    INSTANT,
    catalogue_option,
    data_option,
    echo_json,
    json_option,
    progress_of,
    sandbox_option,
    the_province,
    the_store,
    zone_of_environment,
)
from monitor.handover import (
    REACHES,
    Dated,
    Page,
    Window,
    keys_of,
    pack,
    recount,
    settings_text,
    systems_of,
    window,
)
from monitor.handover_texts import PROGRAMS, method, procedure
from monitor.incident_rules import IncidentKind, IncidentRules
from monitor.incidents import Clocks, Incident
from monitor.judge import latest_ms
from monitor.live import console
from monitor.model import CONTROL_SYSTEM, Outcome, Reason, Verdict
from monitor.scorecards import brought_in
from monitor.seals import Finding, Part, Seal, compare_copies, date_of, day_of, read_copies
from monitor.store import Store, StoreError
from monitor.store.evidence import Progress, Stored, Verification
from monitor.store.incidents import Fact, IncidentError, IncidentRecord
from monitor.store.rebuild import Difference
from monitor.terms import as_of
from monitor.wire import export_line
from monitor.wiring import ConfigurationError, configuration


class DayType(click.ParamType):
    """2026-11-23, a day of UTC."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; write 2026-11-23", param, ctx)


def _day(day: date | None) -> str:
    return "" if day is None else day.strftime("%d/%m/%Y")


# --- seals ------------------------------------------------------------------------------------------------------------


@click.command()
@data_option
@json_option
def seals(data: Path | None, as_json: bool) -> None:
    """The seal of every day: lines to be kept outside of the store as they are, for `motcua verify --against`.

    A day is one of UTC: it ends at 07:00 in Viet Nam, and is sealed by the process that records.

    \b
    Example: motcua seals --data data > seals.txt
    """
    with the_store(configuration(data)) as store:
        chain, waiting = store.evidence.seals(), store.evidence.unsealed()
    if as_json:
        shown = {"seals": [_seal_json(seal) for seal in chain], "waiting": [day.isoformat() for day in waiting]}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    for seal in chain:
        click.echo(seal.line)
    if waiting:
        click.echo(f"Chưa niêm phong: {', '.join(map(_day, waiting))}", err=True)


def _seal_json(seal: Seal) -> dict[str, Any]:
    return {**seal._asdict(), "day": seal.day.isoformat()}


# --- verify -----------------------------------------------------------------------------------------------------------


@click.command()
@click.option("--day", type=DayType(), help="One day of UTC only, such as 2026-11-23.")
@click.option("--against", type=FILE, help='Seals that were kept outside: lines "2026-11-23 <digest>".')
@click.option("--lines", is_flag=True, help="Judge all outcomes again, too, and compare lines and roll-ups.")
@click.option("--from", "start", type=INSTANT, help="With --lines: only rows from this instant on.")
@click.option("--to", "end", type=INSTANT, help="With --lines: only rows before this instant.")
@data_option
@json_option
def verify(
    day: date | None,
    against: Path | None,
    lines: bool,
    start: int | None,
    end: int | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Make every digest and every seal again, and say what does not match.

    Whoever can write the store can make its seals again, too: only seals that were kept outside show that.
    Exit code 0 when all is well, 1 when something does not match.

    With --lines all outcomes are judged again beside the store, and of each table that is made from them the first row
    is told that is not what they give: system, check, location, instant.

    \b
    Example: motcua verify --against seals.txt --lines --from 2026-11-01 --data data
    """
    if not lines and (start is not None or end is not None):
        raise click.UsageError("--from and --to go with --lines")
    if start is not None and end is not None and end <= start:
        raise ConfigurationError("--to does not come after --from")
    copies = _copies(against, day) if against else {}
    with the_store(configuration(data)) as store:
        chain = {seal.day: seal for seal in store.evidence.seals()}
        if day is not None and day not in chain:
            raise ConfigurationError(f"{day} has no seal; `motcua seals` shows all")
        with progress_of("Kiểm tra", None) as progress:
            found = store.evidence.verify(day, progress)
        if lines:
            span = (None if at is None else at // 1000 for at in (start, end))
            with progress_of("Dựng lại để so sánh", None) as progress:
                differ = store.verify_lines(progress, *span)
            found = found._replace(findings=(*found.findings, *map(_line_finding, differ)))
    findings = [*found.findings, *compare_copies(chain, copies)]
    findings.sort(key=lambda f: (f.day or date.min, f.part, f.text))
    if as_json:
        said = _verification_json(found, findings, copies) | {"lines": lines}
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
    else:
        _show_verification(console(), found, findings, copies, lines=lines)
    sys.exit(1 if findings or found.unchecked else 0)


_TABLES = {
    "lines": "trạng thái hiện tại",
    "boundaries": "đường trạng thái",
    "rollups": "số đếm theo giờ",
    "days": "số đếm theo ngày",
    "reasons": "số đếm theo nguyên nhân",
    "blind": "thời gian mất quan sát",
}


def _line_finding(different: Difference) -> Finding:
    table, system, check, location, at, stored, made = different
    where = f"{system}/{check} tại {location}" if system else f"nơi đo {location}"
    when = "" if at is None else f", từ {words.instant(at, zone_of_environment())}"
    what = "thừa trong kho" if made is None else "thiếu trong kho" if stored is None else "khác kết quả dựng lại"
    return Finding(None, Part.LINES, f"{_TABLES[table]} {where}{when}: {what}")


def _copies(file: Path, day: date | None) -> Mapping[date, str]:
    """The seals of a file, of one day if it is named. Raises ConfigurationError."""
    try:
        copies = read_copies(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file}: can't read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: not UTF-8 text; `motcua seals` writes such a file") from None
    except ValueError as error:
        raise ConfigurationError(f"{file}: {error}") from None
    if day is not None:
        copies = {of: digest for of, digest in copies.items() if of == day}
    if not copies:
        missing = "no seal" if day is None else f"no seal of {day}"
        raise ConfigurationError(f"{file}: there is {missing} in it; `motcua seals` writes such a file")
    return copies


def _verification_json(found: Verification, findings: list[Finding], copies: Mapping[date, str]) -> dict[str, Any]:
    return {
        "well": not findings and not found.unchecked,
        "days": found.days,
        "outcomes": found.outcomes,
        "evidence": found.evidence,
        "copies": len(copies),
        "findings": [{"day": f.day and f.day.isoformat(), "part": f.part, "text": f.text} for f in findings],
        "unchecked": [day.isoformat() for day in found.unchecked],
        "waiting": [day.isoformat() for day in found.waiting],
        "unsealed_outcomes": found.unsealed,
    }


PARTS: Mapping[Part, str] = {
    Part.OUTCOMES: "Kết quả đo",
    Part.EVIDENCE: "Chứng cứ",
    Part.CLOSED: "Số liệu đã chốt",
    Part.LINES: "Đường trạng thái",
    Part.CHAIN: "Chuỗi con dấu",
    Part.SEAL: "Con dấu",
    Part.MISSING: "Thiếu con dấu",
    Part.OUTSIDE: "Bản lưu bên ngoài",
}


def _show_verification(
    shown: Console, found: Verification, findings: list[Finding], copies: Mapping[date, str], *, lines: bool
) -> None:
    def say(text: str, style: str = "") -> None:
        shown.print(text, style=style, soft_wrap=True, highlight=False, markup=False)

    days, outcomes, evidence = map(words.number, (found.days, found.outcomes, found.evidence))
    say(f"Đã kiểm tra {days} ngày niêm phong, {outcomes} kết quả đo, {evidence} chứng cứ (ngày tính theo giờ UTC)")
    if lines:
        say("Đã dựng lại mọi trạng thái và số đếm từ kết quả đo để so sánh")
    if found.unchecked:
        say(f"Chỉ kiểm tra được chuỗi con dấu, kết quả đo không còn lưu: {', '.join(map(_day, found.unchecked))}")
    if found.waiting:
        say(f"Chưa niêm phong: {', '.join(map(_day, found.waiting))}")
    if found.unsealed:
        say(f"{words.number(found.unsealed)} kết quả đo có từ trước khi áp dụng niêm phong")
    if copies:
        say(f"So với {words.number(len(copies))} con dấu lưu bên ngoài, mới nhất là của ngày {_day(max(copies))}")
    elif found.days:
        say("Chưa so với con dấu lưu bên ngoài (--against): ai ghi được vào kho thì cũng làm lại được con dấu")
    if not findings:
        if found.unchecked:
            say("CHƯA ĐỦ: phần kiểm tra được thì khớp, các ngày nêu trên chưa kiểm tra được kết quả đo", "bold yellow")
        else:
            say("KHỚP: không thấy thay đổi nào", "bold green")
        return
    say(f"KHÔNG KHỚP: {words.number(len(findings))} điểm", "bold red")
    for finding in findings:
        said = [_day(finding.day), f"[{PARTS[finding.part]}]", finding.text]
        say("  " + "  ".join(filter(None, said)))


# --- of an incident ---------------------------------------------------------------------------------------------------


@click.group()
def evidence() -> None:
    """What the failed tries of an incident showed, on the screen or as a file for the vendor.

    \b
    Example: motcua evidence export 7 --out su-co-7.zip --data data -c catalogue.yaml
    """


class _Asked(NamedTuple):
    """An incident; `seen` as the lines make it now, None where they make none."""

    record: IncidentRecord
    facts: Sequence[Fact]
    clocks: Clocks
    seen: Incident | None
    imported: bool


def _ask(store: Store, rules: IncidentRules, id_: int, at: int) -> _Asked:
    """Raises ConfigurationError for an incident that there is not, or of which nothing was measured."""
    book = store.incidents
    try:
        record = book.get(id_)
        imported = bool(brought_in(rules.catalogue, store, [record], at))
        asked = _Asked(record, book.facts(id_), book.clocks(id_), book.seen(rules, id_, at), imported)
    except IncidentError as error:
        raise ConfigurationError(str(error)) from None
    if asked.record.kind is IncidentKind.REPORTED:
        raise ConfigurationError(f"incident {id_} was told by desk staff: nothing was measured, there is no evidence")
    return asked


def _dated(store: Store, checks: Iterable[tuple[str, str]]) -> Dated:
    """What judged these checks."""
    wanted = set(checks)
    known = {system: store.evidence.settings_of(system) for system, _ in wanted}
    return {key: known[key[0]][key[1]] for key in sorted(wanted) if key[1] in known[key[0]]}


# --- show -------------------------------------------------------------------------------------------------------------


@evidence.command("show")
@id_argument
@catalogue_option
@data_option
@sandbox_option
@json_option
def evidence_show(id_: int, catalogue: Path | None, data: Path | None, in_sandbox: bool, as_json: bool) -> None:
    """What was seen of the failed tries of an incident, its parents' too, with digests and the days of their seals.

    Of the tries that fail alike only some bring evidence: the first three, each change of reason, then one in five
    minutes.

    \b
    Example: motcua evidence show 7 --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    at = now()
    with the_store(configuration(data)) as store:
        rules = IncidentRules(store.terms.dated(province, at))
        asked = _ask(store, rules, id_, at)
        failed, seen = _failures(store, rules, asked, at)
        sealed = {seal.day for seal in store.evidence.seals()}
    if as_json:
        tries = [_stored_json(stored, sealed) for stored in seen]
        echo_json(province, incident=id_, system=asked.record.system, failed_tries=failed, evidence=tries)
    else:
        _show_evidence(console(), province, asked.record, failed, seen, sealed)


def _failures(store: Store, rules: IncidentRules, asked: _Asked, at: int) -> tuple[int, list[Stored]]:
    """How many tries failed that started in the incident, and what was seen of them, in order of start."""
    record = asked.record
    systems = [record.system]
    if record.kind is IncidentKind.OUTAGE and record.system in rules:
        systems = systems_of(rules, record.system)
    start = 1000 * (asked.seen.outages[0].start if asked.seen else record.start)
    end = 1000 * (at if record.end is None else record.end)
    settings = [each for system in systems for rows in store.evidence.settings_of(system).values() for _, each in rows]
    since = start - max(map(latest_ms, settings), default=0)

    def is_in(location: str, started_at: int) -> bool:
        return start <= started_at < end and record.location in (None, location)

    failed = sum(
        outcome.verdict is Verdict.DOWN and is_in(outcome.location, outcome.started_at)
        for system in systems
        for outcome in store.outcomes(since, end, system)
    )
    found: list[tuple[int, Stored]] = []
    for system in systems:
        for stored in store.evidence.of_tries(system, since, end):
            told = json.loads(stored.body)
            if is_in(told["location"], told["started_at"]):
                found.append((told["started_at"], stored))
    return failed, [stored for _, stored in sorted(found)]


def _received(stored: Stored) -> date:
    return date_of(day_of(stored.received_at))


def _stored_json(stored: Stored, sealed: set[date]) -> dict[str, Any]:
    day = _received(stored)
    return {
        **json.loads(stored.body),
        "received_at": stored.received_at,
        "digest": stored.digest,
        "sealed": day.isoformat() if day in sealed else None,
    }


def _show_evidence(
    shown: Console, province: Catalogue, record: IncidentRecord, failed: int, seen: list[Stored], sealed: set[date]
) -> None:
    if province.simulated:
        shown.print(words.SIMULATED, style="bold yellow")
    title = f"{province.province.name.vi} · Chứng cứ của sự cố {record.id}: {_system(province, record.system)}"
    shown.print(Text(title, "bold"), soft_wrap=True)
    counts = f"{words.number(failed)} lần đo lỗi, {words.number(len(seen))} lần có chứng cứ"
    shown.print(counts, soft_wrap=True, highlight=False)
    for stored in seen:
        shown.print()
        for label, said in _told(province, stored, sealed):
            shown.print(Text.assemble((f"{label:<{_LABEL}}", "dim"), said), soft_wrap=True)


_PHASES = {"dns": "tên miền", "connect": "kết nối", "tls": "TLS", "wait": "chờ", "transfer": "nhận"}
_LABEL = 14  # characters; the longest label and two blanks


def _told(province: Catalogue, stored: Stored, sealed: set[date]) -> Iterator[tuple[str, str]]:
    """What was seen of a try, line by line."""
    told = json.loads(stored.body)
    exchange = told["exchange"]
    place = province.locations.get(told["location"])
    where = place.name.vi if place else told["location"]
    yield "Lúc", words.instant(told["started_at"] / 1000, ZoneInfo(province.province.timezone))
    yield "Kiểm tra", f"{_system(province, told['system'])}, {told['check']}, từ {where}, lần thử {told['try']}"
    yield "Lỗi", words.what_fails(told["step"], Reason(told["reason"]) if told["reason"] else None)
    yield "Yêu cầu", exchange["request"]
    reply = [f"HTTP {exchange['status']}" if exchange["status"] else "không có trả lời HTTP"]
    reply += [f"{words.number(exchange['length'])} byte"] if exchange["length"] else []
    reply += [f"từ {exchange['address']}"] if exchange["address"] else []
    yield "Trả lời", ", ".join(reply)
    for name, value in exchange["headers"]:
        yield "Tiêu đề", f"{name}: {value}"
    for label, said in (
        ("Chứng thư", exchange["certificate"]),
        ("Lỗi kết nối", exchange["error"]),
        ("Chi tiết", exchange["detail"]),
        ("Nội dung", exchange["body"]),
    ):
        if said:
            yield label, said
    took = ", ".join(f"{name} {words.milliseconds(told['phases'][phase] / 1e6)}" for phase, name in _PHASES.items())
    yield "Thời gian", took
    day = _received(stored)
    yield "Niêm phong", f"ngày {_day(day)} (UTC)" if day in sealed else f"chưa, sau khi hết ngày {_day(day)} (UTC)"
    yield "SHA-256", stored.digest


def _system(province: Catalogue, system: str) -> str:
    return province.systems[system].name.vi if system in province.systems else system


# --- export -----------------------------------------------------------------------------------------------------------


@evidence.command("export")
@id_argument
@click.option("--out", type=FILE, required=True, help="ZIP file to write.")
@click.option("--with-days", is_flag=True, help="All that the seals are over, other systems too: seals can be remade.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
@catalogue_option
@data_option
@sandbox_option
def evidence_export(
    id_: int,
    out: Path,
    with_days: bool,
    force: bool,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
) -> None:
    """The evidence of an outage as a ZIP file: tries, what was seen, what judged, seals, and how to count it again.

    It holds the tries of the system's critical checks, of those of its parents and of the locations' controls, from
    before the outage to after it. They are counted again before they are written. The same store gives the same bytes.

    \b
    Example: motcua evidence export 7 --out su-co-7.zip --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    if out.exists() and not force:
        raise ConfigurationError(f"{out} exists; --force overwrites it")
    at = now()
    with the_store(configuration(data)) as store:
        province = store.terms.dated(province, at)
        asked = _ask(store, IncidentRules(province), id_, at)
        if asked.seen is None:
            why = "it is no outage of a system that is in the catalogue, or it was withdrawn"
            raise ConfigurationError(f"incident {id_} has no down seconds to count again: {why}")
        with progress_of("Đọc kết quả đo", None, passing=True) as progress:
            rules = IncidentRules(as_of(province, asked.seen.start))
            packet = _choose(store, rules, asked, asked.seen, at, progress)
        with _new_file(out) as target, progress_of("Đóng gói", None, passing=True) as progress:
            marking = words.SIMULATED if province.simulated else ""
            pack(target, _pages(store, packet, progress if with_days else None), marking)
    click.echo(f"{len(packet.outcomes)} outcomes, {len(packet.evidence)} pieces of evidence: {out}", err=True)


class _Packet(NamedTuple):
    """What goes out of the store."""

    rules: IncidentRules
    asked: _Asked
    incident: Incident
    span: Window
    dated: Dated
    outcomes: Sequence[Outcome]
    evidence: Sequence[Stored]
    days: Sequence[date]
    seals: Mapping[date, Seal]

    @property
    def sealed(self) -> list[date]:
        return [day for day in self.days if day in self.seals]

    @property
    def chain(self) -> list[Seal]:
        """From the seal before the first day to that of the last one."""
        if not self.sealed:
            return []
        chain = [seal for day, seal in self.seals.items() if day <= self.sealed[-1]]
        before = sum(seal.day < self.sealed[0] for seal in chain)
        return chain[max(before - 1, 0) :]


def _choose(
    store: Store, rules: IncidentRules, asked: _Asked, incident: Incident, at: int, progress: Progress
) -> _Packet:
    """As little as gives the incident again. Raises StoreError where what is kept does not."""
    keys = set(keys_of(rules, incident.system))
    dated = _dated(store, (key[:2] for key in keys))
    systems = [*systems_of(rules, incident.system), CONTROL_SYSTEM]
    for holds in REACHES if dated else ():
        span = window(rules, incident, dated, holds, at)
        limits = span.start * 1000, span.end * 1000
        outcomes: list[Outcome] = []
        for number, system in enumerate(systems):
            progress(number, len(systems))
            of = store.outcomes(*limits, system)
            outcomes += [outcome for outcome in of if (outcome.system, outcome.check, outcome.location) in keys]
        progress(len(systems), len(systems))
        if recount(rules, incident, outcomes, dated, span) is None:
            continue
        outcomes.sort(key=_identity)
        found = [
            one for system in systems for one in store.evidence.of_tries(system, *limits) if _key(one)[1:4] in keys
        ]
        found.sort(key=_key)
        days = sorted({day for system in systems for day in store.evidence.days_of(system, *limits)})
        chain = {seal.day: seal for seal in store.evidence.seals()}
        return _Packet(rules, asked, incident, span, dated, outcomes, found, days, chain)
    raise StoreError(
        f"the outcomes that are kept do not give incident {asked.record.id} again: `motcua rebuild` judges them anew; "
        "those of a time whose outcomes are no longer kept cannot be exported, nor an outage within which the terms of "
        "its system have changed (`motcua terms list`)"
    )


def _identity(o: Outcome) -> tuple[int, str, str, str, int]:
    return o.due_at, o.system, o.check, o.location, o.try_


def _key(stored: Stored) -> tuple[Any, ...]:
    told = json.loads(stored.body)
    return tuple(told[name] for name in ("due_at", "system", "check", "location", "try", "step"))


@contextmanager
def _new_file(out: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name only when it is complete. Raises ConfigurationError."""
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as target:
            yield target
        part.replace(out)
    except OSError as error:
        raise ConfigurationError(f"{out}: can't write: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _pages(store: Store, packet: _Packet, progress: Progress | None) -> Iterator[Page]:
    """The files of the packet; with progress the days too."""
    province, id_ = packet.rules.catalogue, packet.asked.record.id
    marking = words.SIMULATED if province.simulated else ""
    waiting = [day for day in packet.days if day not in packet.seals]
    unsealed = f"Chưa niêm phong: {', '.join(map(_day, waiting))} (ngày UTC kết thúc lúc 07:00)." if waiting else ""
    with_days = progress is not None and bool(packet.sealed)
    system = packet.incident.system
    title = f"Hệ thống: {_system(province, system)} ({system}), {province.province.name.vi}."
    zone = province.province.timezone
    page = procedure(id_, title, _measured(packet, ZoneInfo(zone)), zone, unsealed, marking=marking, days=with_days)
    yield Page("QUY-TRINH.md", [page])
    yield Page("PHUONG-PHAP.md", [method(marking=marking)])
    yield Page("incident.json", [_incident_text(packet)])
    yield Page("settings.json", [settings_text(packet.rules, packet.incident, packet.dated, packet.span)])
    yield Page("outcomes.jsonl", (f"{export_line(outcome)}\n" for outcome in packet.outcomes))
    yield Page("evidence.jsonl", (f"{stored.body}\n" for stored in packet.evidence))
    yield Page("digests.txt", (f"{stored.digest} {_received(stored)}\n" for stored in packet.evidence))
    yield Page("seals.txt", [*([f"# {marking}\n"] if marking else []), *(f"{seal.line}\n" for seal in packet.chain)])
    for name, program in PROGRAMS.items():
        yield Page(name, [program])
    if progress is not None:
        yield from _days(store, packet, progress)


def _days(store: Store, packet: _Packet, progress: Progress) -> Iterator[Page]:
    """All that the seals of the days are over."""
    chosen = [packet.seals[day] for day in packet.sealed]
    total, done = sum(1 + seal.outcomes + seal.evidence for seal in chosen), 0

    def counted(lines: Iterator[str]) -> Iterator[str]:
        nonlocal done
        for line in lines:
            if done % 1000 == 0:
                progress(done, total)
            done += 1
            yield line

    for seal in chosen:
        yield Page(f"days/{seal.day}.txt", counted(store.evidence.content(seal.day)))
    progress(done, total)


def _measured(packet: _Packet, zone: ZoneInfo) -> str:
    incident = packet.incident
    end = f"đến {words.instant(incident.end, zone)}"
    what = "Theo số liệu" if packet.asked.imported else "Đo được"
    said = f"{what}: gián đoạn từ {words.instant(incident.start, zone)} {end}"
    said += " và còn tiếp diễn" if incident.ongoing else ""
    said += f", {words.number(incident.seconds)} giây gián đoạn."
    if packet.asked.imported:
        brought = sum(outcome.origin == "imported" for outcome in packet.outcomes)
        said += f"\n\n**Gói này {words.IMPORTED}**: {words.number(brought)} / {words.number(len(packet.outcomes))} "
        said += 'kết quả trong outcomes.jsonl (`"origin":"imported"`). Hệ thống này không tự đo được đúng như vậy.'
    return said


def _incident_text(packet: _Packet) -> str:
    """JSON, one line for each of its parts: the page looks for one of them."""
    province, record, incident = packet.rules.catalogue, packet.asked.record, packet.incident
    parts: dict[str, Any] = {
        "simulated": province.simulated,
        **({"marking": words.SIMULATED} if province.simulated else {}),
        "province": {"id": province.province.id, "name": province.province.name.vi},
        "incident": record.id,
        "system": {"id": record.system, "name": _system(province, record.system)},
        "measured": {
            "start": incident.start,
            "end": incident.end,
            "down_seconds": incident.seconds,
            "ongoing": incident.ongoing,
        },
        "imported": packet.asked.imported,
        "state": record.state,
        "severity": record.severity,
        "party": record.party,
        "failure": {
            "step": record.step,
            "reason": record.reason,
            "text": words.what_fails(record.step, record.reason),
        },
        "outages": [
            {
                "start": outage.start,
                "end": outage.end,
                "down_seconds": outage.seconds,
                "stretches": [
                    {"start": s.start, "end": s.end, "root": s.root, "party": s.party} for s in outage.stretches
                ],
            }
            for outage in incident.outages
        ],
        "clocks": clocks_json(packet.asked.clocks),
        "facts": [fact._asdict() for fact in packet.asked.facts],
        "days": {str(day): seal.digest if (seal := packet.seals.get(day)) else None for day in packet.days},
    }
    lines = [f"{json.dumps(name)}:{_dump(value)}" for name, value in parts.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


_dump = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
