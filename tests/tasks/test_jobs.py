"""The runner: what is due is done, failures are told in one line and tried again, and a restart forgets nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from monitor.catalogue import Catalogue
from monitor.collection import CollectionError
from monitor.jobs import Every, Job, Ran, Stopped, working_days
from monitor.store import Store, StoreError
from monitor.wiring import ConfigurationError
from tasks.jobs import Runner, calendar_jobs
from tests.monitor.province import NOW, load, store_in
from tests.monitor.report import story
from tests.monitor.report.story import at
from tests.receivers import Mail

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


def collections(catalogue: Catalogue, store: Store) -> list[Job]:
    return [job for job in calendar_jobs(catalogue, store) if job.name.startswith("dossiers_")]


def test_nothing_is_collected_by_itself_unless_the_catalogue_says_so(tmp_path: Path, store: Store) -> None:
    from tests.monitor.province import CATALOGUE

    assert collections(load(tmp_path, CATALOGUE + IGATE), store) == []
    often = CATALOGUE.replace("locations:", "dossiers: {every: 15m}\nlocations:", 1) + IGATE
    (job,) = collections(load(tmp_path, often), store)
    assert (job.name, job.when) == ("dossiers_igate_2", Every(900))
    counted = often.replace("every: 15m", "every: 15m, source: statistics")
    with pytest.raises(ConfigurationError, match=r"dossiers\.source: statistics needs one system"):
        calendar_jobs(load(tmp_path, counted), store)


# --- reports ----------------------------------------------------------------------------------------------------------


class Month:
    """The story's province with a mailing list, and the runner of its jobs on a clock of its own."""

    def __init__(self, folder: Path, store: Store, port: int) -> None:
        mailing = f"report:\n  mail: {{url: 'smtp://127.0.0.1:{port}', to: [van-thu@tinh.example]}}\n"
        self.catalogue = story.load(folder, story.CATALOGUE.replace("report:\n", mailing))
        self.store, self.now, self.stop = store, 0.0, threading.Event()
        self.restart()

    def restart(self) -> None:
        jobs = calendar_jobs(self.catalogue, self.store, lambda: self.now)
        self.runner = Runner(jobs, self.store.job_runs, ZONE, working_days(None), lambda: self.now)

    def runs(self, start: str, end: str, every: int = 600) -> None:
        self.now = float(at(start))
        while self.now <= at(end):
            while self.runner.look(self.stop):
                pass
            self.now += every
        self.runner.look(self.stop)  # what ran last is kept

    def known(self) -> list[tuple[str, str, int | None]]:
        return [(kept.kind, kept.name, kept.sent_at) for kept in self.store.reports.all()]


@pytest.fixture
def month(tmp_path: Path) -> Iterator[tuple[Month, Mail]]:
    with Mail() as server, story.store_of(tmp_path / "data", story.load(tmp_path)) as store:
        yield Month(tmp_path, store, server.port), server


@pytest.mark.live("liberation2")
def test_reports_are_closed_built_and_sent_on_their_days(month: tuple[Month, Mail]) -> None:
    world, server = month
    with capture_logs() as logs:
        world.runs("2026-10-31T12:00", "2026-11-01T07:50")
    (early,) = {line["error"] for line in logs if line["event"] == "job.failed"}  # asked every four hours: 8 h 10 s
    assert early == "2026-10 (calendar): the last hold is not over; it is tried again"
    assert (world.known(), server.got) == ([], [])
    world.runs("2026-11-01T08:00", "2026-11-01T12:00")
    ((kind, name, sent),) = world.known()
    assert (kind, name) == ("calendar", "2026-10")
    assert sent is not None
    assert at("2026-11-01T08:00:10") <= sent <= at("2026-11-01T09:00")
    (closed,) = world.store.periods.versions("calendar", "2026-10")
    assert (closed.version, closed.closed_by, closed.closed_at) == (1, "lich", sent)
    (mail,) = server.got
    assert mail["To"] == "van-thu@tinh.example"
    assert {part.get_filename() for part in mail.iter_attachments()} == {
        "bao-cao-calendar-2026-10-v1.docx", "bao-cao-calendar-2026-10-v1.pdf",
    }  # fmt: skip
    world.restart()
    world.runs("2026-11-01T12:10", "2026-11-15T12:00", every=7200)
    assert [known[:2] for known in world.known()] == [("calendar", "2026-10"), ("admin_15_14", "2026-11")]
    assert len(server.got) == 2


@pytest.mark.live("liberation2")
def test_every_month_that_was_missed_is_made_up_for_once(month: tuple[Month, Mail]) -> None:
    world, server = month
    world.store.job_runs.keep("report_calendar", Ran(float(at("2026-08-20T00:00"))))
    world.runs("2026-11-03T10:00", "2026-11-03T10:10")
    names = [name for kind, name, sent in world.known() if kind == "calendar" and sent]
    assert sorted(names) == ["2026-09", "2026-10", "2026-9M", "2026-Q3"]  # nobody watched in August
    assert len(server.got) == 4
    world.restart()
    world.runs("2026-11-03T10:20", "2026-11-03T11:00")
    assert len(server.got) == 4


@pytest.mark.live("liberation2")
def test_a_mail_server_that_is_away_is_asked_again(month: tuple[Month, Mail], tmp_path: Path) -> None:
    world, server = month
    world.store.job_runs.keep("report_calendar", Ran(float(at("2026-10-20T00:00"))))
    away = Month(tmp_path, world.store, 9)
    with capture_logs() as logs:
        away.runs("2026-11-01T12:00", "2026-11-01T12:30")
    errors = {line["error"] for line in logs if line["event"] == "job.failed"}
    assert errors == {"2026-10 (calendar): không kết nối được máy chủ thư 127.0.0.1:9: Connection refused"}
    assert [sent for *_, sent in world.known()] == [None]
    world.restart()
    world.runs("2026-11-01T12:40", "2026-11-01T14:00")
    assert len(server.got) == 1
    assert [(kind, name) for kind, name, sent in world.known() if sent] == [("calendar", "2026-10")]


@pytest.mark.live("liberation2")
def test_a_report_that_is_stopped_half_way_is_made_later(month: tuple[Month, Mail]) -> None:
    world, server = month
    world.store.job_runs.keep("report_calendar", Ran(float(at("2026-10-20T00:00"))))
    world.now = float(at("2026-11-01T12:00"))
    world.stop.set()
    assert world.runner.look(world.stop) is False
    assert (world.known(), server.got) == ([], [])
    world.stop.clear()
    world.runs("2026-11-01T12:10", "2026-11-01T12:20")
    assert ([name for _, name, _ in world.known()], len(server.got)) == (["2026-10"], 1)
