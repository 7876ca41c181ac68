"""SOAP 1.1 as far as connectors need it: a request is written, a stranger's reply is read without trusting it.

XML is read without namespaces: prefixes differ between deployments, local names do not; and a namespace of half a
megabyte, copied into the name of each element, would make gigabytes of a reply of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape

from connectors.expect import safe_code
from monitor.model import Finding, Reason

Fields: TypeAlias = Mapping[str, Any]
"""Names and values in the order in which they are sent: a value is a text, or the fields inside it."""

DENSE = 10_000  # tags and attributes; a record has some hundred, and 1 MB of "<a/>" would make 30 MB of elements

SPACE = b" \t\r\n\xef\xbb\xbf"  # a byte order mark is no fault

_STANDARD_CODES = frozenset({"Client", "Server", "MustUnderstand", "VersionMismatch", "Sender", "Receiver"})


def envelope(namespace: str, operation: str, fields: Fields) -> str:
    """The text of a request that calls an operation of this namespace."""
    return (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        f' xmlns:op="{namespace}"><soapenv:Header/><soapenv:Body>{_written({operation: fields})}</soapenv:Body>'
        "</soapenv:Envelope>"
    )


def _written(fields: Fields) -> str:
    return "".join(
        f"<op:{name}>{escape(value) if isinstance(value, str) else _written(value)}</op:{name}>"
        for name, value in fields.items()
    )


def document(text: bytes) -> Element | None:
    """The root of an XML text, names without their prefix, attributes left out; None where it is not to be read.

    That is where it is no XML, has a DTD (entities are how a small text grows), is not in UTF-8, or is too dense. What
    the text says of its encoding does not count: one that comes in JSON often claims to be UTF-16, and is not.
    """
    text = text.strip(SPACE)
    if b"\0" in text or b"<!DOCTYPE" in text or text.count(b"<") + text.count(b"=") > DENSE:  # NUL: UTF-16
        return None
    builder, parser = TreeBuilder(), expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, _attributes: builder.start(_local(name), {})
    parser.EndElementHandler = lambda name: builder.end(_local(name))
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text, True)
    except expat.ExpatError:
        return None
    return builder.close()


def body(text: bytes) -> Element | Finding:
    """The Body of a SOAP envelope, or what is wrong: it is none (contract_violation), or a Fault (business_error).

    Of a Fault its code alone is shown: the sentence beside it may name a person.
    """
    root = document(text)
    found = root.find("Body") if root is not None and root.tag == "Envelope" else None
    if found is None:
        return Finding(Reason.CONTRACT_VIOLATION, f"{_kind(text, root)} where SOAP was due")
    fault = found.find("Fault")
    if fault is None:
        return found
    code = _local(fault.findtext("faultcode") or fault.findtext("Code/Value") or "").strip()
    return Finding(Reason.BUSINESS_ERROR, f"SOAP Fault {code if code in _STANDARD_CODES else safe_code(code)}".strip())


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _kind(text: bytes, root: Element | None) -> str:
    if not text.strip(SPACE):
        return "empty body"
    if b"<html" in text[:1000].lower():
        return "HTML"
    return "no XML" if root is None else "other XML"
