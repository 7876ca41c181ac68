"""The servers of the live tests start, end and start again; CI lets no skip pass."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
import pytest
import requests

from tests import servers

pytest_plugins = ["pytester"]


@pytest.mark.live("redis-server")
def test_redis_is_gone_while_stopped_and_back_on_the_same_port() -> None:
    with servers.redis() as server:
        port = server.port
        server.kill()
        with pytest.raises(ConnectionRefusedError):
            _connect(port)
        server.start()
        assert server.port == port
        _connect(port)
    with pytest.raises(ConnectionRefusedError):
        _connect(port)


@pytest.mark.live("postgres")
def test_postgres_keeps_its_data_over_an_outage() -> None:
    with servers.postgres() as server:
        url = server.url.replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE t AS SELECT 'có dấu' AS x")
        server.stop()
        server.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT x FROM t").fetchone() == ("có dấu",)


@pytest.mark.live("prometheus", "alertmanager", "nginx")
@pytest.mark.parametrize(
    ("start", "path", "text"),
    [
        (lambda: servers.prometheus("rule_files: [r.yml]", {"r.yml": "groups: []"}), "/api/v1/status/config", "r.yml"),
        (
            lambda: servers.alertmanager("{route: {receiver: x}, receivers: [{name: x}]}"),
            "/api/v2/status",
            "receiver: x",
        ),
        (lambda: servers.nginx("server { listen 127.0.0.1:@PORT@; }", {"a/b.txt": "một cửa"}), "/a/b.txt", "một cửa"),
    ],
    ids=["prometheus", "alertmanager", "nginx"],
)
def test_web_servers_serve_what_they_were_given(
    start: Callable[[], AbstractContextManager[servers.Server]], path: str, text: str
) -> None:
    with start() as server:
        reply = requests.get(server.url + path, timeout=5)
    assert text in reply.content.decode()


@pytest.mark.live("redis-server")
def test_a_server_that_cannot_start_shows_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "free_port", lambda: 99999)
    with pytest.raises(servers.ServerError, match="between 0 and 65535"), servers.redis():
        pass


@pytest.mark.parametrize(("ci", "outcome"), [("true", {"failed": 1, "errors": 3}), ("", {"skipped": 4})])
def test_a_skip_fails_in_ci_only(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: dict[str, int]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setitem(servers.PACKAGES, "no-such-program", "no-such-package")
    pytester.makeini("[pytest]\nmarkers = live(*programs)")
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(
        test_a="""
            import pytest

            @pytest.mark.live("no-such-program")
            def test_live(): ...
            @pytest.mark.skip(reason="no time")
            def test_marked(): ...
            def test_inside(): pytest.skip("here")
            @pytest.mark.xfail(strict=True)
            def test_expected_to_fail(): assert False
        """,
        test_b="import pytest; pytest.importorskip('no_such_module')",
    )
    result = pytester.runpytest("-p", "no:cacheprovider", "-rs", "--continue-on-collection-errors")
    result.assert_outcomes(xfailed=1, **outcome)
    result.stdout.fnmatch_lines(["*no-such-program is missing (Debian package no-such-package): make test-deps*"])


def _connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=1).close()
