"""A finished report by e-mail, to the addresses of the catalogue."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from monitor.catalogue import Catalogue, ReportMail
from monitor.report.life import Built, make_due
from monitor.report.model import Document, ReportError
from monitor.report.renderers import ENDINGS, RENDERERS
from monitor.store import Store

TIMEOUT = 30.0
"""Seconds that a mail server has for each answer."""

ATTACHED = ("docx", "pdf")

_TYPES = {
    "docx": ("application", "vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "pdf": ("application", "pdf"),
}
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def send(store: Store, settings: ReportMail, built: Built, now: int, to: Sequence[str] = ()) -> Sequence[str]:
    """Send a version, by default to the list of the catalogue, and write down that it was; returns who got it.

    Raises ReportError for a draft, without an address, and where the mail server does not take it.
    """
    if built.kept is None:
        raise ReportError("a draft is not sent: close the period first")
    receivers = tuple(to) or settings.to
    if not receivers or settings.url is None:
        raise ReportError("the catalogue has no report.mail with url and to, or its url is empty")
    made = built.document("vi")
    files = {f"{built.stem}.{ENDINGS[name]}": RENDERERS[name](made) for name in ATTACHED}
    _deliver(settings, receivers, _message(settings, receivers, built, made, files, now))
    store.reports.sent(built.kept, now)
    return receivers


def send_due(catalogue: Catalogue, store: Store, now: int, by: str) -> list[Built]:
    """The calendar job: make the reports that are due (`life.make_due`) and send each once; returns those sent.

    Without a mailing list they are made alone. Raises ReportError, StoreError; what was done before stays done.
    """
    sent = []
    for built in make_due(catalogue, store, now, by):
        if catalogue.report.mail.url is not None and catalogue.report.mail.to:
            send(store, catalogue.report.mail, built, now)
            sent.append(built)
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


def _deliver(settings: ReportMail, to: Sequence[str], message: EmailMessage) -> None:
    assert settings.url is not None, "asked only with an address"
    parts = urlsplit(settings.url.get_secret_value())
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    context = ssl.create_default_context()
    try:
        with (
            smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=context)
            if parts.scheme == "smtps"
            else smtplib.SMTP(host, port, timeout=TIMEOUT)
        ) as server:
            if parts.scheme == "smtp+starttls":
                server.starttls(context=context)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message, to_addrs=list(to))
    except smtplib.SMTPResponseException as error:
        # What the server says may hold the name of an account: its code is enough.
        raise ReportError(f"the mail server {host} refused it with code {error.smtp_code}", permanent=False) from None
    except (OSError, smtplib.SMTPException) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        raise ReportError(f"the mail server {host}:{port} can't be used: {said}", permanent=False) from None
