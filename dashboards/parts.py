"""What several boards show, and the PromQL in which they ask for it."""

from __future__ import annotations

from collections.abc import Iterator

from dashboards import vocabulary as v
from monitor.metric_names import STATE_VALUES

STATES = {
    STATE_VALUES["no_data"]: ("Không có dữ liệu", v.GREY),
    STATE_VALUES["down"]: ("Gián đoạn", v.VERMILION),
    STATE_VALUES["degraded"]: ("Suy giảm", v.YELLOW),
    STATE_VALUES["up"]: ("Hoạt động", v.BLUE),
}

CHOSEN = '{system=~"$system"}'
NAMED = "* on (system) group_left (name) max by (system, name) (motcua_system_info)"  # the name beside the id
WATCHED = "0 * max(motcua_catalogue_info)"  # 0 while there is a monitor: where nothing happened, that is the figure
ZONE_HOURS = 7  # Asia/Ho_Chi_Minh has had no other offset since 1975; PromQL knows UTC alone

ERROR_RATE = (
    "Số lần thử đầu bị lỗi / số lần thử đầu có kết luận. Chậm không phải là lỗi; lần thử hỏng do phía bộ giám sát và "
    "các lần thử lại không được tính."
)
WORST_OF_POINT = "Tính trên 5 phút; nhìn từ xa, mỗi điểm là 5 phút xấu nhất của nó."

MONTHS = tuple(f"Tháng {month}" for month in range(1, 13))
WEEKDAYS = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ nhật")
MONTHS_WINDOW = "334d"  # as far back as one can look without meeting the present month of last year


def chosen(*matchers: str, variable: str = "system") -> str:
    """A selector of the chosen systems, and of whatever else."""
    return "{" + ", ".join([f'system=~"${variable}"', *matchers]) + "}"


def state(selector: str = CHOSEN) -> str:
    """The state of each system as a number."""
    return f"max by (system) (motcua_system_state{selector})"


# --- variables --------------------------------------------------------------------------------------------------------


def datasource() -> v.Json:
    return v.datasource_variable("Nguồn dữ liệu")


def systems() -> v.Json:
    """All systems, of which some may be chosen."""
    return v.variable("system", "Hệ thống", "label_values(motcua_system_info, system)")


# --- panels -----------------------------------------------------------------------------------------------------------


def banner() -> v.Json:
    """Nobody may take the sandbox's figures for the province's."""
    return v.stat(
        "Nguồn số liệu",
        "Cho biết số liệu trên bảng này đến từ hệ thống thật hay từ tỉnh mô phỏng (`motcua up --sandbox`).",
        v.now('max(motcua_catalogue_info{simulated="true"}) or 0 * max(motcua_catalogue_info)'),
        size=(24, 3),
        colors=v.thresholds("transparent", (1, v.VERMILION)),
        mappings=[
            *v.mapping({0: ("Dữ liệu thật", "transparent"), 1: ("DỮ LIỆU MÔ PHỎNG", v.VERMILION)}),
            {"type": "special", "options": {"match": "null", "result": {"text": "Chưa có số liệu", "index": 2}}},
        ],
        background=True,
    )


def timeline(selector: str = CHOSEN, *, height: int = 8) -> v.Json:
    # Seen from afar a point stands for minutes or hours: an outage anywhere in them must not vanish between points.
    down_lately = f"max_over_time(system:motcua_system_state:down{selector}[$__interval]) > 0"
    return v.state_timeline(
        "Trạng thái theo thời gian",
        "Mỗi dải là một hệ thống. Một lần gián đoạn hiện từ khi được xác nhận, muộn hơn lần lỗi đầu tiên vài giây, và "
        "nhìn từ xa có thể rộng hơn thật; con số chính xác nằm ở bảng mức sẵn sàng.",
        v.query(f"((0 * {state(selector)} and on (system) {down_lately}) or {state(selector)}) {NAMED}", "{{name}}"),
        STATES,
        size=(24, height),
        links=[to_system("${__field.labels.system}")],
    )


def failing(selector: str = CHOSEN) -> v.Json:
    """The checks that are down at the end of the time range."""
    since = f"max by (system) (time() - motcua_system_state_since_timestamp_seconds{selector})"
    down = f"max by (system, name, check, step, reason) (motcua_check_down_info {NAMED})"
    return v.table(
        "Phép kiểm tra đang hỏng",
        "Hỏng ở bước nào, vì sao, và hệ thống đã ở trạng thái hiện tại bao lâu.",
        v.now(f"{since} * on (system) group_right () {down}"),
        columns=[
            v.column("name", "Hệ thống", links=[to_system("${__data.fields.system}")]),
            v.column("system", "Mã"),
            v.column("check", "Phép kiểm tra"),
            v.column("step", "Bước"),
            v.column("reason", "Nguyên nhân"),
            v.column("Value", "Đã kéo dài", unit="s", decimals=0),
        ],
        sort_by="Đã kéo dài",
        size=(24, 6),
    )


def failures(selector: str = CHOSEN, *, size: tuple[int, int] = (24, 8)) -> v.Json:
    """First tries that failed in the time range, by what failed."""
    counted = f"sum by (system, step, reason) (increase(motcua_system_failures_total{selector}[$__range]))"
    return v.table(
        "Lỗi theo bước và nguyên nhân",
        "Số lần thử đầu bị lỗi trong khoảng thời gian đang xem, ước lượng từ các lần lấy số liệu.",
        v.now(f"round({counted}) > 0"),
        columns=[
            v.column("system", "Hệ thống"),
            v.column("step", "Bước"),
            v.column("reason", "Nguyên nhân"),
            v.column("Value", "Số lần", unit="none", decimals=0),
        ],
        sort_by="Số lần",
        size=size,
    )


def error_rate(selector: str = CHOSEN, *, size: tuple[int, int] = (24, 7)) -> v.Json:
    return v.timeseries(
        "Tỷ lệ lỗi của lần thử đầu",
        f"{ERROR_RATE} {WORST_OF_POINT}",
        v.query(f"max_over_time(system:motcua_check_first_tries:error_ratio5m{selector}[$__interval])", "{{system}}"),
        size=size,
        unit="percentunit",
        maximum=1,
        links=[to_system("${__field.labels.system}")],
    )


def percentiles(selector: str = CHOSEN, *, size: tuple[int, int] = (12, 8)) -> v.Json:
    buckets = f"sum by (le) (rate(motcua_system_try_duration_seconds_bucket{selector}[$__rate_interval]))"
    return v.timeseries(
        "Phân vị thời gian trả lời",
        "Của các lần thử đầu có kết luận, kể cả lần lỗi, cộng mọi bước, gộp các hệ thống đã chọn. 95 %: cứ 20 lần thì "
        "19 lần nhanh hơn. Ước lượng theo khoảng; trên 10 giây hiện là 10 giây.",
        *(v.query(f"histogram_quantile({q}, {buckets})", f"{q * 100:.0f} %") for q in (0.5, 0.95, 0.99)),
        size=size,
        unit="s",
    )


def percentile(percent: int, selector: str = CHOSEN, *, size: tuple[int, int] = (12, 8)) -> v.Json:
    """Of each system; `percent` is one of those that are recorded."""
    recorded = f"system:motcua_system_try_duration_seconds:p{percent}_rate5m{selector}"
    return v.timeseries(
        f"Phân vị {percent} % theo hệ thống",
        f"Cứ 100 lần thử đầu có kết luận thì {percent} lần nhanh hơn giá trị này. {WORST_OF_POINT}",
        v.query(f"max_over_time({recorded}[$__interval])", "{{system}}"),
        size=size,
        unit="s",
        links=[to_system("${__field.labels.system}")],
    )


def phases(selector: str = CHOSEN, *, size: tuple[int, int] = (12, 8)) -> v.Json:
    spent = f"sum by (phase) (rate(motcua_system_phase_seconds_total{selector}[$__rate_interval]))"
    tries = f"sum(rate(motcua_system_try_duration_seconds_count{selector}[$__rate_interval]))"
    return v.timeseries(
        "Thời gian theo pha",
        "Trung bình mỗi lần thử: tra tên miền (dns), nối (connect), bắt tay TLS (tls), chờ byte đầu tiên (wait), "
        "nhận dữ liệu (transfer). wait tăng: hệ thống chậm; dns hay connect tăng: đường truyền.",
        v.query(f"{spent} / on () group_left () {tries}", "{{phase}}"),
        size=size,
        unit="s",
        stacked=True,
    )


def certificates(selector: str = CHOSEN, *, size: tuple[int, int] = (12, 7)) -> v.Json:
    ends = f"min by (system, check, location) (motcua_certificate_expiry_timestamp_seconds{selector} - time())"
    return v.table(
        "Chứng thư TLS",
        "Chứng thư mà phép kiểm tra thấy lần gần nhất còn hiệu lực bao lâu. Số âm: đã hết hạn.",
        v.now(ends),
        columns=[
            v.column("system", "Hệ thống"),
            v.column("check", "Phép kiểm tra"),
            v.column("location", "Địa điểm"),
            v.column("Value", "Còn hiệu lực", unit="s", decimals=1),
        ],
        sort_by="Còn hiệu lực",
        ascending=True,
        size=size,
    )


def measured(selector: str = CHOSEN, *, size: tuple[int, int] = (12, 7)) -> v.Json:
    return v.timeseries(
        "Số đo kèm theo",
        "Những gì lần thử tốt gần nhất đếm được ngoài kết luận của nó, như số thủ tục đã công bố (procedures).",
        v.query(f"max by (system, check, gauge) (motcua_check_measured{selector})", "{{system}} {{check}} {{gauge}}"),
        size=size,
        unit="none",
    )


# --- regions and links ------------------------------------------------------------------------------------------------


def regions(variable: str = "system", *, month: bool = False) -> list[v.Json]:
    """Outages and planned maintenance of the chosen systems, over every panel.

    Grafana asks for 11,000 points at most: minute by minute some seven days. `month`: 5 minutes at a time, of what is
    recorded already, for boards of all systems or of a month; minute by minute takes seven times as long.
    """
    selector = chosen(variable=variable)
    lately = f"max_over_time(system:motcua_system_state:down{selector}[1m])"
    return [
        v.annotation(
            "Gián đoạn",
            f"max by (system) ({f'system:motcua_system_state:down_ratio5m{selector}' if month else lately})",
            "{{system}}",
            v.VERMILION,
            step="5m" if month else "1m",
        ),
        v.annotation(
            "Bảo trì có báo trước",
            f"max by (system) (motcua_maintenance_active{selector})",
            "{{system}}",
            v.SKY,
            step="5m" if month else "1m",
        ),
    ]


def to_system(system: str) -> v.Json:
    return v.link("Mở bảng của hệ thống", "motcua-system", system=system)


# --- by hour, day and month of the province ---------------------------------------------------------------------------


def by_hour(recorded: str) -> Iterator[v.Json]:
    """What an `increase1h` amounted to in each hour of the day, over the time range."""
    return (
        v.now(_hours(recorded, f"hour(vector(time() + {(ZONE_HOURS - 1) * 3600})) == {hour}"), f"{hour:02d}")
        for hour in range(24)
    )


def by_weekday(recorded: str) -> Iterator[v.Json]:
    """The same for each day of the week, from Monday on; PromQL begins with Sunday."""
    return (
        v.now(_hours(recorded, f"day_of_week(vector(time() + {(ZONE_HOURS - 1) * 3600})) == {(day + 1) % 7}"), name)
        for day, name in enumerate(WEEKDAYS)
    )


def _hours(recorded: str, when: str) -> str:
    # What is recorded at an hour's end is of the hour before: therefore an hour less than the zone has.
    return f"round(sum_over_time((sum({recorded}) and on () {when})[$__range:1h])) or {WATCHED}"


def by_month(seconds: str, number: str) -> Iterator[v.Json]:
    """The mean of each month: seconds / number, both `increase1d`, over the days that are over."""

    def total(recorded: str, month: int) -> str:
        # A subquery looks at each midnight of UTC; the offset makes it the province's, which ends the day before.
        days = f"sum({recorded} offset {ZONE_HOURS}h) and on () month(vector(time() - 86400)) == {month}"
        return f"sum_over_time(({days})[{MONTHS_WINDOW}:1d])"

    return (
        v.now(f"{total(seconds, month)} / ({total(number, month)} > 0.5)", name)
        for month, name in enumerate(MONTHS, start=1)
    )
