"""The population database behind the bus: one person, who is invented, and everybody else is not found.

POST /apiDanCu/1.0/TraCuuThongTinCongDan   population.lookup   SOAP 1.1, for those who may ask
POST /c06/auth                             population.c06      a token, for a request signed by profile c06_sha256
POST /dancu/json                           population.json     profile json_wrapper: SOAP comes in JSON

Who brings population.lookup a token of lgsp.token or population.c06 may ask, and who signs the request itself by
c06_sha256: HTTP Basic with the user and, for the password, the SHA-256 in hexadecimal of authUrl + user + Timestamp +
secret; the headers Timestamp (seconds or milliseconds), X-Road-Client and ApiKey. The authUrl is that of population.c06
or that of the request.

A request has the fields of FIELDS, in SOAP in their order; those in REQUIRED must not be empty. Nobody found is HTTP
200 without CongDan. population.lookup also takes the JSON of profile lgspaccesstoken, {accessToken, lgspAccessToken,
AuthHash, data: SOAP text}, and answers it like any other; how a real one answers it is not known.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from connectors.sandbox import wso2
from connectors.sandbox.upstreams import (
    POPULATION_API_KEY,
    POPULATION_BORN,
    POPULATION_CLIENT,
    POPULATION_NAME,
    POPULATION_OLD_SUBJECT,
    POPULATION_SECRET,
    POPULATION_SUBJECT,
    POPULATION_USER,
    Route,
    Tokens,
    basic,
    bearer,
    is_partner,
)
from connectors.sandbox.wire import SOAP, Reply, Request, json_reply, soap_envelope, soap_error, xml_reply

REQUEST = "http://dancuquocgia.bca"
RESPONSE = "http://www.mic.gov.vn/dancu/1.0"
SERVICE = "037"  # MaTichHop

FIELDS = (
    "MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "MaDonVi", "TaiKhoan", "SoDienThoai", "SoDinhDanh", "SoCMND",
    "HoVaTen", "NgayThangNam", "Nam",
)  # fmt: skip
"""The fields of a request in their order; in SOAP the last two are children of NgayThangNamSinh."""

REQUIRED = ("MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "HoVaTen")
SHAPES = {"SoDinhDanh": r"\d{12}", "SoCMND": r"\d{9}", "NgayThangNam": r"\d{8}", "Nam": r"\d{4}", "MaTichHop": SERVICE}

C06_PATH = "/c06/auth"
CLOCKS_APART = 300.0
"""Seconds that a Timestamp of profile c06_sha256 may be off."""

_PLACE = {
    "MaTinhThanh": "00",
    "MaQuanHuyen": "000",
    "MaPhuongXa": "00000",
    "ChiTiet": "Số 0, ĐƯỜNG MÔ PHỎNG",
    "QuocGia": "VN",
}
_RELATIVE = {"HoVaTen": POPULATION_NAME, "SoDinhDanh": POPULATION_SUBJECT, "SoCMND": POPULATION_OLD_SUBJECT}

PERSON: dict[str, Any] = {
    "SoDinhDanh": POPULATION_SUBJECT,
    "SoCMND": POPULATION_OLD_SUBJECT,
    "HoVaTen": {"Ho": "NGƯỜI", "ChuDem": "MÔ", "Ten": POPULATION_NAME},
    "GioiTinh": "1",
    "DanToc": "00",
    "TonGiao": "00",
    "TinhTrangHonNhan": "0",
    "NhomMau": "00",
    "NgayThangNamSinh": {"NgayThangNam": POPULATION_BORN},
    "NoiDangKyKhaiSinh": _PLACE,
    "QueQuan": _PLACE,
    "ThuongTru": _PLACE,
    "NoiOHienTai": _PLACE,
    "QuocTich": "VN",
    "Cha": _RELATIVE,
    "Me": _RELATIVE,
    "VoChong": _RELATIVE,
    "NguoiDaiDien": _RELATIVE,
    "ChuHo": {"QuanHe": "00", **_RELATIVE},
    "SoSoHoKhau": POPULATION_OLD_SUBJECT,
}
"""Nobody: every field in which the real database holds a person's data, filled with what cannot be one."""


class Unusable(Exception):
    """What is wrong with a request; the text is the database's own."""


class Population:
    """The look-up in its three profiles. `tokens` are those of the bus."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def routes(self) -> tuple[Route, ...]:
        path = "/apiDanCu/1.0/TraCuuThongTinCongDan"
        return (
            Route("population.lookup", "POST", path, self.lookup, "CongdanCollection"),
            Route("population.c06", "POST", C06_PATH, self.authenticate, "access_token", error_field="error"),
            Route("population.json", "POST", "/dancu/json", self.wrapped, "message"),
        )

    # --- SOAP ---

    def lookup(self, request: Request) -> Reply:
        try:
            token, text = _unwrapped(request) if _is_json(request) else (bearer(request), request.body)
            if token is None and basic(request) is None:
                return wso2.fault_reply(900902)
            may_ask = _is_signed(request) if token is None else self._takes(token, request)
            if not may_ask or request.orders.refuse_credentials:
                return wso2.fault_reply(900901)
            return xml_reply(answer(read(text), request))
        except Unusable as error:
            return xml_reply(soap_error("Client", str(error)), 500)

    def _takes(self, token: str, request: Request) -> bool:
        """Whether the token is one of the bus or one of population.c06."""
        now, since = request.received_at, request.orders.tokens_from
        return not all(self._tokens.refusal(token, now, kind=kind, issued_from=since) for kind in ("Bearer", "C06"))

    # --- profile json_wrapper ---

    @staticmethod
    def wrapped(request: Request) -> Reply:
        """{error_code, message}: the message is SOAP if the code is 0, else a sentence."""
        if request.orders.refuse_credentials:
            return json_reply({"error_code": "-2", "message": "Cán bộ chưa được cấp quyền tra cứu (mô phỏng)"})
        try:
            sent = _object(request.body)
            fields = checked({name: str(sent[name]) for name in FIELDS if sent.get(name)})
            return json_reply({"error_code": 0, "message": answer(fields, request)})
        except Unusable as error:
            return json_reply({"error_code": "-1", "message": str(error)})

    # --- profile c06_sha256 ---

    def authenticate(self, request: Request) -> Reply:
        if request.orders.refuse_credentials or not _is_signed(request):
            return json_reply({"error": "invalid_client", "error_description": "Xác thực không thành công"}, 401)
        token = self._tokens.issue(
            request.received_at, POPULATION_USER, kind="C06", single_use=request.orders.single_use
        )
        return json_reply({"access_token": token, "expires_in": self._tokens.ttl, "token_type": "Bearer"})


def answer(fields: Mapping[str, str], request: Request) -> str:
    """The SOAP text for a request that is in order."""
    is_known = fields["HoVaTen"] == POPULATION_NAME and (
        fields.get("SoDinhDanh") == POPULATION_SUBJECT or fields.get("SoCMND") == POPULATION_OLD_SUBJECT
    )
    found = xml({"CongDan": PERSON}) if is_known and not request.orders.no_match else ""
    return soap_envelope(f'<ns1:CongdanCollection xmlns:ns1="{RESPONSE}">{found}</ns1:CongdanCollection>')


def xml(fields: Mapping[str, Any]) -> str:
    """Elements of the response's namespace, nested as the fields are."""
    return "".join(
        f"<ns1:{name}>{escape(value) if isinstance(value, str) else xml(value)}</ns1:{name}>"
        for name, value in fields.items()
    )


def read(text: bytes) -> dict[str, str]:
    """The fields of a SOAP request. Raises Unusable."""
    if b"<!DOCTYPE" in text:
        raise Unusable("DTD không được chấp nhận")
    try:
        envelope = ET.fromstring(text)  # noqa: S314 - without a DTD there are no entities to blow up
    except ET.ParseError as error:
        raise Unusable("Thông điệp không phải XML") from error
    operation = envelope.find(f"{{{SOAP}}}Body/{{{REQUEST}}}TraCuuThongTinCongDan")
    if operation is None:
        raise Unusable("Không có thao tác TraCuuThongTinCongDan")
    fields: dict[str, str] = {}
    for element in operation.iter():
        name = element.tag.rpartition("}")[2]
        if element is not operation and name != "NgayThangNamSinh":
            fields[name] = (element.text or "").strip()
    if [name for name in FIELDS if name in fields] != list(fields):
        raise Unusable(f"Các trường phải là, theo thứ tự: {', '.join(FIELDS)}")
    return checked({name: value for name, value in fields.items() if value})


def checked(fields: dict[str, str]) -> dict[str, str]:
    """The same fields, none of them empty, if a request may have them so. Raises Unusable."""
    if missing := [name for name in REQUIRED if name not in fields]:
        raise Unusable(f"Thiếu trường {', '.join(missing)}")
    for either in (("SoDinhDanh", "SoCMND"), ("NgayThangNam", "Nam")):
        if len([name for name in either if name in fields]) != 1:
            raise Unusable(f"Phải có đúng một trong hai trường {either[0]}, {either[1]}")
    wrong = [name for name, shape in SHAPES.items() if name in fields and not re.fullmatch(shape, fields[name])]
    if wrong or fields["HoVaTen"] != fields["HoVaTen"].upper():
        raise Unusable(f"Giá trị không hợp lệ: {', '.join(wrong or ['HoVaTen'])}")
    return fields


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/json")


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises Unusable."""
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Unusable("Dữ liệu không phải JSON") from error
    if not isinstance(value, dict):
        raise Unusable("Dữ liệu không phải một đối tượng JSON")
    return value


def _unwrapped(request: Request) -> tuple[str | None, bytes]:
    """Token and SOAP text in the JSON of profile lgspaccesstoken. Raises Unusable."""
    wrapper = _object(request.body)
    if not is_partner(str(wrapper.get("lgspAccessToken", ""))) or not wrapper.get("AuthHash"):
        return None, b""
    token = wrapper.get("accessToken")
    return token.removeprefix("Bearer ") if isinstance(token, str) else None, str(wrapper.get("data", "")).encode()


def _is_signed(request: Request) -> bool:
    """Whether a request brings all that profile c06_sha256 wants of it."""
    user, digest = basic(request) or ("", "")
    stamp = request.headers.get("timestamp", "")
    addresses = [f"https://{request.headers.get('host', '')}{path}" for path in (C06_PATH, request.target)]
    wanted = [hashlib.sha256(f"{it}{user}{stamp}{POPULATION_SECRET}".encode()).hexdigest() for it in addresses]
    return (
        user == POPULATION_USER
        and digest in wanted
        and abs(_seconds(stamp) - request.received_at) <= CLOCKS_APART
        and request.headers.get("x-road-client") == POPULATION_CLIENT
        and request.headers.get("apikey") == POPULATION_API_KEY
    )


def _seconds(stamp: str) -> float:
    """The instant of a Timestamp in seconds or milliseconds; before all time if it is neither."""
    if not re.fullmatch(r"[0-9]{1,13}", stamp):
        return float("-inf")
    return int(stamp) / (1000 if len(stamp) == 13 else 1)
