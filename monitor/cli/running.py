"""Commands that run until they are stopped: up, scheduler, worker, record, deliver, jobs, web."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import click

from connectors import sandbox as sandboxes
from monitor import live
from monitor.cli.shared import (
    DURATION,
    Seconds,
    catalogue_option,
    data_option,
    host_option,
    location_option,
    log_to_stderr,
    port_option,
    stopping,
    the_store,
)
from monitor.wiring import (
    Configuration,
    DueChecks,
    Recorder,
    Solicitor,
    address_of,
    broker_url,
    configuration,
    example_catalogue,
    listener,
    load_catalogue,
    location_of,
    make_deliverer,
    make_engine,
    make_folder,
    sealing,
    server_configuration,
    the_one_recorder,
)


@click.command()
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

    log_to_stderr(quiet=True)
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
        with stopping() as stop:
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


@click.command()
@catalogue_option
def scheduler(catalogue: Path | None) -> None:
    """Hand out what falls due, a second ahead (production).

    \b
    Example: MOTCUA_BROKER_URL=redis://redis:6379/0 MOTCUA_DATABASE_URL=postgresql://... motcua scheduler -c f.yaml
    """
    from tasks.app import make_app, send_batch  # noqa: PLC0415
    from tasks.scheduler import Scheduler  # noqa: PLC0415

    log_to_stderr()
    province = load_catalogue(catalogue)
    app = make_app(broker_url())
    with the_store(server_configuration(), create=True) as store, stopping() as stop:
        Scheduler(
            province.hash,
            DueChecks(province),
            store.claim_tick,
            store.states,
            lambda batch: send_batch(app, batch),
        ).run(stop)


@click.command()
@catalogue_option
@location_option
def worker(catalogue: Path | None, location: str | None) -> None:
    """Ask the systems from one location (production); needs the broker alone.

    \b
    Example: MOTCUA_BROKER_URL=redis://redis:6379/0 motcua worker --location van_phong -c catalogue.yaml
    """
    from tasks.app import make_app, poll_queue, run_worker, send_outcomes  # noqa: PLC0415
    from tasks.parts import Parts  # noqa: PLC0415

    log_to_stderr()
    province = load_catalogue(catalogue)
    place = location_of(province, location)
    sender = make_app(broker_url(), location=place)
    engine = make_engine(province, place, lambda outcomes, counts: send_outcomes(sender, outcomes, counts)).start()
    app = make_app(broker_url(), Parts(submit=engine.submit), location=place)
    code = run_worker(app, [poll_queue(place)], threads=2)
    engine.stop(drain=10)
    sys.exit(code)


@click.command()
@catalogue_option
def record(catalogue: Path | None) -> None:
    """Write what the workers found (production). One is active, a second one stands by.

    \b
    Example: motcua record -c catalogue.yaml
    """
    from tasks.app import RECORD, BrokerErrors, make_app, run_worker, send_batch, send_news  # noqa: PLC0415
    from tasks.parts import Parts  # noqa: PLC0415

    log_to_stderr()
    province = load_catalogue(catalogue)
    broker = broker_url()
    sender = make_app(broker)
    with the_store(server_configuration(), create=True) as store, the_one_recorder(store), sealing(store):
        solicit = Solicitor(province, store, lambda batch: send_batch(sender, batch))

        def incidents() -> None:
            with suppress(*BrokerErrors):  # the deliverer looks by itself too
                send_news(sender)

        recorder = Recorder(store, province, incidents=incidents, solicit=solicit)
        app = make_app(broker, Parts(record=recorder.record))
        code = run_worker(app, [RECORD], threads=1, stopping=recorder.stopping.set)
    sys.exit(code)


@click.command()
@catalogue_option
def jobs(catalogue: Path | None) -> None:
    """Do what the calendar asks for: collect dossiers; close, build and send reports (production).

    One is active, a second one stands by.

    \b
    Example: MOTCUA_DATABASE_URL=postgresql://... motcua jobs -c catalogue.yaml
    """
    from tasks.jobs import make_runner  # noqa: PLC0415

    log_to_stderr()
    province = load_catalogue(catalogue)
    with the_store(server_configuration(), create=True) as store:
        runner = make_runner(province, store)
        with store.job_runs.lock(wait=None), stopping() as stop:
            runner.run(stop)


@click.command()
@catalogue_option
def deliver(catalogue: Path | None) -> None:
    """Send what people are to be told (production). Several may run.

    \b
    Example: motcua deliver -c catalogue.yaml
    """
    from tasks.app import DELIVER, make_app, run_worker  # noqa: PLC0415
    from tasks.parts import Parts  # noqa: PLC0415

    log_to_stderr()
    province = load_catalogue(catalogue)
    broker = broker_url()
    with the_store(server_configuration(), create=True) as store, make_deliverer(store, province) as deliverer:
        app = make_app(broker, Parts(deliver=deliverer.wake))
        code = run_worker(app, [DELIVER], threads=1)
    sys.exit(code)


@click.command()
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

    log_to_stderr()
    province = load_catalogue(catalogue)
    config = configuration(data)
    with listener(host, port) as listening, the_store(config, create=not config.embedded) as store, stopping() as stop:
        pages = WebThread(make_web(province, store), listening)
        pages.start()
        click.echo(f"motcua: {address_of(listening)}/", err=True)
        while pages.alive and not stop.wait(1):
            pass
        pages.stop()
