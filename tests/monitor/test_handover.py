"""The evidence of an outage as a file: a stranger with bash and awk counts the same seconds, whatever happened."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from monitor.incident_rules import IncidentKind, IncidentRules, IncidentState
from monitor.incidents import Severity
from monitor.model import CONTROL_SYSTEM, Exchange, Outcome, Settings, StepResult
from monitor.store import Store, StoreError
from monitor.store.evidence import EvidenceBook
from monitor.store.incidents import IncidentRecord
from monitor.words import SIMULATED
from tests.monitor import test_cli
from tests.monitor.province import store_in
from tests.monitor.store import test_evidence as of_store
from tests.monitor.store.test_incidents import (
    CATALOGUE,
    LINES,
    T0,
    app,
    day,
    live_as_it_came,
    read,
    record,
    said_at_random,
    told,
)
from tests.monitor.test_cli import Motcua

motcua = test_cli.motcua

DAY = 86_400
CONTROLS = (("gateway", "office"), ("router", "branch"))


@pytest.fixture
def rules(tmp_path: Path) -> IncidentRules:
    return read(tmp_path, CATALOGUE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path / "data") as opened:
        opened.incidents.clock = lambda: float(T0 + 200)
        opened.evidence.clock = lambda: float(T0 + 10 * DAY)
        yield opened


Export = Callable[..., Path]


@pytest.fixture
def export(motcua: Motcua, store: Store, tmp_path: Path) -> Export:
    """`motcua evidence export` of an incident; the folder where it is unpacked."""

    def run(id_: int, *words: str | Path) -> Path:
        out = tmp_path / f"{id_}.zip"
        where = ("-c", tmp_path / "catalogue.yaml", "--data", tmp_path / "data")
        done = motcua("evidence", "export", str(id_), "--out", out, "--force", *words, *where)
        assert done.code == 0, done.err
        return unpacked(out)

    return run


def unpacked(packet: Path) -> Path:
    folder = packet.with_suffix("")
    with zipfile.ZipFile(packet) as file:
        assert file.testzip() is None
        file.extractall(folder)
    return folder


def commands(folder: Path) -> str:
    """What the page tells its reader to run."""
    blocks = re.findall(
        r"^```bash\n(.*?)^```$", (folder / "QUY-TRINH.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(blocks) >= 4
    return "".join(blocks)


def follow(folder: Path) -> str:
    """Do what the page says, with the tools of the system alone; all that it shows."""
    done = subprocess.run(
        ["bash", "-c", commands(folder)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def counted(folder: Path) -> tuple[int, int, int]:
    """Start, end and down seconds as the page's reader finds them."""
    start, end, seconds = map(int, (folder / "tinh-lai" / "ket-qua.txt").read_text().split())
    return start, end, seconds


def measured(folder: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((folder / "incident.json").read_text(encoding="utf-8"))
    return body


def outages(store: Store, last: int = 1 << 40) -> list[IncidentRecord]:
    found = store.incidents.list(0, last)
    return [r for r in found if r.kind is IncidentKind.OUTAGE and r.state is not IncidentState.WITHDRAWN]


def controls(text: str, start: float = 0, every: float = 20) -> list[Outcome]:
    """What the controls of both locations say."""
    return day(*(told(CONTROL_SYSTEM, id_, text, start=start, every=every, place=place) for id_, place in CONTROLS))


def seen(outcomes: list[Outcome]) -> list[Outcome]:
    """The same, the failed ones with what was seen of them."""

    def step(o: Outcome, s: StepResult) -> StepResult:
        request = f"GET http://{o.system}.invalid/{o.check}?code=***"
        exchange = Exchange(request, 503, (("content-type", "text/html"),), 512, "192.0.2.7:443", detail="HTTP 503")
        return replace(s, status=503, exchange=exchange) if s.reason else s

    return [replace(o, steps=tuple(step(o, s) for s in o.steps)) for o in outcomes]


# --- the page and the measured incident -------------------------------------------------------------------------------


def story() -> list[Outcome]:
    """The bus is down in [60, 140), the one-stop system stays so in [168, 261), and is again in [1661, 1721)."""
    return day(
        told("bus", "ping", "UUU" + "D" * 4 + "U" * 133),
        app("UUU" + "D" * 10 + "U" * 67, start=1),
        app("UUUDDDUUU" + "U" * 60, start=1601),
        controls("U" * 140),
    )


def test_the_vendor_counts_the_same_seconds(export: Export, store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, story())
    found = outages(store)
    assert [(r.system, r.start - T0, (r.end or 0) - T0, r.down_seconds) for r in found] == [
        ("bus", 60, 140, 80), ("app", 168, 261, 93), ("app", 1661, 1721, 60),
    ]  # fmt: skip
    for one in found:
        folder = export(one.id)
        said = follow(folder)
        assert counted(folder) == (one.start, one.end, one.down_seconds)
        assert measured(folder)["measured"]["down_seconds"] == one.down_seconds
        for line in ("Các tệp còn nguyên", "Chứng cứ khớp mã băm", f"Số giây gián đoạn: {one.down_seconds}"):
            assert line in said
        assert said.endswith("KHỚP với incident.json\n")
        assert "KHÔNG KHỚP" not in said
        assert f"Bắt đầu: {datetime.fromtimestamp(one.start + 7 * 3600, UTC):%d/%m/%Y %H:%M:%S}" in said


def test_seconds_that_were_changed_do_not_match(export: Export, store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, story())
    folder = export(2)
    about = folder / "incident.json"
    about.write_text(about.read_text(encoding="utf-8").replace('"down_seconds":93', '"down_seconds":94'), "utf-8")
    done = subprocess.run(
        ["bash", "-c", commands(folder)], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    assert "Các tệp còn nguyên" not in done.stdout
    assert "KHÔNG KHỚP với incident.json" in done.stdout


def test_a_try_that_was_changed_gives_other_seconds(export: Export, store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, story())
    folder = export(3)
    tries = folder / "outcomes.jsonl"
    lines = tries.read_text(encoding="utf-8").splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if '"system":"app","check":"search"' in line and '"down"' in line)
    lines[last] = lines[last].replace('"verdict":"down"', '"verdict":"up"')
    tries.write_text("".join(lines), encoding="utf-8")
    subprocess.run(["bash", "-c", commands(folder)], cwd=folder, capture_output=True, check=False)
    assert (folder / "tinh-lai" / "ket-qua.txt").read_text() == ""  # two failed tries make no outage


def test_what_the_location_could_not_see_counts_for_nobody(export: Export, store: Store, rules: IncidentRules) -> None:
    """The line of the office is cut from 200 to 340; the outage is one, with silence in it."""
    live_as_it_came(
        store,
        rules,
        day(
            told(CONTROL_SYSTEM, "gateway", "U" * 10 + "D" * 7 + "U" * 60),
            told("lists", "call", "UUU" + "D" * 20 + "U" * 50),
        ),
    )
    (one,) = outages(store)
    assert (one.start - T0, (one.end or 0) - T0) == (60, 460)
    assert one.down_seconds < 400 - 140
    folder = export(one.id)
    follow(folder)
    assert (folder / "tinh-lai" / "mu.txt").read_text().split() == ["office", str(T0 + 180), str(T0 + 340)]
    assert counted(folder) == (one.start, one.end, one.down_seconds)


def test_settings_that_were_changed_judge_from_their_day_on(
    export: Export, store: Store, rules: IncidentRules, tmp_path: Path
) -> None:
    live_as_it_came(store, rules, told("lists", "call", "UUUDDDDUUUUU"))
    stricter = read(tmp_path, CATALOGUE.replace("timeout: 8s}", "timeout: 8s, confirm_down: 5, confirm_up: 4}"))
    catalogue = stricter.catalogue
    store.date_settings({("lists", "call"): catalogue.settings("lists", "call")}, T0 + 250)  # type: ignore[dict-item]
    live_as_it_came(store, stricter, told("lists", "call", "U" * 60 + "DDDDUUDDDDDDUUUDUUUUUUU" + "U" * 60, start=260))
    first, second = outages(store)
    for one, in_force in ((first, [3, 5]), (second, [5])):
        folder = export(one.id)
        follow(folder)
        assert counted(folder) == (one.start, one.end, one.down_seconds)
        rows = json.loads((folder / "settings.json").read_text())["settings"]
        assert [row["confirm_down"] for row in rows if row["system"] == "lists"] == in_force


def test_one_that_goes_on_is_counted_up_to_now(export: Export, store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, day(told("lists", "call", "UUUDDDDDD"), controls("U" * 9)))
    (one,) = outages(store)
    folder = export(one.id)
    assert measured(folder)["measured"] == {
        "start": T0 + 60, "end": T0 + 160 + 48, "down_seconds": 148, "ongoing": True,
    }  # fmt: skip
    assert "còn tiếp diễn" in (folder / "QUY-TRINH.md").read_text(encoding="utf-8")
    assert follow(folder).endswith("KHỚP với incident.json\n")
    assert counted(folder) == (T0 + 60, T0 + 208, 148)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happened_the_vendor_counts_the_same(
    export: Export, store: Store, rules: IncidentRules, seed: int
) -> None:
    """Systems behind one another, two locations, silence, slowness, doubts, blindness, settings that change."""
    random = Random(seed)
    said = ["".join(said_at_random(random) for _ in range(4)) + "U" * 9 for _ in LINES]
    begun = [random.randrange(20) for _ in LINES]
    lines = [told(*key[:2], text, start=at, place=key[2]) for key, text, at in zip(LINES, said, begun, strict=True)]
    blind = [
        told(
            CONTROL_SYSTEM, id_, "U" * random.randrange(9, 40) + "D" * random.choice((2, 4, 9)) + "U" * 80, place=place
        )
        for id_, place in CONTROLS
    ]
    made = day(*lines, *blind)
    half = len(made) // 2
    record(store, rules, made[:half])
    changed = {key[:2]: rules.catalogue.settings(*key[:2]) for key in LINES}
    different = {key: replace(s, confirm_down=random.choice((1, 2, 4))) for key, s in changed.items() if s}
    store.date_settings(different, made[half].due_at / 1000)
    store.record(made[half:], lambda *key: different.get(key), rules=rules)
    found = outages(store)
    checked = 0
    for one in found[:8]:
        folder = export(one.id)
        follow(folder)
        told_ = measured(folder)["measured"]
        assert counted(folder) == (told_["start"], told_["end"], told_["down_seconds"])
        if one.end is not None:
            assert counted(folder) == (one.start, one.end, one.down_seconds)
            checked += 1
    assert checked


# --- the packet -------------------------------------------------------------------------------------------------------


@pytest.fixture
def packed(store: Store, rules: IncidentRules, tmp_path: Path) -> Path:
    """The story, sealed: the received day is that of T0, the next one goes on."""
    store.record(seen(story()), rules.catalogue.settings, rules=rules, received_at=T0 + 3000)
    store.record(
        told("portal", "home", "U", start=DAY), rules.catalogue.settings, rules=rules, received_at=T0 + DAY + 3000
    )
    store.evidence.clock = lambda: float(T0 + DAY + 4000)
    for of in store.evidence.unsealed():
        store.evidence.seal(of)
    return tmp_path / "packet.zip"


@pytest.fixture
def export_to(motcua: Motcua, tmp_path: Path) -> Callable[..., test_cli.Done]:
    where = ("-c", tmp_path / "catalogue.yaml", "--data", tmp_path / "data")
    return lambda id_, out, *words: motcua("evidence", "export", str(id_), "--out", out, *words, *where)


ExportTo = Callable[..., test_cli.Done]


def test_the_same_incident_gives_the_same_bytes(
    export_to: ExportTo, packed: Path, store: Store, rules: IncidentRules, tmp_path: Path
) -> None:
    for words in ((), ("--with-days",)):
        files = [tmp_path / f"{number}{len(words)}.zip" for number in (1, 2)]
        for file in files:
            assert export_to(2, file, *words).code == 0
        assert files[0].read_bytes() == files[1].read_bytes()
    assert (tmp_path / "10.zip").read_bytes() != (tmp_path / "11.zip").read_bytes()
    # Nor do they change when life goes on: other outages, other settings, other seals.
    store.date_settings({("app", "search"): Settings(60, 10, 5, 5)}, T0 + DAY)
    made = app("UUUDDDDDUUUUU", start=DAY)
    store.record(made, rules.catalogue.settings, rules=rules, received_at=T0 + DAY + 5000)
    store.evidence.clock = lambda: float(T0 + 5 * DAY)
    of_store.seal_all(store)
    assert export_to(2, tmp_path / "30.zip").code == 0
    assert (tmp_path / "30.zip").read_bytes() == (tmp_path / "10.zip").read_bytes()


def test_what_is_in_it(export_to: ExportTo, packed: Path, store: Store) -> None:
    done = export_to(2, packed)
    folder = unpacked(packed)
    names = [str(file.relative_to(folder)) for file in sorted(folder.rglob("*")) if file.is_file()]
    assert names == [
        "PHUONG-PHAP.md", "QUY-TRINH.md", "SHA256SUMS", "awk/gian-doan.awk", "awk/mat-tam-quan-sat.awk",
        "awk/trang-thai.awk", "digests.txt", "evidence.jsonl", "incident.json", "outcomes.jsonl", "seals.txt",
        "settings.json",
    ]  # fmt: skip
    tries = [json.loads(line) for line in (folder / "outcomes.jsonl").read_text(encoding="utf-8").splitlines()]
    kept = [(o.due_at, o.system, o.check, o.location, o.try_) for o in store.outcomes(0, 1 << 60)]
    identities = [tuple(t[name] for name in ("due_at", "system", "check", "location", "try")) for t in tries]
    assert set(identities) <= set(kept)
    assert identities == sorted(identities)
    assert {t["location"] for t in tries} == {"office"}
    assert {t["system"] for t in tries} == {"app", "bus", "_control"}
    assert "forms" not in {t["check"] for t in tries}
    assert len((folder / "evidence.jsonl").read_text(encoding="utf-8").splitlines()) == 14  # the bus 4, search 10
    assert done.err == f"{len(tries)} outcomes, 14 pieces of evidence: {packed}\n"
    assert min(t["due_at"] for t in tries) >= (T0 - 10) * 1000
    (day_,) = measured(folder)["days"]
    assert measured(folder)["days"][day_] == store.evidence.seals()[0].digest
    assert (folder / "seals.txt").read_text(encoding="utf-8") == f"# {SIMULATED}\n{store.evidence.seals()[0].line}\n"
    for page in ("QUY-TRINH.md", "PHUONG-PHAP.md"):
        text = (folder / page).read_text(encoding="utf-8")
        assert f"**{SIMULATED}**" in text
        assert max(map(len, text.splitlines())) < 130
    assert measured(folder)["marking"] == SIMULATED
    assert json.loads((folder / "settings.json").read_text(encoding="utf-8"))["simulated"] is True
    with zipfile.ZipFile(packed) as file:
        assert file.comment.decode() == SIMULATED


def test_with_the_days_the_seals_are_made_again(export_to: ExportTo, packed: Path, store: Store) -> None:
    done = export_to(2, packed, "--with-days")
    assert done.code == 0
    assert "Đóng gói" in done.err
    folder = unpacked(packed)
    said = follow(folder)
    assert f"Con dấu ngày {store.evidence.seals()[0].day}: đúng" in said
    assert "Số dòng không nằm dưới con dấu nào: 0" in said
    # And what was put in afterwards is not under them.
    tries = folder / "outcomes.jsonl"
    tries.write_text(tries.read_text(encoding="utf-8").replace('"seconds":0.2', '"seconds":0.3', 1), encoding="utf-8")
    done_ = subprocess.run(
        ["bash", "-c", commands(folder)], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    assert "Số dòng không nằm dưới con dấu nào: 1" in done_.stdout


def test_evidence_that_was_changed_does_not_match_its_digest(export_to: ExportTo, packed: Path) -> None:
    assert export_to(2, packed).code == 0
    folder = unpacked(packed)
    told_ = folder / "evidence.jsonl"
    told_.write_text(told_.read_text(encoding="utf-8").replace("HTTP 503", "HTTP 500", 1), encoding="utf-8")
    done = subprocess.run(
        ["bash", "-c", commands(folder)], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    assert "Chứng cứ khớp mã băm" not in done.stdout


def test_no_file_is_overwritten_unasked(export_to: ExportTo, packed: Path) -> None:
    packed.write_text("other", encoding="utf-8")
    done = export_to(2, packed)
    assert (done.code, done.line) == (2, f"motcua: {packed} exists; --force overwrites it")
    assert packed.read_text(encoding="utf-8") == "other"
    assert export_to(2, packed, "--force").code == 0
    assert zipfile.is_zipfile(packed)


def test_a_failure_on_the_way_leaves_nothing(
    export_to: ExportTo, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Iterator[str]:
        yield "a\n"
        raise StoreError("the database has gone")

    monkeypatch.setattr(EvidenceBook, "content", failing)
    before = sorted(packed.parent.iterdir())
    done = export_to(2, packed, "--with-days")
    assert done.code == 1
    assert done.err.splitlines()[-1] == "motcua: the database has gone"
    assert sorted(packed.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("99",), 2, "there is no incident 99"),
        (("0",), 2, "0 is not in the range"),
        (("2", "--out", "none/packet.zip"), 2, "none/packet.zip: can't write: No such file or directory"),
        (("2", "--out", "."), 2, "is a directory"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    motcua: Motcua, packed: Path, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    out = () if "--out" in words else ("--out", packed)
    where = ("-c", tmp_path / "catalogue.yaml", "--data", tmp_path / "data")
    done = motcua("evidence", "export", *words, *out, *where)
    assert done.code == code
    assert said in done.line
    assert not packed.exists()


def test_what_was_not_measured_has_no_evidence(
    motcua: Motcua, export_to: ExportTo, packed: Path, store: Store, tmp_path: Path
) -> None:
    reported = store.incidents.report("app", Severity.S3, "mot_cua", "Không in được giấy hẹn", start=T0)
    done = export_to(reported.id, packed)
    assert done.code == 2
    assert "told by desk staff: nothing was measured" in done.line
    done = motcua("evidence", "show", str(reported.id), "-c", tmp_path / "catalogue.yaml", "--data", tmp_path / "data")
    assert (done.code, "told by desk staff" in done.line) == (2, True)


def test_outcomes_that_are_gone_are_not_made_up(export_to: ExportTo, packed: Path, store: Store) -> None:
    of_store.run(store, f"DELETE FROM outcomes WHERE due_at > {(T0 + 200) * 1000}")
    done = export_to(2, packed)
    assert done.code == 1
    assert "the outcomes that are kept do not give incident 2 again" in done.line
    assert not packed.exists()


# --- show -------------------------------------------------------------------------------------------------------------


def test_what_was_seen_is_shown(motcua: Motcua, packed: Path, store: Store, tmp_path: Path) -> None:
    where = ("-c", tmp_path / "catalogue.yaml", "--data", tmp_path / "data")
    done = motcua("evidence", "show", "2", *where)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(SIMULATED)
    assert "Chứng cứ của sự cố 2: Một cửa" in done.out
    body = json.loads(motcua("evidence", "show", "2", "--json", *where).out)
    assert (body["simulated"], body["incident"], body["system"]) == (True, 2, "app")
    assert {e["system"] for e in body["evidence"]} == {"app", "bus"}
    assert f"{body['failed_tries']} lần đo lỗi, {len(body['evidence'])} lần có chứng cứ" in done.out
    starts = [e["started_at"] for e in body["evidence"]]
    assert starts == sorted(starts)
    sealed = store.evidence.seals()[0].day
    for one in body["evidence"]:
        assert one["sealed"] == sealed.isoformat()
        assert f"SHA-256       {one['digest']}" in done.out
    for said in (
        "Kiểm tra      Một cửa, search, từ Văn phòng, lần thử 1",
        "Lỗi           truy vấn: máy chủ báo lỗi (HTTP 5xx)",
        "Yêu cầu       GET http://app.invalid/search?code=***",
        "Trả lời       HTTP 503, 512 byte, từ 192.0.2.7:443",
        "Tiêu đề       content-type: text/html",
        f"Niêm phong    ngày {sealed:%d/%m/%Y} (UTC)",
    ):
        assert said in done.out
