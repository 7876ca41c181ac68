"""`motcua dashboards`: files of boards, and boards in a Grafana."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards import build
from monitor import __version__
from monitor.cli.boards import NAMES
from tests import servers
from tests.dashboards.reading import ALL_BOARDS
from tests.grafana import EDITOR, VIEWER, Grafana, running
from tests.monitor.test_cli import Motcua, motcua

__all__ = ["motcua"]


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with running() as server:
        yield server


def test_boards_are_written_and_compared(motcua: Motcua, tmp_path: Path) -> None:
    missing = motcua("dashboards", "check", "--out", "boards")
    assert missing.code == 1
    assert missing.out.count("thiếu: boards/") == len(ALL_BOARDS)
    assert not (tmp_path / "boards").exists()
    built = motcua("dashboards", "build", "--out", "boards")
    assert (built.code, built.err) == (0, "")
    assert built.out.endswith(f"{len(ALL_BOARDS)} tệp, ghi mới {len(ALL_BOARDS)}\n")
    written = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "boards").iterdir()}
    assert written == {f"{name}.json": board for name, board in ALL_BOARDS.items()}
    assert motcua("dashboards", "check", "--out", "boards").code == 0
    (tmp_path / "boards/slo.json").write_text("{}", encoding="utf-8")
    changed = motcua("dashboards", "check", "--out", "boards")
    assert (changed.code, changed.out) == (1, f"khác: boards/slo.json\n{len(ALL_BOARDS)} tệp, cần ghi lại 1\n")
    assert motcua("dashboards", "build", "--out", "boards").out.startswith("đã ghi: boards/slo.json\n")


def test_a_checkout_compares_its_own_files(motcua: Motcua) -> None:
    done = motcua("dashboards", "check")
    assert (done.code, done.out) == (0, f"{len(ALL_BOARDS) + 1} tệp, cần ghi lại 0\n")


def test_without_a_checkout_a_folder_has_to_be_named(
    motcua: Motcua, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "ROOT", tmp_path)
    done = motcua("dashboards", "build")
    assert (done.code, done.line) == (2, "motcua: this is no checkout of motcua; name a folder with --out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(motcua: Motcua, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    done = motcua("dashboards", "build", "--out", "taken/boards")
    assert done.code == 1
    assert done.line.startswith("motcua: taken/boards/")
    assert "Not a directory" in done.line


def test_names_are_those_of_the_boards() -> None:
    assert tuple(ALL_BOARDS) == NAMES


def test_all_boards_are_published(motcua: Motcua, grafana: Grafana) -> None:
    done = motcua("dashboards", "publish", "--url", grafana.url, env={"MOTCUA_GRAFANA_TOKEN": EDITOR})
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == f"Tổng quan: {grafana.url}/d/motcua-overview/x (phiên bản 1)"
    assert grafana.boards.keys() == {board["uid"] for board in ALL_BOARDS.values()}
    assert {board["message"] for board in grafana.boards.values()} == {f"motcua {__version__}"}


def test_some_boards_with_a_token_from_a_file(motcua: Motcua, grafana: Grafana, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{EDITOR}\n", encoding="utf-8")
    words = ["dashboards", "publish", "--token-file", "token", "--board", "slo", "--message", "sửa ngưỡng"]
    for version in (1, 2):
        done = motcua(*words, env={"MOTCUA_GRAFANA_URL": grafana.url})
        assert done.code == 0
        assert done.out.endswith(f"(phiên bản {version})\n")
    assert [(uid, board["message"]) for uid, board in grafana.boards.items()] == [("motcua-slo", "sửa ngưỡng")]


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        ([], {"MOTCUA_GRAFANA_TOKEN": EDITOR}, "no Grafana is named"),
        (["--url", "http://127.0.0.1:9"], {}, "no token; set MOTCUA_GRAFANA_TOKEN"),
        (["--url", "http://127.0.0.1:9", "--token-file", "none"], {}, "none: can't read the token: No such file"),
        (["--url", "grafana:3000"], {"MOTCUA_GRAFANA_TOKEN": EDITOR}, "URL is none"),
        (["--url", "http://127.0.0.1:9"], {"MOTCUA_GRAFANA_TOKEN": "two words"}, "the token is empty or has spaces"),
        (["--board", "nothing"], {}, "'nothing' is not one of"),
    ],
)
def test_settings_that_cannot_be_right(motcua: Motcua, words: list[str], env: dict[str, str], said: str) -> None:
    done = motcua("dashboards", "publish", *words, env=env)
    assert done.code == 2
    assert said in done.line
    assert EDITOR not in done.line


@pytest.mark.parametrize(("token", "said"), [("glsa_wrong", "HTTP 401"), (VIEWER, "needs the role Editor (HTTP 403")])
def test_what_grafana_refuses(motcua: Motcua, grafana: Grafana, token: str, said: str) -> None:
    done = motcua("dashboards", "publish", "--url", grafana.url, env={"MOTCUA_GRAFANA_TOKEN": token})
    assert done.code == 1
    assert said in done.line
    assert token not in done.line


def test_boards_before_one_that_is_refused_are_told(motcua: Motcua, grafana: Grafana) -> None:
    grafana.boards["somebodys"] = {"title": ALL_BOARDS["system"]["title"]}
    done = motcua("dashboards", "publish", "--url", grafana.url, env={"MOTCUA_GRAFANA_TOKEN": EDITOR})
    assert done.code == 1
    assert done.out.count("\n") == 1
    assert "board motcua-system: Grafana refuses to overwrite" in done.err


def test_nobody_there(motcua: Motcua) -> None:
    url = f"http://127.0.0.1:{servers.free_port()}"
    done = motcua("dashboards", "publish", "--url", url, env={"MOTCUA_GRAFANA_TOKEN": EDITOR})
    assert (done.code, done.line) == (
        1,
        f"motcua: Grafana at {url} cannot be reached: is it running, is the address right?",
    )
