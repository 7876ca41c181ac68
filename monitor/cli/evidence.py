"""Commands about evidence: what failed tries showed, the seals over all that was received, and whether they hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from monitor import words
from monitor.cli.shared import FILE, data_option, json_option, progress_of, the_store
from monitor.live import console
from monitor.seals import Finding, Part, Seal, compare_copies, read_copies
from monitor.store.evidence import Verification
from monitor.wiring import ConfigurationError, configuration


class DayType(click.ParamType):
    """2026-11-23, a day of UTC."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; write 2026-11-23", param, ctx)


def _day(day: date | None) -> str:
    return "" if day is None else day.strftime("%d/%m/%Y")


# --- seals ------------------------------------------------------------------------------------------------------------


@click.command()
@data_option
@json_option
def seals(data: Path | None, as_json: bool) -> None:
    """The seal of every day: lines to be kept outside of the store as they are, for `motcua verify --against`.

    A day is one of UTC: it ends at 07:00 in Viet Nam, and is sealed by the process that records.

    \b
    Example: motcua seals --data data > seals.txt
    """
    with the_store(configuration(data)) as store:
        chain, waiting = store.evidence.seals(), store.evidence.unsealed()
    if as_json:
        shown = {"seals": [_seal_json(seal) for seal in chain], "waiting": [day.isoformat() for day in waiting]}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    for seal in chain:
        click.echo(seal.line)
    if waiting:
        click.echo(f"Chưa niêm phong: {', '.join(map(_day, waiting))}", err=True)


def _seal_json(seal: Seal) -> dict[str, Any]:
    return {**seal._asdict(), "day": seal.day.isoformat()}


# --- verify -----------------------------------------------------------------------------------------------------------


@click.command()
@click.option("--day", type=DayType(), help="One day of UTC only, such as 2026-11-23.")
@click.option("--against", type=FILE, help='Seals that were kept outside: lines "2026-11-23 <digest>".')
@data_option
@json_option
def verify(day: date | None, against: Path | None, data: Path | None, as_json: bool) -> None:
    """Make every digest and every seal again, and say what does not match.

    Whoever can write the store can make its seals again, too: only seals that were kept outside show that.
    Exit code 0 when all is well, 1 when something does not match.

    \b
    Example: motcua verify --against seals.txt --data data
    """
    copies = _copies(against, day) if against else {}
    with the_store(configuration(data)) as store:
        chain = {seal.day: seal for seal in store.evidence.seals()}
        if day is not None and day not in chain:
            raise ConfigurationError(f"{day} has no seal; `motcua seals` shows all")
        with progress_of("Kiểm tra", None) as progress:
            found = store.evidence.verify(day, progress)
    findings = [*found.findings, *compare_copies(chain, copies)]
    findings.sort(key=lambda f: (f.day or date.min, f.part, f.text))
    if as_json:
        click.echo(json.dumps(_verification_json(found, findings, copies), ensure_ascii=False, indent=2))
    else:
        _show_verification(console(), found, findings, copies)
    sys.exit(1 if findings else 0)


def _copies(file: Path, day: date | None) -> Mapping[date, str]:
    """The seals of a file, of one day if it is named. Raises ConfigurationError."""
    try:
        copies = read_copies(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file}: can't read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: not UTF-8 text; `motcua seals` writes such a file") from None
    except ValueError as error:
        raise ConfigurationError(f"{file}: {error}") from None
    if day is not None:
        copies = {of: digest for of, digest in copies.items() if of == day}
    if not copies:
        missing = "no seal" if day is None else f"no seal of {day}"
        raise ConfigurationError(f"{file}: there is {missing} in it; `motcua seals` writes such a file")
    return copies


def _verification_json(found: Verification, findings: list[Finding], copies: Mapping[date, str]) -> dict[str, Any]:
    return {
        "well": not findings,
        "days": found.days,
        "outcomes": found.outcomes,
        "evidence": found.evidence,
        "copies": len(copies),
        "findings": [{"day": f.day and f.day.isoformat(), "part": f.part, "text": f.text} for f in findings],
        "unchecked": [day.isoformat() for day in found.unchecked],
        "waiting": [day.isoformat() for day in found.waiting],
        "unsealed_outcomes": found.unsealed,
    }


PARTS: Mapping[Part, str] = {
    Part.OUTCOMES: "Kết quả đo",
    Part.EVIDENCE: "Chứng cứ",
    Part.CHAIN: "Chuỗi con dấu",
    Part.SEAL: "Con dấu",
    Part.MISSING: "Thiếu con dấu",
    Part.OUTSIDE: "Bản lưu bên ngoài",
}


def _show_verification(
    shown: Console, found: Verification, findings: list[Finding], copies: Mapping[date, str]
) -> None:
    def say(text: str, style: str = "") -> None:
        shown.print(text, style=style, soft_wrap=True, highlight=False, markup=False)

    days, outcomes, evidence = map(words.number, (found.days, found.outcomes, found.evidence))
    say(f"Đã kiểm tra {days} ngày niêm phong, {outcomes} kết quả đo, {evidence} chứng cứ (ngày tính theo giờ UTC)")
    if found.unchecked:
        say(f"Chỉ kiểm tra được chuỗi con dấu, kết quả đo không còn lưu: {', '.join(map(_day, found.unchecked))}")
    if found.waiting:
        say(f"Chưa niêm phong: {', '.join(map(_day, found.waiting))}")
    if found.unsealed:
        say(f"{words.number(found.unsealed)} kết quả đo có từ trước khi áp dụng niêm phong")
    if copies:
        say(f"So với {words.number(len(copies))} con dấu lưu bên ngoài, mới nhất là của ngày {_day(max(copies))}")
    elif found.days:
        say("Chưa so với con dấu lưu bên ngoài (--against): ai ghi được vào kho thì cũng làm lại được con dấu")
    if not findings:
        say("KHỚP: không thấy thay đổi nào", "bold green")
        return
    say(f"KHÔNG KHỚP: {words.number(len(findings))} điểm", "bold red")
    for finding in findings:
        said = [_day(finding.day), f"[{PARTS[finding.part]}]", finding.text]
        say("  " + "  ".join(filter(None, said)))
