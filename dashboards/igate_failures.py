"""The board *Lỗi iGate*: what fails in the dossier software, when, and how fast it is mended."""

from __future__ import annotations

from dashboards import parts
from dashboards import vocabulary as v
from dashboards.parts import CHOSEN

RECORDED = f"system:motcua_system_failures:increase1h{CHOSEN}"


def board() -> v.Json:
    return v.dashboard(
        "motcua-igate-failures",
        "Lỗi iGate",
        "Phần mềm một cửa điện tử lỗi ở bước nào, vì sao, vào giờ nào, và được khắc phục nhanh hay chậm so với hợp "
        "đồng.",
        [
            parts.datasource(),
            v.variable(
                "system", "Hệ thống", 'label_values(motcua_system_info{connector="igate"}, system)', every=False
            ),
        ],
        [
            parts.banner(),
            v.row("Tổng số"),
            *_totals(),
            v.row("Lỗi ở đâu, vì sao"),
            _hourly("step", "Lỗi theo bước"),
            _hourly("reason", "Lỗi theo nguyên nhân"),
            parts.failures(),
            v.row("Lỗi vào lúc nào"),
            _hours_of_day(),
            _days_of_week(),
            v.row("Khắc phục nhanh hay chậm"),
            *_months(),
            _terms(),
        ],
        annotations=parts.regions(month=True),
        since="30d",
        refresh="5m",
    )


def _totals() -> list[v.Json]:
    def tries(result: str) -> str:
        selector = parts.chosen(f'result=~"{result}"')
        return f"sum(increase(motcua_check_first_tries_total{selector}[$__range]))"

    month = parts.chosen('window="30d"')
    return [
        v.stat(
            "Lần thử đầu bị lỗi",
            "Trong khoảng thời gian đang xem, ước lượng từ các lần lấy số liệu.",
            v.now(f"round({tries('failed')})"),
            decimals=0,
            colors=v.thresholds("text"),
            links=[parts.to_system("${system}")],
        ),
        v.stat(
            "Tỷ lệ lỗi",
            "Số lần thử đầu bị lỗi / số lần thử đầu có kết luận, trong khoảng thời gian đang xem. Làm tròn lên.",
            v.now(f"ceil({tries('failed')} / {tries('ok|failed')} * 1e4 - 1e-6) / 1e4"),
            unit="percentunit",
            decimals=2,
            colors=v.thresholds("text"),
        ),
        v.stat(
            "Sự cố",
            "Số sự cố bắt đầu trong khoảng thời gian đang xem, ước lượng từ các lần lấy số liệu.",
            v.now(f"round(sum(increase(motcua_incidents_total{CHOSEN}[$__range])))"),
            decimals=0,
            colors=v.thresholds("text"),
        ),
        v.stat(
            "Gián đoạn 30 ngày",
            "Tổng thời gian gián đoạn của 30 ngày gần nhất, của hệ thống gián đoạn nhiều nhất trong số đã chọn.",
            v.now(f"max(motcua_system_down_seconds{month})"),
            unit="s",
            decimals=0,
            colors=v.thresholds("text"),
            links=[v.link("Mở bảng SLO", "motcua-slo")],
        ),
    ]


def _hourly(label: str, title: str) -> v.Json:
    return v.timeseries(
        title,
        "Số lần thử đầu bị lỗi trong 1 giờ trước mỗi điểm.",
        v.query(f"sum by ({label}) (system_step_reason:motcua_system_failures:increase1h{CHOSEN})", f"{{{{{label}}}}}"),
        size=(12, 8),
        unit="none",
        stacked=True,
    )


def _hours_of_day() -> v.Json:
    return v.bargauge(
        "Lỗi theo giờ trong ngày",
        "Số lần thử đầu bị lỗi trong khoảng thời gian đang xem, cộng theo giờ Việt Nam: 08 là từ 8 giờ đến trước 9 "
        "giờ.",
        *parts.by_hour(RECORDED),
        size=(16, 9),
    )


def _days_of_week() -> v.Json:
    return v.bargauge(
        "Lỗi theo ngày trong tuần",
        "Số lần thử đầu bị lỗi trong khoảng thời gian đang xem, cộng theo ngày trong tuần.",
        *parts.by_weekday(RECORDED),
        size=(8, 9),
    )


def _months() -> list[v.Json]:
    """MTTR and MTTA (figures, section 7), but counted in the month in which the mending or the answer came."""

    def mean(seconds: str, number: str) -> list[v.Json]:
        return [*parts.by_month(f"system:{seconds}:increase1d{CHOSEN}", f"system:{number}:increase1d{CHOSEN}")]

    until = "Của 11 tháng gần nhất, đến hết ngày hôm qua; tháng xa nhất có thể chưa đủ ngày."
    return [
        v.bargauge(
            "Thời gian khắc phục trung bình theo tháng (MTTR)",
            f"Thời gian gián đoạn trung bình của các sự cố kết thúc trong tháng. {until} Báo cáo tính theo tháng mà sự "
            "cố bắt đầu.",
            *mean("motcua_incident_fix_seconds", "motcua_incidents_restored"),
            size=(12, 9),
            unit="s",
        ),
        v.bargauge(
            "Thời gian tiếp nhận trung bình theo tháng (MTTA)",
            f"Từ lúc phát hiện đến lúc có người tiếp nhận, của các sự cố được tiếp nhận trong tháng. {until}",
            *mean("motcua_incident_acknowledge_seconds", "motcua_incidents_acknowledged"),
            size=(12, 9),
            unit="s",
        ),
    ]


def _terms() -> v.Json:
    return v.table(
        "Cam kết trong hợp đồng",
        "Thời hạn trả lời và khắc phục của hợp đồng đang có hiệu lực, theo mức sự cố. Hợp đồng cam kết cho từng sự cố: "
        "một trung bình tốt không có nghĩa là mọi sự cố đều đúng hạn; báo cáo liệt kê từng lần quá hạn.",
        v.now(f"max by (system, severity) (motcua_system_response_term_seconds{CHOSEN})"),
        v.now(f"max by (system, severity) (motcua_system_restoration_term_seconds{CHOSEN})"),
        columns=[
            v.column("system", "Hệ thống"),
            v.column("severity", "Mức sự cố"),
            v.column("Value #A", "Thời hạn trả lời", unit="s", decimals=0),
            v.column("Value #B", "Thời hạn khắc phục", unit="s", decimals=0),
        ],
        sort_by="Mức sự cố",
        ascending=True,
        size=(24, 6),
    )
