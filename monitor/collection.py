"""Collecting dossiers: asks iGate page by page, slowly, and keeps what may be kept. The edge around `monitor.dossiers`.

The dossier that changed last comes first, so what changes while pages are asked moves to a page that was read before,
and pushes others back: some come twice, none is missed. A collection that is broken off goes on at its page; the next
one begins at the newest change and ends at the last one's beginning, an hour before it to be safe.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from http.client import HTTPResponse
from queue import SimpleQueue
from typing import Any
from zoneinfo import ZoneInfo

import requests
import structlog
from requests.adapters import HTTPAdapter

from connectors.engine import Engine
from connectors.igate import IGateSystem
from connectors.igate_dossiers import DossierSearch, Found, Page
from connectors.national_portal import NationalPortal, NationalPortalCheck, NationalPortalSystem
from monitor.catalogue import Catalogue
from monitor.dossiers import By, Channel, Counts, Dossier, Form, Row, Source, Status, Unit, alphabetical
from monitor.jobs import Stopped
from monitor.model import Auth, Check, Connector, Outcome, Reason, Reply, Request, Route, Step, Verdict
from monitor.status import alive
from monitor.store import Store
from monitor.store.dossiers import GONE_META, Progress

SIMULATED_META = "dossiers_simulated"
"""The fact about a store that its dossiers were collected from a simulated province."""

PAGE_SIZES = (500, 200, 100, 50)
"""Dossiers a page: the first that the system does not refuse."""

OVERLAP = 3600
"""Seconds that a collection goes back before the newest change of the last one."""

AHEAD = 600
"""Seconds that the system's clock may be ahead of ours."""

TIMEOUT = 60.0
"""Seconds that a whole reply may take; statistics are slow."""

PROCEDURE_PAGES = 50
"""Of 200 each, at most: no province has as many procedures."""

MAX_REPLY = 32_000_000
RETRIES = 3
_TRANSIENT = (429, 502, 503, 504)

log = structlog.get_logger("collection")


class CollectionError(Exception):
    """The dossiers cannot be collected; the text says why in one sentence. What was kept stays, and it can go on."""


class Client:
    """Drives steps of a connector over HTTP: one at a time, `rate` a second at most, reads repeated where that helps.

    For the control plane, whose replies are large and rare; checks go through the engine.
    """

    def __init__(self, connector: Connector, route: Route, rate: float) -> None:
        self._connector, self._route = connector, route
        self._pause = 1 / rate
        self._next = 0.0
        self._auth: Auth | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # the catalogue says how requests leave this machine
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Bound())
        self._session.verify = route.ca_bundle or True
        if route.client_certificate:
            key = route.client_key
            self._session.cert = (route.client_certificate, key) if key else route.client_certificate
        if route.proxy:
            self._session.proxies = {"http": route.proxy, "https": route.proxy}
        self.requests = 0

    def close(self) -> None:
        self._session.close()

    def ask(self, made: Callable[[Auth | None], Step]) -> Reply:
        """The reply to a step, once it fulfils the step's rules. Raises CollectionError."""
        if self._auth is None:
            self._auth = self._login()
        step = made(self._auth)
        reply = self._patiently(step)
        if step.relogin_on and step.relogin_on(reply):
            self._auth = self._login()
            step = made(self._auth)
            reply = self._patiently(step)
        _demand(step, reply)
        return reply

    def _login(self) -> Auth | None:
        dialogue = self._connector.login()
        if dialogue is None:
            return None
        step = next(dialogue)
        while True:
            reply = self._patiently(step)
            _demand(step, reply)
            try:
                step = dialogue.send(reply)
            except StopIteration as ended:
                auth: Auth = ended.value
                return auth

    def _patiently(self, step: Step) -> Reply:
        wait = 1.0
        for left in range(RETRIES, -1, -1):
            try:
                reply = self._send(step.request)
            except requests.RequestException as error:
                if not left:
                    raise CollectionError(f"step {step.name}: {_meaning(error)}") from None
            else:
                if reply.status not in _TRANSIENT or not left:
                    return reply
                wait = max(wait, _retry_after(reply))
            time.sleep(min(wait, 30.0))
            wait *= 2
        raise AssertionError("the last try returns or raises")

    def _send(self, request: Request) -> Reply:
        time.sleep(max(0.0, self._next - time.monotonic()))
        started = time.monotonic()
        self._next = started + self._pause
        self.requests += 1
        with self._session.request(
            request.method,
            request.url,
            headers=dict(request.headers),
            data=request.body,
            timeout=(10.0, TIMEOUT),
            stream=True,
            allow_redirects=False,
        ) as response:
            body = bytearray()
            for part in response.iter_content(1 << 16):
                body += part
                if len(body) > MAX_REPLY:
                    raise CollectionError(f"a reply is larger than {MAX_REPLY // 1_000_000} MB")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, headers, bytes(body), request.url)


class _Until(io.RawIOBase):
    """The bytes of a reply, headers and body, as long as its time is not over; then TimeoutError.

    A timeout of `requests` is one between two bytes: a reply that drips would never end.
    """

    def __init__(self, inner: io.RawIOBase, connection: socket.socket) -> None:
        self._inner, self._connection, self._end = inner, connection, time.monotonic() + TIMEOUT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._inner.readinto(buffer)

    def close(self) -> None:
        self._inner.close()
        super().close()


class _InTime(HTTPResponse):
    """A reply that is there as a whole within TIMEOUT seconds."""

    def __init__(self, connection: socket.socket, *others: Any, **named: Any) -> None:
        super().__init__(connection, *others, **named)
        self.fp = io.BufferedReader(_Until(self.fp.detach(), connection))


class _Bound(HTTPAdapter):
    """Sends as requests does; its connections read replies as `_InTime`."""

    def get_connection_with_tls_context(self, *asked: Any, **named: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*asked, **named)
        pool.ConnectionCls = _in_time(pool.ConnectionCls)
        return pool


@cache
def _in_time(connection: type) -> type:
    return type(f"{connection.__name__}InTime", (connection,), {"response_class": _InTime})


def _demand(step: Step, reply: Reply) -> None:
    for rule in step.rules:
        if found := rule(reply):
            detail = f" ({found.detail})" if found.detail else ""
            raise CollectionError(f"step {step.name}: {found.reason}{detail}")


def _meaning(error: requests.RequestException) -> str:
    """The kind of a failure alone: the library's text may hold an address with its query."""
    if isinstance(error, requests.Timeout) or "timed out" in str(error):  # in a body it is another kind
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    return "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__


def _retry_after(reply: Reply) -> float:
    said = reply.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() else 0.0


# --- iGate ------------------------------------------------------------------------------------------------------------


@dataclass
class Summary:
    """What a collection did. `bad`: dossiers that could not be read, by code, and why; `listed`: how many iGate has."""

    system: str
    new: int = 0
    changed: int = 0
    pages: int = 0
    requests: int = 0
    resumed: bool = False
    bad: list[tuple[str, str]] = field(default_factory=list)
    listed: int | None = None
    kept: int = 0
    until: int | None = None


@contextmanager
def client_of(province: Catalogue, system: str, rate: float) -> Iterator[Client]:
    """A client of a system as its catalogue has it."""
    check = next(
        check for place in province.locations for (of, _), check in province.checks(place).items() if of == system
    )
    client = Client(_login_of(province, check), check.route, rate)
    try:
        yield client
    finally:
        client.close()


def _login_of(province: Catalogue, check: Check) -> Connector:
    """The connector with a step that needs a login: a check of the portal page alone would not."""
    from connectors.igate import IGate, IGateCheck  # noqa: PLC0415

    spec = province.systems[check.system]
    return IGate(spec.options, IGateCheck(steps=["search"])) if spec.connector == "igate" else check.connector


def igate_systems(province: Catalogue) -> list[str]:
    """The systems that dossiers can be collected from."""
    return [id_ for id_, system in province.systems.items() if system.connector == "igate"]


def search_of(province: Catalogue, system: str) -> DossierSearch:
    """How to ask a system for dossiers."""
    options: IGateSystem = province.systems[system].options
    return DossierSearch(options)


def collect(
    store: Store,
    client: Client,
    search: DossierSearch,
    system: str,
    zone: ZoneInfo,
    *,
    since: int | None = None,
    sizes: Sequence[int] = PAGE_SIZES,
    progress: Callable[[Summary], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
) -> Summary:
    """Collect what has changed since the last time, at first since `since` (seconds; 0: all there is; None: as before).

    Each page is kept with how far the collection is, in one transaction. Raises CollectionError, StoreError.
    """
    book, done = store.dossiers, Summary(system)
    at = book.progress(system)
    known = (at.since if at.started_at is None else at.next_since) or 0
    since = known if since is None else since
    if at.started_at is not None and since >= known:
        done.resumed = True
    else:
        is_first = at.watermark is None or since < known
        at = replace(at, watermark=None if is_first else at.watermark, next_since=since if is_first else at.since)
        at = replace(at, page=0, size=0, started_at=int(clock()), next_watermark=None)
    while at.started_at is not None:
        page, size = _page(client, search, at, sizes)
        page = _of_today(page, int(clock()))
        at = _advance(replace(at, size=size), page)
        dossiers = [_dossier(found) for found in page.found]
        units = [Unit(code, name) for (kind, code), name in page.names.items() if kind == "unit"]
        names = {key: name for key, name in page.names.items() if key[0] != "unit"}
        kept = book.keep(dossiers, zone, units=units, names=names, progress=at)
        done.new, done.changed, done.pages = done.new + kept.new, done.changed + kept.changed, done.pages + 1
        done.bad += page.bad
        done.requests = client.requests
        progress(done)
    _name_sectors(store, client, search, zone)
    done.listed = search.read_page(client.ask(lambda auth: search.page(auth, 0, 1, count=True))).total
    done.kept, done.until, done.requests = book.number(), at.until, client.requests
    book.keep((), zone, progress=replace(at, listed=done.listed))
    return done


def _name_sectors(store: Store, client: Client, search: DossierSearch, zone: ZoneInfo) -> None:
    """Ask for the procedures where a sector has no name yet. Without their names the figures are none the worse."""
    names: dict[tuple[str, str], str] = {}
    try:
        for number in range(PROCEDURE_PAGES if store.dossiers.unnamed(By.SECTOR) else 0):
            found, last = search.read_sectors(client.ask(lambda auth, n=number: search.procedures(auth, n, 200)))  # type: ignore[misc]
            names |= {(By.SECTOR.value, code): name for code, name in found.items()}
            if last:
                break
    except CollectionError as error:
        log.warning("sectors.unnamed", error=str(error))
    if names:
        store.dossiers.keep((), zone, names=names)


def _page(client: Client, search: DossierSearch, at: Progress, sizes: Sequence[int]) -> tuple[Page, int]:
    """The page that is next; the size of the first one is the first of `sizes` that the system allows."""
    sizes = (at.size,) if at.size else sizes
    for size in sizes:
        try:
            return search.read_page(client.ask(lambda auth, size=size: search.page(auth, at.page, size))), size  # type: ignore[misc]
        except CollectionError as error:
            if size == sizes[-1] or "HTTP 400" not in str(error):
                raise
    raise AssertionError("the last size returns or raises")


def _of_today(page: Page, now: int) -> Page:
    """Without dossiers that say they changed in the future: later changes of theirs would look older."""
    ahead = [found.code for found in page.found if found.updated > now + AHEAD]
    found = tuple(found for found in page.found if found.updated <= now + AHEAD)
    return page._replace(found=found, bad=(*page.bad, *((code, "updatedDate is in the future") for code in ahead)))


def _advance(at: Progress, page: Page) -> Progress:
    """Where a collection is after a page: at the next one, or at its end.

    No watermark lies after the beginning of its collection: what changes afterwards is the next one's.
    """
    assert at.started_at is not None
    changes = [found.updated for found in page.found]
    newest = at.next_watermark
    if newest is None:
        newest = min(max(changes, default=at.watermark or 0), at.started_at)
    floor = at.next_since or 0 if at.watermark is None else at.watermark - OVERLAP
    if not page.last and not any(change < floor for change in changes):
        return replace(at, page=at.page + 1, next_watermark=newest)
    done = replace(at, watermark=newest, next_watermark=None, page=0, until=at.started_at, started_at=None)
    return replace(done, since=at.next_since, next_since=None)


def _dossier(found: Found) -> Dossier:
    return Dossier(
        found.code,
        found.unit,
        found.procedure,
        found.sector,
        Channel(found.channel),
        Status(found.status),
        found.applied,
        found.accepted,
        found.due,
        found.completed,
        found.updated,
    )


LOOKED_THROUGH = 500
"""So many dossiers are looked through code by code; more are counted, and halved where the counts differ."""


def look_for_gone(
    store: Store,
    client: Client,
    search: DossierSearch,
    system: str,
    zone: ZoneInfo,
    days: tuple[date, date],
    *,
    progress: Callable[[int], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
) -> list[str]:
    """Mark the dossiers accepted on the days [start, end) that the system has no more; their codes.

    Days of which the system counts as many as there are here are not looked at further; of the others each code that no
    longer comes is asked for by itself, so a search that leaves something out marks nothing. What is found is kept at
    once, so the next look goes on there. `progress` is told how many are marked. Raises CollectionError, StoreError.
    """
    book, marked = store.dossiers, list[str]()
    others = [at.system for at in book.collections() if at.system != system]
    if others:
        raise CollectionError(
            f"dossiers of {', '.join(others)} are here too: which of them {system} lacks can't be told"
        )
    ahead = [days] if days[0] < days[1] else []
    while ahead:
        start, end = ahead.pop()
        span = _midnight(start, zone), _midnight(end, zone)
        here = book.number_accepted(*span)
        if not here:
            continue
        last = end - timedelta(days=1)
        page = search.read_page(client.ask(lambda auth, a=start, b=last: search.accepted(auth, a, b, 0, 1)))  # type: ignore[misc]
        if page.total == here:
            continue
        if here > LOOKED_THROUGH and start < last:
            middle = start + (end - start) // 2
            ahead += [(middle, end), (start, middle)]
            continue
        there = _codes_accepted(client, search, start, last, span)
        for code, *_ in book.accepted_in(*span):
            if code not in there and not search.read_page(client.ask(lambda auth, c=code: search.one(auth, c))).found:  # type: ignore[misc]
                book.mark_gone([code])
                marked.append(code)
                progress(len(marked))
    book.looked_for_gone(int(clock()))
    return marked


def _codes_accepted(client: Client, search: DossierSearch, first: date, last: date, span: tuple[int, int]) -> set[str]:
    """The codes of what the system says was accepted on these days."""
    codes: set[str] = set()
    for number in range(1_000_000):
        reply = client.ask(lambda auth, n=number: search.accepted(auth, first, last, n, PAGE_SIZES[-1]))  # type: ignore[misc]
        page = search.read_page(reply)
        if any(found.accepted is None or not span[0] <= found.accepted < span[1] for found in page.found):
            hint = "see search_dates in the options of connector igate"
            raise CollectionError(f"the search does not keep to days of acceptance; {hint}")
        if page.last or not page.found:
            return codes | _codes(page)
        if _codes(page) <= codes:
            break
        codes |= _codes(page)
    raise CollectionError("the search gives the same page again and again")


def _codes(page: Page) -> set[str]:
    return {found.code for found in page.found} | {code for code, _ in page.bad}


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, datetime.min.time(), zone).timestamp())


def statistics(client: Client, search: DossierSearch, start: date, end: date, zone: ZoneInfo) -> Form:
    """The form of [start, end) as iGate's own statistics have it. Raises CollectionError."""
    first, after = (datetime.combine(day, datetime.min.time(), zone) for day in (start, end))
    last = after - timedelta(milliseconds=1)
    rows = search.read_statistics(client.ask(lambda auth: search.statistics(auth, first, last)))
    made = (Row(row.name or row.code, row.code, Counts(**row.columns)) for row in rows)
    return Form(start, end, Source.STATISTICS, tuple(sorted(made, key=lambda row: (alphabetical(row.name), row.code))))


def by_calendar(
    store: Store, province: Catalogue, system: str, stop: threading.Event, clock: Callable[[], float] = time.time
) -> None:
    """One collection from a system as the catalogue has it: the work of a job. A system that is no more is left alone.

    Raises CollectionError, StoreError; Stopped between two pages once `stop` is set.
    """
    if not alive(province, system, clock()):
        return
    if province.simulated:
        store.set_meta(SIMULATED_META, "yes")
    search, zone = search_of(province, system), ZoneInfo(province.province.timezone)
    with client_of(province, system, province.dossiers.rate) as client:
        if province.dossiers.source == "statistics":
            _statistics_of_months(store, client, search, zone, int(clock()))
            return

        def progress(_: Summary) -> None:
            if stop.is_set():
                raise Stopped

        first = province.dossiers.since
        since = None if first is None else _midnight(first, zone)
        wanted = province.dossiers.page
        sizes = (wanted, *(size for size in PAGE_SIZES if size < wanted))
        done = collect(store, client, search, system, zone, since=since, sizes=sizes, progress=progress, clock=clock)
        if _has_lost(store, done, int(clock())) and (days := days_accepted(store, zone, done.until)):
            gone = look_for_gone(
                store, client, search, system, zone, days, progress=lambda _: progress(done), clock=clock
            )
            log.warning("dossiers.gone", system=system, number=len(gone))
    for code, why in done.bad[:20]:
        log.warning("dossier.unreadable", system=system, code=code, why=why)


def _has_lost(store: Store, done: Summary, now: int) -> bool:
    """Whether the system lists fewer dossiers than are here and not known to be gone; looked into once a day."""
    last = store.meta().get(GONE_META)
    rested = last is None or now - int(last) >= 86_400
    gone = sum(store.dossiers.gone_by_unit().values())
    alone = len(store.dossiers.collections()) == 1
    return alone and rested and done.listed is not None and done.listed < done.kept - gone


def days_accepted(store: Store, zone: ZoneInfo, until: int | None) -> tuple[date, date] | None:
    """The days [start, end) of which all dossiers that were accepted are here; None: there are none."""
    first = store.dossiers.first_accepted()
    if first is None or until is None:
        return None
    first = max(first, store.dossiers.collected_since() or 0)
    return datetime.fromtimestamp(first, zone).date(), datetime.fromtimestamp(until, zone).date()


def _statistics_of_months(store: Store, client: Client, search: DossierSearch, zone: ZoneInfo, now: int) -> None:
    """The form of the running month, in the place of the last one; that of the month before until it is complete."""
    first = datetime.fromtimestamp(now, zone).date().replace(day=1)
    after, before = (first + timedelta(days=31)).replace(day=1), (first - timedelta(days=1)).replace(day=1)
    last = store.dossiers.form(before, first, Source.STATISTICS)
    months = [(first, after)]
    if last is None or last.made_at < datetime.combine(first, datetime.min.time(), zone).timestamp():
        months.insert(0, (before, first))
    for start, end in months:
        form = statistics(client, search, start, end, zone)
        store.dossiers.keep_form(form, store.dossiers.checked(form), at=now, by="jobs", in_place=True)


# --- the national portal ----------------------------------------------------------------------------------------------


def portal_systems(province: Catalogue) -> list[str]:
    """The systems that know which dossiers are on the national portal."""
    return [id_ for id_, system in province.systems.items() if system.connector == "national_portal"]


def on_portal(
    province: Catalogue,
    system: str,
    location: str,
    codes: Sequence[str],
    rate: float,
    keep: Callable[[Mapping[str, bool | None]], None],
) -> None:
    """Ask the national portal for each dossier, `rate` a second; hand over answers as they come, fifty at a time.

    What was answered when it is broken off is handed over too. True: it is there; False: it is not; None: no answer
    that tells. Of a reply nothing but that leaves the engine.
    """
    options: NationalPortalSystem = province.systems[system].options
    like = next((check for (of, _), check in province.checks(location).items() if of == system), None)
    if like is None:
        raise CollectionError(f"{location} has no check of {system}: choose another location")
    checks = {
        (system, code): replace(
            like,
            check=code,
            connector=NationalPortal(options, NationalPortalCheck(services=["dossier"], dossier_code=code)),
            latency_objective=None,
        )
        for code in codes
    }
    heard: SimpleQueue[Outcome] = SimpleQueue()
    left = set(codes)
    engine = Engine(location, checks, dns=province.locations[location].dns)
    engine.start()
    try:
        began = time.monotonic()
        for number, code in enumerate(codes):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            engine.ask(system, code, heard.put)
            if heard.qsize() >= 50:
                keep(_taken(heard, left))
        deadline = time.monotonic() + like.settings.timeout + 10
        while heard.qsize() < len(left) and time.monotonic() < deadline:
            time.sleep(0.02)
        keep(_taken(heard, left))
        keep(dict.fromkeys(left))
    finally:
        engine.stop(drain=1.0)
        if not heard.empty():
            keep(_taken(heard, left))


def _taken(heard: SimpleQueue[Outcome], left: set[str]) -> dict[str, bool | None]:
    """What has been answered so far; it is not left any more."""
    answers = {}
    for _ in range(heard.qsize()):
        outcome = heard.get()
        answers[outcome.check] = _is_there(outcome)
        left.discard(outcome.check)
    return answers


def _is_there(outcome: Outcome) -> bool | None:
    if outcome.verdict in (Verdict.UP, Verdict.DEGRADED):
        return True
    return False if outcome.reason is Reason.CONTENT_MISMATCH else None
