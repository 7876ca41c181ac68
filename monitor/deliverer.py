"""The deliverer: what the outbox holds goes out, each channel in a thread of its own, so that none waits for another.

At least once: a row is claimed, sent, and written down as sent. It comes twice only if the process is killed between
the receiver's OK and our commit. Several deliverers may run. While the store is away they wait for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import Self

import structlog

from monitor import messages
from monitor.alerts import GONE, AlertRules, Certificate, MessageKind, night, retry_at
from monitor.catalogue import Catalogue
from monitor.channels import Alertmanager, DeliveryError, Patience, Sender, call, make_channels
from monitor.figures import Told, rest_on_imports
from monitor.incident_rules import IncidentKind, IncidentRules, IncidentState
from monitor.messages import Facts, Message, Sending
from monitor.model import Gauge
from monitor.regions import NAME as GRAFANA
from monitor.regions import Regions
from monitor.store import Store, StoreError
from monitor.store.incidents import IncidentRecord
from monitor.store.outbox import Firing, Row

LOOK = 1.0  # seconds between two looks at how things stand; a recorder that has news wakes us
LOOK_HELD = 0.2  # ... while a message waits for the check of a parent
END_WITHIN = 10.0  # seconds to finish what is being sent; what is cut off then may come once more
MANY = 5  # messages of one kind for one person that are due at once become one
LOOK_REGIONS = 5.0  # seconds between two looks at what a Grafana should show
HEARTBEAT = "heartbeat"
SILENCE = 120.0  # seconds without an outcome, or three intervals, after which the heartbeat stops

log = structlog.get_logger("deliverer")


class Deliverer:
    """Sends what is due. Started by `with`; ends when what is being sent has been sent."""

    def __init__(self, store: Store, catalogue: Catalogue, clock: Callable[[], float] = time.time) -> None:
        """Raises ChannelError."""
        self._store, self._clock = store, clock
        self._rules = AlertRules(IncidentRules(catalogue))
        self._channels = make_channels(catalogue)
        self._patience = {name: Patience() for name in (*self._channels, HEARTBEAT)}
        self._resent = dict.fromkeys(self._channels, 0.0)
        self._called, self._since = 0.0, self._now()
        self._stop = threading.Event()
        names = [name for name in self._channels if any(t.channel == name for t in self._rules.targets)]
        self._wakes = {name: threading.Event() for name in names}
        self._wake_looker = threading.Event()
        self._failing: set[str] = set()  # said once, when it begins
        self._threads = [self._thread(f"deliver-{name}", self._run_channel, name) for name in names]
        self._regions = self._make_regions(catalogue)
        if self._regions:
            self._threads.append(self._thread("deliver-grafana", self._run_regions, self._regions))
        if names:
            self._threads.append(self._thread("deliver-look", self._run_looks))
        if catalogue.alerts.heartbeat.url:
            self._threads.append(self._thread("deliver-heartbeat", self._run_beats))

    def _make_regions(self, catalogue: Catalogue) -> Regions | None:
        if catalogue.alerts.grafana.url is None:
            return None
        return Regions(self._store, catalogue, partial(self._store.outbox.count, GRAFANA))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.wake()
        end = time.monotonic() + END_WITHIN
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def wake(self) -> None:
        """There is news in the outbox."""
        for event in (self._wake_looker, *self._wakes.values()):
            event.set()

    def _thread(self, name: str, run: Callable[..., None], *args: object) -> threading.Thread:
        return threading.Thread(target=run, args=args, name=name, daemon=True)

    # --- looking -----------------------------------------------------------------------------------------------------

    def _run_looks(self) -> None:
        held = 0
        while not self._stop.is_set():
            with self._surviving("look"):
                held = self.look()
            self._wake_looker.wait(LOOK_HELD if held else LOOK)
            self._wake_looker.clear()

    def look(self) -> int:
        """Bring the outbox up to date, and wake the channels if rows may be due; returns how many are held."""
        if not self._rules:
            return 0
        if dropped := self._store.outbox.drop_unknown(self._rules, self._now()):
            log.warning("messages.dropped", rows=dropped, error=GONE)
        held = self._store.outbox.look(self._rules, self._now(), self._since)
        for event in self._wakes.values():
            event.set()
        return held

    def _run_beats(self) -> None:
        while not self._stop.is_set():
            with self._surviving(HEARTBEAT):
                self._beat()
            self._stop.wait(LOOK)

    def _beat(self) -> None:
        """Call the dead man's switch, while outcomes are really being recorded."""
        heartbeat = self._rules.alerts.heartbeat
        now = self._clock()
        url = heartbeat.url
        if url is None or now - self._called < heartbeat.every:
            return
        latest = self._store.outbox.latest_try()
        if latest is None or now - latest / 1000 > self._silence():
            return
        self._called = now
        try:
            self._patience[HEARTBEAT].run(lambda: call(url.get_secret_value()))
        except DeliveryError as error:
            log.warning("heartbeat.failed", error=str(error))
            self._store.outbox.count(HEARTBEAT, "failed")
        else:
            self._store.outbox.count(HEARTBEAT, "ok")

    def _silence(self) -> float:
        catalogue = self._rules.catalogue
        known = (catalogue.settings(s, check) for s, spec in catalogue.systems.items() for check in spec.checks)
        return max(SILENCE, 3 * min(settings.interval for settings in known if settings))

    # --- sending -----------------------------------------------------------------------------------------------------

    def _run_channel(self, name: str) -> None:
        sender = self._channels[name]
        while not self._stop.is_set():
            with self._surviving(name):
                while not self._stop.is_set() and self.deliver(name, sender):
                    pass
                if isinstance(sender, Alertmanager):
                    self._tell_again(name, sender)
            self._wakes[name].wait(LOOK)
            self._wakes[name].clear()

    def deliver(self, name: str, sender: Sender) -> bool:
        """Send one row of a channel, or many in one message; False: none is due."""
        row = self._store.outbox.claim(name, self._now(), self._rules.alerts.routes)
        if row is None:
            return False
        rows = [row]
        if sender.is_for_people and row.incident is not None:
            rows += self._store.outbox.claim_like(row, self._now(), MANY - 1)
        made = [(row, message) for row in rows if (message := self._made(row))]
        if not made:
            return True
        told = [message for _, message in made]
        message = told[0] if len(told) == 1 else messages.of_many(self._rules, _sending(made[0][0]), told)
        try:
            self._patience[name].run(lambda: sender.send(message))
        except DeliveryError as error:
            for row, _ in made:
                self._failed(row, message, error)
            log.warning("message.failed", id=message.id, channel=name, attempts=row.attempts, error=str(error))
        else:
            for row, _ in made:
                self._sent(row, message)
            log.info("message.sent", id=message.id, channel=name, attempts=row.attempts, rows=len(made))
        return True

    def _made(self, row: Row) -> Message | None:
        """The message of a row; None where there is none, which is written down. One bad row stops no other."""
        try:
            message = self._message(row)
        except StoreError:
            raise
        except Exception as error:
            log.exception("message.failed", key=row.key, channel=row.target.channel)
            self._failed(row, None, DeliveryError(f"its text cannot be made: {type(error).__name__}"))
            return None
        if message is None:
            self._store.outbox.drop(row, self._now())
        return message

    def _sent(self, row: Row, message: Message) -> None:
        now = self._now()
        self._insist(lambda: self._store.outbox.sent(row, message.title, message.body, now))

    def _failed(self, row: Row, message: Message | None, error: DeliveryError) -> None:
        now, said = self._now(), str(error)
        since = now if row.tried_at is None else row.tried_at
        again = None if error.refused else retry_at(self._rules, since, row.attempts, now)
        title, body = (message.title, message.body) if message else ("", "")
        self._insist(lambda: self._store.outbox.failed(row, said, again, now, title, body))

    def _insist(self, write: Callable[[], object]) -> None:
        """Write down what came of a message, however long the store is away: else it would be sent once more."""
        wait = 0.2
        while True:
            try:
                write()
            except StoreError as error:
                if self._stop.is_set() or error.permanent:
                    raise
            else:
                return
            self._stop.wait(wait)
            wait = min(2 * wait, 5.0)

    def _message(self, row: Row) -> Message | None:
        """What a row says, by the facts as they are now."""
        sending, now = _sending(row), self._now() // 1000
        if row.incident is not None:
            facts = self._facts(row.incident, now, row.kind)
            return messages.of_incident(self._rules, sending, facts, now)
        if row.kind is MessageKind.CERTIFICATE and row.system is not None:
            certificate = self._certificate(row.system)
            return certificate and messages.of_certificate(self._rules, sending, row.system, certificate, now)
        if row.kind is MessageKind.DIGEST:
            of = night(self._rules, date.fromordinal(row.ordinal), self._store.outbox.digest_before(row))
            # What was over before it was known is told nowhere else.
            records = self._store.incidents.list(of.start, of.end, or_detected=True)
            imported = self._imported(records, now)
            return messages.of_night(self._rules, sending, of, records, self._store.evidence.seals(), imported)
        return None

    def _facts(self, id_: int, now: int, kind: MessageKind) -> Facts:
        incidents, rules = self._store.incidents, self._rules.incidents
        record, clocks = incidents.get(id_), incidents.clocks(id_)
        cause = self._cause(record) if record.state is IncidentState.WITHDRAWN else None
        affected, latest = list[str](), None
        has_children = record.system in rules and bool(rules.children(record.system))
        if kind in (MessageKind.AGAIN, MessageKind.REMINDER) or (has_children and kind is not MessageKind.WITHDRAWN):
            seen = incidents.seen(rules, id_, now)
            affected = [part.system for part in seen.affected] if seen else []
            latest = seen.outages[-1].own[0].start if seen else None
        return Facts(record, clocks, affected, cause, bool(self._imported([record], now)), latest)

    def _imported(self, records: Iterable[IncidentRecord], now: int) -> set[int]:
        """The ids of those that rest on imported outcomes."""
        told = {r.id: Told(r.system, r.start, r.end) for r in records if r.kind is IncidentKind.OUTAGE}
        return rest_on_imports(self._rules.catalogue, self._store, told, now)

    def _cause(self, record: IncidentRecord) -> IncidentRecord | None:
        """The incident of what a system is reached through, in the time of one that was withdrawn."""
        parents = set(self._rules.parents(record.system))
        near = self._store.incidents.list(record.start - 1, (record.end or record.start) + self._rules.incidents.reach)
        found = [r for r in near if r.system in parents and r.kind is IncidentKind.OUTAGE]
        return next((r for r in found if r.state is not IncidentState.WITHDRAWN), None)

    def _certificate(self, system: str) -> Certificate | None:
        ends = [
            Certificate(gauges[Gauge.CERTIFICATE_NOT_AFTER].value, gauges[Gauge.CERTIFICATE_NOT_AFTER].at)
            for key, gauges in self._store.gauges().items()
            if key[0] == system and Gauge.CERTIFICATE_NOT_AFTER in gauges
        ]
        return min(ends, default=None)

    def _tell_again(self, name: str, sender: Alertmanager) -> None:
        """An Alertmanager forgets what it is not told again; nothing is kept of it but a count."""
        if self._clock() - self._resent[name] < sender.resend:
            return
        self._resent[name] = self._clock()
        now = self._now() // 1000
        told: list[Message] = []
        for firing in self._store.outbox.firing(name):
            if self._rules.knows(firing.target):
                with self._surviving(f"firing-{firing.incident}"):
                    told.extend(filter(None, [self._firing(firing, now)]))
        if not told:
            return
        try:
            self._patience[name].run(lambda: sender.send_all(told))
        except DeliveryError as error:
            log.warning("message.failed", channel=name, alerts=len(told), error=str(error))
            self._store.outbox.count(name, "failed")
        else:
            self._store.outbox.count(name, "ok")

    def _firing(self, firing: Firing, now: int) -> Message | None:
        facts = self._facts(firing.incident, now, MessageKind.DOWN)
        if facts.record.state is not IncidentState.OPEN:
            return None
        sending = Sending(f"firing-{firing.incident}", MessageKind.DOWN, firing.target, 0, firing.labels)
        return messages.of_incident(self._rules, sending, facts, now)

    # --- regions on boards -------------------------------------------------------------------------------------------

    def _run_regions(self, regions: Regions) -> None:
        """What Grafana does not take is tried again, ever more slowly."""
        alerts, wait, failing = self._rules.alerts, 0.0, ""
        while not self._stop.is_set():
            with self._surviving(GRAFANA):
                try:
                    regions.bring_up_to_date(int(self._clock()))
                except DeliveryError as error:
                    if str(error) != failing:
                        log.warning("regions.failed", error=str(error))
                    failing, wait = str(error), min(2 * wait or alerts.retry_first, alerts.retry_most)
                else:
                    failing, wait = "", 0.0
            self._stop.wait(wait or LOOK_REGIONS)

    # --- what may happen ---------------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock() * 1000)

    @contextmanager
    def _surviving(self, what: str) -> Iterator[None]:
        """Whatever ails the store, or is a bug of ours, the next look tries again."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - messages go on
            said = str(error) if isinstance(error, StoreError) else type(error).__name__
            if what not in self._failing:
                log.warning("deliverer.failing", what=what, error=said)
            self._failing.add(what)
        else:
            self._failing.discard(what)


def _sending(row: Row) -> Sending:
    return Sending(row.key, row.kind, row.target, row.made_at, row.labels)


def try_route(catalogue: Catalogue, route: str, now: float) -> Mapping[str, str | None]:
    """Send a test over each channel of a route at once: by channel what went wrong, None where nothing did.

    Channels without an address are left out. Raises ChannelError.
    """
    rules, channels = AlertRules(IncidentRules(catalogue)), make_channels(catalogue)
    found: dict[str, str | None] = {}
    for target in (target for target in rules.targets if target.route == route):
        sending = Sending("test", MessageKind.TEST, target, int(now * 1000), {})
        try:
            send = partial(channels[target.channel].send, messages.of_test(rules, sending, int(now)))
            Patience().run(send)
        except DeliveryError as error:
            found[target.channel] = str(error)
        else:
            found[target.channel] = None
    return found
