"""The tick: once a second it hands out what falls due in the NEXT second. A plain loop; Celery beat would be too slow.

Missed ticks are not made up: what was not asked is no data. Two schedulers may run: each tick is claimed in the store;
if the store does not answer within 200 ms the tick goes out anyway, for a double probe is harmless and a missing one
is not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout

import structlog

from monitor.model import Batch, Settings, State
from monitor.schedule import batches

CLAIM_WAIT = 0.2  # seconds

States = Mapping[tuple[str, str, str], State]
Checks = Callable[[float], Mapping[str, Mapping[tuple[str, str], Settings]]]

log = structlog.get_logger("scheduler")


class Scheduler:
    """Hands out slots until it is stopped.

    `checks(now)` gives the settings of what lives, by location; `claim` takes a second for us; `states` reads lines.
    """

    def __init__(
        self,
        catalogue: str,
        checks: Checks,
        claim: Callable[[int], bool],
        states: Callable[[float], States],
        send: Callable[[Batch], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalogue, self._checks, self._send, self._clock = catalogue, checks, send, clock
        self._claim, self._read_states = claim, states
        self._states: States = {}
        self._pool = ThreadPoolExecutor(1, "scheduler-store")
        self._pending: Future[bool] | None = None
        self._failing: set[str] = set()  # of "store" and "broker": said once, when it begins

    def run(self, stop: threading.Event) -> None:
        """Ticks until `stop` is set."""
        done = int(self._clock())  # the second that was handed out last
        while not stop.wait(max(0.0, done - self._clock())):
            second = int(self._clock()) + 1
            if second > done:
                self.tick(second)
                done = second
        self._pool.shutdown(wait=False, cancel_futures=True)

    def tick(self, second: int) -> None:
        """Hands out one second, unless another scheduler has it."""
        if not self._claimed(second):
            return
        now = self._clock()
        for location, checks in self._checks(now).items():
            state = self._state_at(location)
            for batch in batches(location, checks, second, int(now * 1000), self._catalogue, state):
                self._try_send(batch)

    def _state_at(self, location: str) -> Callable[[str, str], State]:
        return lambda system, check: self._states.get((system, check, location), State.NO_DATA)

    def _claimed(self, second: int) -> bool:
        if self._pending is not None and not self._pending.done():
            return True  # the store still hangs on an earlier tick
        self._pending = self._pool.submit(self._ask_store, second)
        try:
            ours = self._pending.result(CLAIM_WAIT)
        except FutureTimeout:
            self._fails("store", "slow")
        except Exception as error:  # noqa: BLE001 - whatever ails the store, the checks go on
            self._fails("store", type(error).__name__)
        else:
            self._works("store")
            return ours
        return True

    def _ask_store(self, second: int) -> bool:
        self._states = self._read_states(self._clock())
        return self._claim(second)

    def _try_send(self, batch: Batch) -> None:
        try:
            self._send(batch)
        except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, the next tick tries again
            self._fails("broker", type(error).__name__)
        else:
            self._works("broker")

    def _fails(self, what: str, why: str) -> None:
        if what not in self._failing:
            self._failing.add(what)
            log.error("scheduler.failing", what=what, error=why)

    def _works(self, what: str) -> None:
        if what in self._failing:
            self._failing.remove(what)
            log.warning("scheduler.works_again", what=what)
