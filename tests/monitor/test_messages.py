"""What messages say, word for word: read by a native speaker before it is changed."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import connectors
from monitor import catalogue as catalogues
from monitor import messages
from monitor.alerts import AlertRules, Certificate, MessageKind, Night, Target
from monitor.incident_rules import IncidentKind, IncidentRules, IncidentState
from monitor.incidents import Clocks, Severity
from monitor.messages import Facts, Message, Sending
from monitor.model import Reason
from monitor.seals import Seal
from monitor.store.incidents import IncidentRecord

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")

CATALOGUE = """
province: {id: tinh_thu, name: {vi: Tỉnh Thử, en: Test Province}}
simulated: SIMULATED
parties:
  vendor:
    name: {vi: Nhà thầu, en: Vendor}
    contact: {phone: "0000 000 000", email: hotro@nhathau.example}
  centre: {name: {vi: Trung tâm, en: Centre}}
contracts:
  hire:
    party: vendor
    name: {vi: Hợp đồng, en: Contract}
    number: 00/MP
    terms:
      S1: {response: 30m, fix: 4h}
      S2: {response: 30m, fix: 6h, clock: working_hours, response_from: vendor_notified}
calendars:
  state:
    hours: {mon: ["07:00-11:00", "13:00-17:00"], wed: ["07:00-11:00", "13:00-17:00"], thu: ["07:00-11:00"]}
    years: {2026: {confirmed: true, days: []}}
locations:
  office: {name: {vi: Văn phòng, en: Office}, controls: [{id: gateway, url: "http://127.0.0.1:9/"}]}
systems:
  igate: {name: {vi: Một cửa điện tử, en: One-stop}, owner: centre, party: vendor, contract: hire, criticality: high,
          connector: http, options: {base_url: "http://127.0.0.1:9"}, checks: {search: {}}}
  dvc: {name: {vi: Cổng dịch vụ công, en: Portal}, owner: centre, party: centre, depends_on: [igate],
        connector: http, options: {base_url: "http://127.0.0.1:9"}, checks: {home: {}}}
  thu: {name: {vi: Thư, en: Mail}, owner: centre, party: centre, depends_on: [igate],
        connector: http, options: {base_url: "http://127.0.0.1:9"}, checks: {home: {}}}
alerts:
  link: https://giam-sat.example/su-co/{incident}
  channels:
    app: {kind: apprise, url: "json://127.0.0.1:9/"}
  routes:
    duty: {channels: [app]}
    english: {channels: [app], language: en}
    head: {channels: [app], after: 30m}
"""


def at(hour: int, minute: int = 0, day: int = 7) -> int:
    return int(datetime(2026, 10, day, hour, minute, 9, tzinfo=ZONE).timestamp())


def rules(folder: Path, simulated: str = "false") -> AlertRules:
    path = folder / "catalogue.yaml"
    path.write_text(CATALOGUE.replace("SIMULATED", simulated), encoding="utf-8")
    return AlertRules(IncidentRules(catalogues.load(path, connectors.CONNECTORS, {})))


def sending(kind: MessageKind, route: str = "duty") -> Sending:
    return Sending(f"{kind}-12-1", kind, Target(route, "app"), at(14, 5) * 1000, {})


def record(
    end: int | None = None, down: int = 0, severity: Severity = Severity.S1, state: IncidentState | None = None
) -> IncidentRecord:
    state = state or (IncidentState.OPEN if end is None else IncidentState.RESTORED)
    return IncidentRecord(
        12, IncidentKind.OUTAGE, "igate", None, state, at(14, 5), end, down, "igate", "vendor", Reason.HTTP_5XX,
        "search", severity, at(14, 5) * 1000 + 4000, None,
    )  # fmt: skip


def facts(of: IncidentRecord, *affected: str, **clocks: int) -> Facts:
    return Facts(of, Clocks(of.start, of.detected_at // 1000, restored=of.end, **clocks), affected)


def text(message: Message | None) -> str:
    assert message is not None
    return f"{message.title}\n{message.body}\n"


DOWN = """\
[Mức 1] Gián đoạn: Một cửa điện tử
Một cửa điện tử bị gián đoạn từ 07/10/2026 14:05 (giờ Việt Nam).
Hỏng ở: tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx).
Đang gián đoạn theo: Cổng dịch vụ công.
Có thể bị ảnh hưởng (chỉ truy cập được qua hệ thống này): Thư.
Mức độ: Mức 1. Đơn vị chủ quản: Trung tâm.
Bên chịu trách nhiệm: Nhà thầu (điện thoại 0000 000 000, thư hotro@nhathau.example).
Hợp đồng 00/MP: phản hồi trước 07/10/2026 14:35; khắc phục trước 07/10/2026 18:05.
Sự cố số 12.
Xem: https://giam-sat.example/su-co/12
Mã thông báo: tinh_thu-duty-down-12-1-1a11546f888
"""

UP = """\
Đã khôi phục: Một cửa điện tử sau 12 phút 30 giây gián đoạn
Một cửa điện tử hoạt động trở lại lúc 07/10/2026 14:17 (giờ Việt Nam). \
Đã gián đoạn tổng cộng 12 phút 30 giây kể từ 07/10/2026 14:05.
Đã gián đoạn theo: Cổng dịch vụ công.
Sự cố số 12.
Xem: https://giam-sat.example/su-co/12
"""

HEAD = """\
[Mức 1] Gián đoạn, chưa ai tiếp nhận: Một cửa điện tử
Một cửa điện tử bị gián đoạn từ 07/10/2026 14:05 (giờ Việt Nam).
Hỏng ở: tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx).
Chưa có ai tiếp nhận sau 34 phút 56 giây kể từ khi phát hiện. Tiếp nhận bằng lệnh: motcua incidents ack 12
Có thể bị ảnh hưởng (chỉ truy cập được qua hệ thống này): Cổng dịch vụ công, Thư.
Mức độ: Mức 1. Đơn vị chủ quản: Trung tâm.
Bên chịu trách nhiệm: Nhà thầu (điện thoại 0000 000 000, thư hotro@nhathau.example).
QUÁ HẠN HỢP ĐỒNG: thời hạn phản hồi cho phép 30 phút, đã 34 phút 56 giây.
Hợp đồng 00/MP: khắc phục trước 07/10/2026 18:05.
Sự cố số 12.
"""

ENGLISH = """\
[S1] Down: One-stop
One-stop has been down since 07/10/2026 14:05 (Viet Nam time).
What fails: search: http 5xx.
May be affected (reached through it alone): Portal, Mail.
Severity: S1. Owner: Centre.
Responsible: Vendor (phone 0000 000 000, e-mail hotro@nhathau.example).
Contract 00/MP: response before 07/10/2026 14:35; restoration before 07/10/2026 18:05.
Incident 12.
"""


def test_what_it_says_when_a_system_fails(tmp_path: Path) -> None:
    made = messages.of_incident(rules(tmp_path), sending(MessageKind.DOWN), facts(record(), "dvc"), at(14, 5))
    said = text(made)
    assert said.rpartition("-")[0] == DOWN.rpartition("-")[0]
    assert made is not None
    assert made.data["incident"]["affected"] == ["dvc"]
    assert (made.start, made.end) == (at(14, 5), None)


def test_what_it_says_when_it_is_back(tmp_path: Path) -> None:
    over = record(end=at(14, 5) + 750, down=750)
    made = messages.of_incident(rules(tmp_path), sending(MessageKind.UP), facts(over, "dvc"), at(14, 20))
    assert text(made).startswith(UP)
    assert made is not None and made.end == at(14, 5) + 750


def test_what_rests_on_imported_outcomes_is_not_judged(tmp_path: Path) -> None:
    of = rules(tmp_path)
    five_hours = at(19, 5)
    late = facts(record())
    assert "QUÁ HẠN HỢP ĐỒNG" in text(messages.of_incident(of, sending(MessageKind.DOWN), late, five_hours))
    brought = late._replace(imported=True)
    said = text(messages.of_incident(of, sending(MessageKind.DOWN), brought, five_hours))
    assert "\nHợp đồng 00/MP: không xét cam kết, vì sự cố có dữ liệu nhập từ nơi khác.\n" in said
    assert "QUÁ HẠN" not in said
    assert "trước 07/10/2026" not in said
    over = brought._replace(record=record(end=five_hours, down=18_000))
    assert "QUÁ HẠN" not in text(messages.of_incident(of, sending(MessageKind.UP), over, five_hours))
    english = text(messages.of_incident(of, sending(MessageKind.DOWN, "english"), brought, five_hours))
    assert "its terms are not judged, for the incident rests on data that came from elsewhere" in english


def test_what_an_escalation_says(tmp_path: Path) -> None:
    made = messages.of_incident(rules(tmp_path), sending(MessageKind.DOWN, "head"), facts(record()), at(14, 40))
    assert text(made).startswith(HEAD)


def test_what_somebody_has_acknowledged_is_not_called_forgotten(tmp_path: Path) -> None:
    r, taken = rules(tmp_path), facts(record(), acknowledged=at(14, 10))
    for kind in (MessageKind.DOWN, MessageKind.AGAIN):  # of an escalation that was told before
        assert "Chưa có ai tiếp nhận" not in text(messages.of_incident(r, sending(kind, "head"), taken, at(14, 40)))
    assert messages.of_incident(r, sending(MessageKind.REMINDER), taken, at(14, 40)) is None


def test_what_it_says_in_english(tmp_path: Path) -> None:
    made = messages.of_incident(rules(tmp_path), sending(MessageKind.DOWN, "english"), facts(record()), at(14, 5))
    assert text(made).startswith(ENGLISH)


def test_a_clock_of_working_hours(tmp_path: Path) -> None:
    of = facts(record(severity=Severity.S2))
    said = text(messages.of_incident(rules(tmp_path), sending(MessageKind.DOWN), of, at(14, 5)))
    # Wednesday 14:05 to 17:00, then Thursday from 07:00 on, of 6 hours: 2:55 and 3:05.
    assert (
        "Hợp đồng 00/MP: phản hồi trong 30 phút kể từ khi báo nhà thầu (chưa ghi nhận đã báo); "
        "khắc phục trước 08/10/2026 10:05." in said
    )
    of = facts(record(severity=Severity.S2), vendor_notified=at(14, 10))
    assert "phản hồi trước 07/10/2026 14:40;" in text(
        messages.of_incident(rules(tmp_path), sending(MessageKind.DOWN), of, at(14, 15))
    )


@pytest.mark.parametrize("kind", [MessageKind.DOWN, MessageKind.AGAIN, MessageKind.REMINDER])
def test_what_is_no_longer_so_is_not_said(tmp_path: Path, kind: MessageKind) -> None:
    gone = record(end=at(14, 6), state=IncidentState.WITHDRAWN)
    assert messages.of_incident(rules(tmp_path), sending(kind), facts(gone), at(14, 6)) is None
    assert messages.of_incident(rules(tmp_path), sending(MessageKind.UP), facts(record()), at(14, 6)) is None


def test_one_that_is_over_before_it_could_be_told(tmp_path: Path) -> None:
    over = record(end=at(14, 17), down=720)
    said = text(messages.of_incident(rules(tmp_path), sending(MessageKind.DOWN), facts(over), at(15)))
    assert said.startswith("[Mức 1] Gián đoạn (đã qua): Một cửa điện tử\n")
    assert "bị gián đoạn từ 07/10/2026 14:05 đến 07/10/2026 14:17 (giờ Việt Nam), tổng cộng 12 phút 00 giây." in said


def test_a_duration_is_its_down_seconds_however_often_it_went_on_again(tmp_path: Path) -> None:
    over, r = record(end=at(14, 45), down=360), rules(tmp_path)
    said = text(messages.of_incident(r, sending(MessageKind.DOWN), facts(over), at(15)))
    assert "từ 07/10/2026 14:05 đến 07/10/2026 14:45 (giờ Việt Nam), tổng cộng 6 phút 00 giây." in said
    said = text(messages.of_incident(r, sending(MessageKind.DOWN, "english"), facts(over), at(15)))
    assert "from 07/10/2026 14:05 to 07/10/2026 14:45 (Viet Nam time), 6 min 00 s in all." in said
    said = text(messages.of_incident(r, sending(MessageKind.UP), facts(over), at(15)))
    assert said.startswith("Đã khôi phục: Một cửa điện tử sau 6 phút 00 giây gián đoạn\n")
    assert "Đã gián đoạn tổng cộng 6 phút 00 giây kể từ 07/10/2026 14:05." in said
    assert "40" not in said


def test_many_messages_in_one_are_counted_as_messages(tmp_path: Path) -> None:
    r, over = rules(tmp_path), record(end=at(14, 45), down=360)
    made = [messages.of_incident(r, sending(MessageKind.DOWN), facts(over), at(15)) for _ in range(12)]
    one = messages.of_many(r, sending(MessageKind.DOWN), [message for message in made if message])
    assert one.title == "12 thông báo gián đoạn"  # of one system, and over: no twelve systems at once
    assert one.body.splitlines()[9:11] == [
        "- [Mức 1] Gián đoạn (đã qua): Một cửa điện tử",
        "- và 2 thông báo khác",
    ]
    titles = {
        kind: messages.of_many(r, sending(kind), [one, one]).title
        for kind in (MessageKind.AGAIN, MessageKind.REMINDER, MessageKind.UP, MessageKind.WITHDRAWN)
    }
    assert titles == {
        "again": "2 thông báo lại gián đoạn",
        "reminder": "2 lời nhắc: vẫn gián đoạn",
        "up": "2 thông báo khôi phục",
        "withdrawn": "Rút lại 2 thông báo",
    }


def test_a_term_of_working_hours_in_a_year_that_no_calendar_lists(tmp_path: Path) -> None:
    start = int(datetime(2026, 12, 31, 23, tzinfo=ZONE).timestamp())
    late = record(severity=Severity.S2)._replace(start=start, detected_at=start * 1000)
    said = text(messages.of_incident(rules(tmp_path), sending(MessageKind.DOWN), facts(late), start + 60))
    assert (
        "khắc phục trong 6 giờ tính theo giờ làm việc (lịch chưa đủ để tính ra ngày)." in said and "giờ giờ" not in said
    )


def test_flapping_reminding_withdrawing(tmp_path: Path) -> None:
    r = rules(tmp_path)
    again = text(messages.of_incident(r, sending(MessageKind.AGAIN), facts(record()), at(14, 20)))
    assert again.startswith("[Mức 1] Lại gián đoạn: Một cửa điện tử (chập chờn)\n")
    assert "\nHệ thống chập chờn: sẽ báo khôi phục khi đã ổn định 10 phút.\n" in again
    latest = facts(record())._replace(latest=at(14, 19))
    again = text(messages.of_incident(r, sending(MessageKind.AGAIN), latest, at(14, 20)))
    since = "lại bị gián đoạn từ 07/10/2026 14:19; lần đầu từ 07/10/2026 14:05 (giờ Việt Nam)"
    assert f"\nMột cửa điện tử {since}.\n" in again
    only = facts(record())._replace(latest=at(14, 5))
    undone = text(messages.of_incident(r, sending(MessageKind.AGAIN), only, at(14, 20)))
    assert undone.startswith("[Mức 1] Chưa khôi phục: Một cửa điện tử\n")
    assert "\nLần khôi phục đã báo không còn được xác nhận: các lần đo lúc đó không dùng được.\n" in undone
    reminder = text(messages.of_incident(r, sending(MessageKind.REMINDER), facts(record()), at(16, 7)))
    assert reminder.startswith("[Mức 1] Vẫn gián đoạn: Một cửa điện tử (từ 07/10/2026 14:05)\n")
    gone = record(end=at(14, 6), state=IncidentState.WITHDRAWN)
    cause = record()._replace(id=13, system="dvc")
    taken = text(messages.of_incident(r, sending(MessageKind.WITHDRAWN), facts(gone)._replace(cause=cause), at(15)))
    assert taken.startswith(
        "Rút lại thông báo: Một cửa điện tử\n"
        "Một cửa điện tử gián đoạn là do Cổng dịch vụ công (sự cố số 13); xem thông báo về hệ thống đó.\n"
    )


def test_simulated_data_say_so(tmp_path: Path) -> None:
    made = messages.of_incident(rules(tmp_path, "true"), sending(MessageKind.DOWN), facts(record()), at(14, 5))
    assert text(made).startswith("[DỮ LIỆU MÔ PHỎNG] [Mức 1] Gián đoạn: Một cửa điện tử\nDỮ LIỆU MÔ PHỎNG\n")


def test_a_monitor_that_is_blind(tmp_path: Path) -> None:
    blind = record()._replace(kind=IncidentKind.BLIND, system="_control", location="office", party=None)
    said = text(messages.of_incident(rules(tmp_path), sending(MessageKind.DOWN), facts(blind), at(14, 6)))
    assert said.startswith(
        "Hệ thống giám sát mất tầm quan sát: Văn phòng\n"
        "Mọi đích đối chứng tại Văn phòng không trả lời từ 07/10/2026 14:05 (giờ Việt Nam).\n"
        "Đây là đường truyền của điểm đo, không phải lỗi của hệ thống nào: thời gian này không có dữ liệu.\n"
    )


def test_a_certificate(tmp_path: Path) -> None:
    now = at(9)
    ends = Certificate(now + 13.5 * 86_400, now * 1000)
    said = text(messages.of_certificate(rules(tmp_path), sending(MessageKind.CERTIFICATE), "igate", ends, now))
    assert said.startswith(
        "Chứng thư sắp hết hạn: Một cửa điện tử\n"
        "Một cửa điện tử: chứng thư TLS còn 13 ngày (đến 20/10/2026). Khi hết hạn, mọi kết nối tới hệ thống sẽ hỏng.\n"
    )
    for left, words_ in ((13.5, "13 days"), (1.1, "1 day"), (0.5, "less than a day")):
        ends = Certificate(now + left * 86_400, now * 1000)
        kind = sending(MessageKind.CERTIFICATE, "english")
        said = text(messages.of_certificate(rules(tmp_path), kind, "igate", ends, now))
        assert f"One-stop: the TLS certificate ends in {words_}, on " in said
    renewed = Certificate(now + 90 * 86_400, now * 1000)
    assert messages.of_certificate(rules(tmp_path), sending(MessageKind.CERTIFICATE), "igate", renewed, now) is None


DIGEST = """\
Bản tin 08/10/2026 07:00: 2 sự cố
Từ 07/10/2026 07:00 đến 08/10/2026 07:00 (giờ Việt Nam).
- Một cửa điện tử (sự cố số 12): 07/10/2026 14:05 – 07/10/2026 14:17, \
gián đoạn 12 phút 00 giây; tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx)
- Một cửa điện tử (sự cố số 12): từ 07/10/2026 14:05, ĐANG DIỄN RA; tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx)
Dấu niêm phong ngày 07/10/2026 (UTC): abcd; 12.345 kết quả đo, 6 bằng chứng.
"""


def test_the_digest(tmp_path: Path) -> None:
    start, end = (int(datetime(2026, 10, day, 7, tzinfo=ZONE).timestamp()) for day in (7, 8))
    night = Night(start, end, date(2026, 10, 6), date(2026, 10, 7))
    seals = [Seal(date(2026, 10, d), "abcd", 12_345, 6, None, "", "", 0) for d in (6, 7)]
    known = [record(end=at(14, 17), down=720), record(), record(end=at(15), state=IncidentState.WITHDRAWN)]
    on_time = sending(MessageKind.DIGEST)._replace(made_at=(end + 60) * 1000)
    made = messages.of_night(rules(tmp_path), on_time, night, known, seals)
    assert text(made).startswith(DIGEST)
    assert "gửi muộn" not in made.body
    late = sending(MessageKind.DIGEST)._replace(made_at=(end + 6 * 3600) * 1000)
    said = messages.of_night(rules(tmp_path), late, night, known, seals).body
    assert "Bản tin gửi muộn: đến hạn lúc 08/10/2026 07:00, khi đó hệ thống báo tin không hoạt động." in said
    quiet = messages.of_night(rules(tmp_path), sending(MessageKind.DIGEST), night, [], seals[:1])
    assert quiet.title == "Bản tin 08/10/2026 07:00: không có sự cố"
    assert "Không có gián đoạn nào.\nChưa có dấu niêm phong của ngày 07/10/2026 (UTC).\n" in quiet.body
