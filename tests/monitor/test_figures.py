"""docs/figures.md, sections 4, 6 and 7, in one table: short lines, and the figures that a person computes from them.

A line is told by its lengths: "60u 30d 10n 5g" is up from second 0, down from 60, without data from 90, degraded from
100 to 105. `app` is looked at and depends on the systems named after it, with g = 10 s. Its contract is with `vnpt`,
who runs `app` and `net`; `tinh` runs `bus`, `bo` runs `ldap`.

Figures: `raw`, `con` (contractual), `off` (office), each with `set`, `obs`, `down`, `nodata`, `degraded`, `A`, `cov`,
`text`, `prov`; what left `con` is `maint` and `other`, what left `off` is `outside`. Outages and incidents are written
start-end:down seconds, with + while they go on; those that start in the period. `cause` and `party` say whose the down
seconds are, `via` how many are a parent's. Every case is held against the oracle as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.availability import (
    RAW,
    Attribution,
    Basis,
    Figure,
    Outage,
    Piece,
    contractual,
    explain,
    figure,
    office,
    outages,
    scheduled,
    starting,
)
from monitor.incidents import Incident, incidents, mtbf, mttr
from monitor.judge import Interval
from monitor.model import Reason, State
from monitor.spans import Span
from tests.monitor import figures_oracle as oracle

STATE = {"u": State.UP, "g": State.DEGRADED, "d": State.DOWN, "n": State.NO_DATA}
LETTER = {"u": "U", "g": "G", "d": "D", "n": "-"}
PARTY = {"app": "vnpt", "net": "vnpt", "bus": "tinh", "ldap": "bo"}
G = 10
T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    name: str
    told: str  # "app's line | bus: its line"
    expected: str
    period: str = ""  # all of app's line
    life: str = "0-1000000"
    now: int | None = None  # the end of the period
    maint: str = ""
    hours: str = ""
    depends: str = ""  # "app>bus bus>ldap"
    decided: str = ""  # "bus 40-70 evn, app 50-60 bo", the later ones later
    unconfirmed: bool = False


def c(name: str, told: str, expected: str, **more: str | int | bool) -> Case:
    return Case(name, told, expected, **more)  # type: ignore[arg-type]


CASES = [
    # --- raw -----------------------------------------------------------------------------------------------------
    c("up all along", "100u", "raw.set=100 raw.obs=100 raw.down=0 raw.A=1 raw.cov=1 raw.prov=no raw.text=100,00%"),
    c("down counts", "60u 30d 10u", "raw.set=100 raw.down=30 raw.A=7/10 raw.text=70,00%"),
    c(
        "silence is neither up nor down",
        "60u 30d 10n",
        "raw.set=100 raw.obs=90 raw.down=30 raw.nodata=10 raw.A=2/3 raw.cov=9/10 raw.text=66,66%",
    ),
    c("degraded is available and has its own column", "50u 40g 10d", "raw.degraded=40 raw.down=10 raw.A=9/10"),
    c("nothing observed", "100n", "raw.set=100 raw.obs=0 raw.A=none raw.cov=0 raw.text=không_có_dữ_liệu raw.prov=yes"),
    c(
        "an empty set",
        "100u",
        "raw.set=0 raw.A=none raw.cov=none raw.prov=no raw.text=không_có_dữ_liệu",
        life="200-300",
    ),
    c("down whenever observed is 0, not no data", "40n 60d", "raw.obs=60 raw.down=60 raw.A=0 raw.text=0,00%"),
    c("where the line says nothing", "60u", "raw.set=100 raw.obs=60 raw.nodata=40 raw.cov=3/5", period="0-100"),
    c("95 % coverage exactly", "95u 5n", "raw.cov=19/20 raw.prov=no"),
    c("95 % coverage less a second", "949u 51n", "raw.cov=949/1000 raw.prov=yes"),
    c("a running period ends at now", "60u 30d 10n", "raw.set=90 raw.down=30 raw.A=2/3", period="0-1000", now=90),
    c("a period to come", "60u", "raw.set=0 raw.A=none", period="50-100", now=20),
    c("a system that came within the period", "30n 70u", "raw.set=70 raw.obs=70 raw.cov=1", life="30-500"),
    c("a system that left within the period", "80u 20n", "raw.set=80 raw.obs=80 raw.cov=1", life="0-80"),
    c("99,896 % is not 99,90 %", "99896u 104d", "raw.A=12487/12500 raw.text=99,89%"),
    c("99,999 % is not 100 %", "99999u 1d", "raw.A=99999/100000 raw.text=99,99%"),
    c("an outage is split at the end of a period", "50u 100d 50u", "raw.set=100 raw.down=50", period="0-100"),
    c("and goes on in the next one", "50u 100d 50u", "raw.set=100 raw.down=50 raw.A=1/2", period="100-200"),
    # --- contractual: maintenance --------------------------------------------------------------------------------
    c(
        "maintenance leaves, up or down alike",
        "40u 20d 40u",
        "con.set=80 con.down=10 con.maint=20 con.A=7/8 raw.set=100 raw.down=20",
        maint="30-50",
    ),
    c("silence in maintenance leaves too", "40u 20n 40u", "con.set=80 con.nodata=0 con.cov=1", maint="40-60"),
    c("windows that overlap leave once", "100u", "con.set=50 con.maint=50", maint="10-40,30-60"),
    c("a window over the edge of the period", "100u", "con.set=90 con.maint=10", maint="90-200"),
    c(
        "a window that begins inside an outage",
        "50u 30d 20u",
        "con.set=90 con.down=20 con.maint=10 outages=50-80:30",
        maint="60-70",
    ),
    c("past its end it is downtime", "50u 40d 10u", "con.set=70 con.down=20 con.A=5/7", maint="40-70"),
    c("nothing but maintenance", "100d", "con.set=0 con.A=none con.cov=none raw.A=0", maint="0-100"),
    c("degraded in maintenance leaves", "50u 50g", "con.set=90 con.degraded=40 raw.degraded=50", maint="50-60"),
    c("each set has its own coverage", "90u 10n", "con.cov=1 con.prov=no raw.cov=9/10 raw.prov=yes", maint="90-100"),
    c(
        "an unconfirmed year",
        "100u",
        "con.A=1 con.cov=1 con.prov=yes off.prov=yes raw.prov=no",
        hours="0-100",
        unconfirmed=True,
    ),
    # --- contractual: another party ------------------------------------------------------------------------------
    c(
        "another party's down seconds leave",
        "40u 30d 30u | bus: 40u 30d 30u",
        "con.set=70 con.down=0 con.other=30 con.A=1 raw.set=100 raw.down=30 raw.A=7/10",
    ),
    c(
        "a bus of the same party takes nothing off",
        "40u 30d 30u | net: 40u 30d 30u",
        "con.set=100 con.down=30 con.other=0 con.A=7/10 cause=net:40-70 via=30",
    ),
    c("its own outage stays", "40u 30d 30u | bus: 100u", "con.set=100 con.down=30 con.other=0 via=0"),
    c(
        "what is both leaves once, as maintenance",
        "40u 30d 30u | bus: 40u 30d 30u",
        "con.set=70 con.maint=10 con.other=20 con.down=0",
        maint="50-60",
    ),
    c(
        "another party's seconds in the maintenance of up time",
        "40u 30d 30u | bus: 40u 30d 30u",
        "con.set=60 con.maint=10 con.other=30 con.A=1",
        maint="80-90",
    ),
    c(
        "the part after the bus has recovered is the contract's",
        "40u 50d 10u | bus: 40u 20d 40u",
        "con.set=70 con.other=30 con.down=20 con.A=5/7 party=tinh:40-70,vnpt:70-90",
    ),
    c(
        "only another party's fault all along",
        "100d | bus: 100d",
        "con.set=0 con.A=none con.other=100 raw.A=0",
    ),
    # --- office --------------------------------------------------------------------------------------------------
    c("inside the hours", "100u", "off.set=40 off.outside=60 off.A=1", hours="20-60"),
    c("an outage outside the hours", "70u 20d 10u", "off.set=60 off.down=0 off.A=1 raw.down=20", hours="0-60"),
    c("an outage across closing time", "50u 20d 30u", "off.set=60 off.down=10 off.A=5/6", hours="0-60"),
    c("two shifts", "100d", "off.set=20 off.down=20 off.A=0 off.outside=80", hours="10-20,30-40"),
    c("shifts that overlap", "100u", "off.set=50 off.outside=50", hours="10-40,30-60"),
    c("a day off", "100u", "off.set=0 off.A=none off.cov=none off.prov=no"),
    c(
        "maintenance stays in office hours",
        "40u 20d 40u",
        "off.set=100 off.down=20 con.down=0",
        maint="40-60",
        hours="0-100",
    ),
    c(
        "another party's fault stays in office hours",
        "40u 30d 30u | bus: 40u 30d 30u",
        "off.set=80 off.down=30 off.A=5/8 con.down=0",
        hours="0-80",
    ),
    c("office coverage", "50u 50n", "off.cov=1 off.prov=no raw.cov=1/2 raw.prov=yes", hours="0-50"),
    c("hours over the edges of the period", "100u", "off.set=50", period="25-75", hours="0-100"),
    # --- through the parent --------------------------------------------------------------------------------------
    c("the same seconds", "40u 30d 30u | bus: 40u 30d 30u", "cause=bus:40-70 via=30 raw.down=30 outages=40-70:30"),
    c("seen g before the parent, and g after", "40u 40d 20u | bus: 50u 20d 30u", "cause=bus:40-80 via=40"),
    c("seen more than g before the parent", "39u 41d 20u | bus: 50u 20d 30u", "cause=app:39-80 via=0"),
    c("down for longer than g after the parent", "40u 41d 19u | bus: 50u 20d 30u", "cause=bus:40-80,app:80-81 via=40"),
    c("the parent is down for longer", "40u 10d 50u | bus: 20u 60d 20u", "cause=bus:40-50 via=10"),
    c(
        "the parent is back within g of its next outage",
        "40u 50d 10u | bus: 40u 10d 20u 20d 10u",
        "cause=bus:40-90 via=50",
    ),
    c(
        "a second that no parent is near makes it its own",
        "40u 50d 10u | bus: 40u 10d 21u 19d 10u",
        "cause=bus:40-60,app:60-90 via=20",
    ),
    c("its own to the end", "40u 50d 10u | bus: 40u 5d 30u 15d 10u", "cause=bus:40-55,app:55-90 via=15"),
    c("near, but no second is shared", "40u 20d 40u | bus: 30u 10d 60u", "cause=app:40-60 via=0"),
    c("one shared second is enough", "39u 20d 41u | bus: 30u 10d 60u", "cause=bus:39-50,app:50-59 via=11"),
    c(
        "shared later, begun near an earlier one",
        "40u 30d 30u | bus: 32u 6d 22u 2d 38u",
        "cause=bus:40-48,app:48-70 via=8",
    ),
    c("a parent without data takes nothing", "40u 30d 30u | bus: 40u 30n 30u", "cause=app:40-70 via=0"),
    c("a parent that falls silent", "40u 30d 30u | bus: 40u 10d 20n 30u", "cause=bus:40-60,app:60-70 via=20"),
    c("a degraded parent takes nothing", "40u 30d 30u | bus: 40u 30g 30u", "cause=app:40-70 via=0"),
    c("up while the bus is down", "100u | bus: 40u 30d 30u", "raw.down=0 raw.A=1 con.set=100 outages=none"),
    c(
        "the silence within an outage is not asked",
        "40u 10d 30n 10d 10u | bus: 40u 10d 30u 10d 10u",
        "cause=bus:40-50,bus:80-90 via=20 outages=40-90:20",
    ),
    c(
        "a chain goes to the root cause",
        "40u 30d 30u | bus: 40u 30d 30u | ldap: 40u 30d 30u",
        "cause=ldap:40-70 party=bo:40-70",
        depends="app>bus bus>ldap",
    ),
    c(
        "a chain whose middle becomes its own",
        "40u 40d 20u | bus: 40u 40d 20u | ldap: 40u 10d 50u",
        "cause=ldap:40-60,bus:60-80 party=bo:40-60,tinh:60-80",
        depends="app>bus bus>ldap",
    ),
    c(
        "a chain reaches g further with every link",
        "40u 35d 25u | bus: 40u 20d 40u | ldap: 40u 10d 50u",
        "cause=ldap:40-70,app:70-75",
        depends="app>bus bus>ldap",
    ),
    c(
        "a parent's parent is no parent",
        "40u 30d 30u | bus: 100u | ldap: 40u 30d 30u",
        "cause=app:40-70",
        depends="app>bus bus>ldap",
    ),
    c(
        "of two parents the one whose outage began first",
        "45u 25d 30u | bus: 45u 25d 30u | ldap: 40u 30d 30u",
        "cause=ldap:45-70 party=bo:45-70",
    ),
    c(
        "of two that began together the first by id",
        "40u 30d 30u | ldap: 40u 30d 30u | bus: 40u 30d 30u",
        "cause=bus:40-70",
    ),
    c(
        "one parent after the other",
        "40u 30d 30u | bus: 40u 15d 45u | ldap: 55u 15d 30u",
        "cause=bus:40-55,ldap:55-70 via=30",
    ),
    c(
        "a parent that is down goes before one that is near",
        "45u 16d 39u | bus: 40u 10d 50u | ldap: 45u 7d 48u",
        "cause=bus:45-50,ldap:50-52,bus:52-60,ldap:60-61 via=16",
    ),
    # --- attribution ---------------------------------------------------------------------------------------------
    c(
        "a person's attribution wins",
        "40u 30d 30u",
        "party=evn:40-70 cause=app:40-70 con.other=30 con.down=0 con.set=70",
        decided="app 40-70 evn",
    ),
    c(
        "for the seconds that it names",
        "40u 30d 30u",
        "party=evn:40-50,vnpt:50-70 con.other=10 con.down=20",
        decided="app 0-50 evn",
    ),
    c(
        "the latest attribution wins",
        "40u 30d 30u",
        "party=evn:40-50,bo:50-60,evn:60-70",
        decided="app 40-70 evn, app 50-60 bo",
    ),
    c(
        "back to the contract's party",
        "40u 30d 30u | bus: 40u 30d 30u",
        "party=vnpt:40-50,tinh:50-70 con.other=20 con.down=10 con.set=80",
        decided="app 40-50 vnpt",
    ),
    c(
        "an attribution of the root cause holds for what is owed to it",
        "40u 35d 25u | bus: 40u 30d 30u",
        "party=evn:40-75 cause=bus:40-75",
        decided="bus 40-70 evn",
    ),
    c("an attribution of up time changes nothing", "40u 30d 30u", "party=vnpt:40-70", decided="app 0-40 evn"),
    # --- outages -------------------------------------------------------------------------------------------------
    c("down, silence, down is one", "20u 10d 20n 10d 40u", "outages=20-60:20 raw.down=20 raw.nodata=20"),
    c("down, silence, up ends at the last down second", "20u 10d 20n 50u", "outages=20-30:10 raw.nodata=20"),
    c("a good second parts two", "20u 10d 1u 10d 59u", "outages=20-30:10,31-41:10"),
    c("a degraded second parts two", "20u 10d 1g 10d 59u", "outages=20-30:10,31-41:10"),
    c("silence before does not belong to it", "20n 10d 70u", "outages=20-30:10"),
    c("counted in the period in which it starts", "50u 100d 50u", "outages=50-150:100 raw.down=50", period="0-100"),
    c("not in the one in which it ends", "50u 100d 50u", "outages=none raw.down=50", period="100-200"),
    c("it goes on", "50u 50d", "outages=50-100:50+ raw.down=50"),
    c("it goes on in silence", "50u 20d 30n", "outages=50-70:20+ raw.down=20"),
    c("a system that left ended it", "50u 50d", "outages=50-100:50 raw.set=100", life="0-100", period="0-200"),
    # --- incidents and means -------------------------------------------------------------------------------------
    c("600 s after the last end: reopened", "100u 10d 600u 10d 80u", "incidents=100-720:20 mttr=20 mtbf=780"),
    c("601 s after: another one", "100u 10d 601u 10d 79u", "incidents=100-110:10,711-721:10 mttr=10 mtbf=390"),
    c(
        "600 s from the last end, not the first",
        "10d 500u 10d 500u 10d 70u",
        "incidents=0-1030:30 outages=0-10:10,510-520:10,1020-1030:10",
    ),
    c(
        "it begins where the outage becomes its own",
        "40u 50d 10u | bus: 40u 20d 40u",
        "incidents=70-90:20 outages=40-90:50 via=30 mttr=20 mtbf=50",
    ),
    c(
        "the rest is the parent's, with the child as affected",
        "40u 50d 10u | bus: 40u 20d 40u",
        "bus.incidents=40-60:20 bus.affected=app:40-70:30",
    ),
    c(
        "an outage that is the parent's makes no incident",
        "40u 30d 30u | bus: 40u 30d 30u",
        "incidents=none outages=40-70:30 mttr=none mtbf=none bus.affected=app:40-70:30",
    ),
    c(
        "the own part reopens, the parent's between them does not count",
        "10d 390u 50d 50u | bus: 400u 20d 80u",
        "incidents=0-450:30 outages=0-10:10,400-450:50 via=30",
    ),
    c(
        "an incident of the bus has affected the child twice",
        "10d 90u 10d 90u | bus: 10d 90u 10d 90u",
        "bus.incidents=0-110:20 bus.affected=app:0-110:20 incidents=none",
    ),
    c(
        "the incident is listed at the root of a chain",
        "40u 30d 30u | bus: 40u 30d 30u | ldap: 40u 30d 30u",
        "bus.incidents=none bus.affected=none ldap.affected=app:40-70:30+bus:40-70:30",
        depends="app>bus bus>ldap",
    ),
    c(
        "601 s are counted to its own part, however early the parent's",
        "10d 390u 700d 50u | bus: 400u 600d 150u",
        "incidents=0-10:10,1010-1100:90 outages=0-10:10,400-1100:700 via=610",
    ),
    c(
        "a child that was seen before the parent is listed there too",
        "40u 40d 20u | bus: 50u 20d 30u",
        "bus.incidents=50-70:20 bus.affected=app:40-80:40 incidents=none",
    ),
    c("mean times need incidents", "100u", "incidents=none mttr=none mtbf=none"),
    c(
        "MTBF counts up and degraded, not silence",
        "100u 10d 700g 20d 70u 100n",
        "incidents=100-110:10,810-830:20 mttr=15 mtbf=435",
    ),
    c("MTTR is of down seconds", "20u 10d 30n 20d 20u", "incidents=20-80:30 mttr=30 mtbf=40"),
    c(
        "an incident counts whole where it starts",
        "50u 100d 50u",
        "incidents=50-150:100 mttr=100 mtbf=50",
        period="0-100",
    ),
    c("and not where it ends", "50u 100d 50u", "incidents=none mttr=none mtbf=none raw.down=50", period="100-200"),
    c("one that goes on has its seconds so far", "50u 20d 30n", "incidents=50-70:20+ mttr=20 mtbf=50"),
]


# --- how a case is told -----------------------------------------------------------------------------------------------


def parts(told: str) -> Iterable[tuple[int, str]]:
    return ((int(part[:-1]), part[-1]) for part in told.split())


def line(told: str) -> list[Interval]:
    made: list[Interval] = []
    at = 0
    for length, letter in parts(told):
        made.append(Interval(at, at + length, STATE[letter], Reason.HTTP_5XX if letter == "d" else None))
        at += length
    return made


def letters(told: str) -> str:
    return "".join(LETTER[letter] * length for length, letter in parts(told))


def spans(told: str) -> list[Span]:
    return [(int(start), int(end)) for start, end in (span.split("-") for span in told.split(",") if span)]


@dataclass(frozen=True)
class Told:
    """A case in values."""

    lines: Mapping[str, str]
    depends_on: Mapping[str, Sequence[str]]
    period: Span
    life: Span
    now: int
    decided: Sequence[tuple[str, Span, str]]


def read(case: Case) -> Told:
    app, *others = case.told.split("|")
    lines = {"app": app} | dict(map(str.strip, other.split(":")) for other in others)  # type: ignore[arg-type]
    depends_on: dict[str, list[str]] = {} if case.depends else {"app": [s for s in lines if s != "app"]}
    for edge in case.depends.split():
        child, parent = edge.split(">")
        depends_on.setdefault(child, []).append(parent)
    period = spans(case.period)[0] if case.period else (0, len(letters(app)))
    decided = [(s, spans(span)[0], party) for s, span, party in map(str.split, filter(None, case.decided.split(",")))]
    now = period[1] if case.now is None else case.now
    return Told(lines, depends_on, period, spans(case.life)[0], now, decided)


def found(told: Told) -> dict[str, list[Outage]]:
    decisions = [Attribution(number, s, *span, party) for number, (s, span, party) in enumerate(told.decided)]
    lines = {system: line(text) for system, text in told.lines.items()}
    return outages(lines, told.depends_on, lambda *_: G, PARTY, decisions, now=told.now)


def bases(case: Case) -> dict[str, Basis]:
    return {
        "raw": RAW,
        "con": contractual("vnpt", spans(case.maint), unconfirmed=case.unconfirmed),
        "off": office(spans(case.hours), unconfirmed=case.unconfirmed),
    }


def written(value: Fraction | None) -> str:
    return "none" if value is None else str(value)


def of_figure(name: str, counted: Figure) -> dict[str, str]:
    numbers = {
        "set": counted.set_seconds,
        "obs": counted.observed_seconds,
        "down": counted.down_seconds,
        "nodata": counted.no_data_seconds,
        "degraded": counted.degraded_seconds,
        "maint": counted.maintenance_seconds,
        "other": counted.other_party_seconds,
        "outside": counted.outside_hours_seconds,
        "A": written(counted.availability),
        "cov": written(counted.coverage),
        "text": counted.text().replace(" ", "_"),
        "prov": "yes" if counted.provisional else "no",
    }
    return {f"{name}.{key}": str(value) for key, value in numbers.items()}


def listed(items: Iterable[Outage | Incident]) -> str:
    return ",".join(f"{i.start}-{i.end}:{i.seconds}{'+' * i.ongoing}" for i in items) or "none"


def joined(labelled: Iterable[tuple[str, int, int]]) -> str:
    """Neighbours of one label put together: "bus:40-70,app:70-90"."""
    made: list[tuple[str, int, int]] = []
    for label, start, end in labelled:
        if made and made[-1][0] == label and made[-1][2] == start:
            made[-1] = (label, made[-1][1], end)
        else:
            made.append((label, start, end))
    return ",".join(f"{label}:{start}-{end}" for label, start, end in made) or "none"


def measured(case: Case) -> dict[str, str]:
    told = read(case)
    all_outages = found(told)
    mine = all_outages["app"]
    period = scheduled(told.period, told.life, told.now)
    figures = {name: figure(line(told.lines["app"]), period, basis, mine) for name, basis in bases(case).items()}
    stretches = [stretch for outage in mine for stretch in outage.stretches]
    made = {"outages": listed(starting(mine, *told.period)), "via": str(sum(o.through_parent for o in mine))}
    made["cause"] = joined((s.root, s.start, s.end) for s in stretches)
    made["party"] = joined((s.party, s.start, s.end) for s in stretches)
    for name, counted in figures.items():
        made |= of_figure(name, counted)
    everything = incidents(all_outages)
    for system in told.lines:
        of_system = starting([i for i in everything if i.system == system], *told.period)
        made[f"{system}.incidents"] = listed(of_system)
        hit = [f"{a.system}:{a.start}-{a.end}:{a.seconds}" for i in of_system for a in i.affected]
        made[f"{system}.affected"] = "+".join(hit) or "none"
    own = starting([i for i in everything if i.system == "app"], *told.period)
    made["incidents"] = listed(own)
    made["mttr"], made["mtbf"] = written(mttr(own)), written(mtbf(figures["raw"].available_seconds, len(own)))
    return made


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_figure(case: Case) -> None:
    made = measured(case)
    expected = dict(pair.split("=") for pair in case.expected.split())
    assert {key: made[key] for key in expected} == expected
    agree(case)


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


# --- against the oracle -----------------------------------------------------------------------------------------------


def agree(case: Case) -> None:
    """The oracle comes to the same causes, sets, counts and incidents."""
    told = read(case)
    texts = {system: letters(text) for system, text in told.lines.items()}
    decisions = [oracle.Decision(n, s, range(*span), party) for n, (s, span, party) in enumerate(told.decided)]
    causes = oracle.causes(texts, told.depends_on, lambda *_: G, PARTY, decisions)
    all_outages = found(told)
    for system, of_system in all_outages.items():
        assert by_second(of_system) == {s: (c.root, c.party) for s, c in causes[system].items()}
        own = [oracle_span(seconds) for seconds in oracle.incidents(system, causes[system], texts[system])]
        assert [(i.start, i.end, i.seconds) for i in incidents(all_outages) if i.system == system] == own

    period = scheduled(told.period, told.life, told.now)
    raw = oracle.raw(range(*told.period), range(*told.life), told.now)
    sets = {
        "raw": raw,
        "con": oracle.contractual(raw, [range(*s) for s in spans(case.maint)], causes["app"], "vnpt"),
        "off": oracle.office(raw, [range(*s) for s in spans(case.hours)]),
    }
    for name, basis in bases(case).items():
        counted = figure(line(told.lines["app"]), period, basis, all_outages["app"])
        expected = oracle.count(texts["app"], sets[name])
        assert (counted.set_seconds, counted.down_seconds, counted.no_data_seconds, counted.degraded_seconds) == (
            expected.seconds,
            expected.down,
            expected.no_data,
            expected.degraded,
        )
        assert (counted.availability, counted.coverage) == (expected.availability, expected.coverage)
        explained(explain(line(told.lines["app"]), period, basis, all_outages["app"]), period, counted, sets[name])


def explained(pieces: Sequence[Piece], period: Span, counted: Figure, seconds: set[int]) -> None:
    """What is listed is the whole period, in order, and what is not excluded is the set of the figure."""
    edges = [period[0], *(piece.end for piece in pieces)]
    assert [piece.start for piece in pieces] == edges[:-1]
    assert edges[-1] == period[1] and all(piece.start < piece.end for piece in pieces)
    assert {s for p in pieces if p.excluded is None for s in range(p.start, p.end)} == seconds
    excluded = {
        reason: sum(p.end - p.start for p in group)
        for reason, group in groupby(sorted(pieces, key=lambda p: p.excluded or ""), key=lambda p: p.excluded)
    }
    assert counted.set_seconds == excluded.pop(None, 0)
    assert {reason: n for reason, n in excluded.items() if n} == {
        reason: n
        for reason, n in (
            ("maintenance", counted.maintenance_seconds),
            ("other_party", counted.other_party_seconds),
            ("outside_hours", counted.outside_hours_seconds),
        )
        if n
    }


def by_second(of_system: Iterable[Outage]) -> dict[int, tuple[str, str]]:
    return {s: (t.root, t.party) for o in of_system for t in o.stretches for s in range(t.start, t.end)}


def oracle_span(seconds: Sequence[int]) -> tuple[int, int, int]:
    return seconds[0], seconds[-1] + 1, len(seconds)


LENGTH = 90
TOLD = st.lists(st.tuples(st.integers(1, 30), st.sampled_from("uddgn")), min_size=1, max_size=9).map(
    lambda made: " ".join(f"{length}{letter}" for length, letter in made)
)
RANGES = st.lists(st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)).filter(lambda r: r[0] < r[1]), max_size=3)
DEPENDS = st.sampled_from(["app>bus", "app>bus app>ldap", "app>bus bus>ldap", "app>bus app>ldap bus>ldap", "bus>ldap"])
DECIDED = st.lists(
    st.tuples(st.sampled_from(["app", "bus", "ldap"]), RANGES.filter(bool), st.sampled_from(["evn", "vnpt", "bo"])),
    max_size=3,
)


def ranges(made: Iterable[Span]) -> str:
    return ",".join(f"{start}-{end}" for start, end in made)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    told = f"{draw(TOLD)} | bus: {draw(TOLD)} | ldap: {draw(TOLD)}"
    decided = ", ".join(f"{s} {ranges(made[:1])} {party}" for s, made, party in draw(DECIDED))
    return Case(
        "drawn",
        told,
        "",
        period=draw(st.sampled_from(["0-90", "20-70", "0-300"])),
        life=draw(st.sampled_from(["0-1000", "30-60", "50-1000"])),
        now=draw(st.integers(0, 300)),
        maint=ranges(draw(RANGES)),
        hours=ranges(draw(RANGES)),
        depends=draw(DEPENDS),
        decided=decided,
    )


@given(cases())
@settings(max_examples=400, deadline=None)
def test_the_oracle_agrees_second_by_second(case: Case) -> None:
    agree(case)


@given(cases(), st.integers(0, 300))
@settings(deadline=None)
def test_two_halves_add_up_to_the_whole(case: Case, middle: int) -> None:
    told = read(case)
    start, end = scheduled(told.period, told.life, told.now)
    middle = min(max(start, middle), end)
    mine, all_mine = line(told.lines["app"]), found(told)["app"]
    for basis in bases(case).values():
        whole, *halves = (
            [value for value in vars(figure(mine, period, basis, all_mine)).values() if type(value) is int]
            for period in ((start, end), (start, middle), (middle, end))
        )
        assert whole == [one + other for one, other in zip(*halves, strict=True)]
    whole, *halves = (
        [len(starting(all_mine, *period)), sum(o.seconds_in(*period) for o in all_mine)]
        for period in ((start, end), (start, middle), (middle, end))
    )
    assert whole == [one + other for one, other in zip(*halves, strict=True)]


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_the_order_of_what_is_given_does_not_matter(case: Case, random: Random) -> None:
    told = read(case)
    lines = {system: line(text) for system, text in told.lines.items()}
    decisions = [Attribution(number, s, *span, party) for number, (s, span, party) in enumerate(told.decided)]

    def shuffled(values: Iterable[T]) -> list[T]:
        mixed = list(values)
        random.shuffle(mixed)
        return mixed

    expected = found(told)
    made = outages(
        dict(shuffled(lines.items())),
        {system: shuffled(parents) for system, parents in shuffled(told.depends_on.items())},
        lambda *_: G,
        dict(shuffled(PARTY.items())),
        shuffled(decisions),
        now=told.now,
    )
    assert made == expected
    assert incidents(dict(shuffled(made.items()))) == incidents(expected)
    period = scheduled(told.period, told.life, told.now)
    for one, other in (
        (contractual("vnpt", spans(case.maint)), contractual("vnpt", shuffled(spans(case.maint)))),
        (office(spans(case.hours)), office(shuffled(spans(case.hours)))),
    ):
        assert figure(lines["app"], period, one, expected["app"]) == figure(
            lines["app"], period, other, shuffled(expected["app"])
        )
