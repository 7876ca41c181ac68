"""The board *SLO*: availability against what the contract promises, and how fast the error budget is used up."""

from __future__ import annotations

from dashboards import parts
from dashboards import vocabulary as v
from dashboards.parts import CHOSEN

MONTH = parts.chosen('window="30d"')
ALLOWED = f"system:motcua_system_objective_ratio:budget{CHOSEN}"  # the share of time that may be down
USED = f"max by (system) (1 - motcua_system_availability_ratio{MONTH})"
LEFT = f"1 - {USED} / on (system) ({ALLOWED} > 0)"


def board() -> v.Json:
    return v.dashboard(
        "motcua-slo",
        "SLO",
        "Mức sẵn sàng so với cam kết, phần gián đoạn còn được phép, và tốc độ tiêu phần ấy. Chỉ gồm các hệ thống có "
        "cam kết trong danh mục.",
        [
            parts.datasource(),
            v.variable("system", "Hệ thống", "label_values(motcua_system_objective_ratio, system)"),
        ],
        [
            parts.banner(),
            v.row("So với cam kết"),
            _table(),
            _availability(),
            _left(),
            v.row("Tốc độ tiêu phần gián đoạn được phép"),
            _burn("Nhanh: 1 giờ và 6 giờ", ("1h", "6h"), "Quá 14,4 trong 1 giờ, hay quá 6 trong 6 giờ, là khẩn cấp."),
            _burn("Chậm: 1 ngày và 3 ngày", ("1d", "3d"), "Quá 3 trong 1 ngày, hay quá 1 trong 3 ngày, là cảnh báo."),
        ],
        annotations=parts.regions(month=True),
        since="30d",
        refresh="5m",
    )


def _table() -> v.Json:
    observed = f"max by (system) (motcua_system_observed_seconds{MONTH})"
    return v.table(
        "Sẵn sàng và phần gián đoạn được phép, 30 ngày",
        "Được phép = (1 - cam kết) × thời gian quan sát được. Còn lại âm: đã vượt cam kết. Chưa trừ bảo trì và gián "
        "đoạn do bên khác: con số theo hợp đồng nằm trong báo cáo. Độ phủ dưới 95 % thì con số là tạm tính.",
        v.now(f"max by (system) (motcua_system_objective_ratio{CHOSEN})"),
        v.now(f"max by (system) (floor(motcua_system_availability_ratio{MONTH} * 1e5 + 1e-6) / 1e5)"),
        v.now(f"max by (system) (floor(motcua_system_coverage_ratio{MONTH} * 1e5 + 1e-6) / 1e5)"),
        v.now(f"max by (system) ({ALLOWED} * on (system) {observed})"),
        v.now(f"max by (system) (motcua_system_down_seconds{MONTH})"),
        v.now(f"max by (system) ({LEFT})"),
        columns=[
            v.column("system", "Hệ thống", links=[parts.to_system("${__data.fields.system}")]),
            v.column("Value #A", "Cam kết", unit="percentunit", decimals=3),
            v.column("Value #B", "Sẵn sàng", unit="percentunit", decimals=3),
            v.column("Value #C", "Độ phủ", unit="percentunit", decimals=3),
            v.column("Value #D", "Được phép gián đoạn", unit="s", decimals=0),
            v.column("Value #E", "Đã gián đoạn", unit="s", decimals=0),
            v.column("Value #F", "Còn lại", unit="percentunit", decimals=1),
        ],
        sort_by="Còn lại",
        ascending=True,
        size=(24, 8),
    )


def _availability() -> v.Json:
    return v.timeseries(
        "Mức sẵn sàng 30 ngày",
        "Ở mỗi điểm: mức sẵn sàng của 30 ngày trước đó, và cam kết của hệ thống.",
        v.query(f"max by (system) (motcua_system_availability_ratio{MONTH})", "{{system}}"),
        v.query(f"max by (system) (motcua_system_objective_ratio{CHOSEN})", "{{system}} (cam kết)"),
        size=(12, 9),
        unit="percentunit",
        minimum=None,
        maximum=1,
        links=[parts.to_system("${__field.labels.system}")],
    )


def _left() -> v.Json:
    return v.timeseries(
        "Phần gián đoạn được phép còn lại",
        "100 %: chưa gián đoạn; 0: đã dùng hết; âm: đã vượt cam kết. Của 30 ngày trước mỗi điểm.",
        v.query(LEFT, "{{system}}"),
        size=(12, 9),
        unit="percentunit",
        minimum=None,
        maximum=1,
        links=[parts.to_system("${__field.labels.system}")],
    )


def _burn(title: str, windows: tuple[str, ...], alarm: str) -> v.Json:
    def rate(window: str) -> str:
        return f"system:motcua_system_state:down_ratio{window}{CHOSEN} / on (system) ({ALLOWED} > 0)"

    return v.timeseries(
        title,
        "1: vừa đủ dùng hết phần gián đoạn được phép trong 30 ngày; 10: hết trong 3 ngày. Không tính bảo trì có báo "
        f"trước; lúc không có dữ liệu không tiêu gì. {alarm}",
        *(v.query(rate(window), f"{{{{system}}}} {window}") for window in windows),
        size=(12, 8),
        unit="none",
        links=[parts.to_system("${__field.labels.system}")],
    )
