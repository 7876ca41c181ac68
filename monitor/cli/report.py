"""Commands about the report that is signed: build, list, show, diff, send."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.table import Table

from monitor import periods, words
from monitor.cli.figures import by_option, period_kind
from monitor.cli.shared import (
    FILE,
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
from monitor.live import console
from monitor.periods import Period
from monitor.report import edits, life, mail
from monitor.report.content import document, rule_ids
from monitor.report.facts import Facts
from monitor.report.language import LANGUAGES, Tongue
from monitor.report.model import Heading, Paragraph, ReportError
from monitor.report.renderers import ENDINGS, RENDERERS, render
from monitor.store.reports import KeptReport
from monitor.wiring import ConfigurationError, configuration

period_option = click.option(
    "--period", "wanted", required=True, help="2026-10, 2026-Q3, 2026-H1, 2026-9M, 2026 or 2026-10-01..2026-10-20."
)
lang_option = click.option("--lang", type=click.Choice(LANGUAGES), default="vi", show_default=True, help="Language.")


def now() -> int:
    return int(time.time())


@contextmanager
def _one_line(about: Path | None = None) -> Iterator[None]:
    """What cannot be made is bad input, or a failure of something outside."""
    try:
        yield
    except ReportError as error:
        said = f"{about}: {error}" if about else str(error)
        if error.permanent:
            raise ConfigurationError(said) from None
        raise click.ClickException(said) from None


@click.group()
def report() -> None:
    """The availability report of a period, ready to be signed: docs/report.md.

    \b
    Example: motcua report build --period 2026-10 --kind calendar --out bao-cao --data data -c catalogue.yaml
    """


# --- build ------------------------------------------------------------------------------------------------------------


class FormatsType(click.ParamType):
    """Names of formats, with commas between them."""

    name = "formats"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(part.strip().lower() for part in str(value).split(",") if part.strip()))
        unknown = [name for name in names if name not in RENDERERS]
        if unknown or not names:
            self.fail(f"{unknown[0] if unknown else value!r} is no format; write {','.join(RENDERERS)}", param, ctx)
        return names


@report.command()
@period_option
@period_kind
@click.option(
    "--format", "formats", type=FormatsType(), default="docx,pdf", show_default=True, help="Of docx,pdf,xlsx,csv,html."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=".", help="Folder (default: this one)."
)
@lang_option
@click.option("--edits", "edited", type=FILE, help="YAML: what to change in section VIII.")
@click.option("--renew", is_flag=True, help="Make another version from what is known now; needs --reason.")
@click.option("--reason", help="Why there is another version.")
@by_option
@catalogue_option
@data_option
@sandbox_option
@json_option
def build(
    wanted: str,
    kind: str,
    formats: tuple[str, ...],
    out: Path,
    lang: str,
    edited: Path | None,
    renew: bool,
    reason: str | None,
    by: str,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
    as_json: bool,
) -> None:
    """Build the report of a period. Of one that is closed it is a version, kept for good; of another one a draft.

    Exit code 1: somebody edited the closed figures; the report says so on its first page.

    A version that is there is built again from what it was made from, and comes out the same. --edits puts other words
    into section VIII, --renew reads everything again: both make another version, which needs a --reason.

    \b
    Example: motcua report build --period 2026-10 --format docx,pdf,xlsx,csv,html --out bao-cao --data data
             -c catalogue.yaml
    """
    province, at = the_province(catalogue, in_sandbox), now()
    chosen = _parsed(wanted, kind)
    changed = _read(edited)
    steps = 15  # of reading, as far as anybody knows before it begins
    with the_store(configuration(data)) as store, progress_of("Báo cáo", steps + 1 + len(formats)) as shown:

        def progress(done: int, whole: int) -> None:
            shown(done, whole + 1 + len(formats))

        with _one_line(edited):
            built = life.build(
                province, store, chosen, at, by=by, changed=changed, reason=reason, renew=renew, progress=progress
            )
        with _one_line():
            made = built.document(lang)
            suffix = "" if lang == "vi" else f".{lang}"
            ready = dict.fromkeys(formats, b"")
            for number, (name, content) in enumerate(render(made, formats), 1):
                ready[name] = content
                shown(steps + number, steps + 1 + len(formats))
            files = {out / f"{built.stem}{suffix}.{ENDINGS[name]}": content for name, content in ready.items()}
            _write(files)
            shown(steps + 1 + len(formats), steps + 1 + len(formats))
    if not built.facts.head["known"]:
        click.echo("motcua: the catalogue has no letterhead for that day: see report.letterheads", err=True)
    if as_json:
        version = built.kept.version if built.kept else None
        kept = {"draft": built.kept is None, "version": version, "digest": built.facts.digest, "new": built.is_new}
        kept["edited"] = built.facts.is_edited
        echo_json(province, period=chosen.name, kind=chosen.kind, **kept, files=[str(path) for path in files])
        _refuse_edited(built, chosen)
        return
    if built.facts.simulated:
        click.echo(words.SIMULATED)
    if built.kept is None:
        click.echo(f"{chosen.vi_dated}: dự thảo, kỳ chưa chốt số liệu")
    else:
        what = "đã lập" if built.is_new else "lập lại từ dữ liệu đã lưu"
        click.echo(f"{chosen.vi_dated}: phiên bản {built.kept.version}, {what}, SHA-256 {built.facts.digest}")
    for path in files:
        click.echo(str(path))
    _refuse_edited(built, chosen)


def _refuse_edited(built: life.Built, chosen: Period) -> None:
    """The report says it on page 1; whoever builds it by a script learns it too."""
    if built.facts.is_edited:
        said = f"{chosen.name} ({chosen.kind}): the closed figures were edited in the store, see `motcua period show`"
        raise click.ClickException(f"{said}; the report says so and is not sent")


def _parsed(name: str, kind: str) -> Period:
    try:
        return periods.parse(name, periods.Kind.CUSTOM if ".." in name else kind)
    except periods.PeriodError as error:
        raise ConfigurationError(str(error)) from None


def _read(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not a text in UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: can't read: {error.strerror}") from None


def _write(files: dict[Path, bytes]) -> None:
    """All of them or none: each gets its name only when all are complete."""
    parts = {path: path.with_name(path.name + ".part") for path in files}
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            parts[path].write_bytes(content)
        for path, part in parts.items():
            os.replace(part, path)  # noqa: PTH105 - the same, and plainly atomic
    except OSError as error:
        raise ConfigurationError(f"{error.filename}: can't write: {error.strerror}") from None
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)


# --- list, show -------------------------------------------------------------------------------------------------------


@report.command("list")
@data_option
@json_option
def list_(data: Path | None, as_json: bool) -> None:
    """Every version of every report.

    \b
    Example: motcua report list --data data
    """
    zone = zone_of_environment()
    with the_store(configuration(data)) as store:
        known = store.reports.all()
    if as_json:
        click.echo(_json([_row(kept) for kept in known]))
        return
    table = Table("Kỳ", "Loại", "Phiên bản", "Chốt số liệu", "Lập lúc", "Bởi", "Lý do", "Đã gửi lúc")
    for kept in known:
        sent = "" if kept.sent_at is None else words.moment(kept.sent_at, zone)
        made = words.moment(kept.made_at, zone)
        version, closed = str(kept.version), f"phiên bản {kept.period_version}"
        table.add_row(kept.name, kept.kind, version, closed, made, kept.made_by, kept.reason or "", sent)
    console().print(table)


def _row(kept: KeptReport) -> dict[str, Any]:
    return {name: value for name, value in asdict(kept).items() if name not in ("facts", "edits")}


def _json(value: Any) -> str:

    return json.dumps(value, ensure_ascii=False, indent=2)


@report.command()
@period_option
@period_kind
@click.option("--version", type=click.IntRange(min=1), help="Default: the last one.")
@lang_option
@data_option
@json_option
def show(wanted: str, kind: str, version: int | None, lang: str, data: Path | None, as_json: bool) -> None:
    """What a version says in short: its summary, its assessment with the ids of sentences, and its corrections.

    \b
    Example: motcua report show --period 2026-10 --data data
    """
    chosen = _parsed(wanted, kind)
    with the_store(configuration(data)) as store, _one_line():
        kept = life.chosen(store, chosen, version)
        built = life.again(store, kept)
    made = built.document(lang)
    if as_json:
        facts = built.facts
        click.echo(_json({"simulated": facts.simulated, **_row(kept), "digest": facts.digest, "facts": asdict(facts)}))
        return
    for line in [*made.marks, made.subject.replace("\n", " ")]:
        click.echo(line)
    click.echo(f"Phiên bản {kept.version}, SHA-256 {kept.digest}")
    for line in _said(made.blocks, ("I. ", "VIII. ")):
        click.echo(line)
    click.echo(_ids(built.facts))
    for line in _said(made.appendices[-1].blocks):
        click.echo(line)


def _said(blocks: Sequence[Any], sections: tuple[str, ...] | None = None) -> Iterator[str]:
    inside = sections is None
    for block in blocks:
        if isinstance(block, Heading) and block.level == 1 and sections:
            inside = block.text.startswith(sections)
        if inside and isinstance(block, Heading):
            yield f"\n{block.text}"
        elif inside and isinstance(block, Paragraph):
            yield f"- {block.text}" if block.bullet else block.text


def _ids(facts: Facts) -> str:

    return f"\nMã câu của mục VIII (dùng cho --edits): {', '.join(rule_ids(facts)) or 'không có'}\n"


# --- diff -------------------------------------------------------------------------------------------------------------


@report.command()
@period_option
@period_kind
@click.option("--from", "first", type=click.IntRange(min=1), help="Default: the version before.")
@click.option("--to", "second", type=click.IntRange(min=1), help="Default: the last version.")
@lang_option
@data_option
def diff(wanted: str, kind: str, first: int | None, second: int | None, lang: str, data: Path | None) -> None:
    """What is not the same in two versions of a report, cell by cell.

    \b
    Example: motcua report diff --period 2026-10 --from 1 --to 2 --data data
    """
    chosen = _parsed(wanted, kind)
    with the_store(configuration(data)) as store, _one_line():
        new = life.chosen(store, chosen, second)
        if first is None and new.version == 1:
            raise ReportError(f"{chosen.name} ({chosen.kind}) has one version only: there is nothing to compare")
        old = life.chosen(store, chosen, first or new.version - 1)
        facts = [Facts.of(kept.facts) for kept in (old, new)]
    before, after = (document(f, lang, edits.load(k.edits)) for f, k in zip(facts, (old, new), strict=True))
    click.echo(f"{chosen.vi_dated}: phiên bản {old.version} → {new.version}")
    told = list(life.differences(before, after, Tongue(lang, ZoneInfo(facts[0].zone))))
    for line in told or ["không có số liệu nào thay đổi"]:
        click.echo(f"- {line}")


# --- send -------------------------------------------------------------------------------------------------------------


@report.command()
@period_option
@period_kind
@click.option("--version", type=click.IntRange(min=1), help="Default: the last one.")
@click.option("--to", multiple=True, help="An address instead of the catalogue's list; may be given several times.")
@catalogue_option
@data_option
@sandbox_option
def send(
    wanted: str,
    kind: str,
    version: int | None,
    to: tuple[str, ...],
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
) -> None:
    """Send a version as DOCX and PDF by e-mail, to the list of the catalogue (report.mail).

    \b
    Example: motcua report send --period 2026-10 --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    chosen = _parsed(wanted, kind)
    _check_addresses(to)
    with the_store(configuration(data)) as store, _one_line():
        built = life.again(store, life.chosen(store, chosen, version))
        receivers = mail.send(store, province.report.mail, built, now(), to)
    if built.facts.simulated:
        click.echo(words.SIMULATED)
    assert built.kept is not None, "what is kept is no draft"
    click.echo(f"{chosen.vi_dated}: đã gửi phiên bản {built.kept.version} tới {', '.join(receivers)}")


@report.command()
@by_option
@catalogue_option
@data_option
@sandbox_option
def due(by: str, catalogue: Path | None, data: Path | None, in_sandbox: bool) -> None:
    """What the calendar asks for: close, build and send what became due on the 1st or the 15th at 07:00.

    For a timer, such as every hour: what was made is not made again, what was sent is not sent again.

    \b
    Example: motcua report due --by lich --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    with the_store(configuration(data)) as store, _one_line():
        before = {(kept.kind, kept.name, kept.version) for kept in store.reports.all()}
        sent = mail.send_due(province, store, now(), by)
        made = [kept for kept in store.reports.all() if (kept.kind, kept.name, kept.version) not in before]
    if province.simulated:
        click.echo(words.SIMULATED)
    for kept in made:
        click.echo(f"{kept.name} ({kept.kind}): đã lập phiên bản {kept.version}")
    for built in sent:
        click.echo(f"{built.stem}: đã gửi")
    if not made and not sent:
        click.echo("Không có báo cáo nào đến hạn")


def _check_addresses(to: Sequence[str]) -> None:
    for one in to:
        if one.count("@") != 1 or any(letter.isspace() for letter in one):
            raise ConfigurationError(f"--to: {one!r} is no address; write van-thu@tinh.example")
