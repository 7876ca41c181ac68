"""Runs connectors on libcurl's multi interface: one thread, epoll, thousands of requests in flight.

    engine = Engine("van_phong", checks, controls, publish)
    engine.start()
    engine.submit(batch)        # returns at once; outcomes come through publish()
    engine.stop(drain=10)

What happens to a slot: it starts at its own instant; the connector's steps go out one by one, after a login where one
is needed; the outcome of the try is published; a try that contradicts the check's known state is repeated 2 s apart
until it is confirmed or refuted. When a try fails, the location's control targets are asked before it is published.

All below runs in the engine's thread, except `submit`, `ask`, `stop` and the flusher. Nothing else imports pycurl.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import re
import select
import ssl
import string
import threading
import time
import weakref
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import certifi
import pycurl
import structlog

from connectors import redact
from connectors.classify import Seen, reason_of
from connectors.resolver import Lookup, Resolver, getaddrinfo, literal, nameservers
from monitor.model import (
    CONTROL_SYSTEM,
    Auth,
    Batch,
    Certificate,
    Check,
    Exchange,
    Finding,
    Outcome,
    Phases,
    Reason,
    Reply,
    Request,
    Route,
    Slot,
    State,
    Step,
    StepResult,
    Verdict,
    verdict_of,
)

BODY_CAP = 1_000_000  # bytes
HEADER_CAP = 64_000
IN_FLIGHT_CAP = 2_000
SKEW = 2.0  # seconds between the scheduler's clock and ours that are reported
LATEST = 5.0  # seconds after its instant at which a slot is dropped
CONTROL_FRESH = 2.0  # seconds for which one answer of the control targets serves all
TOKEN_TTL = 300.0  # where a system does not say
TOKEN_MARGIN = 30.0
OWNER_FIRST = 0.05  # seconds by which who waits for a login outlasts it, so that of equal deadlines its reason speaks
GRID_FROM = 200  # slots waiting above which starts are gathered: fewer turns of the loop, a third of its cost
GRID = 0.008  # seconds
STARTS_AT_ONCE = 16  # more in one turn of the loop falsify each other's latency
TICKETS_WITHIN = 0.1  # seconds after a TLS handshake and two round trips in which what comes may be no reply yet
EVIDENCE_FIRST = 3  # failed tries in a row whose exchange is kept
EVIDENCE_EVERY = 300.0  # seconds between two later ones
FLUSH_EVERY = 0.5
FLUSH_AT = 250  # outcomes; small messages keep the recorder from working in long bursts
FLUSH_APART = 0.05  # between two flushes that failed tries ask for
AT_ONCE = 500  # outcomes in one message
KEPT_WHILE_BROKER_IS_DOWN = 200_000  # outcomes
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LATENESS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LATENESS_NAMES = tuple(f"start_lateness_le_{limit}" for limit in (*LATENESS_BUCKETS, "+Inf"))

NOTHING = Phases()

Publish = Callable[[Sequence[Outcome], Mapping[str, int]], None]

log = structlog.get_logger("engine")


class ForkedEngine(RuntimeError):
    """The engine was used in another process than the one that made it: forked, it would return nothing, silently."""


class Engine:
    """One engine per process; see the module's docstring.

    `publish(outcomes, statistics)` is called in the flusher's thread; when it raises, the outcomes are kept and tried
    again. `statistics` are cumulative counts since the last call (slots skipped, lateness buckets...). `dns` names the
    servers that are asked instead of the system's.
    """

    def __init__(
        self,
        location: str,
        checks: Mapping[tuple[str, str], Check],
        controls: Sequence[Check] = (),
        publish: Publish | None = None,
        *,
        keep_exchanges: bool = False,
        dns: Sequence[str] = (),
        lookup: Lookup = getaddrinfo,
        in_flight_cap: int = IN_FLIGHT_CAP,
    ) -> None:
        self.location = location
        self._checks = dict(checks)
        self._controls = tuple(controls)
        self._checks.update({(c.system, c.check): c for c in self._controls})
        self._keep_exchanges = keep_exchanges
        self._cap = in_flight_cap
        self._pid = os.getpid()
        self._inbox: deque[Callable[[], None]] = deque()
        self._wakefd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # Not sooner: a look-up that outlives stop() still writes to it.
        weakref.finalize(self, os.close, self._wakefd).atexit = False
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._starts: deque[_Run] = deque()
        self._sequence = itertools.count()
        self._busy: set[tuple[str, str]] = set()
        self._active: set[_Run] = set()
        self._pending = 0  # slots accepted that have not begun
        self._questions: dict[tuple[str, str], _Question] = {}
        self._logins: dict[str, _Tokens] = {}
        self._control = _ControlRound(0)
        self._failures = _Failures()
        self._resolver = Resolver(lookup=nameservers(dns) if dns else lookup)
        self._wire: _Wire | None = None
        self._draining = self._stopping = False
        self._outbox = _Outbox(publish or (lambda _outcomes, _statistics: None))
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)

    # --- from other threads -------------------------------------------------------------------------------------------

    def start(self) -> Engine:
        self._refuse_after_fork()
        self._thread.start()
        self._outbox.start()
        return self

    def submit(self, batch: Batch) -> None:
        """Takes a batch and returns at once. Raises ForkedEngine in another process than its maker's."""
        self._refuse_after_fork()
        self._post(lambda: self._take(batch))

    def ask(self, system: str, check: str, done: Callable[[Outcome], None] | None = None) -> None:
        """One try out of turn: its due instant is now, its number 0, and it is not repeated."""
        self._refuse_after_fork()
        self._post(lambda: self._ask(system, check, done))

    def ask_all(self, spread: float) -> None:
        """One try of every check out of turn, over `spread` seconds: the first look after a start."""
        self._refuse_after_fork()
        start, checks = time.monotonic(), list(self._checks)
        for number, (system, check) in enumerate(checks):
            ask = partial(self._ask, system, check, None)
            self._post(partial(self._at, start + spread * number / len(checks), ask))

    def stop(self, drain: float = 10.0) -> None:
        """Takes no more, lets what was accepted finish for at most `drain` seconds, publishes what there is."""
        self._refuse_after_fork()
        if self._thread.is_alive():
            self._post(lambda: self._drain(drain))
            self._thread.join(drain + 2)
        self._outbox.stop()
        self._resolver.close()

    @property
    def backlog(self) -> int:
        """Outcomes that are waiting for the broker."""
        return len(self._outbox)

    def _refuse_after_fork(self) -> None:
        if os.getpid() != self._pid:
            raise ForkedEngine(f"this engine belongs to process {self._pid}; run the worker with -P threads")

    def _post(self, call: Callable[[], None]) -> None:
        self._inbox.append(call)
        os.eventfd_write(self._wakefd, 1)

    # --- the loop -----------------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        self._wire = wire = _Wire(self._wakefd)
        try:
            while not self._stopping:
                self._fire_timers()
                while self._inbox:
                    self._guard(self._inbox.popleft())
                for _ in range(min(STARTS_AT_ONCE, len(self._starts))):
                    self._guard(partial(self._begin, self._starts.popleft()))
                busy = self._starts or self._inbox or self._stopping
                wire.turn(0.0 if busy else self._until_next_timer())
        finally:
            wire.close()

    def _fire_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            self._guard(heapq.heappop(self._timers)[2])

    def _until_next_timer(self) -> float:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else 3600.0

    def _at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (when, next(self._sequence), call))

    def _guard(self, call: Callable[[], None]) -> None:
        """A bug of ours must not end the loop; it is logged without its values, which may be secret."""
        try:
            call()
        except Exception as error:  # noqa: BLE001
            self._outbox.count("engine_errors")
            log.error("engine.bug", error=type(error).__name__, where=_where(error))

    # --- slots --------------------------------------------------------------------------------------------------------

    def _take(self, batch: Batch) -> None:
        if self._draining:
            return
        now = time.time()
        offset = now - time.monotonic()
        if abs(now - batch.sent_at / 1000) > SKEW:
            self._outbox.count("batches_skewed")
            log.warning("engine.skew", seconds=round(now - batch.sent_at / 1000, 1), location=self.location)
        for slot in batch.slots:
            check = self._checks.get((slot.system, slot.check))
            if check is None:
                self._outbox.count("slots_unknown_check")
                continue
            if slot.asked:
                self._question(check, slot)
                continue
            self._pending += 1
            start = slot.due_at / 1000 - offset
            when = start if self._pending <= GRID_FROM else ceil(start / GRID) * GRID
            self._at(when, partial(self._starts.append, _Run(check, slot, start)))

    def _question(self, check: Check, slot: Slot) -> None:
        """A slot out of turn; one of the same check that is still being asked answers for both."""
        known = self._questions.get((slot.system, slot.check))
        if known is None or not known.goes_on:
            question = self._questions[slot.system, slot.check] = _Question(check, slot)
            self._ask_on(question)

    def _ask_on(self, question: _Question) -> None:
        """Its next try, one spacing after the start of the one before, which may still be without an answer.

        Somebody waits for this: a system that hangs shows it by as many tries as confirm, and need not be waited for
        one after the other.
        """
        if question.goes_on and not self._draining:
            self._at(time.monotonic() + question.check.settings.spacing, partial(self._ask_on, question))
            self._launch(question.next())

    def _ask(self, system: str, check: str, done: Callable[[Outcome], None] | None) -> None:
        slot = Slot(system, check, int(time.time() * 1000))
        self._launch(_Run(self._checks[system, check], slot, time.monotonic(), asked=True, done=done))

    def _begin(self, run: _Run) -> None:
        """Starts a slot, unless it is too late, its check is still busy, or too much is in flight."""
        self._pending -= 1
        late = time.monotonic() - run.start
        if late > LATEST:
            self._outbox.count("slots_late")
        elif run.key in self._busy:
            self._outbox.count("slots_overrun")
        elif len(self._active) >= self._cap:
            self._outbox.count("slots_capacity")
        else:
            self._outbox.note_lateness(late)
            self._busy.add(run.key)
            self._launch(run)

    def _drain(self, seconds: float) -> None:
        """Ends the loop when nothing is under way, or after `seconds`; rechecks are not begun any more."""
        self._draining = True
        end = time.monotonic() + seconds

        def look() -> None:
            if (self._active or self._pending > 0) and time.monotonic() < end:
                self._at(time.monotonic() + 0.05, look)
            else:
                self._stopping = True

        look()

    # --- one try ------------------------------------------------------------------------------------------------------

    def _launch(self, run: _Run) -> None:
        run.begin_try()
        self._active.add(run)
        self._protect(run, partial(self._login_or_run, run))

    def _protect(self, run: _Run, call: Callable[[], None]) -> None:
        """A connector with a bug spoils its own try, no other."""
        try:
            call()
        except Exception as error:  # noqa: BLE001
            self._outbox.count("engine_errors")
            log.error("connector.bug", check=run.key, error=type(error).__name__, where=_where(error))
            if run in self._active:
                self._guard(partial(self._spoil, run, type(error).__name__))

    def _spoil(self, run: _Run, bug: str) -> None:
        name, phases = run.step_name, run.spent
        if run.results and run.results[-1].name == name:  # the reply was good, what the connector made of it is not
            phases = run.results.pop().phases
        self._fail(run, name, Finding(Reason.PROBE_ERROR, bug), phases)

    def _expire(self, run: _Run, attempt: int) -> None:
        """The total deadline of a try for what libcurl does not time: look-ups, and waiting for another run's login."""
        if run.attempt != attempt or run not in self._active or run.transferring:
            return
        if run.resolving:
            run.spend_on_dns()
            self._unresolved(run, "no answer before the deadline")
        elif run.step is None:
            owner = self._logins[run.check.system].owner or run
            finding = Finding(Reason.READ_TIMEOUT, "the login did not end before the deadline")
            self._fail(run, owner.step_name, finding, Phases(wait=time.monotonic() - run.waited_from))

    def _login_or_run(self, run: _Run) -> None:
        run.planned = run.check.connector.steps()
        login = run.check.connector.login()
        if login is None:
            self._run(run, None)
            return
        tokens = self._logins.setdefault(run.check.system, _Tokens())
        if tokens.valid(time.monotonic()):
            self._run(run, tokens.auth)
        elif tokens.owner is not None and not _is_overdue(tokens.owner, run):
            run.step, run.waited_from = None, time.monotonic()
            tokens.waiting.append((run, run.attempt))
            self._at(run.deadline + OWNER_FIRST, partial(self._expire, run, run.attempt))
        else:
            tokens.owner = tokens.owner or run
            run.dialogue, run.logging_in = login, True
            self._send(run, next(login))

    def _run(self, run: _Run, auth: Auth | None) -> None:
        """Starts the run; after a second login it goes through the replies it had, up to the step to send again."""
        run.auth, run.logging_in = auth, False
        run.dialogue = run.check.connector.run(auth)
        step: Step | None = next(run.dialogue, None)
        for reply in run.replies:
            step = run.dialogue.send(reply)
        if step is not None:
            self._send(run, step)
        elif run.results:
            self._finish(run)
        else:  # a check that asks nothing must not be up
            self._fail(run, run.step_name, Finding(Reason.PROBE_ERROR, "no step"))

    def _send(self, run: _Run, step: Step) -> None:
        request = step.request
        run.step, run.hops, run.spent = step, 0, NOTHING
        self._request(run, request)

    def _request(self, run: _Run, request: Request) -> None:
        run.request, run.sent = request, time.monotonic()
        host = _host(run.check.route.proxy or request.url)
        if literal(host):
            self._transfer(run, ())
            return
        run.resolving, attempt = True, run.attempt
        self._at(run.deadline, partial(self._expire, run, attempt))
        self._resolver.resolve(host, lambda found: self._post(partial(self._resolved, run, attempt, found)))

    def _resolved(self, run: _Run, attempt: int, addresses: Sequence[str]) -> None:
        if run.attempt != attempt or not run.resolving:
            return
        run.resolving = False
        run.spend_on_dns()
        if addresses:
            self._protect(run, partial(self._transfer, run, addresses))
        else:
            self._unresolved(run, "the name has no address")

    def _unresolved(self, run: _Run, detail: str) -> None:
        reason = Reason.PROBE_ERROR if run.check.route.proxy else Reason.DNS_FAILURE
        self._fail(run, run.step_name, Finding(reason, detail), run.spent)

    def _transfer(self, run: _Run, addresses: Sequence[str]) -> None:
        assert self._wire is not None and run.step is not None and run.request is not None
        run.transferring = True
        left = max(0.001, run.deadline - time.monotonic())
        self._wire.send(run.request, run.check.route, run.step.encoding, addresses, left, partial(self._ended, run))

    def _ended(self, run: _Run, end: _End) -> None:
        run.transferring = False
        self._protect(run, partial(self._judge, run, end))

    def _judge(self, run: _Run, end: _End) -> None:
        """What the reply means: a redirect to follow, a login to renew, a finding, or the next step."""
        step = run.step
        assert step is not None
        run.spent = end.phases if run.spent is NOTHING else _sum(run.spent, end.phases)
        finding = Finding(reason_of(end.seen), end.seen.text) if end.seen else None
        if finding is None and step.follow and end.reply.status in REDIRECTS and "location" in end.reply.headers:
            followed = _follow(step, run.hops, end.reply)
            if isinstance(followed, Request):
                run.hops += 1
                self._request(run, followed)
                return
            finding = followed
        if (
            finding is None
            and not run.renewed
            and not run.logging_in
            and run.auth is not None
            and step.relogin_on
            and step.relogin_on(end.reply)
        ):
            run.renewed = True
            self._logins[run.check.system].drop(run.auth)
            self._login_or_run(run)
            return
        if finding is None and end.reply.status == 407 and run.check.route.proxy:
            finding = Finding(Reason.PROBE_ERROR, "the proxy does not know us")
        finding = finding or _wrong(step, end.reply)
        if finding:
            self._fail(run, step.name, finding, run.spent, end)
            return
        gauges = tuple(step.measure(end.reply).items()) if step.measure else ()
        exchange = self._exchange(run, end, None)
        run.results.append(StepResult(step.name, Verdict.UP, None, run.spent, end.reply.status, exchange, gauges))
        self._advance(run, end.reply)

    def _advance(self, run: _Run, reply: Reply) -> None:
        assert run.dialogue is not None
        try:
            step = run.dialogue.send(reply)
        except StopIteration as stop:
            if run.logging_in:
                self._logged_in(run, stop.value)
            else:
                self._finish(run)
            return
        if not run.logging_in:
            run.replies.append(reply)
        self._send(run, step)

    def _logged_in(self, run: _Run, auth: Auth) -> None:
        tokens = self._logins[run.check.system]
        tokens.keep(auth, time.monotonic())
        for other, attempt in tokens.release():
            if other in self._active and other.attempt == attempt:
                self._protect(other, partial(self._run, other, auth))
        self._run(run, auth)

    def _fail(self, run: _Run, step: str, finding: Finding, phases: Phases = NOTHING, end: _End | None = None) -> None:
        status = end.reply.status if end else 0
        exchange = self._exchange(run, end, finding)
        result = StepResult(step, verdict_of(finding.reason), finding.reason, phases, status, exchange)
        if run.logging_in and self._logins[run.check.system].owner is run:
            for other, attempt in self._logins[run.check.system].release():
                if other in self._active and other.attempt == attempt:
                    other.results.append(result)
                    self._finish(other, finding.reason)
        run.results.append(result)
        self._finish(run, finding.reason)

    def _exchange(self, run: _Run, end: _End | None, finding: Finding | None) -> Exchange | None:
        if run.request is None or run.step is None:
            return None
        if not (self._keep_exchanges or (finding and self._failures.is_worth_evidence(run.key, finding.reason))):
            return None
        line = redact.request_line(run.request)
        if end is None:
            return Exchange(line, detail=finding.detail if finding else "")
        return Exchange(
            line,
            end.reply.status,
            redact.headers(end.reply.headers),
            len(end.reply.body),
            end.address,
            certificate=redact.certificate(end.reply.certificate),
            error=end.seen.text[:200] if end.seen else "",
            detail=finding.detail[:200] if finding else "",
            body=redact.body(end.reply) if run.step.public and finding else "",
        )

    # --- after a try --------------------------------------------------------------------------------------------------

    def _finish(self, run: _Run, reason: Reason | None = None) -> None:
        self._active.discard(run)
        self._guard(run.end_try)
        if reason is None:
            self._failures.end(run.key)
        if self._controls and verdict_of(reason) is Verdict.DOWN and run.check.system != CONTROL_SYSTEM:
            self._ask_controls(lambda blind: self._conclude(run, Reason.BLIND if blind else reason))
        else:
            self._conclude(run, reason)

    def _conclude(self, run: _Run, reason: Reason | None) -> None:
        outcome = run.outcome(self.location, reason)
        self._outbox.put(outcome)
        if run.done:
            self._guard(partial(run.done, outcome))
        if run.asked:  # which is never counted as busy: a slot of the same check may be under way
            return
        again = run.again(outcome.verdict)
        if again is not None and not self._draining:
            self._at(again, partial(self._launch, run))
        else:
            self._busy.discard(run.key)

    def _ask_controls(self, then: Callable[[bool], None]) -> None:
        """Asks all control targets, at most every 2 s for everybody; `then(True)` when none of them answers."""
        round_ = self._control
        if round_.answered and time.monotonic() - round_.answered_at >= CONTROL_FRESH:
            round_ = self._control = _ControlRound(len(self._controls))
            for control in self._controls:
                self._ask(CONTROL_SYSTEM, control.check, round_.heard)
        if round_.answered:
            then(not round_.good)
        else:
            round_.waiting.append(then)


class _Run:
    """A slot on its way: its tries, and the dialogue of the try under way."""

    __slots__ = (
        "asked", "attempt", "auth", "bad", "began", "check", "deadline", "dialogue", "done", "good", "hops", "key",
        "logging_in", "number", "planned", "renewed", "replies", "request", "resolving", "results", "sent", "slot",
        "spent", "start", "started_at", "step", "transferring", "waited_from",
    )  # fmt: skip

    def __init__(
        self,
        check: Check,
        slot: Slot,
        start: float,
        *,
        asked: bool = False,
        number: int = 0,
        done: Callable[[Outcome], None] | None = None,
    ) -> None:
        self.check, self.slot, self.start, self.asked, self.done = check, slot, start, asked, done
        self.key = (check.system, check.check)
        self.number = number  # of the try: 1 the scheduled one, then its rechecks from 2 on; 0 out of turn
        self.attempt = 0  # tells an answer that comes late, for an earlier try, from one for this try
        self.bad = self.good = 0

    def begin_try(self) -> None:
        if not self.asked:
            self.number += 1
        self.attempt += 1
        self.began = time.monotonic()
        self.started_at = int(time.time() * 1000)
        self.deadline = self.began + self.check.settings.timeout
        self.results: list[StepResult] = []
        self.replies: list[Reply] = []  # to this run's steps, for going through them again after a second login
        self.dialogue: Any = None
        self.step: Step | None = None
        self.request: Request | None = None
        self.auth: Auth | None = None
        self.planned: tuple[str, ...] = ()
        self.spent = NOTHING  # of the step under way, over its redirects
        self.hops = 0
        self.sent = self.waited_from = 0.0
        self.resolving = self.transferring = self.logging_in = self.renewed = False

    @property
    def step_name(self) -> str:
        """The step under way; before the first one, the one that would come."""
        if self.step:
            return self.step.name
        return "login" if self.logging_in else next(iter(self.planned), "run")

    def spend_on_dns(self) -> None:
        self.spent = replace(self.spent, dns=self.spent.dns + time.monotonic() - self.sent)

    def end_try(self) -> None:
        """Lets go of all but the results: a timer or a handle may keep the run for a while."""
        self.resolving = self.transferring = self.logging_in = False
        dialogue, self.dialogue, self.replies, self.request, self.auth = self.dialogue, None, [], None, None
        if dialogue is not None:
            dialogue.close()

    def outcome(self, location: str, reason: Reason | None) -> Outcome:
        """The try's record. A good try that took longer than the check's objective is degraded."""
        seconds = sum(result.seconds for result in self.results)
        objective = self.check.latency_objective
        if reason is None and objective is not None and seconds > objective:
            reason = Reason.SLOW
            slowest = max(self.results, key=lambda result: result.seconds)
            at = self.results.index(slowest)
            self.results[at] = replace(slowest, verdict=Verdict.DEGRADED, reason=reason)
        skipped = self._skipped() if reason else ()
        return Outcome(
            self.check.system, self.check.check, location, self.slot.due_at, self.number, self.started_at, seconds,
            verdict_of(reason), reason, (*self.results, *skipped),
        )  # fmt: skip

    def _skipped(self) -> list[StepResult]:
        seen = {result.name for result in self.results}
        return [StepResult(name, None) for name in self.planned if name not in seen]

    def again(self, verdict: Verdict) -> float | None:
        """When a try that contradicts the known state is repeated; None once it is confirmed, refuted or cut."""
        settings, was_down = self.check.settings, self.slot.state is State.DOWN
        if verdict is Verdict.INCONCLUSIVE or (verdict is Verdict.DOWN) is was_down:
            return None
        if verdict is Verdict.DOWN:
            self.bad += 1
            confirmed = self.bad >= settings.confirm_down
        else:
            self.good += 1
            confirmed = not was_down or self.good >= settings.confirm_up
        return None if confirmed else max(self.began + settings.spacing, time.monotonic())


@dataclass(slots=True)
class _Question:
    """A slot out of turn: as many tries as confirm what contradicts the known state, unless one refutes it."""

    check: Check
    slot: Slot
    begun: int = 0
    over: bool = False

    @property
    def goes_on(self) -> bool:
        """Whether tries of it are still to begin."""
        settings, is_down = self.check.settings, self.slot.state is State.DOWN
        return not self.over and self.begun < (settings.confirm_up if is_down else settings.confirm_down)

    def next(self) -> _Run:
        self.begun += 1
        number = 0 if self.begun == 1 else self.begun  # then like rechecks of a scheduled try
        return _Run(self.check, self.slot, time.monotonic(), asked=True, number=number, done=self._heard)

    def _heard(self, outcome: Outcome) -> None:
        """An answer that agrees with the known state ends it, and one that says nothing."""
        agrees = (outcome.verdict is Verdict.DOWN) is (self.slot.state is State.DOWN)
        self.over = self.over or agrees or outcome.verdict is Verdict.INCONCLUSIVE


def _is_overdue(owner: _Run, run: _Run) -> bool:
    """Whether a try out of turn logs in for itself: else one hung login would be the failure of all its tries."""
    return run.slot.asked and run.began - owner.began >= run.check.settings.spacing / 2


@dataclass(slots=True)
class _Tokens:
    """The login of one system in this process: one token, one login at a time."""

    auth: Auth | None = None
    until: float = 0.0
    owner: _Run | None = None
    waiting: list[tuple[_Run, int]] = field(default_factory=list)

    def valid(self, now: float) -> bool:
        return self.auth is not None and now < self.until

    def keep(self, auth: Auth, now: float) -> None:
        left = auth.expires_in
        # One that lives less than a minute is used for half its life.
        ttl = TOKEN_TTL if left is None else max(left - TOKEN_MARGIN, left / 2)
        self.auth, self.until = auth, now + ttl

    def drop(self, used: Auth | None) -> None:
        """Forgets the token, unless another run has renewed it meanwhile."""
        if self.auth is used:
            self.auth = None

    def release(self) -> list[tuple[_Run, int]]:
        """The login has ended, well or not: who waited for it."""
        waiting, self.waiting, self.owner = self.waiting, [], None
        return waiting


class _Failures:
    """Which failed tries of a check are shown with their exchange, as evidence: those that say something new.

    The first three since it was good, each with another reason than the one before, then one in five minutes.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], tuple[int, Reason, float]] = {}  # how many, the last reason, when last shown

    def is_worth_evidence(self, key: tuple[str, str], reason: Reason) -> bool:
        now = time.monotonic()
        count, last, shown_at = self._rows.get(key, (0, reason, now))
        shown = count < EVIDENCE_FIRST or reason is not last or now - shown_at >= EVIDENCE_EVERY
        self._rows[key] = (count + 1, reason, now if shown else shown_at)
        return shown

    def end(self, key: tuple[str, str]) -> None:
        """The check is good again."""
        if self._rows:
            self._rows.pop(key, None)


@dataclass(slots=True)
class _ControlRound:
    """One round of questions to a location's control targets."""

    pending: int
    good: bool = False
    answered_at: float = float("-inf")
    waiting: list[Callable[[bool], None]] = field(default_factory=list)

    @property
    def answered(self) -> bool:
        return self.good or not self.pending

    def heard(self, outcome: Outcome) -> None:
        """One target's answer; one that answers shows that we see, so nobody waits for the others."""
        self.pending -= 1
        if self.good:
            return
        self.good = outcome.verdict in (Verdict.UP, Verdict.DEGRADED)
        if self.answered:
            self.answered_at = time.monotonic()
            waiting, self.waiting = self.waiting, []
            for then in waiting:
                then(not self.good)


@dataclass(frozen=True, slots=True)
class _End:
    """How a transfer ended: a reply, or what was seen instead of one (then the reply holds what came of it)."""

    reply: Reply
    phases: Phases
    seen: Seen | None
    address: str


class _Transfer:
    """One libcurl handle and what it has received; used again for the next request by the same route."""

    __slots__ = (
        "body", "connect_only", "easy", "encoding", "ended", "head", "head_size", "heard", "https", "method",
        "over_cap", "pinned", "route", "size", "url",
    )  # fmt: skip

    def __init__(self, route: Route, opened: Callable[[_Transfer, int], int]) -> None:
        self.route = route
        self.easy = easy = pycurl.Curl()
        for option, value in _BASE:
            easy.setopt(option, value)
        easy.setopt(pycurl.CAINFO, route.ca_bundle or certifi.where())
        # "" also keeps the environment's proxy out; socks5h leaves the look-up to the proxy, as http does.
        easy.setopt(pycurl.PROXY, re.sub(r"^socks5:", "socks5h:", route.proxy or ""))
        easy.setopt(pycurl.NOPROXY, "")  # ... and its exceptions
        for option, path in (
            (pycurl.SSLCERT, route.client_certificate),
            (pycurl.SSLKEY, route.client_key),
            (pycurl.INTERFACE, f"host!{route.source_address}" if route.source_address else None),
        ):
            if path:
                easy.setopt(option, path)
        if route.tls_minimum:
            easy.setopt(pycurl.SSLVERSION, _TLS_FROM[route.tls_minimum])
            if route.tls_minimum < "1.2":  # else OpenSSL has no cipher left that these speak
                easy.setopt(pycurl.SSL_CIPHER_LIST, "DEFAULT:@SECLEVEL=0")
        self.method = self.encoding = ""
        self.pinned = self.connect_only = False
        self.head: list[bytes] = []
        self.body: list[bytes] = []
        easy.setopt(pycurl.HEADERFUNCTION, self._on_header)
        easy.setopt(pycurl.WRITEFUNCTION, self._on_body)
        easy.setopt(pycurl.SOCKOPTFUNCTION, lambda fd, _purpose: opened(self, fd))

    def prepare(
        self,
        request: Request,
        encoding: str,
        addresses: Sequence[str],
        seconds: float,
        ended: Callable[[_End], None],
    ) -> None:
        """Sets what this request needs, as far as the one before did not."""
        easy, url = self.easy, _http_url(request.url)
        self.url, self.ended, self.https = request.url, ended, url[:6].lower() == "https:"
        self.head.clear()
        self.body.clear()
        self.head_size = self.size = 0
        self.over_cap = False
        self.heard = 0.0
        easy.setopt(pycurl.URL, _ascii(url))
        if (url is not request.url) is not self.connect_only:
            self._set_connect_only(url is not request.url)
        easy.setopt(pycurl.TIMEOUT_MS, max(1, int(seconds * 1000)))
        if request.method != self.method:
            self._set_method(request.method)
        if request.method == "POST":
            easy.setopt(pycurl.POSTFIELDS, request.body or b"")
        headers = [f"{name}: {value}" for name, value in request.headers]
        if encoding == "identity":
            headers.append("Accept-Encoding: identity")  # by hand: told of an encoding, libcurl would also undo others
        if encoding != self.encoding:
            self._set(pycurl.ENCODING, None if encoding == "identity" else encoding)
            self.encoding = encoding
        self._set(pycurl.HTTPHEADER, headers)
        if addresses or self.pinned:
            self._set(pycurl.RESOLVE, [_pin(self.route.proxy or url, addresses)] if addresses else [])
            self.pinned = bool(addresses)

    def _has_heard(self, tls: float, connect: float, total: float) -> bool:
        """Whether a byte of the reply came, by when the socket could be read last.

        Over TLS the server's tickets come right after the handshake, a round trip later at most; what comes after that
        is a reply.
        """
        if not self.heard or not self.https:
            return self.heard > 0
        return self.heard - (time.monotonic() - total) > tls + 2 * connect + TICKETS_WITHIN

    def _set(self, option: int, value: str | list[str] | None) -> None:
        """Sets or clears: to pycurl an empty list means "as before", with the secrets of the last request."""
        if value:
            self.easy.setopt(option, value)
        else:
            self.easy.unsetopt(option)

    def _set_method(self, method: str) -> None:
        self.method = method
        if method == "POST":
            self.easy.setopt(pycurl.POST, 1)
        else:
            self.easy.setopt(pycurl.HTTPGET, 1)
            self.easy.setopt(pycurl.NOBODY, method == "HEAD")
        self.easy.setopt(pycurl.MAXFILESIZE_LARGE, 0 if method == "HEAD" else BODY_CAP)  # 0: any

    def _set_connect_only(self, wanted: bool) -> None:
        self.connect_only = wanted
        for option in (pycurl.CONNECT_ONLY, pycurl.OPT_CERTINFO, pycurl.HTTPPROXYTUNNEL):
            self.easy.setopt(option, int(wanted))

    def _on_header(self, line: bytes) -> int | None:
        self.head_size += len(line)
        if self.head_size > HEADER_CAP:
            self.over_cap = True
            return -1
        self.head.append(line)
        return None

    def _on_body(self, chunk: bytes) -> int | None:
        self.size += len(chunk)
        if self.size > BODY_CAP:
            self.over_cap = True
            return -1
        self.body.append(chunk)
        return None

    def end(self, code: int, text: str) -> _End:
        info = self.easy.getinfo
        head, head_ended = _last_head(self.head)
        if not code and not head_ended and not self.connect_only:
            code, text = pycurl.E_PARTIAL_FILE, "the headers end early"  # to libcurl a good reply
        connect, tls = info(pycurl.CONNECT_TIME), info(pycurl.APPCONNECT_TIME) if self.https else 0.0
        seen = None
        if code:
            # libcurl tells of whole lines only; we have seen more.
            bytes_in = self.head_size + self.size or int(self._has_heard(tls, connect, info(pycurl.TOTAL_TIME)))
            seen = Seen(
                code, _plain(text), info(pycurl.OS_ERRNO), self.https, connect > 0, tls > 0, bytes_in, self.over_cap,
                info(pycurl.SSL_VERIFYRESULT), self.route.proxy is not None,
            )  # fmt: skip
        certificate = None
        if self.connect_only and not code:  # nothing was sent after the handshake: nothing was waited for
            phases = Phases(connect=connect, tls=max(0.0, tls - connect))
            certificate = _certificate(info(pycurl.INFO_CERTINFO)) if self.https else None
        else:
            phases = _phases(connect, tls, info(pycurl.STARTTRANSFER_TIME), info(pycurl.TOTAL_TIME), self.https)
        status = 0 if self.connect_only else info(pycurl.RESPONSE_CODE)
        reply = Reply(status, _headers(head), b"".join(self.body), self.url, certificate)
        self.body.clear()
        self.head.clear()
        return _End(reply, phases, seen, info(pycurl.PRIMARY_IP) or "")


_TLS_FROM = {
    "1.0": pycurl.SSLVERSION_TLSv1_0,
    "1.1": pycurl.SSLVERSION_TLSv1_1,
    "1.2": pycurl.SSLVERSION_TLSv1_2,
    "1.3": pycurl.SSLVERSION_TLSv1_3,
}

_BASE: tuple[tuple[int, Any], ...] = (
    (pycurl.NOSIGNAL, 1),
    (pycurl.FRESH_CONNECT, 1),  # each run proves that a connection can be made
    (pycurl.FORBID_REUSE, 1),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.HTTP09_ALLOWED, 0),
    (pycurl.FOLLOWLOCATION, 0),  # the engine follows, with its own resolver and rules
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.USERAGENT, "motcua"),
    (pycurl.SSL_SESSIONID_CACHE, 0),  # each run proves a whole handshake
    (pycurl.TCP_NODELAY, 1),
    (pycurl.BUFFERSIZE, 16_384),
)


_MAY_BE_CLOSED = contextlib.suppress(OSError)


class _Wire:
    """libcurl's multi handle on epoll. Never select(): it spins once a descriptor reaches 1024."""

    def __init__(self, wakefd: int) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, 1)
        self._run_all = getattr(self._multi, "socket_all", None)
        self._epoll = select.epoll()
        self._epoll.register(wakefd, select.EPOLLIN)
        self._wakefd = wakefd
        self._opened: dict[int, _Transfer] = {}  # whose socket it is
        self._timer: float | None = None
        self._idle: dict[Route, list[_Transfer]] = {}
        self._flying: dict[pycurl.Curl, _Transfer] = {}

    def send(
        self,
        request: Request,
        route: Route,
        encoding: str,
        addresses: Sequence[str],
        seconds: float,
        ended: Callable[[_End], None],
    ) -> None:
        """Sends one request; `ended` is called in a later turn. Raises pycurl.error for a bad setting of ours."""
        idle = self._idle.get(route)
        transfer = idle.pop() if idle else _Transfer(route, self._on_opened)
        transfer.prepare(request, encoding, addresses, seconds, ended)
        self._flying[transfer.easy] = transfer
        self._multi.add_handle(transfer.easy)

    def turn(self, wait: float) -> None:
        """Waits for sockets and timers, at most `wait` seconds, and lets libcurl work."""
        if self._timer is not None:
            wait = min(wait, max(0.0, self._timer - time.monotonic()))
        ready = self._epoll.poll(wait, 512)
        now = time.monotonic()
        # Each call of libcurl gives up the interpreter and has to get it back; while the recorder works, that costs a
        # millisecond. So few transfers with much to do are run in one call, many of which few are ready one by one.
        all_at_once = self._run_all is not None and len(ready) > 1 and len(self._flying) <= 32 * len(ready)
        for fd, events in ready:
            if fd == self._wakefd:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(fd)
                continue
            if events & (select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP) == select.EPOLLIN and fd in self._opened:
                self._opened[fd].heard = now
            if all_at_once:
                continue
            mask = (pycurl.CSELECT_IN if events & (select.EPOLLIN | select.EPOLLHUP) else 0) | (
                pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0
            )
            self._multi.socket_action(fd, mask | (pycurl.CSELECT_ERR if events & select.EPOLLERR else 0))
        if all_at_once and self._run_all is not None:
            self._run_all()
        if self._timer is not None and self._timer <= time.monotonic():
            self._timer = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._reap()

    def _reap(self) -> None:
        more = 1
        while more and self._flying:
            more, good, bad = self._multi.info_read(64)
            for easy, code, text in itertools.chain(((easy, 0, "") for easy in good), bad):
                transfer = self._flying.pop(easy)
                end, ended = transfer.end(code, text), transfer.ended
                transfer.ended = _nobody
                self._multi.remove_handle(easy)
                idle = self._idle.setdefault(transfer.route, [])
                if len(idle) < 64:
                    idle.append(transfer)
                ended(end)

    def _on_opened(self, transfer: _Transfer, fd: int) -> int:
        self._opened[fd] = transfer
        return pycurl.SOCKOPT_OK

    def _on_socket(self, what: int, fd: int, multi: Any, data: Any) -> None:
        if what == pycurl.POLL_REMOVE:
            self._opened.pop(fd, None)
            with _MAY_BE_CLOSED:  # by libcurl, which removes it from epoll too
                self._epoll.unregister(fd)
            return
        events = (select.EPOLLIN if what & pycurl.POLL_IN else 0) | (select.EPOLLOUT if what & pycurl.POLL_OUT else 0)
        try:
            self._epoll.register(fd, events)
        except FileExistsError:
            self._epoll.modify(fd, events)

    def _on_timer(self, ms: int) -> None:
        self._timer = None if ms < 0 else time.monotonic() + ms / 1000

    def close(self) -> None:
        for easy in self._flying:
            self._multi.remove_handle(easy)
        self._flying.clear()
        self._idle.clear()
        self._multi.close()
        self._epoll.close()


class _Outbox:
    """Finished outcomes on their way to the broker, with a thread that sends them; thread-safe."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._outcomes: deque[Outcome] = deque()
        self._statistics: Counter[str] = Counter()
        self._wake = threading.Condition()
        self._urgent = self._stopped = False
        self._thread = threading.Thread(target=self._run, name="engine-flusher", daemon=True)

    def __len__(self) -> int:
        return len(self._outcomes)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopped = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(10)

    def put(self, outcome: Outcome) -> None:
        with self._wake:
            if len(self._outcomes) >= KEPT_WHILE_BROKER_IS_DOWN:
                self._outcomes.popleft()
                self._statistics["outcomes_dropped"] += 1
            self._outcomes.append(outcome)
            if not self._urgent and (outcome.verdict is not Verdict.UP or len(self._outcomes) >= FLUSH_AT):
                self._urgent = True
                self._wake.notify()

    def count(self, name: str, by: int = 1) -> None:
        with self._wake:
            self._statistics[name] += by

    def note_lateness(self, seconds: float) -> None:
        bucket = _LATENESS_NAMES[bisect_left(LATENESS_BUCKETS, seconds)]
        with self._wake:
            self._statistics["starts"] += 1
            self._statistics["start_lateness_us"] += max(0, int(seconds * 1e6))
            self._statistics[bucket] += 1

    def _run(self) -> None:
        failures = 0
        while True:
            with self._wake:
                if failures:
                    self._wake.wait_for(lambda: self._stopped, FLUSH_EVERY * 2 ** min(failures, 4))
                else:
                    self._wake.wait_for(lambda: self._stopped or self._urgent, FLUSH_EVERY)
                self._urgent = len(self._outcomes) > AT_ONCE  # the rest follows at once
                stopped = self._stopped
                outcomes = tuple(itertools.islice(self._outcomes, AT_ONCE))
                statistics = dict(self._statistics)
            if outcomes or statistics:
                failures = 0 if self._send(outcomes, statistics) else failures + 1
            if stopped and (failures or not self._outcomes):
                return
            if not failures and not stopped:
                time.sleep(FLUSH_APART)

    def _send(self, outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> bool:
        try:
            self._publish(outcomes, statistics)
        except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, the outcomes are kept
            log.warning("engine.publish_failed", error=type(error).__name__, waiting=len(self._outcomes))
            return False
        with self._wake:
            sent = set(map(id, outcomes))
            while self._outcomes and id(self._outcomes[0]) in sent:  # unless the oldest were dropped meanwhile
                self._outcomes.popleft()
            self._statistics.subtract(statistics)
            self._statistics = +self._statistics
        return True


def ask_once(check: Check, controls: Sequence[Check] = (), location: str = "", dns: Sequence[str] = ()) -> Outcome:
    """One try of one check with every exchange, for `motcua probe`: nothing is recorded."""
    answer: deque[Outcome] = deque()
    answered = threading.Event()

    def done(outcome: Outcome) -> None:
        answer.append(outcome)
        answered.set()

    engine = Engine(location, {(check.system, check.check): check}, controls, keep_exchanges=True, dns=dns)
    engine.start()
    try:
        engine.ask(check.system, check.check, done)
        answered.wait(sum(c.settings.timeout for c in (check, *controls)) + 10)
    finally:
        engine.stop(drain=0)
    return answer[0]


def _wrong(step: Step, reply: Reply) -> Finding | None:
    """The first rule that a reply breaks. A body in an encoding that nobody asked for can't be read."""
    encoding = reply.headers.get("content-encoding", "identity").lower()
    if step.encoding == "identity" and encoding not in ("identity", ""):
        return Finding(Reason.BAD_ENCODING, "an encoding that was not asked for")
    return next((finding for rule in step.rules if (finding := rule(reply))), None)


def _follow(step: Step, hops: int, reply: Reply) -> Request | Finding:
    """The request that a redirect leads to, or what is wrong with it. A followed step is a read: GET or HEAD."""
    try:
        target = urljoin(reply.url, _ascii(reply.headers["location"].encode("latin-1")))
        here, there = urlsplit(reply.url), urlsplit(target)
        host, _port = there.hostname, there.port  # each raises ValueError for what is none
    except ValueError:
        return Finding(Reason.UNEXPECTED_REDIRECT, "a redirect to no address")
    if there.scheme not in ("http", "https") or (here.scheme, there.scheme) == ("https", "http"):
        return Finding(Reason.UNEXPECTED_REDIRECT, "a redirect that leaves https")
    if host != here.hostname:
        return Finding(Reason.UNEXPECTED_REDIRECT, "a redirect to another host")
    if hops >= step.follow:
        return Finding(Reason.REDIRECT_LOOP, f"more than {step.follow} redirects")
    return Request(target, "HEAD" if step.request.method == "HEAD" else "GET", step.request.headers)


def _ascii(url: str | bytes) -> str:
    """The URL as it goes on the wire: a path may hold Vietnamese letters or spaces."""
    return quote(url, safe=string.punctuation)


def _http_url(url: str) -> str:
    """What libcurl is told: to it, a connection or a handshake alone is HTTP of which nothing is sent."""
    if url.startswith("tcp://"):
        return "http" + url[3:]
    return "https" + url[3:] if url.startswith("tls://") else url


def _certificate(chain: Sequence[Sequence[tuple[str, str]]]) -> Certificate | None:
    """The first of the chain; None where OpenSSL's words for its end are no date ("Jan  5 09:30:00 2027 GMT")."""
    first = dict(chain[0]) if chain else {}
    try:
        return Certificate(float(ssl.cert_time_to_seconds(first["Expire date"])), len(chain))
    except (KeyError, ValueError):
        return None


@lru_cache(10_000)
def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _nobody(_end: _End) -> None:
    """Who hears of a transfer that has ended: an idle handle must keep no run alive."""


def _pin(url: str, addresses: Sequence[str]) -> str:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 1080)
    return f"{parts.hostname}:{port}:" + ",".join(f"[{a}]" if ":" in a else a for a in addresses)


def _phases(connect: float, tls: float, first_byte: float, total: float, https: bool) -> Phases:
    """Differences between libcurl's instants; a phase that did not end takes all the time that is left."""
    if not connect:
        return Phases(connect=total)
    if https and not tls:
        return Phases(connect=connect, tls=total - connect)
    ready = tls or connect
    if not first_byte:
        return Phases(0.0, connect, ready - connect, total - ready)
    return Phases(0.0, connect, ready - connect, max(0.0, first_byte - ready), max(0.0, total - first_byte))


def _sum(one: Phases, other: Phases) -> Phases:
    return Phases(
        one.dns + other.dns, one.connect + other.connect, one.tls + other.tls,
        one.wait + other.wait, one.transfer + other.transfer,
    )  # fmt: skip


def _last_head(lines: Sequence[bytes]) -> tuple[Sequence[bytes], bool]:
    """The head that counts, after those of 1xx replies and of a proxy, and whether its end was seen; no trailers."""
    starts = [at for at, line in enumerate(lines) if line.startswith(b"HTTP/")]
    head = lines[starts[-1] :] if starts else lines
    for at, line in enumerate(head):
        if not line.strip():
            return head[:at], True
    return head, False


def _headers(lines: Sequence[bytes]) -> dict[str, str]:
    text = b"".join(lines[1:]).decode("latin-1").replace("\r\n", "\n")  # some servers end lines with \n alone
    pairs = (line.partition(":") for line in text.split("\n"))
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def _plain(text: str) -> str:
    """libcurl's words without what a peer may have put into them: it quotes peers in marks or parentheses."""
    words = re.sub(r"\(.*\)|'.*'|\".*\"", "...", text, flags=re.DOTALL)
    return re.sub(r"[^\x20-\x7e]", "?", words)[:200]


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
