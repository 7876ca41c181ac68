"""The dossiers of a year: figures as reported, the same everywhere, a working year's rhythm, and bait."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from connectors.sandbox.dossiers import (
    AGENCIES,
    OVERDUE,
    PERSONAL_MARKERS,
    PROCEDURES,
    PROCESSING,
    REPORTED,
    RETURNED,
    SUBMITTED,
    WAITING,
    ZONE,
    Flow,
    days_off,
    is_working_day,
    tet,
)


def local(instant: float) -> datetime:
    return datetime.fromtimestamp(instant, ZONE)


def fingerprint(flow: Flow) -> str:
    arrays = (flow.applied, flow.accepted, flow.due, flow.completed, flow.online, flow.procedure, flow.outcome)
    return hashlib.sha256(repr([array.tolist() for array in arrays]).encode()).hexdigest()


def test_the_report_s_figures_satisfy_the_form() -> None:
    assert (REPORTED.received, REPORTED.resolved, REPORTED.pending) == (84_859, 83_741, 1_118)
    assert REPORTED.received == REPORTED.resolved + REPORTED.pending


@pytest.mark.parametrize(("year", "seed"), [(2024, 7), (2035, 84859)])
def test_a_year_adds_up_to_the_reported_figures(year: int, seed: int) -> None:
    flow = Flow(year, seed)
    assert len(flow) == 84_859
    assert flow.totals(flow.start, flow.end) == REPORTED


def test_the_figures_are_those_of_a_plain_count(flow: Flow) -> None:
    start, end = datetime(2025, 3, 15, tzinfo=ZONE).timestamp(), datetime(2025, 4, 15, tzinfo=ZONE).timestamp()
    totals = flow.totals(start, end)
    everyone = range(len(flow))
    accepted = [number for number in everyone if start <= flow.accepted[number] < end]
    assert totals.new_online == sum(flow.online[number] for number in accepted)
    assert totals.new_direct == len(accepted) - totals.new_online
    assert totals.carried_over == sum(flow.accepted[it] < start <= flow.completed[it] for it in everyone)
    assert totals.pending == sum(flow.accepted[it] < end <= flow.completed[it] for it in everyone)
    done = [number for number in everyone if start <= flow.completed[number] < end]
    due_days = {number: local(flow.due[number]).date() for number in done}
    assert totals.resolved_overdue == sum(flow.completed[it] > flow.due[it] for it in done)
    assert totals.resolved_early == sum(local(flow.completed[it]).date() < due_days[it] for it in done)


def test_the_form_s_identities_hold_in_any_period_and_agencies_sum_up(flow: Flow) -> None:
    edges = [flow.start + day * 86_400 for day in (0, 13, 45, 46, 200, 364)]
    for start, end in pairwise(edges):
        totals = flow.totals(start, end)
        assert totals.received == totals.resolved + totals.pending
        assert flow.totals(end, end + 1).carried_over == totals.pending
        assert sum(flow.totals(start, end, (agency,)).received for agency in range(len(AGENCIES))) == totals.received


def test_the_same_seed_gives_the_same_dossiers_on_every_machine(flow: Flow) -> None:
    assert fingerprint(flow) == "5e7912604732a69d5ba8c7d3cccd918d54c24902484e96ea76fd9ef4665ffe33"
    assert fingerprint(Flow(2025, 2)) != fingerprint(flow)


def test_a_dossier_goes_one_way(flow: Flow) -> None:
    off = days_off(2024) | days_off(2025) | days_off(2026)
    for number in range(len(flow)):
        applied, accepted, completed = flow.applied[number], flow.accepted[number], flow.completed[number]
        assert applied <= accepted < completed
        assert applied == accepted or flow.online[number]
        assert (completed > flow.due[number]) == (flow.outcome[number] == OVERDUE)
    for number in range(0, len(flow), 17):
        for instant in (flow.accepted[number], flow.completed[number]):
            at = local(instant)
            assert is_working_day(at.date(), off)
            assert at.hour in (7, 8, 9, 10, 13, 14, 15, 16) or (at.hour, at.minute) in ((11, 0), (17, 0))


def test_dossiers_come_as_in_a_working_year(flow: Flow) -> None:
    new = range(REPORTED.carried_over, len(flow))
    per_day = Counter(local(flow.applied[number]).date() for number in new)
    at_desk = Counter(local(flow.applied[number]).weekday() for number in new if not flow.online[number])
    online = Counter(local(flow.applied[number]).weekday() for number in new if flow.online[number])
    hours = Counter(local(flow.applied[number]).hour for number in new if flow.online[number])

    assert at_desk[5] == at_desk[6] == 0
    assert 0 < online[5] + online[6] < 0.15 * online.total()
    assert 0 < hours[19] + hours[20] + hours[21] < hours[8]

    def mean(first: date, days: int) -> float:
        return sum(per_day[first + timedelta(days=day)] for day in range(days)) / days

    assert mean(tet(2025), 3) < 0.2 * mean(date(2025, 3, 10), 5)
    assert mean(tet(2025) + timedelta(days=5), 5) < 0.8 * mean(date(2025, 3, 10), 5)
    assert mean(date(2025, 7, 1), 4) > 1.1 * mean(date(2025, 7, 15), 4)


def test_the_calendar_of_2026_is_the_announced_one() -> None:
    off = days_off(2026)
    tet_2026 = {date(2026, 2, day) for day in range(16, 21)}
    assert tet_2026 | {date(2026, 4, 27), date(2026, 4, 30), date(2026, 5, 1), date(2026, 11, 24)} <= off
    assert {date(2026, 8, 31), date(2026, 9, 1), date(2026, 9, 2), date(2026, 1, 2)} <= off
    assert is_working_day(date(2026, 8, 22), off)
    assert not is_working_day(date(2026, 8, 29), off)
    assert is_working_day(date(2026, 9, 3), off)


def test_what_lies_in_the_future_is_not_there_yet(flow: Flow) -> None:
    number = next(it for it in range(40_000, len(flow)) if flow.accepted[it] > flow.applied[it] + 600)
    applied, accepted, completed = flow.applied[number], flow.accepted[number], flow.completed[number]
    assert flow.count(applied - 1) <= number < flow.count(applied)
    assert [flow.status(number, now) for now in (applied, accepted, completed)] == [SUBMITTED, PROCESSING, RETURNED]
    assert [flow.updated(number, now) for now in (applied, accepted, completed)] == [applied, accepted, completed]
    waiting = flow.dossier(number, applied)
    assert waiting["acceptedDate"] is waiting["dueDate"] is waiting["completedDate"] is None


def test_some_wait_in_between_for_a_supplement(flow: Flow) -> None:
    asked = {number: spans for number in range(len(flow)) if (spans := flow.supplement(number))}
    assert 0.01 * len(flow) < len(asked) < 0.05 * len(flow)
    for number, (start, end) in list(asked.items())[::41]:
        assert flow.accepted[number] < start < end < flow.completed[number]
        shown = [(flow.status(number, now), flow.updated(number, now)) for now in (start - 1, start, end - 1, end)]
        first = flow.accepted[number]
        assert shown == [(PROCESSING, first), (WAITING, start), (WAITING, start), (PROCESSING, end)]
        assert flow.dossier(number, start)["dossierStatus"] == {"id": 1, "name": "Yêu cầu bổ sung giấy tờ"}


@pytest.mark.parametrize("day", [0, 40, 170, 363, 500])
def test_latest_first_is_everyone_in_order_of_change(flow: Flow, day: int) -> None:
    now = flow.start + day * 86_400 + 15 * 3600 + 0.5
    found = list(flow.latest_first(now))
    assert sorted(found) == list(range(flow.count(now)))
    changes = [flow.updated(number, now) for number in found]
    assert changes == sorted(changes, reverse=True)


def test_a_dossier_has_igate_s_shape(flow: Flow) -> None:
    number = 50_000
    shown = flow.dossier(number, flow.end)
    day = f"{local(flow.applied[number]):%y%m%d}"
    assert shown["code"].startswith(f"{AGENCIES[flow.agency(number)].code}-{day}-")
    assert shown["dossierStatus"] == {"id": 4, "name": "Đã trả kết quả"}
    assert shown["applyMethod"]["name"] in ("Trực tuyến", "Trực tiếp")
    assert datetime.strptime(shown["appliedDate"], "%Y-%m-%dT%H:%M:%S.000%z").timestamp() == flow.applied[number]
    assert shown["appliedDate"].endswith("+0700")
    assert len(shown["id"]) == 24


def test_codes_are_unique_and_lead_back(flow: Flow) -> None:
    codes = [flow.code(number) for number in range(len(flow))]
    assert len(set(codes)) == len(codes)
    assert all(flow.find(codes[number]) == number for number in range(0, len(flow), 97))
    assert flow.find(codes[5].replace("-0", "-9", 1)) is None
    assert flow.find("không phải mã") is None


def test_every_dossier_is_bait_and_nothing_else_looks_like_it(flow: Flow) -> None:
    for number in range(0, len(flow), 211):
        shown = flow.dossier(number, flow.end)
        text = json.dumps(shown, ensure_ascii=False)
        assert [marker for marker in PERSONAL_MARKERS if marker not in text] == []
        for personal in ("applicant", "eForm", "task", "currentTask", "dossierFormFile"):
            del shown[personal]
        text = json.dumps(shown, ensure_ascii=False)
        assert [marker for marker in PERSONAL_MARKERS if marker in text] == []
    assert len({flow.dossier(number, flow.end)["id"] for number in range(0, len(flow), 41)}) == -(-len(flow) // 41)
    assert len({procedure.id for procedure in PROCEDURES} | {agency.id for agency in AGENCIES}) == 34
