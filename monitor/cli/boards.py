"""Commands about Grafana's boards: build, check, publish."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from monitor import __version__
from monitor.cli.shared import FILE
from monitor.wiring import ConfigurationError

if TYPE_CHECKING:
    from dashboards.publish import Published

NAMES = ("overview", "system", "igate_failures", "interlink", "slo", "dossiers", "watcher")
URL, TOKEN = "MOTCUA_GRAFANA_URL", "MOTCUA_GRAFANA_TOKEN"

folder_option = click.option(
    "--out", "folder", type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the boards (default: in a checkout its own, with docs/metrics.md).",
)  # fmt: skip


@click.group()
def dashboards() -> None:
    """Grafana's boards: write them to files, compare, publish.

    \b
    Example: motcua dashboards publish --url https://grafana.example/
    """


@dashboards.command()
@folder_option
def build(folder: Path | None) -> None:
    """Write the boards, one JSON file each, as Grafana's provisioning or its import reads them.

    \b
    Example: motcua dashboards build --out boards
    """
    files, stale = _compare(folder)
    from dashboards.build import BuildError, write  # noqa: PLC0415

    try:
        write(files, stale)
    except BuildError as error:
        _fail(error)
    for path in stale:
        click.echo(f"đã ghi: {path}")
    click.echo(f"{len(files)} tệp, ghi mới {len(stale)}")


@dashboards.command()
@folder_option
def check(folder: Path | None) -> None:
    """Say which files are not what `build` would write (exit code 1 where there is one); write nothing.

    \b
    Example: motcua dashboards check --out boards
    """
    files, stale = _compare(folder)
    for path in stale:
        click.echo(f"{'khác' if path.exists() else 'thiếu'}: {path}")
    click.echo(f"{len(files)} tệp, cần ghi lại {len(stale)}")
    sys.exit(1 if stale else 0)


@dashboards.command()
@click.option("--url", envvar=URL, help=f"Where people open Grafana (default: ${URL}).")
@click.option("--token-file", type=FILE, help=f"File with a service account's token (default: ${TOKEN}).")
@click.option("--board", "names", type=click.Choice(NAMES), multiple=True, help="This one only; may come again.")
@click.option("--message", default=f"motcua {__version__}", show_default=True, help="Stands beside the new versions.")
def publish(url: str | None, token_file: Path | None, names: tuple[str, ...], message: str) -> None:
    """Write the boards into the folder "Một cửa" of a Grafana, as new versions; nothing else is touched.

    The token is a service account's with the role Editor. It is read from the environment or from a file, never from
    the command line, where others would see it.

    \b
    Example: MOTCUA_GRAFANA_TOKEN=... motcua dashboards publish --url https://grafana.example/ --board overview
    """
    from dashboards.build import BOARDS  # noqa: PLC0415
    from dashboards.publish import PublishError  # noqa: PLC0415
    from dashboards.publish import publish as send  # noqa: PLC0415 - its client is slow to import

    if not url:
        raise ConfigurationError(f"no Grafana is named; give --url or set {URL}")
    token = _token(token_file)
    chosen = [BOARDS[name]() for name in names or BOARDS]
    try:
        send(url, token, chosen, message, _tell)
    except PublishError as error:
        if error.setting:
            raise ConfigurationError(str(error)) from None
        _fail(error)


def _tell(board: Published) -> None:
    click.echo(f"{board.title}: {board.url} (phiên bản {board.version})")


def _token(file: Path | None) -> str:
    """Raises ConfigurationError; no message repeats it."""
    if file is None:
        token = os.environ.get(TOKEN, "")
        if not token:
            raise ConfigurationError(f"no token; set {TOKEN} or give --token-file")
        return token
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(f"{file}: can't read the token: {why}") from None


def _compare(folder: Path | None) -> tuple[dict[Path, str], list[Path]]:
    from dashboards.build import ROOT, BuildError, generated, stale  # noqa: PLC0415

    if folder is None and not (ROOT / "pyproject.toml").exists():
        raise ConfigurationError("this is no checkout of motcua; name a folder with --out")
    files = generated(folder)
    try:
        return files, stale(files)
    except BuildError as error:
        _fail(error)


def _fail(error: Exception) -> NoReturn:
    click.echo(f"motcua: {error}", err=True)
    sys.exit(1)
