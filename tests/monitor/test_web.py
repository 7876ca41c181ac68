"""The pages and the API, asked over HTTP."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from monitor.catalogue import Catalogue
from monitor.dossiers import Counts, Form, Row, Source
from monitor.model import Reason
from monitor.store import Store, StoreError
from monitor.store.dossiers import Progress
from monitor.web import WebThread, make_web
from monitor.wiring import ConfigurationError, address_of, listener
from monitor.words import SIMULATED
from tests.monitor.province import TODAY, load, outcome, store_in

PATHS = ("/", "/healthz", "/metrics", "/api/status")


class Client:
    def __init__(self, address: str) -> None:
        self._address = address

    def get(self, path: str) -> requests.Response:
        return self.request("GET", path)

    def request(self, method: str, path: str) -> requests.Response:
        return requests.request(method, self._address + path, timeout=10)


Serve = Callable[[Catalogue, Store], Client]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(catalogue: Catalogue, store: Store) -> Client:
            listening = listener("127.0.0.1", 0)
            pages = WebThread(make_web(catalogue, store), listening)
            client = Client(address_of(listening))
            pages.start()
            stack.callback(pages.stop)
            return client

        yield start


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return load(tmp_path, TODAY)


@pytest.fixture
def store(tmp_path: Path, catalogue: Catalogue) -> Iterator[Store]:
    """igate fails since a minute ago, the portal is well, forms are slow."""
    now = time.time()
    with store_in(tmp_path) as store:
        store.record(
            [
                outcome("igate", "login", now - 30),
                outcome("igate", "forms", now - 30, Reason.SLOW, seconds=3),
                *(
                    outcome("igate", "search", now - 60 + 2 * n, Reason.HTTP_5XX, try_=n + 1, late=2 * n)
                    for n in range(3)
                ),
                *(outcome("portal", "home", now - 20, location=place) for place in ("office", "branch")),
            ],
            catalogue.settings,
        )
        yield store


@pytest.fixture
def client(serve: Serve, catalogue: Catalogue, store: Store) -> Client:
    return serve(catalogue, store)


def test_health_counts_what_was_recorded(client: Client, catalogue: Catalogue) -> None:
    reply = client.get("/healthz")
    assert reply.status_code == 200
    assert reply.json() == {"status": "ok", "outcomes": 7, "catalogue": catalogue.hash}


def test_metrics_are_prometheus_text(client: Client) -> None:
    reply = client.get("/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=")
    assert 'motcua_system_state{system="igate"} 0.0' in reply.text
    assert 'motcua_check_down_info{check="search",reason="http_5xx",step="request",system="igate"} 1.0' in reply.text


def test_dossiers_are_counted_beside_the_requests(serve: Serve, catalogue: Catalogue, store: Store) -> None:
    """No scrape asks for them, and soon after the start they are there."""
    now = int(time.time())
    form = Form(date(2026, 1, 1), date(2026, 2, 1), Source.OFFICIAL, (Row("A", None, Counts(received=1)),))
    store.dossiers.keep((), ZoneInfo("UTC"), progress=Progress("igate", now, since=0, until=now))
    store.dossiers.keep_form(form, store.dossiers.checked(form), at=now, by="test")
    client, end = serve(catalogue, store), time.monotonic() + 20
    while "motcua_dossiers_figures_timestamp_seconds" not in (text := client.get("/metrics").text):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert 'motcua_dossiers_form_violations{source="official"} 2.0' in text


def test_the_api_says_where_every_system_stands(client: Client) -> None:
    body = client.get("/api/status").json()
    assert (body["simulated"], body["province"]) == (True, "tinh_thu")
    igate, portal = body["systems"]
    assert (igate["system"], igate["state"], igate["step"], igate["reason"]) == (
        "igate", "down", "request", "http_5xx",
    )  # fmt: skip
    assert igate["since"] == pytest.approx(time.time() - 60, abs=5)
    assert [(c["check"], c["state"]) for c in igate["checks"]] == [
        ("search", "down"), ("login", "up"), ("forms", "degraded"),
    ]  # fmt: skip
    assert (portal["state"], portal["reason"]) == ("up", None)


def test_the_page_tells_it_in_words(client: Client) -> None:
    reply = client.get("/")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    rows = [re.sub(r"<[^>]+>", " ", row) for row in re.findall(r"<tr>.*?</tr>", reply.text, re.DOTALL)[1:]]
    assert len(rows) == 2
    assert "Một cửa điện tử" in rows[0]
    assert "Gián đoạn" in rows[0]
    assert "truy vấn: máy chủ báo lỗi (HTTP 5xx)" in rows[0]
    assert "Nhà thầu" in rows[0]
    assert "Cổng dịch vụ công" in rows[1]
    assert "Hoạt động" in rows[1]
    assert "200 ms" in rows[1]


def test_a_page_of_a_simulated_province_says_so_and_others_do_not(
    tmp_path: Path, client: Client, store: Store, serve: Serve
) -> None:
    assert f'<div class="simulated">{SIMULATED}</div>' in client.get("/").text
    real = load(tmp_path, TODAY.replace("simulated: true", "simulated: false"))
    other = serve(real, store)
    assert SIMULATED not in other.get("/").text
    assert other.get("/api/status").json()["simulated"] is False
    assert 'simulated="false"' in other.get("/metrics").text


def test_names_are_text_and_never_markup(tmp_path: Path, store: Store, serve: Serve) -> None:
    odd = load(tmp_path, TODAY.replace("vi: Một cửa điện tử", "vi: <b>Một & cửa</b>"))
    text = serve(odd, store).get("/").text
    assert "&lt;b&gt;Một &amp; cửa&lt;/b&gt;" in text
    assert "<b>" not in text


def test_before_the_first_outcome(tmp_path: Path, catalogue: Catalogue, serve: Serve) -> None:
    with store_in(tmp_path / "empty") as empty:
        client = serve(catalogue, empty)
        assert client.get("/healthz").json()["outcomes"] == 0
        assert client.get("/").text.count("Không có dữ liệu") == 2
        assert client.get("/api/status").json()["systems"][0]["since"] is None


class AwayStore:
    """Stands for a store whose database does not answer, whatever is called of it or of its parts."""

    def __getattr__(self, name: str) -> AwayStore:
        return self

    def __call__(self, *_: object) -> None:
        raise StoreError("postgresql://motcua@10.0.0.7/motcua: nothing answers there")


@pytest.fixture
def away(catalogue: Catalogue, serve: Serve) -> Client:
    store: Any = AwayStore()
    return serve(catalogue, store)


@pytest.mark.parametrize("path", PATHS)
def test_a_store_that_is_away_is_503_and_one_sentence(away: Client, path: str) -> None:
    reply = away.get(path)
    assert reply.status_code == 503
    assert "Traceback" not in reply.text
    assert "10.0.0.7" not in reply.text, "where the database is, is not for visitors"
    if path == "/":
        assert "Bộ giám sát hiện không đọc được cơ sở dữ liệu của mình." in reply.text
        assert SIMULATED in reply.text
        assert 'http-equiv="refresh"' in reply.text
    else:
        assert reply.json() == {"error": "the store does not answer; the log of this process says why"}


def test_it_reads_and_nothing_else(client: Client) -> None:
    for path in PATHS:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert client.request(method, path).status_code == 405
    assert client.get("/docs").status_code == 404


# --- on a socket ------------------------------------------------------------------------------------------------------


def test_who_asks_before_the_server_is_ready_waits(catalogue: Catalogue, store: Store) -> None:
    listening = listener("127.0.0.1", 0)
    address = address_of(listening)
    early = socket.create_connection(listening.getsockname())
    early.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
    pages = WebThread(make_web(catalogue, store), listening)
    pages.start()
    try:
        early.settimeout(10)
        assert early.recv(100).startswith(b"HTTP/1.1 200")
        assert requests.get(f"{address}/healthz", timeout=10).status_code == 200
    finally:
        early.close()
        pages.stop()
    assert not pages.alive
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{address}/healthz", timeout=10)


def test_a_busy_port_is_said_in_one_line() -> None:
    with listener("127.0.0.1", 0) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"port {port} on 127.0.0.1: Address already in use; .*--port"):
            listener("127.0.0.1", port)
    with listener("127.0.0.1", port) as free:  # and no longer than that
        assert address_of(free) == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("host", ["không-có.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_said_in_one_line(host: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^port 8000 on {host}: [^\n]+$"):
        listener(host, 8000)
