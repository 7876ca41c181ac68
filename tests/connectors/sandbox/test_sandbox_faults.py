"""Every fault, by what arrives on the wire."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from connectors.sandbox import Sandbox, SandboxError
from connectors.sandbox.faults import FAULTS, LISTENER_FAULTS, ONLY_ON

if TYPE_CHECKING:
    from tests.connectors.sandbox.conftest import Client, Heard

SEARCH = "igate.search"


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


def test_business_error(client: Client) -> None:
    heard = faulty(client, "business_error")
    assert (heard.status, json.loads(heard.body)["error_code"]) == (200, "-1")
    assert json.loads(faulty(client, "business_error", route="igate.token").body)["error"] == "-1"
    other = faulty(client, "business_error", route="shared.category", code="106", field="errorCode")
    assert json.loads(other.body)["errorCode"] == "106"


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


def test_wrong_credentials(client: Client) -> None:
    heard = faulty(client, "wrong_credentials", route="igate.token")
    assert (heard.status, json.loads(heard.body)["error"]) == (401, "invalid_grant")


# --- all of them ---


def test_every_fault_is_tested() -> None:
    tested = {name.removeprefix("test_") for name in globals()}
    named = {name for name in {**FAULTS, **LISTENER_FAULTS} if not name.startswith("http_") or name == "http_429"}
    assert named - tested == set()


@pytest.mark.parametrize("name", sorted(set(FAULTS) - set(ONLY_ON)))
@pytest.mark.parametrize("route", ["igate.portal", "shared.category"])
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
    with pytest.raises(SandboxError, match=r"makes sense on igate\.token alone"):
        sandbox.fault("igate.portal", "wrong_credentials")
    with pytest.raises(SandboxError, match="'for' must be a number of seconds above 0"):
        sandbox.fault(SEARCH, "slow", seconds=-1)
    with pytest.raises(SandboxError, match="no route"):
        sandbox.clear("igate.serch")
