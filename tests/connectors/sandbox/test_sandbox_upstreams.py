"""What the healthy upstreams answer, without a socket: a request in, a reply out."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.sandbox.dossiers import AGENCIES, REPORTED, ROOT_AGENCY, ZONE, Flow
from connectors.sandbox.upstreams import CLIENT_ID, CLIENT_SECRET, PASSWORD, USER, Route, province
from connectors.sandbox.wire import Orders, Reply, Request

TOKEN = "/auth/realms/digo/protocol/openid-connect/token"
LOGIN = {"grant_type": "password", "client_id": "web-onegate", "username": USER, "password": PASSWORD}
MACHINE = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


class Province:
    """The upstreams, asked at instants of the test's choosing."""

    def __init__(self, flow: Flow) -> None:
        self.upstreams = {it.name: it for it in province(lambda _now: flow, token_ttl=300)}
        self.now = float(flow.end)

    def ask(
        self,
        upstream: str,
        target: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        **orders: Any,
    ) -> Reply:
        request = Request(method, target, headers or {}, body, self.now, Orders(**orders))
        route = self.upstreams[upstream].route(request)
        return route.answer(request) if isinstance(route, Route) else route

    def login(self, form: Mapping[str, str] = LOGIN, authorization: str = "", **orders: Any) -> Reply:
        headers = {"content-type": "application/x-www-form-urlencoded", "authorization": authorization}
        return self.ask("sso", TOKEN, method="POST", headers=headers, body=urlencode(form).encode(), **orders)

    def token(self, **orders: Any) -> str:
        return json.loads(self.login(**orders).body)["access_token"]

    def gateway(self, target: str, token: str | None = None, **orders: Any) -> Reply:
        authorization = {"authorization": f"Bearer {token or self.token()}"}
        return self.ask("gateway", target, headers=authorization, **orders)

    def read(self, target: str) -> Any:
        reply = self.gateway(target)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)


@pytest.fixture
def here(flow: Flow) -> Province:
    return Province(flow)


def test_the_sso_grants_passwords_and_client_credentials(here: Province) -> None:
    granted = json.loads(here.login().body)
    assert granted["token_type"] == "Bearer"
    assert granted["expires_in"] == 300
    assert granted["scope"] == "openid"
    assert granted["access_token"].count(".") == 2
    again = {"grant_type": "refresh_token", "client_id": "web-onegate", "refresh_token": granted["refresh_token"]}
    assert here.login(again).status == 200
    assert here.login(MACHINE).status == 200
    basic = "Basic " + b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    assert here.login({"grant_type": "client_credentials"}, basic).status == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        (LOGIN | {"password": "sai"}, 401, "invalid_grant"),
        (LOGIN | {"client_id": "la"}, 401, "invalid_client"),
        (MACHINE | {"client_secret": "sai"}, 401, "invalid_client"),
        (MACHINE | {"client_id": "web-onegate"}, 401, "unauthorized_client"),
        (LOGIN | {"grant_type": "device"}, 400, "unsupported_grant_type"),
        ({"client_id": "web-onegate"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "client_id": "web-onegate", "refresh_token": "x.y.z"}, 400, "invalid_grant"),
    ],
)
def test_the_sso_refuses_as_keycloak_does(here: Province, form: dict[str, str], status: int, error: str) -> None:
    reply = here.login(form)
    assert (reply.status, json.loads(reply.body)["error"]) == (status, error)


def test_the_gateway_takes_tokens_of_the_sso_until_they_expire(here: Province) -> None:
    token = here.token()
    here.now += 299.9
    assert here.gateway("/bd/procedure", token).status == 200
    here.now += 0.1
    refused = here.gateway("/bd/procedure", token)
    assert refused.status == 401
    error = json.loads(refused.body)
    assert sorted(error) == ["error", "message", "path", "status", "timestamp"]
    assert (error["status"], error["path"]) == (401, "/bd/procedure")


def test_the_gateway_refuses_foreign_and_refresh_tokens(here: Province, flow: Flow) -> None:
    assert here.ask("gateway", "/bd/procedure").status == 401
    assert here.gateway("/bd/procedure", "a.b.c").status == 401
    assert here.gateway("/bd/procedure", Province(flow).token()).status == 401
    assert here.gateway("/bd/procedure", json.loads(here.login().body)["refresh_token"]).status == 401


def test_orders_of_faults_are_obeyed(here: Province) -> None:
    assert here.login(refuse_credentials=True).status == 401
    assert here.login(MACHINE, refuse_credentials=True).status == 401
    once = here.token(single_use=True)
    assert [here.gateway("/bd/procedure", once).status for _ in range(2)] == [200, 401]
    old = here.token()
    here.now += 1
    assert here.gateway("/bd/procedure", old, tokens_from=here.now).status == 401
    assert here.gateway("/bd/procedure", here.token(), tokens_from=here.now).status == 200


def test_search_pages_through_the_latest_changes(here: Province, flow: Flow) -> None:
    here.now = flow.start + 200 * 86_400 + 10 * 3600
    first = here.read("/pa/dossier/search?page=0&size=3&spec=slice&sort=updatedDate,desc")
    second = here.read("/pa/dossier/search?page=1&size=3")
    dates = [dossier["updatedDate"] for dossier in first["content"] + second["content"]]
    assert dates == sorted(dates, reverse=True)
    assert len({dossier["id"] for dossier in first["content"] + second["content"]}) == 6
    assert (first["number"], first["size"], first["last"], second["number"]) == (0, 3, False, 1)
    assert "totalElements" not in first
    assert here.read("/pa/dossier/search?spec=page&size=1")["totalElements"] == flow.count(here.now)
    beyond = here.read("/pa/dossier/search?page=90000&size=1")
    assert (beyond["content"], beyond["last"]) == ([], True)


def test_search_filters(here: Province, flow: Flow) -> None:
    here.now = flow.start + 200 * 86_400 + 16 * 3600
    count = flow.count(here.now)
    open_now = sum(flow.status(number, here.now) == 2 for number in range(count))
    assert here.read("/pa/dossier/search?spec=page&size=1&dossier-status=2")["totalElements"] == open_now
    asked = "accepted-from=2025-06-02T00:00:00.000Z&accepted-to=2025-06-05T16:59:59.999Z&apply-method-id=0"
    found = here.read(f"/pa/dossier/search?spec=page&size=5&{asked}&sort=acceptedDate,asc")
    start, end = datetime(2025, 6, 2, 7, tzinfo=ZONE).timestamp(), datetime(2025, 6, 6, tzinfo=ZONE).timestamp()
    assert found["totalElements"] == sum(
        flow.online[number] and start <= flow.accepted[number] < end for number in range(count)
    )
    assert {dossier["applyMethod"]["name"] for dossier in found["content"]} == {"Trực tuyến"}
    by_day = here.read("/pa/dossier/search?spec=page&size=1&applied-from=02/06/2025&applied-to=05/06/2025")
    midnight = datetime(2025, 6, 2, tzinfo=ZONE).timestamp()
    assert by_day["totalElements"] == len(flow.applied_in(midnight, end, count))
    agency = f"/pa/dossier/search?spec=page&size=1&ancestor-agency-id={AGENCIES[0].id}"
    assert here.read(agency)["totalElements"] == sum(flow.agency(number) == 0 for number in range(count))


def test_search_finds_a_code_and_no_future(here: Province, flow: Flow) -> None:
    code = flow.code(60_000)
    here.now = flow.applied[60_000]
    assert [it["code"] for it in here.read(f"/pa/dossier/search?code={code}")["content"]] == [code]
    here.now -= 1
    assert here.read(f"/pa/dossier/search?code={code}")["content"] == []


@pytest.mark.parametrize("query", ["size=0", "size=ba", "page=-1", "sort=tuoi,desc", "accepted-from=hom-nay"])
def test_search_refuses_what_it_cannot_read(here: Province, query: str) -> None:
    assert here.gateway(f"/pa/dossier/search?{query}").status == 400


def test_lists_of_procedures_and_agencies(here: Province) -> None:
    procedures = here.read("/bd/procedure?page=0&size=1&spec=slice")
    assert procedures["content"][0]["translate"][0]["languageId"] == 228
    agencies = here.read(f"/ba/agency/name+code?ancestor-id={ROOT_AGENCY.id}&size=50&spec=page")
    assert [agency["code"] for agency in agencies["content"]] == [agency.code for agency in AGENCIES]
    assert agencies["totalElements"] == len(AGENCIES)


def test_statistics_of_a_finished_year_are_the_reported_ones(here: Province) -> None:
    period = "from-date=2024-12-31T17:00:00.000Z&to-date=2025-12-31T16:59:59.999Z"
    rows = here.read(f"/pa/dossier-statistic/--statistic-agency-kgg?agency-id={ROOT_AGENCY.id}&{period}")
    assert len(rows) == len(AGENCIES)

    def total(column: str) -> int:
        return sum(row[column] for row in rows)

    assert total("received") == 84_859
    assert (total("receivedOld"), total("receivedOnline"), total("receivedDirect")) == (1_248, 53_325, 30_286)
    assert (total("resolvedEarly"), total("resolvedOnTime"), total("resolvedOverdue")) == (20_376, 63_358, 7)
    assert (total("unresolved"), total("unresolvedOverdue")) == (REPORTED.pending, 0)
    one = here.read(f"/pa/dossier-statistic/--statistic-agency-kgg?agency-id={AGENCIES[3].id}&{period}")
    assert one == [rows[3]]
    assert here.gateway("/pa/dossier-statistic/--statistic-agency-kgg").status == 400


def test_statistics_end_at_the_clock(here: Province, flow: Flow) -> None:
    here.now = flow.start + 100 * 86_400 + 12 * 3600
    rows = here.read("/pa/dossier-statistic/--statistic-agency-kgg?from-date=2025-01-01&to-date=2025-12-31")
    assert sum(row["received"] for row in rows) == flow.totals(flow.start, here.now).received < 84_859


def test_pages_say_what_they_are(here: Province) -> None:
    for upstream, words in (("portal", "Dịch vụ công"), ("national", "Cổng Dịch vụ công quốc gia")):
        page = here.ask(upstream, "/")
        assert page.content_type.startswith("text/html")
        assert words in page.body.decode()
        assert "DỮ LIỆU MÔ PHỎNG" in page.body.decode()
        assert "DỮ LIỆU MÔ PHỎNG" in here.ask(upstream, "/khong-co").body.decode()


def test_the_other_upstreams(here: Province) -> None:
    assert {row["Ten"] for row in json.loads(here.ask("shared", "/dmdc/Category/magioitinh").body)} >= {"Nam", "Nữ"}
    assert [here.ask("control", path).status for path in ("/a", "/b", "/c")] == [200, 200, 404]
    assert here.ask("sso", TOKEN).status == 405
    assert here.ask("gateway", "/pa/khac").status == 404
