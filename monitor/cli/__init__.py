"""The command `motcua`. Parses, calls one thing, prints; every error is one line and an exit code.

Exit codes: 0 well; 1 the task failed; 2 bad input or settings; 70 a bug of ours; 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from connectors import sandbox as sandboxes
from monitor import __version__, wire
from monitor.catalogue import CatalogueError
from monitor.cli import (
    alerts,
    boards,
    dossiers,
    evidence,
    figures,
    incidents,
    looking,
    report,
    running,
    setting_up,
    simulating,
    terms,
)
from monitor.collection import CollectionError
from monitor.store import StoreError
from monitor.wiring import ConfigurationError

OUR_ERRORS = (ConfigurationError, StoreError, CollectionError, sandboxes.SandboxError, wire.WireError)


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


for command in (
    running.up, running.scheduler, running.worker, running.record, running.deliver, running.jobs, running.web,
    looking.probe, looking.status, looking.outcomes, looking.rebuild, looking.upgrade,
    setting_up.validate, setting_up.init, setting_up.schema,
    simulating.sandbox_,
    figures.availability, figures.maintenance_, figures.calendar, figures.period,
    incidents.incidents,
    evidence.verify, evidence.seals, evidence.evidence,
    terms.terms,
    dossiers.dossiers,
    alerts.alert,
    boards.dashboards,
    report.report,
):  # fmt: skip
    cli.add_command(command)


def _origin(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
