"""Typst in a process of its own: it keeps what it has laid out, some 200 MB of a large report, until its process ends.

    python -m monitor.report.typesetting < job.json > pages

The job names a template beside this file, what it gets as inputs, and options of typst; out come the files, each after
its length in a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import typst

from monitor.report.model import ReportError

FONT = "Liberation Serif"
FOLDERS = (
    "/usr/share/fonts/truetype/liberation2",  # Debian's fonts-liberation2
    "/usr/share/fonts/truetype/liberation",  # fonts-liberation
    "/usr/share/fonts/liberation-serif",  # Fedora
    "/usr/share/fonts/liberation",  # Arch
)
"""Where the font is looked for."""

STYLES = frozenset({("Normal", 400), ("Normal", 700), ("Italic", 400), ("Italic", 700)})
"""What has to be there of it."""

LIMIT = 300.0
"""Seconds; the largest reports take three."""


def fonts(folders: Sequence[str] = FOLDERS) -> typst.Fonts:
    """The font in the first folder that has it whole; typst would take another one in silence. Raises ReportError."""
    for folder in folders:
        if Path(folder).is_dir():
            found = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])
            known = {(str(one.style).capitalize(), one.weight) for one in found.fonts() if one.family == FONT}
            if known >= STYLES:
                return found
    raise ReportError(f"the font {FONT} is missing; on Debian: apt-get install fonts-liberation2")


def typeset(template: str, inputs: Mapping[str, str], made_at: int, **options: Any) -> list[bytes]:
    """The files that a template makes of its inputs, dated `made_at`. Raises ReportError."""
    job = json.dumps({"template": template, "inputs": inputs, "made_at": made_at, "options": options})
    command = [sys.executable, "-P", "-m", "monitor.report.typesetting"]
    lean = os.environ | {"MALLOC_ARENA_MAX": "1"}  # typst's threads would each keep memory of their own
    try:
        done = subprocess.run(  # noqa: S603
            command, input=job.encode(), capture_output=True, timeout=LIMIT, check=False, env=lean
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReportError(f"typst can't be run: {type(error).__name__}", permanent=False) from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise ReportError(lines[-1] if lines else f"typst ended with code {done.returncode}", permanent=False)
    return list(_parts(done.stdout))


def _parts(told: bytes) -> Sequence[bytes]:
    found, at = [], 0
    while at < len(told):
        end = told.index(b"\n", at)
        size = int(told[at:end])
        found.append(told[end + 1 : end + 1 + size])
        at = end + 1 + size
    return found


def _work() -> int:
    job = json.load(sys.stdin)
    text = (resources.files("monitor.report") / job["template"]).read_bytes()
    try:
        compiler = typst.Compiler(text, font_paths=fonts(), ignore_system_fonts=True, sys_inputs=job["inputs"])
        made = compiler.compile(timestamp=datetime.fromtimestamp(job["made_at"], UTC), **job["options"])
    except (ReportError, typst.TypstError) as error:
        sys.stderr.write(f"{getattr(error, 'message', None) or error}\n")
        return 1
    for part in [made] if isinstance(made, bytes) else made or ():
        sys.stdout.buffer.write(b"%d\n" % len(part))
        sys.stdout.buffer.write(part)
    return 0


if __name__ == "__main__":
    sys.exit(_work())
