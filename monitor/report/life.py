"""The life of a report: a draft while its period is open, then versions; when it is due, and what changed.

A version is made from facts that are kept with it: it can be built again at any time and comes out the same, byte by
byte where its format allows. Another version is made on purpose alone: its period was closed again, or a person asks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from monitor import figures as counting
from monitor import periods
from monitor.catalogue import Catalogue
from monitor.periods import Kind, Period
from monitor.report import dossiers, edits
from monitor.report.content import Edits, document, rule_ids
from monitor.report.facts import Facts, Progress, gather
from monitor.report.language import Tongue
from monitor.report.model import Block, Document, Heading, Paragraph, ReportError, Table
from monitor.store import Store
from monitor.store.reports import KeptReport

DUE_AT = time(7)
"""The hour at which reports are made by themselves."""

DUE_ON = {Kind.CALENDAR: 1, Kind.ADMIN: 15}
"""The day of the month on which those of each kind are."""

TOLD_CHANGES = 200
"""So many changes between two versions are listed one by one."""


class Built(NamedTuple):
    """A report in the making: `kept` None is a draft; `is_new`: this call made the version."""

    facts: Facts
    edits: Edits
    kept: KeptReport | None
    before: KeptReport | None
    is_new: bool = False

    def document(self, language: str) -> Document:
        """As a document, with what changed since the version before."""
        facts, changes = self.facts, None
        if self.before and self.kept:
            tongue = Tongue(language, ZoneInfo(facts.zone))
            then = Facts.of(self.before.facts)
            if then.digest == self.before.digest:
                old = document(then, language, edits.load(self.before.edits))
                told = list(differences(old, document(facts, language, self.edits), tongue))
            else:
                told = [tongue("bản lưu của phiên bản trước bị sửa, không so sánh được",
                               "what is kept of the version before was edited: it cannot be compared")]  # fmt: skip
            changes = _introduced(tongue, self.kept, told)
        return document(facts, language, self.edits, changes)

    @property
    def stem(self) -> str:
        """How its files are called."""
        period = self.facts.period
        ending = "du-thao" if self.kept is None else f"v{self.kept.version}"
        return f"bao-cao-{period['kind'].replace('_', '-')}-{period['name'].replace('..', '-den-')}-{ending}"


def build(
    catalogue: Catalogue,
    store: Store,
    period: Period,
    now: int,
    *,
    by: str,
    changed: str | None = None,
    reason: str | None = None,
    renew: bool = False,
    progress: Progress = lambda *_: None,
) -> Built:
    """The report of a period: its last version as it was made, or a new one; a draft where it is not closed.

    `changed` is YAML of edits. A new version is made where there is none, where the period was closed again, where
    edits are given, or by `renew`; from the second one on it needs a `reason`, which a period that was closed again
    brings with it. Raises ReportError, StoreError.
    """
    versions = store.periods.versions(period.kind, period.name)
    closed = versions[-1] if versions and versions[-1].reopened_at is None else None
    known = store.reports.versions(period.kind, period.name)
    last = known[-1] if known else None
    fits = last is not None and closed is not None and last.period_version == closed.version
    if last is not None and fits and changed is None and not renew:
        return again(store, last)
    if last is not None and fits and not renew:
        facts = Facts.of(last.facts)  # other words for the same figures
    else:
        facts = gather(catalogue, store, period, now, dossiers.gather(catalogue, store, period, now), progress)
    wanted = edits.read(changed, rule_ids(facts)) if changed is not None else _carried(last, facts)
    if closed is None:
        return Built(facts, wanted, None, None)
    kept = store.reports.keep(
        period.kind,
        period.name,
        closed.version,
        digest=facts.digest,
        facts=facts.text,
        edits=edits.dump(wanted),
        at=now,
        by=by,
        reason=reason or (None if fits else closed.reason),
    )
    return again(store, kept)._replace(is_new=last is None or kept.version > last.version)


def _carried(last: KeptReport | None, facts: Facts) -> Edits:
    """What was changed in the version before, as far as it still fits."""
    if last is None:
        return Edits()
    known, before = set(rule_ids(facts)), edits.load(last.edits)
    remove = tuple(id_ for id_ in before.remove if id_ in known)
    return Edits(remove, {k: v for k, v in before.replace.items() if k in known}, before.assessment, before.proposals)


def again(store: Store, kept: KeptReport) -> Built:
    """A version as it was made. Raises ReportError where somebody edited what it was made from."""
    before = store.reports.versions(kept.kind, kept.name)[kept.version - 2] if kept.version > 1 else None
    facts = Facts.of(kept.facts)
    if facts.digest != kept.digest:
        said = f"what version {kept.version} of the report of {kept.name} ({kept.kind}) was made from was edited"
        said += f" in the store: its SHA-256 is no longer {kept.digest}"
        raise ReportError(f"{said}; restore it from a backup, or reopen the period and close it again")
    return Built(facts, edits.load(kept.edits), kept, before)


# --- what changed -----------------------------------------------------------------------------------------------------


def _introduced(t: Tongue, kept: KeptReport, changes: list[str]) -> list[str]:
    first = t(
        f"Phiên bản {kept.version} thay phiên bản {kept.version - 1}; lý do: {kept.reason}",
        f"Version {kept.version} takes the place of version {kept.version - 1}; reason: {kept.reason}",
    )
    if len(changes) > TOLD_CHANGES:
        more = len(changes) - TOLD_CHANGES
        changes = [*changes[:TOLD_CHANGES], t(f"và {t.number(more)} thay đổi khác", f"and {more} more")]
    return [first, *(changes or [t("không có số liệu nào thay đổi", "no figure has changed")])]


def differences(old: Document, new: Document, t: Tongue) -> Iterator[str]:
    """Every cell of a table, and every sentence of sections I and VIII, that is not the same in two versions."""
    tables = {table.id: table for table in old.tables if not table.data_only}
    for table in (table for table in new.tables if not table.data_only):
        before = _cells(tables.pop(table.id)) if table.id in tables else {}
        yield from _changed(_plain(table.title), before, _cells(table), t)
    for table in tables.values():
        yield t(f"Bỏ bảng: {_plain(table.title)}", f"Table left out: {_plain(table.title)}")
    known, current = _sentences(old.blocks), _sentences(new.blocks)
    yield from (t(f"Bỏ câu: {said}", f"Sentence left out: {said}") for said in known if said not in current)
    yield from (t(f"Thêm câu: {said}", f"Sentence added: {said}") for said in current if said not in known)


_Cells = dict[tuple[str, int], dict[str, str]]


def _cells(table: Table) -> _Cells:
    """The texts of a table by the row's name (a second row of one name is the second of it) and the column."""
    found: _Cells = {}
    group = ""
    for row in table.rows:
        if row.group:
            group = f"{row.cells[0].text.partition('. ')[2] or row.cells[0].text}, "
            continue
        name = group + row.cells[0].text
        number = sum(known == name for known, _ in found)
        headings = (column.heading for column in table.columns[1:])
        found[name, number] = dict(zip(headings, (cell.text for cell in row.cells[1:]), strict=True))
    return found


def _changed(title: str, before: _Cells, after: _Cells, t: Tongue) -> Iterator[str]:
    for key, cells in after.items():
        if key not in before:
            yield t(f"{title}: thêm dòng {key[0]}", f"{title}: row added: {key[0]}")
            continue
        for heading, text in cells.items():
            if (was := before[key].get(heading, "")) != text:
                yield f"{title}, {key[0]}, {heading}: {was or '…'} → {text or '…'}"
    for key in before:
        if key not in after:
            yield t(f"{title}: bỏ dòng {key[0]}", f"{title}: row left out: {key[0]}")


def _plain(title: str) -> str:
    """Without its number, which other tables may move."""
    return title.partition(". ")[2]


def _sentences(blocks: Iterable[Block]) -> list[str]:
    """Of the summary and of the assessment: in the others sentences repeat what tables say."""
    found, inside = [], False
    for block in blocks:
        if isinstance(block, Heading) and block.level == 1:
            inside = block.text.startswith(("I. ", "VIII. "))
        elif inside and isinstance(block, Paragraph) and block.bullet:
            found.append(block.text)
    return found


# --- when it is due ---------------------------------------------------------------------------------------------------


def due(now: int, zone: ZoneInfo, kinds: Collection[Kind] = tuple(DUE_ON), since: float | None = None) -> list[Period]:
    """The periods whose reports were due last: of each kind the month, and what else ended with it.

    A calendar month is due on the 1st after it at 07:00, an administrative one on the 15th. With `since` (seconds) they
    are all those that became due after that instant, the oldest first; there may be none.
    """
    found = []
    for kind in kinds:
        ends = [_last_day(datetime.fromtimestamp(now, zone), DUE_ON[kind])]
        if since is not None:
            while _due_at(ends[-1], zone) > since:
                ends.append(_month_before(ends[-1]))
            ends.pop()
        for end in reversed(ends):
            found += [periods.parse(name, kind) for name in _ended_with(end)]
    return found


def _ended_with(end: date) -> Iterator[str]:
    """The names of the periods whose last day is the one before."""
    last = end - timedelta(days=1)
    year, month = last.year, last.month
    yield f"{year}-{month:02d}"
    if month % 3 == 0:
        yield f"{year}-Q{month // 3}"
    if month % 6 == 0:
        yield f"{year}-H{month // 6}"
    if month == 9:
        yield f"{year}-9M"
    if month == 12:
        yield f"{year}"


def _due_at(end: date, zone: ZoneInfo) -> float:
    return datetime.combine(end, DUE_AT, zone).timestamp()


def _last_day(at: datetime, day: int) -> date:
    """The latest such day of a month whose due instant has come."""
    here = at.date().replace(day=day)
    return here if at.replace(tzinfo=None) >= datetime.combine(here, DUE_AT) else _month_before(here)


def _month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=day.day)


def settled_at(catalogue: Catalogue, period: Period) -> int:
    """From when (seconds) a period may be closed: its last hold is over."""
    return periods.seconds(period, ZoneInfo(catalogue.province.timezone))[1] + counting.longest_hold(catalogue)


def close(catalogue: Catalogue, store: Store, period: Period, now: int, by: str) -> bool:
    """Close a period that is over; False where it is closed, is not settled yet, or nothing of it was ever observed."""
    if store.periods.versions(period.kind, period.name) or now < settled_at(catalogue, period):
        return False
    start, end = periods.seconds(period, ZoneInfo(catalogue.province.timezone))
    catalogue = store.terms.dated(catalogue, now)
    read = counting.read(catalogue, store, (start, end), now, store.incidents.attributions())
    if not any(system.raw.figure.observed_seconds for system in read.systems):
        return False
    frozen = counting.canonical(counting.frozen(read))
    store.periods.close(period.kind, period.name, start, end, at=now, by=by, inputs=read.digest, figures=frozen)
    return True


def make(
    catalogue: Catalogue, store: Store, period: Period, now: int, by: str, progress: Progress = lambda *_: None
) -> Built | None:
    """Close a period and build its first report; the last version as long as it was not sent, else None.

    A period that a person has reopened is left to that person. What was made before is not made again, so it may be
    called as often as one likes.
    """
    close(catalogue, store, period, now, by)
    versions = store.periods.versions(period.kind, period.name)
    if not versions or versions[-1].reopened_at is not None:
        return None
    if not store.reports.versions(period.kind, period.name):
        build(catalogue, store, period, now, by=by, progress=progress)
    last = store.reports.versions(period.kind, period.name)[-1]
    return again(store, last) if last.sent_at is None else None


def chosen(store: Store, period: Period, version: int | None = None) -> KeptReport:
    """A version of a report, by default the last one. Raises ReportError where there is none."""
    known = store.reports.versions(period.kind, period.name)
    if not known:
        raise ReportError(f"there is no report of {period.name} ({period.kind}); see `motcua report build`")
    if version is not None and not 1 <= version <= len(known):
        raise ReportError(f"{period.name} ({period.kind}) has no version {version}, but {len(known)}")
    return known[-1] if version is None else known[version - 1]
