"""Lines of systems out of the lines of their checks, and where everything stands now."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.availability import seconds
from monitor.catalogue import Catalogue
from monitor.judge import Boundary, Line, Try, fold
from monitor.model import Reason, State, verdict_of
from monitor.status import DAY, Key, SystemStatus, Timelines, alive, lifetime, overview
from tests.monitor.province import MIDNIGHT, NOW, load

SEARCH, LOGIN, FORMS = (("igate", check, "office") for check in ("search", "login", "forms"))
HOME, BRANCH = ("portal", "home", "office"), ("portal", "home", "branch")

Told = dict[Key, tuple[Line, list[Boundary]]]


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return load(tmp_path)


def tries(catalogue: Catalogue, key: Key, *told: tuple[float, Reason | None], every: float | None = None) -> Told:
    """The line of (seconds before now, reason) tries; with `every`, the last of them goes on at that pace until now."""
    settings = catalogue.settings(*key[:2])
    assert settings is not None
    ages = [(age, reason) for age, reason in told]
    if every:
        age, reason = ages[-1]
        ages += [(age - n * every, reason) for n in range(1, int(age / every) + 1)]
    starts = [(round((NOW - age) * 1000), reason) for age, reason in ages]
    judged = [Try(at, at, 1, verdict_of(reason), reason, reason and "request", 250_000) for at, reason in starts]
    line, boundaries = fold(judged, lambda _: settings)
    return {key: (line, boundaries)}


def seen(catalogue: Catalogue, told: Told, now: float = NOW) -> dict[str, SystemStatus]:
    """The overview, from the last day's boundaries as the store gives them: with the last one before."""
    start = int(now) - DAY
    cut = {key: [b for b in bs if b.at > start] for key, (_, bs) in told.items()}
    before = {key: [b for b in bs if b.at <= start][-1:] for key, (_, bs) in told.items()}
    boundaries = {key: before[key] + cut[key] for key in told}
    lines = {key: line for key, (line, _) in told.items()}
    return {status.system: status for status in overview(catalogue, boundaries, lines, now)}


def test_before_the_first_try_nothing_is_known(catalogue: Catalogue) -> None:
    igate = seen(catalogue, {})["igate"]
    assert (igate.state, igate.since, igate.step, igate.reason, igate.last_at, igate.seconds) == (
        State.NO_DATA, None, None, None, None, None,
    )  # fmt: skip
    assert [(c.check, c.critical, c.state, c.since) for c in igate.checks] == [
        ("search", True, State.NO_DATA, None),
        ("login", True, State.NO_DATA, None),
        ("forms", False, State.NO_DATA, None),
    ]


def test_names_are_those_for_people(catalogue: Catalogue) -> None:
    igate = seen(catalogue, {})["igate"]
    assert (igate.name, igate.party) == ("Một cửa điện tử", "Nhà thầu")


def test_a_system_is_up_since_the_first_good_try_of_the_check_that_came_last(catalogue: Catalogue) -> None:
    told = tries(catalogue, SEARCH, (300, None), every=60) | tries(catalogue, LOGIN, (110.5, None), every=60)
    igate = seen(catalogue, told)["igate"]
    assert (igate.state, igate.since, igate.step, igate.reason) == (State.UP, NOW - 111, None, None)
    assert [check.since for check in igate.checks] == [NOW - 300, NOW - 111, None]


def test_the_latest_try_is_that_of_the_check_asked_last(catalogue: Catalogue) -> None:
    told = tries(catalogue, SEARCH, (300, None), every=60) | tries(catalogue, LOGIN, (50.25, None))
    igate = seen(catalogue, told)["igate"]
    assert igate.last_at == NOW
    assert igate.seconds == 0.25
    assert [check.last_at for check in igate.checks] == [NOW, NOW - 50.25, None]


def test_critical_silence_is_not_up(catalogue: Catalogue) -> None:
    told = tries(catalogue, SEARCH, (300, None), every=60)  # nothing from login
    assert seen(catalogue, told)["igate"].state is State.NO_DATA


def test_down_says_which_step_why_and_since_the_first_failure(catalogue: Catalogue) -> None:
    told = tries(catalogue, SEARCH, (300, None), (124, Reason.HTTP_5XX), (122, Reason.READ_TIMEOUT), every=60)
    told |= tries(catalogue, LOGIN, (300, None), every=60)
    igate = seen(catalogue, told)["igate"]
    assert (igate.state, igate.since) == (State.DOWN, NOW - 124)
    assert (igate.step, igate.reason) == ("request", Reason.HTTP_5XX)
    assert igate.checks[0].state is State.DOWN
    assert igate.checks[1].state is State.UP


def test_a_doubt_changes_nothing(catalogue: Catalogue) -> None:
    told = tries(catalogue, SEARCH, (120, None), (60, Reason.HTTP_5XX), (58, Reason.HTTP_5XX))
    told |= tries(catalogue, LOGIN, (300, None), every=60)
    assert seen(catalogue, told)["igate"].state is State.UP


def test_what_is_not_critical_makes_degraded_at_most(catalogue: Catalogue) -> None:
    told = tries(catalogue, SEARCH, (300, None), every=60) | tries(catalogue, LOGIN, (300, None), every=60)
    told |= tries(catalogue, FORMS, (240, Reason.HTTP_4XX), (238, Reason.HTTP_4XX), (236, Reason.HTTP_4XX), every=60)
    igate = seen(catalogue, told)["igate"]
    assert (igate.state, igate.since, igate.step, igate.reason) == (
        State.DEGRADED, NOW - 240, "request", Reason.HTTP_4XX,
    )  # fmt: skip
    assert igate.checks[2].state is State.DOWN


@pytest.mark.parametrize(
    ("key", "reason", "state"),
    [(SEARCH, Reason.HTTP_5XX, State.DOWN), (SEARCH, None, State.UP), (FORMS, Reason.HTTP_5XX, State.DEGRADED)],
)
def test_what_began_more_than_a_day_ago_keeps_its_beginning(
    catalogue: Catalogue, key: Key, reason: Reason | None, state: State
) -> None:
    begin = DAY + 7200
    told = tries(catalogue, key, (begin, reason), every=60)
    for other in {SEARCH, LOGIN, FORMS} - {key}:
        told |= tries(catalogue, other, (begin + 3600, None), every=60)
    igate = seen(catalogue, told)["igate"]
    assert igate.state is state
    assert igate.since == NOW - begin
    later = seen(catalogue, told, NOW + 30)["igate"]
    assert later.since == igate.since, "it must not move on with the clock"


def test_silence_is_no_data_since_the_hold_ended(catalogue: Catalogue) -> None:
    told = tries(catalogue, SEARCH, (1000, None)) | tries(catalogue, LOGIN, (990, None))
    igate = seen(catalogue, told)["igate"]
    assert (igate.state, igate.since) == (State.NO_DATA, NOW - 1000 + 130)
    assert igate.last_at == NOW - 990


def test_one_of_two_locations_is_no_majority(catalogue: Catalogue) -> None:
    fails = tries(catalogue, HOME, (124, Reason.HTTP_5XX), (122, Reason.HTTP_5XX), (120, Reason.HTTP_5XX), every=60)
    told = fails | tries(catalogue, BRANCH, (130, None), every=60)
    assert seen(catalogue, told)["portal"].state is State.UP
    alone = seen(catalogue, fails)["portal"]
    assert (alone.state, alone.since, alone.reason) == (State.DOWN, NOW - 124, Reason.HTTP_5XX)


def test_only_systems_that_live_are_shown(catalogue: Catalogue) -> None:
    assert list(seen(catalogue, {}, NOW)) == ["igate", "portal"]
    assert list(seen(catalogue, {}, MIDNIGHT - 1)) == ["igate", "portal", "retired"]
    assert list(seen(catalogue, {}, MIDNIGHT + DAY)) == ["igate", "portal", "coming"]


@pytest.mark.parametrize(
    ("system", "second", "lives"),
    [
        ("retired", MIDNIGHT - 1, True),
        ("retired", MIDNIGHT, False),
        ("coming", MIDNIGHT + DAY - 1, False),
        ("coming", MIDNIGHT + DAY, True),
        ("igate", 0, True),
    ],
)
def test_life_begins_and_ends_at_midnight_in_the_province(
    catalogue: Catalogue, system: str, second: int, lives: bool
) -> None:
    assert alive(catalogue, system, second + 0.5) is lives


def test_a_period_is_cut_to_a_systems_life(catalogue: Catalogue) -> None:
    assert lifetime(catalogue, "retired", MIDNIGHT - 100, MIDNIGHT + 100) == (MIDNIGHT - 100, MIDNIGHT)
    assert lifetime(catalogue, "coming", MIDNIGHT, MIDNIGHT + 100) == (MIDNIGHT + DAY, MIDNIGHT + DAY)
    assert lifetime(catalogue, "igate", 5, 9) == (5, 9)


def test_the_seconds_of_a_system_are_those_of_its_life(catalogue: Catalogue) -> None:
    key = ("retired", "home", "office")
    ((_, (line, boundaries)),) = tries(catalogue, key, (NOW - MIDNIGHT + 200, None), every=60).items()
    lines_of = Timelines(catalogue, {key: boundaries}, {key: line}, MIDNIGHT - 300, NOW)
    counted = seconds(lines_of.system("retired"))
    assert (counted[State.UP], counted[State.NO_DATA], sum(counted.values())) == (200, 100, 300)
    assert lines_of.system("coming") == []
