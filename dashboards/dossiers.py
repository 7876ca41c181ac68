"""The board *Hồ sơ*: dossiers received, resolved and pending beside the outages, and index 766."""

from __future__ import annotations

from dashboards import parts
from dashboards import vocabulary as v

NOTHING = "0 * max(motcua_dossiers_figures_timestamp_seconds)"  # 0 once dossiers are collected: there were none
AS_COLLECTED = "Theo lần thu thập hồ sơ gần nhất đã xong."
OF_UNIT = '{unit=~"$unit"}'
NAMED = "* on (unit) group_left (name) max by (unit, name) (motcua_dossiers_unit_info)"


def board() -> v.Json:
    return v.dashboard(
        "motcua-dossiers",
        "Hồ sơ",
        "Hồ sơ tiếp nhận, đã giải quyết, đang giải quyết; đúng hạn, quá hạn, sắp đến hạn; Bộ chỉ số 766. Vùng màu sau "
        "các đường là lúc hệ thống gián đoạn: sự trùng hợp về thời gian, không phải nguyên nhân.",
        [
            parts.datasource(),
            v.variable("unit", "Đơn vị", "label_values(motcua_dossiers_unit_info, unit)"),
            v.variable("period", "Kỳ", "label_values(motcua_dossiers_received, period)", several=False),
            v.variable("system", "Gián đoạn của", "label_values(motcua_system_info, system)"),
        ],
        [
            parts.banner(),
            v.row("Trong kỳ: hôm nay (today), tháng này (month) hoặc năm nay (year)"),
            *_in_the_period(),
            v.row("Hạn trả kết quả"),
            *_deadlines(),
            v.row("Diễn biến và gián đoạn"),
            *_curves(),
            v.row("Theo đơn vị"),
            _units(),
            v.row("Bộ chỉ số 766"),
            _index("month", "Tháng này, ước tính", "Ước tính từ hồ sơ của tháng này, đến lần thu thập gần nhất."),
            _index("official", "Kỳ gần nhất đã có điểm của Cổng", "Điểm đã nhập, bên cạnh ước tính của cùng kỳ."),
            v.row("Số liệu có tin được không"),
            *_trust(),
        ],
        annotations=parts.regions(),
        since="7d",
        refresh="1m",
    )


def count(name: str, *matchers: str, by: str = "") -> str:
    """A sum over the chosen units, 0 where there were none; `by` labels absent ones stay absent."""
    selector = "{" + ", ".join(['unit=~"$unit"', *matchers]) + "}"
    total = f"motcua_dossiers_{name}{selector}"
    return f"sum by ({by}) ({total})" if by else f"(sum({total}) or {NOTHING})"


PERIOD = 'period="$period"'
OVERDUE = 'timeliness="overdue"'
IN_TIME = count("resolved", PERIOD, 'timeliness!="overdue"')
RESOLVED = count("resolved", PERIOD)
RECEIVED = count("received", PERIOD)
ONLINE = count("received", PERIOD, 'channel="online"')


def _number(title: str, description: str, expression: str, *, alarm: bool = False, width: int = 4) -> v.Json:
    colors = v.thresholds("text", (1, v.VERMILION)) if alarm else v.thresholds("text")
    return v.stat(title, description, v.now(expression), size=(width, 4), decimals=0, colors=colors)


def _share(title: str, description: str, expression: str, *, width: int = 4) -> v.Json:
    return v.stat(
        title,
        description,
        v.now(expression),
        size=(width, 4),
        unit="percentunit",
        decimals=2,
        colors=v.thresholds("text"),
    )


def down(share: str) -> str:
    """Cut off after two decimals of a percentage: only the whole is 100 %."""
    return f"floor(({share}) * 1e4 + 1e-6) / 1e4"


def _in_the_period() -> list[v.Json]:
    return [
        _number("Tiếp nhận", f"Hồ sơ được tiếp nhận trong kỳ. {AS_COLLECTED}", RECEIVED),
        _number("Trong đó trực tuyến", "Tử số của tỷ lệ trực tuyến; mẫu số là số hồ sơ tiếp nhận trong kỳ.", ONLINE),
        _share(
            "Tỷ lệ trực tuyến",
            "Hồ sơ nộp trực tuyến / hồ sơ tiếp nhận trong kỳ; trống khi chưa tiếp nhận hồ sơ nào.",
            down(f"{ONLINE} / ({RECEIVED} > 0)"),
        ),
        _number("Đã giải quyết", "Mẫu số của tỷ lệ đúng hạn: hồ sơ kết thúc trong kỳ, kể cả quá hạn.", RESOLVED),
        _number(
            "Trong đó trước và đúng hạn", "Tử số của tỷ lệ đúng hạn; không có hạn trả thì coi là đúng hạn.", IN_TIME
        ),
        _share(
            "Tỷ lệ đúng hạn",
            "Giải quyết trước và đúng hạn / đã giải quyết trong kỳ; trống khi chưa giải quyết hồ sơ nào.",
            down(f"{IN_TIME} / ({RESOLVED} > 0)"),
        ),
    ]


def _deadlines() -> list[v.Json]:
    late, online = count("accepted_late"), count("submitted_online")
    overdue = count("pending", OVERDUE)
    return [
        _number("Đang giải quyết", f"Hồ sơ chưa kết thúc. {AS_COLLECTED}", count("pending")),
        _number("Quá hạn", "Hồ sơ chưa kết thúc mà đã qua hạn trả ở lần thu thập gần nhất.", overdue, alarm=True),
        _number("Đến hạn hôm nay", "Hồ sơ chưa kết thúc, hạn trả trong phần còn lại của ngày.", count("due_today")),
        _number("Đến hạn ngày mai", "Hồ sơ chưa kết thúc, hạn trả vào ngày mai.", count("due_tomorrow")),
        _number(
            "Tiếp nhận chậm trong tháng",
            "Tử số: hồ sơ nộp trực tuyến chờ tiếp nhận quá 8 giờ làm việc, hoặc còn đang chờ quá chừng ấy.",
            late,
        ),
        _share(
            "Tỷ lệ tiếp nhận chậm",
            "Tiếp nhận chậm / hồ sơ nộp trực tuyến trong tháng (mẫu số ở bảng theo đơn vị), làm tròn lên.",
            f"ceil({late} / ({online} > 0) * 1e4 - 1e-6) / 1e4",
        ),
        _most_overdue(),
    ]


def _most_overdue() -> v.Json:
    none = f"0 * max by (unit) (motcua_dossiers_unit_info{OF_UNIT})"
    overdue = count("pending", OVERDUE, by="unit")
    return v.table(
        "Đơn vị có nhiều hồ sơ quá hạn nhất",
        "Mười đơn vị nhiều hồ sơ quá hạn nhất. Số của một đơn vị không gồm đơn vị bên dưới có số liệu riêng.",
        v.now(f"topk(10, {overdue} or {none}) {NAMED}"),
        columns=[
            v.column("name", "Đơn vị"),
            v.column("unit", "Mã"),
            v.column("Value", "Quá hạn", unit="none", decimals=0),
        ],
        sort_by="Quá hạn",
        size=(24, 8),
    )


def _curves() -> list[v.Json]:
    day = 'period="today"'
    ended = {"early": "trước hạn", "on_time": "đúng hạn", "overdue": "quá hạn"}
    channels = {"online": "trực tuyến", "direct": "trực tiếp", "post": "bưu chính"}
    return [
        v.timeseries(
            "Tiếp nhận từ đầu ngày theo hình thức nộp",
            "Đếm lại từ 0 mỗi ngày. Hồ sơ hiện ở lần thu thập thấy nó: khi iGate không trả lời thì đường nằm ngang.",
            *(v.query(count("received", day, f'channel="{channel}"'), name) for channel, name in channels.items()),
            unit="short",
            stacked=True,
        ),
        v.timeseries(
            "Đã giải quyết từ đầu ngày theo kết quả",
            "Đếm lại từ 0 mỗi ngày. Trước hạn: xong trước ngày hẹn trả; đúng hạn: trong hạn; quá hạn: sau hạn.",
            *(v.query(count("resolved", day, f'timeliness="{timely}"'), name) for timely, name in ended.items()),
            unit="short",
            stacked=True,
        ),
        v.timeseries(
            "Đang giải quyết theo hình thức nộp",
            f"Hồ sơ chưa kết thúc. {AS_COLLECTED}",
            *(v.query(count("pending", f'channel="{channel}"'), name) for channel, name in channels.items()),
            v.query(count("pending", 'channel="any"', by="channel") + " > 0", "không rõ"),
            unit="short",
            stacked=True,
        ),
        v.timeseries(
            "Quá hạn và sắp đến hạn",
            f"Hồ sơ chưa kết thúc, theo hạn trả. {AS_COLLECTED}",
            v.query(count("pending", OVERDUE), "quá hạn"),
            v.query(count("due_today"), "đến hạn hôm nay"),
            v.query(count("due_tomorrow"), "đến hạn ngày mai"),
            unit="short",
        ),
        v.timeseries(
            "Đang giải quyết theo đơn vị",
            "Mười đơn vị có nhiều hồ sơ chưa kết thúc nhất ở mỗi thời điểm.",
            v.query(f"topk(10, {count('pending', by='unit')}) {NAMED}", "{{name}}"),
            unit="short",
        ),
        v.timeseries(
            "Quá hạn theo đơn vị",
            "Mười đơn vị có nhiều hồ sơ quá hạn nhất ở mỗi thời điểm; không có đường nào: không có hồ sơ quá hạn.",
            v.query(f"topk(10, {count('pending', OVERDUE, by='unit')}) {NAMED} > 0", "{{name}}"),
            unit="short",
        ),
    ]


def _units() -> v.Json:
    none = f"0 * max by (unit) (motcua_dossiers_unit_info{OF_UNIT})"

    def of_unit(name: str, *matchers: str) -> str:
        return f"({count(name, *matchers, by='unit')} or {none}) {NAMED}"

    in_time = count("resolved", PERIOD, 'timeliness!="overdue"', by="unit")
    ratio = f"({in_time} or {none}) / on (unit) {count('resolved', PERIOD, by='unit')}"
    return v.table(
        "Hồ sơ theo đơn vị trong kỳ",
        "Tỷ lệ đúng hạn = trước và đúng hạn / đã giải quyết. Tiếp nhận chậm là của tháng này, trên số hồ sơ nộp trực "
        "tuyến của tháng. Số của một đơn vị không gồm đơn vị bên dưới có số liệu riêng.",
        v.now(of_unit("received", PERIOD)),
        v.now(of_unit("resolved", PERIOD, 'timeliness!="overdue"')),
        v.now(of_unit("resolved", PERIOD)),
        v.now(f"({down(ratio)}) {NAMED}"),
        v.now(of_unit("pending")),
        v.now(of_unit("pending", OVERDUE)),
        v.now(of_unit("accepted_late")),
        v.now(of_unit("submitted_online")),
        columns=[
            v.column("name", "Đơn vị"),
            v.column("unit", "Mã"),
            v.column("Value #A", "Tiếp nhận", unit="none", decimals=0),
            v.column("Value #B", "Trước và đúng hạn", unit="none", decimals=0),
            v.column("Value #C", "Đã giải quyết", unit="none", decimals=0),
            v.column("Value #D", "Tỷ lệ đúng hạn", unit="percentunit", decimals=2),
            v.column("Value #E", "Đang giải quyết", unit="none", decimals=0),
            v.column("Value #F", "Quá hạn", unit="none", decimals=0),
            v.column("Value #G", "Tiếp nhận chậm", unit="none", decimals=0),
            v.column("Value #H", "Nộp trực tuyến", unit="none", decimals=0),
        ],
        sort_by="Quá hạn",
        size=(24, 10),
    )


def _index(period: str, title: str, description: str) -> v.Json:
    def of_component(name: str, *matchers: str) -> str:
        selector = "{" + ", ".join([f'period="{period}"', *matchers]) + "}"
        return f"max by (component) (motcua_dossiers_index766_{name}{selector})"

    return v.table(
        title,
        f"{description} Trống: không tính được từ hồ sơ, hoặc Cổng chưa có điểm; không phải 0 điểm.",
        v.now(of_component("max_points")),
        v.now(of_component("points", 'source="own"')),
        v.now(of_component("points", 'source="official"')),
        v.now(of_component("numerator")),
        v.now(of_component("denominator")),
        columns=[
            v.column("component", "Thành phần"),
            v.column("Value #A", "Tối đa", unit="none", decimals=0),
            v.column("Value #B", "Ước tính", unit="none", decimals=2),
            v.column("Value #C", "Điểm của Cổng", unit="none", decimals=2),
            v.column("Value #D", "Tử số", unit="none", decimals=0),
            v.column("Value #E", "Mẫu số", unit="none", decimals=0),
        ],
        sort_by="Thành phần",
        ascending=True,
        size=(12, 9),
    )


def _provisional(title: str, figure: str, what: str) -> v.Json:
    return v.stat(
        title,
        f"{what} Tạm tính: chỉ thu thập hồ sơ thay đổi từ một ngày; hồ sơ tồn từ trước mà không thay đổi còn thiếu.",
        v.now(f'max(motcua_dossiers_provisional{{figure="{figure}"}})'),
        size=(6, 4),
        colors=v.thresholds("text", (1, v.YELLOW)),
        mappings=v.mapping({0: ("đủ số liệu", "text"), 1: ("tạm tính", v.YELLOW)}),
    )


def _trust() -> list[v.Json]:
    return [
        v.stat(
            "Số liệu cách đây",
            "Lần thu thập gần nhất đã xong bắt đầu cách đây bao lâu; mọi con số trên bảng là của lúc ấy.",
            v.now("time() - max(motcua_dossiers_figures_timestamp_seconds)"),
            size=(6, 4),
            unit="s",
            colors=v.thresholds("text"),
        ),
        _provisional("Số đang giải quyết", "pending", "Mọi con số về hồ sơ đang giải quyết, quá hạn, sắp đến hạn."),
        _provisional("Bộ chỉ số 766, ước tính", "index766", "Thành phần 2.1 và các điểm ước tính khác."),
        v.stat(
            "Không còn trên iGate",
            "Hồ sơ đã thu thập mà nay iGate không còn (có thể đã bị xóa). Vẫn được đếm trong mọi con số; mã hồ sơ: "
            "motcua dossiers form --json.",
            v.now(count("gone")),
            size=(6, 4),
            decimals=0,
            colors=v.thresholds("text", (1, v.YELLOW)),
        ),
        v.stat(
            "Hệ thức của biểu không khớp",
            "Số hệ thức của Biểu II.06a không khớp trong phiên bản mới nhất của các biểu đã lưu.",
            v.now(f"sum(motcua_dossiers_form_violations) or {parts.WATCHED}"),
            size=(12, 4),
            decimals=0,
            colors=v.thresholds("text", (1, v.VERMILION)),
        ),
        v.table(
            "Công việc theo lịch",
            "Mỗi công việc chạy tốt lần cuối cách đây bao lâu, và đã lỗi liên tiếp mấy lần.",
            v.now("max by (job_name) (time() - (motcua_job_last_success_timestamp_seconds > 0))"),
            v.now("max by (job_name) (motcua_job_failures)"),
            columns=[
                v.column("job_name", "Công việc"),
                v.column("Value #A", "Chạy tốt cách đây", unit="s", decimals=0),
                v.column("Value #B", "Lỗi liên tiếp", unit="none", decimals=0),
            ],
            sort_by="Lỗi liên tiếp",
            size=(12, 4),
        ),
    ]
