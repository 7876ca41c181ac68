"""The whole monitor in one process: in-memory broker, SQLite, tick thread, engine, recorder, pages.

One process only, about one core; more load or a second location wants the production stack. Nothing of value is in the
queue: after a kill the checks that were in flight are missing and show as no data.
"""

from __future__ import annotations

import gc
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Self

from monitor.catalogue import Catalogue
from monitor.model import Outcome
from monitor.status import SystemStatus
from monitor.store import Change, StoreError
from monitor.web import WebThread, make_web
from monitor.wiring import (
    Configuration,
    ConfigurationError,
    DueChecks,
    Recorder,
    Solicitor,
    make_deliverer,
    make_engine,
    open_store,
    read_overview,
    sealing,
)
from tasks.app import RECORD, EmbeddedWorker, make_app, poll_queue, send_batch, send_outcomes
from tasks.jobs import make_runner
from tasks.parts import Parts
from tasks.scheduler import Scheduler

SWITCH_INTERVAL = 0.005  # seconds; shorter ones cost CPU and, since starts are gathered, win no punctuality


class Embedded:
    """Started by `with`; ends in order: no new slots, checks finished, outcomes recorded."""

    def __init__(
        self,
        catalogue: Catalogue,
        config: Configuration,
        location: str,
        listening: socket.socket,
        changed: Callable[[Change], None] | None = None,
    ) -> None:
        self._catalogue, self._config, self._location = catalogue, config, location
        self._listening, self._changed = listening, changed
        self._stop = threading.Event()
        self._stack = ExitStack()
        self._sent = self._recorded = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, stack: ExitStack) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL)
        gc.collect()
        gc.freeze()  # what is loaded by now stays: walking through it again would hold up checks for 0.1 s
        self.store = store = open_store(self._config)
        stack.callback(store.close)
        try:
            stack.enter_context(store.recorder_lock())
        except StoreError as error:
            hint = "stop the other motcua or name another folder with --data"
            raise ConfigurationError(f"{error}; {hint}") from None
        runner = make_runner(self._catalogue, store)
        deliverer = make_deliverer(store, self._catalogue)
        solicit = Solicitor(self._catalogue, store, lambda batch: send_batch(self._app, batch))

        recorder = Recorder(store, self._catalogue, self._changed, deliverer.wake, solicit)
        engine = make_engine(self._catalogue, self._location, self._publish)

        def record(outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> None:
            try:
                recorder.record(outcomes, statistics)
            finally:
                self._recorded += 1

        self._app = make_app(self._config.broker_url, Parts(engine.submit, record))
        worker = EmbeddedWorker(self._app, [poll_queue(self._location), RECORD], threads=2)
        web = WebThread(make_web(self._catalogue, store), self._listening)
        scheduler = Scheduler(
            self._catalogue.hash,
            DueChecks(self._catalogue, [self._location]),
            store.claim_tick,
            store.states,
            lambda batch: send_batch(self._app, batch),
        )
        ticking = threading.Thread(target=scheduler.run, args=(self._stop,), name="scheduler", daemon=True)
        working = threading.Thread(target=runner.run, args=(self._stop,), name="jobs", daemon=True)

        stack.enter_context(deliverer)  # the last to end: what ends before may still have news
        worker.start()
        stack.callback(worker.stop)
        stack.callback(self._wait_for_record)
        stack.callback(recorder.stopping.set)
        engine.start()
        stack.callback(engine.stop, 5.0)
        engine.ask_all(spread=2.0)  # nobody waits an interval for a first look
        web.start()
        stack.callback(web.stop)
        ticking.start()
        stack.callback(ticking.join, 2.0)
        working.start()
        stack.callback(working.join, 5.0)
        stack.callback(self._stop.set)
        stack.enter_context(sealing(store))

    def _publish(self, outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> None:
        send_outcomes(self._app, outcomes, statistics)
        self._sent += 1

    def _wait_for_record(self, seconds: float = 5.0) -> None:
        end = time.monotonic() + seconds
        while self._recorded < self._sent and time.monotonic() < end:
            time.sleep(0.05)

    def overview(self, now: float) -> list[SystemStatus]:
        return read_overview(self._catalogue, self.store, now)
