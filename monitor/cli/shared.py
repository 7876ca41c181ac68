"""What commands share: types of options, the options themselves, the store, the catalogue, progress."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from connectors import sandbox as sandboxes
from monitor.catalogue import Catalogue
from monitor.incident_rules import BadText, checked_account, checked_text
from monitor.model import Outcome
from monitor.store import Store
from monitor.wiring import (
    Configuration,
    ConfigurationError,
    example_catalogue,
    load_catalogue,
    open_store,
)

Seconds = float


class DurationType(click.ParamType):
    """Seconds, written as 90, 90s, 5m or 2h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Seconds:
        if isinstance(value, float):
            return value
        units = {"s": 1.0, "m": 60.0, "h": 3600.0}
        number, unit = (value[:-1], value[-1]) if value[-1:] in units else (value, "s")
        try:
            seconds = float(number) * units[unit]
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < 10**9:
            self.fail(f"{value!r} is no duration; write 90s, 5m or 2h", param, ctx)
        return seconds


_FIRST_YEAR, _LAST_YEAR = 2000, 2099  # what lies outside is a slip of the pen, and instants that break dates


class InstantType(click.ParamType):
    """2026-10-01 or 2026-10-01T08:00, in the zone of MOTCUA_ZONE (default Asia/Ho_Chi_Minh); ms since 1970."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no instant; write 2026-10-01 or 2026-10-01T08:00", param, ctx)
        if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
            self.fail(f"{value!r} lies outside of the years {_FIRST_YEAR} to {_LAST_YEAR}", param, ctx)
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone_of_environment())
        return int(at.timestamp() * 1000)


class WrittenType(click.ParamType):
    """What is written down for good and shown to others: a text or an account, without personal data."""

    name = "text"

    def __init__(self, check: Callable[[str], str]) -> None:
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return self._check(str(value))
        except BadText as error:
            self.fail(str(error), param, ctx)


def _line_of_text(value: str) -> str:
    if "\n" in (text := checked_text(value)):
        raise BadText("the text has more than one line")
    return text


def _link(value: str) -> str:
    """An address that may be shown: no account in it."""
    try:
        parts = urlsplit(value)
    except ValueError:
        raise BadText(f"{value!r} is no address; write https://host/path") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadText(f"{value!r} is no address; write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise BadText("the address holds an account; leave it out")
    return _line_of_text(value)


def zone_of_environment() -> ZoneInfo:
    """The zone of MOTCUA_ZONE. Raises ConfigurationError."""
    name = os.environ.get("MOTCUA_ZONE") or "Asia/Ho_Chi_Minh"
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ConfigurationError(f"MOTCUA_ZONE: {name!r} is no time zone; write Asia/Ho_Chi_Minh") from None


class ApiType(click.ParamType):
    """Where a sandbox listens, such as http://127.0.0.1:18080."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parts = urlsplit(value)
            good = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good:
            self.fail(f"{value!r} is no address; write {sandboxes.DEFAULT_API}", param, ctx)
        return str(value)


DURATION, INSTANT, API = DurationType(), InstantType(), ApiType()
ACCOUNT, TEXT, LINE, LINK = map(WrittenType, (checked_account, checked_text, _line_of_text, _link))
FILE = click.Path(path_type=Path, dir_okay=False)
data_option = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of an embedded store."
)
catalogue_option = click.option("--catalogue", "-c", type=FILE, help="The catalogue (default: $MOTCUA_CATALOGUE).")
location_option = click.option("--location", "-l", help="The location to ask from; needed where there are several.")
host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address of the pages.")
port_option = click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any.")
json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")
sandbox_option = click.option("--sandbox", "in_sandbox", is_flag=True, help="Ask the running sandbox's province.")


def echo_json(province: Catalogue, **values: Any) -> None:
    """As /api/status says it: nobody may take the sandbox's figures for the province's."""
    shown = {"simulated": province.simulated, "province": province.province.id, **values}
    click.echo(json.dumps(shown, ensure_ascii=False, indent=2))


def the_province(catalogue: Path | None, in_sandbox: bool) -> Catalogue:
    """The catalogue; with --sandbox the example's, at the addresses of the sandbox that runs."""
    if not in_sandbox:
        return load_catalogue(catalogue)
    api = API(os.environ.get("MOTCUA_SANDBOX_API") or sandboxes.DEFAULT_API)
    found = sandboxes.describe(api)
    return load_catalogue(catalogue or example_catalogue(), {**os.environ, **found["environment"]})


@contextmanager
def the_store(config: Configuration, *, create: bool = False) -> Iterator[Store]:
    store = open_store(config, create=create)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def stopping() -> Iterator[threading.Event]:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    yield stop


@contextmanager
def output(out: Path | None) -> Iterator[Callable[[str], None]]:
    """A place to write lines to; a file appears under its name only when it is complete."""
    if out is None:
        yield print
        return
    part = out.with_name(out.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as target:
            yield lambda line: print(line, file=target)
        part.replace(out)
    except OSError as error:
        raise ConfigurationError(f"{out}: can't write: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def progress_of(label: str, total: int | None, *, passing: bool = False) -> Iterator[Callable[[int, int], None]]:
    """How far long work is, on standard error; `passing`: on a terminal alone, and nothing is left of it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    hidden = passing and not console.is_terminal
    with Progress(*columns, console=console, transient=passing, disable=hidden) as progress:
        task = progress.add_task(label, total=total)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)


def in_parts(values: Iterator[Outcome], size: int) -> Iterator[list[Outcome]]:
    part: list[Outcome] = []
    for value in values:
        part.append(value)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def log_to_stderr(*, quiet: bool = False) -> None:
    """JSON lines on standard error; `quiet` lets only warnings through, for commands with a screen of their own."""
    import logging  # noqa: PLC0415

    level = logging.WARNING if quiet else logging.INFO
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(ensure_ascii=False),
            foreign_pre_chain=[*shared, _without_traceback],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _without_traceback(_: Any, __: str, event: Any) -> Any:
    """A library's traceback may hold values of ours: the kind of error is enough."""
    error = event.pop("exc_info", None)
    if error and isinstance(error, tuple) and error[0]:
        event["error"] = error[0].__name__
    return event
