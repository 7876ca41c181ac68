"""How WSO2's API gateway, on which the bus is built, words a call that it does not let through.

Its versions do not agree on the form: 3.x nests the fault in JSON and writes the code as a number, 4.x does neither,
and who asks for XML gets XML.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple
from xml.sax.saxutils import escape

from connectors.sandbox.wire import Reply, Request, json_reply


class Form(StrEnum):
    JSON3 = "json3"  # {"fault": {"code": 900901, "message", "description"}}
    JSON4 = "json4"  # {"code": "900901", "message", "description"}
    XML = "xml"  # <ams:fault> (of the security handlers) or <am:fault>, with the same children


class Fault(NamedTuple):
    status: int  # HTTP
    message: str
    description: str


FAULTS: dict[int, Fault] = {
    900901: Fault(401, "Invalid Credentials", "Make sure you have provided the correct security credentials"),
    900902: Fault(401, "Missing Credentials", "Make sure your API invocation call has a header: 'Authorization'"),
    900906: Fault(404, "No matching resource found", "No matching resource found in the API for the given request"),
    900908: Fault(403, "Resource forbidden", "User is NOT authorized to access the Resource"),
    900800: Fault(429, "Message throttled out", "You have exceeded your quota"),
    101503: Fault(500, "Error connecting to the back end", "Error connecting to the back end"),
    101504: Fault(504, "Send timeout", "The back end did not answer in time"),
    101505: Fault(500, "Connection closed", "The back end closed the connection"),
    303001: Fault(
        503, "Endpoint suspended", "Currently, Address endpoint: [ Name: AnonymousEndpoint ] [ State: SUSPENDED ]"
    ),
    700700: Fault(503, "API blocked", "This API has been blocked temporarily"),
}
"""By code: those of authentication (9009xx), throttling (9008xx), the transport behind the gateway (1015xx, 303001)
and of an API that was taken out of service (700700)."""

_OF_HTTP = {401: 900901, 403: 900908, 404: 900906, 405: 900906, 429: 900800, 503: 303001, 504: 101504}


def fault_reply(code: int, form: Form = Form.JSON3) -> Reply:
    """The reply with the fault of this code."""
    fault = FAULTS[code]
    return _reply(code, fault, fault.status, form)


def http_error(status: int, _request: Request) -> Reply:
    """How an HTTP error is worded."""
    code = _OF_HTTP.get(status, 101503)
    return _reply(code, FAULTS[code], status, Form.JSON3)


def _reply(code: int, fault: Fault, status: int, form: Form) -> Reply:
    headers = (("WWW-Authenticate", 'Bearer realm="WSO2 API Manager"'),) if status == 401 else ()
    said = {"message": fault.message, "description": f"{fault.description} (mô phỏng)"}
    if form is Form.JSON3:
        return json_reply({"fault": {"code": code, **said}}, status, headers)
    if form is Form.JSON4:
        return json_reply({"code": str(code), **said}, status, headers)
    prefix, namespace = ("ams", "/security") if 900900 <= code < 901000 else ("am", "")
    inside = "".join(
        f"<{prefix}:{name}>{escape(str(value))}</{prefix}:{name}>" for name, value in {"code": code, **said}.items()
    )
    text = f'<{prefix}:fault xmlns:{prefix}="http://wso2.org/apimanager{namespace}">{inside}</{prefix}:fault>'
    return Reply(status, "application/xml;charset=UTF-8", text.encode(), headers)
