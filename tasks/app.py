"""The Celery app and its workers. The only package that imports celery.

Settings follow what was measured: early acknowledgement of poll messages, late of record messages, no result backend,
socket time-outs (without them kombu waits for ever on a broker that vanishes), lost messages swept every five seconds.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning, Reject, SecurityWarning
from kombu.exceptions import KombuError

from monitor.model import Batch, Outcome
from monitor.wire import WireError, dump_batch, dump_outcomes
from monitor.wiring import Unrecorded
from tasks.deliver import deliver
from tasks.parts import Parts
from tasks.poll import poll
from tasks.record import record

POLL_EXPIRES = 60  # seconds; the engine's own rule (5 s after a slot's instant) is the one that counts
RECORD = "record"
DELIVER = "deliver"
DELIVER_EXPIRES = 60  # seconds; by then the deliverer has looked by itself
START_LIMIT = 20  # seconds; a fraction of one is usual

BrokerErrors: tuple[type[Exception], ...] = (KombuError, OSError)


def poll_queue(location: str) -> str:
    return f"poll.{location}"


def make_app(broker_url: str, parts: Parts | None = None, location: str | None = None) -> Celery:
    """The app of one process. Without `parts` it only sends."""
    app = Celery("motcua", broker=broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_ignore_result=True,
        task_create_missing_queues=True,
        task_default_queue=RECORD,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=_transport_options(broker_url, location),
    )
    if parts:
        _add_tasks(app, parts)
    return app


def _add_tasks(app: Celery, parts: Parts) -> None:
    common: dict[str, Any] = {"shared": False, "ignore_result": True, "throws": (WireError,)}

    @app.task(name="poll", acks_late=False, **common)
    def _poll(text: str) -> None:
        poll(parts, text)

    @app.task(name="record", acks_late=True, reject_on_worker_lost=True, **common)
    def _record(text: str) -> None:
        try:
            record(parts, text)
        except Unrecorded:
            raise Reject(requeue=True) from None

    @app.task(name="deliver", acks_late=False, **common)
    def _deliver() -> None:
        deliver(parts)


def _transport_options(broker_url: str, location: str | None) -> dict[str, Any]:
    if broker_url.startswith("memory:"):
        return {"polling_interval": 0.1}
    options: dict[str, Any] = {
        "visibility_timeout": 120,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "retry_on_timeout": True,
    }
    if location:  # keys of its own, so that a Redis ACL can fence a remote worker in
        options |= {f"{name}_key": f"{name}.{location}" for name in ("unacked", "unacked_index", "unacked_mutex")}
    return options


def send_batch(app: Celery, batch: Batch) -> None:
    """Hands a batch to the workers of its location. Raises one of BrokerErrors when the broker can't be reached."""
    queue = poll_queue(batch.location)
    app.send_task("poll", args=[dump_batch(batch)], queue=queue, expires=POLL_EXPIRES, retry=False, ignore_result=True)


def send_outcomes(app: Celery, outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> None:
    """Hands finished outcomes to the recorder. Raises one of BrokerErrors when the broker can't be reached."""
    text = dump_outcomes(outcomes, statistics)
    app.send_task("record", args=[text], queue=RECORD, retry=False, ignore_result=True)


def send_news(app: Celery) -> None:
    """Tells the deliverer that the outbox has news. Raises one of BrokerErrors when the broker can't be reached."""
    app.send_task("deliver", queue=DELIVER, expires=DELIVER_EXPIRES, retry=False, ignore_result=True)


def run_worker(app: Celery, queues: Sequence[str], threads: int, stopping: Callable[[], None] = lambda: None) -> int:
    """Works until SIGTERM or SIGINT, calls `stopping`, ends what is under way; returns the worker's exit code."""
    _prepare(app)

    def ending(**_: Any) -> None:
        stopping()

    signals.worker_shutting_down.connect(ending, weak=False)
    worker = app.Worker(pool="threads", concurrency=threads, queues=list(queues), quiet=True, **_PLAIN)
    worker.start()
    return int(worker.exitcode or 0)


class EmbeddedWorker:
    """A worker in threads of this process, for the in-memory broker; signals stay with the main thread."""

    def __init__(self, app: Celery, queues: Sequence[str], threads: int) -> None:
        _prepare(app)
        self._ready = threading.Event()
        self._worker = app.WorkController(
            pool="threads",
            concurrency=threads,
            queues=list(queues),
            ready_callback=lambda _consumer: self._ready.set(),
            **_PLAIN,
        )
        self._thread = threading.Thread(target=self._worker.start, name="celery", daemon=True)

    def start(self) -> None:
        """Returns when it takes messages: an app completes itself at its first use, which two threads must not make."""
        self._thread.start()
        if not self._ready.wait(START_LIMIT):
            raise RuntimeError(f"Celery's worker did not start within {START_LIMIT} s")

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._worker.stop(in_sighandler=False)
        self._thread.join(5)


_PLAIN = {"without_heartbeat": True, "without_mingle": True, "without_gossip": True, "loglevel": logging.WARNING}


def _prepare(app: Celery) -> None:
    app.set_default()  # threads of the pool look their tasks up in the process's default app
    signals.setup_logging.connect(_keep_logging, weak=False)
    # Advice for Celery's own command line, and on a setting that we have made: pages of it, for a user of ours.
    for advice in (SecurityWarning, CPendingDeprecationWarning):
        warnings.simplefilter("ignore", advice)


def _keep_logging(**_: Any) -> None:
    """A receiver of `setup_logging` keeps Celery from setting up logging of its own."""
