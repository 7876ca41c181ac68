"""The board *Liên thông*: the bus and the systems that are reached through it."""

from __future__ import annotations

from dashboards import parts
from dashboards import vocabulary as v
from dashboards.parts import STATES

LINKED_KINDS = "national_portal|population|soap|document_exchange"  # connectors of what lies behind the bus
BUS = parts.chosen(variable="bus")
BOTH = '{system=~"$bus|$system"}'


def board() -> v.Json:
    return v.dashboard(
        "motcua-interlink",
        "Liên thông",
        "Trục liên thông và các hệ thống đến được qua nó: lỗi ở trục hay ở chính hệ thống, chậm ở đâu, chứng thư còn "
        "bao lâu.",
        [
            parts.datasource(),
            v.variable(
                "bus", "Trục liên thông", 'label_values(motcua_system_info{connector="lgsp"}, system)', every=False
            ),
            v.variable(
                "system",
                "Hệ thống",
                f'label_values(motcua_system_info{{connector=~"{LINKED_KINDS}"}}, system)',
                every=False,
            ),
        ],
        [
            parts.banner(),
            v.row("Trục liên thông"),
            *_bus(),
            parts.timeline(BOTH, height=7),
            parts.failing(BOTH),
            v.row("Do trục hay do chính hệ thống"),
            _whose(),
            v.row("Thời gian trả lời"),
            parts.percentile(95, BOTH),
            parts.phases(BUS),
            v.row("Lỗi"),
            parts.error_rate(BOTH),
            parts.failures(BOTH),
            v.row("Chứng thư và số đo"),
            parts.certificates(BOTH),
            parts.measured(BOTH),
        ],
        annotations=[*parts.regions("bus"), *_of_the_linked()],
        since="24h",
    )


def _of_the_linked() -> list[v.Json]:
    """Their own outages, so that one sees whether the bus was down at the same time."""
    return [{**region, "name": f"{region['name']} (hệ thống)"} for region in parts.regions()]


def _bus() -> list[v.Json]:
    buckets = f"sum by (le) (rate(motcua_system_try_duration_seconds_bucket{BUS}[$__range]))"
    month = parts.chosen('window="30d"', variable="bus")
    return [
        v.stat(
            "Trục hiện tại",
            "Trạng thái của trục liên thông ở cuối khoảng thời gian đang xem; nhiều trục thì trục xấu nhất.",
            v.now(f"min({parts.state(BUS)})"),
            colors=v.thresholds(v.GREY),
            mappings=v.mapping(STATES),
            background=True,
        ),
        v.stat(
            "Sẵn sàng 30 ngày",
            "Mức sẵn sàng của trục trong 30 ngày gần nhất, chưa trừ bảo trì, làm tròn xuống.",
            v.now(f"floor(min(motcua_system_availability_ratio{month}) * 1e5 + 1e-6) / 1e5"),
            unit="percentunit",
            decimals=3,
            colors=v.thresholds("text"),
            links=[v.link("Mở bảng SLO", "motcua-slo")],
        ),
        v.stat(
            "Phân vị 95 %",
            "Cứ 20 lần hỏi trục thì 19 lần nhanh hơn giá trị này, trong khoảng thời gian đang xem.",
            v.now(f"histogram_quantile(0.95, {buckets})"),
            unit="s",
            colors=v.thresholds("text"),
        ),
        v.stat(
            "Hệ thống gián đoạn",
            "Bao nhiêu hệ thống sau trục đang gián đoạn.",
            v.now(f"count({parts.state()} == 0) or 0 * count({parts.state()})"),
            decimals=0,
            colors=v.thresholds("text", (1, v.VERMILION)),
        ),
    ]


def _whose() -> v.Json:
    def seconds(recorded: str) -> str:
        # Rules record every 15 s (evaluation_interval). Samples as they are: a subquery takes three times as long.
        return f"15 * sum by (system) (sum_over_time({recorded}[$__range]))"

    down = f"system:motcua_system_state:down{parts.CHOSEN}"
    with_bus = 'system_parent:motcua_system_state:down{system=~"$system", parent=~"$bus"}'
    return v.table(
        "Gián đoạn cùng lúc với trục",
        "Gián đoạn của mỗi hệ thống trong khoảng thời gian đang xem, và phần trùng với gián đoạn của trục. Phần trùng "
        "chỉ có ở hệ thống mà danh mục nói là đi qua trục. Đếm theo từng 15 giây: để phân định trách nhiệm, xem sự cố "
        "trong báo cáo.",
        v.now(seconds(down)),
        v.now(seconds(with_bus)),
        columns=[
            v.column("system", "Hệ thống", links=[parts.to_system("${__data.fields.system}")]),
            v.column("Value #A", "Gián đoạn", unit="s", decimals=0),
            v.column("Value #B", "Trong đó cùng lúc với trục", unit="s", decimals=0),
        ],
        sort_by="Gián đoạn",
        size=(24, 6),
    )
