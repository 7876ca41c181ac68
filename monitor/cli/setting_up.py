"""Commands about the catalogue: validate, init, schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

import connectors
from connectors.engine import ask_once
from monitor import catalogue as catalogues
from monitor import words
from monitor.catalogue import Catalogue
from monitor.cli.shared import (
    FILE,
    location_option,
    log_to_stderr,
)
from monitor.model import Check, Verdict
from monitor.wiring import (
    ConfigurationError,
    check_channels,
    load_catalogue,
    location_of,
    login_only,
)


@click.command()
@click.argument("file", type=FILE)
@click.option("--live", "is_live", is_flag=True, help="Also log in to each system once.")
@location_option
def validate(file: Path, is_live: bool, location: str | None) -> None:
    """Say everything that is wrong with a catalogue at once, as file:line:column: path: what; hint (exit code 2).

    \b
    Example: motcua validate catalogue.yaml --live
    """
    log_to_stderr(quiet=True)
    province = load_catalogue(file)
    for warning in province.warnings:
        click.echo(f"warning: {warning}", err=True)
    check_channels(province)
    failed = _login_everywhere(province, location_of(province, location)) if is_live else 0
    click.echo(f"{file}: {len(province.systems)} systems, catalogue {province.hash}")
    sys.exit(1 if failed else 0)


def _login_everywhere(province: Catalogue, place: str) -> int:
    first_checks: dict[str, Check] = {}
    for check in province.checks(place).values():
        first_checks.setdefault(check.system, check)
    failed = 0
    for system, check in first_checks.items():
        login = login_only(check)
        dns = province.locations[place].dns
        outcome = ask_once(login, province.controls(place), place, dns) if login else None
        good = outcome is None or outcome.verdict is Verdict.UP
        failed += not good
        said = "no login needed" if outcome is None else "login ok"
        if outcome is not None and not good:
            said = f"login failed: {words.what_fails(outcome.failed_step, outcome.reason)} ({outcome.reason})"
        click.echo(f"{system}: {said}")
    return failed


@click.command()
@click.argument("file", type=FILE, default=Path("catalogue.yaml"))
def init(file: Path) -> None:
    """Write a commented first catalogue (default: catalogue.yaml); an existing file is left alone.

    \b
    Example: motcua init catalogue.yaml
    """
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(catalogues.first_catalogue())
    except FileExistsError:
        raise ConfigurationError(f"{file} exists already; name another file") from None
    except OSError as error:
        raise ConfigurationError(f"{file}: can't write: {error.strerror}") from None
    click.echo(f"{file} written; set the variables that it names, then: motcua validate {file}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of the catalogue, for editors.

    \b
    Example: motcua schema > catalogue.schema.json
    """
    click.echo(json.dumps(catalogues.json_schema(connectors.CONNECTORS), ensure_ascii=False, indent=2))
