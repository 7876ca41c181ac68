"""The tick, on a clock that is ours: what goes out, when, and what does not stop it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import pytest
from structlog.testing import capture_logs

from monitor.model import Batch, Settings, State
from monitor.schedule import due
from tasks.scheduler import Scheduler, States

START = 1_790_830_800
KEYS = [("igate", "search"), ("igate", "login"), ("portal", "home")]
CHECKS = {"office": dict.fromkeys(KEYS, Settings(interval=1, timeout=0.4))}  # each is due once in every second


class Clock:
    """Time that passes only where it is told to; waiting for it moves it."""

    def __init__(self, now: float = START + 0.25) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Stop(threading.Event):
    """Waits on the clock instead of the machine's, and is set when the clock has reached the end."""

    def __init__(self, clock: Clock, end: float, jumps: Mapping[int, float] | None = None) -> None:
        super().__init__()
        self._clock, self._end, self._jumps = clock, end, dict(jumps or {})

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self._clock.now += timeout
        self._clock.now += self._jumps.pop(int(self._clock.now), 0)
        return self._clock.now >= self._end


class Claims:
    """A store's answer, for one scheduler or several."""

    def __init__(self) -> None:
        self.last = 0
        self.lock = threading.Lock()

    def __call__(self, second: int) -> bool:
        with self.lock:
            ours, self.last = second > self.last, max(second, self.last)
            return ours


@pytest.fixture
def clock() -> Clock:
    return Clock()


def scheduler(
    clock: Clock,
    send: Callable[[Batch], None],
    claim: Callable[[int], bool] = lambda _: True,
    states: Callable[[float], States] = lambda _: {},
) -> Scheduler:
    return Scheduler("hash", lambda _: CHECKS, claim, states, send, clock)


def expected(first: int, last: int) -> Counter[tuple[str, str, int]]:
    """Every slot that is due in the seconds first..last."""
    return Counter(
        (system, check, at)
        for (system, check), settings in CHECKS["office"].items()
        for at in due(system, check, settings, first * 1000, (last + 1) * 1000)
    )


def slots(sent: list[Batch]) -> Counter[tuple[str, str, int]]:
    return Counter((slot.system, slot.check, slot.due_at) for batch in sent for slot in batch.slots)


def test_every_second_goes_out_once_a_second_ahead(clock: Clock) -> None:
    sent: list[Batch] = []
    ahead: list[float] = []

    def send(batch: Batch) -> None:
        sent.append(batch)
        ahead.append(min(slot.due_at for slot in batch.slots) / 1000 - clock.now)

    scheduler(clock, send).run(Stop(clock, START + 10))
    assert slots(sent) == expected(START + 1, START + 10)
    assert all(0 <= seconds < 2 for seconds in ahead)
    assert {batch.location for batch in sent} == {"office"}
    assert {batch.catalogue for batch in sent} == {"hash"}
    assert [batch.sent_at for batch in sent[:3]] == [START * 1000 + 250, START * 1000 + 1000, START * 1000 + 2000]


def test_two_schedulers_send_each_slot_once(clock: Clock) -> None:
    claim, sent = Claims(), list[Batch]()
    other = Clock(START + 0.75)
    one, two = scheduler(clock, sent.append, claim), scheduler(other, sent.append, claim)
    for second in range(START + 1, START + 20):
        first, then = (one, two) if second % 3 else (two, one)
        clock.now = other.now = second - 0.9
        first.tick(second)
        then.tick(second)
    assert slots(sent) == expected(START + 1, START + 19)


def test_a_second_that_another_has_claimed_goes_out_nowhere(clock: Clock) -> None:
    sent: list[Batch] = []
    scheduler(clock, sent.append, lambda second: second % 2 == 0).run(Stop(clock, START + 10))
    assert slots(sent) == sum((expected(s, s) for s in range(START + 2, START + 11, 2)), Counter())


def test_missed_ticks_are_not_made_up(clock: Clock) -> None:
    """The machine slept for half a minute: what was not asked is no data."""
    sent: list[Batch] = []
    scheduler(clock, sent.append).run(Stop(clock, START + 40, {START + 3: 30.2}))
    assert slots(sent) == expected(START + 1, START + 3) + expected(START + 34, START + 40)


def test_a_slot_carries_the_state_that_is_known_of_it(clock: Clock) -> None:
    sent: list[Batch] = []
    states = {("igate", "search", "office"): State.DOWN, ("portal", "home", "branch"): State.UP}
    scheduler(clock, sent.append, states=lambda _: states).tick(START + 1)
    assert {(s.system, s.check): s.state for batch in sent for s in batch.slots} == {
        ("igate", "search"): State.DOWN,
        ("igate", "login"): State.NO_DATA,
        ("portal", "home"): State.NO_DATA,  # another location's state is not this one's
    }


# --- a store that is slow or away -------------------------------------------------------------------------------------


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opened at the end, so that no thread stays behind."""
    event = threading.Event()
    yield event
    event.set()


def test_a_slow_store_does_not_hold_up_the_checks(clock: Clock, gate: threading.Event) -> None:
    """It goes out within the 200 ms that the design gives, with the states that were known last."""
    sent: list[Batch] = []
    asked: list[int] = []
    hangs = threading.Event()

    def claim(second: int) -> bool:
        asked.append(second)
        if hangs.is_set():
            gate.wait(30)
        return True

    made = scheduler(clock, sent.append, claim, lambda _: {("igate", "search", "office"): State.DOWN})
    made.tick(START + 1)
    hangs.set()
    begin = time.monotonic()
    with capture_logs() as logs:
        made.tick(START + 2)
        took = time.monotonic() - begin
        made.tick(START + 3)  # the store still hangs on the one before: it is not asked again
    assert 0.2 <= took < 2
    assert asked == [START + 1, START + 2]
    assert slots(sent) == expected(START + 1, START + 3)
    late = [slot.state for batch in sent for slot in batch.slots if (slot.system, slot.check) == ("igate", "search")]
    assert late == [State.DOWN] * 3
    assert [(log["event"], log["what"]) for log in logs] == [("scheduler.failing", "store")]


@pytest.mark.parametrize("broken", ["claim", "states"])
def test_a_store_that_is_away_is_said_once_and_the_checks_go_on(clock: Clock, broken: str) -> None:
    sent: list[Batch] = []
    away = True

    def fail(_: float) -> bool:
        if away:
            raise OSError("no such server")
        return True

    def states(now: float) -> States:
        if broken == "states":
            fail(now)
        return {}

    made = scheduler(clock, sent.append, fail if broken == "claim" else lambda _: True, states)
    with capture_logs() as logs:
        for second in range(START + 1, START + 6):
            made.tick(second)
        away = False
        made.tick(START + 6)
        away = True
        made.tick(START + 7)
    assert slots(sent) == expected(START + 1, START + 7)
    assert [log["event"] for log in logs] == ["scheduler.failing", "scheduler.works_again", "scheduler.failing"]
    assert "no such server" not in str(logs), "a driver's words may hold a password"


# --- a broker that is away --------------------------------------------------------------------------------------------


def test_a_broker_that_is_away_is_said_once_and_the_ticks_go_on(clock: Clock) -> None:
    sent: list[Batch] = []
    tried = 0

    def send(batch: Batch) -> None:
        nonlocal tried
        tried += 1
        if clock.now < START + 5:
            raise OSError("redis://:secret@redis:6379")
        sent.append(batch)

    with capture_logs() as logs:
        scheduler(clock, send).run(Stop(clock, START + 10))
    assert tried == 10
    assert slots(sent) == expected(START + 6, START + 10)
    assert [(log["event"], log["what"]) for log in logs] == [
        ("scheduler.failing", "broker"),
        ("scheduler.works_again", "broker"),
    ]
    assert "secret" not in str(logs)


def test_it_stops_at_once_though_the_store_hangs(gate: threading.Event) -> None:
    stop = threading.Event()

    def claim(_: int) -> bool:
        gate.wait(30)
        return True

    made = Scheduler("hash", lambda _: CHECKS, claim, lambda _: {}, lambda _: None)
    running = threading.Thread(target=made.run, args=(stop,))
    running.start()
    stop.set()
    running.join(5)
    assert not running.is_alive()
