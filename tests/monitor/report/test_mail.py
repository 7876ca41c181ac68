"""The report by e-mail over TLS: who gets it, and what is said where it does not go. Real servers and certificates."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import docx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from monitor import periods
from monitor.catalogue import ReportMail
from monitor.report import life, mail
from monitor.report.model import ReportError
from monitor.store import Store
from tests.monitor.report import story
from tests.monitor.report.story import at
from tests.receivers import SECRET, SecureMail

pytestmark = pytest.mark.live("liberation2")

TO = ("van-thu@tinh.example", "cntt@tinh.example")
NOW = at(story.NOW)


def certificate(path: Path, name: str = "localhost", days: int = 30) -> str:
    """One that is its own authority, valid from two days ago for so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder().subject_name(whose).issuer_name(whose).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=2))
    made = made.not_valid_after(now + dt.timedelta(days=days))
    names = [x509.DNSName(name), *([x509.IPAddress(IPv4Address("127.0.0.1"))] if name == "localhost" else [])]
    made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    signed = made.sign(key, SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + signed.public_bytes(Encoding.PEM))
    return str(path)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, life.Built]]:
    folder = tmp_path_factory.mktemp("sent")
    catalogue = story.load(folder)
    few = [o for o in story.outcomes() if o.started_at / 1000 >= at("2026-10-30T00:00")]
    with story.store_of(folder / "data", catalogue, few) as store:
        made = life.make(catalogue, store, periods.parse("2026-10", "calendar"), NOW, "lich")
        assert made is not None
        yield store, made


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = certificate(tmp_path / "server.pem")
    monkeypatch.setenv("SSL_CERT_FILE", path)
    return path


def settings(url: str) -> ReportMail:
    return ReportMail(url=SecretStr(url), sender="motcua@tinh.example", to=TO)


def refused(sending: tuple[Store, life.Built], url: str) -> str:
    """What is said; nothing is written down as sent."""
    store, built = sending
    before = store.reports.versions("calendar", "2026-10")[-1].sent_at
    with pytest.raises(ReportError) as told:
        mail.send(store, settings(url), built, NOW + 60)
    assert not told.value.permanent  # the job tries again
    assert store.reports.versions("calendar", "2026-10")[-1].sent_at == before
    assert SECRET not in str(told.value)
    assert SecureMail.NAME not in str(told.value).replace("smtp+starttls", "")
    return str(told.value)


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_report_goes_out_over_tls(built: tuple[Store, life.Built], trusted: str, scheme: str) -> None:
    store, made = built
    with SecureMail(scheme, trusted) as server:
        assert mail.send(store, settings(server.url()), made, NOW) == TO
        ((to, came),) = server.got
    assert to == list(TO)
    assert came["Message-ID"].startswith(f"<{made.facts.digest[:32]}.1@")
    files = {part.get_filename(): part.get_content() for part in came.iter_attachments()}
    assert files["bao-cao-calendar-2026-10-v1.pdf"].startswith(b"%PDF-")
    assert docx.Document(io.BytesIO(files["bao-cao-calendar-2026-10-v1.docx"])).tables
    assert store.reports.versions("calendar", "2026-10")[-1].sent_at == NOW


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
@pytest.mark.parametrize(
    ("name", "days", "is_known", "says"),
    [
        ("localhost", 30, False, "self-signed certificate"),
        ("localhost", -1, True, "certificate has expired"),
        ("thu.example", 30, True, "Hostname mismatch"),
    ],
)
def test_a_wrong_certificate_gets_nothing(
    built: tuple[Store, life.Built], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    scheme: str, name: str, days: int, is_known: bool, says: str,
) -> None:  # fmt: skip
    path = certificate(tmp_path / "server.pem", name, days)
    monkeypatch.setenv("SSL_CERT_FILE", path if is_known else certificate(tmp_path / "other.pem"))
    with SecureMail(scheme, path) as server:
        said = refused(built, server.url())
        assert said.startswith(f"chứng thư của máy chủ thư localhost:{server.port} không được tin cậy: ")
        assert says in said
        assert (server.began, server.got) == (0, [])


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_login_that_is_refused(built: tuple[Store, life.Built], trusted: str, scheme: str) -> None:
    with SecureMail(scheme, trusted) as server:
        said = refused(built, server.url("khoa-khac"))
        assert said == (
            "máy chủ thư localhost từ chối đăng nhập, mã 535: xem lại tài khoản, mật khẩu trong report.mail.url"
        )
        assert (server.began, server.got) == (0, [])


@pytest.mark.parametrize("code", [450, 550])
def test_with_one_receiver_refused_nobody_is_sent_it(built: tuple[Store, life.Built], trusted: str, code: int) -> None:
    with SecureMail("smtp+starttls", trusted, {TO[1]: code}) as server:
        said = refused(built, server.url())
        assert f"địa chỉ thứ 2 của report.mail.to (mã {code}): chưa gửi cho ai" in said
        assert TO[1] not in said
        assert (server.began, server.got) == (0, [])
        server.refused = {}  # as a grey list does after a while: the next try is for all of them
        mail.send(*built[:1], settings(server.url()), built[1], NOW)
        assert [to for to, _ in server.got] == [list(TO)]


def test_a_mail_that_is_not_taken_in_the_end(built: tuple[Store, life.Built], trusted: str) -> None:
    with SecureMail("smtps", trusted) as server:
        server.data_code = 554
        assert refused(built, server.url()) == "máy chủ thư localhost từ chối, mã 554"
        assert server.got == []


def test_what_was_taken_is_sent_whatever_the_server_says_to_quit(built: tuple[Store, life.Built], trusted: str) -> None:
    with SecureMail("smtps", trusted) as server:
        server.quit_code = 421
        assert mail.send(built[0], settings(server.url()), built[1], NOW) == TO
        assert len(server.got) == 1


def test_without_tls_where_it_was_asked_for_nothing_is_said_in_the_clear(
    built: tuple[Store, life.Built], trusted: str
) -> None:
    with SecureMail("smtp+starttls", trusted) as server:
        server.offers_tls = False
        assert refused(built, server.url()).endswith("không hỗ trợ STARTTLS; không gửi")
        assert server.began == 0
        wrong = server.url().replace("smtp+starttls", "smtps")
        assert refused(built, wrong).startswith(f"không bắt tay TLS được với máy chủ thư localhost:{server.port}")
