"""The engine over real sockets: slots, rechecks, control targets, bugs of connectors, and the way out."""

from __future__ import annotations

import gc
import os
import threading
import time
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors import engine as engine_module
from connectors.engine import CONTROL_FRESH, Engine, ForkedEngine, ask_once
from monitor.model import (
    Auth,
    Check,
    Outcome,
    Reason,
    Reply,
    Request,
    Settings,
    Slot,
    State,
    Step,
    Verdict,
)
from tests.connectors.harness import (
    ENGINE_WARNS,
    Asked,
    Scripted,
    Server,
    asking,
    check,
    control,
    eventually,
    http,
    in_turn,
    nobody,
    page,
    serving,
    watching,
)

pytestmark = ENGINE_WARNS

UP, DOWN, INCONCLUSIVE = Verdict.UP, Verdict.DOWN, Verdict.INCONCLUSIVE
GOOD, BAD, TOO_OFTEN = http(), http(status=500), http(status=429)


@pytest.fixture(autouse=True)
def _fast_flush(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishes sooner than in life, so that no test waits for it; where that is what is tested, not."""
    if "usual_flush" not in request.fixturenames:
        monkeypatch.setattr(engine_module, "FLUSH_EVERY", 0.02)
        monkeypatch.setattr(engine_module, "FLUSH_APART", 0.001)


@pytest.fixture
def usual_flush() -> None:
    assert engine_module.FLUSH_EVERY == 0.5


@pytest.fixture
def good() -> Iterator[Server]:
    with serving(GOOD) as server:
        yield server


@pytest.fixture
def bad() -> Iterator[Server]:
    with serving(BAD) as server:
        yield server


@pytest.fixture
def silent() -> Iterator[Server]:
    with serving() as server:
        yield server


def slowly(seconds: float, answer: bytes = GOOD) -> Callable[[Asked], bytes]:
    def wait_and_answer(_asked: Asked) -> bytes:
        time.sleep(seconds)
        return answer

    return wait_and_answer


# --- slots ---


def test_each_slot_starts_at_its_own_instant(good: Server) -> None:
    checks = [page(good.url, f"muc_{n}") for n in range(12)]
    with watching(*checks) as watch:
        slots = [watch.slot(c, after=0.2 + 0.05 * n) for n, c in enumerate(checks)]
        watch.submit(*reversed(slots))
        outcomes = watch.wait(len(slots))
        assert {(o.check, o.due_at) for o in outcomes} == {(s.check, s.due_at) for s in slots}
        late = [o.started_at - o.due_at for o in outcomes]
        assert min(late) >= -1, "never early; the clocks' fractions may round down"
        assert sorted(late)[len(late) // 2] <= 10, "ms, by the median"
        assert max(late) < 200, "even on a busy machine"
        assert watch.counted("starts", len(slots))
        buckets = {name for name in watch.statistics if name.startswith("start_lateness_le_")}
        assert sum(watch.statistics[name] for name in buckets) == len(slots)


def test_an_outcome_names_its_slot_and_what_was_asked(good: Server) -> None:
    of = page(good.url)
    with watching(of) as watch:
        (slot,) = watch.run(of)
        (outcome,) = watch.wait(1)
    assert (outcome.system, outcome.check, outcome.location) == ("cong_tinh", "trang_chu", "van_phong")
    assert (outcome.due_at, outcome.try_, outcome.origin) == (slot.due_at, 1, "measured")
    assert (outcome.verdict, outcome.reason, outcome.failed_step) == (UP, None, None)
    (step,) = outcome.steps
    assert (step.name, step.verdict, step.status, step.exchange) == ("request", UP, 200, None)
    assert outcome.seconds == step.seconds > 0


def test_a_slot_more_than_five_seconds_late_is_dropped_and_counted(good: Server) -> None:
    late, in_time = page(good.url, "tre"), page(good.url, "kip")
    with watching(late, in_time) as watch:
        watch.submit(watch.slot(late, after=-5.2), watch.slot(in_time, after=-4.5))
        assert [o.check for o in watch.wait(1)] == ["kip"]
        assert watch.counted("slots_late", 1)
        assert watch.is_idle(late), "the next slot of the check starts"
    assert len(good.asked) == 2


def test_a_slot_due_while_the_one_before_is_under_way_is_skipped_and_counted(silent: Server) -> None:
    of = page(silent.url, timeout=0.5)
    with watching(of) as watch:
        first = watch.slot(of, state=State.DOWN)
        watch.submit(first, watch.slot(of, after=0.1), watch.slot(of, after=0.2))
        assert watch.counted("slots_overrun", 2)
        assert [o.due_at for o in watch.wait(1)] == [first.due_at]
        assert watch.is_idle(of, State.DOWN)


def test_a_slot_due_during_a_recheck_is_an_overrun_too(bad: Server) -> None:
    of = page(bad.url, spacing=0.2)
    with watching(of) as watch:
        (slot,) = watch.run(of)
        watch.submit(watch.slot(of, after=0.3))
        assert [o.due_at for o in watch.wait(3)] == [slot.due_at] * 3
        assert watch.counted("slots_overrun", 1)


def test_what_is_asked_out_of_turn_frees_no_slot(silent: Server) -> None:
    """The slot is still under way when the question out of turn has ended."""
    hangs = in_turn(None, GOOD)
    silent.answer = hangs
    of = page(silent.url, timeout=2.0)
    with watching(of) as watch:
        watch.run(of)
        eventually(lambda: silent.asked)
        assert watch.ask(of).verdict is UP
        watch.run(of)
        assert watch.counted("slots_overrun", 1)


def test_above_the_cap_slots_are_skipped_and_counted(silent: Server, good: Server) -> None:
    hanging = [page(silent.url, f"muc_{n}", timeout=0.6) for n in range(5)]
    other = page(good.url, "khac")
    with watching(*hanging, other, in_flight_cap=3) as watch:
        watch.submit(*(watch.slot(c, state=State.DOWN) for c in hanging))
        assert watch.counted("slots_capacity", 2)
        watch.wait(3)
        watch.run(other)
        assert watch.wait(4)[-1].check == "khac", "below the cap slots start again"
    assert len(silent.asked) == 3


def test_a_slot_of_a_check_that_the_engine_does_not_know_is_counted_and_harms_no_other(good: Server) -> None:
    of = page(good.url)
    with watching(of) as watch:
        watch.submit(Slot("cong_tinh", "da_bo", watch.slot(of).due_at), watch.slot(of))
        assert [o.check for o in watch.wait(1)] == ["trang_chu"]
        assert watch.counted("slots_unknown_check", 1)


@pytest.mark.parametrize("seconds", [-3.0, 3.0])
def test_a_skew_of_the_clocks_is_counted_and_logged_and_the_slots_run(good: Server, seconds: float) -> None:
    of = page(good.url)
    with capture_logs() as logs, watching(of) as watch:
        watch.submit(watch.slot(of), sent_at=time.time() + seconds)
        watch.wait(1)
        assert watch.counted("batches_skewed", 1)
    assert [(e["event"], e["location"]) for e in logs] == [("engine.skew", "van_phong")]
    assert logs[0]["seconds"] == pytest.approx(-seconds, abs=0.3)


def test_within_two_seconds_clocks_are_taken_as_equal(good: Server) -> None:
    of = page(good.url)
    with watching(of) as watch:
        watch.submit(watch.slot(of), sent_at=time.time() - 1.5)
        watch.wait(1)
        eventually(lambda: watch.statistics["starts"])
        assert watch.statistics["batches_skewed"] == 0


def test_submit_returns_at_once_though_a_thousand_slots_are_due(silent: Server) -> None:
    checks = [page(silent.url, f"muc_{n}", timeout=30) for n in range(1_000)]
    with watching(*checks, in_flight_cap=50) as watch:
        slots = [watch.slot(c) for c in checks]
        began = time.monotonic()
        watch.submit(*slots)
        assert time.monotonic() - began < 0.2
        assert watch.counted("slots_capacity", 950)


# --- rechecks ---

# (what it shows, state of the check, answers of the server, verdicts of the tries); 3 to fall, 2 to rise
RECHECKS: list[tuple[str, State, list[bytes], list[Verdict]]] = [
    ("three failures confirm an outage", State.UP, [BAD], [DOWN, DOWN, DOWN]),
    ("of a degraded check, too", State.DEGRADED, [BAD], [DOWN, DOWN, DOWN]),
    ("and after no data", State.NO_DATA, [BAD], [DOWN, DOWN, DOWN]),
    ("a good try refutes a failure", State.UP, [BAD, GOOD], [DOWN, UP]),
    ("even the third", State.UP, [BAD, BAD, GOOD], [DOWN, DOWN, UP]),
    ("two good tries confirm a recovery", State.DOWN, [GOOD], [UP, UP]),
    ("a failure refutes a recovery", State.DOWN, [GOOD, BAD], [UP, DOWN]),
    ("a good try that agrees is not repeated", State.UP, [GOOD], [UP]),
    ("nor one after no data", State.NO_DATA, [GOOD], [UP]),
    ("a failure that agrees is not repeated", State.DOWN, [BAD], [DOWN]),
    ("an inconclusive try is not repeated", State.UP, [TOO_OFTEN], [INCONCLUSIVE]),
    ("nor while down", State.DOWN, [TOO_OFTEN], [INCONCLUSIVE]),
    ("an inconclusive try cuts the row", State.UP, [BAD, TOO_OFTEN], [DOWN, INCONCLUSIVE]),
    ("and that of a recovery", State.DOWN, [GOOD, TOO_OFTEN], [UP, INCONCLUSIVE]),
]


@pytest.mark.parametrize(("state", "answers", "verdicts"), [row[1:] for row in RECHECKS], ids=[r[0] for r in RECHECKS])
def test_rechecks(state: State, answers: list[bytes], verdicts: list[Verdict]) -> None:
    with serving(in_turn(*answers)) as server:
        of = page(server.url, spacing=0.1)
        with watching(of) as watch:
            (slot,) = watch.run(of, state=state)
            outcomes = watch.wait(len(verdicts))
            assert watch.is_idle(of, State.DOWN if answers[-1] == BAD else State.UP), "no try is still to come"
    assert [o.verdict for o in outcomes] == verdicts
    assert [o.try_ for o in outcomes] == list(range(1, len(verdicts) + 1))
    assert {o.due_at for o in outcomes} == {slot.due_at}


@pytest.mark.parametrize(
    ("state", "answers", "verdicts"),
    [
        (State.UP, [GOOD], [UP]),
        (State.UP, [BAD], [DOWN, DOWN, DOWN]),
        (State.UP, [BAD, GOOD], [DOWN, UP]),
        (State.DOWN, [BAD], [DOWN]),
    ],
)
def test_a_slot_out_of_turn_is_repeated_and_in_no_error_rate(
    state: State, answers: list[bytes], verdicts: list[Verdict]
) -> None:
    with serving(in_turn(*answers)) as server:
        of = page(server.url, spacing=0.1)
        with watching(of) as watch:
            slot = replace(watch.slot(of, state=state), asked=True)
            watch.submit(slot)
            outcomes = watch.wait(len(verdicts))
            assert watch.is_idle(of, State.DOWN if answers[-1] == BAD else State.UP), "no try is still to come"
    assert [o.verdict for o in outcomes] == verdicts
    assert [o.try_ for o in outcomes] == [0, 2, 3][: len(verdicts)]
    assert {o.due_at for o in outcomes} == {slot.due_at}


def test_a_slot_out_of_turn_does_not_wait_for_the_answer_of_what_hangs(silent: Server) -> None:
    """Its tries begin one spacing apart: three of them take two spacings and one timeout, not three timeouts."""
    of = page(silent.url, timeout=1.0, spacing=0.2)
    with watching(of) as watch:
        slot = replace(watch.slot(of), asked=True)
        watch.submit(slot)
        outcomes = watch.wait(3)
        assert watch.is_idle(of, State.DOWN), "no try is still to come"
    assert [(o.try_, o.verdict, o.reason) for o in outcomes] == [(n, DOWN, Reason.READ_TIMEOUT) for n in (0, 2, 3)]
    starts = [o.started_at - outcomes[0].started_at for o in outcomes]
    assert starts[1] >= 190
    assert starts[2] >= 390
    assert starts[2] < 1000, "the first one had not ended"


def test_a_slow_answer_that_is_good_ends_a_question_out_of_turn() -> None:
    with serving(slowly(0.3, GOOD)) as server:
        of = page(server.url, spacing=0.2)
        with watching(of) as watch:
            watch.submit(replace(watch.slot(of), asked=True))
            assert [o.verdict for o in watch.wait(2)] == [UP, UP]
            assert watch.is_idle(of)
        assert len(server.asked) == 3, "two tries, and the slot that looked whether more were to come"


def test_who_asks_while_a_question_is_still_being_asked_adds_none(silent: Server) -> None:
    of = page(silent.url, timeout=0.6, spacing=0.2)
    with watching(of) as watch:
        for _ in range(5):
            watch.submit(replace(watch.slot(of), asked=True))
        watch.wait(3)
        assert watch.is_idle(of, State.DOWN)
    assert [o.try_ for o in watch.outcomes[:3]] == [0, 2, 3]
    assert len(silent.asked) == 4


def test_a_slot_out_of_turn_keeps_no_scheduled_one_waiting() -> None:
    with serving(slowly(0.5, GOOD)) as server:
        of = page(server.url, spacing=5)  # the question's second try would come first
        with watching(of) as watch:
            watch.submit(replace(watch.slot(of), asked=True), watch.slot(of, after=0.1))
            assert sorted(o.try_ for o in watch.wait(2)) == [0, 1]
            assert watch.statistics["slots_overrun"] == 0


def test_rechecks_are_apart_from_start_to_start() -> None:
    with serving(slowly(0.15, BAD)) as server:
        of = page(server.url, spacing=0.3)
        with watching(of) as watch:
            watch.run(of)
            starts = [o.started_at for o in watch.wait(3)]
    assert 299 <= starts[1] - starts[0] < 400
    assert 299 <= starts[2] - starts[1] < 400


def test_a_try_longer_than_the_spacing_is_repeated_at_once(silent: Server) -> None:
    of = page(silent.url, timeout=0.3, spacing=0.1)
    with watching(of) as watch:
        watch.run(of)
        starts = [o.started_at for o in watch.wait(3)]
    assert 299 <= starts[1] - starts[0] < 400


def test_rechecks_are_two_seconds_apart_and_confirm_by_three_and_two_unless_set_otherwise() -> None:
    settings = Settings(interval=60, timeout=10)
    assert (settings.spacing, settings.confirm_down, settings.confirm_up) == (2.0, 3, 2)


@pytest.mark.parametrize(("state", "answer", "tries"), [(State.UP, BAD, 2), (State.DOWN, GOOD, 4)])
def test_how_many_tries_confirm_is_a_setting(state: State, answer: bytes, tries: int) -> None:
    with serving(answer) as server:
        connector = page(server.url).connector
        of = Check("cong_tinh", "trang_chu", connector, Settings(60, 3, confirm_down=2, confirm_up=4, spacing=0.05))
        with watching(of) as watch:
            watch.run(of, state=state)
            watch.wait(tries)
            assert watch.is_idle(of, State.DOWN if answer == BAD else State.UP)


def test_what_is_asked_out_of_turn_is_try_0_and_not_repeated(bad: Server) -> None:
    of = page(bad.url, spacing=0.05)
    with watching(of) as watch:
        before = int(time.time() * 1000)
        outcome = watch.ask(of)
        assert (outcome.verdict, outcome.try_) == (DOWN, 0)
        assert before - 1 <= outcome.due_at <= outcome.started_at + 1
        assert watch.wait(1) == [outcome]
        assert watch.is_idle(of, State.DOWN)
    assert len(bad.asked) == 2


def test_ask_all_asks_every_check_and_control_once_over_the_time_given(good: Server) -> None:
    checks = [page(good.url, f"muc_{n}") for n in range(4)]
    with watching(*checks, controls=[control(good.url)]) as watch:
        watch.engine.ask_all(spread=0.5)
        outcomes = watch.wait(5)
    assert Counter((o.system, o.check) for o in outcomes) == {
        **{("cong_tinh", f"muc_{n}"): 1 for n in range(4)},
        ("_control", "doi_chung"): 1,
    }
    assert {o.try_ for o in outcomes} == {0}
    starts = sorted(o.started_at for o in outcomes)
    assert 350 <= starts[-1] - starts[0] <= 700


# --- control targets ---


def controls_asked(watch: Any) -> list[Outcome]:
    return [o for o in watch.outcomes if o.system == "_control"]


def test_a_failure_while_a_control_answers_is_the_systems(bad: Server, good: Server) -> None:
    of = page(bad.url)
    with watching(of, controls=[control(good.url)]) as watch:
        assert (watch.ask(of).verdict, watch.ask(of).reason) == (DOWN, Reason.HTTP_5XX)
        eventually(lambda: controls_asked(watch))
        (asked,) = controls_asked(watch)
    assert (asked.check, asked.try_, asked.verdict, asked.location) == ("doi_chung", 0, UP, "van_phong")


def test_a_failure_while_no_control_answers_is_our_own_blindness(bad: Server) -> None:
    of = page(bad.url)
    with nobody() as nowhere, serving(BAD) as broken:
        controls = [control(nowhere, "mot"), control(broken.url, "hai")]
        with watching(of, controls=controls) as watch:
            watch.run(of)
            outcome = eventually(lambda: [o for o in watch.outcomes if o.system != "_control"])[0]
            assert watch.is_idle(of, State.DOWN), "a blind try is not repeated"
            asked = controls_asked(watch)
    assert (outcome.verdict, outcome.reason, outcome.try_) == (INCONCLUSIVE, Reason.BLIND, 1)
    assert outcome.steps[0].reason is Reason.HTTP_5XX, "what was seen is kept"
    assert {(o.check, o.try_, o.verdict) for o in asked} == {("mot", 0, DOWN), ("hai", 0, DOWN)}


def test_one_control_that_answers_is_enough_and_nobody_waits_for_the_others(
    bad: Server, good: Server, silent: Server
) -> None:
    of, other = page(bad.url), page(bad.url, "khac")
    controls = [control(silent.url, "im_lang", timeout=5), control(good.url, "tra_loi")]
    with watching(of, other, controls=controls) as watch:
        began = time.monotonic()
        assert watch.ask(of).verdict is DOWN
        assert watch.ask(other).verdict is DOWN, "nor does who asks while one of them is still silent"
        assert time.monotonic() - began < 2


def test_controls_are_asked_on_failure_alone(good: Server, bad: Server) -> None:
    with serving(GOOD) as target, serving(TOO_OFTEN) as limited:
        fine, inconclusive, failing = page(good.url, "tot"), page(limited.url, "gioi_han"), page(bad.url, "hong")
        with watching(fine, inconclusive, failing, controls=[control(target.url)]) as watch:
            assert [watch.ask(c).verdict for c in (fine, inconclusive, fine)] == [UP, INCONCLUSIVE, UP]
            assert target.asked == []
            assert watch.ask(failing).verdict is DOWN
            assert len(target.asked) == 1


def test_all_failures_share_one_answer_of_the_controls(bad: Server) -> None:
    checks = [page(bad.url, f"muc_{n}", spacing=0.05) for n in range(10)]
    with serving(slowly(0.1)) as target, watching(*checks, controls=[control(target.url)]) as watch:
        watch.submit(*(watch.slot(c, after=0.02 * n) for n, c in enumerate(checks)))
        eventually(lambda: len(watch.outcomes) >= 31)
        assert len(target.asked) == 1
    assert Counter(o.verdict for o in watch.outcomes if o.system != "_control") == {DOWN: 30}


def test_an_answer_of_the_controls_serves_for_two_seconds(bad: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CONTROL_FRESH == 2.0
    monkeypatch.setattr(engine_module, "CONTROL_FRESH", 0.4)
    of = page(bad.url)
    with serving(GOOD) as target, watching(of, controls=[control(target.url)]) as watch:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            watch.ask(of)
        apart = [later.at - earlier.at for earlier, later in zip(target.asked, target.asked[1:], strict=False)]
    assert 3 <= len(target.asked) <= 4
    assert min(apart) > 0.39


def test_blindness_ends_when_a_control_answers_again(bad: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "CONTROL_FRESH", 0.1)
    of = page(bad.url)
    with serving(in_turn(BAD, GOOD)) as target, watching(of, controls=[control(target.url)]) as watch:
        assert watch.ask(of).reason is Reason.BLIND
        eventually(lambda: watch.ask(of).reason is Reason.HTTP_5XX, within=2)


def test_a_control_that_fails_in_its_turn_asks_no_controls_and_is_plainly_down(bad: Server) -> None:
    target = control(bad.url)
    with watching(controls=[target]) as watch:
        watch.submit(watch.slot(target, state=State.DOWN))
        (outcome,) = watch.wait(1)
        assert (outcome.verdict, outcome.reason, outcome.try_) == (DOWN, Reason.HTTP_5XX, 1)
        assert watch.is_idle(target, State.DOWN)
    assert len(bad.asked) == 2


# --- our own bugs ---

SECRET = "mat-khau-0000000000"


def broken(*_: Any) -> Any:
    raise ValueError(SECRET)


def wherever(url: str) -> dict[str, Scripted]:
    """Connectors with a bug in every place in which the engine runs their code."""
    read = Step("request", Request(url))

    def run(_auth: Auth | None) -> Any:
        yield read

    def fails_at_once(*_: Any) -> Any:
        yield from broken()

    def fails_later(*_: Any) -> Any:
        yield read
        broken()

    def no_auth() -> Any:
        yield read

    def login() -> Any:
        yield Step("token", Request(url))
        return Auth(SECRET)

    return {
        "steps": Scripted(run, names=broken),
        "login": Scripted(run, broken),
        "the login's first step": Scripted(run, fails_at_once),
        "the login's second": Scripted(run, fails_later),
        "a login without steps": Scripted(run, lambda: asking().run(None)),
        "a login that gives nothing": Scripted(run, no_auth),
        "run": Scripted(broken),
        "run after a login": Scripted(broken, login),
        "the first step": Scripted(fails_at_once),
        "after the first reply": Scripted(fails_later),
        "a rule": asking(Step("request", Request(url), (broken,))),
        "relogin_on": Scripted(asking(Step("request", Request(url), relogin_on=broken)).run, login),
        "what is no step": asking(7),
        "no step at all": asking(),
        "an address that is none": asking(Step("request", Request("http://["))),
        "another scheme": asking(Step("request", Request("gopher://127.0.0.1/"))),
        "a header that is no ASCII": asking(Step("request", Request(url, headers=(("X", f"ị{SECRET}"),)))),
    }


@pytest.mark.parametrize("where", list(wherever("")))
def test_a_bug_of_a_connector_spoils_its_own_try_alone(
    where: str, good: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    buggy = check(wherever(good.url)[where], system="co_loi")
    healthy = page(good.url)
    with capture_logs() as logs, watching(buggy, healthy) as watch:
        watch.run(buggy, healthy)
        outcomes = {o.system: o for o in watch.wait(2)}
        assert outcomes["cong_tinh"].verdict is UP
        outcome = outcomes["co_loi"]
        assert (outcome.verdict, outcome.reason) == (INCONCLUSIVE, Reason.PROBE_ERROR)
        assert [s.reason for s in outcome.steps if s.verdict is INCONCLUSIVE] == [Reason.PROBE_ERROR]
        assert len({s.name for s in outcome.steps}) == len(outcome.steps), "each step is named once"
        assert watch.is_idle(healthy), "the engine goes on"
        assert watch.ask(buggy).reason is Reason.PROBE_ERROR, "and finds the bug again"
    assert SECRET not in repr(logs) + repr(watch.outcomes)
    assert capfd.readouterr() == ("", "")
    if where not in ("no step at all", "another scheme"):
        assert {e["event"] for e in logs} == {"connector.bug"}
        assert all(set(e) == {"event", "log_level", "check", "error", "where"} for e in logs)
        assert watch.statistics["engine_errors"] >= 1


def test_a_bug_of_whoever_waits_for_an_answer_loses_no_outcome(good: Server) -> None:
    of = page(good.url)
    with capture_logs() as logs, watching(of) as watch:
        watch.engine.ask(of.system, of.check, broken)
        assert watch.wait(1)[0].verdict is UP
        assert watch.is_idle(of)
    assert [e["event"] for e in logs] == ["engine.bug"]
    assert SECRET not in repr(logs)


def test_used_in_a_forked_process_it_refuses(good: Server) -> None:
    of = page(good.url)

    def refused() -> bool:
        uses: list[Callable[[], Any]] = [
            lambda: watch.run(of),
            lambda: watch.engine.ask(of.system, of.check),
            lambda: watch.engine.ask_all(1.0),
            lambda: watch.engine.stop(0),
            unused.start,
        ]
        for use in uses:
            try:
                use()
            except ForkedEngine as error:
                if "-P threads" not in str(error):
                    return False
            else:
                return False
        return True

    unused = Engine("van_phong", {})
    with watching(of) as watch:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads: that is the point here
            child = os.fork()
        if child == 0:
            answer = 1
            try:
                answer = 0 if refused() else 1
            finally:
                os._exit(answer)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert watch.ask(of).verdict is UP, "its maker's goes on"


# --- the way out ---


class Broker:
    """Takes what is published, except while it is away."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.calls = failures, 0
        self.outcomes: list[Outcome] = []
        self.statistics: Counter[str] = Counter()
        self.most = 0

    def publish(self, outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> None:
        self.calls += 1
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionError(SECRET)
        self.outcomes += outcomes
        self.statistics.update(statistics)
        self.most = max(self.most, len(outcomes))


def test_while_the_broker_is_away_outcomes_are_kept_in_order_and_sent_once(good: Server, bad: Server) -> None:
    broker = Broker(failures=4)
    checks = [page(good.url, "tot"), page(bad.url, "hong")]
    with capture_logs() as logs, watching(*checks, publish=broker.publish) as watch:
        made = [watch.ask(checks[n % 2]) for n in range(20)]
        eventually(lambda: len(broker.outcomes) >= 20)
        assert broker.outcomes == made
        assert watch.engine.backlog == 0
        made.append(watch.ask(checks[0]))
        eventually(lambda: len(broker.outcomes) >= 21)
        assert broker.outcomes == made, "nothing is sent twice after a success"
    assert [e["event"] for e in logs] == ["engine.publish_failed"] * 4
    assert SECRET not in repr(logs)


def test_counts_survive_the_broker_too(good: Server) -> None:
    broker = Broker(failures=3)
    of = page(good.url)
    with watching(of, publish=broker.publish) as watch:
        watch.submit(*(Slot("la", "la", 1) for _ in range(7)))
        eventually(lambda: broker.statistics["slots_unknown_check"])
        watch.submit(*(Slot("la", "la", 1) for _ in range(2)))
        eventually(lambda: broker.statistics["slots_unknown_check"] >= 9)
    assert broker.statistics["slots_unknown_check"] == 9


def test_when_the_broker_is_away_for_too_long_the_oldest_are_dropped_and_counted(
    good: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "KEPT_WHILE_BROKER_IS_DOWN", 10)
    broker = Broker(failures=10**6)
    of = page(good.url)
    with watching(of, publish=broker.publish) as watch:
        made = [watch.ask(of) for _ in range(14)]
        assert watch.engine.backlog == 10
        broker.failures = 0
        eventually(lambda: broker.outcomes)
    assert broker.outcomes == made[4:]
    assert broker.statistics["outcomes_dropped"] == 4


@pytest.mark.usefixtures("usual_flush")
def test_a_backlog_is_sent_in_parts_without_waits_between_them(good: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "AT_ONCE", 5)
    broker = Broker()
    checks = [page(good.url, f"muc_{n}") for n in range(40)]
    with watching(*checks, publish=broker.publish) as watch:
        watch.run(*checks)
        eventually(lambda: broker.outcomes)
        began = time.monotonic()
        eventually(lambda: len(broker.outcomes) == 40)
        assert time.monotonic() - began < 2, "eight parts, 0.5 s apart, would take 3.5 s"
    assert broker.most == 5


def test_a_failed_try_is_published_at_once(bad: Server, good: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "FLUSH_EVERY", 30.0)
    failing, fine = page(bad.url, "hong"), page(good.url, "tot")
    with watching(failing, fine) as watch:
        for _ in range(3):
            before = len(watch.outcomes)
            made = [watch.ask(fine), watch.ask(failing)]
            answered = time.monotonic()
            eventually(lambda before=before: len(watch.outcomes) == before + 2)  # type: ignore[misc]
            assert time.monotonic() - answered < 0.3
            assert watch.outcomes[before:] == made, "what waited before it goes with it"


@pytest.mark.usefixtures("usual_flush")
def test_good_tries_are_published_within_half_a_second(good: Server) -> None:
    of = page(good.url)
    with watching(of) as watch:
        for n in range(3):
            watch.ask(of)
            answered = time.monotonic()
            eventually(lambda n=n: len(watch.outcomes) == n + 1)  # type: ignore[misc]
            assert time.monotonic() - answered < 0.75, "0.5 s on an idle machine"


@pytest.mark.usefixtures("usual_flush")
def test_good_tries_are_gathered_into_few_messages(good: Server) -> None:
    broker = Broker()
    checks = [page(good.url, f"muc_{n}") for n in range(60)]
    with watching(*checks, publish=broker.publish) as watch:
        watch.submit(*(watch.slot(c, after=0.01 * n) for n, c in enumerate(checks)))
        eventually(lambda: len(broker.outcomes) == 60)
    assert broker.calls <= 5


# --- the end ---


def test_stop_takes_no_more_lets_finish_what_was_accepted_and_publishes_all() -> None:
    broker = Broker()
    with serving(slowly(0.4)) as server:
        under_way, to_come, too_late = (page(server.url, name) for name in ("dang_chay", "se_chay", "qua_muon"))
        with watching(under_way, to_come, too_late, publish=broker.publish) as watch:
            watch.submit(watch.slot(under_way), watch.slot(to_come, after=0.3))
            eventually(lambda: server.asked)
            began = time.monotonic()
            watch.engine.stop(drain=5)
            assert 0.4 < time.monotonic() - began < 2
            watch.run(too_late)
    assert [(o.check, o.verdict) for o in broker.outcomes] == [("dang_chay", UP), ("se_chay", UP)]
    assert len(server.asked) == 2


def test_stop_begins_no_rechecks(bad: Server) -> None:
    broker = Broker()
    of = page(bad.url, spacing=0.05)
    with watching(of, publish=broker.publish) as watch:
        watch.submit(watch.slot(of, after=0.3))
        watch.engine.stop(drain=5)
    assert [o.try_ for o in broker.outcomes] == [1]
    assert len(bad.asked) == 1


def test_stop_waits_for_a_hanging_check_no_longer_than_it_is_told(silent: Server) -> None:
    of = page(silent.url, timeout=60)
    with watching(of) as watch:
        watch.run(of)
        eventually(lambda: silent.asked)
        began = time.monotonic()
        watch.engine.stop(drain=0.3)
        assert 0.3 <= time.monotonic() - began < 1.5


def test_stop_ends_though_the_broker_is_away(good: Server) -> None:
    broker = Broker(failures=10**6)
    of = page(good.url)
    with watching(of, publish=broker.publish) as watch:
        watch.ask(of)
        began = time.monotonic()
        watch.engine.stop(drain=5)
        assert time.monotonic() - began < 2
    assert broker.calls >= 1


def test_stop_waits_for_the_controls_that_a_failed_try_asks_for(bad: Server) -> None:
    broker = Broker()
    of = page(bad.url)
    with (
        serving(slowly(0.4)) as target,
        watching(of, controls=[control(target.url)], publish=broker.publish) as watch,
    ):
        watch.run(of)
        eventually(lambda: target.asked)
        watch.engine.stop(drain=5)
    assert {(o.system, o.verdict) for o in broker.outcomes} == {("cong_tinh", DOWN), ("_control", UP)}


def test_it_may_be_stopped_twice_and_before_it_has_started() -> None:
    with watching() as watch:
        watch.engine.stop()
        watch.engine.stop()
    Engine("van_phong", {}).stop()


def test_nothing_is_left_of_an_engine_that_has_stopped(good: Server) -> None:
    def left() -> tuple[int, int]:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    of = page(f"http://cong.invalid:{good.port}")

    def use() -> None:
        with watching(of, lookup=lambda _host: ["127.0.0.1"]) as watch:
            assert watch.ask(of).verdict is UP

    use()
    eventually(lambda: left()[1] <= before[1] if (before := left()) else False)
    before = left()
    for _ in range(10):
        use()
    assert eventually(lambda: left() == before, within=3)


def test_no_reply_outlives_its_try(good: Server) -> None:
    """Handles and timers are kept; what was read by them must not be: it may be a megabyte, or personal."""
    replies: list[weakref.ref[Reply]] = []

    def remember(reply: Reply) -> None:
        replies.append(weakref.ref(reply))

    url = f"http://cong.invalid:{good.port}"
    of = check(asking(*(Step(name, Request(url), (remember,)) for name in "abc")), timeout=30)
    with watching(of, lookup=lambda _host: ["127.0.0.1"]) as watch:
        assert watch.ask(of).verdict is UP
        eventually(lambda: gc.collect() >= 0 and not any(reply() for reply in replies))
        assert len(replies) == 3


# --- one question ---


def test_ask_once_keeps_every_exchange(good: Server) -> None:
    outcome = ask_once(page(f"{good.url}", path="/a?code=1"), location="may_tram")
    assert (outcome.verdict, outcome.location, outcome.try_) == (UP, "may_tram", 0)
    exchange = outcome.steps[0].exchange
    assert exchange is not None
    assert (exchange.request, exchange.status) == (f"GET {good.url}/a?code=***", 200)
    assert (exchange.length, exchange.address, exchange.body) == (2, "127.0.0.1", "")


def test_ask_once_shows_the_body_of_a_public_page_that_is_wrong() -> None:
    body = "<h1>Đang bảo trì</h1>" + "x" * 5000
    with serving(http(body, server="nginx", set_cookie="khong-cho-xem")) as server:
        seen = {
            public: ask_once(page(server.url, text_present=["Dịch vụ công"], public=public)) for public in (True, False)
        }
    shown, hidden = (seen[public].steps[0].exchange for public in (True, False))
    assert shown is not None and hidden is not None
    assert shown.body.startswith("<h1>Đang bảo trì</h1>")
    assert len(shown.body.encode()) <= 2048
    assert hidden.body == ""
    assert dict(shown.headers) == {"content-length": str(len(body.encode())), "server": "nginx"}
    assert shown.detail == "text “Dịch vụ công” is missing"


def test_ask_once_asks_the_controls(bad: Server) -> None:
    with nobody() as nowhere:
        assert ask_once(page(bad.url), [control(nowhere)]).reason is Reason.BLIND
    assert ask_once(page(bad.url)).reason is Reason.HTTP_5XX


def test_ask_once_says_why_there_was_no_reply() -> None:
    with nobody() as nowhere:
        outcome = ask_once(page(nowhere))
    exchange = outcome.steps[0].exchange
    assert exchange is not None
    assert (outcome.reason, exchange.status) == (Reason.CONNECT_REFUSED, 0)
    assert "Failed to connect" in exchange.error or "Could not connect" in exchange.error


# --- evidence ---


def test_failed_tries_that_say_something_new_bring_their_exchange_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first three of a row, each change of reason, and one in five minutes; good steps bring none."""
    answers = [http(status=503)] * 5 + [http(status=404)] * 2 + [http(status=503), http("ok"), http(status=503)]
    with serving(in_turn(*answers)) as server:
        of = page(server.url)
        with watching(of) as watch:
            shown = [bool(watch.ask(of).steps[0].exchange) for _ in range(9)]
            assert shown == [True, True, True, False, False, True, False, True, False]
            first = watch.ask(of)
            assert first.steps[0].exchange
            assert (first.steps[0].exchange.status, first.steps[0].exchange.detail) == (503, "HTTP 503")
            watch.ask(of)
            watch.ask(of)
            monkeypatch.setattr(engine_module, "EVIDENCE_EVERY", 0.0)
            assert watch.ask(of).steps[0].exchange
