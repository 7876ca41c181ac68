"""The board *Hệ thống*: one system, from its state down to its steps, phases, places and incidents."""

from __future__ import annotations

from dashboards import parts
from dashboards import vocabulary as v
from dashboards.parts import CHOSEN, STATES


def board() -> v.Json:
    return v.dashboard(
        "motcua-system",
        "Hệ thống",
        "Một hệ thống: đang thế nào, hỏng ở bước nào và vì sao, chậm ở pha nào, nhìn từ đâu, và các sự cố của nó.",
        [
            parts.datasource(),
            v.variable("system", "Hệ thống", "label_values(motcua_system_info, system)", several=False),
        ],
        [
            parts.banner(),
            v.row("Trạng thái"),
            *_now(),
            _checks(),
            parts.failing(),
            v.row("Thời gian trả lời"),
            parts.percentiles(),
            parts.phases(),
            v.row("Lỗi và các bước"),
            _error_rate(),
            _reasons(),
            parts.failures(size=(12, 8)),
            _steps(),
            v.row("Chứng thư và số đo"),
            parts.certificates(),
            parts.measured(),
            v.row("Địa điểm"),
            _ages(),
            _blind(),
            v.row("Sự cố"),
            *_incidents(),
        ],
        annotations=parts.regions(),
        since="24h",
    )


def _now() -> list[v.Json]:
    since = f"max(time() - motcua_system_state_since_timestamp_seconds{CHOSEN})"
    month = parts.chosen('window="30d"')
    return [
        v.stat(
            "Hiện tại",
            "Trạng thái của hệ thống ở cuối khoảng thời gian đang xem.",
            v.now(parts.state()),
            size=(5, 4),
            colors=v.thresholds(v.GREY),
            mappings=v.mapping(STATES),
            background=True,
        ),
        v.stat(
            "Đã kéo dài",
            "Hệ thống ở trạng thái hiện tại bao lâu rồi.",
            v.now(since),
            size=(5, 4),
            unit="s",
            decimals=0,
            colors=v.thresholds("text"),
        ),
        v.stat(
            "Sẵn sàng 30 ngày",
            "Mức sẵn sàng của 30 ngày gần nhất, chưa trừ bảo trì, làm tròn xuống.",
            v.now(f"floor(max(motcua_system_availability_ratio{month}) * 1e5 + 1e-6) / 1e5"),
            size=(5, 4),
            unit="percentunit",
            decimals=3,
            colors=v.thresholds("text"),
            links=[v.link("Mở bảng SLO", "motcua-slo", system="${system}")],
        ),
        v.stat(
            "Gián đoạn 30 ngày",
            "Tổng thời gian gián đoạn của 30 ngày gần nhất.",
            v.now(f"max(motcua_system_down_seconds{month})"),
            size=(5, 4),
            unit="s",
            decimals=0,
            colors=v.thresholds("text"),
        ),
        v.stat(
            "Sự cố đang mở",
            "Số sự cố đang diễn ra của hệ thống.",
            v.now(f"sum(motcua_incidents_open{CHOSEN})"),
            size=(4, 4),
            decimals=0,
            colors=v.thresholds("text", (1, v.VERMILION)),
        ),
    ]


def _checks() -> v.Json:
    # As in parts.timeline: no outage may vanish between points.
    state = f"max by (check) (motcua_check_state{CHOSEN})"
    recorded = f"max_over_time(system_check:motcua_check_state:down{CHOSEN}[$__interval])"
    return v.state_timeline(
        "Các phép kiểm tra theo thời gian",
        "Mỗi dải là một phép kiểm tra, gộp các địa điểm. Nhìn từ xa một lần gián đoạn có thể rộng hơn thật.",
        v.query(f"(0 * {state} and on (check) {recorded} > 0) or {state}", "{{check}}"),
        STATES,
        size=(24, 7),
    )


def _error_rate() -> v.Json:
    def per_second(result: str) -> str:
        selector = parts.chosen(f'result=~"{result}"')
        return f"sum by (check) (rate(motcua_check_first_tries_total{selector}[$__rate_interval]))"

    return v.timeseries(
        "Tỷ lệ lỗi của lần thử đầu",
        parts.ERROR_RATE,
        v.query(f"{per_second('failed')} / {per_second('ok|failed')}", "{{check}}"),
        size=(12, 8),
        unit="percentunit",
        maximum=1,
    )


def _reasons() -> v.Json:
    return v.timeseries(
        "Lỗi theo nguyên nhân",
        "Số lần thử đầu bị lỗi mỗi giây, theo nguyên nhân.",
        v.query(f"sum by (reason) (rate(motcua_system_failures_total{CHOSEN}[$__rate_interval]))", "{{reason}}"),
        size=(12, 8),
        unit="ops",
        stacked=True,
        bars=True,
    )


def _steps() -> v.Json:
    return v.timeseries(
        "Lỗi theo bước",
        "Số lần thử đầu bị lỗi mỗi giây, theo bước đầu tiên không qua được; các bước sau nó không được thử.",
        v.query(f"sum by (step) (rate(motcua_system_failures_total{CHOSEN}[$__rate_interval]))", "{{step}}"),
        size=(12, 8),
        unit="ops",
        stacked=True,
        bars=True,
    )


def _ages() -> v.Json:
    return v.timeseries(
        "Tuổi của kết quả mới nhất",
        "Thời gian từ kết quả mới nhất của mỗi phép kiểm tra, theo địa điểm.",
        v.query(
            f"max by (location, check) (time() - motcua_check_last_outcome_timestamp_seconds{CHOSEN})",
            "{{location}} {{check}}",
        ),
        size=(12, 7),
        unit="s",
        links=[v.link("Mở bảng Giám sát của giám sát", "motcua-watcher")],
    )


def _blind() -> v.Json:
    asking = f"group by (location) (motcua_check_last_outcome_timestamp_seconds{CHOSEN})"
    return v.state_timeline(
        "Tầm nhìn của các địa điểm",
        "Địa điểm mất tầm nhìn khi mọi đích đối chứng của nó im lặng: lúc ấy nó không nói gì về hệ thống.",
        v.query(f"max by (location) (motcua_location_blind) and on (location) {asking}", "{{location}}"),
        {0: ("Nhìn thấy", v.BLUE), 1: ("Mất tầm nhìn", v.VERMILION)},
        size=(12, 7),
    )


def _incidents() -> list[v.Json]:
    def total(name: str) -> str:
        return f"sum(increase({name}{CHOSEN}[$__range]))"

    return [
        v.stat(
            "Sự cố",
            "Số sự cố bắt đầu trong khoảng thời gian đang xem, ước lượng từ các lần lấy số liệu.",
            v.now(f"round({total('motcua_incidents_total')})"),
            decimals=0,
            colors=v.thresholds("text"),
        ),
        v.stat(
            "Gián đoạn của các sự cố",
            "Thời gian gián đoạn do chính hệ thống trong khoảng thời gian đang xem, không tính phần do hệ thống cha.",
            v.now(total("motcua_incident_down_seconds_total")),
            unit="s",
            decimals=0,
            colors=v.thresholds("text"),
        ),
        v.stat(
            "Thời gian tiếp nhận trung bình (MTTA)",
            "Từ lúc phát hiện đến lúc có người tiếp nhận, của các sự cố được tiếp nhận trong khoảng thời gian đang "
            "xem.",
            v.now(
                f"{total('motcua_incident_acknowledge_seconds_total')}"
                f" / ({total('motcua_incidents_acknowledged_total')} > 0.5)"
            ),
            unit="s",
            decimals=0,
            colors=v.thresholds("text"),
        ),
        v.stat(
            "Thời gian khắc phục trung bình (MTTR)",
            "Thời gian gián đoạn trung bình của các sự cố kết thúc trong khoảng thời gian đang xem.",
            v.now(f"{total('motcua_incident_fix_seconds_total')} / ({total('motcua_incidents_restored_total')} > 0.5)"),
            unit="s",
            decimals=0,
            colors=v.thresholds("text"),
        ),
    ]
