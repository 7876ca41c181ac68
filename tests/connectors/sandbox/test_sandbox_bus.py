"""The bus and what lies behind it, when they are healthy: asked over TLS, and where time passes without a socket."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from connectors.sandbox.bus import bus
from connectors.sandbox.dossiers import PERSONAL_MARKERS, Flow
from connectors.sandbox.upstreams import NATIONAL_DSTCODE, NATIONAL_PASSWORD, NATIONAL_USER, Route
from connectors.sandbox.wire import Request

if TYPE_CHECKING:
    from tests.connectors.sandbox.conftest import Client

CONGDAN = "{http://www.mic.gov.vn/dancu/1.0}CongDan"


def citizens(text: str | bytes) -> list[ET.Element]:
    return list(ET.fromstring(text).iter(CONGDAN))


# --- the gateway ---


def test_a_key_becomes_a_token_that_opens_the_catalogue(client: Client) -> None:
    granted = client.ask("lgsp.token").json
    assert granted.pop("access_token")
    assert granted == {"scope": "am_application_scope default", "token_type": "Bearer", "expires_in": 300}
    rows = client.ask("lgsp.category").json
    assert {frozenset(row) for row in rows} == {frozenset({"PropertyCode", "PropertyName", "PropertyType"})}
    assert "magioitinh" in {row["PropertyCode"] for row in rows}


def test_the_token_endpoint_refuses(client: Client) -> None:
    wrong = client.ask("lgsp.token", headers={"Authorization": "Basic " + b64encode(b"khoa:sai").decode()})
    assert (wrong.status, wrong.json["error"]) == (401, "invalid_client")
    assert client.ask("lgsp.token", headers={"Authorization": ""}).status == 401
    other = client.ask("lgsp.token", form={"grant_type": "password"})
    assert (other.status, other.json["error"]) == (400, "unsupported_grant_type")


def partner(client: Client, **more: str) -> str:
    """The header lgspaccesstoken."""
    env = client.sandbox.environment
    known = {
        "AccessKey": env["MOTCUA_SANDBOX_BUS_KEY"],
        "SecretKey": env["MOTCUA_SANDBOX_BUS_SECRET"],
        "AppName": env["MOTCUA_SANDBOX_BUS_APP"],
        "PartnerCode": env["MOTCUA_SANDBOX_BUS_PARTNER"],
        "PartnerCodeCus": env["MOTCUA_SANDBOX_BUS_CUSTOMER"],
    }
    return b64encode(json.dumps(known | more).encode()).decode()


def test_the_header_lgspaccesstoken_takes_the_place_of_basic(client: Client) -> None:
    headers = {"Authorization": "", "lgspaccesstoken": partner(client)}
    token = client.ask("lgsp.token", headers=headers).json["access_token"]
    assert client.ask("lgsp.category", token=token).status == 200
    for wrong in (partner(client, SecretKey="sai"), partner(client, AppName=""), "@", b64encode(b"[]").decode()):
        assert client.ask("lgsp.token", headers={"Authorization": "", "lgspaccesstoken": wrong}).status == 401


def test_the_gateway_tells_a_missing_token_from_a_wrong_one(client: Client) -> None:
    missing = client.ask("lgsp.category", headers={"Authorization": ""})
    assert (missing.status, missing.json["fault"]["code"]) == (401, 900902)
    for token in ("la", client.token, client.session):
        wrong = client.ask("lgsp.category", token=token)
        assert (wrong.status, wrong.json["fault"]["code"]) == (401, 900901)
    nothing = client.ask("lgsp.category", target="/dmdc/1.0/KhongCo")
    assert (nothing.status, nothing.json["fault"]["code"]) == (404, 900906)


# --- the national portal ---


def test_a_session_opens_the_lists_of_the_portal(client: Client) -> None:
    opened = client.ask("national.login").json
    assert (sorted(opened), opened["error_code"]) == (["error_code", "message", "session"], 0)
    sectors = client.ask("national.call", token=opened["session"]).json
    assert sectors["error_code"] == 0
    assert {frozenset(row) for row in sectors["result"]} == {frozenset({"MALINHVUC", "TENLINHVUC", "MANGANH"})}
    heard = client.ask("national.call", sent=client.asking("LayDanhSachTTHC"))
    procedures = heard.json["result"]
    assert len({row["MATTHC"] for row in procedures}) == len(procedures) == 1_808
    assert {frozenset(row) for row in procedures} == {frozenset({"MATTHC", "TENTTHC", "MACOQUANCONGBO"})}
    assert len(heard.body) < 1_000_000, "what a client of ours reads of a reply"


def test_a_dossier_is_on_the_portal_or_not(client: Client, flow: Flow) -> None:
    def found(code: str) -> Any:
        return client.ask("national.call", sent=client.asking("TraCuuHoSo", mahoso=code)).json.get("result")

    odd = next(code for code in map(flow.code, range(5_000, 5_100)) if code[-1] in "13579")
    assert [row["MAHOSO"] for row in found(odd)] == [odd], "those of the simulated flow are there"
    assert found("khong-co-0002")[0]["MATTHC"]
    assert found("khong-co-0001") is None
    assert found("") is None


def test_dstcode_is_a_header_or_in_the_query(client: Client) -> None:
    for route in ("national.login", "national.call"):
        path = client.urls[route].partition(".test")[2].partition("/")[2]
        lost = client.ask(route, headers={"dstcode": ""})
        assert (lost.status, lost.headers["x-road-error"]) == (500, lost.json["type"])
        assert client.ask(route, headers={"dstcode": "VN:GOV:khac"}).status == 500
        told = client.ask(route, headers={"dstcode": ""}, target=f"/{path}?dstcode={NATIONAL_DSTCODE}")
        assert (told.status, told.json["error_code"]) == (200, 0)


def test_the_portal_refuses_with_http_200(client: Client) -> None:
    asking = client.asking()
    for sent, code in (
        (asking | {"session": "la"}, "-2"),
        (asking | {"session": client.bus_token}, "-2"),
        (asking | {"session": 1}, "-2"),
        (asking | {"service": "DongBoHoSoMC"}, "-1"),
        (asking | {"madonvi": "000.00.99.H99"}, "-1"),
        ([], "-1"),
    ):
        heard = client.ask("national.call", sent=sent)
        assert (heard.status, heard.json["error_code"]) == (200, code), sent
    assert client.ask("national.call", sent=asking | {"session": "la"}).json["message"] == "Phiên làm việc không hợp lệ"
    assert client.ask("national.call", body=b"{").json["error_code"] == "-1"
    wrong = client.ask("national.login", sent=client.national_credentials | {"password": "sai"}).json
    assert (wrong["error_code"], "session" in wrong) == ("-1", False)


def test_a_session_and_a_token_end_with_their_time(flow: Flow) -> None:
    upstream, now = bus(lambda _now: flow, token_ttl=300), float(flow.end)

    def post(path: str, body: bytes, at: float, **headers: str) -> Any:
        request = Request("POST", path, {"dstcode": NATIONAL_DSTCODE, **headers}, body, at)
        route = upstream.route(request)
        assert isinstance(route, Route)
        return json.loads(route.answer(request).body)

    known = {"username": NATIONAL_USER, "password": NATIONAL_PASSWORD}
    session = post("/XrdAdapter/RestService/forward/mapi/login", json.dumps(known).encode(), now)["session"]
    asked = {"session": session, "madonvi": "000.00.00.H00", "service": "LayDanhMucLinhVuc"}
    for later, code in ((299.9, 0), (300.0, "-2")):
        told = post("/XrdAdapter/RestService/forward/mapi/g", json.dumps(asked).encode(), now + later)
        assert told["error_code"] == code


# --- the population database ---


def test_the_one_person_is_found_with_every_field(client: Client) -> None:
    heard = client.ask("population.lookup")
    assert (heard.status, heard.headers["content-type"]) == (200, "text/xml;charset=UTF-8")
    (citizen,) = citizens(heard.body)
    fields = {it.tag.rpartition("}")[2]: it for it in citizen}
    assert set(fields) == {
        "SoDinhDanh", "SoCMND", "HoVaTen", "GioiTinh", "DanToc", "TonGiao", "TinhTrangHonNhan", "NhomMau",
        "NgayThangNamSinh", "NoiDangKyKhaiSinh", "QueQuan", "ThuongTru", "NoiOHienTai", "QuocTich", "Cha", "Me",
        "VoChong", "NguoiDaiDien", "ChuHo", "SoSoHoKhau",
    }  # fmt: skip
    assert all((it.text or "").strip() for it in citizen.iter() if not len(it))
    assert fields["HoVaTen"].findtext("{*}Ten") == "NGƯỜI MÔ PHỎNG"
    for marker in ("NGƯỜI MÔ PHỎNG", "ĐƯỜNG MÔ PHỎNG", "000000000000"):
        assert marker in PERSONAL_MARKERS
        assert marker in heard.body.decode()


def test_nobody_else_is_found(client: Client) -> None:
    person = client.person
    by_old_card = {name: value for name, value in person.items() if name not in {"HoVaTen", "NgayThangNam"}}
    del by_old_card["SoDinhDanh"]
    by_old_card |= {"SoCMND": "000000000", "HoVaTen": person["HoVaTen"], "Nam": "1900"}
    for fields, count in (
        (person, 1),
        (by_old_card, 1),
        (person | {"SoDinhDanh": "000000000001"}, 0),
        (person | {"HoVaTen": "NGƯỜI KHÁC"}, 0),
    ):
        heard = client.ask("population.lookup", body=client.soap(fields))
        assert (heard.status, len(citizens(heard.body))) == (200, count)
        assert b"CongdanCollection" in heard.body
        wrapped = client.ask("population.json", sent=fields).json
        assert (wrapped["error_code"], len(citizens(wrapped["message"]))) == (0, count)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"MaYeuCau": ""}, "MaYeuCau"),
        ({"MaCanBo": ""}, "MaCanBo"),
        ({"MaTichHop": "038"}, "MaTichHop"),
        ({"SoDinhDanh": ""}, "SoDinhDanh"),
        ({"SoDinhDanh": "00000000000"}, "SoDinhDanh"),
        ({"SoCMND": "000000000"}, "SoCMND"),
        ({"HoVaTen": "Người Mô Phỏng"}, "HoVaTen"),
        ({"NgayThangNam": "1900"}, "NgayThangNam"),
        ({"NgayThangNam": ""}, "Nam"),
    ],
)
def test_a_look_up_must_be_complete(client: Client, change: dict[str, str], word: str) -> None:
    names = ("MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "SoDinhDanh", "SoCMND", "HoVaTen", "NgayThangNam")
    fields = client.person | change
    heard = client.ask("population.lookup", body=client.soap({name: fields[name] for name in names if name in fields}))
    assert (heard.status, heard.headers["content-type"]) == (500, "text/xml;charset=UTF-8")
    assert ET.fromstring(heard.body).findtext(".//faultcode") == "soapenv:Client"
    assert word in (ET.fromstring(heard.body).findtext(".//faultstring") or "")
    wrapped = client.ask("population.json", sent=fields)
    assert (wrapped.status, wrapped.json["error_code"]) == (200, "-1")
    assert word in wrapped.json["message"]


def test_what_is_no_look_up_is_a_fault(client: Client) -> None:
    person = client.person
    for body in (
        b"",
        b"<a/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + client.soap(person),
        client.soap(person, operation="XacMinhThongTinNhanThan"),
        client.soap(dict(reversed(person.items()))),
        client.soap(person | {"La": "la"}),
    ):
        heard = client.ask("population.lookup", body=body)
        assert (heard.status, b"<faultcode>soapenv:Client</faultcode>" in heard.body) == (500, True), body
    sent: object
    for sent in ([], "la"):
        assert client.ask("population.json", sent=sent).json["error_code"] == "-1"


def test_a_look_up_needs_a_token(client: Client) -> None:
    missing = client.ask("population.lookup", headers={"Authorization": ""})
    assert (missing.status, missing.json["fault"]["code"]) == (401, 900902)
    for token in ("la", client.session):
        wrong = client.ask("population.lookup", token=token)
        assert (wrong.status, wrong.json["fault"]["code"]) == (401, 900901)


def test_profile_lgspaccesstoken_wraps_the_look_up_in_json(client: Client) -> None:
    wrapper = {
        "accessToken": client.bus_token,
        "lgspAccessToken": partner(client),
        "AuthHash": b64encode(b"can-bo:mat-khau").decode(),
        "data": client.soap(client.person).decode(),
    }
    headers = {"Content-Type": "application/json", "Authorization": ""}
    for sent, status in (
        (wrapper, 200),
        (wrapper | {"accessToken": f"Bearer {client.bus_token}"}, 200),
        (wrapper | {"accessToken": "la"}, 401),
        (wrapper | {"lgspAccessToken": partner(client, AccessKey="la")}, 401),
        (wrapper | {"AuthHash": ""}, 401),
        (wrapper | {"data": "la"}, 500),
    ):
        heard = client.ask("population.lookup", headers=headers, sent=sent)
        assert heard.status == status, sent
        assert status != 200 or len(citizens(heard.body)) == 1


@pytest.mark.parametrize("unit", [1, 1000])
def test_profile_c06_signs_for_a_token_or_for_the_look_up(client: Client, unit: int) -> None:
    stamp = str(int(time.time() * unit))
    source, lookup = client.urls["population.c06"], client.urls["population.lookup"]
    granted = client.ask("population.c06", headers=client.signed(source, stamp)).json
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 300)
    assert len(citizens(client.ask("population.lookup", token=granted["access_token"]).body)) == 1
    assert client.ask("lgsp.category", token=granted["access_token"]).status == 401, "it opens nothing else"
    for url in (source, lookup):
        heard = client.ask("population.lookup", headers=client.signed(url, stamp))
        assert len(citizens(heard.body)) == 1


def test_profile_c06_refuses(client: Client) -> None:
    url, now = client.urls["population.c06"], int(time.time())
    for headers in (
        client.signed(url, str(now - 400)),
        client.signed(url, str((now + 400) * 1000)),
        client.signed(url, "hom-nay"),
        client.signed(f"{url}/khac"),
        client.signed(url) | {"Timestamp": str(now)},
        client.signed(url) | {"ApiKey": "la"},
        client.signed(url) | {"X-Road-Client": ""},
        client.signed(url) | {"Authorization": ""},
    ):
        heard = client.ask("population.c06", headers=headers)
        assert (heard.status, heard.json["error"]) == (401, "invalid_client")
    assert client.ask("population.lookup", headers=client.signed(url, "0")).status == 401
