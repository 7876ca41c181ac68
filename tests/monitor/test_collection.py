"""Dossiers are collected from the simulated province over real sockets; nothing personal ever reaches the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import connectors
from connectors.igate import IGateSystem
from connectors.igate_dossiers import DossierSearch, status_of
from connectors.sandbox import PERSONAL_MARKERS, Sandbox, spawn
from connectors.sandbox.dossiers import REPORTED, Flow
from monitor import catalogue as catalogues
from monitor import collection
from monitor.catalogue import Catalogue
from monitor.collection import Client, CollectionError, Summary
from monitor.dossiers import By, Source, form_of, violations
from monitor.model import Auth, Reply
from monitor.store import Store
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


@pytest.fixture(scope="module")
def flow() -> Flow:
    return Flow(YEAR, 1)


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
    assert all("mô phỏng" in row.name for row in by_procedure.rows)


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


def test_going_further_back_collects_again(store: Store, client: Client, province: Catalogue) -> None:
    collect(store, client, province, since=at(date(YEAR, 12, 25)))
    done = collect(store, client, province, since=at(date(YEAR, 12, 15)))
    assert done.new > 0
    assert store.dossiers.collected_since() == at(date(YEAR, 12, 15))


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
    ],
)  # fmt: skip
def test_statuses_by_their_names(name: str, number: int) -> None:
    assert status_of(name) == number
