"""The one table from what libcurl saw to a reason: a case for every row, and the set is closed."""

from __future__ import annotations

import errno
from itertools import product

import pycurl
import pytest

from connectors.classify import TABLE, Seen, reason_of
from monitor.model import Reason

PLAIN = {"https": False, "connected": True}  # a connection over http:// that stands
TLS = {"https": True, "connected": True, "tls_done": True}
HANDSHAKE = {"https": True, "connected": True, "tls_done": False}

# (what happened, what libcurl and we saw of it, the reason); texts are libcurl's and OpenSSL's own
CASES = [
    ("the name has no address", Seen(6, "Could not resolve host"), Reason.DNS_FAILURE),
    ("our proxy refuses the connection", Seen(7, os_errno=errno.ECONNREFUSED, proxied=True), Reason.PROBE_ERROR),
    ("our proxy does not answer", Seen(28, proxied=True), Reason.PROBE_ERROR),
    ("our proxy has no address", Seen(5, proxied=True), Reason.PROBE_ERROR),
    (
        "our proxy does not know us",
        Seen(7, "CONNECT tunnel failed, response 407", **HANDSHAKE, proxied=True),
        Reason.PROBE_ERROR,
    ),
    (
        "our proxy can't reach the system",
        Seen(7, "CONNECT tunnel failed, response 502", **HANDSHAKE, proxied=True),
        Reason.HTTP_5XX,
    ),
    ("we have no descriptors left", Seen(7, os_errno=errno.EMFILE), Reason.PROBE_ERROR),
    ("our source address is not ours", Seen(7, os_errno=errno.EADDRNOTAVAIL), Reason.PROBE_ERROR),
    ("the network answers that nobody is there", Seen(7, os_errno=errno.EHOSTUNREACH), Reason.CONNECT_TIMEOUT),
    ("the kernel gave up connecting", Seen(7, os_errno=errno.ETIMEDOUT), Reason.CONNECT_TIMEOUT),
    ("refused", Seen(7, os_errno=errno.ECONNREFUSED), Reason.CONNECT_REFUSED),
    ("announced as longer than we read", Seen(63, "Maximum file size exceeded"), Reason.TOO_LARGE),
    ("a line of headers without end", Seen(100, "A value or data field grew larger than allowed"), Reason.TOO_LARGE),
    ("more came than we read", Seen(23, "Failure writing output", **PLAIN, over_cap=True), Reason.TOO_LARGE),
    ("our own callback failed", Seen(23, "Failure writing output", **PLAIN), Reason.PROBE_ERROR),
    ("the handshake hangs", Seen(28, "SSL connection timeout", **HANDSHAKE), Reason.TLS_HANDSHAKE),
    ("connecting hangs", Seen(28, "Connection timed out"), Reason.CONNECT_TIMEOUT),
    ("connecting hangs, over https", Seen(28, "Connection timed out", https=True), Reason.CONNECT_TIMEOUT),
    ("no byte came", Seen(28, "Operation timed out", **PLAIN), Reason.READ_TIMEOUT),
    ("no byte came, over https", Seen(28, "Operation timed out", **TLS), Reason.READ_TIMEOUT),
    ("a byte came", Seen(28, "Operation timed out", **PLAIN, bytes_in=1), Reason.DEADLINE_EXCEEDED),
    ("expired", Seen(60, "SSL certificate problem: certificate has expired", **HANDSHAKE), Reason.TLS_EXPIRED),
    ("expired, by number", Seen(60, "peer failed verification", **HANDSHAKE, verify=10), Reason.TLS_EXPIRED),
    ("our own certificate expired", Seen(35, "ssl/tls alert certificate expired", **HANDSHAKE), Reason.TLS_EXPIRED),
    (
        "the certificate of another host",
        Seen(60, "SSL: no alternative certificate subject name matches target host name 'a'", **HANDSHAKE),
        Reason.TLS_HOSTNAME,
    ),
    ("another host, by number", Seen(60, "peer failed verification", **HANDSHAKE, verify=62), Reason.TLS_HOSTNAME),
    ("another address, by number", Seen(60, "peer failed verification", **HANDSHAKE, verify=64), Reason.TLS_HOSTNAME),
    (
        "another host, in the words of old versions",
        Seen(51, "SSL: certificate subject name 'a' does not match target host name 'b'", **HANDSHAKE),
        Reason.TLS_HOSTNAME,
    ),
    ("signed by itself", Seen(60, "self-signed certificate", **HANDSHAKE, verify=18), Reason.TLS_UNTRUSTED),
    ("by nobody we know", Seen(60, "unable to get local issuer", **HANDSHAKE, verify=20), Reason.TLS_UNTRUSTED),
    (
        "a version of TLS that is too old",
        Seen(35, "OpenSSL/3: error:0A000102:SSL routines::unsupported protocol", **HANDSHAKE),
        Reason.TLS_PROTOCOL,
    ),
    ("it refuses our version", Seen(35, "tlsv1 alert protocol version", **HANDSHAKE), Reason.TLS_PROTOCOL),
    ("http on the port of https", Seen(35, "SSL routines::wrong version number", **HANDSHAKE), Reason.TLS_HANDSHAKE),
    ("no cipher in common", Seen(35, "ssl/tls alert handshake failure", **HANDSHAKE), Reason.TLS_HANDSHAKE),
    ("closed without a reply", Seen(52, "Empty reply from server", **PLAIN), Reason.EMPTY_REPLY),
    ("closed in the handshake", Seen(56, "unexpected eof while reading", **HANDSHAKE), Reason.TLS_HANDSHAKE),
    ("reset in the handshake", Seen(56, "Recv failure", **HANDSHAKE), Reason.TLS_HANDSHAKE),
    (
        "our proxy refuses to tunnel, in the number of old versions",
        Seen(56, "Received HTTP code 403 from proxy after CONNECT", **PLAIN, proxied=True),
        Reason.PROBE_ERROR,
    ),
    ("a TLS connection closed without a reply", Seen(56, "unexpected eof while reading", **TLS), Reason.EMPTY_REPLY),
    ("... and within one", Seen(56, "unexpected eof while reading", **TLS, bytes_in=9), Reason.TRUNCATED),
    ("chunks that are none", Seen(56, "chunk hex-length char not a hex digit", **PLAIN), Reason.NOT_HTTP),
    ("reset while we sent", Seen(55, "Send failure: Broken pipe", **PLAIN), Reason.CONNECTION_RESET),
    ("reset", Seen(56, "Recv failure: Connection reset by peer", **PLAIN), Reason.CONNECTION_RESET),
    ("reset behind a proxy", Seen(56, "Recv failure", **PLAIN, proxied=True), Reason.CONNECTION_RESET),
    ("reset within the body", Seen(18, "Connection reset by peer", **PLAIN, bytes_in=9), Reason.CONNECTION_RESET),
    ("closed within the body", Seen(18, "end of response with 9 bytes missing", **PLAIN), Reason.TRUNCATED),
    ("no HTTP", Seen(1, "Received HTTP/0.9 when not allowed", **PLAIN, bytes_in=40), Reason.NOT_HTTP),
    ("a strange first line", Seen(8, "Unsupported HTTP version in response", **PLAIN), Reason.NOT_HTTP),
    ("gzip that is none", Seen(61, "Error while processing content unencoding", **PLAIN), Reason.BAD_ENCODING),
    ("redirects that libcurl counted", Seen(47, "Maximum redirects followed", **PLAIN), Reason.REDIRECT_LOOP),
    ("a scheme that is no HTTP", Seen(1, "Protocol gopher not supported"), Reason.PROBE_ERROR),
    ("a setting of ours", Seen(3, "URL using bad/illegal format"), Reason.PROBE_ERROR),
    ("a number that libcurl does not have", Seen(999), Reason.PROBE_ERROR),
]


@pytest.mark.parametrize(("seen", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_reason(seen: Seen, reason: Reason) -> None:
    assert reason_of(seen) is reason


def test_every_row_of_the_table_is_reached_by_a_case() -> None:
    reached = {
        next((number for number, (codes, fits, _) in enumerate(TABLE) if seen.code in codes and fits(seen)), None)
        for _, seen, _ in CASES
    }
    assert reached == {None, *range(len(TABLE))}


def test_whatever_libcurl_says_the_reason_is_of_the_closed_set() -> None:
    texts = ("", "certificate has expired", "unsupported protocol", "proxy", "reset")
    flags = (False, True)
    for code, text, https, connected, tls_done, proxied in product(range(1, 102), texts, flags, flags, flags, flags):
        reason = reason_of(Seen(code, text, 0, https, connected, tls_done, proxied=proxied))
        assert type(reason) is Reason
        assert reason not in (Reason.BLIND, Reason.SLOW, Reason.AUTH_FAILED, Reason.BUSINESS_ERROR)


def test_the_numbers_are_those_of_libcurl() -> None:
    """The table knows libcurl's numbers, not libcurl; here they are held against it."""
    names = {
        1: "UNSUPPORTED_PROTOCOL", 5: "COULDNT_RESOLVE_PROXY", 6: "COULDNT_RESOLVE_HOST", 7: "COULDNT_CONNECT",
        8: "FTP_WEIRD_SERVER_REPLY", 18: "PARTIAL_FILE", 23: "WRITE_ERROR", 28: "OPERATION_TIMEDOUT",
        35: "SSL_CONNECT_ERROR", 47: "TOO_MANY_REDIRECTS", 52: "GOT_NOTHING", 55: "SEND_ERROR", 56: "RECV_ERROR",
        60: "PEER_FAILED_VERIFICATION", 61: "BAD_CONTENT_ENCODING", 63: "FILESIZE_EXCEEDED",
    }  # fmt: skip
    assert {number: getattr(pycurl, f"E_{name}") for number, name in names.items()} == {
        number: number for number in names
    }
    in_table = {code for codes, _, _ in TABLE for code in codes}
    assert in_table - set(names) == {51, 97, 100}, "51: versions before 7.62; the others have no name in pycurl"
