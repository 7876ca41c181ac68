"""What people read: states, reasons and steps in Vietnamese, and how times and durations are written."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from monitor.model import Reason, State

SIMULATED = "DỮ LIỆU MÔ PHỎNG"
IMPORTED = "có dữ liệu nhập từ nơi khác"

STATES: dict[State, str] = {
    State.UP: "Hoạt động",
    State.DEGRADED: "Suy giảm",
    State.DOWN: "Gián đoạn",
    State.NO_DATA: "Không có dữ liệu",
}

REASONS: dict[Reason, str] = {
    Reason.DNS_FAILURE: "không phân giải được tên miền",
    Reason.CONNECT_REFUSED: "máy chủ từ chối kết nối",
    Reason.CONNECT_TIMEOUT: "không kết nối được trong thời hạn",
    Reason.TLS_EXPIRED: "chứng thư TLS đã hết hạn",
    Reason.TLS_UNTRUSTED: "chứng thư TLS không được tin cậy",
    Reason.TLS_HOSTNAME: "chứng thư TLS không khớp tên máy chủ",
    Reason.TLS_PROTOCOL: "phiên bản TLS không được chấp nhận",
    Reason.TLS_HANDSHAKE: "bắt tay TLS không thành công",
    Reason.CONNECTION_RESET: "kết nối bị ngắt giữa chừng",
    Reason.EMPTY_REPLY: "đóng kết nối mà không trả lời",
    Reason.NOT_HTTP: "trả lời không phải là HTTP",
    Reason.READ_TIMEOUT: "không trả lời trong thời hạn",
    Reason.DEADLINE_EXCEEDED: "trả lời quá chậm, hết thời hạn",
    Reason.TRUNCATED: "trả lời bị cắt cụt",
    Reason.TOO_LARGE: "trả lời quá lớn",
    Reason.BAD_ENCODING: "nội dung mã hóa sai",
    Reason.REDIRECT_LOOP: "chuyển hướng lòng vòng",
    Reason.UNEXPECTED_REDIRECT: "chuyển hướng ngoài dự kiến",
    Reason.HTTP_4XX: "yêu cầu bị từ chối (HTTP 4xx)",
    Reason.HTTP_5XX: "máy chủ báo lỗi (HTTP 5xx)",
    Reason.AUTH_FAILED: "đăng nhập không thành công",
    Reason.BUSINESS_ERROR: "trả về mã lỗi nghiệp vụ",
    Reason.CONTRACT_VIOLATION: "trả lời sai cấu trúc dữ liệu",
    Reason.CONTENT_MISMATCH: "nội dung không đúng",
    Reason.NO_FLOW: "không có hồ sơ luân chuyển",
    Reason.SLOW: "chậm hơn mục tiêu",
    Reason.BLIND: "đường truyền của hệ thống giám sát bị mất",
    Reason.PROBE_ERROR: "lỗi phía hệ thống giám sát",
    Reason.RATE_LIMITED: "bị giới hạn tần suất hỏi",
}

STEPS: dict[str, str] = {
    "token": "đăng nhập",
    "login": "đăng nhập",
    "portal": "trang cổng dịch vụ công",
    "search": "tra cứu hồ sơ",
    "procedures": "danh mục thủ tục",
    "request": "truy vấn",
    "call": "gọi dịch vụ",
    "sectors": "danh mục lĩnh vực",
    "dossier": "tra cứu hồ sơ",
    "lookup": "tra cứu dân cư",
    "reach": "kết nối tới máy chủ",
    "connect": "kết nối tới máy chủ",
    "handshake": "bắt tay TLS",
}
"""Steps by their names in connectors; a name that is not here is shown as it is."""

INCIDENT_KINDS: dict[str, str] = {
    "outage": "Gián đoạn",
    "blind": "Mất tầm quan sát",
    "reported": "Cán bộ báo",
}

INCIDENT_STATES: dict[str, str] = {
    "open": "Đang diễn ra",
    "restored": "Đã khôi phục",
    "closed": "Đã đóng",
    "withdrawn": "Đã rút lại",
}

SEVERITIES: dict[str, str] = {
    "S1": "Mức 1",
    "S2": "Mức 2",
    "S3": "Mức 3",
    "S4": "Mức 4",
}

FACTS: dict[str, str] = {
    "acknowledged": "Đã tiếp nhận",
    "vendor_notified": "Đã báo nhà thầu",
    "vendor_answered": "Nhà thầu đã trả lời",
    "note": "Ghi chú",
    "attributed": "Quy trách nhiệm",
    "closed": "Đã đóng",
}
"""What people wrote down about an incident, by its kind."""

MESSAGES: dict[str, str] = {
    "down": "Gián đoạn",
    "again": "Lại gián đoạn",
    "reminder": "Nhắc lại",
    "up": "Khôi phục",
    "withdrawn": "Rút lại",
    "digest": "Bản tin",
    "certificate": "Chứng thư",
    "test": "Tin thử",
}
"""Kinds of messages, by `alerts.MessageKind`."""

MESSAGE_STATES: dict[str, str] = {
    "waiting": "Đang chờ",
    "sent": "Đã gửi",
    "failed": "Đã bỏ",
    "dropped": "Không cần gửi",
}

DELIVERY_ERRORS: dict[str, str] = {
    "the receiver did not answer in time": "bên nhận không trả lời trong thời hạn",
    "the receiver's certificate is not trusted": "chứng thư TLS của bên nhận không được tin cậy",
    "the receiver's name is not found": "không tìm thấy tên máy của bên nhận",
    "the receiver refuses connections": "bên nhận từ chối kết nối",
    "the receiver cannot be reached": "không kết nối được tới bên nhận",
    "the receiver answered": "bên nhận trả lời",
    "the request failed": "không gửi được",
    "the service did not take it, or could not be reached": "dịch vụ không nhận, hoặc không kết nối được",
    "its text cannot be made": "lỗi của Motcua, không soạn được nội dung",
    "the catalogue has no such route or channel any more": "danh mục không còn tuyến hoặc kênh này",
}
"""Why a message was not taken, by what `channels.DeliveryError` begins with."""

TERMS: dict[str, str] = {
    "response": "thời hạn phản hồi",
    "restoration": "thời hạn khắc phục",
}


FIGURES: dict[str, str] = {
    "raw": "Toàn thời gian",
    "contractual": "Theo hợp đồng",
    "office": "Trong giờ làm việc",
}
"""The three availabilities, by `availability.Kind`."""

EXCLUSIONS: dict[str, str] = {
    "maintenance": "bảo trì có báo trước",
    "other_party": "gián đoạn do bên khác",
    "outside_hours": "ngoài giờ làm việc",
}
"""Why seconds are not counted, by `availability.Exclusion`."""

SLA: dict[str, str] = {"met": "ĐẠT", "broken": "KHÔNG ĐẠT", "no_data": "không có dữ liệu"}
"""By `availability.SlaVerdict`."""

DAYS: dict[str, str] = {
    "holiday": "nghỉ lễ",
    "compensatory_off": "nghỉ bù",
    "swapped_off": "nghỉ hoán đổi",
    "swapped_work": "làm bù",
}
"""Kinds of special days of a calendar."""

WEEKDAYS = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ nhật")
"""From Monday, as `date.weekday` counts."""

PROVISIONAL = "tạm tính"


def what_fails(step: str | None, reason: Reason | None) -> str:
    """Step and reason in words: "tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx)"."""
    said = REASONS[reason] if reason else ""
    if not step:
        return said
    return f"{STEPS.get(step, step)}: {said}" if said else STEPS.get(step, step)


def delivery_error(said: str) -> str:
    """Why a message was not taken: "bên nhận trả lời HTTP 503"; what is not known is shown as it is."""
    for english, vietnamese in DELIVERY_ERRORS.items():
        if said.startswith(english):
            return vietnamese + said.removeprefix(english)
    return said


CERTIFICATE_DAYS = (30, 14, 7, 1)
"""How many days before the end of a certificate people are told of it, again and again more urgently."""


def certificate(not_after: float, now: float, zone: ZoneInfo) -> str:
    """That a certificate ends soon: "chứng thư TLS còn 12 ngày (đến 05/01/2027)"; "" while that is far away."""
    left = (not_after - now) / 86_400
    if left >= CERTIFICATE_DAYS[0]:
        return ""
    day = datetime.fromtimestamp(not_after, zone).strftime("%d/%m/%Y")
    if left < 0:
        return f"chứng thư TLS hết hạn từ {day}"
    return f"chứng thư TLS còn {int(left)} ngày (đến {day})" if left >= 1 else f"chứng thư TLS hết hạn ngày {day}"


def instant(seconds: float, zone: ZoneInfo) -> str:
    """An instant as people write it here: "14:05:09 24/11/2026"."""
    return datetime.fromtimestamp(seconds, zone).strftime("%H:%M:%S %d/%m/%Y")


def moment(seconds: float, zone: ZoneInfo) -> str:
    """An instant to its minute: "24/11/2026 14:05"."""
    return datetime.fromtimestamp(seconds, zone).strftime("%d/%m/%Y %H:%M")


def duration(seconds: float) -> str:
    """A duration in its two largest units: "2 giờ 05 phút", "45 giây"."""
    whole = max(0, int(seconds))
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} ngày {hours:02d} giờ"
    if hours:
        return f"{hours} giờ {minutes:02d} phút"
    if minutes:
        return f"{minutes} phút {rest:02d} giây"
    return f"{rest} giây"


def term(seconds: int) -> str:
    """A time that a contract allows, as contracts write it: "30 phút", "4 giờ", "1 giờ 30 phút".

    In hours however many: a day of working hours is none of 24 hours.
    """
    hours, rest = divmod(seconds, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [(hours, "giờ"), (minutes, "phút"), (rest, "giây")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 giây"


def number(count: int) -> str:
    """A whole number: "2.678.400"."""
    return f"{count:,}".replace(",", ".")


def decimal(value: Fraction) -> str:
    """A number with one decimal, rounded to the nearest: "1.234,5"."""
    whole, tenth = divmod(round(abs(value) * 10), 10)
    return f"{'-' if value < 0 else ''}{number(whole)},{tenth}"


def share(fraction: Fraction) -> str:
    """A share as it was promised, with the decimals that it has: "99,5%", "100%"."""
    exact = Decimal(fraction.numerator * 100) / Decimal(fraction.denominator)
    return f"{exact.normalize():f}%".replace(".", ",")


def percent(fraction: Fraction) -> str:
    """A share rounded to two decimals, "99,99%"; only the whole is 100%, and only nothing 0%."""
    hundredths = (fraction.numerator * 20_000 + fraction.denominator) // (2 * fraction.denominator)
    if 0 < fraction < 1:
        hundredths = min(max(hundredths, 1), 9_999)
    return f"{number(hundredths // 100)},{hundredths % 100:02d}%"


def milliseconds(seconds: float) -> str:
    """A latency: "12 ms", "1.234 ms"."""
    return f"{seconds * 1000:,.0f} ms".replace(",", ".")
