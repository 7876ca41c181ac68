"""An invented province in October 2026, asked every four hours: a small month with something of everything.

- The one-stop system fails at its search on Tuesday 6 October from 08:00 to 12:00, and one try of it fails on the 12th
  without being confirmed. It hangs on the bus, which is down on Tuesday 20 October from 12:00 to 16:00.
- The portal is not asked from 10 October 04:00 until 14 October. Nobody ever asked the archive.
- The vendor was told at 08:10 on the 6th and answered at 09:00; maintenance was announced for Sunday the 25th.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from monitor.catalogue import Catalogue
from monitor.dossiers import Counts, Form, Row, Source
from monitor.incident_rules import FactKind, IncidentRules
from monitor.incidents import Severity
from monitor.model import CONTROL_SYSTEM, Outcome, Reason
from monitor.store import Store
from tests.monitor import province

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
SLOT = 4 * 3600
ZERO = 7 * 3600  # slots are counted from midnight of the province

HOURS = """
      mon: ["07:00-11:00", "13:00-17:00"]
      tue: ["07:00-11:00", "13:00-17:00"]
      wed: ["07:00-11:00", "13:00-17:00"]
      thu: ["07:00-11:00", "13:00-17:00"]
      fri: ["07:00-11:00", "13:00-17:00"]
"""

CATALOGUE = f"""
province: {{id: tinh_thu, name: {{vi: Tỉnh Thử, en: Test Province}}, timezone: Asia/Ho_Chi_Minh}}
simulated: true
defaults: {{interval: 4h, timeout: 10s}}
parties:
  vendor: {{name: {{vi: Nhà thầu, en: Vendor}}}}
  carrier: {{name: {{vi: Đơn vị truyền dẫn, en: Carrier}}}}
  centre: {{name: {{vi: Trung tâm, en: Centre}}}}
contracts:
  hire:
    party: vendor
    name: {{vi: Hợp đồng thuê, en: Contract}}
    objective: 99.5%
    maintenance_notice_days: 2
    terms: {{S1: {{response: 30m, fix: 2h}}}}
calendars:
  state:
    hours: {HOURS}
    years:
      2026:
        confirmed: true
        days: [{{date: 2026-10-15, kind: holiday, name: {{vi: Ngày thử, en: Test day}}}}]
locations:
  office: {{name: {{vi: Văn phòng, en: Office}}, controls: [{{id: gateway, url: "http://127.0.0.1:9/"}}]}}
report:
  letterheads:
    - valid_to: 2026-01-01
      issuer: Cơ quan cũ
      place: Nơi cũ
    - valid_from: 2026-01-01
      superior: Ủy ban nhân dân tỉnh thử
      issuer: Văn phòng
      symbol: BC-VP
      place: Tỉnh Thử
      to: [Sở thử thứ nhất, Sở thử thứ hai]
      authority: [KT. Chánh Văn phòng, Phó Chánh Văn phòng]
      recipients: [Như trên, "Lưu: VT, HCQT"]
systems:
  bus:
    name: {{vi: Trục liên thông, en: Bus}}
    owner: centre
    party: carrier
    criticality: high
    connector: http
    options: {{base_url: http://127.0.0.1:9}}
    checks: {{list: {{options: {{path: /}}}}}}
  igate:
    name: {{vi: Một cửa điện tử, en: One-stop system}}
    owner: centre
    party: vendor
    contract: hire
    criticality: high
    depends_on: [bus]
    connector: igate
    options:
      sso_url: http://127.0.0.1:9/sso
      gateway_url: http://127.0.0.1:9/gateway
      portal_url: http://127.0.0.1:9/portal
      portal_text: thử
      grant: password
      username: thu
      password: khoa-gia-de-thu-0000
    checks: {{search: {{options: {{steps: [portal, search]}}}}}}
  portal:
    name: {{vi: Cổng dịch vụ công, en: Portal}}
    owner: centre
    party: centre
    objective: 99%
    connector: http
    options: {{base_url: http://127.0.0.1:9}}
    checks: {{home: {{options: {{path: /}}}}}}
  archive:
    name: {{vi: Kho lưu trữ, en: Archive}}
    owner: centre
    party: centre
    connector: http
    options: {{base_url: http://127.0.0.1:9}}
    checks: {{home: {{options: {{path: /}}}}}}
"""


def at(wall: str) -> int:
    """A time of the clock on the wall in the province."""
    return int(datetime.fromisoformat(wall).replace(tzinfo=ZONE).timestamp())


NOW = "2026-11-03T12:00"

SEARCH_FAILS = {at("2026-10-06T08:00"): Reason.HTTP_5XX, at("2026-10-20T12:00"): Reason.CONNECT_TIMEOUT}
SEARCH_REFUTED = at("2026-10-12T00:00")
LIST_FAILS = {at("2026-10-20T12:00"): Reason.DNS_FAILURE}
HOME_SILENT = range(at("2026-10-10T04:00"), at("2026-10-14T00:00"), SLOT)

FORM = Counts(84_859, 53_325, 30_286, 1_248, 83_741, 20_376, 63_358, 7, 1_118, 1_118, 0)


def tries(
    system: str, check: str, failing: dict[int, Reason], silent: Iterable[int] = (), step: str = "request"
) -> Iterator[Outcome]:
    """A try every four hours; what contradicts the state is repeated 2 s apart until it is confirmed."""
    is_down, quiet = False, set(silent)
    for slot in range(at("2026-09-29T00:00"), at("2026-11-03T00:00"), SLOT):
        reason = failing.get(slot)
        if slot in quiet:
            continue
        count = 1 if is_down == (reason is not None) else 3 if reason else 2
        for n in range(count):
            yield province.outcome(system, check, slot + 2 * n, reason, try_=1 + n, late=2.0 * n, step=step)
        is_down = reason is not None


def refuted() -> list[Outcome]:
    """One try that fails, and two that are good."""
    return [
        province.outcome(
            "igate", "search", SEARCH_REFUTED + 2 * n, Reason.READ_TIMEOUT if n == 0 else None,
            try_=1 + n, late=2.0 * n, step="search",
        )
        for n in range(3)
    ]  # fmt: skip


def outcomes() -> list[Outcome]:
    told = [*tries("bus", "list", LIST_FAILS), *tries("portal", "home", {}, HOME_SILENT)]
    told += [*tries("igate", "search", SEARCH_FAILS, [SEARCH_REFUTED], step="search"), *refuted()]
    told += tries(CONTROL_SYSTEM, "gateway", {})
    return sorted(told, key=lambda o: o.started_at)


def load(folder: Path, text: str = CATALOGUE) -> Catalogue:
    return province.load(folder, text)


@contextmanager
def store_of(folder: Path, catalogue: Catalogue, told: Iterable[Outcome] | None = None) -> Iterator[Store]:
    """A store to which all of it came in its time, day by day sealed."""
    rules = IncidentRules(catalogue)
    with province.store_in(folder) as store:
        clock = [0.0]
        store.incidents.clock = store.evidence.clock = lambda: clock[0]
        for slot, some in groupby(
            outcomes() if told is None else told, key=lambda o: (o.started_at // 1000 + ZERO) // SLOT
        ):
            came = list(some)
            clock[0] = max(slot * SLOT - ZERO + 10.0, *(o.started_at / 1000 for o in came))
            store.record(came, catalogue.settings, rules=rules)
        clock[0] = float(at(NOW))
        yield store


def fill(store: Store) -> None:
    """What people did, the form of the month, and the seals."""
    first = next(r for r in store.incidents.list(at("2026-10-01T00:00"), at("2026-11-01T00:00")) if r.system == "igate")
    who = "truc_ban"
    store.incidents.add_fact(
        first.id, FactKind.ACKNOWLEDGED, who, effective_at=1000 * at("2026-10-06T08:05"), text="Đã xem"
    )
    store.incidents.add_fact(first.id, FactKind.VENDOR_NOTIFIED, who, effective_at=1000 * at("2026-10-06T08:10"))
    store.incidents.add_fact(first.id, FactKind.VENDOR_ANSWERED, who, effective_at=1000 * at("2026-10-06T09:00"))
    store.incidents.report(
        "igate", Severity.S3, "mot_cua", "Không in được giấy hẹn",
        start=at("2026-10-07T08:00"), end=at("2026-10-07T09:00"),
    )  # fmt: skip
    store.maintenance.add(
        ["igate"], [(at("2026-10-25T00:00"), at("2026-10-25T04:00"))], notice_at=at("2026-10-19T09:00"),
        notice_url=None, title="Nâng cấp", at=at("2026-10-19T09:00"), by="truc_ban",
    )  # fmt: skip
    form = Form(date(2026, 10, 1), date(2026, 11, 1), Source.OFFICIAL, (Row("Trung tâm", None, FORM),), FORM)
    store.dossiers.keep_form(form, [], at=at(NOW), by="truc_ban")
    for day in store.evidence.unsealed():
        store.evidence.seal(day)
