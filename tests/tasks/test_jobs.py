"""The runner: what is due is done, failures are told in one line and tried again, and a restart forgets nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from monitor.collection import CollectionError
from monitor.jobs import Every, Job, Stopped, working_days
from monitor.store import Store, StoreError
from monitor.wiring import ConfigurationError
from tasks.jobs import Runner, calendar_jobs
from tests.monitor.province import NOW, load, store_in

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path) as store:
        yield store


class World:
    """A store, a clock that stands still, and jobs that note when they ran."""

    def __init__(self, store: Store) -> None:
        self.store, self.now, self.ran = store, float(NOW), []  # type: ignore[var-annotated]
        self.stop = threading.Event()

    def job(self, name: str, seconds: float = 600, work: Callable[[threading.Event], None] | None = None) -> Job:
        def noted(stop: threading.Event) -> None:
            self.ran.append((name, self.now - NOW))
            if work:
                work(stop)

        return Job(name, Every(seconds), noted)

    def runner(self, *jobs: Job) -> Runner:
        return Runner(jobs, self.store.job_runs, ZONE, working_days(None), lambda: self.now)

    def looks(self, runner: Runner, seconds: int, every: int = 10) -> None:
        end = self.now + seconds
        while self.now < end:
            while runner.look(self.stop):
                pass
            self.now += every


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def test_a_job_runs_at_once_and_then_at_its_interval(world: World) -> None:
    world.now += 5
    world.looks(world.runner(world.job("a")), 1300)
    assert world.ran == [("a", 5), ("a", 605), ("a", 1205)]


def test_a_restart_forgets_nothing(world: World) -> None:
    world.looks(world.runner(world.job("a")), 30)
    world.looks(world.runner(world.job("a")), 30)
    assert world.ran == [("a", 0)]
    assert world.store.job_runs.all()["a"].succeeded == NOW


def test_a_failure_is_one_line_and_is_tried_again_while_others_run(world: World) -> None:
    def broken(_: threading.Event) -> None:
        raise CollectionError("step dossiers: http_5xx (HTTP 503)")

    def bug(_: threading.Event) -> None:
        raise ValueError("mat-khau")

    with capture_logs() as logs:
        world.looks(
            world.runner(world.job("good", 100), world.job("bad", 600, broken), world.job("bug", 600, bug)), 290
        )
    assert [at for name, at in world.ran if name == "bad"] == [0, 60, 180]
    assert [at for name, at in world.ran if name == "good"] == [0, 100, 200]
    failed = [line for line in logs if line["event"] == "job.failed"]
    assert [(f["error"], f["again_in"]) for f in failed if f["job"] == "bad"] == [
        ("step dossiers: http_5xx (HTTP 503)", pause) for pause in (60, 120, 240)
    ]
    assert {f["error"] for f in failed if f["job"] == "bug"} == {"ValueError"}
    kept = world.store.job_runs.all()
    assert (kept["bad"].succeeded, kept["bad"].failures) == (None, 3)


def test_a_job_that_gives_up_because_the_process_ends_is_due_again(world: World) -> None:
    def given_up(stop: threading.Event) -> None:
        stop.set()
        raise Stopped

    world.runner(world.job("a", 600, given_up)).run(_once())
    runner = world.runner(world.job("a", 600, given_up))
    assert runner.look(world.stop) is False
    assert world.ran == [("a", 0), ("a", 0)]
    assert world.store.job_runs.all()["a"].failures == 0


def _once() -> threading.Event:
    """Set at the second time of asking: one look and the end."""

    class Once(threading.Event):
        asked = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.asked += 1
            return self.asked > 1

    return Once()


def test_a_store_that_is_away_holds_up_nothing_but_the_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = world.store.job_runs
    keep = runs.keep

    def away(*_: object) -> None:
        raise StoreError("the store is away")

    runner = world.runner(world.job("a"))
    with capture_logs() as logs:
        monkeypatch.setattr(runs, "keep", away)
        world.looks(runner, 100)
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["jobs.store_away"]
    assert world.ran == [("a", 0)]  # whether it ran well is not kept: nothing more is begun
    monkeypatch.setattr(runs, "keep", keep)
    world.looks(runner, 600)
    assert world.ran == [("a", 0), ("a", 600)]
    assert runs.all()["a"].started == NOW + 600


def test_one_process_alone_runs_the_jobs(store: Store, tmp_path: Path) -> None:
    with store_in(tmp_path) as other, store.job_runs.lock():
        with pytest.raises(StoreError, match="another process runs its jobs"), other.job_runs.lock():
            pass
        with other.recorder_lock():
            pass
    with store.job_runs.lock():
        pass


IGATE = """
  igate_2:
    name: {vi: Một cửa, en: One-stop}
    owner: centre
    party: vendor
    connector: igate
    options: {gateway_url: "http://127.0.0.1:9", login: false}
    checks: {search: {options: {steps: [search]}}}
"""


def test_nothing_is_collected_by_itself_unless_the_catalogue_says_so(tmp_path: Path, store: Store) -> None:
    from tests.monitor.province import CATALOGUE

    assert calendar_jobs(load(tmp_path, CATALOGUE + IGATE), store) == []
    often = CATALOGUE.replace("locations:", "dossiers: {every: 15m}\nlocations:", 1) + IGATE
    (job,) = calendar_jobs(load(tmp_path, often), store)
    assert (job.name, job.when) == ("dossiers_igate_2", Every(900))
    counted = often.replace("every: 15m", "every: 15m, source: statistics")
    with pytest.raises(ConfigurationError, match=r"dossiers\.source: statistics needs one system"):
        calendar_jobs(load(tmp_path, counted), store)
