"""The command `motcua`. Parses, calls one thing, prints; every error is one line and an exit code.

Exit codes: 0 well; 1 the task failed; 2 bad input or settings; 70 a bug of ours; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import connectors
from connectors import sandbox as sandboxes
from connectors.engine import ask_once
from monitor import __version__, live, wire, words
from monitor import catalogue as catalogues
from monitor.catalogue import Catalogue, CatalogueError
from monitor.model import Check, Outcome, Verdict
from monitor.store import Store, StoreError
from monitor.wiring import (
    Configuration,
    ConfigurationError,
    DueChecks,
    Recorder,
    address_of,
    broker_url,
    configuration,
    example_catalogue,
    listener,
    load_catalogue,
    location_of,
    login_only,
    make_engine,
    make_folder,
    open_store,
    read_overview,
    server_configuration,
    the_one_recorder,
)

OUR_ERRORS = (ConfigurationError, StoreError, sandboxes.SandboxError, wire.WireError)


def main() -> None:
    """The entry point: no traceback reaches a user (MOTCUA_DEBUG=1 shows it)."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = cli.main(prog_name="motcua", standalone_mode=False)
    except click.exceptions.Abort:
        code = 130
    except KeyboardInterrupt:
        code = 130
    except click.ClickException as error:
        _show_usage(error)
        code = error.exit_code
    except CatalogueError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        code = 2
    except OUR_ERRORS as error:
        click.echo(f"motcua: {error}", err=True)
        code = 2 if isinstance(error, ConfigurationError) or getattr(error, "permanent", False) else 1
    except OSError as error:
        click.echo(f"motcua: {error.filename or 'the system'}: {error.strerror or error}", err=True)
        code = 1
    except Exception as error:
        if os.environ.get("MOTCUA_DEBUG"):
            raise
        where = _origin(error)
        click.echo(f"motcua: a bug of ours: {type(error).__name__} at {where}; MOTCUA_DEBUG=1 shows more", err=True)
        code = 70
    sys.exit(code if isinstance(code, int) else 0)


def _terminated(*_: Any) -> None:
    """SIGTERM ends every command in good order, also as process 1 of a container."""
    sys.exit(143)


def _show_usage(error: click.ClickException) -> None:
    """What is wrong with the words of a command, in one line; help, where that is what was asked for."""
    said = error.format_message()
    if "\n" in said:
        error.show()
        return
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "motcua"
    click.echo(f"{path}: {said.rstrip('.')}; see {path} --help", err=True)


# --- shared options ---------------------------------------------------------------------------------------------------

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
        if at.tzinfo is None:
            at = at.replace(tzinfo=_zone())
        return int(at.timestamp() * 1000)


def _zone() -> ZoneInfo:
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


class Commands(click.Group):
    """A reader that has seen enough (`| head`) ends a command well; click itself would call it a failure."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in buffers goes there
            return 0


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="motcua %(version)s")
def cli() -> None:
    """Watch the systems behind a one-stop desk: uptime, errors, figures that survive an objection.

    \b
    First steps:
      motcua up --sandbox        the whole monitor on a simulated province
      motcua init                a first catalogue of your own
      motcua up -c catalogue.yaml
    """


# --- running ----------------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--sandbox", "in_sandbox", is_flag=True, help="Start the simulated province too and watch it.")
@click.option("--for", "seconds", type=DURATION, help="End by itself after so long, such as 60s.")
@catalogue_option
@location_option
@host_option
@port_option
@data_option
def up(
    in_sandbox: bool,
    seconds: Seconds | None,
    catalogue: Path | None,
    location: str | None,
    host: str,
    port: int,
    data: Path | None,
) -> None:
    """The whole monitor in this process, until Ctrl-C: no server is needed.

    \b
    Example: motcua up --sandbox --for 60s --port 8000 --data data
    """
    from monitor.embedded import Embedded  # noqa: PLC0415 - Celery and the web are slow to import

    _logging(quiet=True)
    if in_sandbox and catalogue:
        raise click.UsageError("--sandbox brings its own catalogue; leave --catalogue out")
    with ExitStack() as stack:
        env, sandbox = dict(os.environ), None
        listening = stack.enter_context(listener(host, port))
        if in_sandbox:
            data = data or Path("data") / "sandbox"
            make_folder(data)
            sandbox = stack.enter_context(_start_sandbox(data / "faults.jsonl"))
            env |= sandbox.environment
            catalogue = example_catalogue()
        province = load_catalogue(catalogue, env)
        config = configuration(data, {})
        monitor = stack.enter_context(Embedded(province, config, location_of(province, location), listening))
        screen = live.Screen(province, monitor.overview, _addresses(address_of(listening), config, sandbox))
        with _stopping() as stop:
            screen.run(stop, seconds)


def _start_sandbox(log: Path) -> sandboxes.Sandbox:
    """On its usual ports, so that `motcua sandbox fault` finds it; on any where those are taken."""
    try:
        return sandboxes.spawn(port=sandboxes.DEFAULT_PORT, log=log)
    except sandboxes.SandboxError:
        return sandboxes.spawn(port=0, log=log)


def _addresses(pages: str, config: Configuration, sandbox: sandboxes.Sandbox | None) -> list[str]:
    lines = [f"Trang: {pages}/   Số đo: {pages}/metrics   Dữ liệu: {config.data}"]
    if sandbox:
        api = "" if sandbox.addresses.api == sandboxes.DEFAULT_API else f" --api {sandbox.addresses.api}"
        lines.append(f"Bật lỗi thử: motcua sandbox fault igate.search http_503 --for 2m{api}")
    return lines


@cli.command()
@catalogue_option
def scheduler(catalogue: Path | None) -> None:
    """Hand out what falls due, a second ahead (production).

    \b
    Example: MOTCUA_BROKER_URL=redis://redis:6379/0 MOTCUA_DATABASE_URL=postgresql://... motcua scheduler -c f.yaml
    """
    from tasks.app import make_app, send_batch  # noqa: PLC0415
    from tasks.scheduler import Scheduler  # noqa: PLC0415

    _logging()
    province = load_catalogue(catalogue)
    app = make_app(broker_url())
    with _store(server_configuration(), create=True) as store, _stopping() as stop:
        Scheduler(
            province.hash,
            DueChecks(province),
            store.claim_tick,
            store.states,
            lambda batch: send_batch(app, batch),
        ).run(stop)


@cli.command()
@catalogue_option
@location_option
def worker(catalogue: Path | None, location: str | None) -> None:
    """Ask the systems from one location (production); needs the broker alone.

    \b
    Example: MOTCUA_BROKER_URL=redis://redis:6379/0 motcua worker --location van_phong -c catalogue.yaml
    """
    from tasks.app import make_app, poll_queue, run_worker, send_outcomes  # noqa: PLC0415
    from tasks.parts import Parts  # noqa: PLC0415

    _logging()
    province = load_catalogue(catalogue)
    place = location_of(province, location)
    sender = make_app(broker_url(), location=place)
    engine = make_engine(province, place, lambda outcomes, counts: send_outcomes(sender, outcomes, counts)).start()
    app = make_app(broker_url(), Parts(submit=engine.submit), location=place)
    code = run_worker(app, [poll_queue(place)], threads=2)
    engine.stop(drain=10)
    sys.exit(code)


@cli.command()
@catalogue_option
def record(catalogue: Path | None) -> None:
    """Write what the workers found (production). One is active, a second one stands by.

    \b
    Example: motcua record -c catalogue.yaml
    """
    from tasks.app import RECORD, make_app, run_worker  # noqa: PLC0415
    from tasks.parts import Parts  # noqa: PLC0415

    _logging()
    province = load_catalogue(catalogue)
    broker = broker_url()
    with _store(server_configuration(), create=True) as store, the_one_recorder(store):
        recorder = Recorder(store, province)
        app = make_app(broker, Parts(record=recorder.record))
        code = run_worker(app, [RECORD], threads=1, stopping=recorder.stopping.set)
    sys.exit(code)


@cli.command()
@catalogue_option
@host_option
@port_option
@data_option
def web(catalogue: Path | None, host: str, port: int, data: Path | None) -> None:
    """Serve the pages, the API, /metrics and /healthz.

    \b
    Example: motcua web -c catalogue.yaml --host 0.0.0.0 --port 8000
    """
    from monitor.web import WebThread, make_web  # noqa: PLC0415

    _logging()
    province = load_catalogue(catalogue)
    config = configuration(data)
    with listener(host, port) as listening, _store(config, create=not config.embedded) as store, _stopping() as stop:
        pages = WebThread(make_web(province, store), listening)
        pages.start()
        click.echo(f"motcua: {address_of(listening)}/", err=True)
        while pages.alive and not stop.wait(1):
            pass
        pages.stop()


# --- looking ----------------------------------------------------------------------------------------------------------


@cli.command()
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
    _logging(quiet=True)
    province = _province(catalogue, in_sandbox)
    place = location_of(province, location)
    checks = {key[1]: c for key, c in province.checks(place).items() if key[0] == system}
    if system not in province.systems:
        raise ConfigurationError(f"system {system} is not in the catalogue ({', '.join(province.systems)})")
    if check is not None and check not in checks:
        raise ConfigurationError(f"{system} has no check {check} at {place} ({', '.join(checks)})")
    chosen = [checks[check]] if check else list(checks.values())
    outcomes = [ask_once(c, province.controls(place), place, province.locations[place].dns) for c in chosen]
    if as_json:
        _echo_json(province, outcomes=[_probe_json(o) for o in outcomes])
    else:
        live.show_probe(province, outcomes)
    sys.exit(0 if all(o.verdict in (Verdict.UP, Verdict.DEGRADED) for o in outcomes) else 1)


def _probe_json(outcome: Outcome) -> dict[str, Any]:
    line = cast("dict[str, Any]", json.loads(wire.export_line(outcome)))
    for step, result in zip(line["steps"], outcome.steps, strict=True):
        step["exchange"] = asdict(result.exchange) if result.exchange else None
    return line


@cli.command()
@catalogue_option
@data_option
@sandbox_option
@json_option
def status(catalogue: Path | None, data: Path | None, in_sandbox: bool, as_json: bool) -> None:
    """Where every system stands now, from the store.

    \b
    Example: motcua status --sandbox --data data/sandbox
    """
    province = _province(catalogue, in_sandbox)
    with _store(configuration(data)) as store:
        systems = read_overview(province, store, time.time())
    if as_json:
        _echo_json(province, systems=[asdict(s) for s in systems])
    else:
        live.console().print(live.table(province, systems, time.time()))


def _echo_json(province: Catalogue, **values: Any) -> None:
    """As /api/status says it: nobody may take the sandbox's figures for the province's."""
    shown = {"simulated": province.simulated, "province": province.province.id, **values}
    click.echo(json.dumps(shown, ensure_ascii=False, indent=2))


@cli.group()
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
        store = stack.enter_context(_store(configuration(data)))
        target = stack.enter_context(_output(out))
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

    \b
    Example: motcua outcomes import october.jsonl --data data -c catalogue.yaml
    """
    province = _province(catalogue, in_sandbox)
    total = sum(1 for _ in _import_lines(file))
    with _store(configuration(data), create=True) as store, store.recorder_lock(), _progress("Nhập", total) as done:
        new = conflicts = count = 0
        for part in _parts(_import_lines(file), 500):
            recorded = store.record(part, province.settings, {})
            new, conflicts, count = new + recorded.new, conflicts + recorded.conflicts, count + len(part)
            done(count, total)
    click.echo(f"{new} new of {total}, {total - new} known already, {conflicts} of those in conflict", err=True)


def _import_lines(file: Path) -> Iterator[Outcome]:
    with file.open(encoding="utf-8") as lines:
        try:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _import_line(file, number, line)
        except UnicodeDecodeError:
            raise ConfigurationError(f"{file}: not UTF-8 text; export it again") from None


def _import_line(file: Path, number: int, line: str) -> Outcome:
    try:
        return wire.import_line(line)
    except wire.WireError as error:
        raise ConfigurationError(f"{file}:{number}: {error}; nothing was imported") from None


@cli.command()
@catalogue_option
@data_option
@sandbox_option
def rebuild(catalogue: Path | None, data: Path | None, in_sandbox: bool) -> None:
    """Judge every outcome again: lines, intervals and roll-ups are made anew, and come out the same.

    \b
    Example: motcua rebuild --data data -c catalogue.yaml
    """
    province = _province(catalogue, in_sandbox)
    with _store(configuration(data)) as store, store.recorder_lock(), _progress("Dựng lại", None) as done:
        store.rebuild(province.settings, done)
    click.echo("every outcome was judged again", err=True)


@cli.command()
@data_option
def upgrade(data: Path | None) -> None:
    """Bring the store's tables up to this version; the processes that write do it by themselves.

    \b
    Example: motcua upgrade --data data
    """
    with _store(configuration(data), create=True):
        click.echo("the tables are up to date", err=True)


# --- catalogue --------------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("file", type=FILE)
@click.option("--live", "is_live", is_flag=True, help="Also log in to each system once.")
@location_option
def validate(file: Path, is_live: bool, location: str | None) -> None:
    """Say everything that is wrong with a catalogue at once, as file:line:column: path: what; hint (exit code 2).

    \b
    Example: motcua validate catalogue.yaml --live
    """
    _logging(quiet=True)
    province = load_catalogue(file)
    for warning in province.warnings:
        click.echo(f"warning: {warning}", err=True)
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


@cli.command()
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


@cli.command()
def schema() -> None:
    """Print the JSON Schema of the catalogue, for editors.

    \b
    Example: motcua schema > catalogue.schema.json
    """
    click.echo(json.dumps(catalogues.json_schema(connectors.CONNECTORS), ensure_ascii=False, indent=2))


# --- sandbox ----------------------------------------------------------------------------------------------------------

api_option = click.option(
    "--api",
    type=API,
    envvar="MOTCUA_SANDBOX_API",
    default=sandboxes.DEFAULT_API,
    show_default=True,
    help="Where the sandbox listens (or $MOTCUA_SANDBOX_API).",
)


@cli.group("sandbox", invoke_without_command=True)
@click.option("--port", default=sandboxes.DEFAULT_PORT, show_default=True, help="First of seven ports; 0: any.")
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
@click.option("--set", "settings", multiple=True, metavar="NAME=NUMBER", help="A parameter of the fault.")
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


def _parameter(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not NAME=NUMBER", param_hint="--set") from None


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


# --- helpers ----------------------------------------------------------------------------------------------------------


def _province(catalogue: Path | None, in_sandbox: bool) -> Catalogue:
    """The catalogue; with --sandbox the example's, at the addresses of the sandbox that runs."""
    if not in_sandbox:
        return load_catalogue(catalogue)
    api = API(os.environ.get("MOTCUA_SANDBOX_API") or sandboxes.DEFAULT_API)
    found = sandboxes.describe(api)
    return load_catalogue(catalogue or example_catalogue(), {**os.environ, **found["environment"]})


@contextmanager
def _store(config: Configuration, *, create: bool = False) -> Iterator[Store]:
    store = open_store(config, create=create)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    yield stop


@contextmanager
def _output(out: Path | None) -> Iterator[Callable[[str], None]]:
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
def _progress(label: str, total: int | None) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(label, total=total)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)


def _parts(values: Iterator[Outcome], size: int) -> Iterator[list[Outcome]]:
    part: list[Outcome] = []
    for value in values:
        part.append(value)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _logging(*, quiet: bool = False) -> None:
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


def _origin(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"


if __name__ == "__main__":
    main()
