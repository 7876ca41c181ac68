"""The command `motcua terms`: what the catalogue said of systems and contracts, and from when on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.table import Table

from monitor import words
from monitor.catalogue import Catalogue
from monitor.cli.figures import by_option, now
from monitor.cli.shared import (
    INSTANT,
    LINE,
    catalogue_option,
    data_option,
    echo_json,
    json_option,
    sandbox_option,
    the_province,
    the_store,
)
from monitor.live import console
from monitor.store.terms import Entry
from monitor.terms import ALWAYS, Subject
from monitor.wiring import ConfigurationError, configuration

_SUBJECTS = {Subject.SYSTEM: "Hệ thống", Subject.CONTRACT: "Hợp đồng"}


@click.group()
def terms() -> None:
    """What lines and contracts are judged by, each from a second on: docs/figures.md, section 8.

    A recorder that starts with a changed catalogue records what has changed, from then on.

    \b
    Example: motcua terms list --data data -c catalogue.yaml
    """


@terms.command("list")
@catalogue_option
@data_option
@sandbox_option
@json_option
def terms_list(catalogue: Path | None, data: Path | None, in_sandbox: bool, as_json: bool) -> None:
    """All terms that were recorded, in that order: what differs from those before it, since when, by whom and why.

    \b
    Example: motcua terms list --json --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    with the_store(configuration(data)) as store:
        entries = store.terms.entries()
    if as_json:
        echo_json(province, terms=[_entry_json(entry) for entry in entries])
        return
    shown = console()
    if province.simulated:
        shown.print(words.SIMULATED, style="bold yellow")
    table = Table("Loại", "Mã", "Có hiệu lực từ", "Nội dung", "Ghi lúc", "Bởi", "Lý do")
    known: dict[tuple[Subject, str], dict[str, Any]] = {}
    for entry in entries:
        subject, id_, valid_from, body = entry.terms
        told = json.loads(body)
        since = "từ đầu" if valid_from == ALWAYS else _at(province, valid_from)
        what = _differences(known.get((subject, id_)), told)
        made_at, why = _at(province, entry.made_at), entry.reason or ""
        table.add_row(_SUBJECTS[subject], id_, since, what, made_at, entry.made_by, why)
        known[subject, id_] = told
    shown.print(table)


def _entry_json(entry: Entry) -> dict[str, Any]:
    subject, id_, valid_from, body = entry.terms
    about = {"made_at": entry.made_at, "made_by": entry.made_by, "reason": entry.reason}
    return {"subject": subject, "id": id_, "valid_from": valid_from, "terms": json.loads(body), **about}


def _differences(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    """What is other than before, each with both values; all of it in the first entry would hide what counts."""
    if before is None:
        return "lần đầu"
    names = [name for name in after if before.get(name) != after[name]]
    return "; ".join(f"{name}: {_short(before.get(name))} → {_short(after[name])}" for name in names)


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _at(province: Catalogue, second: int) -> str:
    return f"{datetime.fromtimestamp(second, ZoneInfo(province.province.timezone)):%d/%m/%Y %H:%M:%S}"


@terms.command("correct")
@click.option("--since", type=INSTANT, required=True, help="From when on they hold, whatever was recorded before.")
@click.option("--system", help="Those of one system only.")
@click.option("--contract", help="Those of one contract only.")
@click.option("--why", type=LINE, required=True, help="Why, for whoever objects.")
@by_option
@catalogue_option
@data_option
@sandbox_option
def terms_correct(
    since: int,
    system: str | None,
    contract: str | None,
    why: str,
    by: str,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
) -> None:
    """Let the catalogue's terms hold from an earlier instant on: it was changed too late, or was wrong.

    What was recorded stays readable. Closed periods keep their figures, and show that their inputs have changed.
    Incidents are made again when the recorder starts next, or by `motcua rebuild`.

    \b
    Example: motcua terms correct --since 2026-11-01 --contract hire --why "Phụ lục hợp đồng ký ngày 01/11/2026"
             --data data -c catalogue.yaml
    """
    province, at = the_province(catalogue, in_sandbox), now()
    if since // 1000 > at:
        raise ConfigurationError("--since lies in the future; terms are recorded when they come into force")
    if system is not None and contract is not None:
        raise click.UsageError("--system and --contract: choose one, or none for all")
    only = _chosen(province, system, contract)
    with the_store(configuration(data)) as store:
        changed = store.terms.correct(province, since // 1000, at=at, by=by, reason=why, only=only)
        if changed:
            store.incidents.unmake()
    if province.simulated:
        click.echo(words.SIMULATED)
    for subject, id_ in changed:
        click.echo(f"{_SUBJECTS[subject]} {id_}: có hiệu lực từ {_at(province, since // 1000)}")
    if not changed:
        click.echo("không có gì thay đổi: các điều khoản này đã có hiệu lực từ thời điểm đó")


def _chosen(province: Catalogue, system: str | None, contract: str | None) -> tuple[Subject, str] | None:
    for subject, id_, known in (
        (Subject.SYSTEM, system, province.systems),
        (Subject.CONTRACT, contract, province.contracts),
    ):
        if id_ is not None:
            if id_ not in known:
                raise ConfigurationError(f"{subject} {id_} is not in the catalogue ({', '.join(known)})")
            return subject, id_
    return None
