"""Celery carries messages between our parts: over the in-memory broker, in this process."""

from __future__ import annotations

import ast
import logging
import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from monitor.model import Batch, Outcome, Reason, Slot, State
from monitor.wire import dump_batch, dump_outcomes
from monitor.wiring import MEMORY_BROKER, Unrecorded
from tasks.app import RECORD, EmbeddedWorker, make_app, poll_queue, send_batch, send_outcomes
from tasks.parts import Parts
from tests.monitor.province import NOW, outcome
from tests.processes import eventually

TASKS = Path(__file__).resolve().parents[2] / "tasks"
BATCH = Batch("office", NOW * 1000, "hash", (Slot("igate", "search", NOW * 1000 + 700, State.DOWN),))
OUTCOMES = [outcome("igate", "search", NOW), outcome("igate", "search", NOW + 2, Reason.HTTP_5XX, try_=2)]
STATISTICS = {"starts@office": 2, "start_lateness_le_0.001@office": 2}


class Received:
    """The parts of a process that does nothing but remember; `obey` may do more with a message."""

    def __init__(self) -> None:
        self.batches: queue.Queue[Batch] = queue.Queue()
        self.records: queue.Queue[tuple[Sequence[Outcome], Mapping[str, int]]] = queue.Queue()
        self.obey: Callable[[], None] = lambda: None

    def submit(self, batch: Batch) -> None:
        self.obey()
        self.batches.put(batch)

    def record(self, outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> None:
        self.obey()
        self.records.put((list(outcomes), dict(statistics)))


# One worker for all: it takes two seconds to end, and a process has one default app.


@pytest.fixture(scope="module")
def everything() -> Received:
    return Received()


@pytest.fixture
def received(everything: Received) -> Received:
    assert everything.batches.empty()
    assert everything.records.empty()
    return everything


@pytest.fixture(scope="module")
def app(everything: Received) -> Iterator[Celery]:
    app = make_app(MEMORY_BROKER, Parts(everything.submit, everything.record))
    worker = EmbeddedWorker(app, [poll_queue("office"), RECORD], threads=2)
    worker.start()
    yield app
    assert worker.alive, "nothing that came may have ended it"
    worker.stop()
    assert not worker.alive


def send_raw(app: Celery, task: str, *args: Any, queue: str = RECORD) -> None:
    app.send_task(task, args=args, queue=queue, ignore_result=True)


# --- handing over -----------------------------------------------------------------------------------------------------


def test_a_batch_reaches_the_engine_as_it_was(app: Celery, received: Received) -> None:
    send_batch(app, BATCH)
    assert received.batches.get(timeout=10) == BATCH


def test_outcomes_and_counts_reach_the_recorder_as_they_were(app: Celery, received: Received) -> None:
    send_outcomes(app, OUTCOMES, STATISTICS)
    assert received.records.get(timeout=10) == (OUTCOMES, STATISTICS)


def test_a_batch_of_another_place_is_not_ours(app: Celery, received: Received) -> None:
    send_batch(app, Batch("branch", NOW * 1000, "hash", BATCH.slots))
    send_batch(app, BATCH)
    assert received.batches.get(timeout=10).location == "office"
    assert received.batches.empty()


def test_many_messages_each_arrive_once(app: Celery, received: Received) -> None:
    for n in range(50):
        send_outcomes(app, [outcome("igate", "search", NOW + n)], {})
    starts = [received.records.get(timeout=10)[0][0].started_at for _ in range(50)]
    assert sorted(starts) == [(NOW + n) * 1000 for n in range(50)]
    assert received.records.empty()


# --- messages that are none -------------------------------------------------------------------------------------------

BAD = [
    "",
    "{",
    "[]",
    "null",
    '["office", 1]',
    '[[["igate"]], {}]',
    dump_batch(BATCH)[:-9],
    dump_outcomes(OUTCOMES, {})[:-9],
]


@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize(("task", "to"), [("poll", poll_queue("office")), ("record", RECORD)])
def test_a_bad_message_is_refused_in_one_line_and_the_next_one_is_served(
    app: Celery, received: Received, caplog: pytest.LogCaptureFixture, task: str, to: str, text: str
) -> None:
    caplog.set_level(logging.INFO)
    send_raw(app, task, text, queue=to)
    send_batch(app, BATCH)
    send_outcomes(app, OUTCOMES, STATISTICS)
    assert received.batches.get(timeout=10) == BATCH
    assert received.records.get(timeout=10) == (OUTCOMES, STATISTICS)
    eventually(lambda: f"Task {task}[" in caplog.text and "raised expected: WireError" in caplog.text, within=10)
    assert all(record.exc_info is None for record in caplog.records), "no traceback"
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(("task", "args"), [("delete_everything", ()), ("record", (1, 2)), ("poll", (None,))])
def test_messages_of_nobody_stop_nothing(app: Celery, received: Received, task: str, args: tuple[Any, ...]) -> None:
    send_raw(app, task, *args)
    send_outcomes(app, OUTCOMES, STATISTICS)
    assert received.records.get(timeout=10) == (OUTCOMES, STATISTICS)


def test_a_bug_in_one_message_stops_nothing(app: Celery, received: Received, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        received.obey = lambda: None
        raise RuntimeError("a bug")

    received.obey = fail
    send_outcomes(app, OUTCOMES[:1], {})
    # So that "no traceback" above means something: this is where one would be.
    eventually(lambda: any(record.exc_info for record in caplog.records), within=10)
    send_outcomes(app, OUTCOMES[1:], {})
    assert received.records.get(timeout=10) == (OUTCOMES[1:], {})


def test_what_could_not_be_recorded_goes_back_to_the_broker(app: Celery, received: Received) -> None:
    refusals = 0

    def refuse() -> None:
        nonlocal refusals
        refusals += 1
        if refusals == 3:
            received.obey = lambda: None
        raise Unrecorded

    received.obey = refuse
    send_outcomes(app, OUTCOMES, STATISTICS)
    assert received.records.get(timeout=10) == (OUTCOMES, STATISTICS)
    assert refusals == 3


def test_a_process_without_such_a_part_says_so() -> None:
    with pytest.raises(RuntimeError, match="look at the queues"):
        Parts().submit(BATCH)
    with pytest.raises(RuntimeError, match="look at the queues"):
        Parts().record([], {})


# --- settings ---------------------------------------------------------------------------------------------------------


def test_what_the_design_fixed() -> None:
    """Each of these was measured, or has cost somebody an outage."""
    app = make_app("redis://localhost/0", Parts(), location="office")
    options = app.conf.broker_transport_options
    assert options["visibility_timeout"] == 120
    assert (options["unacked_restore_interval"], options["unacked_restore_throttle"]) == (5, 1)
    assert options["socket_timeout"] > 0
    assert options["socket_connect_timeout"] > 0
    assert {options[f"{name}_key"] for name in ("unacked", "unacked_index", "unacked_mutex")} == {
        "unacked.office", "unacked_index.office", "unacked_mutex.office",
    }  # fmt: skip
    assert app.conf.accept_content == ["json"]
    assert app.conf.result_backend is None
    assert app.conf.worker_prefetch_multiplier == 1
    assert (app.tasks["poll"].acks_late, app.tasks["record"].acks_late) == (False, True)
    assert app.tasks["record"].reject_on_worker_lost is True
    assert app.tasks["poll"].ignore_result is True


def test_a_process_that_only_sends_knows_no_task() -> None:
    app = make_app(MEMORY_BROKER)
    assert not {"poll", "record"} & set(app.tasks)


# --- no logic ---------------------------------------------------------------------------------------------------------


def _is_task(function: ast.FunctionDef) -> bool:
    return any("task" in ast.unparse(decorator) for decorator in function.decorator_list)


def test_bodies_of_tasks_are_at_most_five_lines() -> None:
    functions = {
        function.name: function
        for path in TASKS.glob("*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
    }
    bodies = [
        function for name, function in functions.items() if _is_task(function) or name in ("poll", "record", "deliver")
    ]
    assert {function.name for function in bodies} == {"_poll", "_record", "_deliver", "poll", "record", "deliver"}
    for function in bodies:
        code = [
            node for node in function.body if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant)
        ]
        last = code[-1].end_lineno
        assert last is not None
        assert last - code[0].lineno < 5, function.name
