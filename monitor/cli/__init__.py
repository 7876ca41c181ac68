"""The command `motcua`. Parses, calls one thing, prints; every error is one line and an exit code.

Exit codes: 0 well; 1 the task failed; 2 bad input or settings; 70 a bug of ours; 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from monitor import __version__
from monitor.catalogue import CatalogueError


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
    except OSError as error:
        click.echo(f"motcua: {error.filename or 'the system'}: {error.strerror or error}", err=True)
        code = 1
    except Exception as error:
        if isinstance(error, _expected()):
            click.echo(f"motcua: {error}", err=True)
            code = 2 if getattr(error, "permanent", False) else 1
        elif os.environ.get("MOTCUA_DEBUG"):
            raise
        else:
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


def _expected() -> tuple[type[Exception], ...]:
    """What may go wrong without a bug; each says what to do. Loaded once something has."""
    from connectors.sandbox import SandboxError  # noqa: PLC0415
    from monitor.collection import CollectionError  # noqa: PLC0415
    from monitor.store import StoreError  # noqa: PLC0415
    from monitor.wire import WireError  # noqa: PLC0415
    from monitor.wiring import ConfigurationError  # noqa: PLC0415

    return ConfigurationError, StoreError, CollectionError, SandboxError, WireError


COMMANDS = {
    "running": ("up", "scheduler", "worker", "record", "deliver", "jobs", "web"),
    "looking": ("probe", "status", "outcomes", "rebuild", "upgrade"),
    "setting_up": ("validate", "init", "schema"),
    "simulating": ("sandbox",),
    "figures": ("availability", "maintenance", "calendar", "period"),
    "incidents": ("incidents",),
    "evidence": ("verify", "seals", "evidence"),
    "terms": ("terms",),
    "dossiers": ("dossiers",),
    "alerts": ("alert",),
    "boards": ("dashboards",),
    "report": ("report",),
}
"""The commands by their modules. A module is loaded when one of its commands is called: together they take seconds."""


class Commands(click.Group):
    """The commands of `COMMANDS`.

    A reader that has seen enough (`| head`) ends a command well; click itself would call it a failure.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(name for names in COMMANDS.values() for name in names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for module, names in COMMANDS.items():
            if cmd_name in names:
                loaded = import_module(f"monitor.cli.{module}")
                # A trailing underscore is where a module has another use for the name.
                command: click.Command = getattr(loaded, f"{cmd_name}_", None) or getattr(loaded, cmd_name)
                return command
        return None

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


def _origin(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
