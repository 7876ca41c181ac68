"""What the terminal shows, as text."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from monitor import live, words
from monitor.catalogue import Catalogue
from monitor.model import Exchange, Outcome, Phases, Reason, State, StepResult, Verdict
from monitor.status import SystemStatus
from monitor.store import StoreError
from tests.monitor.province import CATALOGUE, NOW, load

UP = SystemStatus("portal", "Cổng dịch vụ công", "Trung tâm", State.UP, NOW - 3725, None, None, NOW - 5, 0.0124, ())
DOWN = SystemStatus(
    "igate", "Một cửa điện tử", "Nhà thầu", State.DOWN, NOW - 125, "search", Reason.HTTP_5XX, NOW - 2, 1.2344, ()
)
UNKNOWN = SystemStatus("new", "Hệ thống mới", "Trung tâm", State.NO_DATA, None, None, None, None, None, ())
SLOW = SystemStatus(
    "bus", "Trục liên thông", "Trung tâm", State.DEGRADED, NOW - 200_000, "request", Reason.SLOW, NOW - 70, 4.0, ()
)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return load(tmp_path)


@pytest.fixture
def real(tmp_path: Path) -> Catalogue:
    return load(tmp_path, CATALOGUE.replace("simulated: true", "simulated: false"))


def rendered(shown: object, width: int = 160) -> str:
    console = Console(width=width, record=True)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def row(text: str, name: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if name in line]
    return [cell.strip() for cell in line.strip("│ ").split("│")]


# --- the table --------------------------------------------------------------------------------------------------------


def test_a_system_is_one_line_that_says_what_fails_since_when_and_how_fresh_that_is(catalogue: Catalogue) -> None:
    text = rendered(live.table(catalogue, [UP, DOWN, UNKNOWN, SLOW], NOW))
    assert row(text, UP.name) == [UP.name, "● Hoạt động", "", "1 giờ 02 phút", "12 ms", "5 giây trước"]
    assert row(text, DOWN.name) == [
        DOWN.name, "■ Gián đoạn", "tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx)", "2 phút 05 giây", "1.234 ms",
        "2 giây trước",
    ]  # fmt: skip
    assert row(text, UNKNOWN.name) == [UNKNOWN.name, "○ Không có dữ liệu", "", "", "", "chưa có"]
    assert row(text, SLOW.name) == [
        SLOW.name, "▲ Suy giảm", "truy vấn: chậm hơn mục tiêu", "2 ngày 07 giờ", "4.000 ms", "1 phút 10 giây trước",
    ]  # fmt: skip


def test_the_tables_title_has_place_and_time_and_marks_what_is_simulated(catalogue: Catalogue, real: Catalogue) -> None:
    title = "Tỉnh Thử · 12:00:00 01/10/2026"
    assert f"{words.SIMULATED} · {title}" in rendered(live.table(catalogue, [UP], NOW))
    text = rendered(live.table(real, [UP], NOW))
    assert title in text
    assert words.SIMULATED not in text


def test_a_narrow_terminal_still_shows_every_word(catalogue: Catalogue) -> None:
    text = rendered(live.table(catalogue, [DOWN], NOW), width=80)
    assert max(map(len, text.splitlines())) <= 80
    why = words.what_fails(DOWN.step, DOWN.reason)
    for word in (*DOWN.name.split(), *why.split(), "Gián", "đoạn", "1.234"):
        assert word in text, text


# --- the screen -------------------------------------------------------------------------------------------------------

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """What a screen without a terminal says while it is shown these overviews, one after the other."""
    monkeypatch.setattr(live, "PAUSE", 0.01)

    def run(catalogue: Catalogue, overviews: Sequence[list[SystemStatus] | StoreError]) -> str:
        stop, rest = threading.Event(), list(overviews)

        def overview(_: float) -> list[SystemStatus]:
            now = rest.pop(0)
            if not rest:
                stop.set()
            if isinstance(now, StoreError):
                raise now
            return now

        live.Screen(catalogue, overview, ["Trang: http://127.0.0.1:8000/"]).run(stop, seconds=20)
        assert not rest
        return capsys.readouterr().out

    return run


def test_without_a_terminal_each_change_is_one_line(run: Run, catalogue: Catalogue) -> None:
    up = replace(DOWN, state=State.UP, step=None, reason=None)
    said = run(catalogue, [[up, UP], [up, UP], [DOWN, UP], [DOWN, UP], [up, UP]]).splitlines()
    assert said[:2] == [words.SIMULATED, "Trang: http://127.0.0.1:8000/"]
    assert [line.split("  ", 1)[1] for line in said[2:]] == [
        "Một cửa điện tử: Hoạt động",
        "Cổng dịch vụ công: Hoạt động",
        "Một cửa điện tử: Gián đoạn (tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx))",
        "Một cửa điện tử: Hoạt động",
    ]
    today = words.instant(time.time(), ZoneInfo("Asia/Ho_Chi_Minh")).split()[1]
    assert all(line.split()[1] == today for line in said[2:])


def test_a_real_province_is_not_called_simulated(run: Run, real: Catalogue) -> None:
    assert words.SIMULATED not in run(real, [[UP]])


def test_a_store_that_is_away_is_said_and_the_screen_goes_on(run: Run, catalogue: Catalogue) -> None:
    said = run(catalogue, [[UP], StoreError("/data/motcua.db: the disk is full"), [DOWN]])
    assert "/data/motcua.db: the disk is full" in said
    assert "Gián đoạn" in said


def test_it_ends_when_its_time_is_over(catalogue: Catalogue) -> None:
    begin = time.monotonic()
    live.Screen(catalogue, lambda _: [UP], []).run(threading.Event(), seconds=0.2)
    assert 0.2 <= time.monotonic() - begin < 5


def test_it_ends_at_once_when_it_is_stopped(catalogue: Catalogue) -> None:
    stop = threading.Event()
    stop.set()
    begin = time.monotonic()
    live.Screen(catalogue, lambda _: [UP], []).run(stop, seconds=None)
    assert time.monotonic() - begin < 0.9


# --- a probe ----------------------------------------------------------------------------------------------------------

URL = "GET https://gateway.example/pa/dossier/search?page=0&size=1&sort=updatedDate,desc&code=***&" + "x" * 120


def probe(verdict: Verdict, reason: Reason | None) -> Outcome:
    failed = StepResult(
        "search", verdict, reason, Phases(0.001, 0.002, 0.0304, 0.5, 0.004), 503,
        Exchange(URL, 503, (("content-type", "text/html"),), 1234, "10.1.2.3", detail="expected 2xx", body="Bảo trì"),
    )  # fmt: skip
    good = StepResult("token", Verdict.UP, None, Phases(wait=0.2), 200, Exchange("POST https://sso.example/token", 200))
    return Outcome(
        "igate", "one_stop", "office", NOW * 1000, 0, NOW * 1000, 0.7374, verdict, reason,
        (good, failed, StepResult("procedures", None)),
    )  # fmt: skip


def test_a_probe_shows_steps_phases_reason_and_exchange(
    catalogue: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    live.show_probe(catalogue, [probe(Verdict.DOWN, Reason.HTTP_5XX)])
    said = capsys.readouterr().out
    assert said.startswith(words.SIMULATED)
    assert "igate/one_stop từ office: ■ down (tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx))" in said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "Bước Kết quả DNS Kết nối TLS Chờ Tải Tổng HTTP" in lines
    assert "search down http_5xx 1 ms 2 ms 30 ms 500 ms 4 ms 537 ms 503" in lines
    assert "token up 0 ms 0 ms 0 ms 200 ms 0 ms 200 ms 200" in lines
    assert "procedures bỏ qua" in lines
    assert f"  search: {URL} → 10.1.2.3\n" in said, "an address is one line, to be copied"
    for part in ("HTTP 503, 1234 byte", "content-type: text/html", "expected 2xx", "Bảo trì"):
        assert f"    {part}\n" in said


def test_a_probe_that_says_nothing_of_the_system_does_not_look_like_an_outage(
    real: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    live.show_probe(real, [probe(Verdict.INCONCLUSIVE, Reason.BLIND)])
    said = capsys.readouterr().out
    assert "○ inconclusive (tra cứu hồ sơ: đường truyền của hệ thống giám sát bị mất)" in said
    assert words.SIMULATED not in said


# --- words ------------------------------------------------------------------------------------------------------------


def test_every_state_and_reason_has_its_words() -> None:
    assert words.STATES.keys() == set(State)
    assert words.REASONS.keys() == set(Reason)
    assert len(set(words.REASONS.values())) == len(Reason)


@pytest.mark.parametrize(
    ("step", "reason", "said"),
    [
        ("search", Reason.HTTP_5XX, "tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx)"),
        ("of_ours", Reason.SLOW, "of_ours: chậm hơn mục tiêu"),
        (None, Reason.BLIND, "đường truyền của hệ thống giám sát bị mất"),
        ("token", None, "đăng nhập"),
        (None, None, ""),
    ],
)
def test_what_fails(step: str | None, reason: Reason | None, said: str) -> None:
    assert words.what_fails(step, reason) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 giây"), (59.9, "59 giây"), (60, "1 phút 00 giây"), (3599, "59 phút 59 giây"),
        (3600, "1 giờ 00 phút"), (86_399, "23 giờ 59 phút"), (86_400, "1 ngày 00 giờ"),
    ],
)  # fmt: skip
def test_durations(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 giây"), (90, "1 phút 30 giây"), (1800, "30 phút"), (5400, "1 giờ 30 phút"), (14_400, "4 giờ"),
        (3605, "1 giờ 5 giây"), (86_400, "24 giờ"),
    ],
)  # fmt: skip
def test_terms(seconds: int, said: str) -> None:
    assert words.term(seconds) == said


def test_latencies() -> None:
    assert [words.milliseconds(s) for s in (0.0004, 0.0124, 1.2344, 61)] == ["0 ms", "12 ms", "1.234 ms", "61.000 ms"]
