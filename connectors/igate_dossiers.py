"""What iGate's dossier search and statistics say, without persons (protocols, sections 1.2 and 1.3).

Sans-I/O like every connector: it makes steps and reads their replies. Of a dossier only the fields of `Found` leave a
reply: codes and names of unit, procedure and sector, channel, status, five dates. Applicants, forms, files, tasks and
officers stay in it and go with it; so does every field that iGate may add.

Options are those of connector `igate`: `paths` (search; statistics, which has no default, since deployments differ),
`search_dates` (how a search writes days: instants, yyyy-MM-dd or dd/MM/yyyy), `root_agency`, `statuses`: which number
of the national portal's list an iGate status id means, where its name does not say, such as {"11": 5};
`statistics_fields`, where a deployment names the columns of its statistics otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from connectors import expect
from connectors.http import address
from connectors.igate import IGateSystem
from connectors.igate_fields import FINAL, channel_of, code_of, dig, instant_at, name_of, names_in, status_of
from monitor.model import Auth, Finding, Reason, Reply, Request, Rule, Step


class Found(NamedTuple):
    """A dossier without its person. Instants in seconds, None: not said; status and channel by the national lists."""

    code: str
    unit: str
    procedure: str
    sector: str
    channel: int
    status: int
    applied: int | None
    accepted: int | None
    due: int | None
    completed: int | None
    updated: int


class Page(NamedTuple):
    """A page of a search: dossiers, names by (kind, code), and what could not be read (a code, or "?", and why)."""

    found: tuple[Found, ...]
    names: Mapping[tuple[str, str], str]
    bad: tuple[tuple[str, str], ...]
    last: bool
    total: int | None


class Statistics(NamedTuple):
    """A unit's row of iGate's statistics, columns as it gives them."""

    code: str
    name: str
    columns: Mapping[str, int]


STATISTICS = {
    "received": "received",
    "new_online": "receivedOnline",
    "new_direct": "receivedDirect",
    "carried_over": "receivedOld",
    "resolved": "resolved",
    "resolved_early": "resolvedEarly",
    "resolved_on_time": "resolvedOnTime",
    "resolved_overdue": "resolvedOverdue",
    "pending": "unresolved",
    "pending_in_time": "unresolvedOnTime",
    "pending_overdue": "unresolvedOverdue",
}
"""The form's columns by their names in the statistics."""


class DossierSearch:
    """The questions and how to read the answers, by one system's options."""

    def __init__(self, system: IGateSystem) -> None:
        self._system = system
        self._statuses = {key: int(number) for key, number in system.statuses.items()}
        self._fields = STATISTICS | dict(system.statistics_fields)

    @property
    def has_statistics(self) -> bool:
        return "statistics" in self._system.paths

    def page(self, auth: Auth | None, number: int, size: int, *, count: bool = False) -> Step:
        """One page, the dossier that changed last before the others; `count`: with the number of all."""
        query = {"page": number, "size": size, "spec": "page" if count else "slice", "sort": "updatedDate,desc"}
        return self._step("dossiers", f"{self._path()}?{urlencode(query | self._mine(), safe=',')}", auth, _page)

    def accepted(self, auth: Auth | None, first: date, last: date, number: int, size: int) -> Step:
        """One page of the dossiers accepted on these days, with the number of all, in order of acceptance."""
        pattern = "%d/%m/%Y" if self._system.search_dates == "dd/MM/yyyy" else "%Y-%m-%d"
        query = {"accepted-from": f"{first:{pattern}}", "accepted-to": f"{last:{pattern}}"} | self._mine()
        if self._system.search_dates == "instants":
            query |= {"accepted-from": f"{first}T00:00:00.000+0700", "accepted-to": f"{last}T23:59:59.999+0700"}
        query |= {"page": str(number), "size": str(size), "spec": "page", "sort": "acceptedDate,asc"}
        return self._step("accepted", f"{self._path()}?{urlencode(query, safe=',/')}", auth, _counted_page)

    def one(self, auth: Auth | None, code: str) -> Step:
        """The dossier of this code, whichever unit has it; an empty page where there is none."""
        query = {"code": code, "page": 0, "size": 1, "spec": "slice"}
        return self._step("dossier", f"{self._path()}?{urlencode(query)}", auth, _page)

    def _path(self) -> str:
        return self._system.paths.get("search", "/pa/dossier/search").partition("?")[0]

    def _mine(self) -> dict[str, str]:
        return {"ancestor-agency-id": self._system.root_agency} if self._system.root_agency else {}

    def procedures(self, auth: Auth | None, number: int, size: int) -> Step:
        """One page of the procedures, which say what the sectors are called: a dossier has their codes alone."""
        path = self._system.paths.get("procedures", "/bd/procedure").partition("?")[0]
        query = {"page": number, "size": size, "spec": "slice"}
        return self._step("procedures", f"{path}?{urlencode(query)}", auth, _page)

    def statistics(self, auth: Auth | None, start: datetime, last: datetime) -> Step:
        """The statistics of [start, last], both with their zone, by unit."""
        query = {"from-date": start.isoformat("T", "milliseconds"), "to-date": last.isoformat("T", "milliseconds")}
        if self._system.root_agency:
            query["agency-id"] = self._system.root_agency
        path = self._system.paths["statistics"]
        return self._step("statistics", f"{path}{'&' if '?' in path else '?'}{urlencode(query)}", auth, self._rows)

    def _step(self, name: str, path: str, auth: Auth | None, rule: Rule) -> Step:
        headers = (("Accept", "application/json"), *([("Authorization", f"Bearer {auth.token}")] if auth else []))
        request = Request(address(self._system.gateway_url, path), "GET", headers)
        rules = (expect.status(refusals=(401, 403)), _is_json, rule)
        return Step(name, request, rules, relogin_on=lambda reply: reply.status == 401)

    # --- reading -----------------------------------------------------------------------------------------------------

    def read_page(self, reply: Reply) -> Page:
        """What a page says of dossiers. For a reply that fulfils the rules of its step."""
        found: list[Found] = []
        names: dict[tuple[str, str], str] = {}
        bad: list[tuple[str, str]] = []
        for item in reply.json["content"]:
            code = code_of(dig(item, "code"))
            try:
                found.append(self._dossier(item, code))
            except ValueError as error:
                bad.append((code or "?", str(error)))
                continue
            names.update(names_in(item))
        total = reply.json.get("totalElements")
        total = total if isinstance(total, int) else None
        return Page(tuple(found), names, tuple(bad), bool(reply.json.get("last", not found)), total)

    def read_sectors(self, reply: Reply) -> tuple[Mapping[str, str], bool]:
        """Names of sectors by code, and whether the page is the last. For a reply that fulfils its step's rules."""
        items = reply.json["content"]
        names = {key[1]: name for item in items for key, name in names_in({"procedure": item}) if key[0] == "sector"}
        return names, bool(reply.json.get("last", not items))

    def read_statistics(self, reply: Reply) -> list[Statistics]:
        """The statistics by unit. For a reply that fulfils the rules of its step."""
        return [
            Statistics(
                code_of(dig(row, "agency", "code")) or code_of(dig(row, "agency", "id")),
                name_of(dig(row, "agency", "name")),
                {column: row[field] for column, field in self._fields.items()},
            )
            for row in reply.json
        ]

    def _rows(self, reply: Reply) -> Finding | None:
        if not isinstance(reply.json, list):
            return Finding(Reason.CONTRACT_VIOLATION, "an array was due")
        for number, row in enumerate(reply.json):
            for field in self._fields.values():
                value = row.get(field) if isinstance(row, dict) else None
                if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                    return Finding(Reason.CONTRACT_VIOLATION, f"field {number}.{field} is no number of dossiers")
        return None

    def _dossier(self, item: Any, code: str) -> Found:
        if not code:
            raise ValueError("no code")
        updated = instant_at(item, "updatedDate")
        if updated is None:
            raise ValueError("no updatedDate")
        due = instant_at(item, "appointmentDate")
        return Found(
            code,
            code_of(dig(item, "agency", "code")) or code_of(dig(item, "agency", "id")),
            code_of(dig(item, "procedure", "code")) or code_of(dig(item, "procedure", "id")),
            code_of(dig(item, "procedure", "sector", "id")) or code_of(dig(item, "procedure", "sector", "code")),
            channel_of(name_of(dig(item, "applyMethod", "name"))),
            self._status(item),
            instant_at(item, "appliedDate"),
            instant_at(item, "acceptedDate"),
            due if due is not None else instant_at(item, "dueDate"),
            instant_at(item, "completedDate"),
            updated,
        )

    def _status(self, item: Any) -> int:
        """By the catalogue, else by the name; a task that waits for the citizen says more than "being processed".

        A task that has ended does not end its dossier: the next one follows.
        """
        by_id = self._statuses.get(str(dig(item, "dossierStatus", "id")))
        if by_id is not None:
            return by_id
        status = status_of(name_of(dig(item, "dossierStatus", "name")))
        if status in FINAL:
            return status
        task = status_of(name_of(dig(item, "dossierTaskStatus", "name")))
        return status if task in FINAL else task or status


def _is_json(reply: Reply) -> Finding | None:
    """As `expect.json_type`, without its limit on the number of values: a page is large by design."""
    try:
        document = reply.json
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        what = "HTML" if expect.looks_like_html(reply) else "no JSON"
        return Finding(Reason.CONTRACT_VIOLATION, f"{what} where JSON was due")
    if isinstance(document, dict):
        return expect.no_error_code("error_code", "errorCode", "error")(reply)
    return None if isinstance(document, list) else Finding(Reason.CONTRACT_VIOLATION, "no object where one was due")


def _page(reply: Reply) -> Finding | None:
    if not isinstance(reply.json, dict):
        return Finding(Reason.CONTRACT_VIOLATION, "an object was due")
    content: Sequence[Any] | None = reply.json.get("content")
    if not isinstance(content, list):
        return Finding(Reason.CONTRACT_VIOLATION, "field content is no array")
    return None


def _counted_page(reply: Reply) -> Finding | None:
    if (found := _page(reply)) or expect.is_a(reply.json.get("totalElements"), "number"):
        return found
    return Finding(Reason.CONTRACT_VIOLATION, "missing field totalElements")
