"""A small invented province, at a fixed instant, for tests of what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import connectors
from monitor import catalogue as catalogues
from monitor.catalogue import Catalogue
from monitor.model import CONTROL_SYSTEM, Outcome, Phases, Reason, StepResult, Verdict, verdict_of
from monitor.store import Store
from monitor.wiring import Configuration, open_store

NOW = 1_790_830_800  # 2026-10-01 12:00 in the province
MIDNIGHT = NOW - 12 * 3600

CATALOGUE = """
province: {id: tinh_thu, name: {vi: Tỉnh Thử, en: Test Province}, timezone: Asia/Ho_Chi_Minh}
simulated: true
defaults: {interval: 60s, timeout: 10s}
parties:
  vendor: {name: {vi: Nhà thầu, en: Vendor}}
  centre: {name: {vi: Trung tâm, en: Centre}}
contracts:
  hire:
    party: vendor
    name: {vi: Hợp đồng, en: Contract}
    objective: 99.5%
    maintenance_notice_days: 0
    terms: {S1: {response: 30m, fix: 4h}}
locations:
  office:
    name: {vi: Văn phòng, en: Office}
    controls: [{id: gateway, url: http://127.0.0.1:9/}]
  branch:
    name: {vi: Chi nhánh, en: Branch}
    controls: [{id: router, url: http://127.0.0.1:9/}]
alerts: {channels: {duty_hook: {kind: webhook, url: "${DUTY_HOOK:-}"}}}
systems:
  igate:
    name: {vi: Một cửa điện tử, en: One-stop system}
    owner: centre
    party: vendor
    contract: hire
    criticality: high
    connector: http
    depends_on: [portal]
    options: {base_url: http://127.0.0.1:9}
    checks:
      search: {options: {path: /search}, locations: [office]}
      login: {options: {path: /login}, locations: [office]}
      forms: {options: {path: /forms}, locations: [office], critical: false}
  portal:
    name: {vi: Cổng dịch vụ công, en: Portal}
    owner: centre
    party: centre
    criticality: medium
    connector: http
    options: {base_url: http://127.0.0.1:9}
    checks:
      home: {options: {path: /}}
  retired:
    name: {vi: Hệ thống cũ, en: Old system}
    owner: centre
    party: centre
    criticality: low
    valid_to: 2026-10-01
    connector: http
    options: {base_url: http://127.0.0.1:9}
    checks:
      home: {options: {path: /}, locations: [office]}
  coming:
    name: {vi: Hệ thống mới, en: New system}
    owner: centre
    party: centre
    criticality: low
    valid_from: 2026-10-02
    connector: http
    options: {base_url: http://127.0.0.1:9}
    checks:
      home: {options: {path: /}, locations: [office]}
"""

TODAY = CATALOGUE.replace("2026-10-01", "2001-01-01").replace("2026-10-02", "2999-01-01")
"""The same for tests that cannot choose their instant: what is retired and what is coming stay so."""


def load(folder: Path, text: str = CATALOGUE) -> Catalogue:
    path = folder / "catalogue.yaml"
    path.write_text(text, encoding="utf-8")
    return catalogues.load(path, connectors.CONNECTORS, {})


@contextmanager
def store_in(folder: Path) -> Iterator[Store]:
    store = open_store(Configuration("", f"sqlite:///{folder.absolute() / 'motcua.db'}", folder))
    try:
        yield store
    finally:
        store.close()


def outcome(
    system: str,
    check: str,
    at: float,
    reason: Reason | None = None,
    *,
    location: str = "office",
    try_: int = 1,
    seconds: float = 0.2,
    step: str = "request",
    late: float = 0.0,
) -> Outcome:
    """One try that started so many seconds after 1970, `late` after its slot's instant."""
    verdict = verdict_of(reason)
    phases = Phases(0.01, 0.02, 0.03, seconds - 0.1, 0.04)
    started, due_at = round(at * 1000), round((at - late) * 1000)
    steps = (StepResult(step, verdict, reason, phases, 200 if verdict is not Verdict.DOWN else 503),)
    return Outcome(system, check, location, due_at, try_, started, seconds, verdict, reason, steps)


def series_of_a_day() -> list[Outcome]:
    """What the tests of metrics and pages look at: igate fails at its search, the portal is well, forms are slow.

    igate.search: 5 good tries from 11:50, then one that is slow at 11:55 and an inconclusive one at 11:56; it fails
    from 11:57 on, with two rechecks, and once more at 11:58 and 11:59. Controls are well.
    """
    start = NOW - 600
    good = [
        outcome(system, check, start + minute * 60 + 1, location=location)
        for minute in range(10)
        for system, check, location in (
            ("igate", "login", "office"),
            ("portal", "home", "office"),
            ("portal", "home", "branch"),
            (CONTROL_SYSTEM, "gateway", "office"),
        )
    ]
    good += [outcome("igate", "forms", start + minute * 60 + 2, Reason.SLOW, seconds=3.0) for minute in range(10)]
    search = [outcome("igate", "search", start + minute * 60) for minute in range(5)]
    search.append(outcome("igate", "search", NOW - 300, Reason.SLOW, seconds=7.0))
    search.append(outcome("igate", "search", NOW - 240, Reason.BLIND))
    search += [
        outcome("igate", "search", NOW - 180 + 2 * recheck, Reason.HTTP_5XX, try_=1 + recheck, late=2.0 * recheck)
        for recheck in range(3)
    ]
    search += [
        outcome("igate", "search", NOW - 120, Reason.HTTP_5XX),
        outcome("igate", "search", NOW - 60, Reason.READ_TIMEOUT),
    ]
    return sorted([*good, *search], key=lambda o: o.started_at)
