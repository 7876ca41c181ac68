"""Who is told what, and when: docs/alerts.md.

Pure. `announce` looks at incidents as they stand and at what each target was told of them, and says what is to be told
now; `due` does the same for the digest of the night and for certificates. Both give rows for the outbox. They ask only
what is true now, so a repeat changes nothing, and whoever missed a moment catches up at the next look. Instants in ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from monitor import calendars
from monitor.calendars import UnknownYear
from monitor.catalogue import STATE_CALENDAR, AlertRoute, Calendar, Channel
from monitor.incident_rules import IncidentKind, IncidentRules, IncidentState
from monitor.incidents import REOPEN, Severity
from monitor.judge import Line
from monitor.model import State, Verdict
from monitor.periods import epoch
from monitor.status import Key, alive
from monitor.words import CERTIFICATE_DAYS

HOLD = 10_000
"""How long a child's message waits for the check of its parents at least, if these do not answer, in ms."""

ON_THE_WAY = 2_000
"""How long (ms) a question to a parent and its answer may be on their way, beside the tries themselves."""

SKEW = 2_000
"""By how much (ms) the clocks of a worker and of the recorder may differ."""

SEAL_WAIT = 300_000
"""How long a digest waits for the seal of the day that has just ended, in ms."""

GONE_AFTER = 600_000
"""How long (ms) a row of a route or channel that the catalogue does not have may wait: who made it may know more."""

GONE = "the catalogue has no such route or channel any more"

DIGEST_LATE = 900_000
"""A digest that is made so long (ms) after its hour says that it is late."""

CERTIFICATE_FRESH = 2 * 86_400_000
"""The end of a certificate that nobody has seen for so long (ms) is no news."""

_DAY = 86_400_000
_DAYS_BACK = 30


class MessageKind(StrEnum):
    """What a message says."""

    DOWN = "down"  # an incident began
    AGAIN = "again"  # it had ended, and goes on: the system flaps
    REMINDER = "reminder"
    UP = "up"  # it is over
    WITHDRAWN = "withdrawn"  # it was none, or it is part of another one
    DIGEST = "digest"
    CERTIFICATE = "certificate"
    TEST = "test"


class MessageState(StrEnum):
    """Where a row of the outbox stands."""

    WAITING = "waiting"
    SENT = "sent"  # the receiver said that it has it
    FAILED = "failed"  # given up; kept
    DROPPED = "dropped"  # what it would have said was no longer so, or there is nobody any more to be told


BEGINS = frozenset({MessageKind.DOWN, MessageKind.AGAIN})
ENDS = frozenset({MessageKind.UP, MessageKind.WITHDRAWN})


class Target(NamedTuple):
    """Where a message goes: by which route, over which channel."""

    route: str
    channel: str


class Subject(NamedTuple):
    """An incident as it stands, as far as it matters to whom it is told."""

    id: int
    kind: IncidentKind
    system: str
    location: str | None
    state: IncidentState
    party: str | None
    severity: Severity
    detected_at: int
    acknowledged: bool


class Told(NamedTuple):
    """A row of the outbox. `untouched`: no attempt was made yet, so it can be taken back and nobody knows of it."""

    id: int
    target: Target
    kind: MessageKind
    state: MessageState
    incident: int | None
    system: str | None
    ordinal: int  # of the rows of this kind; of a certificate: the threshold in days
    labels: Mapping[str, str]
    at: int  # when it was sent, else when it was made
    held: bool
    untouched: bool


class New(NamedTuple):
    """A row that is to be made. `key` is unique for its target: the same row twice is one."""

    target: Target
    kind: MessageKind
    key: str
    incident: int | None
    system: str | None
    ordinal: int
    labels: Mapping[str, str]
    not_before: int
    held: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with the outbox: rows to make, and ids of rows to take back or to let go at once."""

    add: list[New] = field(default_factory=list)
    drop: list[int] = field(default_factory=list)
    release: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.add or self.drop or self.release)


_URGENCY = {Severity.S1: "critical", Severity.S2: "critical", Severity.S3: "warning", Severity.S4: "info"}
"""Our severities in the words by which Alertmanager's routes usually choose."""


class AlertRules:
    """Everything about alerts that a catalogue says. Channels without an address are left out."""

    def __init__(self, incidents: IncidentRules) -> None:
        self.incidents = incidents
        self.catalogue = incidents.catalogue
        self.alerts = self.catalogue.alerts
        self.zone = ZoneInfo(self.catalogue.province.timezone)
        self.channels: Mapping[str, Channel] = {name: c for name, c in self.alerts.channels.items() if c.url}
        self.targets = [
            Target(name, channel)
            for name, route in self.alerts.routes.items()
            for channel in route.channels
            if channel in self.channels
        ]

    def __bool__(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.targets)

    @property
    def calendar(self) -> Calendar | None:
        return self.catalogue.calendars.get(self.alerts.calendar or STATE_CALENDAR)

    def route(self, target: Target) -> AlertRoute:
        return self.alerts.routes[target.route]

    def knows(self, target: Target) -> bool:
        """Whether the catalogue still has a target; its channel may be off."""
        return target.route in self.alerts.routes and target.channel in self.alerts.channels

    def is_alertmanager(self, target: Target) -> bool:
        return self.channels[target.channel].kind == "alertmanager"

    def parents(self, system: str) -> list[str]:
        """All systems through which this one is reached, directly or not."""
        if system not in self.incidents:
            return []
        return [parent for parent in self.incidents.needed([system]) if parent != system]

    def hold(self, system: str) -> int:
        """How long (ms) the message of a system waits at most for what it is reached through.

        That is how long a parent that hangs needs to be confirmed once it is asked: its tries begin one spacing apart
        (connectors/engine.py), and the last of them ends with its timeout.
        """
        checks = [
            settings
            for parent in self.parents(system)
            for check, spec in self.catalogue.systems[parent].checks.items()
            if spec.critical and (settings := self.catalogue.settings(parent, check))
        ]
        longest = max((((s.confirm_down - 1) * s.spacing + s.timeout) * 1000 for s in checks), default=0.0)
        return max(HOLD, round(longest) + ON_THE_WAY) if checks else 0

    def concerns(self, route: AlertRoute, subject: Subject, now: int) -> bool:
        """Whether who is on this route is to be told of an incident that goes on.

        A route of some systems is also told of what they are reached through: they are down with it.
        """
        if route.severities is not None and subject.severity not in route.severities:
            return False
        if route.parties is not None and subject.party not in route.parties:
            return False
        if route.systems is not None and not self.affected(subject.system) & set(route.systems):
            return False
        if route.after is not None and (subject.acknowledged or now - subject.detected_at < route.after * 1000):
            return False
        return self.is_in_hours(route, now)

    def affected(self, system: str) -> set[str]:
        """A system and all that are reached through it; nothing of one that is not in the catalogue."""
        return self.incidents.affected([system]) if system in self.incidents else set()

    def is_in_hours(self, route: AlertRoute, now: int) -> bool:
        """In a year that the calendar does not list every hour counts for both: better told twice than not at all."""
        if route.hours == "always" or self.calendar is None:
            return True
        try:
            working = calendars.service_seconds(self.calendar, self.zone, now // 1000, now // 1000 + 1)
        except UnknownYear:
            return True
        return bool(working) is (route.hours == "working")

    def is_working_day(self, day: date) -> bool:
        try:
            return self.calendar is None or calendars.day(self.calendar, day).working
        except UnknownYear:
            return day.weekday() < 5

    def labels(self, subject: Subject) -> dict[str, str]:
        """By what an Alertmanager knows an incident. They stay as they were when it was first told."""
        found = {
            "alertname": "MotcuaIncident",
            "province": self.catalogue.province.id,
            "incident": str(subject.id),
            "system": subject.system,
            "severity": _URGENCY[subject.severity],
            "level": subject.severity.value,
            "party": subject.party or "",
            "parent": ",".join(self.incidents.parents(subject.system)) if subject.system in self.incidents else "",
            "location": subject.location or "",
        }
        return {name: value for name, value in found.items() if value}


# --- incidents --------------------------------------------------------------------------------------------------------


def announce(
    rules: AlertRules, subjects: Iterable[Subject], told: Mapping[tuple[int, Target], Sequence[Told]], now: int
) -> Plan:
    """What is to be told of incidents, by target what was told of each before.

    1. One that goes on is told to every target that it concerns, once. Of a system that is reached through others the
       message is held until these have answered, `AlertRules.hold` at most.
    2. One that is over is told to who was told that it began. One that was over before it was known is in the digest.
    3. One that ended and goes on again is told once as flapping; from then on its end is told when `REOPEN` seconds
       have passed in which it did not go on. So one that flaps for hours makes four messages.
    4. One that was withdrawn is taken back: silently from who was not told yet.
    5. While it goes on, nobody has acknowledged it and all before has arrived, the route's reminders are told.
    """
    plan = Plan()
    for subject in subjects:
        for target in rules.targets:
            _tell(rules, subject, target, told.get((subject.id, target), ()), now, plan)
    return plan


def _tell(rules: AlertRules, subject: Subject, target: Target, history: Sequence[Told], now: int, plan: Plan) -> None:
    moot = _MOOT.get(subject.state, frozenset({MessageKind.REMINDER}))
    known = [row for row in history if row.state is not MessageState.DROPPED]
    plan.drop.extend(row.id for row in known if row.untouched and row.kind in moot)
    known = [row for row in known if not (row.untouched and row.kind in moot)]
    last = next((row for row in reversed(known) if row.kind in BEGINS | ENDS), None)
    stands = last is not None and last.kind in BEGINS

    def add(kind: MessageKind, wait: int = 0, *, held: bool = False) -> None:
        ordinal = 1 + sum(row.kind is kind for row in history)
        labels = known[0].labels if known else rules.labels(subject)
        key = f"{kind}-{subject.id}-{ordinal}"
        plan.add.append(New(target, kind, key, subject.id, subject.system, ordinal, labels, now + wait, held))

    if subject.state is IncidentState.OPEN:
        if not stands and known:
            add(MessageKind.AGAIN)
        elif not stands and rules.concerns(rules.route(target), subject, now):
            left = max(0, subject.detected_at + rules.hold(subject.system) - now)
            add(MessageKind.DOWN, left, held=left > 0)
        elif stands and _is_reminder_due(rules, subject, target, known, now):
            add(MessageKind.REMINDER)
    elif stands and subject.state is IncidentState.WITHDRAWN:
        add(MessageKind.WITHDRAWN)
    elif stands:
        plan.release.extend(row.id for row in known if row.held and row.untouched)
        add(MessageKind.UP, REOPEN * 1000 if any(row.kind is MessageKind.AGAIN for row in known) else 0)


_MOOT: Mapping[IncidentState, frozenset[MessageKind]] = {
    IncidentState.OPEN: ENDS,
    IncidentState.WITHDRAWN: frozenset(MessageKind),
}
"""What nobody needs to hear any more of an incident in a state; of one that is over: reminders."""


def _is_reminder_due(rules: AlertRules, subject: Subject, target: Target, known: Sequence[Told], now: int) -> bool:
    every = rules.route(target).remind
    if every is None or subject.acknowledged or rules.is_alertmanager(target):  # an Alertmanager reminds by itself
        return False
    if any(row.state is MessageState.WAITING for row in known) or not rules.is_in_hours(rules.route(target), now):
        return False
    return now - max(row.at for row in known) >= every * 1000


def is_settled(rules: AlertRules, system: str, asked_at: int, lines: Mapping[Key, Line]) -> bool:
    """Whether all through which a system is reached have answered since `asked_at`, and none of them is in doubt.

    A parent that is confirmed down then has taken the system's outage, or leaves it its own for good.
    """
    for parent in rules.parents(system):
        for check, spec in rules.catalogue.systems[parent].checks.items():
            if not spec.critical:
                continue
            for location in rules.catalogue.locations_of(parent, check):
                line = lines.get((parent, check, location))
                if line is None or line.last is None or not _has_answered(line, asked_at):
                    return False
    return True


def _has_answered(line: Line, asked_at: int) -> bool:
    if line.last is None or line.last.started_at < asked_at - SKEW or line.last.verdict is Verdict.INCONCLUSIVE:
        return False
    return line.state is State.DOWN or not line.run


# --- the digest, and certificates -------------------------------------------------------------------------------------


class Night(NamedTuple):
    """What a digest is about: [start, end) in seconds, and the days whose seals it brings, the last one included."""

    start: int
    end: int
    after_day: date
    last_day: date


def night(rules: AlertRules, day: date, told: date | None = None) -> Night:
    """The time since the digest of the day `told`, the last that went out before; None: of the working day before.

    It goes back `_DAYS_BACK` days at most.
    """
    before = _working_day(rules, day - timedelta(days=1)) or day - timedelta(days=1)
    if told is not None:
        before = min(before, max(told, day - timedelta(days=_DAYS_BACK)))
    start, end = _digest_at(rules, before), _digest_at(rules, day)
    return Night(start, end, _sealed_by(start), _sealed_by(end))


def _working_day(rules: AlertRules, day: date) -> date | None:
    """The last working day, this one included."""
    return next((d for n in range(_DAYS_BACK) if rules.is_working_day(d := day - timedelta(days=n))), None)


def _digest_at(rules: AlertRules, day: date) -> int:
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the clock on the wall
    return epoch(midnight + timedelta(minutes=rules.alerts.digest_at), rules.zone)


def _sealed_by(second: int) -> date:
    """The last day of UTC that is over."""
    return datetime.fromtimestamp(second, UTC).date() - timedelta(days=1)


class Certificate(NamedTuple):
    """When the certificate of a system ends (seconds), and when that was seen (ms)."""

    not_after: float
    seen_at: int


def due(
    rules: AlertRules,
    told: Sequence[Told],
    certificates: Mapping[str, Certificate],
    last_seal: date | None,
    now: int,
    since: int = 0,
) -> Plan:
    """Digests and news of certificates that are to be told; `told` are those of the last `CERTIFICATE_DAYS[0]` days.

    `since` is when who asks has begun to look (ms).

    - On a working day the digest goes out at its hour, once the day just over is sealed, or `SEAL_WAIT` later. Where
      nobody was there to send it, it goes out as soon as somebody is, if only on another day; of several that were
      missed the last one, which reaches back to the last that was sent. A monitor without a sealed day has missed none.
    - That a certificate ends is told once per threshold of `CERTIFICATE_DAYS`. Two certificates that take turns at one
      address are told like one: the same or a nearer threshold has not been told for as many days.
    """
    plan = Plan()
    plan.add.extend(_digests(rules, told, last_seal, now, since))
    plan.add.extend(_certificates(rules, told, certificates, now))
    return plan


def _digests(rules: AlertRules, told: Sequence[Told], last_seal: date | None, now: int, since: int) -> Iterator[New]:
    today = datetime.fromtimestamp(now / 1000, rules.zone).date()
    day = _working_day(rules, today if _digest_at(rules, today) * 1000 <= now else today - timedelta(days=1))
    if day is None:
        return
    at = _digest_at(rules, day) * 1000
    if now >= at + DIGEST_LATE and last_seal is None:
        return
    if (last_seal is None or last_seal < _sealed_by(at // 1000)) and now < max(at, since) + SEAL_WAIT:
        return
    ordinal = day.toordinal()
    done = {row.target for row in told if row.kind is MessageKind.DIGEST and row.ordinal >= ordinal}
    for target in rules.targets:
        if rules.route(target).digest and target not in done and not rules.is_alertmanager(target):
            yield New(target, MessageKind.DIGEST, f"digest-{day}", None, None, ordinal, {}, now)


def _certificates(
    rules: AlertRules, told: Sequence[Told], certificates: Mapping[str, Certificate], now: int
) -> Iterator[New]:
    for system, (not_after, seen_at) in sorted(certificates.items()):
        left = not_after - now / 1000
        within = [days for days in CERTIFICATE_DAYS if left < days * 86_400]
        is_news = within and left >= 0 and now - seen_at < CERTIFICATE_FRESH
        if not is_news or system not in rules.incidents or not alive(rules.catalogue, system, now / 1000):
            continue
        days = within[-1]
        recent = {
            row.target
            for row in told
            if row.kind is MessageKind.CERTIFICATE
            and row.system == system
            and row.ordinal <= days
            and now - row.at < days * _DAY
        }
        for target in rules.targets:
            if target not in recent and _hears_of_certificates(rules, target, system, now):
                key = f"certificate-{system}-{days}-{now // _DAY}"
                labels = _certificate_labels(rules, system, days)
                yield New(target, MessageKind.CERTIFICATE, key, None, system, days, labels, now)


def _hears_of_certificates(rules: AlertRules, target: Target, system: str, now: int) -> bool:
    route = rules.route(target)
    if not route.certificates or route.after is not None or not rules.is_in_hours(route, now):
        return False
    if route.parties is not None and rules.catalogue.systems[system].party not in route.parties:
        return False
    return route.systems is None or system in route.systems


def _certificate_labels(rules: AlertRules, system: str, days: int) -> dict[str, str]:
    severity = "info" if days > 14 else "warning" if days > 1 else "critical"
    return {
        "alertname": "MotcuaCertificate",
        "province": rules.catalogue.province.id,
        "system": system,
        "party": rules.catalogue.systems[system].party,
        "severity": severity,
        "within": f"{days}d",
    }


# --- retries ----------------------------------------------------------------------------------------------------------


def retry_at(rules: AlertRules, tried_at: int, attempts: int, now: int) -> int | None:
    """When a message is tried again after so many attempts that failed, the first at `tried_at`; None: it is given up.

    What waited because nobody was there to send it was not tried.
    """
    alerts = rules.alerts
    wait = min(alerts.retry_first * 2.0 ** min(attempts - 1, 40), alerts.retry_most)
    return None if now - tried_at >= alerts.give_up * 1000 else now + round(wait * 1000)
