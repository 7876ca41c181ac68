"""What people read: states, reasons and steps in Vietnamese, and how times and durations are written."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.model import Reason, State

SIMULATED = "DỮ LIỆU MÔ PHỎNG"

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


def what_fails(step: str | None, reason: Reason | None) -> str:
    """Step and reason in words: "tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx)"."""
    said = REASONS[reason] if reason else ""
    if not step:
        return said
    return f"{STEPS.get(step, step)}: {said}" if said else STEPS.get(step, step)


def instant(seconds: float, zone: ZoneInfo) -> str:
    """An instant as people write it here: "14:05:09 24/11/2026"."""
    return datetime.fromtimestamp(seconds, zone).strftime("%H:%M:%S %d/%m/%Y")


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


def milliseconds(seconds: float) -> str:
    """A latency: "12 ms", "1.234 ms"."""
    return f"{seconds * 1000:,.0f} ms".replace(",", ".")
