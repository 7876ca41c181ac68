"""What a WSO2 gateway says of itself, whatever lies behind it: tokens and faults (protocols, section 4.1)."""

from __future__ import annotations

import re
from base64 import b64encode

from connectors import expect, soap
from monitor.model import Auth, Finding, Login, Reason, Reply, Request, Rule, Step

MEANINGS: dict[str, Reason] = {
    **dict.fromkeys(("900900", "900901", "900902", "900908", "900910"), Reason.AUTH_FAILED),
    "900906": Reason.HTTP_4XX,  # no such resource
    **{f"90080{digit}": Reason.RATE_LIMITED for digit in range(8)},
    "700700": Reason.HTTP_5XX,  # the API is blocked
    **dict.fromkeys(("101503", "101504", "101505", "303001"), Reason.HTTP_5XX),  # the service behind it fails
}
"""What the gateway's codes mean (protocols, section 4.1)."""

_FAMILIES = re.compile(r"(900|101|303)\d{3}|700700")


def token(url: str, *headers: tuple[str, str]) -> Login:
    """Asks for a token by client credentials (RFC 6749, section 4.4); the headers say who asks."""
    reply = yield Step(
        "token",
        Request(
            url,
            "POST",
            (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"), *headers),
            b"grant_type=client_credentials",
        ),
        (
            fault(),
            expect.token_refused(),
            expect.status(),
            expect.json_type(),
            expect.no_error_code("error"),
            expect.token("access_token"),
        ),
    )
    return Auth(reply.json["access_token"], expect.lifetime(reply))


def basic(user: str, password: str) -> str:
    """The value of the header Authorization by which a user and a password are sent (RFC 7617)."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def fault() -> Rule:
    """The gateway reports no fault of its own, whatever the HTTP status. Comes before the rule of the status.

    A code that is not in the table leaves the word to the status; where that is a good one, it is a business_error.
    """

    def rule(reply: Reply) -> Finding | None:
        code = fault_code(reply)
        reason = MEANINGS.get(code or "")
        if code is None or (reason is None and reply.status // 100 != 2):
            return None
        return Finding(reason or Reason.BUSINESS_ERROR, f"gateway {expect.safe_code(code)}".strip())

    return rule


def fault_code(reply: Reply) -> str | None:
    """The code of a fault of the gateway, "" of one without a code that can be read; None where there is no fault.

    Faults are {"fault": {"code": ...}} (3.x), a flat {"code": ...} (4.x), or XML <fault><code> under any prefix. A flat
    code counts only if it is one of the gateway's: the services behind it have codes, too.
    """
    if reply.body.lstrip(soap.SPACE).startswith(b"<"):
        root = soap.document(reply.body) if b"fault" in reply.body else None
        code = root.findtext("code") if root is not None and root.tag == "fault" else None
        return None if code is None else code.strip()
    if expect.json_type()(reply):
        return None
    reported = reply.json.get("fault")
    if isinstance(reported, dict) and "code" in reported:
        return expect.as_code(reported["code"])
    flat = expect.as_code(reply.json.get("code"))
    return flat if _FAMILIES.fullmatch(flat) else None


def expired(reply: Reply) -> bool:
    """The gateway does not know the token any more: HTTP 401, or its code for it under another status."""
    return reply.status == 401 or fault_code(reply) == "900901"
