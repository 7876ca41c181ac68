"""Delivery over real sockets: webhooks, e-mail, an Alertmanager; receivers that are away, slow, or do not want it."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from monitor import channels, messages, words
from monitor import deliverer as deliverers
from monitor.alerts import GONE, GONE_AFTER, MessageState
from monitor.catalogue import Channel
from monitor.channels import ChannelError, DeliveryError, make_channels, signature
from monitor.deliverer import Deliverer, try_route
from monitor.store.outbox import LEASE
from tests import servers
from tests.monitor.store.test_outbox import T0, World
from tests.processes import eventually
from tests.receivers import SECRET, Drip, Mail, Webhook

WITHIN = 15.0


def hook_channel(hook: Webhook, name: str = "hook") -> str:
    return f'    {name}: {{kind: webhook, url: "{hook.url}", secret: {SECRET}}}'


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with Webhook() as receiver:
        yield receiver


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**but: Any) -> World:
        made.append(World(tmp_path, **but))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def deliverer(w: World, ahead: float = 0.0) -> Deliverer:
    """One whose clock goes on from the world's."""
    began = time.monotonic()
    return Deliverer(w.store, w.catalogue, lambda: w.now + ahead + time.monotonic() - began)


def fail_children(w: World, number: int) -> None:
    """So many systems go down, and nobody waits for the bus, which answers."""
    systems = [f"c{n}" for n in range(number)]
    w.tries(("bus", "ping", "+"), *((s, "ping", "+") for s in systems))
    for _ in range(3):
        w.now += 2
        w.tries(*((s, "ping", "-") for s in systems))
    w.tries(("bus", "ping", "+"), try_=0)


def restore_children(w: World, number: int) -> None:
    for _ in range(2):
        w.now += 2
        w.tries(*((f"c{n}", "ping", "+") for n in range(number)))


def test_a_webhook_can_check_who_sent_it(world: Callable[..., World], hook: Webhook) -> None:
    w = world(channels=hook_channel(hook))
    w.run("portal", "home", "+---", every=2)
    with deliverer(w):
        eventually(lambda: hook.got, WITHIN)
    (got,) = hook.got
    assert got.signed
    assert got.headers["Motcua-Id"] == got.json["id"]
    assert signature(SECRET, got.headers["Motcua-Timestamp"], got.body) == got.headers["Motcua-Signature"]
    assert signature(SECRET, got.headers["Motcua-Timestamp"], got.body + b" ") != got.headers["Motcua-Signature"]
    (row,) = w.rows()
    assert (row.state, row.title, row.body) == (MessageState.SENT, got.json["title"], got.json["text"])


def test_what_rests_on_imported_outcomes_says_so(world: Callable[..., World], hook: Webhook) -> None:
    w = world(channels=hook_channel(hook))
    w.run("portal", "home", "+", every=20)
    failed = [replace(w.outcome("portal", "home", "-", w.now + n), origin="imported") for n in range(3)]
    w.store.record(failed, w.catalogue.settings, rules=w.incidents, received_at=w.now + 3)
    w.run("app", "search", "+", every=2)
    w.run("app", "search", "---", every=2)
    with deliverer(w, ahead=20):
        eventually(lambda: len(hook.got) == 2, WITHIN)
    told = {got.json["incident"]["system"]: got.json["incident"]["imported"] for got in hook.got}
    assert told == {"portal": True, "app": False}


def test_what_goes_on_again_says_since_when(world: Callable[..., World], hook: Webhook) -> None:
    w = world(channels=hook_channel(hook))
    for signs in ("+---", "+++"):
        w.run("portal", "home", signs)
        assert w.send()
    w.run("portal", "home", "---")
    with deliverer(w):
        eventually(lambda: hook.got, WITHIN)
    (again,) = (got.json for got in hook.got)
    assert again["kind"] == "again"
    assert "Cổng lại bị gián đoạn từ 07/10/2026 09:02; lần đầu từ 07/10/2026 09:00 (giờ Việt Nam)." in again["text"]


def test_a_receiver_that_was_away_for_long_gets_everything_in_order(world: Callable[..., World], hook: Webhook) -> None:
    w = world(channels=hook_channel(hook), children=20)
    hook.stop()
    with deliverer(w) as sending:
        fail_children(w, 20)
        sending.wake()
        eventually(lambda: all(row.attempts > 2 for row in w.rows()), WITHIN)
        restore_children(w, 20)  # five minutes of 5 s to 300 s between attempts, as 3 s of 0.1 s to 0.4 s
        hook.status = 503
        hook.start()
        eventually(lambda: len(hook.got) > 20, WITHIN)
        hook.status = 200
        hook.got.clear()
        eventually(lambda: len(hook.got) >= 40, WITHIN)
        eventually(lambda: all(row.state is MessageState.SENT for row in w.rows()), WITHIN)
    assert Counter(got.json["kind"] for got in hook.got) == {"down": 20, "up": 20}
    assert len({got.json["id"] for got in hook.got}) == 40
    for n in range(20):
        kinds = [got.json["kind"] for got in hook.got if got.json["incident"]["system"] == f"c{n}"]
        assert kinds == ["down", "up"]
    attempts = w.store.outbox.deliveries(w.now * 1000).attempts
    assert attempts["hook", "ok"] == 40
    assert attempts["hook", "failed"] > 40


def test_a_receiver_that_hangs_keeps_nobody_else_waiting(world: Callable[..., World], hook: Webhook) -> None:
    with Webhook() as other:
        other.delay = 3
        both = f"{hook_channel(hook)}\n{hook_channel(other, 'other')}"
        w = world(channels=both, routes="    duty: {channels: [other, hook]}", children=5)
        fail_children(w, 5)
        with deliverer(w):
            eventually(lambda: len(hook.got) == 5, 3)
            assert len(other.got) <= 1


def test_a_receiver_that_drips_is_left_alone_in_time(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert channels.SEND_WITHIN * 1000 < LEASE
    monkeypatch.setattr(channels, "SEND_WITHIN", 0.3)
    before = threading.active_count()
    with Drip() as drip:
        w = world(channels=f'    hook: {{kind: webhook, url: "{drip.url}", secret: {SECRET}}}')
        w.run("portal", "home", "+---", every=2)
        with deliverer(w):
            eventually(lambda: w.rows()[0].attempts > channels.STUCK + 1, 30)
        assert w.rows()[0].error == "the receiver did not answer in time"
        assert drip.asked == channels.STUCK  # what it holds does not grow
    eventually(lambda: threading.active_count() <= before, WITHIN)


def test_a_heartbeat_that_drips_holds_up_no_look(
    world: Callable[..., World], hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverers, "END_WITHIN", 0.5)
    with Drip() as drip:
        beat = f'\n  heartbeat: {{url: "{drip.url}", every: 1s}}'
        w = world(channels=hook_channel(hook), routes="    head: {channels: [hook], after: 30m}" + beat)
        w.run("portal", "home", "+---", every=2)
        with deliverer(w):
            eventually(lambda: drip.asked, WITHIN)
            w.now += 1800
            eventually(lambda: hook.got, WITHIN)  # an escalation is made by a look


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://khong-co.invalid/", "không tìm thấy tên máy của bên nhận"),
        ("http://127.0.0.1:{free}/", "bên nhận từ chối kết nối"),
        ("http://127.0.0.1:{bad}/", "bên nhận trả lời HTTP 503"),
        ("http://127.0.0.1:{slow}/", "bên nhận không trả lời trong thời hạn"),
    ],
)
def test_why_a_message_was_not_taken(hook: Webhook, monkeypatch: pytest.MonkeyPatch, url: str, said: str) -> None:
    monkeypatch.setattr(channels, "TIMEOUT", (1.0, 0.2))
    hook.status, hook.delay = 503, 1.0 if "slow" in url else 0.0
    with pytest.raises(DeliveryError) as error:
        channels.call(url.format(free=servers.free_port(), bad=hook.port, slow=hook.port))
    assert words.delivery_error(str(error.value)) == said


def test_every_known_error_has_its_word() -> None:
    source = Path(channels.__file__).read_text(encoding="utf-8")
    texts = re.findall(r'"(the (?:receiver|request|service)[^"{:]+)', source)
    assert len(texts) > 6
    for text in (*texts, GONE):
        assert words.delivery_error(text) != text


def test_the_url_that_the_catalogue_shows_is_one_that_apprise_knows() -> None:
    shown = (Path(__file__).parent / "catalogue_bad" / "alerts_bad_url.yaml").read_text(encoding="utf-8")
    url = re.search(r"mailto://\S+", shown)
    assert url
    channels.Apprise("mail", Channel(kind="apprise", url=SecretStr(url[0])))  # else ChannelError


def test_two_deliverers_send_each_message_once(world: Callable[..., World], hook: Webhook) -> None:
    w = world(channels=hook_channel(hook), children=50)
    fail_children(w, 50)
    with deliverer(w), deliverer(w):
        eventually(lambda: len(hook.got) >= 50, WITHIN)
        eventually(lambda: all(row.state is MessageState.SENT for row in w.rows()), WITHIN)
    assert len(hook.got) == len({got.json["id"] for got in hook.got}) == 50


def test_killed_between_the_receivers_ok_and_the_commit_it_comes_twice_with_one_id(
    world: Callable[..., World], hook: Webhook
) -> None:
    w = world(channels=hook_channel(hook))
    w.run("portal", "home", "+---", every=2)
    row = w.store.outbox.claim("hook", w.now * 1000)
    assert row is not None
    dead = deliverer(w)
    message = dead._message(row)
    assert message is not None
    dead._channels["hook"].send(message)
    with deliverer(w):
        time.sleep(1.5)
        assert len(hook.got) == 1  # the lease has not ended
    with deliverer(w, ahead=LEASE / 1000 + 1):
        eventually(lambda: len(hook.got) == 2, WITHIN)
        eventually(lambda: w.rows()[0].state is MessageState.SENT, WITHIN)
    assert hook.got[0].json["id"] == hook.got[1].json["id"]


def test_what_a_receiver_does_not_want_is_kept_and_shown(world: Callable[..., World], hook: Webhook) -> None:
    w = world(channels=hook_channel(hook))
    hook.status = 422
    w.run("portal", "home", "+---", every=2)
    with deliverer(w):
        eventually(lambda: w.rows()[0].state is MessageState.FAILED, WITHIN)
        hook.status = 200
        w.run("portal", "home", "++", every=2)
        eventually(lambda: len(hook.got) == 2, WITHIN)
    assert w.rows()[0].error == "the receiver answered HTTP 422"
    assert w.store.outbox.deliveries(w.now * 1000).failed == 1


def test_it_is_given_up_after_the_catalogues_time(world: Callable[..., World]) -> None:
    w = world()
    w.run("portal", "home", "+---", every=2)
    with deliverer(w):
        eventually(lambda: w.rows()[0].error, WITHIN)
        w.now += 86_400
        eventually(lambda: w.rows()[0].state is MessageState.FAILED, WITHIN)


def test_what_waited_for_a_deliverer_is_not_given_up_at_its_first_try(
    world: Callable[..., World], hook: Webhook
) -> None:
    w = world(channels=hook_channel(hook))
    hook.status = 503
    w.run("portal", "home", "+---", every=2)
    with deliverer(w, ahead=25 * 3600):
        eventually(lambda: w.rows()[0].attempts > 2, WITHIN)
        hook.status = 200
        eventually(lambda: w.rows()[0].state is MessageState.SENT, WITHIN)


def test_what_becomes_known_after_its_digest_is_in_the_next_one(world: Callable[..., World], hook: Webhook) -> None:
    w = world(channels=hook_channel(hook), routes="    duty: {channels: [hook], digest: true}")
    five = T0 - 4 * 3600  # and it is nine now, two hours after the digest
    outcomes = [w.outcome("portal", "home", sign, five + 20 * n) for n, sign in enumerate("+---+++")]
    w.store.record(outcomes, w.catalogue.settings, rules=w.incidents, received_at=w.now)
    w.now = T0 + 22 * 3600 + 400  # 07:06 of the next day
    w.store.evidence.clock = lambda: w.now
    for ended in w.store.evidence.unsealed():
        w.store.evidence.seal(ended)
    with deliverer(w):
        eventually(lambda: hook.got, WITHIN)
    (digest,) = hook.got
    assert digest.json["title"] == "Bản tin 08/10/2026 07:00: 1 sự cố"
    assert "- Cổng (sự cố số 1): 07/10/2026 05:00 – 07/10/2026 05:01, gián đoạn 1 phút 00 giây" in digest.json["text"]


RENAMED = "    renamed: {channels: [hook]}"


def test_a_row_of_a_route_that_is_gone_is_dropped_with_a_word_and_stops_no_other(
    world: Callable[..., World], hook: Webhook
) -> None:
    w = world(channels=hook_channel(hook))
    w.run("portal", "home", "+---", every=2)
    w = world(channels=hook_channel(hook), routes=RENAMED)
    with deliverer(w):
        w.run("bus", "ping", "+---", every=2)
        eventually(lambda: len(hook.got) == 2, WITHIN)  # who is on the new route is told of both
        assert [row.state for row in w.rows() if row.target.route == "duty"] == [MessageState.WAITING]
    with deliverer(w, ahead=GONE_AFTER / 1000 + 1):
        eventually(lambda: w.rows()[0].state is MessageState.DROPPED, WITHIN)
    assert (w.rows()[0].target.route, w.rows()[0].error) == ("duty", GONE)
    assert w.store.outbox.deliveries(w.now * 1000).waiting == 0


def test_a_row_of_a_channel_that_is_gone_is_dropped(world: Callable[..., World], hook: Webhook) -> None:
    w = world(channels=hook_channel(hook, "old"), routes="    duty: {channels: [old]}")
    w.run("portal", "home", "+---", every=2)
    w = world(channels=hook_channel(hook))
    with deliverer(w, ahead=GONE_AFTER / 1000 + 1):
        eventually(lambda: w.rows()[0].state is MessageState.DROPPED, WITHIN)
    assert w.rows()[0].error == GONE


def test_a_text_that_cannot_be_made_stops_no_other(
    world: Callable[..., World], hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world(channels=hook_channel(hook))
    make = messages.of_incident

    def broken(rules: Any, sending: Any, facts: Any, now: int) -> Any:
        if facts.record.system == "portal":
            raise LookupError("a bug")
        return make(rules, sending, facts, now)

    monkeypatch.setattr(messages, "of_incident", broken)
    w.run("portal", "home", "+---", every=2)
    w.run("bus", "ping", "+---", every=2)
    with deliverer(w):
        eventually(lambda: w.rows()[1].state is MessageState.SENT, WITHIN)
        eventually(lambda: w.rows()[0].attempts > 1, WITHIN)
        assert w.rows()[0].error == "its text cannot be made: LookupError"
        w.now += 86_400
        eventually(lambda: w.rows()[0].state is MessageState.FAILED, WITHIN)


def test_an_incident_of_a_route_that_is_gone_stops_no_telling_again(world: Callable[..., World], hook: Webhook) -> None:
    channel = f'    hook: {{kind: alertmanager, url: "http://127.0.0.1:{hook.port}", resend: 1s}}'
    w = world(channels=channel, routes="    duty: {channels: [hook], severities: [S1]}\n    all: {channels: [hook]}")
    w.run("bus", "ping", "+---", every=2)
    with deliverer(w):
        eventually(lambda: len(hook.got) > 3, WITHIN)
    w = world(channels=channel, routes="    all: {channels: [hook]}")
    hook.got.clear()
    with deliverer(w):
        eventually(lambda: len(hook.got) > 2, WITHIN)
    assert {len(json.loads(got.body)) for got in hook.got} == {1}


def test_a_store_that_is_away_after_the_ok_makes_no_second_message(
    world: Callable[..., World], hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monitor.store import StoreError

    w = world(channels=hook_channel(hook))
    w.run("portal", "home", "+---", every=2)
    written, calls = w.store.outbox.sent, []

    def sent(*args: Any) -> bool:
        calls.append(args)
        if len(calls) < 4:
            raise StoreError("away")
        return written(*args)

    monkeypatch.setattr(w.store.outbox, "sent", sent)
    with deliverer(w):
        eventually(lambda: w.rows()[0].state is MessageState.SENT, WITHIN)
    assert len(hook.got) == 1


def test_a_mail_arrives_with_all_its_diacritics(world: Callable[..., World]) -> None:
    with Mail() as mail:
        w = world(channels=f'    hook: {{kind: apprise, url: "{mail.url}"}}')
        w.run("portal", "home", "+---", every=2)
        with deliverer(w):
            eventually(lambda: mail.got, WITHIN)
            eventually(lambda: w.rows()[0].state is MessageState.SENT, WITHIN)
    (got,) = mail.got
    assert got["Subject"] == "[Mức 3] Gián đoạn: Cổng"
    assert got.get_content_type() == "text/plain"
    lines = got.get_content().splitlines()
    assert lines[0] == "Cổng bị gián đoạn từ 07/10/2026 09:00 (giờ Việt Nam)."
    assert len(lines) > 4


def test_people_get_one_message_where_many_are_due_at_once(world: Callable[..., World]) -> None:
    with Mail() as mail:
        w = world(channels=f'    hook: {{kind: apprise, url: "{mail.url}"}}', children=200)
        fail_children(w, 200)
        with deliverer(w):
            eventually(lambda: all(row.state is MessageState.SENT for row in w.rows()), WITHIN)
            restore_children(w, 200)
            eventually(lambda: len(w.rows()) == 400, WITHIN)
            eventually(lambda: all(row.state is MessageState.SENT for row in w.rows()), WITHIN)
    down, up = mail.got
    assert down["Subject"] == "200 thông báo gián đoạn"
    assert "- và 190 thông báo khác" in down.get_content()
    assert up["Subject"] == "200 thông báo khôi phục"


def test_many_messages_in_one_are_retried_and_none_is_lost(world: Callable[..., World]) -> None:
    with Webhook() as hook:
        hook.status = 500
        url = f"json://127.0.0.1:{hook.port}"
        w = world(channels=f'    hook: {{kind: apprise, url: "{url}"}}', children=30)
        fail_children(w, 30)
        with deliverer(w):
            eventually(lambda: all(row.attempts > 1 for row in w.rows()), 30)
            hook.status = 200
            eventually(lambda: all(row.state is MessageState.SENT for row in w.rows()), WITHIN)


def test_a_mail_server_that_is_away_is_tried_again(world: Callable[..., World]) -> None:
    with Mail() as mail:
        url = mail.url
    w = world(channels=f'    hook: {{kind: apprise, url: "{url}"}}')
    w.run("portal", "home", "+---", every=2)
    with deliverer(w):
        eventually(lambda: w.rows()[0].attempts > 1, WITHIN)
    assert w.rows()[0].error == "the service did not take it, or could not be reached"


def test_no_error_names_an_address_or_a_key(world: Callable[..., World], caplog: pytest.LogCaptureFixture) -> None:
    port = servers.free_port()
    secret = "bi-mat-gia-0123456789"
    w = world(
        channels=f'    hook: {{kind: webhook, url: "http://u:{secret}@127.0.0.1:{port}/{secret}", secret: {secret}}}\n'
        f'    mail: {{kind: apprise, url: "jsons://u:{secret}@127.0.0.1:{port}/{secret}"}}',
        routes="    duty: {channels: [hook, mail]}",
    )
    w.run("portal", "home", "+---", every=2)
    with deliverer(w):
        eventually(lambda: all(row.attempts for row in w.rows()), WITHIN)
        eventually(lambda: all(row.error for row in w.rows()), WITHIN)
    assert secret not in f"{w.rows()} {caplog.text} {make_channels(w.catalogue)!r}"
    assert set(try_route(w.catalogue, "duty", w.now).values()) == {
        "the receiver refuses connections",
        "the service did not take it, or could not be reached",
    }


def test_a_url_that_apprise_does_not_know_is_no_channel(world: Callable[..., World]) -> None:
    w = world(channels='    hook: {kind: apprise, url: "khongco://bi-mat-gia"}')
    with pytest.raises(ChannelError, match=r"^alerts.channels.hook.url: Apprise does not know such a URL$"):
        deliverer(w)


def test_a_redirect_is_no_ok(hook: Webhook) -> None:
    hook.status = 302
    with pytest.raises(DeliveryError, match="HTTP 302"):
        channels.call(hook.url)


def test_the_heartbeat_stops_with_the_outcomes(world: Callable[..., World], hook: Webhook) -> None:
    beat = f'\n  heartbeat: {{url: "{hook.url}", every: 1s}}'
    w = world(routes="    duty: {channels: [off]}" + beat)
    with deliverer(w):
        time.sleep(1.5)
        assert not hook.got  # nothing was recorded yet
        w.tries(("portal", "home", "+"))
        eventually(lambda: len(hook.got) >= 2, WITHIN)
        w.now += 121
        time.sleep(1.5)
        seen = len(hook.got)
        time.sleep(2.5)
        assert len(hook.got) == seen
        w.tries(("portal", "home", "+"))
        eventually(lambda: len(hook.got) > seen, WITHIN)


def test_ending_waits_for_what_is_being_sent(world: Callable[..., World], hook: Webhook) -> None:
    w = world(channels=hook_channel(hook))
    hook.delay = 1.0
    w.run("portal", "home", "+---", every=2)
    before = threading.active_count()
    with deliverer(w):
        eventually(lambda: w.rows()[0].attempts, WITHIN)
    assert w.rows()[0].state is MessageState.SENT
    assert len(hook.got) == 1
    eventually(lambda: threading.active_count() <= before, WITHIN)


ALERTMANAGER = """
route: {receiver: nobody, group_by: [alertname, system], group_wait: 0s, group_interval: 1s}
receivers: [{name: nobody}]
"""


@pytest.mark.live("alertmanager")
def test_an_alertmanager_is_told_again_and_again_until_it_is_over(world: Callable[..., World]) -> None:
    with servers.alertmanager(ALERTMANAGER) as server:
        w = world(
            channels=f'    hook: {{kind: alertmanager, url: "{server.url}", resend: 1s}}',
            routes="    duty: {channels: [hook], severities: [S1]}",
        )
        w.now = int(time.time())  # an Alertmanager has a clock of its own

        def alerts() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = requests.get(f"{server.url}/api/v2/alerts", timeout=5).json()
            return found

        w.run("bus", "ping", "+---", every=0)
        began = time.time()
        for n, sign in enumerate("+---"):
            w.now = int(began) + n
            w.tries(("app", "search", sign))
        with deliverer(w):
            assert eventually(alerts, WITHIN)
            time.sleep(6)  # longer than one telling lasts
            (alert,) = alerts()
            assert alert["labels"] == {
                "alertname": "MotcuaIncident",
                "province": "tinh_thu",
                "incident": "1",
                "system": alert["labels"]["system"],
                "severity": "critical",
                "level": "S1",
                "party": alert["labels"]["party"],
                **({"parent": "bus"} if alert["labels"]["system"] == "app" else {}),
            }
            assert "Gián đoạn" in alert["annotations"]["summary"]
            w.now += 10
            for _ in range(2):
                w.tries(("bus", "ping", "+"), ("app", "search", "+"))
                w.now += 1
            eventually(lambda: not alerts(), WITHIN)
            time.sleep(3)
            assert not alerts(), json.dumps(alerts())
