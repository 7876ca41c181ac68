"""Messages of the production processes: recorder, two deliverers, a worker, on a real Redis and a real PostgreSQL."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from connectors.sandbox import Sandbox
from tests import processes, servers
from tests.processes import Process, eventually
from tests.receivers import SECRET, Webhook

pytestmark = pytest.mark.live("redis-server", "postgres")


@pytest.fixture(scope="module")
def province() -> Iterator[Sandbox]:
    with processes.sandbox() as sandbox:
        yield sandbox


def test_one_message_each_from_two_deliverers_one_of_which_dies(tmp_path: Path, province: Sandbox) -> None:
    with ExitStack() as stack:
        redis, postgres = stack.enter_context(servers.redis()), stack.enter_context(servers.postgres())
        hook = stack.enter_context(Webhook())
        path = processes.fast_catalogue(tmp_path, bus=(20, 1))
        text = yaml.safe_load(path.read_text(encoding="utf-8"))
        text["alerts"] = {
            "channels": {"hook": {"kind": "webhook", "url": hook.url, "secret": SECRET}},
            "routes": {"duty": {"channels": ["hook"]}},
        }
        path.write_text(yaml.safe_dump(text, allow_unicode=True, sort_keys=False), encoding="utf-8")
        env = {
            **province.environment,
            "MOTCUA_CATALOGUE": str(path),
            "MOTCUA_BROKER_URL": redis.url,
            "MOTCUA_DATABASE_URL": postgres.url,
        }

        def start(*words: str) -> Process:
            return stack.enter_context(processes.motcua(*words, folder=tmp_path, env=env))

        assert processes.run("upgrade", env=env).returncode == 0
        started = [start("record"), start("scheduler"), start("worker"), start("deliver"), start("deliver")]
        time.sleep(12)
        assert not hook.got
        province.fault("shared.category", "http_503")
        province.fault("lgsp.token", "hang_connect")
        eventually(lambda: {got.json["incident"]["system"] for got in hook.got} >= {"shared_catalogue", "bus"}, 40)
        time.sleep(11)  # longer than a child is held
        assert sorted(got.json["incident"]["system"] for got in hook.got) == ["bus", "shared_catalogue"]
        started.pop().kill()
        province.clear()
        eventually(lambda: len(hook.got) >= 4, 60)
        assert sorted(got.json["kind"] for got in hook.got) == ["down", "down", "up", "up"]
        assert all(got.signed for got in hook.got)
        for process in started:
            process.signal(signal.SIGTERM)
        assert {process.wait(30) for process in started} <= {0, 143}
