"""Outages and planned maintenance as regions on the boards of a Grafana: annotations, through its HTTP API.

Not messages: a region is what is true now, so what is there is compared with what should be there, and the difference
is written. Each has a tag of its own, by which it is found again; so nothing is drawn twice, whoever was killed
between Grafana's OK and our knowledge of it, and Grafana itself keeps the id.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import requests

from monitor import __version__, words
from monitor.alerts import AlertRules
from monitor.catalogue import Catalogue
from monitor.channels import TIMEOUT, DeliveryError
from monitor.incident_rules import IncidentKind, IncidentRules, IncidentState
from monitor.maintenance import Window
from monitor.store import Store
from monitor.store.incidents import IncidentRecord

NAME = "grafana"
"""What the counters of deliveries call it."""

BACK = 7 * 86_400
"""What ended longer ago (seconds) is drawn no more, but stays."""

AHEAD = 30 * 86_400
"""Maintenance that begins within so many seconds is drawn."""

LISTED = 5
"""So many systems are named in a text."""

_TAG = "motcua"
_MOST = 10_000  # annotations that are asked for at once


class Region(NamedTuple):
    """[start, end) in seconds; end None: it goes on, and only its beginning is drawn. `key` is one of the tags."""

    key: str
    start: int
    end: int | None
    text: str
    tags: tuple[str, ...]

    @property
    def body(self) -> dict[str, Any]:
        """As Grafana takes and gives it; instants in ms."""
        end = self.start if self.end is None else self.end
        return {"time": self.start * 1000, "timeEnd": end * 1000, "text": self.text, "tags": sorted(self.tags)}


class Wanted(NamedTuple):
    """What should be drawn, and the keys of what should be drawn no more."""

    regions: Sequence[Region]
    gone: frozenset[str]


def wanted(rules: AlertRules, records: Iterable[IncidentRecord], windows: Iterable[Window]) -> Wanted:
    """The regions of these incidents and maintenance windows.

    A withdrawn incident was none. A window that was cancelled before it began is no maintenance; one that was
    cancelled later is (figures, section 5).
    """
    regions, gone = [], set()
    for record in records:
        if record.kind not in (IncidentKind.OUTAGE, IncidentKind.BLIND):
            continue
        region = _of_incident(rules, record)
        if record.state is IncidentState.WITHDRAWN:
            gone.add(region.key)
        else:
            regions.append(region)
    for window in windows:
        region = _of_window(rules, window)
        if window.cancelled_at is not None and window.cancelled_at < window.start:
            gone.add(region.key)
        else:
            regions.append(region)
    return Wanted(regions, frozenset(gone))


def _of_incident(rules: AlertRules, record: IncidentRecord) -> Region:
    if record.kind is IncidentKind.BLIND:
        place = rules.catalogue.locations.get(record.location or "")
        name = place.name.vi if place else record.location or ""
        lines = [f"Mất tầm quan sát: {name}"]
    else:
        lines = [f"Gián đoạn: {_name(rules, record.system)} ({record.severity})"]
        if fails := words.what_fails(record.step, record.reason):
            lines.append(f"Hỏng ở: {fails}")
        if record.end is None:
            lines.append("Đang diễn ra")
        else:
            lines.append(f"Đã gián đoạn {words.duration(record.down_seconds)}")
    text = "\n".join(html.escape(line, quote=False) for line in lines)
    if rules.alerts.link:
        address = html.escape(rules.alerts.link.replace("{incident}", str(record.id)))
        text += f'\n<a href="{address}">Sự cố số {record.id}</a>'
    else:
        text += f"\nSự cố số {record.id}"
    about = record.location if record.kind is IncidentKind.BLIND else record.system
    return _region(rules, f"incident-{record.id}", record.kind.value, [about or ""], record.start, record.end, text)


def _of_window(rules: AlertRules, window: Window) -> Region:
    systems = sorted(window.systems)
    named = ", ".join(_name(rules, system) for system in systems[:LISTED])
    more = f" và {len(systems) - LISTED} hệ thống khác" if len(systems) > LISTED else ""
    text = html.escape(f"Bảo trì: {named}{more}", quote=False)
    return _region(rules, f"maintenance-{window.id}", "maintenance", systems, window.start, window.end, text)


def _region(
    rules: AlertRules, key: str, kind: str, about: Sequence[str], start: int, end: int | None, text: str
) -> Region:
    province = rules.catalogue.province.id
    simulated = ["simulated"] if rules.catalogue.simulated else []
    key = f"{_TAG}:{province}:{key}"
    return Region(key, start, end, text, tuple(dict.fromkeys([_TAG, province, kind, *simulated, *about, key])))


def _name(rules: AlertRules, system: str) -> str:
    spec = rules.catalogue.systems.get(system)
    return spec.name.vi if spec else system


class Grafana:
    """The few calls of Grafana's API that draw regions. Each raises DeliveryError, which holds no secret."""

    def __init__(self, url: str, token: str) -> None:
        self._root = f"{url.rstrip('/')}/api/annotations"
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": f"motcua/{__version__}"}

    def drawn(self, province: str) -> dict[str, list[tuple[int, dict[str, Any]]]]:
        """By key the ids of what we have drawn, and what each says; the oldest first."""
        found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        answer = self._ask("GET", f"?type=annotation&limit={_MOST}&tags={_TAG}&tags={quote(province)}")
        if not isinstance(answer, list):
            raise DeliveryError("what answers is no Grafana")
        for one in answer:
            tags = [str(tag) for tag in one.get("tags") or ()]
            key = next((tag for tag in tags if tag.startswith(f"{_TAG}:{province}:")), None)
            if key is not None:
                said = {"time": one.get("time"), "timeEnd": one.get("timeEnd") or one.get("time")}
                found.setdefault(key, []).append(
                    (int(one["id"]), {**said, "text": one.get("text"), "tags": sorted(tags)})
                )
        return {key: sorted(ones, key=lambda one: one[0]) for key, ones in found.items()}

    def draw(self, body: Mapping[str, Any]) -> int:
        """Returns the new one's id."""
        answer = self._ask("POST", "", body)
        if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
            raise DeliveryError("what answers is no Grafana")
        return int(answer["id"])

    def change(self, id_: int, body: Mapping[str, Any]) -> None:
        self._ask("PATCH", f"/{id_}", body)

    def erase(self, id_: int) -> None:
        """Harmless where it is gone."""
        self._ask("DELETE", f"/{id_}", missing=True)

    def _ask(self, method: str, path: str, body: Any = None, *, missing: bool = False) -> Any:
        try:
            reply = requests.request(
                method, self._root + path, json=body, headers=self._headers, timeout=TIMEOUT, allow_redirects=False
            )
            if reply.status_code == 404 and missing:
                return None
            if reply.status_code != 200:
                raise DeliveryError(f"Grafana answered HTTP {reply.status_code}{_HINTS.get(reply.status_code, '')}")
            return reply.json()
        except requests.Timeout:
            raise DeliveryError("Grafana did not answer in time") from None
        except requests.exceptions.SSLError:
            raise DeliveryError("Grafana's certificate is not trusted") from None
        except requests.ConnectionError:
            raise DeliveryError("Grafana cannot be reached") from None
        except (requests.RequestException, ValueError) as error:
            raise DeliveryError(f"what answers is no Grafana: {type(error).__name__}") from None


_HINTS = {
    401: ": the token is wrong, expired or revoked",
    403: ": the token's service account needs the role Editor",
    404: ": is Grafana's path missing in the URL?",
}


class Regions:
    """Keeps the regions of a Grafana as they should be. Not for several threads."""

    def __init__(self, store: Store, catalogue: Catalogue, count: Callable[[str], None]) -> None:
        """`count` hears of each write what came of it: sent or failed."""
        grafana = catalogue.alerts.grafana
        assert grafana.url is not None and grafana.token is not None, "whoever makes it has looked"
        self._grafana = Grafana(grafana.url.get_secret_value(), grafana.token.get_secret_value())
        self._store, self._rules, self._count = store, AlertRules(IncidentRules(catalogue)), count
        self._drawn: dict[str, list[tuple[int, dict[str, Any]]]] | None = None  # None: Grafana has to be asked

    def bring_up_to_date(self, now: int) -> int:
        """Draw, change and erase what is not as it should be at `now` (seconds); returns how many writes that took.

        Raises StoreError, and DeliveryError at the first thing that Grafana does not do; the next call goes on there.
        """
        should = wanted(
            self._rules,
            self._store.incidents.list(now - BACK, now + 1),
            self._store.maintenance.windows(now - BACK, now + AHEAD),
        )
        try:
            if self._drawn is None:
                self._drawn = self._grafana.drawn(self._rules.catalogue.province.id)
            return sum(self._keep(region, self._drawn) for region in should.regions) + sum(
                self._erase(key, self._drawn, 0) for key in should.gone
            )
        except DeliveryError:
            self._drawn = None  # it may have done what it did not say
            self._count("failed")
            raise

    def _keep(self, region: Region, drawn: dict[str, list[tuple[int, dict[str, Any]]]]) -> int:
        there, body = drawn.get(region.key, []), region.body
        if not there:
            drawn[region.key] = [(self._grafana.draw(body), body)]
        elif there[0][1] != body:
            self._grafana.change(there[0][0], body)
            there[0] = there[0][0], body
        else:
            return self._erase(region.key, drawn, 1)
        self._count("sent")
        return 1 + self._erase(region.key, drawn, 1)

    def _erase(self, key: str, drawn: dict[str, list[tuple[int, dict[str, Any]]]], but: int) -> int:
        """All of a key but the first so many: two deliverers may both have drawn one."""
        extra = drawn.get(key, [])[but:]
        for id_, _ in extra:
            self._grafana.erase(id_)
            self._count("sent")
        if extra:
            drawn[key] = drawn[key][:but]
        return len(extra)
