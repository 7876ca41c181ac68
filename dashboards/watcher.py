"""The board *Giám sát của giám sát*: whether the monitor itself can be believed."""

from __future__ import annotations

from dashboards import parts
from dashboards import vocabulary as v

HERE = '{location=~"$location"}'


def board() -> v.Json:
    return v.dashboard(
        "motcua-watcher",
        "Giám sát của giám sát",
        "Chính bộ giám sát: có đúng giờ không, có ghi kịp không, có nhìn thấy không, có báo được tin không.",
        [
            parts.datasource(),
            v.variable("location", "Địa điểm", "label_values(motcua_check_last_outcome_timestamp_seconds, location)"),
        ],
        [
            parts.banner(),
            v.row("Bây giờ"),
            *_now(),
            v.row("Đúng giờ"),
            _lateness(),
            _skipped(),
            v.row("Ghi nhận"),
            _newest(),
            _oldest(),
            _outcomes(),
            _troubles(),
            v.row("Tầm nhìn"),
            _blind(),
            v.row("Gửi tin"),
            _deliveries(),
            _waiting(),
            v.row("Kho dữ liệu và phiên bản"),
            _store(),
            *_versions(),
        ],
        annotations=[
            v.annotation(
                "Mất tầm nhìn", f"max by (location) (motcua_location_blind{HERE})", "{{location}}", v.VERMILION
            )
        ],
    )


def _now() -> list[v.Json]:
    skipped = f"sum(increase(motcua_slots_skipped_total{HERE}[$__range]))"
    return [
        v.stat(
            "Địa điểm mất tầm nhìn",
            "Bao nhiêu địa điểm không thấy cả đích đối chứng của mình.",
            v.now(f"sum(motcua_location_blind{HERE})"),
            decimals=0,
            colors=v.thresholds("text", (1, v.VERMILION)),
        ),
        v.stat(
            "Kết quả mới nhất cách đây",
            "Của địa điểm chậm nhất: tuổi của kết quả mới nhất đã ghi, tức là thời gian chờ trong hàng đợi cộng tối đa "
            "một chu kỳ.",
            v.now(f"max(location:motcua_check_last_outcome_timestamp_seconds:min_age{HERE})"),
            unit="s",
            decimals=0,
            colors=v.thresholds("text", (60, v.YELLOW), (180, v.VERMILION)),
        ),
        v.stat(
            "Lần kiểm tra bị bỏ",
            "Trong khoảng thời gian đang xem, vì mọi nguyên nhân.",
            v.now(f"round({skipped})"),
            decimals=0,
            colors=v.thresholds("text", (1, v.YELLOW)),
        ),
        v.stat(
            "Tin đang chờ gửi",
            "Tin chưa kênh nào nhận.",
            v.now("max(motcua_deliveries_waiting)"),
            decimals=0,
            colors=v.thresholds("text", (1, v.YELLOW)),
        ),
    ]


def _lateness() -> v.Json:
    buckets = f"sum by (location, le) (rate(motcua_start_lateness_seconds_bucket{HERE}[$__rate_interval]))"
    return v.timeseries(
        "Khởi động muộn",
        "Độ trễ giữa lúc một phép kiểm tra đến hạn và lúc nó bắt đầu, theo địa điểm. Trên 5 giây thì lần kiểm tra bị "
        "bỏ.",
        *(v.query(f"histogram_quantile({q}, {buckets})", f"{{{{location}}}} {q * 100:.0f} %") for q in (0.5, 0.99)),
        size=(12, 8),
        unit="s",
    )


def _skipped() -> v.Json:
    return v.timeseries(
        "Lần kiểm tra bị bỏ theo nguyên nhân",
        "overrun: lần trước chưa xong; late: quá muộn; capacity: quá tải; unknown_check: bộ kiểm tra dùng danh mục cũ.",
        v.query(
            f"sum by (location, cause) (rate(motcua_slots_skipped_total{HERE}[$__rate_interval]))",
            "{{location}} {{cause}}",
        ),
        size=(12, 8),
        unit="ops",
        stacked=True,
    )


def _newest() -> v.Json:
    return v.timeseries(
        "Tuổi của hàng đợi",
        "Tuổi của kết quả mới nhất đã ghi của mỗi địa điểm, và chu kỳ ngắn nhất ở đó. Khi mọi thứ chạy tốt, tuổi không "
        "quá chu kỳ vài giây; phần hơn là thời gian chờ trong hàng đợi.",
        v.query(f"location:motcua_check_last_outcome_timestamp_seconds:min_age{HERE}", "{{location}}"),
        v.query(f"location:motcua_check_interval_seconds:min{HERE}", "{{location}} (chu kỳ ngắn nhất)"),
        size=(12, 8),
        unit="s",
    )


def _oldest() -> v.Json:
    return v.timeseries(
        "Phép kiểm tra im lặng lâu nhất",
        "Tuổi của kết quả mới nhất của phép kiểm tra im lặng lâu nhất, theo địa điểm. Quá ba chu kỳ là có chuyện.",
        v.query(f"max by (location) (time() - motcua_check_last_outcome_timestamp_seconds{HERE})", "{{location}}"),
        size=(12, 8),
        unit="s",
    )


def _outcomes() -> v.Json:
    return v.timeseries(
        "Kết quả ghi nhận",
        "Số kết quả mỗi giây. inconclusive: chính bộ giám sát hoặc đường truyền của nó có lỗi, không nói gì về hệ "
        "thống.",
        v.query("sum by (verdict) (rate(motcua_outcomes_total[$__rate_interval]))", "{{verdict}}"),
        size=(12, 8),
        unit="ops",
        stacked=True,
    )


def _troubles() -> v.Json:
    troubles = {
        f"motcua_outcomes_dropped_total{HERE}": "mất kết quả (broker)",
        f"motcua_engine_errors_total{HERE}": "lỗi của bộ giám sát",
        f"motcua_batches_skewed_total{HERE}": "lệch đồng hồ",
        f"motcua_clock_steps_total{HERE}": "kết quả có mốc thời gian sai",
        "motcua_conflicts_total": "kết quả mâu thuẫn",
    }
    return v.timeseries(
        "Trục trặc của bộ giám sát",
        "Mọi đường phải nằm ở 0.",
        *(v.query(f"sum(rate({name}[$__rate_interval]))", text) for name, text in troubles.items()),
        size=(12, 8),
        unit="ops",
    )


def _blind() -> v.Json:
    return v.state_timeline(
        "Tầm nhìn của các địa điểm",
        "Mất tầm nhìn: mọi đích đối chứng của địa điểm im lặng. Thời gian ấy là không có dữ liệu, không tính cho hệ "
        "thống nào.",
        v.query(f"max by (location) (motcua_location_blind{HERE})", "{{location}}"),
        {0: ("Nhìn thấy", v.BLUE), 1: ("Mất tầm nhìn", v.VERMILION)},
        size=(24, 6),
    )


def _deliveries() -> v.Json:
    return v.timeseries(
        "Lần gửi tin",
        "Số lần gửi mỗi giây theo kênh. ok: kênh đã nhận; failed: hỏng, sẽ gửi lại cho đến khi quá hạn.",
        v.query("sum by (channel, result) (rate(motcua_deliveries_total[$__rate_interval]))", "{{channel}} {{result}}"),
        size=(12, 8),
        unit="ops",
    )


def _waiting() -> v.Json:
    return v.timeseries(
        "Tin đang chờ",
        "Số tin chưa kênh nào nhận. Phải về 0 sau vài phút.",
        v.query("max(motcua_deliveries_waiting)", "đang chờ"),
        size=(12, 8),
        unit="none",
    )


def _store() -> v.Json:
    return v.timeseries(
        "Dung lượng kho dữ liệu",
        "Dung lượng của cơ sở dữ liệu. Bộ giám sát không biết đĩa còn trống bao nhiêu.",
        v.query("max(motcua_store_size_bytes)", "kho dữ liệu"),
        size=(12, 8),
        unit="bytes",
    )


def _versions() -> list[v.Json]:
    return [
        v.table(
            "Phiên bản",
            "Phiên bản motcua và Python đang chạy.",
            v.now("max by (version, python) (motcua_build_info)"),
            columns=[v.column("version", "motcua"), v.column("python", "Python")],
            sort_by="motcua",
            hidden=["Value"],
            size=(6, 8),
        ),
        v.table(
            "Danh mục",
            "Danh mục đang có hiệu lực; mã thay đổi mỗi khi danh mục thay đổi.",
            v.now("max by (hash, simulated) (motcua_catalogue_info)"),
            columns=[v.column("hash", "Mã danh mục"), v.column("simulated", "Mô phỏng")],
            sort_by="Mã danh mục",
            hidden=["Value"],
            size=(6, 8),
        ),
    ]
