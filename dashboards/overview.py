"""The board *Tổng quan*: state, availability, response times and failures of all systems."""

from __future__ import annotations

from dashboards import parts
from dashboards import vocabulary as v
from dashboards.parts import CHOSEN, NAMED, STATES
from monitor.metric_names import STATE_VALUES


def board() -> v.Json:
    return v.dashboard(
        "motcua-overview",
        "Tổng quan",
        "Các hệ thống của bộ phận một cửa: trạng thái, mức sẵn sàng, thời gian trả lời, lỗi, và chính bộ giám sát.",
        [parts.datasource(), parts.systems()],
        [
            parts.banner(),
            v.row("Trạng thái"),
            *_counts(),
            parts.timeline(),
            parts.failing(),
            v.row("Mức sẵn sàng"),
            _availability(),
            parts.error_rate(),
            v.row("Thời gian trả lời"),
            parts.percentile(50),
            parts.percentile(95),
            v.row("Lỗi"),
            parts.failures(),
            v.row("Giám sát của giám sát"),
            *_watcher(),
        ],
        annotations=parts.regions(month=True),
    )


def _counts() -> list[v.Json]:
    """How many systems are in each state, the worst first."""
    worst_first = (
        ("down", "Số hệ thống đang gián đoạn, đã được xác nhận bằng các lần thử lại."),
        ("no_data", "Số hệ thống mà bộ giám sát hiện không biết trạng thái: không tính là hoạt động."),
        ("degraded", "Số hệ thống trả lời đúng nhưng chậm hơn mục tiêu, hoặc chỉ hỏng ở phần không trọng yếu."),
        ("up", "Số hệ thống đang hoạt động bình thường."),
    )
    panels = []
    for state, description in worst_first:
        text, color = STATES[STATE_VALUES[state]]
        # No system in this state is 0; no system at all is no figure.
        number = f"count({parts.state()} == {STATE_VALUES[state]}) or 0 * count({parts.state()})"
        panels.append(v.stat(text, description, v.now(number), colors=v.thresholds("text", (1, color))))
    return panels


def _availability() -> v.Json:
    def column_of(metric: str, window: str) -> v.Json:
        return v.now(f'max by (system, name) ({metric}{{system=~"$system", window="{window}"}} {NAMED})')

    def rounded_down(metric: str, window: str) -> v.Json:
        # To a thousandth of a percent, never up; the tiny addend only undoes the error of binary fractions.
        ratio = f'{metric}{{system=~"$system", window="{window}"}}'
        return v.now(f"max by (system, name) (floor({ratio} * 1e5 + 1e-6) / 1e5 {NAMED})")

    return v.table(
        "Mức sẵn sàng",
        "Mức sẵn sàng = (thời gian quan sát được - thời gian gián đoạn) / thời gian quan sát được, chưa trừ bảo trì. "
        "Độ phủ = thời gian quan sát được / thời gian theo lịch; dưới 95 % thì con số là tạm tính. Làm tròn xuống.",
        rounded_down("motcua_system_availability_ratio", "30d"),
        rounded_down("motcua_system_coverage_ratio", "30d"),
        column_of("motcua_system_down_seconds", "30d"),
        rounded_down("motcua_system_availability_ratio", "1d"),
        rounded_down("motcua_system_coverage_ratio", "1d"),
        column_of("motcua_system_down_seconds", "1d"),
        v.now(f"max by (system, name) (motcua_system_objective_ratio{CHOSEN} {NAMED})"),
        columns=[
            v.column("name", "Hệ thống", links=[parts.to_system("${__data.fields.system}")]),
            v.column("system", "Mã"),
            v.column("Value #A", "Sẵn sàng 30 ngày", unit="percentunit", decimals=3),
            v.column("Value #B", "Độ phủ 30 ngày", unit="percentunit", decimals=3),
            v.column("Value #C", "Gián đoạn 30 ngày", unit="s", decimals=0),
            v.column("Value #D", "Sẵn sàng 24 giờ", unit="percentunit", decimals=3),
            v.column("Value #E", "Độ phủ 24 giờ", unit="percentunit", decimals=3),
            v.column("Value #F", "Gián đoạn 24 giờ", unit="s", decimals=0),
            v.column("Value #G", "Cam kết", unit="percentunit", decimals=3),
        ],
        sort_by="Gián đoạn 30 ngày",
        size=(24, 9),
    )


def _watcher() -> list[v.Json]:
    """The least that one has to know before one believes the rest; the board *Giám sát của giám sát* has it all."""
    there = [v.link("Mở bảng Giám sát của giám sát", "motcua-watcher")]
    return [
        v.timeseries(
            "Tuổi của kết quả mới nhất",
            "Thời gian từ kết quả mới nhất của phép kiểm tra im lặng lâu nhất, theo địa điểm. Quá ba chu kỳ là có "
            "chuyện với chính bộ giám sát.",
            v.query(
                f"time() - min by (location) (motcua_check_last_outcome_timestamp_seconds{CHOSEN})", "{{location}}"
            ),
            size=(12, 7),
            unit="s",
            links=there,
        ),
        v.timeseries(
            "Kết quả ghi nhận",
            "Số kết quả mỗi giây. inconclusive: chính bộ giám sát hoặc đường truyền của nó có lỗi, không nói gì về hệ "
            "thống.",
            v.query("sum by (verdict) (rate(motcua_outcomes_total[$__rate_interval]))", "{{verdict}}"),
            size=(12, 7),
            unit="ops",
            stacked=True,
            links=there,
        ),
    ]
