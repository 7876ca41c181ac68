"""The commands about alerts: what they say, and what they refuse in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.alerts import MessageState
from tests.monitor import test_cli
from tests.monitor.store.test_outbox import CATALOGUE, World
from tests.monitor.test_cli import Motcua
from tests.receivers import SECRET, Webhook

motcua = test_cli.motcua

CHANNEL = '    hook: {{kind: webhook, url: "{url}", secret: {secret}}}'


def world(folder: Path, hook: Webhook, routes: str = "    duty: {channels: [hook, off]}") -> World:
    (folder / "data").mkdir()
    return World(
        folder,
        routes,
        channels=CHANNEL.format(url=hook.url, secret=SECRET),
        url=f"sqlite:///{folder / 'data' / 'motcua.db'}",
    )


def test_a_test_goes_over_every_channel_of_a_route(motcua: Motcua, tmp_path: Path) -> None:
    with Webhook() as hook:
        world(tmp_path, hook).store.close()
        done = motcua("alert", "test", "--to", "duty", "-c", "catalogue.yaml")
        assert (done.code, done.out) == (0, "hook: đã nhận\noff: tắt (chưa có địa chỉ)\n")
        (got,) = hook.got
        assert got.signed
        assert got.json["kind"] == "test"
        assert got.json["title"] == "Thử kênh báo tin: hook"
        assert "Đây là tin thử của tuyến duty, kênh hook" in got.json["text"]
        hook.status = 503
        done = motcua("alert", "test", "--to", "duty", "-c", "catalogue.yaml")
        assert done.code == 1
        assert done.out.splitlines()[0] == "hook: CHƯA NHẬN: bên nhận trả lời HTTP 503"


def test_what_a_test_refuses(motcua: Motcua, tmp_path: Path) -> None:
    with Webhook() as hook:
        world(tmp_path, hook, "    duty: {channels: [hook]}\n    quiet: {channels: [off]}").store.close()
    done = motcua("alert", "test", "--to", "nobody", "-c", "catalogue.yaml")
    assert (done.code, done.err) == (2, "motcua: there is no route nobody (duty, quiet)\n")
    done = motcua("alert", "test", "--to", "quiet", "-c", "catalogue.yaml")
    assert done.code == 2
    assert done.err == "motcua: route quiet: none of its channels has an address; set the variables it names\n"
    text = CATALOGUE.partition("alerts:")[0].replace("CHILDREN", "")
    (tmp_path / "none.yaml").write_text(text, encoding="utf-8")
    done = motcua("alert", "test", "--to", "duty", "-c", "none.yaml")
    assert done.code == 2
    assert done.err.startswith("motcua: the catalogue has no route; ")


def test_the_log_shows_what_was_told_and_what_was_not(motcua: Motcua, tmp_path: Path) -> None:
    with Webhook() as hook:
        w = world(tmp_path, hook)
    w.run("portal", "home", "+---", every=2)
    assert len(w.send()) == 1
    w.run("bus", "ping", "+---", every=2)
    row = w.store.outbox.claim("hook", w.now * 1000)
    assert row is not None
    w.store.outbox.failed(row, "the receiver answered HTTP 422", None, w.now * 1000, "[Mức 1] Gián đoạn: Trục")
    w.store.close()
    words = ("--since", "2026-10-01", "--data", "data", "-c", "catalogue.yaml")
    done = motcua("alert", "log", *words)
    assert done.code == 0, done.err
    assert "Đã gửi" in done.out
    assert "bên nhận trả lời HTTP 422" in done.out
    assert "Đến hạn mà chưa gửi được: 0. Đã bỏ: 1." in done.out
    told = json.loads(motcua("alert", "log", "--state", "failed", "--json", *words).out)
    assert [(m["system"], m["error"]) for m in told["messages"]] == [("bus", "the receiver answered HTTP 422")]
    assert told["attempts"] == {"hook": {"failed": 1, "ok": 1}}
    assert SECRET not in done.out + json.dumps(told)
    assert MessageState(told["messages"][0]["state"]) is MessageState.FAILED


@pytest.mark.parametrize("command", [("validate",), ("alert", "test", "--to", "duty", "-c")])
def test_a_url_that_apprise_does_not_know_is_named(motcua: Motcua, tmp_path: Path, command: tuple[str, ...]) -> None:
    World(tmp_path, channels='    hook: {kind: apprise, url: "khongco://bi-mat-gia"}').store.close()
    done = motcua(*command, "catalogue.yaml")
    assert done.code == 2
    assert done.err.endswith("motcua: alerts.channels.hook.url: Apprise does not know such a URL\n")
    assert "bi-mat-gia" not in done.err + done.out
