"""Commands about dossiers: collect, import, form, index766, impact, reconcile."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table

from connectors.igate_dossiers import DossierSearch
from monitor import calendars, collection, index766, kpis, periods, spreadsheets, words
from monitor import dossiers as counting
from monitor.availability import NO_FIGURE
from monitor.catalogue import STATE_CALENDAR, Catalogue
from monitor.cli.figures import KINDS, by_option
from monitor.cli.shared import (
    DURATION,
    FILE,
    Seconds,
    catalogue_option,
    data_option,
    json_option,
    location_option,
    log_to_stderr,
    progress_of,
    sandbox_option,
    stopping,
    the_province,
    the_store,
    zone_of_environment,
)
from monitor.collection import SIMULATED_META, CollectionError
from monitor.dossiers import COLUMNS, HEADINGS, TOTAL, AmbiguousUnit, By, Counts, Form, Source, UnitTree, Violation
from monitor.live import console
from monitor.model import State
from monitor.periods import Kind, Period
from monitor.spans import Span, union
from monitor.status import Timelines
from monitor.store import Store, StoreError
from monitor.store.dossiers import KeptForm
from monitor.store.incidents import IncidentRecord
from monitor.wiring import ConfigurationError, configuration, location_of


@click.group()
def dossiers() -> None:
    """Dossiers of the one-stop desk: the official form, index 766, what outages touched. No personal data is kept.

    \b
    Example: motcua dossiers form --period 2026-10 --kind admin_15_14 --data data
    """


def now() -> int:
    return int(time.time())


@dataclass
class _Asked:
    """What every command is asked with: the period and its seconds, the unit, where from, how to answer.

    `simulated`: the catalogue's systems are, or the dossiers in the store came from such.
    """

    period: Period
    span: tuple[int, int]
    zone: ZoneInfo
    unit: str | None
    province: Catalogue | None
    data: Path | None
    as_json: bool
    named: bool  # the period was written, not taken from the clock
    simulated: bool

    @property
    def head(self) -> str:
        return self.period.vi_dated

    @property
    def days(self) -> str:
        return _days(self.period.start, self.period.end)

    @contextmanager
    def store(self, *, create: bool = False) -> Iterator[Store]:
        with the_store(configuration(self.data), create=create) as store:
            self.simulated |= store.meta().get(SIMULATED_META) == "yes"
            yield store

    def echo(self, **values: Any) -> None:
        shown: dict[str, Any] = {"simulated": self.simulated}
        if self.province is not None:
            shown["province"] = self.province.province.id
        last = self.period.end - timedelta(days=1)
        shown["period"] = {
            "kind": self.period.kind, "name": self.period.name,
            "first_day": self.period.start.isoformat(), "last_day": last.isoformat(),
        }  # fmt: skip
        click.echo(json.dumps({**shown, **values}, ensure_ascii=False, indent=2))

    def show_head(self, shown: Console, what: str) -> None:
        if self.simulated:
            shown.print(words.SIMULATED, style="bold yellow")
        shown.print(f"{what} · {self.head}", style="bold", soft_wrap=True, markup=False, highlight=False)


def _asked(*, needs_catalogue: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that all commands share, handed over as one value."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def asked(
            period: str | None,
            kind: str | None,
            unit: str | None,
            catalogue: Path | None,
            data: Path | None,
            in_sandbox: bool,
            as_json: bool,
            **others: Any,
        ) -> None:
            province = None
            if needs_catalogue or catalogue or in_sandbox or os.environ.get("MOTCUA_CATALOGUE"):
                province = the_province(catalogue, in_sandbox)
            zone = ZoneInfo(province.province.timezone) if province else zone_of_environment()
            chosen = _chosen(period, kind, zone)
            span = periods.seconds(chosen, zone)
            simulated = province is not None and province.simulated
            command(_Asked(chosen, span, zone, unit, province, data, as_json, period is not None, simulated), **others)

        options = (
            click.option("--period", help="2026-10, 2026-Q3, 2026-H1, 2026-9M, 2026 or 2026-10-01..2026-10-20."),
            click.option("--kind", type=click.Choice(KINDS), help="Which days the period means (default: calendar)."),
            click.option("--unit", help="One unit and all below it, by its code or its name."),
            catalogue_option,
            data_option,
            sandbox_option,
            json_option,
        )
        for option in reversed(options):
            asked = option(asked)
        return asked

    return decorate


def _chosen(name: str | None, kind: str | None, zone: ZoneInfo) -> Period:
    if name is None:
        if kind not in (None, Kind.CALENDAR):
            raise click.UsageError(f"--kind {kind} cần có --period")
        name = f"{datetime.fromtimestamp(now(), zone):%Y-%m}"
    kind = kind or (Kind.CUSTOM if ".." in name else Kind.CALENDAR)
    try:
        return periods.parse(name, kind)
    except periods.PeriodError:
        ways = "2026-10, 2026-Q3, 2026-H1, 2026-9M, 2026 hoặc 2026-10-01..2026-10-20"
        if kind == Kind.CUSTOM:
            ways = "2026-10-01..2026-10-20, ngày đầu không sau ngày cuối"
        raise ConfigurationError(f"--period {name}: không phải kỳ loại {kind}; ghi {ways}") from None


def _find(units: UnitTree, text: str, day: date) -> str | None:
    """The code of a unit; ConfigurationError where several have this name."""
    try:
        return units.find(text, day)
    except AmbiguousUnit as error:
        codes = ", ".join(sorted(error.codes))
        said = f"{len(error.codes)} đơn vị cùng có tên {text.strip()}: ghi mã đơn vị thay cho tên ({codes})"
        raise ConfigurationError(said) from None


def _unit_code(units: UnitTree, store: Store, asked: _Asked) -> str | None:
    """The code of the unit that is asked for; ConfigurationError where nobody knows it."""
    wanted = asked.unit
    if wanted is None:
        return None
    found = _find(units, wanted, asked.period.last)
    if found is None and wanted in store.dossiers.unit_codes():
        found = wanted
    if found is None:
        raise ConfigurationError(f"không có đơn vị {wanted}; `motcua dossiers form` liệt kê tên các đơn vị")
    return found


# --- collect ----------------------------------------------------------------------------------------------------------


@dossiers.command()
@click.option("--system", help="The system to ask; needed where the catalogue has several of connector igate.")
@click.option("--rate", type=click.FloatRange(0.1, 20), default=5, show_default=True, help="Requests a second at most.")
@click.option("--only", type=click.Choice(["dossiers", "statistics"]), help="Only one of the two.")
@click.option("--every", type=DURATION, help="Again and again, such as every 15m, until it is stopped.")
@click.option("--gone", is_flag=True, help="Then look which dossiers (of --period, else all) iGate has no more.")
@_asked(needs_catalogue=True)
def collect(
    asked: _Asked, system: str | None, rate: float, only: str | None, every: Seconds | None, gone: bool
) -> None:
    """Collect from iGate what has changed since the last time; what was broken off goes on. It only reads.

    The first time everything is collected, or, with --period, what has changed since its first day. With --period
    iGate's own statistics of it are kept too, where the catalogue has their path. --json: new, changed, pages,
    requests, resumed, bad (dossiers that can't be read), listed, kept, until, seconds, statistics (version of a form),
    gone (codes of those that --gone found now; they are counted as before, and `form` names them).

    \b
    Example: motcua dossiers collect --rate 10 --data data -c catalogue.yaml
    """
    assert asked.province is not None
    if asked.unit is not None:
        raise click.UsageError("--unit không dùng ở đây: luôn thu thập mọi đơn vị")
    system = _one(collection.igate_systems(asked.province), system, "igate")
    if gone and (only == "statistics" or every is not None):
        raise click.UsageError("--gone goes with one collection of dossiers, not with --only statistics or --every")
    counted = only is None and asked.province.dossiers.source == "statistics"
    if only == "statistics" and not (asked.named and collection.search_of(asked.province, system).has_statistics):
        raise ConfigurationError(f"--only statistics needs a --period, and {system} paths.statistics")
    if counted:
        if not collection.search_of(asked.province, system).has_statistics:
            raise ConfigurationError(f"dossiers.source is statistics, which needs {system} paths.statistics")
        only, asked.named = "statistics", True  # of this month, where no period is named
    with asked.store(create=True) as store:
        if asked.province.simulated:
            store.set_meta(SIMULATED_META, "yes")
        if every is None:
            _collect(asked, store, system, rate, only, gone=gone)
            return
        with stopping() as stop:
            while not stop.is_set():
                try:
                    _collect(asked, store, system, rate, only, stop)
                except (CollectionError, StoreError) as error:
                    if getattr(error, "permanent", False):
                        raise
                    click.echo(f"motcua: {error}; again in {words.duration(every)}", err=True)
                except _Stopped:
                    break
                stop.wait(every)


class _Stopped(Exception):
    """A collection is given up between two pages; the next one goes on there."""


def _collect(
    asked: _Asked,
    store: Store,
    system: str,
    rate: float,
    only: str | None,
    stop: threading.Event | None = None,
    *,
    gone: bool = False,
) -> None:
    assert asked.province is not None
    search = collection.search_of(asked.province, system)
    began = time.monotonic()
    done, taken, lost = None, None, None
    with collection.client_of(asked.province, system, rate) as client:
        if only != "statistics":
            with progress_of("Hồ sơ", None) as shown:

                def progress(so_far: collection.Summary) -> None:
                    shown(*[so_far.new + so_far.changed] * 2)
                    if stop is not None and stop.is_set():
                        raise _Stopped

                done = collection.collect(
                    store, client, search, system, asked.zone,
                    since=asked.span[0] if asked.named else None,
                    progress=progress,
                )  # fmt: skip
        if gone and done is not None:
            lost = _look_for_gone(asked, store, client, search, system, done)
        if only != "dossiers" and asked.named and search.has_statistics:
            form = collection.statistics(client, search, asked.period.start, asked.period.end, asked.zone)
            broken = store.dossiers.checked(form)
            taken = store.dossiers.keep_form(form, broken, at=now(), by="collect", reason="thu thập lại")
            _say_violations(broken)
    seconds = round(time.monotonic() - began, 1)
    for code, why in (done.bad if done else ())[:20]:
        click.echo(f"{system}: dossier {code} can't be read: {why}", err=True)
    if asked.as_json:
        said = {} if done is None else asdict(done)
        asked.echo(**said, seconds=seconds, statistics=None if taken is None else taken.version, gone=lost)
        return
    if done is not None:
        text = f"Hồ sơ mới: {words.number(done.new)}, thay đổi: {words.number(done.changed)}; "
        text += f"{words.number(done.pages)} trang, {words.number(done.requests)} yêu cầu, {words.duration(seconds)}"
        click.echo(text)
        if done.listed is not None:
            click.echo(f"iGate có {words.number(done.listed)} hồ sơ, đã lưu {words.number(done.kept)}")
    if lost is not None:
        click.echo(_codes("Hồ sơ mới thấy không còn trên iGate", lost))
    if taken is not None:
        click.echo(f"Thống kê của iGate: {len(taken.form.rows)} đơn vị, phiên bản {taken.version}")


def _look_for_gone(
    asked: _Asked,
    store: Store,
    client: collection.Client,
    search: DossierSearch,
    system: str,
    done: collection.Summary,
) -> list[str]:
    """Of the period, or of all days of which all dossiers are here."""
    days = collection.days_accepted(store, asked.zone, done.until)
    if days is None:
        return []
    if asked.named:
        days = max(days[0], asked.period.start), min(days[1], asked.period.end)
    with progress_of("Không còn trên iGate", None) as shown:
        return collection.look_for_gone(
            store, client, search, system, asked.zone, days, progress=lambda found: shown(found, found)
        )


def _one(known: Sequence[str], wanted: str | None, kind: str) -> str:
    if not known:
        raise ConfigurationError(f"the catalogue has no system of connector {kind}")
    if wanted is None and len(known) > 1:
        raise ConfigurationError(f"several systems of connector {kind}: choose one with --system ({', '.join(known)})")
    if wanted is not None and wanted not in known:
        raise ConfigurationError(f"system {wanted} is none of connector {kind} ({', '.join(known)})")
    return wanted or known[0]


# --- import -----------------------------------------------------------------------------------------------------------


@dossiers.command("import")
@click.argument("file", type=FILE)
@by_option
@click.option("--reason", help="Why the figures differ from those imported before.")
@_asked()
def import_(asked: _Asked, file: Path, by: str, reason: str | None) -> None:
    """Take in an official spreadsheet, XLSX or CSV: the form II.06a, a list of units, or points of index 766.

    Which one it is shows by its headings. All bad cells are named, and then nothing is taken in. A form says its days
    in its head ("Từ ngày ... đến ngày ..."), or --period does. What does not add up is taken in, and said.

    \b
    Example: motcua dossiers import bieu-II06a.xlsx --period 2026-10 --kind admin_15_14 --data data
    """
    if asked.unit is not None:
        raise click.UsageError("--unit không dùng ở đây: biểu được nhập nguyên vẹn")
    try:
        sheets = spreadsheets.read(file)
        if spreadsheets.is_units(sheets) and not spreadsheets.is_form(sheets):
            _import_units(asked, sheets, file)
        elif spreadsheets.is_scores(sheets) and not spreadsheets.is_form(sheets):
            _import_scores(asked, sheets, by)
        else:
            _import_form(asked, sheets, file, by, reason)
    except spreadsheets.Unreadable as error:
        for cell in error.cells:
            click.echo(f"{file}: {cell.reason if not cell.cell and cell.sheet == file.name else cell}", err=True)
        raise ConfigurationError(f"{file}: {len(error.cells)} lỗi; chưa nhập gì") from None
    except OSError as error:
        raise ConfigurationError(f"{file}: không đọc được tệp: {error.strerror}") from None


_NO_KIND = (
    "không nhận ra biểu: không có dòng đánh số cột (1) (2) … (13) của Biểu II.06a, tiêu đề “Mã đơn vị” và “Tên đơn vị” "
    "của danh sách đơn vị, hay tiêu đề “Mã thành phần” và “Điểm” của Bộ chỉ số 766"
)


def _import_form(asked: _Asked, sheets: Sequence[spreadsheets.Sheet], file: Path, by: str, reason: str | None) -> None:
    if not spreadsheets.is_form(sheets):
        raise spreadsheets.Unreadable([spreadsheets.BadCell(file.name, "", _NO_KIND)])
    written = spreadsheets.period_of(sheets)
    wanted = (asked.period.start, asked.period.end)
    if not asked.named and written is None:
        raise ConfigurationError("biểu không ghi kỳ báo cáo (Từ ngày … đến ngày …): hãy thêm --period")
    if asked.named and written is not None and written != wanted:
        raise ConfigurationError(f"biểu ghi kỳ {_days(*written)}, còn --period là {_days(*wanted)}")
    start, end = written or wanted
    with asked.store(create=True) as store:
        units = store.dossiers.units()
        read = spreadsheets.form(sheets, start, end)
        form = Form(
            start, end, Source.OFFICIAL,
            tuple(row._replace(code=_find(units, row.name, end - timedelta(days=1))) for row in read.rows),
            read.total, read.subtotals,
        )  # fmt: skip
        kept = _keep_form(store, form, store.dossiers.checked(form), by, reason)
    _say_violations(kept.violations)
    if asked.as_json:
        asked.echo(imported="form", version=kept.version, rows=len(form.rows), violations=_violations(kept.violations))
    else:
        click.echo(f"Đã nhập Biểu II.06a từ {_days(start, end)}: {len(form.rows)} dòng, phiên bản {kept.version}")


def _keep_form(store: Store, form: Form, broken: Sequence[Violation], by: str, reason: str | None) -> KeptForm:
    """Raises ConfigurationError for figures that differ from those that are there, without a reason."""
    last = store.dossiers.form(form.start, form.end, form.source)
    if last is not None and last.form != form and not reason:
        said = (
            f"kỳ {_days(form.start, form.end)} đã có phiên bản {last.version} ({_SOURCES[form.source]}), số liệu khác"
        )
        raise ConfigurationError(f"{said}: ghi lý do bằng --reason để lưu phiên bản mới")
    return store.dossiers.keep_form(form, broken, at=now(), by=by, reason=reason)


def _import_units(asked: _Asked, sheets: Sequence[spreadsheets.Sheet], file: Path) -> None:
    listed = spreadsheets.units(sheets)
    problems = UnitTree(listed).problems()
    if problems:
        raise spreadsheets.Unreadable([spreadsheets.BadCell(file.name, "", problem) for problem in problems])
    with asked.store(create=True) as store:
        store.dossiers.import_units(listed)
    if asked.as_json:
        asked.echo(imported="units", rows=len(listed))
    else:
        click.echo(f"Đã nhập danh sách {words.number(len(listed))} đơn vị")


def _import_scores(asked: _Asked, sheets: Sequence[spreadsheets.Sheet], by: str) -> None:
    if not asked.named:
        raise ConfigurationError("điểm của Bộ chỉ số 766 là của một kỳ: hãy thêm --period")
    formulas = _formulas(None)
    in_force = index766.in_force(formulas, asked.period.last)
    # Of a component that only other versions have there is no better maximum than theirs.
    most = {c.id: c.max for formula in (*formulas, *([in_force] if in_force else [])) for c in formula.components}
    read = spreadsheets.scores(sheets, most)
    with asked.store(create=True) as store:
        units = store.dossiers.units()
        named = [score._replace(unit=_find(units, score.unit, asked.period.last) or score.unit) for score in read]
        store.dossiers.keep_scores(asked.period.start, asked.period.end, named, at=now(), by=by)
    if asked.as_json:
        asked.echo(imported="scores", rows=len(named))
    else:
        click.echo(f"Đã nhập {len(named)} điểm thành phần, {asked.head}")


def _violations(found: Iterable[Violation]) -> list[dict[str, Any]]:
    return [{**v._asdict(), "difference": v.written - v.expected, "text": v.vi} for v in found]


def _say_violations(found: Sequence[Violation]) -> None:
    for violation in found:
        click.echo(f"KHÔNG KHỚP: {violation.vi}", err=True)


# --- form -------------------------------------------------------------------------------------------------------------


@dossiers.command()
@click.option(
    "--by",
    "by_what",
    type=click.Choice([by.value for by in By]),
    default=By.UNIT.value,
    show_default=True,
    help="The rows.",
)
@click.option(
    "--source",
    type=click.Choice([it.value for it in Source]),
    help="Default: official, else dossiers, else statistics.",
)
@click.option("--close", is_flag=True, help="Keep what was counted: later changes make another version.")
@click.option("--reason", help="With --close: why there is another version.")
@click.option(
    "--closed-by", envvar="MOTCUA_BY", default="cli", show_default=True, help="An account's name ($MOTCUA_BY)."
)
@_asked()
def form(asked: _Asked, by_what: str, source: str | None, close: bool, reason: str | None, closed_by: str) -> None:
    """The official form II.06a of a period, with all that does not add up.

    --json: `rows`, each with unit, code and the columns received, new_online, new_direct, carried_over, resolved,
    resolved_early, resolved_on_time, resolved_overdue, pending, pending_in_time, pending_overdue; `total`; `source`;
    `violations`; `differences` from the other sources; `provisional` with the reasons in `notes`; `gone`, codes of
    dossiers that are counted though iGate has them no more. A period that was
    closed keeps its figures: `version` says which, `differences` where today's count is another.

    \b
    Example: motcua dossiers form --period 2026-Q3 --kind admin_15_14 --unit "Sở Tư pháp" --data data
    """
    with asked.store() as store:
        found = _form(asked, store, By(by_what), Source(source) if source else None, fresh=close)
        made, broken = found.form, list(found.violations)
        others = _differences(asked, store, found) if by_what == By.UNIT else []
        if close:
            if made.source is not Source.DOSSIERS or by_what != By.UNIT or asked.unit or found.notes:
                said = "; ".join(found.notes) or "chỉ chốt cả biểu theo đơn vị, đếm theo hồ sơ (--source dossiers)"
                raise ConfigurationError(f"không chốt được biểu này: {said}")
            kept = _keep_form(store, made, broken, closed_by, reason)
            found = replace(found, version=kept.version)
            click.echo(f"Đã chốt số liệu, phiên bản {kept.version}", err=True)
    _say_violations(broken)
    if asked.as_json:
        asked.echo(
            source=made.source, by=by_what, version=found.version, provisional=bool(found.notes),
            notes=[*found.notes, *found.remarks],
            rows=[_row_json(row.name, row.code, row.counts, by_what, found.unit) for row in made.rows],
            total=(made.total or made.sum)._asdict(), violations=_violations(broken), differences=others,
            gone=found.gone,
        )  # fmt: skip
        return
    shown = console()
    asked.show_head(shown, f"Biểu II.06a ({_SOURCES[made.source]})")
    for note in found.notes:
        click.echo(f"{words.PROVISIONAL.capitalize()}: {note}")
    for remark in found.remarks:
        click.echo(f"Lưu ý: {remark}")
    table = Table(padding=0)
    table.add_column("STT (1)", justify="right", width=3)
    table.add_column(
        {By.UNIT: "Đơn vị (2)", By.SECTOR: "Lĩnh vực (2)", By.PROCEDURE: "Thủ tục (2)"}[By(by_what)], min_width=12
    )
    for column in COLUMNS:
        table.add_column(HEADINGS[column], justify="right", width=8)
    for number, row in enumerate(made.rows, start=1):
        table.add_row(str(number), row.name, *map(words.number, row.counts))
    table.add_row("", TOTAL, *map(words.number, made.total or made.sum), style="bold")
    shown.print(table)
    whole = made.total or made.sum
    if whole.on_time is not None:
        share = words.percent(whole.on_time)
        good = whole.resolved_early + whole.resolved_on_time
        click.echo(f"Đúng hạn: {words.number(good)} / {words.number(whole.resolved)} đã giải quyết = {share}")
    if whole.new:
        share = words.percent(Fraction(whole.new_online, whole.new))
        click.echo(f"Trực tuyến: {words.number(whole.new_online)} / {words.number(whole.new)} mới tiếp nhận = {share}")
    for difference in others:
        click.echo(difference["text"])


_SOURCES = {
    Source.OFFICIAL: "biểu đã nhập",
    Source.STATISTICS: "thống kê của iGate",
    Source.DOSSIERS: "đếm theo hồ sơ",
}


@dataclass(frozen=True)
class _Found:
    form: Form
    violations: Sequence[Violation]
    version: int | None
    unit: str | None  # the name of the one asked for
    notes: Sequence[str]  # why the figures are provisional
    remarks: Sequence[str] = ()  # what else is to be known of them
    gone: Sequence[str] = ()  # codes of dossiers that it counts and iGate has no more
    changed: Sequence[tuple[str, str, int, int]] = ()  # where today's count differs from what was closed


def _form(asked: _Asked, store: Store, by: By, source: Source | None, *, fresh: bool = False) -> _Found:
    """The form that is asked for; `fresh`: as it is counted today, closed or not."""
    book, start, end = store.dossiers, asked.period.start, asked.period.end
    if source in (None, Source.OFFICIAL) and by is By.UNIT and (kept := book.form(start, end, Source.OFFICIAL)):
        return _kept(asked, store, kept)
    if source in (None, Source.DOSSIERS):
        closed = None if fresh else book.form(start, end, Source.DOSSIERS)
        if closed and by is By.UNIT:
            return _closed(asked, store, closed)
        if book.collected_since() is not None:
            found = _counted(asked, store, by)
            if closed:
                said = f"{_of_closing(asked, closed)}; bảng này đếm lại hôm nay"
                found = replace(found, remarks=(said, *found.remarks))
            return found
    if source in (None, Source.STATISTICS) and by is By.UNIT and (kept := book.form(start, end, Source.STATISTICS)):
        found, whole = _kept(asked, store, kept), asked.span[1] <= kept.made_at
        said = f"thống kê của iGate lấy lúc {_at(kept.made_at, asked.zone)}, khi kỳ chưa kết thúc"
        return found if whole else replace(found, notes=(said,))
    raise _nothing(asked, source)


def _nothing(asked: _Asked, source: Source | None) -> ConfigurationError:
    of_source = f" ({_SOURCES[source]})" if source else ""
    return ConfigurationError(f"chưa có số liệu kỳ {asked.days}{of_source}; hãy thu thập hồ sơ hoặc nhập biểu")


def _kept(asked: _Asked, store: Store, kept: KeptForm) -> _Found:
    """A form as it came; of one unit only its row, where one is asked for; of what we counted those below it too."""
    form = kept.form
    if asked.unit is None:
        return _Found(form, store.dossiers.checked(form), kept.version, None, ())
    units = store.dossiers.units()
    code, wanted = _find(units, asked.unit, asked.period.last), asked.unit.strip().casefold()
    inside = {code} if code else set()
    if code and form.source is Source.DOSSIERS:
        inside = units.under(code, {row.code for row in form.rows if row.code}, asked.period.last)
    rows = tuple(r for r in form.rows if r.code in inside or (code is None and r.name.casefold() == wanted))
    if not rows and code is not None:
        rows = tuple(r for r in form.rows if r.name.casefold() == wanted)
    if not rows:
        raise ConfigurationError(f"biểu không có đơn vị {asked.unit} ({', '.join(r.name for r in form.rows)})")
    one = Form(form.start, form.end, form.source, rows)
    name = rows[0].name if code is None else units.name(code, asked.period.last)
    return _Found(one, counting.violations(one), kept.version, name, ())


def _closed(asked: _Asked, store: Store, kept: KeptForm) -> _Found:
    """What was counted when the period was closed, and where today's count is another one."""
    found, remarks = _kept(asked, store, kept), [_of_closing(asked, kept)]
    changed = counting.differences(found.form, _counted(asked, store, By.UNIT).form)
    if changed:
        remarks.append("dữ liệu đầu vào đã thay đổi sau khi chốt; số đếm hôm nay khác, xem các dòng lệch")
    return replace(found, remarks=remarks, changed=changed)


def _of_closing(asked: _Asked, kept: KeptForm) -> str:
    return f"kỳ đã chốt lúc {_at(kept.made_at, asked.zone)}, phiên bản {kept.version}"


def _counted(asked: _Asked, store: Store, by: By) -> _Found:
    book = store.dossiers
    units = book.units()
    code = _unit_code(units, store, asked)
    start, end = asked.span
    until, notes = _known(asked, store)
    if until <= start:
        raise ConfigurationError(f"mới có hồ sơ đến {_at(until, asked.zone)}, kỳ {asked.days} bắt đầu sau đó")
    counts = book.counts(start, min(end, until))
    if not counts and (book.collected_since() or 0) > start:
        raise _nothing(asked, Source.DOSSIERS)  # of a time that nobody has looked at, zeros would be a claim
    made = counting.form_of(counts, asked.period.start, asked.period.end, units, book.names(), by, code)
    named = None if code is None else units.name(code, asked.period.last)
    broken = store.dossiers.checked(made) if by is By.UNIT and code is None else counting.violations(made)
    inside = None if code is None else units.under(code, book.unit_codes(), asked.period.last)
    gone = book.gone(start, min(end, until), inside)
    said = _codes("số hồ sơ được đếm ở đây mà iGate không còn (có thể đã bị xóa)", gone)
    return _Found(made, broken, None, named, notes, [said] if gone else (), gone)


def _known(asked: _Asked, store: Store, *, carried: bool = True) -> tuple[int, Sequence[str]]:
    """Up to when the dossiers of the period are known, and what is missing of them, or of the new ones alone."""
    until, since, notes = store.dossiers.collected_until(), store.dossiers.collected_since(), []
    if until is None:
        notes.append("lần thu thập đầu tiên chưa xong: số liệu còn thiếu")
        until = now()
    if until < asked.span[1]:
        notes.append(f"kỳ chưa đủ số liệu: tính đến {_at(until, asked.zone)}")
    if since is not None and since > asked.span[0]:
        notes.append(f"chỉ có hồ sơ thay đổi từ {_at(since, asked.zone)}")
    elif since and carried:
        said = f"chỉ có hồ sơ thay đổi từ {_at(since, asked.zone)}: hồ sơ tồn từ trước mà không thay đổi còn thiếu"
        notes.append(f"{said} ở các cột (3), (6), (11) đến (13) và thành phần 2.1")
    return until, notes


def _differences(asked: _Asked, store: Store, found: _Found) -> list[dict[str, Any]]:
    """Where the other sources say something else, and today's count where the period is closed."""
    said = [_difference("số đếm hôm nay", Source.DOSSIERS, *one) for one in found.changed]
    for source in Source:
        if source is found.form.source:
            continue
        with suppress(ConfigurationError):
            other = _form(asked, store, By.UNIT, source)
            if not other.notes:
                said += [
                    _difference(_SOURCES[source], source, *one) for one in counting.differences(found.form, other.form)
                ]
    return said


def _difference(what: str, source: Source, row: str, column: str, here: int, there: int) -> dict[str, Any]:
    text = f"Lệch so với {what}: {row}, {HEADINGS[column]}: {words.number(here)} / {words.number(there)}"
    return {"source": source, "row": row, "column": column, "here": here, "there": there, "text": text}


def _row_json(name: str, code: str | None, counts: Counts, by: str, unit: str | None) -> Mapping[str, Any]:
    named = {"unit": name} if by == By.UNIT else {"unit": unit, by: name}
    return {**named, "code": code, **counts._asdict()}


def _at(seconds: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(seconds, zone).strftime("%d/%m/%Y %H:%M")


def _days(start: date, end: date) -> str:
    return f"{start:%d/%m/%Y} đến {end - timedelta(days=1):%d/%m/%Y}"


# --- index 766 --------------------------------------------------------------------------------------------------------


@dossiers.command("index766")
@click.option("--formula", type=FILE, help="Another file of weights and targets, dated (default: ours).")
@_asked()
def index766_(asked: _Asked, formula: Path | None) -> None:
    """Index 766 of a period: the national portal's points as imported, and our own estimate beside them.

    What can be told neither way is "không tính được", and null in --json, never 0. --json: formula, rows (each with
    group, component, name, max, target, numerator, denominator, own_estimate, official_score, difference, note), and
    total, with own_estimate, official_score, max and class; supplements_inferred: requests for a supplement, which 2.1
    takes off, are read off the changes of status between two collections.

    \b
    Example: motcua dossiers index766 --period 2026-10 --data data
    """
    last = asked.period.last
    in_force = index766.in_force(_formulas(formula), last)
    if in_force is None:
        raise ConfigurationError(f"không có công thức nào của Bộ chỉ số 766 có hiệu lực ngày {last:%d/%m/%Y}")
    with asked.store() as store:
        units = store.dossiers.units()
        code = _unit_code(units, store, asked)
        official = {c: s for (unit, c), s in _scores_of(store, asked).items() if unit == (code or "")}
        within = None if code is None else (units, code, last)
        estimates = kpis.own_estimates(store, asked.span, asked.zone, official, within)
        made = index766.scores(in_force, estimates, official)
        notes = _known(asked, store)[1] if any(score.own for score in made) else []
    estimate, given = (index766.total(points) for points in zip(*((s.estimate, s.official) for s in made), strict=True))
    if asked.as_json:
        asked.echo(
            formula=in_force.version, unit=asked.unit, provisional=bool(notes), notes=notes, supplements_inferred=True,
            rows=[_score_json(score) for score in made],
            total={
                "own_estimate": index766.number(estimate), "official_score": index766.number(given),
                "max": in_force.max, "class": None if given is None else index766.class_of(given),
            },
        )  # fmt: skip
        return
    shown = console()
    asked.show_head(shown, f"Bộ chỉ số 766 (công thức {in_force.version})")
    for note in notes:
        click.echo(f"{words.PROVISIONAL.capitalize()}: {note}")
    table = Table()
    table.add_column("Thành phần")
    for heading in ("Tối đa", "Ước tính", "Cổng DVCQG", "Chênh lệch", "Tử số / mẫu số"):
        table.add_column(heading, justify="right")
    table.add_column("Ghi chú")
    for score in made:
        own, gap = score.own, score.difference
        table.add_row(
            f"{score.component.id} {score.component.name}", str(score.component.max), index766.written(score.estimate),
            _official(score.official), "" if gap is None else index766.written(gap),
            f"{words.number(own.numerator)} / {words.number(own.denominator)}" if own else "", score.note,
        )  # fmt: skip
    whole = "Cộng", str(in_force.max), index766.written(estimate), _official(given), "", "", ""
    table.add_row(*whole, style="bold")
    shown.print(table)
    if given is not None:
        click.echo(f"Xếp loại theo Cổng Dịch vụ công quốc gia: {index766.class_of(given)}")


def _official(points: Fraction | None) -> str:
    return "chưa nhập" if points is None else index766.written(points)


def _formulas(path: Path | None) -> list[index766.Formula]:
    try:
        return kpis.our_formulas() if path is None else index766.formulas(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: không đọc được tệp: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: không phải văn bản mã UTF-8") from None
    except index766.FormulaError as error:
        raise ConfigurationError(f"{path or 'index766.yaml'}: {error}") from None


def _scores_of(store: Store, asked: _Asked) -> Mapping[tuple[str, str], index766.OfficialScore]:
    return store.dossiers.scores(asked.period.start, asked.period.end)


def _score_json(score: index766.Score) -> Mapping[str, Any]:
    own = score.own
    return {
        "group": score.group.id, "component": score.component.id, "name": score.component.name,
        "max": score.component.max, "target": score.component.target,
        "numerator": own.numerator if own else None, "denominator": own.denominator if own else None,
        "own_estimate": index766.number(score.estimate), "official_score": index766.number(score.official),
        "difference": index766.number(score.difference), "note": score.note,
        "text": index766.written(score.estimate if score.official is None else score.official),
    }  # fmt: skip


# --- what outages touched ---------------------------------------------------------------------------------------------

_NONE_COLLECTED = "chưa thu thập hồ sơ nào; xem `motcua dossiers collect`"
CORRELATION = (
    "Số liệu cho thấy sự trùng hợp về thời gian, không khẳng định nguyên nhân; ngày hẹn trả không bị thay đổi."
)


@dossiers.command()
@click.option("--incident", type=int, help="One incident only, by its number.")
@_asked(needs_catalogue=True)
def impact(asked: _Asked, incident: int | None) -> None:
    """What the outages of a period touched: a correlation, never a cause. Due dates are never moved.

    For each incident: dossiers that were submitted during it, how many were to be expected by the same hours of the
    four weeks before, open dossiers that were due in it or within a working day after, and those for which something
    more was asked for during it. --json: incidents, each with incident, system, start, end, received, expected,
    missing, weeks, due, overdue, supplements (codes of dossiers, as evidence for a letter of apology);
    supplements_inferred: these are read off the changes of status between two collections.

    Then for each database that officers query (`dossiers.databases` in the catalogue): when it could not be reached,
    through the bus or by itself, and for which dossiers more was asked for meanwhile. --json: databases, each with
    system, down (start, end), seconds, observed (seconds in which its state is known), supplements.

    \b
    Example: motcua dossiers impact --period 2026-10 --json --data data -c catalogue.yaml
    """
    province = asked.province
    assert province is not None
    with asked.store() as store:
        units = store.dossiers.units()
        code = _unit_code(units, store, asked)
        inside = None if code is None else units.under(code, store.dossiers.unit_codes(), asked.period.last)
        until = store.dossiers.collected_until()
        if until is None:
            raise ConfigurationError(_NONE_COLLECTED)
        if STATE_CALENDAR not in province.calendars:
            raise ConfigurationError(f"the catalogue has no calendar {STATE_CALENDAR}: which days are working days?")
        try:
            found = [
                (record, kpis.impact(province, store, record, now(), until, inside))
                for record in store.incidents.list(*asked.span)
                if record.kind in ("outage", "reported") and record.state != "withdrawn"
                and incident in (None, record.id)
            ]  # fmt: skip
            databases = [] if incident is not None else _databases(asked, province, store, inside)
        except calendars.UnknownYear as error:
            raise ConfigurationError(str(error)) from None
    if incident is not None and not found:
        raise ConfigurationError(f"kỳ {asked.days} không có sự cố {incident}; xem `motcua incidents list`")
    if asked.as_json:
        listed = [{**d._asdict(), "down": [{"start": a, "end": b} for a, b in d.down]} for d in databases]
        asked.echo(
            note=CORRELATION, until=until, supplements_inferred=True,
            incidents=[_impact_json(*one) for one in found], databases=listed,
        )  # fmt: skip
        return
    asked.show_head(console(), "Hồ sơ trong thời gian gián đoạn")
    click.echo(CORRELATION)
    click.echo(f"{kpis.SUPPLEMENTS_INFERRED.capitalize()}.")
    for record, touched in found:
        name = province.systems[record.system].name.vi if record.system in province.systems else record.system
        end = _at(touched.end, asked.zone) if record.end is not None else "đang diễn ra"
        click.echo(f"\nSự cố {record.id}: {name}, {_at(touched.start, asked.zone)} → {end}")
        for line in _impact_lines(touched):
            click.echo(f"  {line}")
        if touched.end > until:
            click.echo(f"  {words.PROVISIONAL.capitalize()}: hồ sơ mới thu thập đến {_at(until, asked.zone)}")
    if not found:
        click.echo("Không có sự cố nào trong kỳ")
    for database in databases:
        for line in _database_lines(database, province.systems[database.system].name.vi, asked.zone):
            click.echo(line)


class _Database(NamedTuple):
    """When a database could not be reached in a period, and for which dossiers more was asked for meanwhile."""

    system: str
    down: Sequence[Span]
    seconds: int
    observed: int  # seconds in which it is known whether it could be
    supplements: Sequence[str]


def _databases(asked: _Asked, province: Catalogue, store: Store, units: Collection[str] | None) -> list[_Database]:
    """By the lines of the systems: what is reached through a bus that is down has no incident of its own."""
    start, end = asked.span[0], min(asked.span[1], now())
    if end <= start:
        return []
    timelines = Timelines(store.terms.dated(province, end), store.boundaries(start, end), store.lines(), start, end)
    made = []
    for system in province.databases():
        lines = timelines.system(system)
        down = union((i.start, i.end) for i in lines if i.state is State.DOWN)
        observed = sum(i.end - i.start for i in lines if i.state is not State.NO_DATA)
        codes = {code for span in down for code in store.dossiers.supplements(*span, units)}
        made.append(_Database(system, down, sum(b - a for a, b in down), observed, sorted(codes)))
    return made


def _database_lines(database: _Database, name: str, zone: ZoneInfo) -> Iterable[str]:
    yield f"\nTra cứu: {name}"
    if not database.observed:
        yield "  Không có dữ liệu theo dõi trong kỳ: không rõ lúc nào không tra cứu được"
        return
    if not database.down:
        yield "  Không ghi nhận lúc nào không tra cứu được"
        return
    yield f"  Không tra cứu được: {words.number(len(database.down))} lần, tổng {words.duration(database.seconds)}"
    for start, end in database.down[:10]:
        yield f"    {_at(start, zone)} → {_at(end, zone)} ({words.duration(end - start)})"
    if len(database.down) > 10:
        yield "    … (--json có tất cả)"
    yield f"  {_codes('Yêu cầu bổ sung phát sinh trong lúc ấy', database.supplements)}"


def _impact_lines(touched: counting.Impact) -> Iterable[str]:
    said = f"Hồ sơ nộp trong thời gian này: {words.number(touched.received)}"
    if touched.expected is None or touched.missing is None:
        yield f"{said}; không có tuần nào để so sánh"
    else:
        expected, missing = (words.decimal(part) for part in (touched.expected, touched.missing))
        yield f"{said}; trung bình cùng giờ của {touched.weeks} tuần trước: {expected}; ít hơn: {missing}"
    for label, codes in (
        ("Đến hạn trong lúc gián đoạn hoặc trong một ngày làm việc sau đó", touched.due),
        ("Trong đó đã quá hạn", touched.overdue),
        ("Yêu cầu bổ sung phát sinh trong lúc gián đoạn", touched.supplements),
    ):
        yield _codes(label, codes)


def _codes(label: str, codes: Sequence[str]) -> str:
    listed = ", ".join(codes[:10]) + (", … (--json có tất cả)" if len(codes) > 10 else "")
    return f"{label}: {words.number(len(codes))}" + (f": {listed}" if codes else "")


def _impact_json(record: IncidentRecord, touched: counting.Impact) -> Mapping[str, Any]:
    return {
        "incident": record.id, "system": record.system, "start": touched.start,
        "end": None if record.end is None else touched.end, "received": touched.received,
        "expected": index766.number(touched.expected), "missing": index766.number(touched.missing),
        "weeks": touched.weeks, "due": touched.due, "overdue": touched.overdue, "supplements": touched.supplements,
    }  # fmt: skip


# --- iGate beside the national portal ---------------------------------------------------------------------------------


@dossiers.command()
@click.option("--system", help="The national portal's system; needed where the catalogue has several.")
@click.option(
    "--rate", type=click.FloatRange(0.1, 20), default=5, show_default=True, help="Questions a second at most."
)
@click.option("--ask/--no-ask", default=True, help="--no-ask: only show what was answered before.")
@location_option
@_asked(needs_catalogue=True)
def reconcile(asked: _Asked, system: str | None, rate: float, ask: bool, location: str | None) -> None:
    """Which of the dossiers accepted in a period are on the national portal, per day and unit. It only reads.

    The portal has no count by day or unit, so each dossier is looked up by its code, until it has been found once;
    nothing of the reply is kept but that. What is broken off goes on with what was not asked for yet. A dossier whose
    question had no answer is neither found nor missing. --json: rows, each with day, unit, code, igate, asked, found,
    missing (codes), rate; total; `provisional` with the reasons in `notes`.

    \b
    Example: motcua dossiers reconcile --period 2026-10-01..2026-10-03 --data data -c catalogue.yaml
    """
    assert asked.province is not None
    log_to_stderr(quiet=True)
    with asked.store() as store:
        book, units = store.dossiers, store.dossiers.units()
        code = _unit_code(units, store, asked)
        inside = None if code is None else units.under(code, book.unit_codes(), asked.period.last)
        if book.collected_since() is None:
            raise ConfigurationError(_NONE_COLLECTED)
        notes = _known(asked, store, carried=False)[1]
        accepted = book.accepted_in(*asked.span, inside)
        known = book.answers(*asked.span)
        # What was never asked for comes first: a run that is broken off goes on where it was.
        left = [one for one, *_ in accepted if known.get(one) is not True]
        wanted = sorted(left, key=lambda one: (one in known, known.get(one) is False))
        if ask and wanted:
            portal = _one(collection.portal_systems(asked.province), system, "national_portal")
            with progress_of("Đối soát", len(wanted)) as shown:
                told = 0

                def keep(answers: Mapping[str, bool | None]) -> None:
                    nonlocal told
                    book.keep_answers(answers, now())
                    told += len(answers)
                    shown(told, len(wanted))

                place = location_of(asked.province, location)
                collection.on_portal(asked.province, portal, place, wanted, rate, keep)
            known = book.answers(*asked.span)
    rows = counting.matches(accepted, known, asked.zone)
    untold = sum(row.asked - row.found - len(row.missing) for row in rows)
    found, missing = sum(row.found for row in rows), sum(len(row.missing) for row in rows)
    if asked.as_json:
        whole = {"igate": len(accepted), "asked": sum(r.asked for r in rows), "found": found, "missing": missing}
        asked.echo(
            provisional=bool(notes), notes=notes,
            rows=[_match_json(row, units) for row in rows], total={**whole, "unanswered": untold},
        )  # fmt: skip
    else:
        asked.show_head(console(), "Đối soát iGate với Cổng Dịch vụ công quốc gia")
        for note in notes:
            click.echo(f"{words.PROVISIONAL.capitalize()}: {note}")
        _show_matches(rows, units)
    if untold:
        click.echo(f"{words.number(untold)} hồ sơ chưa có câu trả lời của Cổng", err=True)
    if ask and wanted and untold and not found and not missing:
        raise CollectionError("Cổng Dịch vụ công quốc gia không trả lời câu nào; xem `motcua probe`")


def _show_matches(rows: Sequence[counting.Match], units: UnitTree) -> None:
    if not rows:
        click.echo("Không có hồ sơ nào được tiếp nhận trong kỳ")
        return
    table = Table()
    for heading in ("Ngày", "Đơn vị", "iGate", "Đã hỏi", "Có trên Cổng", "Thiếu", "Tỷ lệ"):
        table.add_column(heading, justify="left" if heading in ("Ngày", "Đơn vị") else "right")
    for row in rows:
        numbers = map(words.number, (row.igate, row.asked, row.found, len(row.missing)))
        share = NO_FIGURE if row.rate is None else words.percent(row.rate)
        table.add_row(f"{row.day:%d/%m/%Y}", units.name(row.unit, row.day), *numbers, share)
    console().print(table)
    for row in rows:
        for one in row.missing[:20]:
            click.echo(f"Chưa có trên Cổng: {one}")


def _match_json(row: counting.Match, units: UnitTree) -> Mapping[str, Any]:
    share = index766.number(row.rate)
    named = {"day": row.day.isoformat(), "unit": units.name(row.unit, row.day), "code": row.unit}
    return {**named, **row._asdict(), "day": named["day"], "unit": named["unit"], "rate": share}
