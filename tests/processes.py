"""Our own processes for tests of the whole: the command as a user runs it, and a catalogue whose checks follow fast.

with processes.motcua("up", "-c", path, "--port", "0", folder=tmp_path) as monitor:
    page = monitor.until(r"http://\\S+/metrics")
    monitor.signal(signal.SIGTERM)
    assert monitor.wait(10) == 0
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from connectors.sandbox import Sandbox
from connectors.sandbox import spawn as spawn_sandbox

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "config" / "province.example.yaml"
COMMAND = (sys.executable, "-m", "monitor.cli")

_T = TypeVar("_T")


def eventually(look: Callable[[], _T], within: float, every: float = 0.1) -> _T:
    """The first true answer of `look`. AssertionError with its last answer when none came within so many seconds."""
    deadline = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {within:g} s; seen last: {seen!r}"
        time.sleep(every)
    return seen


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of ours, but with the source on Python's path."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")}
    path = os.pathsep.join(filter(None, (str(ROOT), own.get("PYTHONPATH"))))
    return {**own, "PYTHONPATH": path, "COLUMNS": "200", **(more or {})}


def run(*words: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None, within: float = 60) -> Any:
    """`motcua words...` to its end: a CompletedProcess with texts. No traceback may show, whatever happens."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)],
        env=environment(env),
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=within,
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


class Process:
    """One `motcua` that runs; what it writes is in `out` and `err`."""

    def __init__(self, words: tuple[str, ...], env: Mapping[str, str] | None, folder: Path) -> None:
        self.name = words[0]
        number = len(list(folder.glob("*.out")))
        self._out, self._err = folder / f"{number:02d}-{self.name}.out", folder / f"{number:02d}-{self.name}.err"
        self.started = time.monotonic()
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.popen = subprocess.Popen(
                [*COMMAND, *words], cwd=folder, env=environment(env), stdout=out, stderr=err, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text(encoding="utf-8")

    def until(self, pattern: str, within: float = 30, start: int = 0) -> re.Match[str]:
        """The first place after `start` where standard output matches; waits for it."""

        def look() -> re.Match[str] | None:
            found = re.compile(pattern).search(self.out, start)
            assert found or self.popen.poll() is None, f"{self.name} ended ({self.popen.returncode}): {self.err}"
            return found

        try:
            found = eventually(look, within)
        except AssertionError as error:
            raise AssertionError(f"{error}\nout: {self.out}\nerr: {self.err}") from None
        assert found is not None
        return found

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def wait(self, within: float) -> int:
        """Its exit code, once it has ended by itself."""
        try:
            return self.popen.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {within:g} s\nerr: {self.err}") from None

    def kill(self) -> None:
        """End it as a power cut would."""
        self.popen.kill()
        self.popen.wait()

    def end(self, within: float = 20) -> int:
        """End it in good order."""
        self.signal(signal.SIGTERM)
        return self.wait(within)


@contextlib.contextmanager
def motcua(*words: str | Path, folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """`motcua words...` in the background, in `folder`, where its output is kept; killed if it is not ended before."""
    process = Process(tuple(map(str, words)), env, folder)
    try:
        yield process
    finally:
        process.kill()
    assert "Traceback" not in process.err, process.err


def fast_catalogue(
    folder: Path,
    *,
    interval: float = 2,
    timeout: float = 1,
    dossiers: Mapping[str, Any] | None = None,
    **but: tuple[float, float],
) -> Path:
    """The example's catalogue with every check asked so often, but a system of another (interval, timeout).

    Its addresses come from the sandbox's environment. No dossiers are collected but as `dossiers` says.
    """
    text = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    text["dossiers"] = dict(dossiers or {})
    for name, system in text["systems"].items():
        for check in system["checks"].values():
            check["interval"], check["timeout"] = but.get(name, (interval, timeout))
            check.pop("latency_objective", None)
    path = folder / "fast.yaml"
    path.write_text(yaml.safe_dump(text, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


@contextlib.contextmanager
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of our own on free ports, warm: its dossiers are made, so that no first request is slow."""
    with spawn_sandbox() as province:
        warm(province)
        yield province


def warm(province: Sandbox) -> None:
    import requests

    reply = requests.get(f"{province.addresses.gateway}/pa/dossier/search", timeout=30)
    assert reply.status_code == 401  # it wants a token, and has looked for its dossiers before it said so


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_mb(pid: int) -> float:
    """Memory that a process has in use now, in MB."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def samples(text: str) -> dict[str, float]:
    """/metrics by series: name and labels as written, and the value."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
