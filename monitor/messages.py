"""What messages say: incidents, the digest of the night, certificates, a test. In Vietnamese or in English.

Pure: a text is made of the facts as they are when it is sent. It names systems, parties and desks, never a person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple

from monitor import calendars, words
from monitor.alerts import DIGEST_LATE, AlertRules, Certificate, MessageKind, Night, Target
from monitor.calendars import UnknownYear
from monitor.catalogue import STATE_CALENDAR, Contract, Name, Party
from monitor.incident_rules import IncidentKind, IncidentState
from monitor.incidents import Breach, Clocks, ResponseFrom, Term, Terms
from monitor.model import Reason
from monitor.seals import Seal
from monitor.store.incidents import IncidentRecord

LISTED = 10
"""How many systems or incidents a message names; of the others it gives the number."""

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel sends. `id` stays the same however often it is sent; instants in seconds.

    `data` is the same for programs. `labels`, `start` and `end` are for an Alertmanager; `end` None: it goes on.
    """

    id: str
    kind: MessageKind
    title: str
    body: str
    labels: Mapping[str, str] = field(default_factory=dict)
    start: int | None = None
    end: int | None = None
    link: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


class Sending(NamedTuple):
    """The row of the outbox that is being sent, as far as a text needs it. `made_at` in ms."""

    key: str
    kind: MessageKind
    target: Target
    made_at: int
    labels: Mapping[str, str]

    def id(self, rules: AlertRules) -> str:
        """Unique among all messages of this province, also of a store that begins anew."""
        return f"{rules.catalogue.province.id}-{self.target.route}-{self.key}-{self.made_at:x}"


class Facts(NamedTuple):
    """All that is known of an incident. `affected`: systems that were unreachable through it so far.

    `latest`: when the last of its outages began, where that is known. `imported`: it rests on imported outcomes, and
    the contract's terms are not judged (docs/figures.md).
    """

    record: IncidentRecord
    clocks: Clocks
    affected: Collection[str] = ()
    cause: IncidentRecord | None = None  # of a withdrawn one: the open incident of what it is reached through
    imported: bool = False
    latest: int | None = None


# --- words ------------------------------------------------------------------------------------------------------------

_VI = {
    "down": "Gián đoạn: {name}",
    "down_past": "Gián đoạn (đã qua): {name}",
    "again": "Lại gián đoạn: {name} (chập chờn)",
    "not_restored": "Chưa khôi phục: {name}",
    "escalated": "Gián đoạn, chưa ai tiếp nhận: {name}",
    "reminder": "Vẫn gián đoạn: {name} (từ {start})",
    "up": "Đã khôi phục: {name} sau {down} gián đoạn",
    "withdrawn": "Rút lại thông báo: {name}",
    "since": "{name} bị gián đoạn từ {start} ({zone}).",
    "since_again": "{name} lại bị gián đoạn từ {latest}; lần đầu từ {start} ({zone}).",
    "from_to": "{name} bị gián đoạn từ {start} đến {end} ({zone}), tổng cộng {down}.",
    "back": "{name} hoạt động trở lại lúc {end} ({zone}). Đã gián đoạn tổng cộng {down} kể từ {start}.",
    "flaps": "Hệ thống chập chờn: sẽ báo khôi phục khi đã ổn định 10 phút.",
    "unconfirmed": "Lần khôi phục đã báo không còn được xác nhận: các lần đo lúc đó không dùng được.",
    "fails": "Hỏng ở: {what}.",
    "level": "Mức độ: {level}. Đơn vị chủ quản: {owner}.",
    "party": "Bên chịu trách nhiệm: {party}{contact}.",
    "phone": "điện thoại {phone}",
    "email": "thư {email}",
    "contract": "Hợp đồng {number}: {terms}.",
    "response": "phản hồi trước {at}",
    "response_unnotified": "phản hồi trong {allowed} kể từ khi báo nhà thầu (chưa ghi nhận đã báo)",
    "restoration": "khắc phục trước {at}",
    "unknown_deadline": "{term} trong {allowed} tính theo giờ làm việc (lịch chưa đủ để tính ra ngày)",
    "unjudged": "Hợp đồng {number}: không xét cam kết, vì sự cố {imported}.",
    "imported": words.IMPORTED,
    "breach": "QUÁ HẠN HỢP ĐỒNG: {term} cho phép {allowed}, đã {elapsed}.",
    "affected": "Đang gián đoạn theo: {systems}.",
    "was_affected": "Đã gián đoạn theo: {systems}.",
    "behind": "Có thể bị ảnh hưởng (chỉ truy cập được qua hệ thống này): {systems}.",
    "more": "{systems} và {more} hệ thống khác",
    "unacknowledged": "Chưa có ai tiếp nhận sau {lasted} kể từ khi phát hiện. "
    "Tiếp nhận bằng lệnh: motcua incidents ack {id}",
    "incident": "Sự cố số {id}.",
    "link": "Xem: {link}",
    "id": "Mã thông báo: {id}",
    "blind": "Hệ thống giám sát mất tầm quan sát: {name}",
    "blind_up": "Hệ thống giám sát quan sát lại được: {name}, sau {lasted}",
    "blind_since": "Mọi đích đối chứng tại {name} không trả lời từ {start} ({zone}).",
    "blind_back": "Các đích đối chứng tại {name} trả lời lại từ {end} ({zone}).",
    "blind_note": "Đây là đường truyền của điểm đo, không phải lỗi của hệ thống nào: thời gian này không có dữ liệu.",
    "into": "Sự cố này được nhập vào sự cố số {id}.",
    "caused": "{name} gián đoạn là do {cause} (sự cố số {id}); xem thông báo về hệ thống đó.",
    "none": "Kết quả đo đến sau cho thấy không có gián đoạn của {name} từ {start} ({zone}).",
    "certificate": "Chứng thư sắp hết hạn: {name}",
    "certificate_body": "{name}: {what}. Khi hết hạn, mọi kết nối tới hệ thống sẽ hỏng.",
    "test": "Thử kênh báo tin: {channel}",
    "test_body": "Đây là tin thử của tuyến {route}, kênh {channel}, gửi lúc {at} ({zone}). Không có sự cố nào.",
    "many_down": "{number} thông báo gián đoạn",
    "many_again": "{number} thông báo lại gián đoạn",
    "many_reminder": "{number} lời nhắc: vẫn gián đoạn",
    "many_up": "{number} thông báo khôi phục",
    "many_withdrawn": "Rút lại {number} thông báo",
    "many_more": "- và {more} thông báo khác",
    "digest": "Bản tin {at}: {number} sự cố",
    "digest_quiet": "Bản tin {at}: không có sự cố",
    "digest_span": "Từ {start} đến {end} ({zone}).",
    "digest_late": "Bản tin gửi muộn: đến hạn lúc {end}, khi đó hệ thống báo tin không hoạt động. "
    "Nếu hệ thống giám sát cũng dừng thì khoảng thời gian đó không có số liệu.",
    "digest_none": "Không có gián đoạn nào.",
    "digest_over": "- {name} (sự cố số {id}): {start} – {end}, gián đoạn {lasted}; {what}",
    "digest_open": "- {name} (sự cố số {id}): từ {start}, ĐANG DIỄN RA; {what}",
    "digest_more": "- và {more} sự cố khác",
    "digest_blind": "điểm đo {name} mất tầm quan sát",
    "seal": "Dấu niêm phong ngày {day} (UTC): {digest}; {outcomes} kết quả đo, {evidence} bằng chứng.",
    "unsealed": "Chưa có dấu niêm phong của ngày {day} (UTC).",
    "simulated": words.SIMULATED,
    "zone": "giờ Việt Nam",
}

_EN = {
    "down": "Down: {name}",
    "down_past": "Was down: {name}",
    "again": "Down again: {name} (flapping)",
    "not_restored": "Not restored: {name}",
    "escalated": "Down, nobody has acknowledged it: {name}",
    "reminder": "Still down: {name} (since {start})",
    "up": "Restored: {name} after being down for {down}",
    "withdrawn": "Withdrawn: {name}",
    "since": "{name} has been down since {start} ({zone}).",
    "since_again": "{name} is down again since {latest}, first since {start} ({zone}).",
    "from_to": "{name} was down from {start} to {end} ({zone}), {down} in all.",
    "back": "{name} works again since {end} ({zone}). It was down for {down} in all since {start}.",
    "flaps": "The system is flapping: its recovery is told once it has been stable for 10 minutes.",
    "unconfirmed": "The recovery that was told is not confirmed any more: what was measured then cannot be used.",
    "fails": "What fails: {what}.",
    "level": "Severity: {level}. Owner: {owner}.",
    "party": "Responsible: {party}{contact}.",
    "phone": "phone {phone}",
    "email": "e-mail {email}",
    "contract": "Contract {number}: {terms}.",
    "response": "response before {at}",
    "response_unnotified": "response within {allowed} of telling the vendor (not recorded yet)",
    "restoration": "restoration before {at}",
    "unknown_deadline": "{term} within {allowed} of working hours (the calendar does not reach far enough for a date)",
    "unjudged": "Contract {number}: its terms are not judged, for the incident {imported}.",
    "imported": "rests on data that came from elsewhere",
    "breach": "CONTRACT TERM BROKEN: {term} {allowed} allowed, {elapsed} so far.",
    "affected": "Down with it: {systems}.",
    "was_affected": "Was down with it: {systems}.",
    "behind": "May be affected (reached through it alone): {systems}.",
    "more": "{systems} and {more} more",
    "unacknowledged": "Nobody has acknowledged it {lasted} after it was detected. To do so: motcua incidents ack {id}",
    "incident": "Incident {id}.",
    "link": "See: {link}",
    "id": "Message: {id}",
    "blind": "The monitor is blind: {name}",
    "blind_up": "The monitor sees again: {name}, after {lasted}",
    "blind_since": "No control target answers at {name} since {start} ({zone}).",
    "blind_back": "The control targets at {name} answer again since {end} ({zone}).",
    "blind_note": "This is the monitor's own line, no system's fault: there is no data for this time.",
    "into": "This incident has become part of incident {id}.",
    "caused": "{name} is down because of {cause} (incident {id}); see the message about that system.",
    "none": "Results that came later show no outage of {name} from {start} ({zone}).",
    "certificate": "Certificate ends soon: {name}",
    "certificate_body": "{name}: the TLS certificate ends in {left}, on {day}. Then every connection will fail.",
    "test": "Test of a channel: {channel}",
    "test_body": "A test of route {route}, channel {channel}, sent {at} ({zone}). There is no incident.",
    "many_down": "Outage messages: {number}",
    "many_again": "Messages of systems down again: {number}",
    "many_reminder": "Reminders of what is still down: {number}",
    "many_up": "Recovery messages: {number}",
    "many_withdrawn": "Messages withdrawn: {number}",
    "many_more": "- and {more} more",
    "digest": "Digest {at}: incidents: {number}",
    "digest_quiet": "Digest {at}: no incidents",
    "digest_span": "From {start} to {end} ({zone}).",
    "digest_late": "This digest is late: it was due {end}, when nothing was there to send it. "
    "If the monitor was off as well, there is no data for that time.",
    "digest_none": "No outage.",
    "digest_over": "- {name} (incident {id}): {start} – {end}, down {lasted}; {what}",
    "digest_open": "- {name} (incident {id}): since {start}, GOING ON; {what}",
    "digest_more": "- and {more} more",
    "digest_blind": "the monitor was blind at {name}",
    "seal": "Seal of {day} (UTC): {digest}; {outcomes} outcomes, {evidence} pieces of evidence.",
    "unsealed": "There is no seal of {day} (UTC) yet.",
    "simulated": "SIMULATED DATA",
    "zone": "Viet Nam time",
}

_TERMS = {
    "vi": words.TERMS,
    "en": {"response": "response", "restoration": "restoration"},
}


class _Tongue:
    """How one language says things of one province."""

    def __init__(self, rules: AlertRules, language: str) -> None:
        self._texts = _VI if language == "vi" else _EN
        self._zone = rules.zone
        self.language = language
        self.zone = self._texts["zone"] if rules.zone.key == "Asia/Ho_Chi_Minh" else rules.zone.key

    def __call__(self, text: str, **values: Any) -> str:
        return self._texts[text].format(zone=self.zone, **values)

    def name(self, name: Name) -> str:
        return name.vi if self.language == "vi" else name.en

    def at(self, second: float) -> str:
        return words.moment(second, self._zone)

    def day(self, day: date) -> str:
        return day.strftime("%d/%m/%Y")

    def lasted(self, seconds: float) -> str:
        return self._units(words.duration(seconds))

    def _units(self, said: str) -> str:
        if self.language == "vi":
            return said
        for vi, en in (("ngày", "d"), ("giờ", "h"), ("phút", "min"), ("giây", "s")):
            said = said.replace(vi, en)
        return said

    def term(self, seconds: int) -> str:
        """A time that a contract allows."""
        return self._units(words.term(seconds))

    def level(self, severity: str) -> str:
        return words.SEVERITIES[severity] if self.language == "vi" else severity

    def what_fails(self, step: str | None, reason: Reason | None) -> str:
        if self.language == "vi":
            return words.what_fails(step, reason)
        return ": ".join(filter(None, (step, reason.replace("_", " ") if reason else "")))

    def count(self, number: int) -> str:
        return words.number(number) if self.language == "vi" else f"{number:,}"


# --- incidents --------------------------------------------------------------------------------------------------------


def of_incident(rules: AlertRules, sending: Sending, facts: Facts, now: int) -> Message | None:
    """The message of an incident as it stands at `now` (seconds); None where it would say what is no longer so."""
    record = facts.record
    begins = sending.kind in (MessageKind.DOWN, MessageKind.AGAIN, MessageKind.REMINDER)
    is_over = record.end is not None
    if begins and record.state is IncidentState.WITHDRAWN:
        return None
    is_moot = is_over or facts.clocks.acknowledged is not None
    if (sending.kind is MessageKind.REMINDER and is_moot) or (sending.kind is MessageKind.UP and not is_over):
        return None
    tongue = _Tongue(rules, rules.route(sending.target).language)
    if record.kind is IncidentKind.BLIND:
        title, lines = _blind(rules, tongue, sending, record)
    else:
        title, lines = _outage(rules, tongue, sending, facts, now)
    link = rules.alerts.link.replace("{incident}", str(record.id)) if rules.alerts.link else None
    lines = [*lines, tongue("incident", id=record.id)]
    end = record.end if sending.kind in (MessageKind.UP, MessageKind.WITHDRAWN) else None
    made = _message(rules, tongue, sending, title, lines, link)
    return replace(made, start=record.start, end=end, link=link, data=_data(rules, facts, now))


def _outage(rules: AlertRules, tongue: _Tongue, sending: Sending, facts: Facts, now: int) -> tuple[str, list[str]]:
    record, kind = facts.record, sending.kind
    name = name_of(rules, record.system, tongue.language)
    start, end = tongue.at(record.start), tongue.at(record.end or now)
    down = tongue.lasted(record.down_seconds)  # a duration is its down seconds, however long it took: figures.md, 7
    said = {"name": name, "start": start, "end": end, "down": down}
    if kind is MessageKind.UP:
        lines = [tongue("back", **said), *_affected(rules, tongue, facts, "was_affected")]
        return tongue("up", **said), [*lines, *_breaches(rules, tongue, facts, now)]
    if kind is MessageKind.WITHDRAWN:
        return tongue("withdrawn", **said), [_why_withdrawn(rules, tongue, facts, said)]
    is_over = record.end is not None
    went_on = facts.latest is not None and facts.latest > record.start
    is_unconfirmed = kind is MessageKind.AGAIN and facts.latest == record.start
    is_alone = not is_over and facts.clocks.acknowledged is None  # nobody has taken it up
    is_escalated = is_alone and rules.route(sending.target).after is not None
    if is_over:
        title, first = "down_past", "from_to"
    else:
        title = "not_restored" if is_unconfirmed else "escalated" if is_escalated and kind is MessageKind.DOWN else kind
        first = "since_again" if went_on else "since"
    lines = [tongue(first, latest=tongue.at(facts.latest or record.start), **said)]
    if record.step or record.reason:
        lines.append(tongue("fails", what=tongue.what_fails(record.step, record.reason)))
    if is_unconfirmed and not is_over:
        lines.append(tongue("unconfirmed"))
    if kind is MessageKind.AGAIN:
        lines.append(tongue("flaps"))
    if is_escalated or (is_alone and kind is MessageKind.REMINDER):
        lasted = tongue.lasted(now - record.detected_at // 1000)
        lines.append(tongue("unacknowledged", lasted=lasted, id=record.id))
    lines += _affected(rules, tongue, facts, "was_affected" if is_over else "affected")
    lines += _whom(rules, tongue, record)
    lines += [*_breaches(rules, tongue, facts, now), *_deadlines(rules, tongue, facts, now)]
    return f"[{tongue.level(record.severity)}] {tongue(title, **said)}", lines


def _blind(rules: AlertRules, tongue: _Tongue, sending: Sending, record: IncidentRecord) -> tuple[str, list[str]]:
    location = rules.catalogue.locations.get(record.location or "")
    name = tongue.name(location.name) if location else record.location or ""
    start, end = tongue.at(record.start), tongue.at(record.end or record.start)
    lasted = tongue.lasted((record.end or record.start) - record.start)
    if sending.kind is MessageKind.UP:
        return tongue("blind_up", name=name, lasted=lasted), [tongue("blind_back", name=name, end=end)]
    if sending.kind is MessageKind.WITHDRAWN:
        return tongue("withdrawn", name=name), [tongue("none", name=name, start=start)]
    return tongue("blind", name=name), [tongue("blind_since", name=name, start=start), tongue("blind_note")]


def _why_withdrawn(rules: AlertRules, tongue: _Tongue, facts: Facts, said: Mapping[str, str]) -> str:
    if facts.record.merged_into is not None:
        return tongue("into", id=facts.record.merged_into)
    if facts.cause is not None:
        cause = name_of(rules, facts.cause.system, tongue.language)
        return tongue("caused", name=said["name"], cause=cause, id=facts.cause.id)
    return tongue("none", name=said["name"], start=said["start"])


def _affected(rules: AlertRules, tongue: _Tongue, facts: Facts, text: str) -> Iterator[str]:
    """The systems that are down through this one, and, while it is, the others that are reached through it."""
    down = [system for system in rules.catalogue.systems if system in set(facts.affected)]
    if down:
        yield tongue(text, systems=_listed(rules, tongue, down))
    if text == "affected":
        behind = rules.affected(facts.record.system) - {facts.record.system, *down}
        if others := [system for system in rules.catalogue.systems if system in behind]:
            yield tongue("behind", systems=_listed(rules, tongue, others))


def _listed(rules: AlertRules, tongue: _Tongue, systems: Sequence[str]) -> str:
    said = ", ".join(name_of(rules, system, tongue.language) for system in systems[:LISTED])
    more = len(systems) - LISTED
    return tongue("more", systems=said, more=tongue.count(more)) if more > 0 else said


def _whom(rules: AlertRules, tongue: _Tongue, record: IncidentRecord) -> Iterator[str]:
    system = rules.catalogue.systems.get(record.system)
    if system:
        owner = tongue.name(rules.catalogue.parties[system.owner].name)
        yield tongue("level", level=tongue.level(record.severity), owner=owner)
    if party := rules.catalogue.parties.get(record.party or ""):
        yield tongue("party", party=tongue.name(party.name), contact=_contact(tongue, party))


def _contact(tongue: _Tongue, party: Party) -> str:
    parts = []
    if party.contact.phone:
        parts.append(tongue("phone", phone=party.contact.phone))
    if party.contact.email:
        parts.append(tongue("email", email=party.contact.email))
    return f" ({', '.join(parts)})" if parts else ""


# --- the contract's clock ---------------------------------------------------------------------------------------------


def _broken(rules: AlertRules, facts: Facts, now: int) -> list[Breach]:
    record = facts.record
    if facts.imported:
        return []
    try:
        return rules.incidents.breaches(record.system, record.severity, facts.clocks, record.party, now)
    except UnknownYear:  # the deadlines say so
        return []


def _breaches(rules: AlertRules, tongue: _Tongue, facts: Facts, now: int) -> Iterator[str]:
    for breach in _broken(rules, facts, now):
        term = _TERMS[tongue.language][breach.term]
        yield tongue("breach", term=term, allowed=tongue.term(breach.allowed), elapsed=tongue.lasted(breach.elapsed))


def _deadlines(rules: AlertRules, tongue: _Tongue, facts: Facts, now: int) -> Iterator[str]:
    """Until when the contract wants what is not done and not late yet; nothing where it promises nothing."""
    record, clocks = facts.record, facts.clocks
    contract = rules.incidents.contract(record.system, clocks.started)
    terms = rules.incidents.terms(record.system, record.severity, clocks.started)
    if contract is None or terms is None or contract.party != record.party:
        return
    number = contract.number or tongue.name(contract.name)
    if facts.imported:
        yield tongue("unjudged", number=number, imported=tongue("imported"))
        return
    parts: list[str] = []
    late = {breach.term for breach in _broken(rules, facts, now)}
    notified = terms.response_from is ResponseFrom.VENDOR_NOTIFIED
    if terms.respond is not None and clocks.vendor_answered is None and Term.RESPONSE not in late:
        start = clocks.vendor_notified if notified else clocks.detected
        if start is None:
            parts.append(tongue("response_unnotified", allowed=tongue.term(terms.respond)))
        else:
            parts.append(_before(rules, tongue, contract, terms, Term.RESPONSE, start, terms.respond))
    if terms.restore is not None and Term.RESTORATION not in late:
        parts.append(_before(rules, tongue, contract, terms, Term.RESTORATION, clocks.started, terms.restore))
    if parts:
        yield tongue("contract", number=number, terms="; ".join(parts))


def _before(
    rules: AlertRules, tongue: _Tongue, contract: Contract, terms: Terms, term: Term, start: int, allowed: int
) -> str:
    at = deadline(rules, contract, terms, start, allowed)
    if at is None:
        return tongue("unknown_deadline", term=_TERMS[tongue.language][term], allowed=tongue.term(allowed))
    return tongue(term.value, at=tongue.at(at))


def deadline(rules: AlertRules, contract: Contract, terms: Terms, start: int, allowed: int) -> int | None:
    """The second at which a term is used up on its clock; None where the calendar does not list the days it needs."""
    if not terms.working_hours:
        return start + allowed
    calendar = rules.catalogue.calendars[contract.calendar or STATE_CALENDAR]
    for days in (3, 30, 180):  # no further than is needed: the next year may not be listed yet
        try:
            spans = calendars.service_seconds(calendar, rules.zone, start, start + days * _DAY)
        except UnknownYear:
            return None
        left = allowed
        for begin, end in spans:
            if end - begin >= left:
                return begin + left
            left -= end - begin
    return None


# --- the others -------------------------------------------------------------------------------------------------------


def of_certificate(
    rules: AlertRules, sending: Sending, system: str, certificate: Certificate, now: int
) -> Message | None:
    """That a certificate ends soon; None where it has been renewed meanwhile."""
    tongue = _Tongue(rules, rules.route(sending.target).language)
    what = words.certificate(certificate.not_after, now, rules.zone)
    if not what:
        return None
    name = name_of(rules, system, tongue.language)
    days = max(0, int(certificate.not_after - now) // _DAY)
    left = f"{days} day{'s' if days > 1 else ''}" if days else "less than a day"  # `what` says it in Vietnamese
    day = tongue.at(certificate.not_after)
    lines = [tongue("certificate_body", name=name, what=what, left=left, day=day)]
    if spec := rules.catalogue.systems.get(system):
        party = rules.catalogue.parties[spec.party]
        lines.append(tongue("party", party=tongue.name(party.name), contact=_contact(tongue, party)))
    made = _message(rules, tongue, sending, tongue("certificate", name=name), lines)
    data = {"certificate": {"system": system, "not_after": round(certificate.not_after)}}
    return replace(made, start=now, end=now + _DAY, data=data)


def of_test(rules: AlertRules, sending: Sending, now: int) -> Message:
    """What `motcua alert test` sends."""
    tongue = _Tongue(rules, rules.route(sending.target).language)
    said = {"route": sending.target.route, "channel": sending.target.channel}
    body = tongue("test_body", at=tongue.at(now), **said)
    made = _message(rules, tongue, sending, tongue("test", **said), [body])
    return replace(made, start=now, end=now + 300)


def of_night(
    rules: AlertRules,
    sending: Sending,
    night: Night,
    records: Sequence[IncidentRecord],
    seals: Sequence[Seal],
    imported: Collection[int] = (),
) -> Message:
    """What happened since the last digest, and the seals of the days that ended in it.

    `imported`: ids of the incidents that rest on imported outcomes.
    """
    tongue = _Tongue(rules, rules.route(sending.target).language)
    told = [r for r in records if r.state is not IncidentState.WITHDRAWN and r.kind is not IncidentKind.REPORTED]
    told = [r for r in told if _is_on_route(rules, sending.target, r)]
    lines = [tongue("digest_span", start=tongue.at(night.start), end=tongue.at(night.end))]
    if sending.made_at >= night.end * 1000 + DIGEST_LATE:
        lines.append(tongue("digest_late", end=tongue.at(night.end)))
    lines += [_night_line(rules, tongue, record, imported) for record in told[:LISTED]] or [tongue("digest_none")]
    if len(told) > LISTED:
        lines.append(tongue("digest_more", more=tongue.count(len(told) - LISTED)))
    chosen = [seal for seal in seals if night.after_day < seal.day <= night.last_day]
    lines += [_seal_line(tongue, seal) for seal in chosen]
    if not chosen or chosen[-1].day != night.last_day:
        lines.append(tongue("unsealed", day=tongue.day(night.last_day)))
    at, number = tongue.at(night.end), tongue.count(len(told))
    title = tongue("digest", at=at, number=number) if told else tongue("digest_quiet", at=at)
    data = {
        "digest": {
            "start": night.start,
            "end": night.end,
            "incidents": [record.id for record in told],
            "seals": {str(seal.day): seal.digest for seal in chosen},
        }
    }
    return replace(_message(rules, tongue, sending, title, lines), data=data)


def _night_line(rules: AlertRules, tongue: _Tongue, record: IncidentRecord, imported: Collection[int]) -> str:
    if record.kind is IncidentKind.BLIND:
        place = rules.catalogue.locations.get(record.location or "")
        place_name = tongue.name(place.name) if place else record.location
        name = what = tongue("digest_blind", name=place_name)
    else:
        name, what = name_of(rules, record.system, tongue.language), tongue.what_fails(record.step, record.reason)
    if record.id in imported:
        what += f" ({tongue('imported')})"
    start = tongue.at(record.start)
    if record.end is None:
        return tongue("digest_open", name=name, id=record.id, start=start, what=what)
    lasted = tongue.lasted(record.down_seconds)
    end = tongue.at(record.end)
    return tongue("digest_over", name=name, id=record.id, start=start, end=end, lasted=lasted, what=what)


def _seal_line(tongue: _Tongue, seal: Seal) -> str:
    counts = {"outcomes": tongue.count(seal.outcomes), "evidence": tongue.count(seal.evidence)}
    return tongue("seal", day=tongue.day(seal.day), digest=seal.digest, **counts)


def _is_on_route(rules: AlertRules, target: Target, record: IncidentRecord) -> bool:
    route = rules.route(target)
    if route.parties is not None and record.party not in route.parties:
        return False
    return route.systems is None or bool(rules.affected(record.system) & set(route.systems))


def of_many(rules: AlertRules, sending: Sending, made: Sequence[Message]) -> Message:
    """Several messages of one kind in one: a person who gets a hundred at once reads none."""
    tongue = _Tongue(rules, rules.route(sending.target).language)
    lines = [f"- {message.title}" for message in made[:LISTED]]
    if len(made) > LISTED:
        lines.append(tongue("many_more", more=tongue.count(len(made) - LISTED)))
    title = tongue(f"many_{sending.kind}", number=tongue.count(len(made)))
    return _message(rules, tongue, sending, title, lines)


# --- shared -----------------------------------------------------------------------------------------------------------


def name_of(rules: AlertRules, system: str, language: str) -> str:
    """The name of a system; its id where the catalogue no longer has it."""
    spec = rules.catalogue.systems.get(system)
    if spec is None:
        return system
    return spec.name.vi if language == "vi" else spec.name.en


def _message(
    rules: AlertRules,
    tongue: _Tongue,
    sending: Sending,
    title: str,
    lines: Sequence[str],
    link: str | None = None,
) -> Message:
    id_ = sending.id(rules)
    simulated = tongue("simulated")
    lines = [*lines, *([tongue("link", link=link)] if link else []), tongue("id", id=id_)]
    if rules.catalogue.simulated:
        title, lines = f"[{simulated}] {title}", [simulated, *lines]
    return Message(id_, sending.kind, title, "\n".join(lines), sending.labels)


def _data(rules: AlertRules, facts: Facts, now: int) -> dict[str, Any]:
    record = facts.record
    return {
        "incident": {
            "id": record.id,
            "kind": record.kind.value,
            "state": record.state.value,
            "system": record.system,
            "name": name_of(rules, record.system, "vi"),
            "location": record.location,
            "severity": record.severity.value,
            "party": record.party,
            "start": record.start,
            "end": record.end,
            "detected_at": record.detected_at / 1000,
            "acknowledged_at": facts.clocks.acknowledged,
            "lasted_seconds": (now if record.end is None else record.end) - record.start,
            "down_seconds": record.down_seconds,
            "step": record.step,
            "reason": record.reason.value if record.reason else None,
            "parents": list(rules.incidents.parents(record.system)) if record.system in rules.incidents else [],
            "affected": sorted(facts.affected),
            "imported": facts.imported,
        }
    }
