"""The outbox on hand-made days: what is told to whom, in what order, how often."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

import connectors
from monitor import catalogue as catalogues
from monitor.alerts import HOLD, ON_THE_WAY, AlertRules, MessageKind, MessageState, Target, night
from monitor.incident_rules import FactKind, IncidentRules
from monitor.model import Gauge, Outcome, Reason, StepResult, verdict_of
from monitor.store import Store, recorder, schema
from monitor.store.outbox import LEASE, Row

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
T0 = int(datetime(2026, 10, 7, 9, 0, tzinfo=ZONE).timestamp())  # a Wednesday, in working hours
EVERY = 20

CATALOGUE = """
province: {id: tinh_thu, name: {vi: Tỉnh Thử, en: Test Province}}
defaults: {interval: 20s, timeout: 8s}
parties:
  vendor: {name: {vi: Nhà thầu, en: Vendor}}
  centre: {name: {vi: Trung tâm, en: Centre}}
calendars:
  state:
    hours:
      mon: ["07:00-11:00", "13:00-17:00"]
      tue: ["07:00-11:00", "13:00-17:00"]
      wed: ["07:00-11:00", "13:00-17:00"]
      thu: ["07:00-11:00", "13:00-17:00"]
      fri: ["07:00-11:00", "13:00-17:00"]
    years: {2026: {confirmed: true, days: []}}
locations:
  office: {name: {vi: Văn phòng, en: Office}, controls: [{id: gateway, url: "http://127.0.0.1:9/"}]}
systems:
  bus: {name: {vi: Trục, en: Bus}, owner: centre, party: centre, criticality: high, connector: http,
        options: {base_url: "http://127.0.0.1:9"}, checks: {ping: {}}}
  app: {name: {vi: Một cửa, en: One-stop}, owner: centre, party: vendor, criticality: high, connector: http,
        options: {base_url: "http://127.0.0.1:9"}, depends_on: [bus], checks: {search: {}}}
  portal: {name: {vi: Cổng, en: Portal}, owner: centre, party: vendor, criticality: low, connector: http,
        options: {base_url: "http://127.0.0.1:9"}, checks: {home: {}}}
CHILDREN
alerts:
  retry_first: 100ms
  retry_most: 400ms
  link: https://giam-sat.example/su-co/{incident}
  channels:
    off: {kind: webhook, url: "${NONE:-}"}
CHANNELS
  routes:
ROUTES
"""

CHANNELS = """    hook: {kind: webhook, url: "http://127.0.0.1:9/", secret: khoa-gia-de-thu-0000}
    mail: {kind: apprise, url: "json://127.0.0.1:9/"}"""
DUTY = "    duty: {channels: [hook, off]}"


class World:
    """A store, the rules of a catalogue, and a clock that only goes on when it is told to."""

    def __init__(
        self,
        folder: Path,
        routes: str = DUTY,
        children: int = 0,
        channels: str = CHANNELS,
        url: str = "",
        timeout: str = "8s",
    ) -> None:
        more = "\n".join(
            f"  c{n}: {{name: {{vi: Con {n}, en: Child {n}}}, owner: centre, party: vendor, connector: http, "
            f'options: {{base_url: "http://127.0.0.1:9"}}, depends_on: [bus], checks: {{ping: {{}}}}}}'
            for n in range(children)
        )
        path = folder / "catalogue.yaml"
        text = CATALOGUE.replace("CHILDREN", more).replace("ROUTES", routes).replace("CHANNELS", channels)
        text = text.replace("timeout: 8s", f"timeout: {timeout}")
        path.write_text(text, encoding="utf-8")
        self.catalogue = catalogues.load(path, connectors.CONNECTORS, {})
        self.incidents = IncidentRules(self.catalogue)
        self.rules = AlertRules(self.incidents)
        self.store = Store.open(url or f"sqlite:///{folder / 'motcua.db'}")
        self.store.upgrade()
        self.now = T0
        self.store.incidents.clock = lambda: self.now

    def tries(self, *what: tuple[str, str, str], try_: int = 1) -> None:
        """One try each of (system, check, "+", "-" or "?") now."""
        outcomes = [self.outcome(*one, self.now, try_) for one in what]
        settings = self.catalogue.settings
        self.store.record(outcomes, settings, rules=self.incidents, received_at=self.now)

    def outcome(self, system: str, check: str, sign: str, second: int, try_: int = 1) -> Outcome:
        reason = {"+": None, "-": Reason.HTTP_5XX, "?": Reason.BLIND}[sign]
        steps = (StepResult("request", verdict_of(reason), reason),)
        at = second * 1000
        return Outcome(system, check, "office", at, try_, at, 0.1, verdict_of(reason), reason, steps)

    def run(self, system: str, check: str, signs: str, every: int = EVERY) -> None:
        for sign in signs:
            self.tries((system, check, sign))
            self.now += every

    def look(self) -> int:
        return self.store.outbox.look(self.rules, self.now * 1000)

    def send(self, channel: str = "hook", *, fail: bool = False) -> list[tuple[MessageKind, str | None]]:
        """Send what is due now; what was sent."""
        sent = []
        while row := self.store.outbox.claim(channel, self.now * 1000):
            if fail:
                self.store.outbox.failed(row, "no", (self.now + 5) * 1000, self.now * 1000)
            else:
                assert self.store.outbox.sent(row, "title", "body", self.now * 1000)
                sent.append((row.kind, row.system))
        return sent

    def rows(self) -> list[Row]:
        return self.store.outbox.log(0, 10_000)[::-1]


Maker = Callable[..., World]


@pytest.fixture
def url() -> str:
    return ""  # SQLite; tests/live has PostgreSQL in its place


@pytest.fixture
def world(tmp_path: Path, url: str) -> Iterator[Maker]:
    made: list[World] = []

    def make(routes: str = DUTY, children: int = 0, **options: str) -> World:
        made.append(World(tmp_path, routes, children, url=url, **options))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


DOWN, UP, AGAIN, REMINDER = MessageKind.DOWN, MessageKind.UP, MessageKind.AGAIN, MessageKind.REMINDER


def test_one_message_when_it_fails_and_one_when_it_is_back(world: Maker) -> None:
    w = world()
    w.run("portal", "home", "+---")
    w.look()
    assert w.send() == [(DOWN, "portal")]
    w.run("portal", "home", "---")
    w.look()
    assert w.send() == []
    w.run("portal", "home", "++++")
    w.look()
    assert w.send() == [(UP, "portal")]
    assert {row.target for row in w.rows()} == {Target("duty", "hook")}  # a channel without an address is off
    assert w.store.outbox.deliveries(w.now * 1000).attempts == {("hook", "ok"): 2}


def test_the_row_is_made_in_the_transaction_of_the_incident(world: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    w = world()
    w.run("portal", "home", "+--")

    def killed(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(recorder, "keep_gauges", killed)  # what comes after the rows are made
        with pytest.raises(RuntimeError, match="killed"):
            w.tries(("portal", "home", "-"))
    assert not w.rows()
    assert not w.store.incidents.list(0, 1 << 40)
    w.tries(("portal", "home", "-"))
    assert [row.kind for row in w.rows()] == [DOWN]
    assert len(w.store.incidents.list(0, 1 << 40)) == 1


def test_a_child_waits_for_its_parent_and_is_silent_if_that_is_down(world: Maker) -> None:
    w = world()
    w.tries(("bus", "ping", "+"), ("app", "search", "+"))
    w.now += EVERY
    w.run("app", "search", "---", every=2)
    assert w.look() == 1
    assert w.send() == []
    w.run("bus", "ping", "-", every=2)
    assert w.look() == 1  # the parent is in doubt: not yet
    w.run("bus", "ping", "--", every=2)
    w.look()
    assert w.send() == [(DOWN, "bus")]
    assert [(row.system, row.state) for row in w.rows()] == [("app", "dropped"), ("bus", "sent")]
    w.run("app", "search", "---", every=2)  # goes on, and is seen in the parent's incident
    w.look()
    assert w.send() == []


def test_a_child_whose_parent_answers_is_told_at_once(world: Maker) -> None:
    w = world()
    w.tries(("bus", "ping", "+"), ("app", "search", "+"))
    w.now += EVERY
    w.run("app", "search", "---", every=2)
    assert w.look() == 1
    w.tries(("bus", "ping", "+"), try_=0)
    assert w.look() == 0
    assert w.send() == [(DOWN, "app")]


@pytest.mark.parametrize("parent", ["", "?"])
def test_a_child_whose_parent_says_nothing_is_told_once_that_could_have_been_confirmed(
    world: Maker, parent: str
) -> None:
    w = world()
    w.tries(("bus", "ping", "+"), ("app", "search", "+"))
    w.now += EVERY
    w.run("app", "search", "--", every=2)
    w.tries(("app", "search", "-"))
    detected = w.now
    w.run("bus", "ping", parent, every=2)
    longest = 2 * 2 + 8 + ON_THE_WAY // 1000  # three tries two seconds apart, and the timeout of the last
    w.now = detected + longest - 1
    w.look()
    assert w.send() == []
    w.now += 1
    w.look()
    assert w.send() == [(DOWN, "app")]


def test_how_long_a_message_waits_follows_from_what_the_parents_may_take(world: Maker) -> None:
    rules = world().rules
    assert rules.hold("portal") == 0, "nothing is between"
    assert rules.hold("app") == 14_000
    assert world(timeout="1s").rules.hold("app") == HOLD


def test_a_parent_that_fails_too_late_takes_the_message_back(world: Maker) -> None:
    w = world()
    w.tries(("bus", "ping", "+"), ("app", "search", "+"))
    w.now += EVERY
    w.run("app", "search", "---", every=2)
    w.now += 14
    w.look()
    assert w.send() == [(DOWN, "app")]
    w.run("bus", "ping", "---", every=2)
    w.look()
    assert sorted(w.send()) == [(DOWN, "bus"), (MessageKind.WITHDRAWN, "app")]


def test_a_thousand_children_behind_one_bus_are_one_message(world: Maker) -> None:
    w = world(children=1000)
    systems = [f"c{n}" for n in range(1000)]
    w.tries(("bus", "ping", "+"), *((s, "ping", "+") for s in systems))
    for _ in range(3):
        w.now += 2
        w.tries(*((s, "ping", "-") for s in systems))
    w.look()
    assert len(w.rows()) == 1000
    assert w.send() == []
    w.run("bus", "ping", "---", every=2)
    w.look()
    assert w.send() == [(DOWN, "bus")]
    w.now += 60
    w.look()
    assert w.send() == []


def test_flapping_makes_four_messages_however_long_it_goes_on(world: Maker) -> None:
    w = world()
    sent = []
    w.run("portal", "home", "+")
    for _ in range(20):
        w.run("portal", "home", "---", every=2)
        w.look()
        sent += w.send()
        w.run("portal", "home", "+++++", every=EVERY)
        w.look()
        sent += w.send()
    assert [kind for kind, _ in sent] == [DOWN, UP, AGAIN]
    for _ in range(40):
        w.run("portal", "home", "+")
        w.look()
        sent += w.send()
    assert [kind for kind, _ in sent] == [DOWN, UP, AGAIN, UP]


def test_what_nobody_could_be_told_of_keeps_its_order(world: Maker) -> None:
    w = world()
    w.run("portal", "home", "+---", every=2)
    assert w.send(fail=True) == []
    w.run("portal", "home", "++", every=2)
    assert w.send() == []  # the first waits for its next attempt, and the second for the first
    w.now += 5
    assert w.send() == [(DOWN, "portal"), (UP, "portal")]


def test_once_a_receiver_is_back_nothing_waits_for_its_next_attempt(world: Maker) -> None:
    w = world()
    for system, check in (("portal", "home"), ("bus", "ping")):
        w.run(system, check, "+---", every=2)
    rows = [w.store.outbox.claim("hook", w.now * 1000) for _ in range(2)]
    for row, wait in zip(rows, (5, 3000), strict=True):
        assert row is not None
        w.store.outbox.failed(row, "no", (w.now + wait) * 1000, w.now * 1000)
    w.now += 5
    assert len(w.send()) == 2


def test_who_claims_a_row_has_it_alone(world: Maker) -> None:
    w = world(children=60)
    w.tries(*((f"c{n}", "ping", "+") for n in range(60)), ("bus", "ping", "+"))
    for _ in range(3):
        w.now += 2
        w.tries(*((f"c{n}", "ping", "-") for n in range(60)))
    w.now += 15
    taken: list[int] = []

    def work() -> None:
        while row := w.store.outbox.claim("hook", w.now * 1000):
            taken.append(row.id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 60


def test_the_row_of_a_sender_that_died_is_due_again(world: Maker) -> None:
    w = world()
    w.run("portal", "home", "+---", every=2)
    dead = w.store.outbox.claim("hook", w.now * 1000)
    assert dead is not None
    assert w.store.outbox.claim("hook", w.now * 1000) is None
    w.now += LEASE // 1000 + 1
    again = w.store.outbox.claim("hook", w.now * 1000)
    assert again is not None and (again.id, again.attempts) == (dead.id, 2)
    assert not w.store.outbox.sent(dead, "", "", w.now * 1000)  # the row is somebody else's by now
    assert w.store.outbox.sent(again, "", "", w.now * 1000)


# --- routes -----------------------------------------------------------------------------------------------------------


def test_routes_by_severity_party_and_system(world: Maker) -> None:
    w = world(
        "    bad: {channels: [hook], severities: [S1]}\n"
        "    vendor: {channels: [hook], parties: [vendor]}\n"
        "    app: {channels: [hook], systems: [app]}"
    )
    w.run("portal", "home", "+---", every=2)
    w.run("bus", "ping", "+---", every=2)
    found = {(row.target.route, row.system) for row in w.rows()}
    assert found == {("vendor", "portal"), ("bad", "bus"), ("app", "bus")}  # the app is reached through the bus


def test_an_escalation_tells_what_nobody_acknowledged(world: Maker) -> None:
    w = world("    duty: {channels: [hook]}\n    head: {channels: [mail], after: 30m}")
    w.run("portal", "home", "+---", every=2)
    w.run("bus", "ping", "+---", every=2)
    w.look()
    assert len(w.send()) == 2
    incident = next(r for r in w.store.incidents.list(0, 1 << 40) if r.system == "portal")
    w.store.incidents.add_fact(incident.id, FactKind.ACKNOWLEDGED, "truc_ban")
    w.now += 1790
    w.look()
    assert w.send("mail") == []
    w.now += 20
    w.look()
    assert w.send("mail") == [(DOWN, "bus")]
    w.run("bus", "ping", "++", every=2)
    w.run("portal", "home", "++", every=2)
    assert w.send("mail") == [(UP, "bus")]


def test_reminders_go_on_until_somebody_acknowledges(world: Maker) -> None:
    w = world("    duty: {channels: [hook], remind: 1h}")
    w.run("portal", "home", "+---", every=2)
    assert w.send() == [(DOWN, "portal")]
    sent = []
    for _ in range(5):
        w.now += 1800
        w.look()
        sent += w.send()
    assert sent == [(REMINDER, "portal")] * 2
    (incident,) = w.store.incidents.list(0, 1 << 40)
    w.store.incidents.add_fact(incident.id, FactKind.ACKNOWLEDGED, "truc_ban")
    w.now += 7200
    w.look()
    assert w.send() == []


def test_working_hours_are_told_in_the_morning_what_still_goes_on(world: Maker) -> None:
    w = world("    day: {channels: [hook], hours: working}\n    night: {channels: [mail], hours: off}")
    w.now = T0 + 13 * 3600  # 22:00
    w.run("portal", "home", "+---", every=2)
    w.run("bus", "ping", "+---++", every=2)
    w.look()
    assert w.send() == []
    assert w.send("mail") == [(DOWN, "portal"), (DOWN, "bus"), (UP, "bus")]
    w.now = T0 + 22 * 3600  # 07:00
    w.look()
    assert w.send() == [(DOWN, "portal")]


# --- the digest, and certificates -------------------------------------------------------------------------------------


def at(day: int, hour: int, minute: int = 0) -> int:
    return int(datetime(2026, 10, day, hour, minute, tzinfo=ZONE).timestamp())


def test_the_digest_goes_out_on_working_days_with_the_seal_or_without(world: Maker) -> None:
    w = world("    duty: {channels: [hook], digest: true}")
    w.store.evidence.clock = lambda: w.now
    w.now = at(8, 6, 59)
    w.tries(("portal", "home", "+"))
    w.look()
    assert w.send() == []
    w.now = at(8, 7, 1)
    w.look()
    assert w.send() == []  # the day has just ended and is not sealed
    for ended in w.store.evidence.unsealed():
        w.store.evidence.seal(ended)
    w.look()
    w.look()
    assert w.send() == [(MessageKind.DIGEST, None)]
    w.now = at(9, 7, 4)
    w.look()
    assert w.send() == []
    w.now = at(9, 7, 5)
    w.look()
    assert w.send() == [(MessageKind.DIGEST, None)]
    for day in (10, 11):  # a weekend
        w.now = at(day, 7, 30)
        w.look()
        assert w.send() == []
    assert w.rows()[-1].key == "digest-2026-10-09"
    of = night(w.rules, datetime.fromtimestamp(at(12, 9), ZONE).date())
    assert (of.start, of.end) == (at(9, 7), at(12, 7))
    assert (str(of.after_day), str(of.last_day)) == ("2026-10-08", "2026-10-11")


def test_a_digest_that_was_missed_goes_out_late_and_reaches_back_to_the_last_one(world: Maker) -> None:
    w = world("    duty: {channels: [hook], digest: true}")
    w.store.evidence.clock = lambda: w.now
    w.now = at(7, 14)
    w.tries(("portal", "home", "+"))
    w.look()
    assert w.send() == [], "a monitor that has just been set up has missed none"
    w.now = at(8, 7, 1)
    for ended in w.store.evidence.unsealed():
        w.store.evidence.seal(ended)
    w.look()
    assert w.send() == [(MessageKind.DIGEST, None)]
    w.now = at(10, 15)  # off since Thursday, on again on Saturday: Friday's is due
    began = w.now * 1000
    w.store.outbox.look(w.rules, w.now * 1000, began)
    assert w.send() == [], "the day before is being sealed"
    w.now += 301
    w.store.outbox.look(w.rules, w.now * 1000, began)
    assert w.send() == [(MessageKind.DIGEST, None)]
    w.look()
    assert w.send() == []
    assert w.rows()[-1].key == "digest-2026-10-09"
    w.now = at(14, 16)  # Monday's and Tuesday's were missed, and Wednesday's is late
    w.look()
    assert w.send() == [(MessageKind.DIGEST, None)]
    last = w.rows()[-1]
    assert last.key == "digest-2026-10-14"
    assert str(w.store.outbox.digest_before(last)) == "2026-10-09"
    of = night(w.rules, date.fromordinal(last.ordinal), w.store.outbox.digest_before(last))
    assert (of.start, of.end) == (at(9, 7), at(14, 7))


def test_a_certificate_is_told_once_per_threshold(world: Maker) -> None:
    w = world()
    ends = T0 + 35 * 86_400

    def see(not_after: int) -> None:
        gauges = ((Gauge.CERTIFICATE_NOT_AFTER, float(not_after)),)
        steps = (StepResult("handshake", verdict_of(None), gauges=gauges),)
        at_ms = w.now * 1000
        outcome = Outcome("portal", "home", "office", at_ms, 1, at_ms, 0.1, verdict_of(None), None, steps)
        w.store.record([outcome], w.catalogue.settings, rules=w.incidents, received_at=w.now)

    days_left = []
    for half_day in range(72):
        w.now = T0 + half_day * 43_200
        see(ends + 3600 * (half_day % 2))  # two servers that take turns
        w.look()
        days_left += [(ends - w.now) // 86_400 for _ in w.send()]
    assert days_left == [29, 13, 6, 0]
    w.now += 86_400
    see(ends + 20 * 86_400)  # renewed, for 20 days: half a month later a threshold is near again
    w.look()
    assert {row.state for row in w.rows()} == {MessageState.SENT}


def test_what_is_over_and_told_is_looked_at_no_more(world: Maker) -> None:
    w = world()
    standing = select(schema.messages.c.system).where(schema.messages.c.stands == 1)

    def stand() -> list[str]:
        with w.store._database.reading() as connection:
            return list(connection.execute(standing.order_by(schema.messages.c.id)).scalars())

    for system, check in (("bus", "ping"), ("portal", "home")):
        w.run(system, check, "+---", every=2)
    assert len(w.send()) == 2
    w.run("portal", "home", "++", every=2)
    w.look()
    assert stand() == ["bus", "portal"]  # the end is not told yet
    assert w.send() == [(UP, "portal")]
    assert stand() == ["bus"]
    w.run("portal", "home", "---", every=2)  # it goes on: a new row stands
    assert w.send() == [(AGAIN, "portal")]
    assert stand() == ["bus", "portal"]
    assert {(f.incident, f.target.channel) for f in w.store.outbox.firing("hook")} == {(1, "hook"), (2, "hook")}
    w.run("bus", "ping", "++", every=2)
    assert w.send(fail=True) == []
    assert stand() == ["bus", "portal"]  # it is tried again
    row = w.store.outbox.claim("hook", (w.now + 5) * 1000)
    assert row is not None
    w.store.outbox.failed(row, "no", None, w.now * 1000)
    assert stand() == ["portal"]  # nobody tries any more
    w.look()
    assert [row.kind for row in w.rows() if row.system == "bus"] == [DOWN, UP]
