"""A real failure, seen by the embedded monitor: its evidence goes out, is counted again, and names nobody."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

from monitor.words import SIMULATED
from tests import processes
from tests.connectors.test_leaks import found_in
from tests.monitor.test_handover import counted, follow, measured, unpacked
from tests.processes import eventually, motcua
from tests.test_embedded import igate_state, pages_of

FAULTS = {
    "igate.search": "missing_field",  # whole dossiers come, but for one field
    "lgsp.category": "wrong_type",
    "population.lookup": "missing_field",  # a person comes, but for one field
}


def texts(*files: Path) -> dict[str, str]:
    """What is in files, also within those that are packed."""
    found = {file.name: file.read_bytes().decode("utf-8", "replace") for file in files}
    for file in files:
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as packet:
                found |= {name: packet.read(name).decode() for name in packet.namelist()}
    return found


def test_the_evidence_of_a_real_failure(tmp_path: Path) -> None:
    data, catalogue = tmp_path / "data", processes.fast_catalogue(tmp_path)
    with processes.sandbox() as sandbox:
        env = sandbox.environment
        where: tuple[str | Path, ...] = ("-c", catalogue, "--data", data)
        with motcua("up", *where, "--port", "0", folder=tmp_path, env=env) as monitor:
            pages = pages_of(monitor)
            eventually(lambda: igate_state(pages) == 2, within=30)
            for route, fault in FAULTS.items():
                sandbox.fault(route, fault)
            eventually(lambda: igate_state(pages) == 0, within=30)
            sandbox.clear()
            eventually(lambda: igate_state(pages) == 2, within=30)
            assert monitor.end(10) == 0
            log = monitor.out + monitor.err
        listed = processes.run("incidents", "list", *where, "--system", "igate", "--json", env=env)
        (incident,) = json.loads(listed.stdout)["incidents"]
        number, packet = str(incident["id"]), tmp_path / "evidence.zip"
        shown = processes.run("evidence", "show", number, *where, env=env)
        assert (shown.returncode, shown.stderr) == (0, "")
        said: dict[str, Any] = json.loads(processes.run("evidence", "show", number, *where, "--json", env=env).stdout)
        exported = processes.run("evidence", "export", number, "--out", packet, *where, env=env)
        assert exported.returncode == 0, exported.stderr
        verified = processes.run("verify", "--data", data)

    # It is there, and it is the failure's.
    assert shown.stdout.startswith(SIMULATED)
    assert said["simulated"] is True
    assert said["failed_tries"] >= len(said["evidence"]) >= 3
    for seen in said["evidence"]:
        assert (seen["system"], seen["step"], seen["reason"]) == ("igate", "search", "contract_violation")
        assert seen["exchange"]["status"] == 200
        assert seen["digest"] in shown.stdout
        assert seen["sealed"] is None
    assert "tra cứu hồ sơ: trả lời sai cấu trúc dữ liệu" in shown.stdout

    # Whoever reads it counts the same.
    folder = unpacked(packet)
    assert "Chứng cứ khớp mã băm" in follow(folder)
    assert counted(folder) == (incident["start"], incident["end"], incident["down_seconds"])
    assert incident["down_seconds"] > 0
    assert measured(folder)["simulated"] is True
    assert len((folder / "evidence.jsonl").read_text(encoding="utf-8").splitlines()) >= 3
    assert verified.returncode == 0
    assert "Chưa niêm phong" in (folder / "QUY-TRINH.md").read_text(encoding="utf-8")

    # It names nobody and holds no secret, and neither does the store, where evidence of every failure is.
    with closing(sqlite3.connect(data / "motcua.db")) as database:
        sources = "SELECT DISTINCT system FROM evidence JOIN series ON series.id = evidence.series"
        assert {system for (system,) in database.execute(sources)} >= {"igate", "population", "shared_catalogue"}
    everything = texts(packet, *data.glob("motcua.db*"))
    everything |= {"shown": shown.stdout, "log": log, "exported": exported.stdout + exported.stderr}
    assert len(everything["motcua.db"]) > 50_000
    assert {name: leak for name, text in everything.items() if (leak := found_in(text))} == {}
