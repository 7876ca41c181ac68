"""The command `sandbox`: be the simulated province, and switch its faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from connectors import sandbox as sandboxes
from monitor import words
from monitor.cli.shared import (
    API,
    DURATION,
    FILE,
    Seconds,
)
from monitor.wiring import (
    ConfigurationError,
)

api_option = click.option(
    "--api",
    type=API,
    envvar="MOTCUA_SANDBOX_API",
    default=sandboxes.DEFAULT_API,
    show_default=True,
    help="Where the sandbox listens (or $MOTCUA_SANDBOX_API).",
)


@click.group("sandbox", invoke_without_command=True)
@click.option("--port", default=sandboxes.DEFAULT_PORT, show_default=True, help="First of ten ports; 0: any.")
@click.option("--seed", default=sandboxes.DEFAULT_SEED, show_default=True, help="Same seed, same dossiers.")
@click.option("--log", type=FILE, help="File to which the fault log is appended.")
@click.pass_context
def sandbox_(ctx: click.Context, port: int, seed: int, log: Path | None) -> None:
    """Be the simulated province until Ctrl-C, or switch faults of one that runs.

    \b
    Example: motcua sandbox
             motcua sandbox fault igate.search http_503 --for 5m
    """
    if ctx.invoked_subcommand is None:
        _check_writable(log)
        sandboxes.serve(port=port, seed=seed, log=log, ready=_show_sandbox)


def _check_writable(log: Path | None) -> None:
    try:
        if log:
            log.open("a").close()
    except OSError as error:
        raise ConfigurationError(f"{log}: can't write: {error.strerror}") from None


def _show_sandbox(addresses: sandboxes.Addresses) -> None:
    click.echo(f"{words.SIMULATED}: tỉnh mô phỏng đang chạy, Ctrl-C để dừng")
    for name, url in asdict(addresses).items():
        click.echo(f"  {name:<9} {url}")


@sandbox_.command("fault")
@click.argument("route")
@click.argument("fault")
@click.option("--for", "seconds", type=DURATION, help="Switch it off after so long, such as 5m.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the fault.")
@api_option
def sandbox_fault(route: str, fault: str, seconds: Seconds | None, settings: tuple[str, ...], api: str) -> None:
    """Switch a fault on. `motcua sandbox show` lists routes and faults.

    \b
    Example: motcua sandbox fault igate.search http_503 --for 5m
    """
    parameters = dict(map(_parameter, settings))
    with _what_is_asked(api):
        active = sandboxes.set_fault(api, route, fault, seconds, parameters)
    click.echo(f"{words.SIMULATED}: {json.dumps(active, ensure_ascii=False)}")


@contextmanager
def _what_is_asked(api: str) -> Iterator[None]:
    """A sandbox that answers and refuses was asked for something that there is not: bad input."""
    sandboxes.describe(api)
    try:
        yield
    except sandboxes.SandboxError as error:
        raise ConfigurationError(str(error)) from None


def _parameter(text: str) -> tuple[str, str | float]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
    try:
        return name, float(value)
    except ValueError:
        return name, value


@sandbox_.command("clear")
@click.argument("route", required=False)
@api_option
def sandbox_clear(route: str | None, api: str) -> None:
    """Switch the fault of a route off, or all faults.

    \b
    Example: motcua sandbox clear igate.search
    """
    with _what_is_asked(api):
        click.echo(f"{sandboxes.clear_faults(api, route)} switched off")


@sandbox_.command("show")
@api_option
def sandbox_show(api: str) -> None:
    """Print the sandbox's addresses, routes, faults and what is switched on.

    \b
    Example: motcua sandbox show
    """
    click.echo(json.dumps(sandboxes.describe(api), ensure_ascii=False, indent=2))
