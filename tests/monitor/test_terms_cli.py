"""`motcua terms`: what was said since when, and corrections."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.monitor.province import CATALOGUE, MIDNIGHT, load, store_in
from tests.monitor.test_cli import Motcua
from tests.monitor.test_cli import motcua as motcua  # noqa: PLC0414 - a fixture

CHANGED = CATALOGUE.replace("critical: false", "critical: true")
SAID = ["--why", "Danh mục ghi muộn", "--by", "giam_sat"]


@pytest.fixture
def where(tmp_path: Path) -> list[str | Path]:
    """A store that knows both catalogues, the later one from 01/10/2026 08:00 on; that one is the catalogue now."""
    with store_in(tmp_path / "data") as store:
        store.terms.record(load(tmp_path), MIDNIGHT)
        store.terms.record(load(tmp_path, CHANGED), MIDNIGHT + 8 * 3600)
    return ["--data", tmp_path / "data", "-c", tmp_path / "catalogue.yaml"]


def test_what_was_said_since_when(motcua: Motcua, where: list[str | Path]) -> None:
    done = motcua("terms", "list", "--json", *where)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["simulated"] is True
    of_igate = [row for row in told["terms"] if row["id"] == "igate"]
    assert [row["valid_from"] for row in of_igate] == [0, MIDNIGHT + 8 * 3600]
    assert [dict(row["terms"]["checks"])["forms"][0] for row in of_igate] == [False, True]
    shown = motcua("terms", "list", *where).out
    assert "từ đầu" in shown
    assert re.search(r"01/10/2026", shown)


def test_a_correction_is_told_once(motcua: Motcua, where: list[str | Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.cli.terms.now", lambda: MIDNIGHT + 86_400)
    done = motcua("terms", "correct", "--since", "2026-10-01T06:00", *SAID, *where)
    assert (done.code, done.err) == (0, "")
    assert "Hệ thống igate: có hiệu lực từ 01/10/2026 06:00:00" in done.out
    again = motcua("terms", "correct", "--since", "2026-10-01T06:00", *SAID, *where)
    assert "không có gì thay đổi" in again.out
    last = json.loads(motcua("terms", "list", "--json", *where).out)["terms"][-1]
    assert (last["valid_from"], last["made_by"], last["reason"]) == (
        MIDNIGHT + 6 * 3600, "giam_sat", "Danh mục ghi muộn"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since", "2026-10-03", *SAID], "--since lies in the future"),
        (["--since", "2026-10-01", "--system", "igat", *SAID], "system igat is not in the catalogue (igate, portal"),
        (["--since", "2026-10-01", "--contract", "x", *SAID], "contract x is not in the catalogue (hire)"),
        (["--since", "2026-10-01", "--contract", "hire", "--system", "igate", *SAID], "choose one"),
        (["--since", "2026-10-01"], "Missing option '--why'"),
        (["--since", "hôm qua", *SAID], "is no instant"),
    ],
)
def test_corrections_that_are_none(
    motcua: Motcua, where: list[str | Path], monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.setattr("monitor.cli.terms.now", lambda: MIDNIGHT + 86_400)
    done = motcua("terms", "correct", *words, *where)
    assert (done.code, done.out) == (2, "")
    assert said in done.line
