"""What the terminal shows: the live table of `motcua up`, `motcua status`, and one probe in full."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from monitor import words
from monitor.catalogue import Catalogue
from monitor.model import Gauge, Outcome, State, StepResult, Verdict
from monitor.status import SystemStatus
from monitor.store import StoreError

PAUSE = 1.0  # seconds between two looks
STYLES = {State.UP: "bold blue", State.DEGRADED: "bold yellow", State.DOWN: "bold red", State.NO_DATA: "dim"}
MARKS = {State.UP: "●", State.DEGRADED: "▲", State.DOWN: "■", State.NO_DATA: "○"}


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # as print() does; rich would end the process itself, as failed


def console() -> Console:
    """Standard output; a file or a pipe has no width that lines would have to be broken for."""
    return _Console() if sys.stdout.isatty() else _Console(width=160)


class Screen:
    """The live table, once a second; without a terminal, one line whenever a system changes its state."""

    def __init__(
        self, catalogue: Catalogue, overview: Callable[[float], list[SystemStatus]], addresses: Sequence[str]
    ) -> None:
        self._catalogue, self._overview, self._addresses = catalogue, overview, addresses
        self._console = console()
        self._known: dict[str, State] = {}

    def run(self, stop: threading.Event, seconds: float | None) -> None:
        """Shows until `stop` is set or the time is over."""
        end = time.monotonic() + seconds if seconds else float("inf")
        if self._catalogue.simulated:
            self._console.print(words.SIMULATED, style="bold yellow")
        for line in self._addresses:
            self._console.print(line, soft_wrap=True, highlight=False)
        sys.stdout.flush()
        if self._console.is_terminal:
            with Live(self._picture(), console=self._console, auto_refresh=False) as screen:
                self._repeat(lambda: screen.update(self._picture(), refresh=True), stop, end)
        else:
            self._repeat(self._say_changes, stop, end)

    @staticmethod
    def _repeat(show: Callable[[], None], stop: threading.Event, end: float) -> None:
        """Once a second; with thousands of checks less often, so that looking costs 0.5 % of a core at most."""
        pause = PAUSE
        while not stop.wait(min(pause, max(0.0, end - time.monotonic()))) and time.monotonic() < end:
            began = time.thread_time()
            show()
            pause = max(PAUSE, (time.thread_time() - began) * 200)

    def _picture(self) -> RenderableType:
        now = time.time()
        try:
            systems = self._overview(now)
        except StoreError as error:
            return Text(str(error), style="red")
        return Group(table(self._catalogue, systems, now), Text("Ctrl-C để dừng", style="dim"))

    def _say_changes(self) -> None:
        now = time.time()
        try:
            systems = self._overview(now)
        except StoreError as error:
            self._console.print(str(error))
            return
        for system in systems:
            if self._known.get(system.system) is not system.state:
                self._known[system.system] = system.state
                why = words.what_fails(system.step, system.reason) if system.state is not State.UP else ""
                at = words.instant(now, ZoneInfo(self._catalogue.province.timezone))
                said = f"{at}  {system.name}: {words.STATES[system.state]}" + (f" ({why})" if why else "")
                self._console.print(said, soft_wrap=True, highlight=False)
        sys.stdout.flush()


def table(catalogue: Catalogue, systems: Sequence[SystemStatus], now: float) -> Table:
    """Every system in one line: state, what fails, since when, latest latency, age of the latest try."""
    zone = ZoneInfo(catalogue.province.timezone)
    mark = f"{words.SIMULATED} · " if catalogue.simulated else ""
    shown = Table(title=f"{mark}{catalogue.province.name.vi} · {words.instant(now, zone)}", title_justify="left")
    for heading, justify in (
        ("Hệ thống", "left"),
        ("Tình trạng", "left"),
        ("Lỗi ở bước nào", "left"),
        ("Đã kéo dài", "right"),
        ("Trả lời", "right"),
        ("Kiểm tra cuối", "right"),
    ):
        shown.add_column(heading, justify="right" if justify == "right" else "left")
    for system in systems:
        shown.add_row(
            system.name,
            Text(f"{MARKS[system.state]} {words.STATES[system.state]}", STYLES[system.state]),
            _what_is_wrong(system, now, zone),
            words.duration(now - system.since) if system.since is not None else "",
            words.milliseconds(system.seconds) if system.seconds is not None else "",
            f"{words.duration(now - system.last_at)} trước" if system.last_at else "chưa có",
        )
    return shown


def _what_is_wrong(system: SystemStatus, now: float, zone: ZoneInfo) -> str:
    """What fails; where nothing does, that a certificate will soon."""
    if system.state is not State.UP:
        return words.what_fails(system.step, system.reason)
    return words.certificate(system.certificate_not_after, now, zone) if system.certificate_not_after else ""


def show_probe(catalogue: Catalogue, outcomes: Sequence[Outcome]) -> None:
    """One probe in full: every step with its phases, what was wrong and what may be shown of the exchange."""
    shown = console()
    if catalogue.simulated:
        shown.print(words.SIMULATED, style="bold yellow")
    for outcome in outcomes:
        state = State(outcome.verdict) if outcome.verdict is not Verdict.INCONCLUSIVE else State.NO_DATA
        why = f" ({words.what_fails(outcome.failed_step, outcome.reason)})" if outcome.reason else ""
        head = Text(f"{outcome.system}/{outcome.check} từ {outcome.location}: ")
        head.append(f"{MARKS[state]} {outcome.verdict}{why}", STYLES[state])
        shown.print(head)
        steps = Table(
            "Bước", "Kết quả", "DNS", "Kết nối", "TLS", "Chờ", "Tải", "Tổng", "HTTP", box=None, padding=(0, 1)
        )
        for step in outcome.steps:
            steps.add_row(*_step_row(step))
        shown.print(steps)
        for step in outcome.steps:
            _show_exchange(shown, step)


def _step_row(step: StepResult) -> tuple[str, ...]:
    if step.verdict is None:
        return (step.name, "bỏ qua")
    p = step.phases
    times = [words.milliseconds(value) for value in (p.dns, p.connect, p.tls, p.wait, p.transfer, p.total)]
    return (step.name, f"{step.verdict}{f' {step.reason}' if step.reason else ''}", *times, str(step.status or "-"))


def _show_exchange(shown: Console, step: StepResult) -> None:
    seen = step.exchange
    if seen is None:
        return
    asked = f"  {step.name}: {seen.request}" + (f" → {seen.address}" if seen.address else "")
    shown.print(Text(asked, "bold"), soft_wrap=True)
    said = [f"HTTP {seen.status}, {seen.length} byte"] if seen.status else []
    said += [f"{name}: {value}" for name, value in seen.headers]
    said += [f"chứng thư TLS đến {seen.certificate}"] if seen.certificate else []
    said += [f"{gauge} = {value:.0f}" for gauge, value in step.gauges if gauge is not Gauge.CERTIFICATE_NOT_AFTER]
    said += [text for text in (seen.detail, seen.error if seen.error != seen.detail else "") if text]
    for line in said:
        shown.print(Text(f"    {line}"), soft_wrap=True)
    if seen.body:
        shown.print(Text(f"    {seen.body[:400]}", "dim"))
