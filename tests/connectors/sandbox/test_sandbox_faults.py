"""Every fault, by what arrives on the wire."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from connectors.sandbox import Sandbox, SandboxError, describe
from connectors.sandbox.faults import DNS_FAULTS, FAULTS, LISTENER_FAULTS, ONLY_ON, TLS_FAULTS

if TYPE_CHECKING:
    from tests.connectors.sandbox.conftest import Client, Heard

SEARCH = "igate.search"
LOOKUP = "population.lookup"
CALL = "national.call"


def faulty(
    client: Client, name: str, *, route: str = SEARCH, ask: dict[str, Any] | None = None, **params: Any
) -> Heard:
    """What a client hears while the fault acts; that the route is healthy before it is seen on the way."""
    assert client.ask(route).status == 200
    client.sandbox.fault(route, name, **params)
    return client.ask(route, **(ask or {}))


def healthy_body(client: Client, route: str = SEARCH) -> bytes:
    return client.ask(route).body


# --- before a request is read ---


def test_refuse(client: Client, sandbox: Sandbox) -> None:
    assert faulty(client, "refuse").end == "refused"
    assert client.ask("igate.agencies").end == "refused", "it takes every route of the listener"
    assert client.ask("igate.portal").status == 200
    sandbox.clear(SEARCH)
    assert client.ask(SEARCH).status == 200, "the same port listens again"


def test_hang_connect(client: Client, sandbox: Sandbox) -> None:
    heard = faulty(client, "hang_connect", ask={"patience": 0.3})
    assert heard.end == "no_answer"
    assert heard.seconds >= 0.3
    assert client.ask("igate.agencies", patience=0.1).end == "no_answer"
    sandbox.clear(SEARCH)
    assert client.ask(SEARCH).status == 200


def test_a_listener_fault_drops_kept_connections(client: Client, sandbox: Sandbox) -> None:
    address = sandbox.addresses.control.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=2) as kept:
        kept.sendall(client.request("control.a", keep=True))
        assert b"keep-alive" in kept.recv(4096)
        sandbox.fault("control.b", "refuse")
        with contextlib.suppress(ConnectionResetError):  # RST or FIN: either way it is gone
            assert kept.recv(1) == b""


# --- instead of a reply ---


def test_hang_headers(client: Client) -> None:
    heard = faulty(client, "hang_headers", ask={"patience": 0.3})
    assert (heard.data, heard.end) == (b"", "silent")


def test_slow(client: Client) -> None:
    heard = faulty(client, "slow", delay=0.3)
    assert heard.status == 200
    assert heard.seconds >= 0.3
    assert json.loads(heard.body)["size"] == 20


def test_reset(client: Client) -> None:
    heard = faulty(client, "reset")
    assert (heard.data, heard.end) == (b"", "reset")


def test_close(client: Client) -> None:
    heard = faulty(client, "close")
    assert (heard.data, heard.end) == (b"", "closed")


def test_garbage(client: Client) -> None:
    heard = faulty(client, "garbage")
    assert heard.data
    assert not heard.data.startswith(b"HTTP")


# --- a reply that breaks off or drags ---


def test_hang_body(client: Client) -> None:
    heard = faulty(client, "hang_body", ask={"patience": 0.3})
    assert heard.status == 200
    assert (len(heard.body), heard.end) == (heard.announced // 2, "silent")


def test_stall_headers(client: Client) -> None:
    heard = faulty(client, "stall_headers", ask={"patience": 0.3})
    assert (heard.status, heard.end) == (200, "silent")
    assert b"\r\nContent-Type: " in heard.data
    assert b"\r\n\r\n" not in heard.data


def test_drip_headers(client: Client) -> None:
    heard = faulty(client, "drip_headers", interval=0.02, ask={"patience": 0.3})
    assert 2 <= len(heard.data) <= 16
    assert b"HTTP/1.1 200 OK\r\n".startswith(heard.data)


def test_drip_body(client: Client) -> None:
    heard = faulty(client, "drip_body", interval=0.02, ask={"patience": 0.3})
    assert heard.announced > 1000
    assert 2 <= len(heard.body) <= 16


def test_drips_are_a_byte_a_second_unless_told_otherwise(client: Client) -> None:
    heard = faulty(client, "drip_body", ask={"patience": 1.2})
    assert len(heard.body) == 2


def test_reset_body(client: Client) -> None:
    heard = faulty(client, "reset_body")
    assert (len(heard.body), heard.end) == (heard.announced // 2, "reset")


def test_truncate(client: Client) -> None:
    heard = faulty(client, "truncate")
    assert (len(heard.body), heard.end) == (heard.announced // 2, "closed")


def test_truncate_chunked(client: Client) -> None:
    heard = faulty(client, "truncate_chunked")
    assert heard.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in heard.headers
    size, _, rest = heard.body.partition(b"\r\n")
    assert len(rest) == int(size, 16) + 2
    assert (b"\r\n0\r\n" in heard.body, heard.end) == (False, "closed")


# --- a reply too big or not decodable ---


def test_huge_body(client: Client, sandbox: Sandbox, eventually: Callable[..., bool]) -> None:
    heard = faulty(client, "huge_body", ask={"most": 5_000_000})
    assert heard.announced == 1024**3
    assert (len(heard.data) >= 5_000_000, heard.end) == (True, "left")
    assert eventually(lambda: sandbox.requests()["open"]["gateway"] == 0), "the client's leaving ends it"


def test_big_headers(client: Client) -> None:
    heard = faulty(client, "big_headers")
    head = heard.data.partition(b"\r\n\r\n")[0]
    assert len(head) > 400 * 1024
    assert len(heard.body) == heard.announced


def test_gzip_bomb(client: Client) -> None:
    heard = faulty(client, "gzip_bomb", size=3)
    assert heard.headers["content-encoding"] == "gzip"
    assert len(heard.body) < 10_000
    assert gzip.decompress(heard.body) == b" " * (3 * 1024**2)
    client.sandbox.clear()
    usual = faulty(client, "gzip_bomb")
    assert len(usual.body) == usual.announced < 500_000
    assert int.from_bytes(usual.body[-4:], "little") == 200 * 1024**2


def test_bad_gzip(client: Client) -> None:
    heard = faulty(client, "bad_gzip")
    assert heard.headers["content-encoding"] == "gzip"
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(heard.body)


def test_truncated_gzip(client: Client) -> None:
    heard = faulty(client, "truncated_gzip")
    assert heard.headers["content-encoding"] == "gzip"
    assert (len(heard.body), heard.end) == (heard.announced, "closed"), "HTTP itself is whole"
    assert zlib.decompressobj(31).decompress(heard.body).startswith(b'{"content":')
    with pytest.raises(EOFError):
        gzip.decompress(heard.body)


# --- a reply of another kind ---


@pytest.mark.parametrize("status", [401, 403, 404, 500, 502, 503])
def test_http_error(client: Client, status: int) -> None:
    heard = faulty(client, f"http_{status}")
    assert heard.status == status
    assert json.loads(heard.body)["status"] == status
    assert ("www-authenticate" in heard.headers) == (status == 401)


def test_http_error_in_the_words_of_each_upstream(client: Client) -> None:
    assert "error_description" in json.loads(faulty(client, "http_503", route="igate.token").body)
    assert "DỮ LIỆU MÔ PHỎNG" in faulty(client, "http_503", route="igate.portal").body.decode()
    assert faulty(client, "http_503", route="lgsp.category").json["fault"]["code"] == 303001
    assert faulty(client, "http_401", route=LOOKUP).json["fault"]["code"] == 900901
    assert faulty(client, "http_401", route="lgsp.token").json["error"] == "invalid_client"
    assert faulty(client, "http_502", route=CALL).json["type"] == "Server.ClientProxy.BadGateway"


def test_http_429(client: Client) -> None:
    heard = faulty(client, "http_429", retry_after=7)
    assert (heard.status, heard.headers["retry-after"]) == (429, "7")


def test_html(client: Client) -> None:
    heard = faulty(client, "html")
    assert (heard.status, heard.headers["content-type"]) == (200, "text/html;charset=UTF-8")
    assert "DỮ LIỆU MÔ PHỎNG" in heard.body.decode()
    assert "Dịch vụ công" not in heard.body.decode()


def test_empty(client: Client) -> None:
    heard = faulty(client, "empty")
    assert (heard.status, heard.announced, heard.body) == (200, 0, b"")


def test_wrong_type(client: Client) -> None:
    assert json.loads(faulty(client, "wrong_type").body)["content"] == "mô phỏng"
    assert isinstance(json.loads(faulty(client, "wrong_type", route="igate.agencies", whole=True).body), list)
    assert isinstance(json.loads(faulty(client, "wrong_type", route="igate.token").body)["access_token"], list)
    assert json.loads(faulty(client, "wrong_type", route="shared.category").body) == "mô phỏng"
    assert faulty(client, "wrong_type", route="igate.portal").headers["content-type"].startswith("application/json")


def test_missing_field(client: Client) -> None:
    lacking = json.loads(faulty(client, "missing_field").body)
    assert set(lacking) == set(json.loads(healthy_body(client, "igate.agencies"))) - {"content"}
    client.sandbox.clear()
    dossier = json.loads(faulty(client, "missing_field", field="acceptedDate").body)["content"][0]
    assert "acceptedDate" not in dossier
    assert "appliedDate" in dossier
    assert "Dịch vụ công" not in faulty(client, "missing_field", route="igate.portal").body.decode()
    assert all("Ma" not in row for row in json.loads(faulty(client, "missing_field", route="shared.category").body))
    lacking = faulty(client, "missing_field", route=LOOKUP).body
    assert (len(in_soap(lacking, "Body")), in_soap(lacking, "CongdanCollection")) == (1, [])
    client.sandbox.fault(LOOKUP, "missing_field", field="SoDinhDanh")
    (citizen,) = in_soap(client.ask(LOOKUP).body, "CongDan")
    assert "SoDinhDanh" not in {element.tag.rpartition("}")[2] for element in citizen.iter()}
    client.sandbox.fault(LOOKUP, "missing_field", field="Cha")
    (citizen,) = in_soap(client.ask(LOOKUP).body, "CongDan")
    fields = {element.tag.rpartition("}")[2] for element in citizen}
    assert (len(fields), "Cha" in fields, "ChuHo" in fields) == (19, False, True)


def test_business_error(client: Client) -> None:
    heard = faulty(client, "business_error")
    assert (heard.status, json.loads(heard.body)["error_code"]) == (200, "-1")
    assert json.loads(faulty(client, "business_error", route="igate.token").body)["error"] == "-1"
    other = faulty(client, "business_error", route="shared.category", code="106", field="errorCode")
    assert json.loads(other.body)["errorCode"] == "106"


def test_business_error_int(client: Client) -> None:
    assert faulty(client, "business_error_int", route=CALL).json["error_code"] == -1
    assert faulty(client, "business_error_int", route="population.json", code=5).json["error_code"] == 5


@pytest.mark.parametrize("code", ["0", "00"])
def test_code_of_success(client: Client, code: str) -> None:
    for route in (CALL, "national.login", "population.json"):
        usual = client.ask(route).json
        assert usual["error_code"] == 0
        told = faulty(client, f"code_{code}", route=route).json
        assert told["error_code"] == code
        assert set(told) == set(usual)
        client.sandbox.clear()


def test_result_object(client: Client) -> None:
    rows = client.ask(CALL).json["result"]
    assert faulty(client, "result_object", route=CALL).json["result"] == rows[0]


def test_result_absent(client: Client) -> None:
    told = faulty(client, "result_absent", route=CALL).json
    assert (told["error_code"], "result" in told) == (0, False)


def test_no_match(client: Client) -> None:
    heard = faulty(client, "no_match", route=LOOKUP)
    assert (heard.status, len(in_soap(heard.body, "CongdanCollection"))) == (200, 1)
    assert in_soap(heard.body, "CongDan") == []
    told = faulty(client, "no_match", route="population.json").json
    assert (told["error_code"], in_soap(told["message"], "CongDan")) == (0, [])
    dossier = client.asking("TraCuuHoSo", mahoso="H00-0002")
    assert client.ask(CALL, sent=dossier).json["result"]
    told = faulty(client, "no_match", route=CALL, ask={"sent": dossier}).json
    assert (told["error_code"], "result" in told) == (0, False)
    assert client.ask(CALL).json["result"], "it acts on the look-up of a dossier alone"


def test_soap_fault(client: Client) -> None:
    heard = faulty(client, "soap_fault", route=LOOKUP)
    assert (heard.status, heard.headers["content-type"]) == (500, "text/xml;charset=UTF-8")
    assert in_soap(heard.body, "faultcode")[0].text == "soapenv:Server"
    client.sandbox.fault(LOOKUP, "soap_fault", status=200)
    assert client.ask(LOOKUP).status == 200
    wrapped = faulty(client, "soap_fault", route="population.json")
    assert (wrapped.status, wrapped.json["error_code"]) == (200, 0)
    assert in_soap(wrapped.json["message"], "faultstring")[0].text


def in_soap(text: str | bytes, name: str) -> list[ET.Element]:
    """The elements of this name in a message, which must be one."""
    root = ET.fromstring(text)
    assert root.tag == "{http://schemas.xmlsoap.org/soap/envelope/}Envelope"
    return [element for element in root.iter() if element.tag.rpartition("}")[2] == name]


# --- what the bus does not let through ---

WSO2 = {
    900901: 401, 900902: 401, 900908: 403, 900800: 429, 101503: 500, 101504: 504, 101505: 500, 303001: 503, 700700: 503,
}  # fmt: skip


@pytest.mark.parametrize("code", WSO2)
def test_wso2(client: Client, code: int) -> None:
    heard = faulty(client, f"wso2_{code}", route="lgsp.category")
    fault = heard.json["fault"]
    assert (heard.status, fault["code"], sorted(fault)) == (WSO2[code], code, ["code", "description", "message"])
    client.sandbox.fault("lgsp.category", f"wso2_{code}", form="json4")
    flat = client.ask("lgsp.category")
    assert (flat.status, flat.json) == (heard.status, fault | {"code": str(code)})
    client.sandbox.fault("lgsp.category", f"wso2_{code}", form="xml")
    in_xml = client.ask("lgsp.category")
    root = ET.fromstring(in_xml.body)
    assert (in_xml.status, in_xml.headers["content-type"]) == (heard.status, "application/xml;charset=UTF-8")
    assert root.tag.rpartition("}")[2] == "fault"
    assert {child.tag.rpartition("}")[2]: child.text for child in root} == flat.json


def test_wso2_faults_are_had_on_the_bus_alone(client: Client) -> None:
    assert faulty(client, "wso2_101504", route=CALL).json["fault"]["code"] == 101504
    assert faulty(client, "wso2_900901", route=LOOKUP).status == 401
    with pytest.raises(SandboxError, match=r"'wso2_900901' makes sense on lgsp\.category, "):
        client.sandbox.fault("igate.search", "wso2_900901")
    with pytest.raises(SandboxError, match="parameter 'form' must be one of json3, json4, xml, not 'yaml'"):
        client.sandbox.fault(CALL, "wso2_900901", form="yaml")
    with pytest.raises(SandboxError, match="it takes form='json3'"):
        client.sandbox.fault(CALL, "wso2_900901", kind="xml")


# --- redirects ---


def test_redirect_loop(client: Client) -> None:
    heard = faulty(client, "redirect_loop", ask={"target": "/pa/dossier/search?size=1"})
    assert (heard.status, heard.headers["location"]) == (302, "/pa/dossier/search?size=1")


def test_redirect_chain(client: Client) -> None:
    heard, hops = faulty(client, "redirect_chain", ask={"target": "/pa/dossier/search?size=1"}), 0
    while heard.status == 302:
        heard, hops = client.ask(SEARCH, target=heard.headers["location"]), hops + 1
    assert hops == 15
    assert json.loads(heard.body)["size"] == 1


def test_redirect_host(client: Client) -> None:
    heard = faulty(client, "redirect_host")
    assert (heard.status, heard.headers["location"]) == (302, "http://may-chu-khac.invalid/")


# --- tokens ---


def test_expired_token(client: Client, sandbox: Sandbox) -> None:
    def login() -> str:
        return json.loads(client.ask("igate.token").body)["access_token"]

    assert faulty(client, "expired_token").status == 401
    assert client.ask("igate.agencies").status == 200, "a fault of a route acts on that route alone"
    renewed = login()
    assert [client.ask(SEARCH, token=renewed).status for _ in range(2)] == [200, 200]
    sandbox.clear()
    sandbox.fault("igate.token", "expired_token")
    once = login()
    sandbox.clear()
    assert [client.ask(SEARCH, token=once).status for _ in range(2)] == [200, 401]


TOKENS = [("lgsp.token", "lgsp.category"), ("national.login", CALL), ("lgsp.token", LOOKUP), ("population.c06", LOOKUP)]
"""Where tokens are had, and where they are taken."""


def refused(heard: Heard) -> bool:
    """Whether a route of the bus did not take a token, in its own words."""
    if heard.status == 401:
        return bool(heard.json["fault"]["code"] == 900901)
    return heard.body.startswith(b"{") and heard.json["error_code"] == "-2"


@pytest.mark.parametrize(("source", "route"), TOKENS)
def test_expired_token_on_the_bus(client: Client, sandbox: Sandbox, source: str, route: str) -> None:
    def login() -> str:
        told = client.ask(source).json
        return str(told["session"] if source == "national.login" else told["access_token"])

    old = login()
    assert not refused(client.ask(route, token=old))
    sandbox.fault(route, "expired_token")
    assert refused(client.ask(route, token=old))
    renewed = login()
    assert [refused(client.ask(route, token=renewed)) for _ in range(2)] == [False, False]
    sandbox.clear()
    sandbox.fault(source, "expired_token")
    once = login()
    sandbox.clear()
    assert [refused(client.ask(route, token=once)) for _ in range(2)] == [False, True]


def test_wrong_credentials(client: Client) -> None:
    heard = faulty(client, "wrong_credentials", route="igate.token")
    assert (heard.status, json.loads(heard.body)["error"]) == (401, "invalid_grant")


def test_wrong_credentials_on_the_bus(client: Client) -> None:
    for route in ("lgsp.category", CALL, LOOKUP):
        assert refused(faulty(client, "wrong_credentials", route=route)), route
    assert client.ask(LOOKUP, headers=client.signed(client.urls[LOOKUP])).status == 401, "who signs is refused too"
    for route in ("lgsp.token", "population.c06"):
        heard = faulty(client, "wrong_credentials", route=route)
        assert (heard.status, heard.json["error"]) == (401, "invalid_client")
    told = faulty(client, "wrong_credentials", route="national.login").json
    assert (told["error_code"], "session" in told) == ("-1", False)
    assert faulty(client, "wrong_credentials", route="population.json").json["error_code"] == "-2"


# --- all of them ---


def test_every_fault_is_tested() -> None:
    tested = {name.removeprefix("test_") for name in globals()}
    by_number = {f"http_{status}" for status in (401, 403, 404, 500, 502, 503)} | {f"wso2_{code}" for code in WSO2}
    assert {*FAULTS, *LISTENER_FAULTS} - tested == by_number | {"code_0", "code_00"}


def test_every_fault_says_what_it_does_and_stands_where_it_can_be_had(sandbox: Sandbox) -> None:
    told = describe(sandbox.addresses.api)
    assert told["faults"].keys() == FAULTS.keys() | LISTENER_FAULTS.keys() | TLS_FAULTS.keys() | DNS_FAULTS.keys()
    routes = {
        where: {name for name, route in told["routes"].items() if route["upstream"] == where}
        for where in ("bus", "dns")
    }
    assert {route for routes in ONLY_ON.values() for route in routes} <= told["routes"].keys()
    assert ONLY_ON["wso2_900901"] == routes["bus"]
    assert ONLY_ON["tls_expired"] == routes["bus"] | {"tls.page"}
    assert ONLY_ON["dns_silent"] == routes["dns"]


@pytest.mark.parametrize("name", sorted(set(FAULTS) - set(ONLY_ON)))
@pytest.mark.parametrize("route", ["igate.portal", "shared.category", CALL, LOOKUP])
def test_every_fault_can_be_had_on_every_kind_of_route(client: Client, name: str, route: str) -> None:
    is_silent = name in {"hang_headers", "slow", "reset", "close"}
    heard = faulty(client, name, route=route, ask={"patience": 0.05 if is_silent else 5.0, "most": 1})
    assert bool(heard.data) != is_silent
    client.sandbox.clear(route)
    assert client.ask(route).status == 200


def test_unknown_names_are_answered_with_what_was_meant(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match=r"no route 'igate.serch'; did you mean 'igate.search'\?"):
        sandbox.fault("igate.serch", "slow")
    with pytest.raises(SandboxError, match=r"no fault 'sloww'; did you mean 'slow'\?"):
        sandbox.fault(SEARCH, "sloww")
    with pytest.raises(SandboxError, match="no fault 'động đất'; there are: refuse, "):
        sandbox.fault(SEARCH, "động đất")
    with pytest.raises(SandboxError, match=r"has no parameter 'wait'; it takes delay=3\.0"):
        sandbox.fault(SEARCH, "slow", wait=3)
    with pytest.raises(SandboxError, match="parameter 'delay' must be a float, not 'lâu'"):
        sandbox.fault(SEARCH, "slow", delay="lâu")
    with pytest.raises(SandboxError, match=r"makes sense on igate\.token, lgsp\.category, .* alone"):
        sandbox.fault("igate.portal", "wrong_credentials")
    with pytest.raises(SandboxError, match="'for' must be a number of seconds above 0"):
        sandbox.fault(SEARCH, "slow", seconds=-1)
    with pytest.raises(SandboxError, match="no route"):
        sandbox.clear("igate.serch")
