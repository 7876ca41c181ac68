"""The bus (LGSP/NDXP): one TLS listener, and behind it what the province reaches through it alone.

POST /token                                    lgsp.token        as WSO2: a key and secret become a Bearer token
GET  /dmdc/1.0/AllCategory                     lgsp.category     array of shared lists; Bearer
POST /XrdAdapter/RestService/forward/mapi/login   national.login   a session of the national portal
POST /XrdAdapter/RestService/forward/mapi/g       national.call    one of its services, for a session
POST ...                                       population.*      see `population`

lgsp.token takes the grant client_credentials, from whom HTTP Basic names or the header lgspaccesstoken: base64 of the
JSON {AccessKey, SecretKey, AppName, PartnerCode, PartnerCodeCus}.

The two of national need the dstcode of the portal, as a header or in the query; without it the security server answers,
in X-Road's words. Of national.call are understood the services LayDanhMucLinhVuc, LayDanhSachTTHC and TraCuuHoSo
(mahoso: the portal has the dossiers of the simulated flow, and every code that ends in an even digit). Its error codes:
-1 for a request that is no good, -2 for a session that is not known or over.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from connectors.sandbox import wso2
from connectors.sandbox.dossiers import AGENCIES, PROCEDURES, Flow
from connectors.sandbox.names import BUS_HOST
from connectors.sandbox.population import Population
from connectors.sandbox.upstreams import (
    BUS_KEY,
    BUS_SECRET,
    NATIONAL_AGENCY,
    NATIONAL_DSTCODE,
    NATIONAL_PASSWORD,
    NATIONAL_USER,
    Answer,
    Route,
    Tokens,
    Upstream,
    basic,
    bearer,
    is_partner,
    phrase,
)
from connectors.sandbox.wire import Reply, Request, json_reply

PROCEDURES_OF_THE_COUNTRY = 1_808  # rows of LayDanhSachTTHC


def bus(flow: Callable[[float], Flow], *, token_ttl: int, ahead: float = 0) -> Upstream:
    """The bus; arguments as for upstreams.province()."""
    tokens = Tokens(token_ttl)
    routes = (*Lgsp(tokens).routes(), *National(tokens, flow, ahead).routes(), *Population(tokens).routes())
    return Upstream("bus", routes, wso2.http_error, host=BUS_HOST)


# --- the gateway's own ------------------------------------------------------------------------------------------------

CATEGORIES = {
    "donvihanhchinhcap1": "Đơn vị hành chính cấp 1",
    "donvihanhchinhcap2": "Đơn vị hành chính cấp 2",
    "donvihanhchinhcap3": "Đơn vị hành chính cấp 3",
    "madantoc": "Dân tộc",
    "matongiao": "Tôn giáo",
    "magioitinh": "Giới tính",
    "maquocgia": "Quốc gia",
    "matinhtranghonnhan": "Tình trạng hôn nhân",
    "mabuuchinhcap1": "Mã bưu chính cấp 1",
    "maloaivanbantheoqdpl": "Loại văn bản quy phạm pháp luật",
}


class Lgsp:
    """WSO2's token endpoint, and the shared lists."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("lgsp.token", "POST", "/token", self.token, "access_token", refuse=oauth_error, error_field="error"),
            Route("lgsp.category", "GET", "/dmdc/1.0/AllCategory", self.category, "PropertyCode"),
        )

    def token(self, request: Request) -> Reply:
        partner = request.headers.get("lgspaccesstoken")
        knows = basic(request) == (BUS_KEY, BUS_SECRET) if partner is None else is_partner(partner)
        if request.orders.refuse_credentials or not knows:
            return oauth_error(401, request)
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials":
            return json_reply({"error": "unsupported_grant_type", "error_description": "Unsupported grant_type"}, 400)
        token = self._tokens.issue(request.received_at, "ung-dung", kind="Bearer", single_use=request.orders.single_use)
        return json_reply(
            {
                "access_token": token,
                "scope": "am_application_scope default",
                "token_type": "Bearer",
                "expires_in": self._tokens.ttl,
            }
        )

    def category(self, request: Request) -> Reply:
        token, orders = bearer(request), request.orders
        if token is None:
            return wso2.fault_reply(900902)
        refusal = self._tokens.refusal(token, request.received_at, kind="Bearer", issued_from=orders.tokens_from)
        if refusal or orders.refuse_credentials:
            return wso2.fault_reply(900901)
        return json_reply(
            [
                {"PropertyCode": code, "PropertyName": f"{name} (mô phỏng)", "PropertyType": "Category"}
                for code, name in CATEGORIES.items()
            ]
        )


def oauth_error(status: int, _request: Request) -> Reply:
    """How the token endpoint words an HTTP error."""
    code = "invalid_client" if status == 401 else phrase(status).lower().replace(" ", "_")
    return json_reply({"error": code, "error_description": f"{phrase(status)} (mô phỏng)"}, status)


# --- the national portal's adapter ------------------------------------------------------------------------------------


class Unserved(Exception):
    """The portal's answer to a call that it does not serve: HTTP 200 with an error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class National:
    """The adapter on the province's security server: a session, and services for it."""

    def __init__(self, tokens: Tokens, flow: Callable[[float], Flow], ahead: float = 0) -> None:
        self._tokens = tokens
        self._flow = flow
        self._ahead = ahead

    def routes(self) -> tuple[Route, ...]:
        base = "/XrdAdapter/RestService/forward/mapi"
        login, call = _routed(self.login), _routed(self.call)
        return (
            Route("national.login", "POST", f"{base}/login", login, "session", refuse=xroad_error),
            Route("national.call", "POST", f"{base}/g", call, "result", shows_dossiers=True, refuse=xroad_error),
        )

    def login(self, request: Request, sent: dict[str, Any]) -> dict[str, Any]:
        orders = request.orders
        if orders.refuse_credentials or (sent.get("username"), sent.get("password")) != (
            NATIONAL_USER,
            NATIONAL_PASSWORD,
        ):
            raise Unserved("-1", "Tên đăng nhập hoặc mật khẩu không đúng")
        session = self._tokens.issue(request.received_at, NATIONAL_USER, kind="Session", single_use=orders.single_use)
        return {"session": session}

    def call(self, request: Request, sent: dict[str, Any]) -> dict[str, Any]:
        session, orders = sent.get("session"), request.orders
        if (
            orders.refuse_credentials
            or not isinstance(session, str)
            or self._tokens.refusal(session, request.received_at, kind="Session", issued_from=orders.tokens_from)
        ):
            raise Unserved("-2", "Phiên làm việc không hợp lệ")
        if sent.get("madonvi") != NATIONAL_AGENCY:
            raise Unserved("-1", "Mã đơn vị không đúng")
        match sent.get("service"):
            case "LayDanhMucLinhVuc":
                return {"result": sectors()}
            case "LayDanhSachTTHC":
                return {"result": procedures()}
            case "TraCuuHoSo":
                found = [] if orders.no_match else self._find(str(sent.get("mahoso", "")), request.received_at)
                return {"result": found} if found else {}
        raise Unserved("-1", "Không có dịch vụ này")

    def _find(self, code: str, now: float) -> list[dict[str, str]]:
        """What the portal has of a dossier; empty: nothing."""
        flow = self._flow(now)
        number = flow.find(code)
        is_ours = number is not None and number < flow.count(now + self._ahead)
        if not is_ours and code[-1:] not in {"0", "2", "4", "6", "8"}:
            return []
        procedure = PROCEDURES[flow.procedure[number] if is_ours and number is not None else 0]
        return [
            {
                "MAHOSO": code,
                "MATTHC": procedure.code,
                "TENTTHC": procedure.name,
                "DONVIXULY": AGENCIES[procedure.agency].name,
                "CHUHOSO": "CHỦ HỒ SƠ MÔ PHỎNG",
                "SOGIAYTOCHUHOSO": "000000000000",
                "TRANGTHAIHOSO": "4",
                "KENHTHUCHIEN": "2",
            }
        ]


def _routed(serve: Callable[[Request, dict[str, Any]], dict[str, Any]]) -> Answer:
    """The answer of a service of the portal, where the request finds its way there."""

    def answer(request: Request) -> Reply:
        if NATIONAL_DSTCODE not in (request.headers.get("dstcode"), request.query.get("dstcode")):
            return xroad_error(500, request)
        try:
            return json_reply({"error_code": 0, "message": "Thành công", **serve(request, _object(request.body))})
        except Unserved as error:
            return json_reply({"error_code": error.code, "message": str(error)})

    return answer


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises Unserved."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Unserved("-1", "Dữ liệu không hợp lệ")
    return value


def xroad_error(status: int, _request: Request) -> Reply:
    """How a security server words an HTTP error."""
    kind = "Server.ClientProxy.UnknownMember" if status == 500 else f"Server.ClientProxy.{phrase(status)}"
    kind = kind.replace(" ", "")
    body = {"type": kind, "message": f"{phrase(status)} (mô phỏng)", "detail": None}
    return json_reply(body, status, (("X-Road-Error", kind),))


@lru_cache(1)
def sectors() -> list[dict[str, str]]:
    names = dict.fromkeys(it.sector for it in PROCEDURES)
    return [
        {"MALINHVUC": f"G00-MP{number:02d}", "TENLINHVUC": name, "MANGANH": f"MP{number:02d}"}
        for number, name in enumerate(names, start=1)
    ]


@lru_cache(1)
def procedures() -> list[dict[str, str]]:
    return [
        {
            "MATTHC": f"0.{number:06d}",
            "TENTTHC": PROCEDURES[number % len(PROCEDURES)].name,
            "MACOQUANCONGBO": "000.00.00.G00",
        }
        for number in range(1, PROCEDURES_OF_THE_COUNTRY + 1)
    ]
