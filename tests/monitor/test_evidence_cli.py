"""The commands about seals: whatever is changed in a store is named, in one line each, and nothing else is."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.evidence import PARTS
from monitor.seals import Part
from monitor.store import Store
from tests.monitor import test_cli
from tests.monitor.province import store_in
from tests.monitor.store import test_evidence as of_store
from tests.monitor.store.test_evidence import DAY, ONE, START, TAMPERINGS, day, run, seal_all
from tests.monitor.test_cli import Motcua

motcua = test_cli.motcua
sealed = of_store.sealed
SEALED_DAYS = 10


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    with store_in(data) as opened:
        opened.evidence.clock = lambda: START + 10 * DAY
        yield opened


def vietnamese(of: date | None) -> str:
    return of.strftime("%d/%m/%Y") if of else ""


def findings(out: str) -> set[tuple[str, str]]:
    """Day and part of each line that names something."""
    return {(m[1] or "", m[2]) for m in re.finditer(r"^  (?:(\d\d/\d\d/\d{4})  )?\[([^]]+)\]  \S", out, re.MULTILINE)}


# --- verify -----------------------------------------------------------------------------------------------------------


def test_a_store_that_nobody_touched_is_well(motcua: Motcua, sealed: Store, data: Path) -> None:
    done = motcua("verify", "--data", data)
    assert done.code == 0
    assert "Đã kiểm tra 10 ngày niêm phong, 60 kết quả đo, 15 chứng cứ" in done.out
    assert "KHỚP: không thấy thay đổi nào" in done.out
    assert "--against" in done.out  # what this does not prove
    assert "75/75" in done.err  # progress
    body = json.loads(motcua("verify", "--json", "--data", data).out)
    assert (body["well"], body["days"], body["findings"]) == (True, 10, [])


@pytest.mark.parametrize(("statement", "expected"), TAMPERINGS)
def test_whatever_is_changed_is_named(
    motcua: Motcua, sealed: Store, data: Path, statement: str, expected: set[tuple[date | None, Part]]
) -> None:
    run(sealed, statement)
    done = motcua("verify", "--data", data)
    assert done.code == 1
    assert "KHÔNG KHỚP" in done.out
    assert findings(done.out) == {(vietnamese(of), PARTS[part]) for of, part in expected}
    body = json.loads(motcua("verify", "--json", "--data", data).out)
    assert body["well"] is False
    assert {(f["day"], f["part"]) for f in body["findings"]} == {(of and of.isoformat(), part) for of, part in expected}


def test_a_word_that_rows_are_gone_hides_nothing(motcua: Motcua, sealed: Store, data: Path) -> None:
    run(sealed, f"UPDATE outcomes SET code = 0 WHERE {ONE}")
    sealed.set_meta("raw_from", "1900000000000")
    changed = motcua("verify", "--data", data)
    assert (changed.code, "KHÔNG KHỚP" in changed.out) == (1, True)
    run(sealed, "DELETE FROM outcomes")
    gone = motcua("verify", "--data", data)
    assert (gone.code, "CHƯA ĐỦ" in gone.out, "KHỚP: " in gone.out) == (1, True, False)
    assert json.loads(motcua("verify", "--json", "--data", data).out)["well"] is False


def test_one_day_alone(motcua: Motcua, sealed: Store, data: Path) -> None:
    run(sealed, f"DELETE FROM outcomes WHERE {ONE}")
    assert motcua("verify", "--day", "2026-11-23", "--data", data).code == 0
    done = motcua("verify", "--day", "2026-11-24", "--data", data)
    assert done.code == 1
    assert "kết quả đo: con dấu ghi 20, đang lưu 19" in done.out


def test_a_chain_written_anew_shows_against_what_was_kept_outside(
    motcua: Motcua, sealed: Store, data: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "seals.txt"
    kept.write_text("# giữ tại phòng công chứng\n\n" + motcua("seals", "--data", data).out, encoding="utf-8")
    done = motcua("verify", "--against", kept, "--data", data)
    assert done.code == 0
    assert "So với 10 con dấu lưu bên ngoài, mới nhất là của ngày 02/12/2026" in done.out
    run(sealed, f"DELETE FROM outcomes WHERE {ONE}")
    run(sealed, f"DELETE FROM evidence WHERE {ONE}")
    run(sealed, "DELETE FROM seals WHERE day >= '2026-11-24'")
    seal_all(sealed)
    assert motcua("verify", "--data", data).code == 0
    done = motcua("verify", "--against", kept, "--data", data)
    assert done.code == 1
    outside = PARTS[Part.OUTSIDE]
    assert findings(done.out) == {(vietnamese(day(n)), outside) for n in range(1, SEALED_DAYS)}
    assert motcua("verify", "--against", kept, "--day", "2026-11-23", "--data", data).code == 0
    run(sealed, "DELETE FROM seals WHERE day = '2026-12-02'")
    assert (vietnamese(day(9)), outside) in findings(motcua("verify", "--against", kept, "--data", data).out)


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"# x\n", "there is no seal of 2026-11-23 in it; `motcua seals` writes such a file"),
        (f"2026-11-20 {DIGEST}".encode(), "there is no seal of 2026-11-23 in it"),
        (b"2026-11-23 abc", "line 1: a seal was due, such as 2026-11-23 and 64 hexadecimal digits"),
        (f"2026-02-30 {DIGEST}".encode(), "line 1: 2026-02-30 is no day"),
        (f"2026-11-23 {DIGEST}\n2026-11-23 {'1' * 64}".encode(), "line 2: a second seal of 2026-11-23"),
        (b"\xff\xfe", "not UTF-8 text"),
    ],
)
def test_a_file_that_holds_no_seals_is_bad_input(
    motcua: Motcua, sealed: Store, data: Path, tmp_path: Path, text: bytes, said: str
) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_bytes(text)
    done = motcua("verify", "--against", kept, "--day", "2026-11-23", "--data", data)
    assert done.code == 2
    assert done.line.startswith(f"motcua: {kept}: {said}")


def test_bad_words_are_one_line(motcua: Motcua, sealed: Store, data: Path, tmp_path: Path) -> None:
    for words, said in (
        (("verify", "--day", "23/11/2026", "--data", data), "'23/11/2026' is no day; write 2026-11-23"),
        (("verify", "--day", "2027-01-01", "--data", data), "2027-01-01 has no seal; `motcua seals` shows all"),
        (("verify", "--against", tmp_path / "none.txt", "--data", data), "none.txt: can't read: No such file"),
        (("verify", "--data", tmp_path / "none"), "there is no store"),
        (("seals", "--data", tmp_path / "none"), "there is no store"),
    ):
        done = motcua(*words)
        assert done.code == 2
        assert said in done.line


# --- seals ------------------------------------------------------------------------------------------------------------


def test_the_chain_as_lines_and_for_programs(motcua: Motcua, sealed: Store, data: Path) -> None:
    chain = sealed.evidence.seals()
    done = motcua("seals", "--data", data)
    assert done.code == 0
    assert done.out == "".join(f"{seal.day.isoformat()} {seal.digest}\n" for seal in chain)
    body: dict[str, Any] = json.loads(motcua("seals", "--json", "--data", data).out)
    assert [s["digest"] for s in body["seals"]] == [s.digest for s in chain]
    assert body["seals"][0]["previous"] is None
    assert body["seals"][1]["previous"] == chain[0].digest


def test_days_that_wait_for_their_seal_are_told_beside_the_lines(motcua: Motcua, data: Path) -> None:
    with store_in(data) as opened:
        noon = 1_790_830_800  # of 2026-10-01
        opened.record([of_store.outcome(noon - of_store.START)], of_store.known, received_at=noon + 1)
    done = motcua("seals", "--data", data)
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("Chưa niêm phong: 01/10/2026")
    assert "2026-10-01" in json.loads(motcua("seals", "--json", "--data", data).out)["waiting"]


def test_a_file_that_was_edited_by_hand_is_found(motcua: Motcua, sealed: Store, data: Path) -> None:
    sealed.close()
    with sqlite3.connect(data / "motcua.db") as connection:
        connection.execute(f"UPDATE evidence SET body = replace(body, '503', '200') WHERE {ONE}")
    connection.close()
    done = motcua("verify", "--data", data)
    assert done.code == 1
    assert "chứng cứ igate/search tại office" in done.out
