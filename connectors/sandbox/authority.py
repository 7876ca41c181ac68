"""The sandbox's own certificate authority, and the certificates that it would be a fault to trust.

All of it is made anew for each process, in a folder that lives as long as the process: no key is ever part of a
checkout. Clients trust the file Authority.path; every key is ECDSA on P-256.
"""

from __future__ import annotations

import ipaddress
import ssl
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from connectors.sandbox.wire import SIMULATED

OTHER_HOST = "may-chu-khac.test"

_PAST, _FUTURE = timedelta(days=800), timedelta(days=800)
_OVER, _LASTING = timedelta(days=-1), timedelta(days=397)


@dataclass(frozen=True)
class Signed:
    """A certificate and the key that belongs to it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """Both, as OpenSSL reads them from one file."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + self.certificate.public_bytes(serialization.Encoding.PEM)


class Telling(ssl.SSLObject):
    """A handshake whose failure the client is told of.

    asyncio drops the connection and with it the alert. Where it is asked to wait for more, it sends what there is
    first; the wait is over when the client leaves.
    """

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as error:
            raise ssl.SSLWantReadError from error


class Authority:
    """A certificate authority that lives in a folder, which must be there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = make_root("mo phong CA")
        self.path = folder / "ca.pem"  # what clients trust
        self.path.write_bytes(self._root.certificate.public_bytes(serialization.Encoding.PEM))

    def identity(self, names: Sequence[str]) -> Identity:
        """What a server of these host names and addresses shows of itself."""
        return Identity(self._root, self._folder, names)


class Identity:
    """The TLS of one server: `good`, and under their names the faults that it can have. Each is made when asked for."""

    def __init__(self, root: Signed, folder: Path, names: Sequence[str]) -> None:
        self._root = root
        self._folder = folder
        self._names = names

    @cached_property
    def good(self) -> ssl.SSLContext:
        return self._context(make_server(self._names, self._root))

    @cached_property
    def expired(self) -> ssl.SSLContext:
        """A certificate that ended yesterday."""
        return self._context(make_server(self._names, self._root, ends=_OVER))

    @cached_property
    def self_signed(self) -> ssl.SSLContext:
        """A certificate that nobody has signed but itself."""
        return self._context(make_server(self._names, None))

    @cached_property
    def unknown_ca(self) -> ssl.SSLContext:
        """A certificate of an authority that no client knows."""
        return self._context(make_server(self._names, make_root("mo phong CA khac")))

    @cached_property
    def wrong_host(self) -> ssl.SSLContext:
        """A certificate of another host."""
        return self._context(make_server([OTHER_HOST], self._root))

    @cached_property
    def old_protocol(self) -> ssl.SSLContext:
        """The good certificate under TLS 1.1, and under nothing newer."""
        context = self._context(make_server(self._names, self._root))
        context.sslobject_class = Telling
        # Its signatures rest on SHA-1, which OpenSSL allows on its lowest level of security alone.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        return context

    def _context(self, signed: Signed) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        # OpenSSL reads keys from files alone; this one is there while it does.
        file = self._folder / "server.pem"
        file.touch(mode=0o600)
        try:
            file.write_bytes(signed.pem)
            context.load_cert_chain(file)
        finally:
            file.unlink()
        return context


def make_root(name: str) -> Signed:
    """A certificate authority that signs servers, and no further authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = _builder(name, name, key, _FUTURE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return Signed(builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)


def make_server(names: Sequence[str], issuer: Signed | None, ends: timedelta = _LASTING) -> Signed:
    """A server's certificate for host names and addresses, signed by the issuer or (None) by itself.

    ends: from now; negative: it has ended.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    above = _common_name(issuer.certificate) if issuer else names[0]
    signing = issuer.key if issuer else key
    builder = (
        _builder(names[0], above, key, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    return Signed(builder.sign(signing, hashes.SHA256()), key)


def _builder(name: str, issuer: str, key: ec.EllipticCurvePrivateKey, ends: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_distinguished(name))
        .issuer_name(_distinguished(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _PAST)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _distinguished(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, SIMULATED), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
