"""Dossiers are collected from the simulated province over real sockets; nothing personal ever reaches the disk."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import connectors
from connectors.igate import IGateSystem
from connectors.igate_dossiers import DossierSearch, Page
from connectors.igate_fields import status_of
from connectors.sandbox import PERSONAL_MARKERS, Sandbox, spawn
from connectors.sandbox.dossiers import PROCEDURES, REPORTED, Flow
from monitor import catalogue as catalogues
from monitor import collection
from monitor import dossiers as counting
from monitor.catalogue import Catalogue
from monitor.collection import Client, CollectionError, Summary
from monitor.dossiers import By, Channel, Dossier, Source, Status, form_of, violations
from monitor.jobs import Stopped
from monitor.model import Auth, Reply, Request, Step
from monitor.store import Store
from monitor.store.dossiers import Progress
from monitor.wiring import example_catalogue
from tests.monitor.province import store_in

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
YEAR = 2025
RATE = 500  # the sandbox is ours


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with spawn(year=YEAR, seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    yield running
    running.clear()


@pytest.fixture
def province(running: Sandbox) -> Catalogue:
    return catalogues.load(example_catalogue(), connectors.CONNECTORS, {**os.environ, **running.environment})


@pytest.fixture
def client(sandbox: Sandbox, province: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    with collection.client_of(province, "igate", RATE) as client:
        yield client


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path) as store:
        yield store


@cache
def _flow() -> Flow:
    return Flow(YEAR, 1)


@pytest.fixture
def flow() -> Flow:
    return _flow()


def at(day: date) -> int:
    return int(datetime.combine(day, datetime.min.time(), ZONE).timestamp())


DECEMBER = at(date(YEAR, 12, 1))


def collect(store: Store, client: Client, province: Catalogue, since: int | None = DECEMBER, stop: int = 0) -> Summary:
    pages = 0

    def progress(_: Summary) -> None:
        nonlocal pages
        pages += 1
        if pages == stop:
            raise KeyboardInterrupt

    search = collection.search_of(province, "igate")
    return collection.collect(store, client, search, "igate", ZONE, since=since, progress=progress)


def test_a_month_is_collected_and_counted_as_it_was(
    store: Store, client: Client, province: Catalogue, flow: Flow
) -> None:
    done = collect(store, client, province)
    # What was changed since: all that was accepted in December or open at its beginning.
    assert done.bad == []
    assert done.listed == len(flow)
    end = at(date(YEAR + 1, 1, 1))
    book = store.dossiers
    form = form_of(book.counts(DECEMBER, end), date(YEAR, 12, 1), date(YEAR + 1, 1, 1), book.units(), book.names())
    expected = flow.totals(DECEMBER, end)
    assert form.sum.received == expected.received <= done.kept < expected.received + 500  # the last page is whole
    for column in ("carried_over", "new_online", "new_direct", "resolved_early", "resolved_on_time", "pending_in_time"):
        assert getattr(form.sum, column) == getattr(expected, column)
    assert violations(form) == []
    statistics = collection.statistics(
        client, collection.search_of(province, "igate"), date(YEAR, 12, 1), date(YEAR + 1, 1, 1), ZONE
    )
    assert {r.code: r.counts for r in form.rows} == {r.code: r.counts for r in statistics.rows}
    by_procedure = form_of(book.counts(DECEMBER, end), form.start, form.end, book.units(), book.names(), By.PROCEDURE)
    assert by_procedure.sum == form.sum
    by_sector = form_of(book.counts(DECEMBER, end), form.start, form.end, book.units(), book.names(), By.SECTOR)
    assert {row.name for row in by_sector.rows} <= {procedure.sector for procedure in PROCEDURES}
    assert all("mô phỏng" in row.name for row in by_procedure.rows)


@pytest.fixture
def quick(province: Catalogue) -> Catalogue:
    return replace(province, dossiers=province.dossiers.model_copy(update={"rate": RATE}))


def test_a_job_collects_as_the_catalogue_says(store: Store, client: Client, quick: Catalogue) -> None:
    collect(store, client, quick, since=at(date(YEAR, 12, 28)))
    began = int(time.time())
    collection.by_calendar(store, quick, "igate", threading.Event())
    assert (store.dossiers.collected_until() or 0) >= began
    assert store.meta()[collection.SIMULATED_META] == "yes"
    over = replace(quick, systems={"igate": quick.systems["igate"].model_copy(update={"valid_to": date(2020, 1, 1)})})
    before = store.dossiers.progress("igate")
    collection.by_calendar(store, over, "igate", threading.Event())
    assert store.dossiers.progress("igate") == before


def test_statistics_in_the_place_of_dossiers_grow_with_their_month(store: Store, quick: Catalogue, flow: Flow) -> None:
    counted = replace(quick, dossiers=quick.dossiers.model_copy(update={"source": "statistics"}))
    march, april, may = (date(YEAR, month, 1) for month in (3, 4, 5))

    def collect_at(now: int) -> None:
        collection.by_calendar(store, counted, "igate", threading.Event(), lambda: now)

    for days in (0, 3):
        collect_at(at(april) + days * 86_400)
    forms = [(kept.form.start, kept.version, kept.made_at - at(april)) for kept in store.dossiers.forms()]
    assert forms == [(march, 1, 0), (april, 1, 3 * 86_400)]  # March was complete with the first
    collect_at(at(may))
    kept = store.dossiers.form(april, may, Source.STATISTICS)
    assert kept is not None
    assert (kept.version, kept.made_at, kept.violations) == (1, at(may), ())
    assert kept.form.sum.received == flow.totals(at(april), at(may)).received
    assert store.dossiers.number() == 0


def test_requests_for_a_supplement_are_read_off_what_changes_between_two_collections(store: Store, flow: Flow) -> None:
    """Two provinces that differ in nothing but the hour: what the second one shows has happened meanwhile."""
    start = at(date(YEAR, 3, 11)) + 9 * 3600
    instants = [start, start + 10 * 3600, start + 4 * 86_400]
    for instant in instants:
        with spawn(year=YEAR, seed=1, ahead=instant - time.time()) as there:
            env = {**os.environ, **there.environment}
            province = catalogues.load(example_catalogue(), connectors.CONNECTORS, env)
            with collection.client_of(province, "igate", RATE) as client:
                search = collection.search_of(province, "igate")
                collection.collect(store, client, search, "igate", ZONE, since=at(date(YEAR, 2, 1)))
    # Seen are those that waited when a collection looked; some came and went in between.
    waiting = {
        flow.code(number): spans[0]
        for number in range(flow.count(instants[-1]))
        if (spans := flow.supplement(number)) and any(spans[0] <= seen < spans[1] for seen in instants)
    }
    found = store.dossiers.supplements(at(date(YEAR, 1, 1)), instants[-1])
    assert len(waiting) > 20
    assert set(found) == {code for code, asked in waiting.items() if asked >= at(date(YEAR, 2, 1))}
    during = [code for code, asked in waiting.items() if instants[0] <= asked < instants[1]]
    assert set(store.dossiers.supplements(instants[0], instants[1])) == set(during) != set()
    (special,) = [one for one in store.dossiers.special(at(date(YEAR, 3, 1)), instants[-1]) if one.supplements][:1]
    number = next(n for n in range(len(flow)) if flow.accepted[n] == special.accepted and flow.supplement(n))
    asked = flow.supplement(number)
    assert asked is not None
    assert special.supplements[0].requested == asked[0]


def test_the_statistics_of_a_year_are_those_of_the_report(client: Client, province: Catalogue) -> None:
    search = collection.search_of(province, "igate")
    form = collection.statistics(client, search, date(YEAR, 1, 1), date(YEAR + 1, 1, 1), ZONE)
    assert (form.source, form.sum.received, form.sum.resolved) == (
        Source.STATISTICS,
        REPORTED.received,
        REPORTED.resolved,
    )
    assert violations(form) == []


def test_no_field_of_a_person_reaches_the_disk(
    store: Store, client: Client, province: Catalogue, tmp_path: Path, sandbox: Sandbox
) -> None:
    collect(store, client, province, since=at(date(YEAR, 12, 20)))
    store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "Cấp Phiếu lý lịch tư pháp".encode() in kept  # so the text would be found
    found = [
        word for word in (*PERSONAL_MARKERS, sandbox.environment["MOTCUA_SANDBOX_PASSWORD"]) if word.encode() in kept
    ]
    assert found == []


def test_fields_that_are_not_on_the_list_stay_in_the_reply(flow: Flow) -> None:
    shown = flow.dossier(50_000, flow.end) | {"ghiChu": "0912 000 000", "agencyNote": {"code": "NGƯỜI MÔ PHỎNG"}}
    shown["agency"]["officer"] = "CÁN BỘ MÔ PHỎNG"
    body = json.dumps({"content": [shown], "last": True}).encode()
    page = DossierSearch(IGateSystem(gateway_url="http://127.0.0.1:9", login=False)).read_page(Reply(200, {}, body))
    (found,) = page.found
    assert found.code == shown["code"]
    said = repr(page)
    assert [word for word in (*PERSONAL_MARKERS, "0912", "ghiChu") if word in said] == []


def a_page(**changes: object) -> Page:
    """What is read of a page with one good dossier and one with these changes."""
    good = _flow().dossier(50_000, at(date(YEAR + 1, 1, 1)))
    body = json.dumps({"content": [good, {**good, "code": "000.00.01.H00-250101-9999", **changes}], "last": True})
    options = IGateSystem(gateway_url="http://127.0.0.1:9", login=False, statuses={"11": 5})
    return DossierSearch(options).read_page(Reply(200, {}, body.encode()))


@pytest.mark.parametrize(
    ("changes", "code", "why"),
    [
        ({"code": None}, "?", "no code"),
        ({"code": "NGƯỜI MÔ PHỎNG"}, "?", "no code"),
        ({"updatedDate": None}, "000.00.01.H00-250101-9999", "no updatedDate"),
        ({"appliedDate": "hôm qua"}, "000.00.01.H00-250101-9999", "appliedDate is no instant"),
        ({"acceptedDate": 5}, "000.00.01.H00-250101-9999", "acceptedDate is no instant"),
        ({"completedDate": "2025-01-01T00:00:00"}, "000.00.01.H00-250101-9999", "completedDate has no zone"),
    ],
    ids=["none", "person", "updated", "text", "number", "zone"],
)
def test_a_dossier_that_cannot_be_read_is_named_and_left_out(changes: dict[str, object], code: str, why: str) -> None:
    page = a_page(**changes)
    assert len(page.found) == 1
    assert page.bad == ((code, why),)


@pytest.mark.parametrize(
    ("status", "task", "number"),
    [
        ({"id": 11, "name": "Tên lạ"}, "Xử lý", 5),
        ({"id": 12, "name": "Tên lạ"}, "Xử lý", 4),
        ({"id": 12, "name": "Tên lạ"}, "", 0),
        ({"id": 2, "name": "Đang xử lý"}, "Yêu cầu bổ sung giấy tờ", 5),
        (
            {"id": 4, "name": [{"languageId": 46, "name": "Done"}, {"languageId": 228, "name": "Đã trả kết quả"}]},
            "Xử lý",
            10,
        ),
        ({"id": 2, "name": "Đang xử lý"}, "Đã hoàn thành", 4),
        ({"id": 12, "name": "Tên lạ"}, "Đã hủy", 0),
    ],
    ids=["by_id", "task", "unknown", "supplement", "final", "task_done", "task_stopped"],
)
def test_a_status_is_that_of_the_dossier_and_its_task(status: dict[str, object], task: str, number: int) -> None:
    assert a_page(dossierStatus=status, dossierTaskStatus={"name": task}).found[1].status == number


def test_the_channel_and_the_due_date(flow: Flow) -> None:
    page = a_page(applyMethod={"id": 2, "name": "Bưu chính công ích"}, appointmentDate=None)
    assert (page.found[1].channel, page.found[1].due) == (3, page.found[0].due)


def test_a_page_is_as_large_as_the_system_allows(store: Store, client: Client, province: Catalogue) -> None:
    search, since = collection.search_of(province, "igate"), at(date(YEAR, 12, 30))
    done = collection.collect(store, client, search, "igate", ZONE, since=since, sizes=(2000, 501, 250))
    assert store.dossiers.number() == 250 * done.pages


def test_a_job_gives_up_between_two_pages_which_are_as_large_as_the_catalogue_wants(
    store: Store, quick: Catalogue
) -> None:
    small = replace(quick, dossiers=quick.dossiers.model_copy(update={"page": 120}))
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        collection.by_calendar(store, small, "igate", stop)
    assert store.dossiers.number() == 120


def test_what_was_broken_off_goes_on(store: Store, client: Client, province: Catalogue) -> None:
    with pytest.raises(KeyboardInterrupt):
        collect(store, client, province, stop=3)
    assert store.dossiers.number() == 1500
    assert store.dossiers.collected_until() is None
    done = collect(store, client, province)
    assert done.resumed
    whole = store.dossiers.number()
    again = collect(store, client, province, since=None)
    assert (again.new, again.changed, again.pages, again.resumed) == (0, 0, 1, False)
    assert store.dossiers.number() == whole == done.new + 1500


def invented(code: str, day: date, status: Status = Status.PROCESSING) -> Dossier:
    """A dossier that iGate has never heard of: as if it had been deleted there after it was collected."""
    accepted = at(day) + 9 * 3600
    return Dossier(code, "000.00.01.H00", "p", "s", Channel.ONLINE, status, accepted, accepted, None, None, accepted)


def test_what_igate_has_no_more_is_marked_and_still_counted(
    store: Store, client: Client, province: Catalogue, flow: Flow
) -> None:
    done, book, search = collect(store, client, province), store.dossiers, collection.search_of(province, "igate")
    days = date(YEAR, 12, 1), date(YEAR + 1, 1, 1)

    def look() -> list[str]:
        return collection.look_for_gone(store, client, search, "igate", ZONE, days)

    assert look() == []
    before, asked = counting.total(book.counts(DECEMBER, at(days[1])).values()), client.requests
    lost = [invented("H00-251203-9001", date(YEAR, 12, 3)), invented("H00-251218-9002", date(YEAR, 12, 18))]
    book.keep(lost, ZONE)
    assert look() == ["H00-251203-9001", "H00-251218-9002"]
    # Of 7,000 dossiers only the days that differ were looked through.
    assert client.requests - asked < done.kept / 50
    after = counting.total(book.counts(DECEMBER, at(days[1])).values())
    assert (after.received, after.pending) == (before.received + 2, before.pending + 2)
    assert book.gone(DECEMBER, at(days[1])) == ["H00-251203-9001", "H00-251218-9002"]
    assert look() == []
    book.keep(lost[:1], ZONE)  # it comes again, unchanged
    assert book.gone(DECEMBER, at(days[1])) == ["H00-251218-9002"]


def test_what_a_search_leaves_out_but_igate_has_is_not_marked(
    store: Store, client: Client, province: Catalogue, flow: Flow
) -> None:
    """Its date of acceptance was moved in iGate, say: it is not among those of the day, and not gone."""
    number = flow.accepted_in(at(date(YEAR, 12, 2)), at(date(YEAR, 12, 3)))[0]
    store.dossiers.keep([invented(flow.code(number), date(YEAR, 12, 20))], ZONE, progress=Progress("igate"))
    search, days = collection.search_of(province, "igate"), (date(YEAR, 12, 1), date(YEAR + 1, 1, 1))
    assert collection.look_for_gone(store, client, search, "igate", ZONE, days) == []
    assert store.dossiers.gone_by_unit() == {}


def test_a_search_that_ignores_days_marks_nothing(
    store: Store, client: Client, province: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = collection.search_of(province, "igate")
    monkeypatch.setattr(search, "accepted", lambda auth, *_: search.page(auth, 0, 50, count=True))
    store.dossiers.keep([invented("H00-251203-9001", date(YEAR, 12, 3))], ZONE, progress=Progress("igate"))
    with pytest.raises(CollectionError, match="does not keep to days of acceptance; see search_dates"):
        collection.look_for_gone(store, client, search, "igate", ZONE, (date(YEAR, 12, 3), date(YEAR, 12, 4)))
    assert store.dossiers.gone_by_unit() == {}


def test_a_search_that_repeats_its_page_ends(
    store: Store, client: Client, province: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, accepted = collection.search_of(province, "igate"), DossierSearch.accepted
    monkeypatch.setattr(search, "accepted", lambda auth, a, b, _, size: accepted(search, auth, a, b, 0, size))
    store.dossiers.keep([invented("H00-251203-9001", date(YEAR, 12, 3))], ZONE, progress=Progress("igate"))
    with pytest.raises(CollectionError, match="the same page again"):
        collection.look_for_gone(store, client, search, "igate", ZONE, (date(YEAR, 12, 3), date(YEAR, 12, 4)))
    assert store.dossiers.gone_by_unit() == {}


def test_days_are_written_as_the_deployment_wants(client: Client, province: Catalogue, flow: Flow) -> None:
    options: IGateSystem = province.systems["igate"].options
    day = date(YEAR, 12, 3)
    expected = len(flow.accepted_in(at(day), at(date(YEAR, 12, 4))))
    for written in ("instants", "yyyy-MM-dd", "dd/MM/yyyy"):
        search = DossierSearch(options.model_copy(update={"search_dates": written}))
        reply = client.ask(lambda auth, search=search: search.accepted(auth, day, day, 0, 1))  # type: ignore[misc]
        assert search.read_page(reply).total == expected


def test_a_job_looks_for_what_is_gone_once_a_day(store: Store, client: Client, quick: Catalogue) -> None:
    collect(store, client, quick, since=at(date(YEAR, 12, 28)))
    everything = store.dossiers.number()
    now = time.time()
    listed = store.dossiers.progress("igate").listed
    assert listed is not None
    # As many more as are missing before the first day that is collected, and one: iGate has fewer than are here.
    many = [invented(f"H00-{n}", date(YEAR, 12, 29), Status.RETURNED) for n in range(listed - everything + 1)]
    store.dossiers.keep([replace(d, accepted=None, ended=1) for d in many[1:]] + many[:1], ZONE)
    collection.by_calendar(store, quick, "igate", threading.Event(), lambda: now)
    assert store.dossiers.gone_by_unit() == {"000.00.01.H00": 1}
    store.dossiers.keep([invented("H00-again", date(YEAR, 12, 29))], ZONE)
    collection.by_calendar(store, quick, "igate", threading.Event(), lambda: now + 3600)
    assert store.dossiers.gone_by_unit() == {"000.00.01.H00": 1}
    collection.by_calendar(store, quick, "igate", threading.Event(), lambda: now + 86_400)
    assert store.dossiers.gone_by_unit() == {"000.00.01.H00": 2}


def test_without_the_list_of_procedures_sectors_are_their_codes(
    store: Store, client: Client, province: Catalogue, sandbox: Sandbox
) -> None:
    sandbox.fault("igate.procedures", "http_403")
    done = collect(store, client, province, since=at(date(YEAR, 12, 30)))
    assert done.new > 0
    assert store.dossiers.unnamed(By.SECTOR) != set()
    sandbox.clear()
    collect(store, client, province, since=None)
    assert store.dossiers.unnamed(By.SECTOR) == set()
    asked = client.requests
    collect(store, client, province, since=None)
    assert client.requests == asked + 2  # a page and the count: no list of procedures


def test_going_further_back_collects_again(store: Store, client: Client, province: Catalogue) -> None:
    collect(store, client, province, since=at(date(YEAR, 12, 25)))
    done = collect(store, client, province, since=at(date(YEAR, 12, 15)))
    assert done.new > 0
    assert store.dossiers.collected_since() == at(date(YEAR, 12, 15))


def test_an_earlier_day_is_known_once_the_collection_from_it_is_complete(
    store: Store, client: Client, province: Catalogue
) -> None:
    late, early = at(date(YEAR, 12, 25)), at(date(YEAR, 12, 1))
    collect(store, client, province, since=late)
    with pytest.raises(KeyboardInterrupt):
        collect(store, client, province, since=early, stop=2)
    assert store.dossiers.collected_since() == late
    assert collect(store, client, province, since=None).resumed
    assert store.dossiers.collected_since() == early
    whole = store.dossiers.number()
    again = collect(store, client, province, since=early)
    assert (again.new, store.dossiers.number()) == (0, whole)


def test_a_change_in_the_future_is_named_and_does_not_blind_what_follows(
    store: Store, client: Client, province: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = DossierSearch.read_page
    broken: list[str] = []

    def with_one(search: DossierSearch, reply: Reply) -> Page:
        page = read(search, reply)
        first, *others = page.found
        broken[:] = broken or [first.code]
        ahead = first._replace(updated=at(date(2099, 1, 1)))
        return page._replace(found=(ahead if first.code in broken else first, *others))

    monkeypatch.setattr(DossierSearch, "read_page", with_one)
    done = collect(store, client, province, since=at(date(YEAR, 12, 20)))
    assert set(done.bad) == {(broken[0], "updatedDate is in the future")}
    progress = store.dossiers.progress("igate")
    assert progress.watermark is not None and progress.until is not None
    assert progress.watermark <= progress.until
    assert done.new == store.dossiers.number() > 0


def test_a_token_that_ends_and_a_gateway_that_stumbles_do_no_harm(
    store: Store, client: Client, province: Catalogue, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    client._auth = Auth("no token of theirs")
    waits: list[float] = []

    def waited(seconds: float) -> None:
        waits.append(seconds)
        if seconds >= 1:
            sandbox.clear()

    sandbox.fault("igate.search", "http_503")
    monkeypatch.setattr("monitor.collection.time.sleep", waited)
    done = collect(store, client, province, since=at(date(YEAR, 12, 30)))
    assert done.new > 0
    assert any(seconds >= 1 for seconds in waits)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("html", "contract_violation"),
        ("missing_field", "contract_violation"),
        ("http_403", "auth_failed"),
        ("http_500", "http_5xx"),
        ("business_error", "business_error"),
        ("refuse", "no connection"),
    ],
)
def test_what_breaks_a_collection_is_said_and_keeps_nothing(
    fault: str,
    said: str,
    store: Store,
    client: Client,
    province: Catalogue,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("monitor.collection.time.sleep", lambda _: None)
    sandbox.fault("igate.search", fault)
    with pytest.raises(CollectionError, match=said):
        collect(store, client, province)
    assert store.dossiers.number() == 0
    assert store.dossiers.collected_since() is None


def test_requests_keep_their_distance(sandbox: Sandbox, province: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("monitor.collection.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("monitor.collection.time.sleep", lambda s: clock.__setitem__(0, clock[0] + s))
    search = collection.search_of(province, "igate")
    with collection.client_of(province, "igate", 20) as client:
        for _ in range(10):
            client.ask(lambda auth: search.page(auth, 0, 1))
    assert client.requests == 11  # one of them the login
    assert clock[0] >= 100.0 + 10 / 20 - 0.001


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("Mới đăng ký", 1), ("Chờ tiếp nhận", 1), ("Đã tiếp nhận", 2), ("Không được tiếp nhận", 3), ("Từ chối", 3),
        ("Đang xử lý", 4), ("Thụ lý hồ sơ", 4), ("Yêu cầu bổ sung giấy tờ", 5), ("Đã bổ sung", 4),
        ("Yêu cầu thanh toán", 6), ("Đã thanh toán", 4), ("Công dân yêu cầu rút hồ sơ", 7), ("Dừng xử lý", 8),
        ("Đã hủy", 8), ("Đã xử lý xong", 9), ("Có kết quả", 9), ("Đã trả kết quả", 10), ("Một tên lạ", 0),
        ("Đang luân chuyển hồ sơ", 4), ("Chuyển xử lý", 4), ("Phòng Thủy sản đang xử lý", 4),
        ("Thụ lý theo thủ tục rút gọn", 4), ("Chưa có kết quả", 4), ("Chưa hoàn thành", 4), ("Tạm dừng xử lý", 4),
        ("Đang chờ hủy", 4), ("Không giải quyết, đã hủy", 8), ("Không tiếp nhận", 3), ("Chưa tiếp nhận", 1),
        ("Đã hoàn thành nghĩa vụ tài chính", 4), ("Chưa thực hiện nghĩa vụ tài chính", 6),
    ],
)  # fmt: skip
def test_statuses_by_their_names(name: str, number: int) -> None:
    assert status_of(name) == number


@contextlib.contextmanager
def dripping(head: bytes) -> Iterator[str]:
    """A server whose reply comes byte by byte after `head` and takes a minute; the address."""
    over = threading.Event()

    def serve(listening: socket.socket) -> None:
        with contextlib.suppress(OSError), listening.accept()[0] as connection:
            connection.recv(4096)
            connection.sendall(head)
            for _ in range(300):
                connection.sendall(b"1\r\n \r\n" if b"chunked" in head else b" ")
                if over.wait(0.2):
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        over.set()
        thread.join(10)


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 60000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n", b"X-Long: "],
    ids=["length", "chunked", "headers"],
)
def test_a_reply_that_drips_ends_with_the_time_for_it(
    head: bytes, province: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "TIMEOUT", 1.0)
    monkeypatch.setattr(collection, "RETRIES", 0)
    with (
        dripping(b"HTTP/1.1 200 OK\r\n" + head) as url,
        collection.client_of(province, "igate", RATE) as client,
    ):
        client._auth = Auth("none is asked for")
        began = time.monotonic()
        with pytest.raises(CollectionError, match="no answer in time"):
            client.ask(lambda _: Step("dossiers", Request(url, "GET", ()), ()))
    assert time.monotonic() - began < 20
