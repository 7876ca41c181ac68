"""A finished report by e-mail, to the addresses of the catalogue."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from monitor.catalogue import Catalogue, ReportMail
from monitor.periods import Period
from monitor.report import life
from monitor.report.facts import Progress
from monitor.report.life import Built
from monitor.report.model import Document, ReportError
from monitor.report.renderers import ENDINGS, render
from monitor.store import Store

TIMEOUT = 30.0
"""Seconds that a mail server has for each answer."""

ATTACHED = ("docx", "pdf")

_TYPES = {
    "docx": ("application", "vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "pdf": ("application", "pdf"),
}
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_OK = 250
_TAKEN = (_OK, 251)  # of a receiver: 251 will be forwarded


def send(store: Store, settings: ReportMail, built: Built, now: int, to: Sequence[str] = ()) -> Sequence[str]:
    """Send a version, by default to the list of the catalogue, and write down that it was; returns who got it.

    Raises ReportError for a draft, for closed figures that somebody edited, without an address, and where the mail
    server does not take it.
    """
    if built.kept is None:
        raise ReportError("a draft is not sent: close the period first")
    if built.facts.is_edited:
        period = built.facts.period
        said = f"the closed figures of {period['name']} ({period['kind']}) were edited in the store: nothing is sent"
        raise ReportError(f"{said}; see `motcua period show`, reopen the period and close it again")
    receivers = tuple(to) or settings.to
    if not receivers or settings.url is None:
        raise ReportError("the catalogue has no report.mail with url and to, or its url is empty")
    made = built.document("vi")
    ready = dict(render(made, ATTACHED))
    files = {f"{built.stem}.{ENDINGS[name]}": ready[name] for name in ATTACHED}
    named = "--to" if to else "report.mail.to"
    _deliver(settings, receivers, named, _message(settings, receivers, built, made, files, now))
    store.reports.sent(built.kept, now)
    return receivers


def send_due(
    catalogue: Catalogue,
    store: Store,
    now: int,
    by: str,
    due: Sequence[Period] | None = None,
    progress: Progress = lambda *_: None,
) -> list[Built]:
    """The calendar job: close, build and send once the reports that are `due` (`life.due`); returns those sent.

    Without a mailing list they are made alone. What ails one report holds up no other; it is told at the end. Raises
    ReportError, StoreError; what was done before stays done.
    """
    sent, failed = [], list[str]()
    settings = catalogue.report.mail
    for period in life.due(now, ZoneInfo(catalogue.province.timezone)) if due is None else due:
        progress(0, 1)
        try:
            built = life.make(catalogue, store, period, now, by, progress)
            if built and settings.url is not None and settings.to:
                send(store, settings, built, now)
                sent.append(built)
        except ReportError as error:
            failed.append(f"{period.name} ({period.kind}): {error}")
    if failed:
        raise ReportError("; ".join(failed), permanent=False)
    return sent


def _message(
    settings: ReportMail, to: Sequence[str], built: Built, made: Document, files: Mapping[str, bytes], now: int
) -> EmailMessage:
    message = EmailMessage()
    subject = made.subject.split("\n")
    marks = "".join(f"[{mark}] " for mark in made.marks)
    message["Subject"] = f"{marks}Báo cáo {subject[0][:1].lower()}{subject[0][1:]} - {subject[-1]}"
    message["From"] = settings.sender or to[0]
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    assert built.kept is not None, "drafts are not sent"
    # One id a version, so that a mail that comes twice is one in the reader's eyes.
    message["Message-ID"] = f"<{built.facts.digest[:32]}.{built.kept.version}@motcua.invalid>"
    text = [f"Kính gửi kèm báo cáo, phiên bản {built.kept.version}, chờ ký ban hành."]
    text += [f"SHA-256 của dữ liệu báo cáo: {built.facts.digest}"]
    message.set_content("\n".join(text) + "\n")
    for name, content in files.items():
        main, sub = _TYPES[name.rpartition(".")[2]]
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return message


def _deliver(settings: ReportMail, to: Sequence[str], named: str, message: EmailMessage) -> None:
    """All of them get it, or nobody: who is sent half of a list's mail would be sent it again with the next try."""
    assert settings.url is not None, "asked only with an address"
    parts = urlsplit(settings.url.get_secret_value())
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    # What the server says may hold names of accounts and addresses: its codes are enough.
    try:
        server = _connected(parts.scheme, host, port)
        try:
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            _hand_over(server, host, settings.sender or to[0], to, named, message.as_bytes(policy=SMTP))
        finally:
            with suppress(OSError, smtplib.SMTPException):  # whatever it says to that, it has what it has
                server.quit()
    except ssl.SSLCertVerificationError as error:
        said = f"chứng thư của máy chủ thư {host}:{port} không được tin cậy: {error.verify_message}"
        raise _failed(said) from None
    except smtplib.SMTPNotSupportedError as error:
        lacks = "STARTTLS" if "STARTTLS" in str(error) else "đăng nhập" if "AUTH" in str(error) else "SMTPUTF8"
        raise _failed(f"máy chủ thư {host}:{port} không hỗ trợ {lacks}; không gửi") from None
    except smtplib.SMTPAuthenticationError as error:
        said = f"máy chủ thư {host} từ chối đăng nhập, mã {error.smtp_code}"
        raise _failed(f"{said}: xem lại tài khoản, mật khẩu trong report.mail.url") from None
    except smtplib.SMTPResponseException as error:
        raise _failed(f"máy chủ thư {host} từ chối, mã {error.smtp_code}") from None
    except ssl.SSLError as error:
        said = f"không bắt tay TLS được với máy chủ thư {host}:{port}: {error.reason}"
        raise _failed(f"{said}; xem lại smtp, smtp+starttls hay smtps trong report.mail.url") from None
    except smtplib.SMTPServerDisconnected:
        raise _failed(f"máy chủ thư {host}:{port} ngắt kết nối giữa chừng") from None
    except TimeoutError:
        raise _failed(f"máy chủ thư {host}:{port} không trả lời trong {TIMEOUT:g} giây") from None
    except (OSError, smtplib.SMTPException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise _failed(f"không kết nối được máy chủ thư {host}:{port}: {why}") from None


def _failed(said: str) -> ReportError:
    return ReportError(said, permanent=False)


def _connected(scheme: str, host: str, port: int) -> smtplib.SMTP:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's own Python offers less
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=context)
    server = smtplib.SMTP(host, port, timeout=TIMEOUT)
    if scheme == "smtp+starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def _hand_over(server: smtplib.SMTP, host: str, sender: str, to: Sequence[str], named: str, content: bytes) -> None:
    server.ehlo_or_helo_if_needed()
    size = [f"size={len(content)}"] if server.has_extn("size") else []
    code, said = server.mail(sender, size)
    if code != _OK:
        raise smtplib.SMTPResponseException(code, said)
    refused = [(number, code) for number, one in enumerate(to, 1) if (code := server.rcpt(one)[0]) not in _TAKEN]
    if refused:
        which = ", ".join(f"địa chỉ thứ {number} của {named} (mã {code})" for number, code in refused)
        raise _failed(f"máy chủ thư {host} không nhận {which}: chưa gửi cho ai; sửa địa chỉ đó hoặc chờ gửi lại")
    code, said = server.data(content)
    if code != _OK:
        raise smtplib.SMTPResponseException(code, said)
