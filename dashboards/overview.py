"""The board *Tổng quan*: state, availability, response times, failures, and the watcher itself."""

from __future__ import annotations

from dashboards import vocabulary as v
from monitor.metric_names import STATE_VALUES

STATES = {
    STATE_VALUES["no_data"]: ("Không có dữ liệu", v.GREY),
    STATE_VALUES["down"]: ("Gián đoạn", v.VERMILION),
    STATE_VALUES["degraded"]: ("Suy giảm", v.YELLOW),
    STATE_VALUES["up"]: ("Hoạt động", v.BLUE),
}

CHOSEN = '{system=~"$system"}'
STATE = f"max by (system) (motcua_system_state{CHOSEN})"
NAMED = "* on (system) group_left (name) max by (system, name) (motcua_system_info)"  # the name beside the id


def board() -> v.Json:
    return v.dashboard(
        "motcua-overview",
        "Tổng quan",
        "Các hệ thống của bộ phận một cửa: trạng thái, mức sẵn sàng, thời gian trả lời, lỗi, và chính bộ giám sát.",
        [
            v.datasource_variable("Nguồn dữ liệu"),
            v.variable("system", "Hệ thống", "label_values(motcua_system_info, system)"),
        ],
        [
            _banner(),
            v.row("Trạng thái"),
            *_counts(),
            _timeline(),
            _outages(),
            v.row("Mức sẵn sàng"),
            _availability(),
            _error_rate(),
            v.row("Thời gian trả lời"),
            _percentiles(),
            _slowest(),
            _phases(),
            v.row("Lỗi"),
            _failures(),
            v.row("Giám sát của giám sát"),
            *_watcher(),
        ],
    )


def _banner() -> v.Json:
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
        number = f"count({STATE} == {STATE_VALUES[state]}) or 0 * count({STATE})"
        panels.append(v.stat(text, description, v.now(number), colors=v.thresholds("text", (1, color))))
    return panels


def _timeline() -> v.Json:
    # Seen from afar a point stands for minutes or hours: an outage anywhere in them must not vanish between points.
    down_since_last_point = f"0 * {STATE} and on (system) count_over_time(({STATE} == 0)[$__interval:15s])"
    return v.state_timeline(
        "Trạng thái theo thời gian",
        "Mỗi dải là một hệ thống. Một lần gián đoạn hiện từ khi được xác nhận, muộn hơn lần lỗi đầu tiên vài giây, và "
        "nhìn từ xa có thể rộng hơn thật; con số chính xác nằm ở bảng mức sẵn sàng.",
        v.query(f"({down_since_last_point} or {STATE}) {NAMED}", "{{name}}"),
        STATES,
        size=(24, 8),
    )


def _outages() -> v.Json:
    since = f"max by (system) (time() - motcua_system_state_since_timestamp_seconds{CHOSEN})"
    failing = f"max by (system, name, check, step, reason) (motcua_check_down_info {NAMED})"
    return v.table(
        "Phép kiểm tra đang hỏng",
        "Hỏng ở bước nào, vì sao, và hệ thống đã ở trạng thái hiện tại bao lâu.",
        v.now(f"{since} * on (system) group_right () {failing}"),
        columns=[
            v.column("name", "Hệ thống"),
            v.column("system", "Mã"),
            v.column("check", "Phép kiểm tra"),
            v.column("step", "Bước"),
            v.column("reason", "Nguyên nhân"),
            v.column("Value", "Đã kéo dài", unit="s", decimals=0),
        ],
        sort_by="Đã kéo dài",
        size=(24, 6),
    )


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
            v.column("name", "Hệ thống"),
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


def _error_rate() -> v.Json:
    def per_second(result: str) -> str:
        tries = f'motcua_check_first_tries_total{{system=~"$system", result=~"{result}"}}'
        return f"sum by (system) (rate({tries}[$__rate_interval]))"

    return v.timeseries(
        "Tỷ lệ lỗi của lần thử đầu",
        "Số lần thử đầu bị lỗi / số lần thử đầu có kết luận. Chậm không phải là lỗi; lần thử hỏng do phía bộ giám sát "
        "và các lần thử lại không được tính.",
        v.query(f"{per_second('failed')} / {per_second('ok|failed')}", "{{system}}"),
        size=(24, 7),
        unit="percentunit",
        maximum=1,
    )


def _percentiles() -> v.Json:
    buckets = f"sum by (le) (rate(motcua_system_try_duration_seconds_bucket{CHOSEN}[$__rate_interval]))"
    return v.timeseries(
        "Phân vị thời gian trả lời",
        "Của các lần thử đầu có kết luận, kể cả lần lỗi, cộng mọi bước, gộp các hệ thống đã chọn. 95 %: cứ 20 lần thì "
        "19 lần nhanh hơn. Ước lượng theo khoảng; trên 10 giây hiện là 10 giây.",
        *(v.query(f"histogram_quantile({q}, {buckets})", f"{q * 100:.0f} %") for q in (0.5, 0.95, 0.99)),
        size=(8, 8),
        unit="s",
    )


def _slowest() -> v.Json:
    buckets = f"sum by (system, le) (rate(motcua_system_try_duration_seconds_bucket{CHOSEN}[$__rate_interval]))"
    return v.timeseries(
        "Phân vị 95 % theo hệ thống",
        "Cứ 20 lần thử đầu có kết luận thì 19 lần nhanh hơn giá trị này.",
        v.query(f"histogram_quantile(0.95, {buckets})", "{{system}}"),
        size=(8, 8),
        unit="s",
    )


def _phases() -> v.Json:
    spent = f"sum by (phase) (rate(motcua_system_phase_seconds_total{CHOSEN}[$__rate_interval]))"
    tries = f"sum(rate(motcua_system_try_duration_seconds_count{CHOSEN}[$__rate_interval]))"
    return v.timeseries(
        "Thời gian theo pha",
        "Trung bình mỗi lần thử: tra tên miền (dns), nối (connect), bắt tay TLS (tls), chờ byte đầu tiên (wait), "
        "nhận dữ liệu (transfer). wait tăng: hệ thống chậm; dns hay connect tăng: đường truyền.",
        v.query(f"{spent} / on () group_left () {tries}", "{{phase}}"),
        size=(8, 8),
        unit="s",
        stacked=True,
    )


def _failures() -> v.Json:
    failures = f"sum by (system, step, reason) (increase(motcua_system_failures_total{CHOSEN}[$__range]))"
    return v.table(
        "Lỗi theo bước và nguyên nhân",
        "Số lần thử đầu bị lỗi trong khoảng thời gian đang xem, ước lượng từ các lần lấy số liệu.",
        v.now(f"round({failures}) > 0"),
        columns=[
            v.column("system", "Hệ thống"),
            v.column("step", "Bước"),
            v.column("reason", "Nguyên nhân"),
            v.column("Value", "Số lần", unit="none", decimals=0),
        ],
        sort_by="Số lần",
    )


def _watcher() -> list[v.Json]:
    lateness = "sum by (location, le) (rate(motcua_start_lateness_seconds_bucket[$__rate_interval]))"
    troubles = {
        "motcua_outcomes_dropped_total": "mất kết quả (broker)",
        "motcua_engine_errors_total": "lỗi của bộ giám sát",
        "motcua_batches_skewed_total": "lệch đồng hồ",
        "motcua_conflicts_total": "kết quả mâu thuẫn",
    }
    return [
        v.timeseries(
            "Tuổi của kết quả mới nhất",
            "Thời gian từ kết quả mới nhất của phép kiểm tra im lặng lâu nhất, theo địa điểm. Quá ba chu kỳ là có "
            "chuyện với chính bộ giám sát.",
            v.query(
                f"max by (location) (time() - motcua_check_last_outcome_timestamp_seconds{CHOSEN})", "{{location}}"
            ),
            size=(8, 7),
            unit="s",
        ),
        v.timeseries(
            "Khởi động muộn",
            "Độ trễ giữa lúc một phép kiểm tra đến hạn và lúc nó bắt đầu: phân vị 99 %, theo địa điểm.",
            v.query(f"histogram_quantile(0.99, {lateness})", "{{location}}"),
            size=(8, 7),
            unit="s",
        ),
        v.timeseries(
            "Lần kiểm tra bị bỏ",
            "overrun: lần trước chưa xong; late: quá muộn; capacity: quá tải; unknown_check: bộ kiểm tra dùng danh mục "
            "cũ.",
            v.query(
                "sum by (location, cause) (rate(motcua_slots_skipped_total[$__rate_interval]))",
                "{{location}} {{cause}}",
            ),
            size=(8, 7),
            unit="ops",
        ),
        v.timeseries(
            "Kết quả ghi nhận",
            "Số kết quả mỗi giây. inconclusive: chính bộ giám sát hoặc đường truyền của nó có lỗi, không nói gì về hệ "
            "thống.",
            v.query("sum by (verdict) (rate(motcua_outcomes_total[$__rate_interval]))", "{{verdict}}"),
            size=(12, 7),
            unit="ops",
            stacked=True,
        ),
        v.timeseries(
            "Trục trặc của bộ giám sát",
            "Mọi đường phải nằm ở 0.",
            *(v.query(f"sum(rate({name}[$__rate_interval]))", text) for name, text in troubles.items()),
            size=(12, 7),
            unit="ops",
        ),
        v.table(
            "Phiên bản",
            "Phiên bản motcua và Python đang chạy.",
            v.now("max by (version, python) (motcua_build_info)"),
            columns=[v.column("version", "motcua"), v.column("python", "Python")],
            sort_by="motcua",
            hidden=["Value"],
            size=(12, 4),
        ),
        v.table(
            "Danh mục",
            "Danh mục đang có hiệu lực; mã thay đổi mỗi khi danh mục thay đổi.",
            v.now("max by (hash, simulated) (motcua_catalogue_info)"),
            columns=[v.column("hash", "Mã danh mục"), v.column("simulated", "Mô phỏng")],
            sort_by="Mã danh mục",
            hidden=["Value"],
            size=(12, 4),
        ),
    ]
