"""Sending messages: to an Alertmanager, by Apprise (e-mail, Telegram, Teams...), to a signed webhook.

A channel sends one message and says nothing, or raises `DeliveryError`. Addresses and keys are secret: no error text
holds one. A new kind of channel is one class and one line in `CHANNELS`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol

import requests
from urllib3.exceptions import NameResolutionError, NewConnectionError

from monitor import __version__
from monitor.catalogue import Catalogue, Channel
from monitor.messages import Message

TIMEOUT = (5.0, 15.0)
"""Seconds to connect to a receiver, and to wait for what it says."""

SEND_WITHIN = 120.0
"""Seconds for the whole of a send, however slowly its receiver drips: less than a claim of the outbox holds."""

STUCK = 4
"""A receiver that holds so many sends gets no other before one of them has ended."""

ENDS_AFTER = 4
"""An Alertmanager that hears nothing for so many tellings takes what goes on for over."""

SIGNATURE = "Motcua-Signature"


class DeliveryError(Exception):
    """A message was not taken; says why in a few words, without any secret.

    `refused`: the receiver understood it and does not want it: trying again does not help.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class ChannelError(Exception):
    """A channel of the catalogue cannot be made; says which and why, without any secret."""


class Sender(Protocol):
    """What a kind of channel can do. `is_for_people`: they get one message where many are due at once."""

    is_for_people: ClassVar[bool]

    def send(self, message: Message) -> None:
        """Raises DeliveryError."""
        ...


class Webhook:
    """POST of JSON, signed with HMAC-SHA256 over the time of sending and the body: docs/alerts.md."""

    is_for_people: ClassVar[bool] = False

    def __init__(self, name: str, spec: Channel) -> None:
        assert spec.url is not None and spec.secret is not None, "the catalogue sees to it"
        self._url, self._secret = spec.url.get_secret_value(), spec.secret.get_secret_value()

    def send(self, message: Message) -> None:
        told = {"id": message.id, "kind": message.kind, "title": message.title, "text": message.body}
        body = json.dumps({**told, "link": message.link, **message.data}, ensure_ascii=False).encode()
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"motcua/{__version__}",
            "Motcua-Id": message.id,
            "Motcua-Timestamp": timestamp,
            SIGNATURE: signature(self._secret, timestamp, body),
        }
        _post(self._url, body, headers)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What a receiver makes again and compares: "sha256=" and the digits of HMAC-SHA256 over `timestamp.body`."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Alertmanager:
    """POST /api/v2/alerts. What goes on has an end in the near future and is told again before that."""

    is_for_people: ClassVar[bool] = False

    def __init__(self, name: str, spec: Channel) -> None:
        assert spec.url is not None, "the catalogue sees to it"
        self._url, self.resend = spec.url.get_secret_value().rstrip("/") + "/api/v2/alerts", spec.resend

    def send(self, message: Message) -> None:
        self.send_all([message])

    def send_all(self, messages: Sequence[Message]) -> None:
        """Several at once; raises DeliveryError."""
        alerts = [self._alert(message) for message in messages]
        _post(self._url, json.dumps(alerts, ensure_ascii=False).encode(), {"Content-Type": "application/json"})

    def _alert(self, message: Message) -> dict[str, Any]:
        now = time.time()
        end = now + ENDS_AFTER * self.resend if message.end is None else message.end
        labels = dict(message.labels) or {"alertname": "MotcuaTest"}
        annotations = {"summary": message.title, "description": message.body, "message_id": message.id}
        alert: dict[str, Any] = {"labels": labels, "annotations": annotations, "endsAt": _rfc3339(end)}
        start = now if message.start is None else message.start
        alert["startsAt"] = _rfc3339(min(start, end))
        if message.link:
            alert["generatorURL"] = message.link
        return alert


class Apprise:
    """Any service that Apprise knows, by one URL."""

    is_for_people: ClassVar[bool] = True

    def __init__(self, name: str, spec: Channel) -> None:
        import apprise  # noqa: PLC0415 - it loads a hundred plug-ins; who has no such channel need not wait

        assert spec.url is not None, "the catalogue sees to it"
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # what it logs may hold the URL
        self._service = apprise.Apprise()
        with warnings.catch_warnings():  # of its plug-ins, about Pythons to come: nothing for a user of ours
            warnings.simplefilter("ignore", DeprecationWarning)
            is_known = self._service.add(spec.url.get_secret_value())
        if not is_known:
            raise ChannelError(f"alerts.channels.{name}.url: Apprise does not know such a URL")
        self._text = apprise.NotifyFormat.TEXT
        if "format=" not in spec.url.get_secret_value():
            for service in self._service:  # e-mail would be HTML, and its plain part one long line
                service.notify_format = self._text

    def send(self, message: Message) -> None:
        try:
            taken = self._service.notify(title=message.title, body=message.body, body_format=self._text)
        except Exception as error:  # noqa: BLE001 - a hundred plug-ins; none may end the deliverer
            raise DeliveryError(f"Apprise: {type(error).__name__}") from None
        if not taken:
            raise DeliveryError("the service did not take it, or could not be reached")


class Patience:
    """Bounds the sends to one receiver: each has a thread of its own, which is left alone when its time is over."""

    def __init__(self) -> None:
        self._left: list[threading.Thread] = []

    def run(self, send: Callable[[], None]) -> None:
        """Raises DeliveryError, whatever `send` raises. What was left alone may still arrive, and comes twice then."""
        self._left = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= STUCK:
            raise DeliveryError("the receiver did not answer in time")
        raised: list[DeliveryError] = []

        def work() -> None:
            try:
                send()
            except DeliveryError as error:
                raised.append(error)
            except Exception as error:  # noqa: BLE001 - what came of it is written down all the same
                raised.append(DeliveryError(f"the request failed: {type(error).__name__}"))

        thread = threading.Thread(target=work, name="send", daemon=True)
        thread.start()
        thread.join(SEND_WITHIN)
        if thread.is_alive():
            self._left.append(thread)
            raise DeliveryError("the receiver did not answer in time")
        if raised:
            raise raised[0]


CHANNELS: Mapping[str, type[Webhook | Alertmanager | Apprise]] = {
    "alertmanager": Alertmanager,
    "apprise": Apprise,
    "webhook": Webhook,
}


def make_channels(catalogue: Catalogue) -> dict[str, Sender]:
    """The channels of a catalogue that have an address, by id. Raises ChannelError."""
    return {name: CHANNELS[spec.kind](name, spec) for name, spec in catalogue.alerts.channels.items() if spec.url}


def call(url: str) -> None:
    """A GET whose answer does not matter, as long as it is a good one. Raises DeliveryError."""
    _ask("GET", url, None, {"User-Agent": f"motcua/{__version__}"})


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    _ask("POST", url, body, headers)


def _ask(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> None:
    """One request on a connection of its own. The body of the answer is not read: it is of no use and has no end."""
    try:
        with requests.request(
            method, url, data=body, headers=dict(headers), timeout=TIMEOUT, allow_redirects=False, stream=True
        ) as reply:
            status = reply.status_code
    except requests.Timeout:
        raise DeliveryError("the receiver did not answer in time") from None
    except requests.exceptions.SSLError:
        raise DeliveryError("the receiver's certificate is not trusted") from None
    except requests.ConnectionError as error:
        raise DeliveryError(_why_unreachable(error)) from None
    except (requests.RequestException, UnicodeError) as error:
        raise DeliveryError(f"the request failed: {type(error).__name__}") from None
    if not 200 <= status < 300:
        raise DeliveryError(f"the receiver answered HTTP {status}", refused=status in (400, 413, 422))


def _why_unreachable(error: requests.ConnectionError) -> str:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, NameResolutionError):
        return "the receiver's name is not found"
    if isinstance(reason, NewConnectionError) and isinstance(reason.__cause__, ConnectionRefusedError):
        return "the receiver refuses connections"
    return "the receiver cannot be reached"


def _rfc3339(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
