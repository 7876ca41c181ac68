"""The one table that turns what the transport saw into a reason: libcurl's code, the phase, the bytes seen.

Pure: knows libcurl's numbers (curl/curl.h), not libcurl. What a *reply* means is said by the rules of `expect`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass

from monitor.model import Reason


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a transfer that failed."""

    code: int  # CURLcode
    text: str = ""  # libcurl's words
    os_errno: int = 0
    https: bool = False
    connected: bool = False
    tls_done: bool = False
    bytes_in: int = 0
    over_cap: bool = False  # we stopped reading at our own limit
    verify: int = 0  # OpenSSL's X509_V_ERR_*
    proxied: bool = False  # by our own way out

    @property
    def handshaking(self) -> bool:
        return self.https and self.connected and not self.tls_done

    def says(self, *words: str) -> bool:
        text = self.text.lower()
        return any(word in text for word in words)


Condition = Callable[[Seen], bool]


def _always(_: Seen) -> bool:
    return True


_OURS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOMEM, errno.ENOBUFS, errno.EACCES, errno.EPERM}
)
_EXPIRED = ("certificate has expired", "certificate expired")
_ENDED = ("unexpected eof",)  # of a TLS connection that was closed without a word
_TOO_OLD = ("unsupported protocol", "protocol version", "no protocols available", "version too low")

TABLE: tuple[tuple[tuple[int, ...], Condition, Reason], ...] = (
    # CURLcodes, condition, reason: the first row that fits. Numbers are those of curl/curl.h.
    ((6,), _always, Reason.DNS_FAILURE),
    # Our own way out, unless it says that the system is what it can't reach.
    ((7, 56), lambda s: s.proxied and s.says("tunnel failed, response 5"), Reason.HTTP_5XX),
    ((7, 5, 97), lambda s: s.proxied, Reason.PROBE_ERROR),
    ((56,), lambda s: s.proxied and s.says("proxy", "tunnel"), Reason.PROBE_ERROR),
    ((28,), lambda s: s.proxied and not s.connected, Reason.PROBE_ERROR),
    ((7,), lambda s: s.os_errno in _OURS, Reason.PROBE_ERROR),
    ((7,), lambda s: s.os_errno in (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH), Reason.CONNECT_TIMEOUT),
    ((7,), _always, Reason.CONNECT_REFUSED),
    ((63, 100), _always, Reason.TOO_LARGE),  # the length announced; a line of headers
    ((23,), lambda s: s.over_cap, Reason.TOO_LARGE),  # we refused more
    ((28,), lambda s: s.handshaking, Reason.TLS_HANDSHAKE),
    ((28,), lambda s: not s.connected, Reason.CONNECT_TIMEOUT),
    ((28,), lambda s: s.bytes_in == 0, Reason.READ_TIMEOUT),
    ((28,), _always, Reason.DEADLINE_EXCEEDED),
    ((35, 51, 60), lambda s: s.verify == 10 or s.says(*_EXPIRED), Reason.TLS_EXPIRED),
    (
        (51, 60),
        lambda s: s.verify in (62, 63, 64) or s.says("does not match", "no alternative certificate", "no subject alt"),
        Reason.TLS_HOSTNAME,
    ),
    ((51, 60), _always, Reason.TLS_UNTRUSTED),
    ((35,), lambda s: s.says(*_TOO_OLD), Reason.TLS_PROTOCOL),
    ((35,), _always, Reason.TLS_HANDSHAKE),
    ((52,), _always, Reason.EMPTY_REPLY),
    ((55, 56), lambda s: s.handshaking, Reason.TLS_HANDSHAKE),
    ((56,), lambda s: s.says(*_ENDED) and s.bytes_in == 0, Reason.EMPTY_REPLY),
    ((56,), lambda s: s.says(*_ENDED), Reason.TRUNCATED),
    ((56,), lambda s: s.says("chunk"), Reason.NOT_HTTP),
    ((55, 56), _always, Reason.CONNECTION_RESET),
    ((18,), lambda s: s.says("reset"), Reason.CONNECTION_RESET),
    ((18,), _always, Reason.TRUNCATED),
    ((1,), lambda s: not s.connected, Reason.PROBE_ERROR),  # a scheme of ours that is no HTTP
    ((1, 8), _always, Reason.NOT_HTTP),  # a first line that is none
    ((61,), _always, Reason.BAD_ENCODING),
    ((47,), _always, Reason.REDIRECT_LOOP),
)


def reason_of(seen: Seen) -> Reason:
    """The reason of a failed transfer. A code that is not in the table is ours to explain: probe_error."""
    return next((reason for codes, fits, reason in TABLE if seen.code in codes and fits(seen)), Reason.PROBE_ERROR)
