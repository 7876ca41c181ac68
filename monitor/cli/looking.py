"""Commands about what was seen: probe, status, outcomes, rebuild, upgrade."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import click

from connectors.engine import ask_once
from monitor import live, wire
from monitor.cli.shared import (
    FILE,
    INSTANT,
    catalogue_option,
    data_option,
    echo_json,
    in_parts,
    json_option,
    location_option,
    log_to_stderr,
    output,
    progress_of,
    sandbox_option,
    the_province,
    the_store,
)
from monitor.incident_rules import IncidentRules
from monitor.judge import is_future
from monitor.model import Outcome, Verdict
from monitor.wiring import (
    ConfigurationError,
    configuration,
    location_of,
    read_overview,
)


@click.command()
@click.argument("system")
@click.option("--check", "check", help="One check only.")
@catalogue_option
@location_option
@sandbox_option
@json_option
def probe(
    system: str, check: str | None, catalogue: Path | None, location: str | None, in_sandbox: bool, as_json: bool
) -> None:
    """Ask a system once and show every step, phase, reason and the redacted exchange. Nothing is recorded.

    Exit code 0 when all is well, 1 when a check failed.

    \b
    Example: motcua probe igate --sandbox
    """
    log_to_stderr(quiet=True)
    province = the_province(catalogue, in_sandbox)
    place = location_of(province, location)
    checks = {key[1]: c for key, c in province.checks(place).items() if key[0] == system}
    if system not in province.systems:
        raise ConfigurationError(f"system {system} is not in the catalogue ({', '.join(province.systems)})")
    if check is not None and check not in checks:
        raise ConfigurationError(f"{system} has no check {check} at {place} ({', '.join(checks)})")
    chosen = [checks[check]] if check else list(checks.values())
    outcomes = [ask_once(c, province.controls(place), place, province.locations[place].dns) for c in chosen]
    if as_json:
        echo_json(province, outcomes=[_probe_json(o) for o in outcomes])
    else:
        live.show_probe(province, outcomes)
    sys.exit(0 if all(o.verdict in (Verdict.UP, Verdict.DEGRADED) for o in outcomes) else 1)


def _probe_json(outcome: Outcome) -> dict[str, Any]:
    line = cast("dict[str, Any]", json.loads(wire.export_line(outcome)))
    for step, result in zip(line["steps"], outcome.steps, strict=True):
        step["exchange"] = asdict(result.exchange) if result.exchange else None
    return line


@click.command()
@catalogue_option
@data_option
@sandbox_option
@json_option
def status(catalogue: Path | None, data: Path | None, in_sandbox: bool, as_json: bool) -> None:
    """Where every system stands now, from the store.

    \b
    Example: motcua status --sandbox --data data/sandbox
    """
    province = the_province(catalogue, in_sandbox)
    with the_store(configuration(data)) as store:
        systems = read_overview(province, store, time.time())
    if as_json:
        echo_json(province, systems=[asdict(s) for s in systems])
    else:
        live.console().print(live.table(province, systems, time.time()))


@click.group()
def outcomes() -> None:
    """Take raw outcomes out of the store, or in.

    \b
    Example: motcua outcomes export --data data --since 2026-10-01 > october.jsonl
    """


@outcomes.command("export")
@data_option
@click.option("--since", type=INSTANT, help="First instant, such as 2026-10-01 or 2026-10-01T08:00.")
@click.option("--until", type=INSTANT, help="The first instant that is left out.")
@click.option("--system", help="One system only.")
@click.option("--out", type=FILE, help="File to write (default: standard output).")
def outcomes_export(
    data: Path | None, since: int | None, until: int | None, system: str | None, out: Path | None
) -> None:
    """One JSON object a line, fields as in docs/figures.md, section 1.

    \b
    Example: motcua outcomes export --data data --since 2026-10-01 --until 2026-11-01 --out october.jsonl
    """
    with ExitStack() as stack:
        store = stack.enter_context(the_store(configuration(data)))
        target = stack.enter_context(output(out))
        count = 0
        for outcome in store.outcomes(since or 0, until or 10**15, system):
            target(wire.export_line(outcome))
            count += 1
    if out:
        click.echo(f"{count} outcomes written to {out}", err=True)


@outcomes.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@catalogue_option
@data_option
@sandbox_option
def outcomes_import(file: Path, catalogue: Path | None, data: Path | None, in_sandbox: bool) -> None:
    """Take exported outcomes in; they are marked as imported. A bad line stops it before anything is written.

    A line from the future (more than 10 s after now) is a bad one.

    \b
    Example: motcua outcomes import october.jsonl --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    now_ms = round(time.time() * 1000)
    total = sum(1 for _ in _import_lines(file, now_ms))
    with (
        the_store(configuration(data), create=True) as store,
        store.recorder_lock(),
        progress_of("Nhập", total) as done,
    ):
        rules = IncidentRules(store.terms.dated(province, now_ms / 1000))
        new = conflicts = count = 0
        for part in in_parts(_import_lines(file, now_ms), 500):
            recorded = store.record(part, province.settings, {}, rules)
            new, conflicts, count = new + recorded.new, conflicts + recorded.conflicts, count + len(part)
            done(count, total)
    click.echo(f"{new} new of {total}, {total - new} known already, {conflicts} of those in conflict", err=True)


def _import_lines(file: Path, now_ms: int) -> Iterator[Outcome]:
    with file.open(encoding="utf-8") as lines:
        try:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _import_line(file, number, line, now_ms)
        except UnicodeDecodeError:
            raise ConfigurationError(f"{file}: not UTF-8 text; export it again") from None


def _import_line(file: Path, number: int, line: str, now_ms: int) -> Outcome:
    try:
        outcome = wire.import_line(line)
    except wire.WireError as error:
        raise ConfigurationError(f"{file}:{number}: {error}; nothing was imported") from None
    for name in ("due_at", "started_at"):
        if is_future(getattr(outcome, name), now_ms):
            raise ConfigurationError(
                f"{file}:{number}: {name} lies in the future; see to the clock here and where it was measured, or take "
                "the line out; nothing was imported"
            )
    return outcome


@click.command()
@click.option("--keep-closed", is_flag=True, help="Although periods are closed; their figures stay as they are.")
@catalogue_option
@data_option
@sandbox_option
def rebuild(keep_closed: bool, catalogue: Path | None, data: Path | None, in_sandbox: bool) -> None:
    """Judge every outcome again: lines, intervals and roll-ups are made anew, and come out the same.

    Refused where outcomes are gone, and where a period is closed: reopen it first, or say --keep-closed. `motcua
    period show` then says whether what its figures were made from is still the same.

    \b
    Example: motcua rebuild --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    with the_store(configuration(data)) as store, store.recorder_lock(), progress_of("Dựng lại", None) as done:
        rules = IncidentRules(store.terms.dated(province, time.time()))
        store.rebuild(province.settings, done, rules, keep_closed=keep_closed)
    click.echo("every outcome was judged again", err=True)


@click.command()
@data_option
def upgrade(data: Path | None) -> None:
    """Bring the store's tables up to this version; the processes that write do it by themselves.

    \b
    Example: motcua upgrade --data data
    """
    with the_store(configuration(data), create=True):
        click.echo("the tables are up to date", err=True)
