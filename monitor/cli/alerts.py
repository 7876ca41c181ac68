"""Commands about alerts: try a route, and see what was told to whom."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.table import Table
from rich.text import Text

from monitor import words
from monitor.alerts import MessageState
from monitor.catalogue import Catalogue
from monitor.channels import ChannelError
from monitor.cli.shared import (
    INSTANT,
    catalogue_option,
    data_option,
    echo_json,
    json_option,
    sandbox_option,
    the_province,
    the_store,
)
from monitor.deliverer import try_route
from monitor.live import console
from monitor.store.outbox import Deliveries, Row
from monitor.wiring import ConfigurationError, configuration

SHOWN_DAYS = 7  # without --since
DAY = 86_400

ROUTE_HINT = "name the channels and routes under `alerts:` in the catalogue (docs/alerts.md)"


@click.group()
def alert() -> None:
    """Alerts: who is told of incidents.

    \b
    Example: motcua alert test --to duty -c catalogue.yaml
    """


@alert.command("test")
@click.option("--to", "route", required=True, help="The route whose channels are tried.")
@catalogue_option
@sandbox_option
def alert_test(route: str, catalogue: Path | None, in_sandbox: bool) -> None:
    """Send a test over every channel of a route, and say whether each receiver has taken it.

    \b
    Example: motcua alert test --to duty -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    channels = _channels_of(province, route)
    try:
        tried = try_route(province, route, time.time())
    except ChannelError as error:
        raise ConfigurationError(str(error)) from None
    for channel in channels:
        if channel not in tried:
            click.echo(f"{channel}: tắt (chưa có địa chỉ)")
        elif (wrong := tried[channel]) is None:
            click.echo(f"{channel}: đã nhận")
        else:
            click.echo(f"{channel}: CHƯA NHẬN: {words.delivery_error(wrong)}")
    if not tried:
        raise ConfigurationError(f"route {route}: none of its channels has an address; set the variables it names")
    sys.exit(1 if any(tried.values()) else 0)


def _channels_of(province: Catalogue, route: str) -> tuple[str, ...]:
    routes = province.alerts.routes
    if not routes:
        raise ConfigurationError(f"the catalogue has no route; {ROUTE_HINT}")
    if route not in routes:
        raise ConfigurationError(f"there is no route {route} ({', '.join(routes)})")
    return routes[route].channels


@alert.command("log")
@click.option("--since", type=INSTANT, help=f"What was made at or after this instant (default: {SHOWN_DAYS} days ago).")
@click.option("--state", type=click.Choice([s.value for s in MessageState]), help="In this state only.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="So many at most.")
@catalogue_option
@data_option
@sandbox_option
@json_option
def alert_log(
    since: int | None,
    state: str | None,
    limit: int,
    catalogue: Path | None,
    data: Path | None,
    in_sandbox: bool,
    as_json: bool,
) -> None:
    """What was told to whom, the newest first, and what waits or was given up.

    \b
    Example: motcua alert log --state failed --data data -c catalogue.yaml
    """
    province = the_province(catalogue, in_sandbox)
    start = int(time.time() - SHOWN_DAYS * DAY) * 1000 if since is None else since
    states = tuple(MessageState) if state is None else (MessageState(state),)
    with the_store(configuration(data)) as store:
        rows = store.outbox.log(start, limit, states)
        deliveries = store.outbox.deliveries(int(time.time() * 1000))
    if as_json:
        echo_json(province, messages=[_row_json(row) for row in rows], **_deliveries_json(deliveries))
    else:
        _show(province, rows, deliveries)


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "route": row.target.route,
        "channel": row.target.channel,
        "kind": row.kind,
        "state": row.state,
        "incident": row.incident,
        "system": row.system,
        "made_at": row.made_at / 1000,
        "ended_at": None if row.ended_at is None else row.ended_at / 1000,
        "attempts": row.attempts,
        "error": row.error,
        "title": row.title,
        "text": row.body,
    }


def _deliveries_json(deliveries: Deliveries) -> dict[str, Any]:
    attempts: dict[str, dict[str, int]] = {}
    for (channel, result), number in deliveries.attempts.items():
        attempts.setdefault(channel, {})[result] = number
    oldest = None if deliveries.oldest_at is None else deliveries.oldest_at / 1000
    return {"attempts": attempts, "waiting": deliveries.waiting, "oldest_at": oldest, "failed": deliveries.failed}


def _show(province: Catalogue, rows: list[Row], deliveries: Deliveries) -> None:
    zone = ZoneInfo(province.province.timezone)
    table = Table(title="Tin đã báo", title_justify="left")
    for column in ("Lúc", "Tuyến", "Kênh", "Loại", "Sự cố", "Trạng thái", "Số lần gửi", "Nội dung hoặc lỗi"):
        table.add_column(column, justify="right" if column in ("Sự cố", "Số lần gửi") else "left")
    for row in rows:
        table.add_row(
            words.instant(row.made_at / 1000, zone),
            row.target.route,
            row.target.channel,
            words.MESSAGES[row.kind],
            "" if row.incident is None else str(row.incident),
            words.MESSAGE_STATES[row.state],
            str(row.attempts),
            Text(_said(row, zone)),  # as it is: brackets are no style
        )
    shown = console()
    if province.simulated:
        shown.print(words.SIMULATED)
    shown.print(table)
    waiting, failed = words.number(deliveries.waiting), words.number(deliveries.failed)
    shown.print(f"Đến hạn mà chưa gửi được: {waiting}. Đã bỏ: {failed}.")


def _said(row: Row, zone: ZoneInfo) -> str:
    """What a row told, why it was not taken, or until when it waits."""
    if row.state is MessageState.WAITING and not row.attempts and row.not_before > row.made_at:
        return f"chờ đến {words.instant(row.not_before / 1000, zone)}"
    return words.delivery_error(row.error or "") or row.title or ""
