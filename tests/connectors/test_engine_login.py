"""The engine and logins: one at a time, its token used as long as it lives, renewed once, and what its failure does."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors import engine as engine_module
from connectors.engine import _Tokens, ask_once
from connectors.igate import IGate, IGateCheck, IGateSystem
from monitor.model import Auth, Check, Outcome, Reason, State, Verdict
from tests.connectors.harness import (
    ENGINE_WARNS,
    Answer,
    Asked,
    Server,
    Watch,
    check,
    eventually,
    http,
    in_turn,
    page,
    serving,
    watching,
)

pytestmark = ENGINE_WARNS

UP, DOWN, INCONCLUSIVE = Verdict.UP, Verdict.DOWN, Verdict.INCONCLUSIVE
LIST = http({"content": []})


@pytest.fixture(autouse=True)
def _fast_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "FLUSH_EVERY", 0.02)
    monkeypatch.setattr(engine_module, "FLUSH_APART", 0.001)


class Province:
    """An iGate whose sso numbers its tokens t1, t2..., and whose gateway takes those that it is told to take."""

    def __init__(self) -> None:
        self.taken: Callable[[str], bool] = lambda _token: True
        self.expires_in: float | None = 300
        self.login: Callable[[Asked], Answer] = self.issue  # what the sso does
        self.read: Callable[[Asked], Answer] = lambda _asked: LIST  # what the gateway does for a token that it takes
        self.issued = 0
        self._lock = threading.Lock()
        self.server = Server(self._answer)

    def _answer(self, asked: Asked) -> Answer:
        if asked.path.endswith("/token"):
            return self.login(asked)
        if asked.path == "/":
            return http("<h1>Cổng</h1>")
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return self.read(asked) if self.taken(token) else http(status=401)

    def issue(self, _asked: Asked) -> bytes:
        with self._lock:
            self.issued += 1
            token = {"access_token": f"t{self.issued}", "expires_in": self.expires_in}
        return http(token)

    @property
    def asked(self) -> list[str]:
        """What came, in order: token, portal, or the call of the gateway with its token: search(t1)."""
        names = {"/": "portal", "/pa/dossier/search": "search", "/bd/procedure": "procedures"}
        found = []
        for one in self.server.asked:
            token = one.headers.get("authorization", "").removeprefix("Bearer ")
            found.append(names.get(one.path, "token") + (f"({token})" if token else ""))
        return found

    @property
    def logins(self) -> int:
        return self.asked.count("token")

    def check(self, name: str = "mot_cua", steps: str = "portal search procedures", **options: Any) -> Check:
        url = self.server.url
        system = IGateSystem(sso_url=url, gateway_url=url, portal_url=url, username="tai-khoan", password="mat-khau")
        return check(IGate(system, IGateCheck(steps=steps.split())), name, "igate", **options)


@pytest.fixture
def province() -> Iterator[Province]:
    it = Province()
    yield it
    it.server.close()


def slowly(seconds: float, answer: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    def wait_and_answer(asked: Asked) -> Answer:
        time.sleep(seconds)
        return answer(asked)

    return wait_and_answer


def seen(outcome: Outcome) -> list[tuple[str, str | None]]:
    """Each step's name and what became of it: its verdict, of a failed one the reason."""
    return [(s.name, s.reason or s.verdict) for s in outcome.steps]


# --- one login, and how long it lasts ---


def test_the_login_is_a_step_of_its_own(province: Province) -> None:
    of = province.check()
    with watching(of) as watch:
        outcome = watch.ask(of)
    assert province.asked == ["token", "portal", "search(t1)", "procedures(t1)"]
    assert seen(outcome) == [("token", UP), ("portal", UP), ("search", UP), ("procedures", UP)]
    assert all(step.seconds > 0 and step.status == 200 for step in outcome.steps)
    assert outcome.seconds == pytest.approx(sum(step.seconds for step in outcome.steps))


def test_a_second_run_uses_the_token_of_the_first(province: Province) -> None:
    of = province.check(steps="search")
    with watching(of) as watch:
        watch.ask(of)
        assert seen(watch.ask(of)) == [("search", UP)]
    assert province.asked == ["token", "search(t1)", "search(t1)"]


def test_all_checks_of_a_system_share_one_login_and_those_of_others_do_not(province: Province) -> None:
    province.login = slowly(0.2, province.issue)
    checks = [province.check(f"muc_{n}", "search") for n in range(8)]
    other = Check("igate_khac", "mot_cua", province.check(steps="search").connector, checks[0].settings)
    with watching(*checks, other) as watch:
        watch.run(*checks, other)
        outcomes = watch.wait(9)
    assert {o.verdict for o in outcomes} == {UP}
    assert province.logins == 2
    assert Counter(name for o in outcomes for name, _ in seen(o)) == {"search": 9, "token": 2}


def test_one_login_that_hangs_is_not_the_failure_of_three_tries_out_of_turn(province: Province) -> None:
    province.login = lambda asked: None if province.logins == 1 else province.issue(asked)
    of = province.check(steps="search", timeout=1.0, spacing=0.2)
    with watching(of) as watch:
        watch.submit(replace(watch.slot(of), asked=True))
        first, second = watch.wait(2)
    assert (first.try_, seen(first)) == (2, [("token", UP), ("search", UP)]), "it has logged in for itself"
    assert (second.try_, second.reason) == (0, Reason.READ_TIMEOUT)
    assert province.logins == 2


def test_who_waited_for_a_login_is_not_slow_for_it(province: Province) -> None:
    """What a check waited for another's login is in that one's time, not in its own."""
    province.login = slowly(0.4, province.issue)
    checks = [province.check(f"muc_{n}", "search", objective=0.3) for n in range(3)]
    with watching(*checks) as watch:
        watch.run(*checks)
        outcomes = watch.wait(3)
    assert Counter(o.verdict for o in outcomes) == {Verdict.DEGRADED: 1, UP: 2}
    (slow,) = (o for o in outcomes if o.verdict is Verdict.DEGRADED)
    assert seen(slow) == [("token", Reason.SLOW), ("search", UP)]


# (what the login says, for how many seconds its token is used)
LIFETIMES = [
    (None, 300.0),
    (3600.0, 3570.0),
    (300.0, 270.0),
    (61.0, 31.0),
    (60.0, 30.0),
    (40.0, 20.0),  # of less than a minute: half of it
    (10.0, 5.0),
    (0.0, 0.0),
    (-5.0, 0.0),
    (math.nan, 0.0),
]


@pytest.mark.parametrize(("expires_in", "used"), LIFETIMES)
def test_how_long_a_token_is_used(expires_in: float | None, used: float) -> None:
    tokens = _Tokens()
    assert not tokens.valid(1000.0)
    tokens.keep(Auth("t1", expires_in), 1000.0)
    assert tokens.valid(1000.0 + used * 0.999) is (used > 0)
    assert not tokens.valid(1000.0 + used)


def test_a_token_that_has_no_life_serves_its_run_and_no_other(province: Province) -> None:
    province.expires_in = 0
    of = province.check(steps="search procedures")
    with watching(of) as watch:
        assert watch.ask(of).verdict is UP
        assert watch.ask(of).verdict is UP
    assert province.asked == ["token", "search(t1)", "procedures(t1)", "token", "search(t2)", "procedures(t2)"]


def test_a_token_is_renewed_when_its_time_is_over(province: Province) -> None:
    province.expires_in = 0.6  # used for 0.3 s
    of = province.check(steps="search")
    with watching(of) as watch:
        watch.ask(of)
        watch.ask(of)
        assert province.asked == ["token", "search(t1)", "search(t1)"]
        eventually(lambda: watch.ask(of) and province.logins == 2)
        assert province.asked[-1] == "search(t2)"


# --- renewed once ---


def test_a_401_logs_in_once_more_and_sends_the_step_once_more(province: Province) -> None:
    province.taken = lambda token: token == "t2"
    of = province.check()
    with watching(of) as watch:
        outcome = watch.ask(of)
        assert watch.ask(of).verdict is UP
    assert outcome.verdict is UP
    assert seen(outcome) == [("token", UP), ("portal", UP), ("token", UP), ("search", UP), ("procedures", UP)]
    assert province.asked[:6] == ["token", "portal", "search(t1)", "token", "search(t2)", "procedures(t2)"]
    assert province.asked[6:] == ["portal", "search(t2)", "procedures(t2)"], "the new token is kept"


def test_a_401_in_the_middle_repeats_no_step_that_was_good(province: Province) -> None:
    revoked = in_turn(LIST, http(status=401), LIST)
    province.read = revoked
    of = province.check()
    with watching(of) as watch:
        outcome = watch.ask(of)
    assert outcome.verdict is UP
    assert province.asked == ["token", "portal", "search(t1)", "procedures(t1)", "token", "procedures(t2)"]


def test_a_second_401_is_auth_failed(province: Province) -> None:
    province.taken = lambda _token: False
    of = province.check()
    with watching(of) as watch:
        outcome = watch.ask(of)
    assert (outcome.verdict, outcome.reason, outcome.failed_step) == (DOWN, Reason.AUTH_FAILED, "search")
    assert province.asked == ["token", "portal", "search(t1)", "token", "search(t2)"]
    assert seen(outcome)[-2:] == [("search", Reason.AUTH_FAILED), ("procedures", None)]


def test_a_token_that_was_refused_is_not_used_again(province: Province) -> None:
    """Even where the lifetime that the sso named is not over: after a restart of the sso, say."""
    of = province.check(steps="search")
    with watching(of) as watch:
        watch.ask(of)
        province.taken = lambda token: token not in ("t1", "t2")
        assert watch.ask(of).reason is Reason.AUTH_FAILED
        assert watch.ask(of).verdict is UP
    assert province.asked == [
        *("token", "search(t1)"),
        *("search(t1)", "token", "search(t2)"),
        *("search(t2)", "token", "search(t3)"),
    ]


def test_when_many_get_a_401_at_once_one_login_serves_them_all(province: Province) -> None:
    checks = [province.check(f"muc_{n}", "search") for n in range(6)]
    with watching(*checks) as watch:
        watch.ask(checks[0])
        province.taken = lambda token: token == "t2"
        province.login = slowly(0.1, province.issue)
        watch.run(*checks)
        outcomes = watch.wait(7)[1:]
    assert {o.verdict for o in outcomes} == {UP}
    assert province.logins == 2
    assert Counter(name for o in outcomes for name, _ in seen(o)) == {"search": 6, "token": 1}


def test_a_401_that_comes_after_the_renewal_drops_no_new_token(province: Province) -> None:
    """Two runs use t1; the slower one hears of its end when the other has t2 already."""
    early, late = province.check("som", "search"), province.check("muon", "procedures")
    renewed = threading.Event()

    def read(asked: Asked) -> Answer:
        if asked.headers["authorization"] == "Bearer t1":
            if asked.path == "/bd/procedure":
                renewed.wait(5)
            return http(status=401)
        renewed.set()
        return LIST

    with watching(early, late) as watch:
        watch.ask(early)
        province.read = read
        watch.run(early, late)
        outcomes = watch.wait(3)[1:]
    assert [(o.check, o.verdict) for o in outcomes] == [("som", UP), ("muon", UP)]
    assert sorted(province.asked[2:]) == [
        *("procedures(t1)", "procedures(t2)", "search(t1)", "search(t2)", "token"),
    ]


def test_a_403_asks_for_no_login(province: Province) -> None:
    province.read = lambda _asked: http(status=403)
    of = province.check(steps="search")
    with watching(of) as watch:
        assert watch.ask(of).reason is Reason.AUTH_FAILED
    assert province.asked == ["token", "search(t1)"]


def test_a_401_where_there_is_no_login_is_auth_failed() -> None:
    with serving(http(status=401)) as server:
        connector = IGate(IGateSystem(gateway_url=server.url, login=False), IGateCheck(steps=["search"]))
        of = check(connector)
        with watching(of) as watch:
            outcome = watch.ask(of)
    assert (outcome.verdict, outcome.reason) == (DOWN, Reason.AUTH_FAILED)
    assert len(server.asked) == 1


def test_a_login_that_fails_the_second_time_fails_the_try(province: Province) -> None:
    province.taken = lambda _token: False
    first_good = in_turn(http({"access_token": "t1"}), http({"error": "invalid_grant"}, 401))
    province.login = first_good
    of = province.check()
    with watching(of) as watch:
        outcome = watch.ask(of)
    assert outcome.reason is Reason.AUTH_FAILED
    assert seen(outcome) == [
        ("token", UP),
        ("portal", UP),
        ("token", Reason.AUTH_FAILED),
        ("search", None),
        ("procedures", None),
    ]


# --- a login that fails ---


def test_a_login_that_fails_fails_every_run_that_waited_for_it_and_skips_their_steps(province: Province) -> None:
    province.login = slowly(0.2, lambda _asked: http(status=503))
    checks = [province.check(f"muc_{n}") for n in range(5)]
    with watching(*checks) as watch:
        watch.run(*checks, state=State.DOWN)
        outcomes = watch.wait(5)
    assert {o.check for o in outcomes} == {f"muc_{n}" for n in range(5)}
    for outcome in outcomes:
        assert (outcome.verdict, outcome.reason, outcome.failed_step) == (DOWN, Reason.HTTP_5XX, "token")
        assert seen(outcome) == [
            ("token", Reason.HTTP_5XX),
            ("portal", None),
            ("search", None),
            ("procedures", None),
        ]
        assert outcome.steps[0].status == 503
    assert province.asked == ["token"]


def test_after_a_login_that_failed_the_next_run_tries_anew(province: Province) -> None:
    refused_once = in_turn(http(status=503), http({"access_token": "t1"}))
    province.login = refused_once
    of = province.check(steps="search")
    with watching(of) as watch:
        assert watch.ask(of).reason is Reason.HTTP_5XX
        assert watch.ask(of).verdict is UP
    assert province.asked == ["token", "token", "search(t1)"]


def test_each_recheck_logs_in_anew_while_logins_fail(province: Province) -> None:
    province.login = lambda _asked: http(status=503)
    of = province.check(steps="search", spacing=0.05)
    with watching(of) as watch:
        watch.run(of)
        assert [seen(o)[0] for o in watch.wait(3)] == [("token", Reason.HTTP_5XX)] * 3
        assert watch.is_idle(of, State.DOWN)
    assert province.asked == ["token"] * 4


def test_a_login_that_is_asked_too_often_is_inconclusive(province: Province) -> None:
    province.login = lambda _asked: http(status=429)
    of = province.check()
    with watching(of) as watch:
        assert (watch.ask(of).verdict, watch.ask(of).reason) == (INCONCLUSIVE, Reason.RATE_LIMITED)


def test_a_login_that_hangs_ends_at_its_runs_deadline(province: Province) -> None:
    province.login = lambda _asked: None
    of = province.check(timeout=0.4)
    with watching(of) as watch:
        outcome = watch.ask(of)
    assert (outcome.reason, outcome.failed_step) == (Reason.READ_TIMEOUT, "token")
    assert 0.35 < outcome.seconds < 0.9


def waiting_for(
    watch: Watch, province: Province, owner: Check, waiter: Check, owner_is: State = State.DOWN
) -> list[Outcome]:
    """The outcomes of both, in the order in which they came; the owner's login was under way when the waiter began."""
    watch.run(owner, state=owner_is)
    eventually(lambda: province.logins == 1)
    watch.run(waiter, state=State.DOWN)
    return watch.wait(2)


def test_who_waits_for_a_login_waits_no_longer_than_its_own_deadline(province: Province) -> None:
    province.login = lambda _asked: None
    owner, waiter = province.check("lau", timeout=1.5), province.check("ngan", timeout=0.3)
    with watching(owner, waiter) as watch:
        first, second = waiting_for(watch, province, owner, waiter)
    assert (first.check, first.reason, first.failed_step) == ("ngan", Reason.READ_TIMEOUT, "token")
    assert seen(first) == [("token", Reason.READ_TIMEOUT), ("portal", None), ("search", None), ("procedures", None)]
    assert 0.28 < first.seconds < 0.8
    assert (second.check, second.reason) == ("lau", Reason.READ_TIMEOUT)
    assert province.asked == ["token"]


def test_a_waiter_that_gave_up_is_not_taken_up_when_the_login_ends_well(province: Province) -> None:
    province.login = slowly(0.6, province.issue)
    owner, waiter = province.check("lau", "search"), province.check("ngan", "search", timeout=0.3)
    with watching(owner, waiter) as watch:
        first, second = waiting_for(watch, province, owner, waiter, owner_is=State.UP)
        assert (first.check, first.verdict, second.check, second.verdict) == ("ngan", DOWN, "lau", UP)
        assert watch.is_idle(waiter), "and its next run uses the token"
    assert province.asked == ["token", "search(t1)", "search(t1)"]


def test_what_a_waiter_has_left_after_the_login_is_all_it_has(province: Province) -> None:
    """One deadline for the whole try, the wait for another's login included."""
    province.login = slowly(0.4, province.issue)
    province.read = lambda _asked: None
    owner, waiter = province.check("lau", "search", timeout=1.2), province.check("ngan", "search", timeout=0.8)
    began = time.monotonic()
    with watching(owner, waiter) as watch:
        first, _ = waiting_for(watch, province, owner, waiter)
        took = watch.published_at[0] - began
    assert (first.check, first.reason, first.failed_step) == ("ngan", Reason.READ_TIMEOUT, "search")
    assert 0.7 < took < 1.3


def test_a_bug_in_a_login_leaves_nobody_waiting(province: Province, monkeypatch: pytest.MonkeyPatch) -> None:
    province.login = slowly(0.2, province.issue)
    owner, waiter = province.check("chu", "search"), province.check("cho", "search")

    def broken(_tokens: _Tokens, _auth: Auth, _now: float) -> None:
        raise ZeroDivisionError

    with watching(owner, waiter) as watch:
        with monkeypatch.context() as patch:
            patch.setattr(_Tokens, "keep", broken)
            outcomes = waiting_for(watch, province, owner, waiter)
        assert {(o.verdict, o.reason) for o in outcomes} == {(INCONCLUSIVE, Reason.PROBE_ERROR)}
        assert watch.ask(owner).verdict is UP
        assert watch.ask(waiter).verdict is UP


# --- where secrets go ---


def test_a_token_goes_to_its_own_system_and_nowhere_else(province: Province) -> None:
    """Handles are used again: what was set for one request must not go with the next one."""
    with serving(http("<h1>Cổng khác</h1>")) as other:
        igate, elsewhere = province.check(), page(other.url)
        with watching(igate, elsewhere) as watch:
            for _ in range(3):
                assert watch.ask(igate).verdict is UP
                assert watch.ask(elsewhere).verdict is UP
    assert len(other.asked) == 3
    assert all(not {"authorization", "content-type", "cookie"} & set(asked.headers) for asked in other.asked)
    assert all(asked.body == b"" for asked in other.asked)
    portal = [asked for asked in province.server.asked if asked.path == "/"]
    assert len(portal) == 3
    assert all("authorization" not in asked.headers for asked in portal)


def test_ask_once_logs_in_for_itself(province: Province) -> None:
    of = province.check(steps="search")
    assert [seen(ask_once(of)), seen(ask_once(of))] == [[("token", UP), ("search", UP)]] * 2
    assert province.asked == ["token", "search(t1)", "token", "search(t2)"]
