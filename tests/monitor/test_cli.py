"""The command: what it says, where, and with which exit code. A user never meets a traceback."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from sqlalchemy import create_engine, text

from connectors.sandbox import Sandbox
from monitor import __version__, cli, wiring
from monitor.cli import looking, running, setting_up
from monitor.model import Reason
from monitor.store import Store
from monitor.words import SIMULATED
from tests import processes
from tests.connectors.harness import ENGINE_WARNS
from tests.monitor.province import CATALOGUE, NOW, TODAY, load, outcome, series_of_a_day, store_in

pytestmark = ENGINE_WARNS
EXAMPLE = processes.EXAMPLE
NOBODY = "http://127.0.0.1:9"  # the port of `discard`: nobody listens there
BAD_CATALOGUES = sorted((Path(__file__).parent / "catalogue_bad").glob("*.yaml"))
FOR_OTHER_KINDS = ("options_of_check_together", "options_of_system_and_check_together")  # than those that there are


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line of an error."""
        assert self.out == ""
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1, self.err
        return self.err[:-1]


Motcua = Callable[..., Done]


@pytest.fixture
def motcua(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Motcua]:
    """`motcua words...` in this process, in a folder of its own, with no settings but those in `env`."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for commands in (looking, running, setting_up):
        monkeypatch.setattr(commands, "log_to_stderr", lambda **_: None)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path, env: Mapping[str, str] | None = None) -> Done:
        capfd.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["motcua", *map(str, words)])
            for name in [name for name in os.environ if name.startswith("MOTCUA_")]:
                patch.delenv(name)
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                cli.main()
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, out, err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    load(tmp_path)
    return tmp_path / "catalogue.yaml"


@pytest.fixture
def data(tmp_path: Path, catalogue: Path) -> Path:
    """A data folder that holds the province's day."""
    folder = tmp_path / "data"
    with store_in(folder) as store:
        store.record(series_of_a_day(), load(tmp_path).settings)
    return folder


@pytest.fixture(scope="module")
def province() -> Iterator[Sandbox]:
    with processes.sandbox() as running:
        yield running


@pytest.fixture
def sandbox(province: Sandbox) -> Iterator[Sandbox]:
    yield province
    province.clear()


@pytest.fixture
def at_sandbox(sandbox: Sandbox) -> dict[str, str]:
    return {"MOTCUA_SANDBOX_API": sandbox.addresses.api}


# --- help -------------------------------------------------------------------------------------------------------------


def commands(
    group: click.Group = cli.cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = dict(commands())
assert len(COMMANDS) > 60, "there are commands that no test looks at"
NAMES = [" ".join(path) for path in COMMANDS]


def examples(path: tuple[str, ...]) -> list[list[str]]:
    """The example lines in a command's help, as words, without variables before and redirections behind."""
    lines = re.findall(r"(?:^|Example: +|^ +)((?:\w+=\S+ )*motcua .*)", COMMANDS[path].help or "", re.MULTILINE)
    return [shlex.split(re.sub(r"^(\w+=\S+ )*motcua | > .*", "", line)) for line in lines]


@pytest.mark.parametrize("path", COMMANDS, ids=NAMES)
def test_every_command_explains_itself_with_an_example(motcua: Motcua, path: tuple[str, ...]) -> None:
    done = motcua(*path, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"Usage: motcua {' '.join(path)}" in done.out
    assert "Example: " in done.out
    assert any(words[: len(path)] == list(path) for words in examples(path)), "the example is of another command"


@pytest.mark.parametrize("path", COMMANDS, ids=NAMES)
def test_every_example_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: tuple[str, ...]) -> None:
    called: list[tuple[str, ...]] = []
    for name, command in COMMANDS.items():
        monkeypatch.setattr(command, "callback", lambda *_, name=name, **__: called.append(name))
    monkeypatch.chdir(tmp_path)
    Path("october.jsonl").touch()
    for words in examples(path):
        cli.cli.main(words, standalone_mode=False)
        assert called[-1][: len(path)] == path


def test_alone_it_shows_its_commands(motcua: Motcua) -> None:
    done = motcua()
    assert done.code in (0, 2)  # click 8.1 and 8.2
    shown = done.out + done.err
    assert all(re.search(rf"^  {name[0]} ", shown, re.MULTILINE) for name in COMMANDS if len(name) == 1)


def test_version(motcua: Motcua) -> None:
    assert motcua("--version") == (0, f"motcua {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["upp"], "motcua: No such command 'upp'"),
        (["up", "--sandbox", "--data"], "motcua: Option '--data' requires an argument"),
        (["probe"], "motcua probe: Missing argument 'SYSTEM'"),
        (["up", "--prot", "1"], "motcua up: No such option"),
        (["up", "--port", "99999"], "motcua up: Invalid value for '--port': 99999 is not in the range 0<=x<=65535"),
        (["up", "--for", "1x"], "motcua up: Invalid value for '--for': '1x' is no duration; write 90s, 5m or 2h"),
        (["up", "--for", "0"], "motcua up: Invalid value for '--for': '0' is no duration; write 90s, 5m or 2h"),
        (["up", "--for", "nan"], "motcua up: Invalid value for '--for': 'nan' is no duration; write 90s, 5m or 2h"),
        (["up", "--sandbox", "-c", "x.yaml"], "motcua up: --sandbox brings its own catalogue; leave --catalogue out"),
        (["outcomes", "export", "--since", "01/10/2026"], "motcua outcomes export: Invalid value for '--since'"),
        (["outcomes", "import", "none.jsonl"], "motcua outcomes import: Invalid value for 'FILE'"),
        (["sandbox", "fault", "a", "b", "--set", "delay"], "motcua sandbox fault: Invalid value for --set"),
        (["sandbox", "show", "--api", "nowhere"], "motcua sandbox show: Invalid value for '--api'"),
        (["sandbox", "show", "--api", "http://h:port"], "motcua sandbox show: Invalid value for '--api'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_words_that_are_wrong_are_said_in_one_line(motcua: Motcua, words: list[str], said: str) -> None:
    done = motcua(*words)
    assert done.code == 2
    assert done.line.startswith(said)
    assert re.search(r"; see motcua( \w+)* --help$", done.line)


# --- catalogue --------------------------------------------------------------------------------------------------------

NEEDS_CATALOGUE = [
    ["status"], ["probe", "igate"], ["rebuild"], ["web"], ["up"], ["outcomes", "import", "catalogue.yaml"],
    ["scheduler"], ["worker"], ["record"],
]  # fmt: skip


@pytest.mark.parametrize("words", NEEDS_CATALOGUE, ids=" ".join)
def test_without_a_catalogue_it_says_how_to_get_one(motcua: Motcua, catalogue: Path, words: list[str]) -> None:
    done = motcua(*words, *(["--port", "0"] if words[0] in ("up", "web") else []))
    assert done.code == 2
    assert "--catalogue" in done.line
    assert "motcua init" in done.line


@pytest.mark.parametrize("words", NEEDS_CATALOGUE, ids=" ".join)
def test_a_catalogue_that_is_not_there(motcua: Motcua, catalogue: Path, words: list[str]) -> None:
    port = ["--port", "0"] if words[0] in ("up", "web") else []
    done = motcua(*words, *port, env={"MOTCUA_CATALOGUE": "nowhere.yaml"})
    assert done.code == 2
    assert done.line.startswith("nowhere.yaml:1:1: ")


@pytest.mark.parametrize("path", [p for p in BAD_CATALOGUES if p.stem not in FOR_OTHER_KINDS], ids=lambda p: p.stem)
def test_each_problem_of_a_catalogue_is_one_line_with_its_place(motcua: Motcua, path: Path) -> None:
    done = motcua("validate", path)
    assert (done.code, done.out) == (2, "")
    for line in done.err.splitlines():
        assert re.fullmatch(rf"{re.escape(str(path))}:\d+:\d+: \S+: \S.*", line), line


def test_validate_says_all_problems_at_once(motcua: Motcua, catalogue: Path) -> None:
    broken = CATALOGUE.replace("Asia/Ho_Chi_Minh", "Asia/Sai_Gon")
    broken = broken.replace("party: vendor\n    contract", "party: vendr\n    contract").replace("99.5%", "995%")
    catalogue.write_text(broken, encoding="utf-8")
    done = motcua("validate", catalogue)
    assert done.code == 2
    first, second, third = done.err.splitlines()
    assert "province.timezone" in first
    assert "contracts.hire.objective" in second
    assert "systems.igate.party: unknown party vendr; did you mean vendor" in third


def test_validate_says_that_all_is_well(motcua: Motcua, catalogue: Path) -> None:
    done = motcua("validate", catalogue)
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(rf"{re.escape(str(catalogue))}: 4 systems, catalogue [0-9a-f]{{16}}\n", done.out)


def test_validate_warns_of_what_does_not_hinder(motcua: Motcua, tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "literal.yaml"
    secret = "${MOTCUA_SANDBOX_PASSWORD}"
    path.write_text(EXAMPLE.read_text(encoding="utf-8").replace(secret, "viet-thang-ra"), encoding="utf-8")
    done = motcua("validate", path, env=sandbox.environment)
    assert done.code == 0
    assert done.err.startswith("warning: ")
    assert "viet-thang-ra" not in done.out + done.err


def test_validate_live_logs_in(motcua: Motcua, sandbox: Sandbox) -> None:
    done = motcua("validate", "--live", EXAMPLE, env=sandbox.environment)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:6] == [
        "igate: login ok",
        "bus: login ok",
        "national_portal: login ok",
        "population: login ok",
        "national_site: no login needed",
        "shared_catalogue: no login needed",
    ]


def test_validate_live_says_whose_password_is_wrong(motcua: Motcua, sandbox: Sandbox) -> None:
    done = motcua("validate", "--live", EXAMPLE, env={**sandbox.environment, "MOTCUA_SANDBOX_PASSWORD": "sai-roi"})
    assert done.code == 1
    assert "igate: login failed: đăng nhập: đăng nhập không thành công (auth_failed)" in done.out
    assert "sai-roi" not in done.out + done.err


def test_the_schema_is_one_and_fits_the_example(motcua: Motcua) -> None:
    done = motcua("schema")
    assert (done.code, done.err) == (0, "")
    schema = json.loads(done.out)
    validator = jsonschema.validators.validator_for(schema)
    assert validator is jsonschema.Draft202012Validator
    validator.check_schema(schema)
    example = json.loads(json.dumps(yaml.load(EXAMPLE.read_text(encoding="utf-8"), yaml.BaseLoader)))
    unknown = {**example, "sytems": {}}
    assert not [e for e in validator(schema).iter_errors(example) if e.validator == "additionalProperties"]
    assert [e for e in validator(schema).iter_errors(unknown) if e.validator == "additionalProperties"]


def test_init_writes_a_catalogue_that_is_valid_once_its_variables_are_set(motcua: Motcua, tmp_path: Path) -> None:
    done = motcua("init")
    assert (done.code, done.err) == (0, "")
    assert "motcua validate catalogue.yaml" in done.out
    text = (tmp_path / "catalogue.yaml").read_text(encoding="utf-8")
    names = set(re.findall(r"^[^#\n]*\$\{(\w+)\}", text, re.MULTILINE))
    env = {name: "http://127.0.0.1:9/" if name.endswith("URL") else "x" for name in names}
    assert motcua("validate", "catalogue.yaml", env=env).code == 0


def test_init_leaves_an_existing_file_alone(motcua: Motcua, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("của tôi", encoding="utf-8")
    done = motcua("init", mine)
    assert done.code == 2
    assert done.line == f"motcua: {mine} exists already; name another file"
    assert mine.read_text(encoding="utf-8") == "của tôi"


def test_init_where_nothing_can_be_written(motcua: Motcua, tmp_path: Path) -> None:
    done = motcua("init", tmp_path / "none" / "x.yaml")
    assert done.code == 2
    assert done.line.endswith("can't write: No such file or directory")


# --- store ------------------------------------------------------------------------------------------------------------

READS_STORE = [["status"], ["rebuild"], ["outcomes", "export"], ["web", "--port", "0"]]


def with_catalogue(words: list[str], catalogue: Path) -> list[str | Path]:
    needs: list[str | Path] = [] if words == ["outcomes", "export"] else ["-c", catalogue]
    return [*words, *needs]


@pytest.mark.parametrize("words", READS_STORE, ids=" ".join)
class TestStore:
    def test_that_is_not_there(self, motcua: Motcua, catalogue: Path, tmp_path: Path, words: list[str]) -> None:
        done = motcua(*with_catalogue(words, catalogue), "--data", tmp_path / "none")
        assert done.code == 2
        assert done.line == f"motcua: {tmp_path}/none: there is no store; `motcua up --data {tmp_path}/none` makes one"
        assert not (tmp_path / "none").exists()

    def test_that_is_a_file(self, motcua: Motcua, catalogue: Path, words: list[str]) -> None:
        done = motcua(*with_catalogue(words, catalogue), "--data", catalogue)
        assert done.code == 2
        assert "is a file" in done.line

    def test_that_is_no_database(self, motcua: Motcua, catalogue: Path, tmp_path: Path, words: list[str]) -> None:
        (tmp_path / "motcua.db").write_text("x" * 5000)
        done = motcua(*with_catalogue(words, catalogue), "--data", tmp_path)
        assert done.code == 2
        assert done.line == f"motcua: {tmp_path}/motcua.db: this is not a motcua database: not an SQLite file"

    def test_that_is_newer(self, motcua: Motcua, catalogue: Path, data: Path, words: list[str]) -> None:
        engine = create_engine(f"sqlite:///{data}/motcua.db")
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'f999'"))
        engine.dispose()
        done = motcua(*with_catalogue(words, catalogue), "--data", data)
        assert done.code == 2
        assert "its tables are of a newer motcua (revision f999); upgrade the program" in done.line

    def test_that_is_empty(self, motcua: Motcua, catalogue: Path, tmp_path: Path, words: list[str]) -> None:
        """As after a kill at the very first start."""
        (tmp_path / "motcua.db").touch()
        done = motcua(*with_catalogue(words, catalogue), "--data", tmp_path)
        assert done.code == 2
        assert "motcua upgrade" in done.line
        assert motcua("upgrade", "--data", tmp_path).code == 0
        if words[0] != "web":  # it would serve
            assert motcua(*with_catalogue(words, catalogue), "--data", tmp_path).code == 0

    def test_that_does_not_answer(self, motcua: Motcua, catalogue: Path, words: list[str]) -> None:
        url = "postgresql://motcua:mat-khau@127.0.0.1:9/motcua"
        done = motcua(*with_catalogue(words, catalogue), env={"MOTCUA_DATABASE_URL": url})
        assert done.code == 1
        assert done.line.endswith("127.0.0.1:9/motcua: nothing answers there")
        assert "mat-khau" not in done.err

    @pytest.mark.parametrize(
        "url", ["postgresql//motcua:mat-khau@h", "mysql://a:mat-khau@h/b", "mat-khau", "sqlite://"]
    )
    def test_whose_address_is_none(self, motcua: Motcua, catalogue: Path, words: list[str], url: str) -> None:
        done = motcua(*with_catalogue(words, catalogue), env={"MOTCUA_DATABASE_URL": url})
        assert done.code == 2
        assert "mat-khau" not in done.line


def test_a_data_folder_that_cannot_be_made(motcua: Motcua, catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for words in (
        ["up", "--port", "0", "-c", catalogue, "-l", "office"],
        ["up", "--port", "0", "--sandbox"],
        ["upgrade"],
    ):
        done = motcua(*words, "--data", tmp_path / "file" / "data")
        assert done.code == 2
        assert done.line == f"motcua: {tmp_path}/file/data: can't make the data folder: Not a directory"


@pytest.mark.parametrize("words", [["scheduler"], ["record"]], ids=" ".join)
def test_production_parts_never_make_a_store_of_their_own(motcua: Motcua, catalogue: Path, words: list[str]) -> None:
    """They would each write one that nobody reads."""
    env = {"MOTCUA_BROKER_URL": "redis://127.0.0.1:9/0"}
    for more in ({}, {"MOTCUA_DATABASE_URL": ""}):
        done = motcua(*words, "-c", catalogue, env=env | more)
        assert done.code == 2
        assert done.line.startswith("motcua: MOTCUA_DATABASE_URL is not set; ")
    assert not (catalogue.parent / "data").exists()


@pytest.mark.parametrize("words", [["scheduler"], ["record"]], ids=" ".join)
def test_production_parts_end_when_the_store_does_not_answer(motcua: Motcua, catalogue: Path, words: list[str]) -> None:
    env = {"MOTCUA_BROKER_URL": "redis://127.0.0.1:9/0", "MOTCUA_DATABASE_URL": "postgresql://a:mat-khau@127.0.0.1:9/b"}
    done = motcua(*words, "-c", catalogue, env=env)
    assert done.code == 1
    assert done.line.endswith("nothing answers there")


@pytest.mark.parametrize("words", [["scheduler"], ["worker", "-l", "office"], ["record"]], ids=" ".join)
@pytest.mark.parametrize("url", ["", "nonsense", "redis://", "redis://h:port/0", "http://h:1/", "amqp://a:mat-khau@h/"])
def test_production_parts_need_a_broker(motcua: Motcua, catalogue: Path, words: list[str], url: str) -> None:
    done = motcua(*words, "-c", catalogue, env={"MOTCUA_BROKER_URL": url, "MOTCUA_DATABASE_URL": "sqlite:///x.db"})
    assert done.code == 2
    assert done.line.startswith("motcua: MOTCUA_BROKER_URL is n")
    assert "redis://redis:6379/0" in done.line
    assert "mat-khau" not in done.line


@pytest.mark.parametrize("words", [["web"], ["up"]], ids=" ".join)
def test_a_busy_port(motcua: Motcua, catalogue: Path, words: list[str]) -> None:
    with wiring.listener("127.0.0.1", 0) as busy:
        port = busy.getsockname()[1]
        done = motcua(*words, "-c", catalogue, "--port", port)
    assert done.code == 2
    assert done.line == f"motcua: port {port} on 127.0.0.1: Address already in use; choose another with --port"
    assert not (catalogue.parent / "data").exists()


def test_one_writer_at_a_time(motcua: Motcua, catalogue: Path, data: Path) -> None:
    file = catalogue.parent / "some.jsonl"
    assert motcua("outcomes", "export", "--data", data, "--out", file).code == 0
    with store_in(data) as store, store.recorder_lock():
        for words in (["outcomes", "import", file], ["rebuild"]):
            done = motcua(*words, "-c", catalogue, "--data", data)
            assert done.code == 1
            assert done.err.splitlines()[-1] == f"motcua: {data}/motcua.db: another recorder is active on it"


# --- status and probe -------------------------------------------------------------------------------------------------


@pytest.fixture
def now(tmp_path: Path) -> Path:
    """A data folder in which igate fails right now."""
    folder, at = tmp_path / "now", time.time()
    with store_in(folder) as store:
        store.record(
            [outcome("igate", "search", at - 10 + 2 * n, Reason.HTTP_5XX, try_=n + 1, late=2 * n) for n in range(3)],
            load(tmp_path, TODAY).settings,
        )
    return folder


def test_status_says_it_in_words(motcua: Motcua, now: Path, catalogue: Path) -> None:
    catalogue.write_text(TODAY, encoding="utf-8")
    done = motcua("status", "-c", catalogue, "--data", now)
    assert (done.code, done.err) == (0, "")
    assert SIMULATED in done.out
    (row,) = [line for line in done.out.splitlines() if "Một cửa điện tử" in line]
    assert "Gián đoạn" in row
    assert "truy vấn: máy chủ báo lỗi (HTTP 5xx)" in row


def test_status_for_programs(motcua: Motcua, now: Path, catalogue: Path) -> None:
    catalogue.write_text(TODAY, encoding="utf-8")
    done = motcua("status", "-c", catalogue, "--data", now, "--json")
    body = json.loads(done.out)
    assert (done.code, body["simulated"], body["province"]) == (0, True, "tinh_thu")
    igate = body["systems"][0]
    assert (igate["state"], igate["step"], igate["reason"]) == ("down", "request", "http_5xx")


def test_probe_of_a_system_that_is_well(motcua: Motcua, at_sandbox: dict[str, str]) -> None:
    done = motcua("probe", "igate", "--sandbox", env=at_sandbox)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(SIMULATED)
    assert "igate/one_stop từ van_phong: ● up" in done.out
    for step in ("token", "portal", "search", "procedures"):
        assert re.search(rf"^ *{step} +up .* 200 *$", done.out, re.MULTILINE)
    assert "mat-khau-mo-phong" not in done.out
    assert "Bearer" not in done.out


def test_probe_of_one_that_fails(motcua: Motcua, sandbox: Sandbox, at_sandbox: dict[str, str]) -> None:
    sandbox.fault("igate.search", "http_503")
    done = motcua("probe", "igate", "--check", "one_stop", "--sandbox", env=at_sandbox)
    assert (done.code, done.err) == (1, "")
    assert "■ down (tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx))" in done.out
    assert re.search(r"procedures +bỏ qua", done.out)


def test_probe_for_programs(motcua: Motcua, sandbox: Sandbox, at_sandbox: dict[str, str]) -> None:
    sandbox.fault("national.home", "close")
    done = motcua("probe", "national_site", "--sandbox", "--json", env=at_sandbox)
    body = json.loads(done.out)
    (one,) = body["outcomes"]
    assert (done.code, body["simulated"]) == (1, True)
    assert (one["verdict"], one["reason"], one["try"]) == ("down", "empty_reply", 0)
    assert one["steps"][0]["exchange"]["request"].startswith("GET http://127.0.0.1:")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["probe", "igat"], "system igat is not in the catalogue (igate, portal, retired, coming)"),
        (["probe", "igate", "--check", "serch"], "igate has no check serch at office (search, login, forms)"),
        (["probe", "igate", "-l", "ofice"], "location ofice is not in the catalogue (office, branch)"),
    ],
)
def test_probe_of_what_there_is_not(motcua: Motcua, catalogue: Path, words: list[str], said: str) -> None:
    done = motcua(*words, "-c", catalogue, *([] if "-l" in words else ["-l", "office"]))
    assert (done.code, done.line) == (2, f"motcua: {said}")


def test_probe_from_several_locations_wants_to_know_from_which(motcua: Motcua, catalogue: Path) -> None:
    done = motcua("probe", "igate", "-c", catalogue)
    assert (done.code, done.line) == (2, "motcua: several locations: choose one with --location (office, branch)")


@pytest.mark.parametrize(
    "words",
    [
        ["probe", "igate", "--sandbox"], ["status", "--sandbox"], ["sandbox", "show"], ["sandbox", "clear"],
        ["sandbox", "fault", "igate.search", "http_503"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_sandbox_runs(motcua: Motcua, words: list[str]) -> None:
    done = motcua(*words, env={"MOTCUA_SANDBOX_API": NOBODY})
    assert done.code == 1
    assert done.line.startswith(f"motcua: no sandbox answers at {NOBODY} (")
    assert done.line.endswith("start one with `motcua sandbox`")


@pytest.mark.parametrize("words", [["probe", "igate", "--sandbox"], ["sandbox", "show"]], ids=" ".join)
def test_an_address_of_the_sandbox_that_is_none(motcua: Motcua, words: list[str]) -> None:
    done = motcua(*words, env={"MOTCUA_SANDBOX_API": "127.0.0.1:18080"})
    assert done.code == 2
    assert "'127.0.0.1:18080' is no address; write http://127.0.0.1:18080" in done.line


# --- sandbox ----------------------------------------------------------------------------------------------------------


def test_faults_are_switched(motcua: Motcua, sandbox: Sandbox, at_sandbox: dict[str, str]) -> None:
    done = motcua("sandbox", "fault", "igate.search", "slow", "--for", "5m", "--set", "delay=0.5", env=at_sandbox)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{SIMULATED}: ")
    shown = json.loads(motcua("sandbox", "show", env=at_sandbox).out)
    (active,) = shown["active"]
    assert (active["route"], active["fault"], active["for"], active["params"]) == (
        "igate.search", "slow", 300.0, {"delay": 0.5},
    )  # fmt: skip
    assert motcua("sandbox", "clear", env=at_sandbox) == (0, "1 switched off\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fault", "igate.serch", "http_503"], "no route 'igate.serch'; did you mean 'igate.search'?"),
        (["fault", "igate.search", "http_53"], "no fault 'http_53'; did you mean 'http_503'?"),
        (["clear", "igate.tokn"], "no route 'igate.tokn'; did you mean 'igate.token'?"),
    ],
)
def test_a_fault_that_there_is_not(motcua: Motcua, at_sandbox: dict[str, str], words: list[str], said: str) -> None:
    done = motcua("sandbox", *words, env=at_sandbox)
    assert (done.code, done.line) == (2, f"motcua: {said}")


# --- outcomes ---------------------------------------------------------------------------------------------------------


def exported(motcua: Motcua, data: Path, *words: str) -> list[dict[str, Any]]:
    done = motcua("outcomes", "export", "--data", data, *words)
    assert (done.code, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


def test_export_has_every_outcome_once_in_order(motcua: Motcua, data: Path) -> None:
    lines = exported(motcua, data)
    assert len(lines) == len(series_of_a_day())
    identities = [(o["due_at"], o["system"], o["check"], o["location"], o["try"]) for o in lines]
    assert len(set(identities)) == len(identities)
    assert [identity[0] for identity in identities] == sorted(identity[0] for identity in identities)
    assert {o["origin"] for o in lines} == {"measured"}


def test_export_of_a_part(motcua: Motcua, data: Path) -> None:
    whole = exported(motcua, data)
    cut = NOW - 300
    since = exported(motcua, data, "--since", "2026-10-01T11:55")
    until = exported(motcua, data, "--until", "2026-10-01T11:55:00+07:00")
    assert since == [o for o in whole if o["due_at"] >= cut * 1000]
    assert since + until != whole
    assert sorted(map(str, since + until)) == sorted(map(str, whole))
    assert exported(motcua, data, "--system", "portal") == [o for o in whole if o["system"] == "portal"]
    assert exported(motcua, data, "--system", "none") == []
    assert exported(motcua, data, "--since", "2026-10-02") == []


def test_instants_are_the_provinces_unless_said_otherwise(motcua: Motcua, data: Path) -> None:
    whole = exported(motcua, data)
    done = motcua("outcomes", "export", "--data", data, "--since", "2026-10-01T05:00", env={"MOTCUA_ZONE": "UTC"})
    assert done.out == ""
    done = motcua("outcomes", "export", "--data", data, "--until", "2026-10-01T05:00", env={"MOTCUA_ZONE": "UTC"})
    assert done.out.count("\n") == len(whole)


@pytest.mark.parametrize("zone", ["Asia/Sai_Gon", "../etc/passwd", "/etc/passwd", "\udcff", "Asia"])
def test_a_zone_that_is_none(motcua: Motcua, data: Path, zone: str) -> None:
    done = motcua("outcomes", "export", "--data", data, "--since", "2026-10-01", env={"MOTCUA_ZONE": zone})
    assert done.code == 2
    assert done.line.startswith("motcua: MOTCUA_ZONE: ")


def test_export_then_import_is_the_same_but_for_its_origin(
    motcua: Motcua, data: Path, catalogue: Path, tmp_path: Path
) -> None:
    file, other = tmp_path / "all.jsonl", tmp_path / "other"
    done = motcua("outcomes", "export", "--data", data, "--out", file)
    count = len(series_of_a_day())
    assert (done.code, done.line) == (0, f"{count} outcomes written to {file}")
    assert not list(tmp_path.glob("*.part"))
    done = motcua("outcomes", "import", file, "--data", other, "-c", catalogue)
    assert done.code == 0
    assert done.err.splitlines()[-1] == f"{count} new of {count}, 0 known already, 0 of those in conflict"
    assert exported(motcua, other) == [{**o, "origin": "imported"} for o in exported(motcua, data)]
    assert status_at(other, catalogue) == status_at(data, catalogue)


def test_import_twice_is_nothing_new(motcua: Motcua, data: Path, catalogue: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    motcua("outcomes", "export", "--data", data, "--out", file)
    before = exported(motcua, data)
    count = len(before)
    done = motcua("outcomes", "import", file, "--data", data, "-c", catalogue)
    assert done.code == 0
    assert done.err.splitlines()[-1] == f"0 new of {count}, {count} known already, 0 of those in conflict"
    assert exported(motcua, data) == before


BAD_LINES = {
    "not json": "{",
    "another object": '{"a": 1}',
    "a list": "[1]",
    "seconds instead of ms": '{"system": "s", "check": "c", "location": "l", "due_at": 1790830800}',
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_stops_an_import_before_anything_is_written(
    motcua: Motcua, data: Path, catalogue: Path, tmp_path: Path, bad: str
) -> None:
    file, other = tmp_path / "all.jsonl", tmp_path / "other"
    motcua("outcomes", "export", "--data", data, "--out", file)
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*lines[:40], bad, *lines[40:]]) + "\n", encoding="utf-8")
    done = motcua("outcomes", "import", file, "--data", other, "-c", catalogue)
    assert done.code == 2
    assert done.line.startswith(f"motcua: {file}:41: ")
    assert done.line.endswith("; nothing was imported")
    assert not other.exists()


@pytest.mark.parametrize("name", ["due_at", "started_at"])
def test_a_line_from_the_future_stops_an_import_too(
    motcua: Motcua, data: Path, catalogue: Path, tmp_path: Path, name: str
) -> None:
    file, other = tmp_path / "all.jsonl", tmp_path / "other"
    motcua("outcomes", "export", "--data", data, "--out", file)
    lines = file.read_text(encoding="utf-8").splitlines()
    ahead = json.dumps(json.loads(lines[2]) | {name: round(time.time() * 1000) + 3_600_000})
    file.write_text("\n".join([*lines[:2], ahead, *lines[3:]]) + "\n", encoding="utf-8")
    done = motcua("outcomes", "import", file, "--data", other, "-c", catalogue)
    assert done.code == 2
    assert done.line.startswith(f"motcua: {file}:3: {name} lies in the future; ")
    assert done.line.endswith("; nothing was imported")
    assert not other.exists()


def test_an_import_of_something_else(motcua: Motcua, catalogue: Path, tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(b"\x89PNG\xff\xfe")
    done = motcua("outcomes", "import", file, "--data", tmp_path / "other", "-c", catalogue)
    assert (done.code, done.line) == (2, f"motcua: {file}: not UTF-8 text; export it again")


def test_an_export_that_cannot_be_written_leaves_nothing(motcua: Motcua, data: Path, tmp_path: Path) -> None:
    done = motcua("outcomes", "export", "--data", data, "--out", tmp_path / "none" / "x.jsonl")
    assert (done.code, done.line) == (2, f"motcua: {tmp_path}/none/x.jsonl: can't write: No such file or directory")


def status_at(folder: Path, catalogue: Path) -> tuple[Any, ...]:
    province = load(catalogue.parent)
    with store_in(folder) as store:
        return wiring.read_overview(province, store, NOW), store.boundaries(0, NOW), store.totals()


def test_rebuild_changes_nothing(motcua: Motcua, data: Path, catalogue: Path) -> None:
    before = status_at(data, catalogue)
    assert [system.state for system in before[0]] == ["down", "up"]
    done = motcua("rebuild", "--data", data, "-c", catalogue)
    assert done.code == 0
    assert done.err.splitlines()[-1] == "every outcome was judged again"
    assert status_at(data, catalogue) == before


def test_rebuild_asks_before_it_touches_a_closed_period(motcua: Motcua, data: Path, catalogue: Path) -> None:
    day = NOW - 12 * 3600
    with store_in(data) as store:
        store.periods.close("calendar", "2026-10", day, NOW, at=NOW, by="cli", inputs="0" * 64, figures="[]")
        (kept,) = store.periods.all()
    before = status_at(data, catalogue)
    refused = motcua("rebuild", "--data", data, "-c", catalogue)
    assert refused.code == 2
    assert refused.err.splitlines()[-1].endswith(
        ": closed: 2026-10 (calendar); reopen with `motcua period reopen`, or rebuild with --keep-closed, "
        "which leaves the figures of closed periods as they are"
    )
    assert motcua("rebuild", "--keep-closed", "--data", data, "-c", catalogue).code == 0
    with store_in(data) as store:
        assert store.periods.all() == [kept]
    assert status_at(data, catalogue) == before


def test_rebuild_judges_by_the_settings_of_their_time(motcua: Motcua, data: Path, catalogue: Path) -> None:
    """Not by the catalogue of today: what was an outage stays one."""
    catalogue.write_text(CATALOGUE.replace("{interval: 60s,", "{confirm_down: 9, interval: 60s,"), encoding="utf-8")
    assert motcua("rebuild", "--data", data, "-c", catalogue).code == 0
    load_again = wiring.load_catalogue(catalogue, {})
    with store_in(data) as store:
        states = [system.state for system in wiring.read_overview(load_again, store, NOW)]
    assert states[0] == "down"


# --- ends -------------------------------------------------------------------------------------------------------------


def test_a_bug_is_one_line_and_its_place(motcua: Motcua, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise LookupError("mat-khau")

    monkeypatch.setattr(Store, "outcomes", bug)
    done = motcua("outcomes", "export", "--data", data)
    assert done.code == 70
    assert re.fullmatch(r"motcua: a bug of ours: LookupError at test_cli.py:\d+; MOTCUA_DEBUG=1 shows more", done.line)
    with pytest.raises(LookupError):
        motcua("outcomes", "export", "--data", data, env={"MOTCUA_DEBUG": "1"})


def test_a_full_disk_is_no_bug(motcua: Motcua, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/data/x")

    monkeypatch.setattr(Store, "outcomes", full)
    done = motcua("outcomes", "export", "--data", data)
    assert (done.code, done.line) == (1, "motcua: /data/x: No space left on device")


@contextmanager
def silent_server() -> Iterator[tuple[str, threading.Event]]:
    """It takes a connection and never says anything; the event tells that somebody is waiting."""
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            with server:
                held.append(server.accept()[0])
                asked.set()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        for connection in held:
            connection.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_ends_a_command_that_waits(catalogue: Path, tmp_path: Path, number: signal.Signals, code: int) -> None:
    with silent_server() as (url, asked):
        catalogue.write_text(
            CATALOGUE.replace("base_url: http://127.0.0.1:9}", f"base_url: '{url}'}}"), encoding="utf-8"
        )
        words = ("probe", "igate", "--check", "login", "-l", "office", "-c", catalogue)
        with processes.motcua(*words, folder=tmp_path) as probe:
            assert asked.wait(30)
            probe.signal(number)
            assert probe.wait(5) == code
            assert probe.out.strip() == ""
            assert probe.err.strip() == ""


def test_a_reader_that_has_seen_enough(tmp_path: Path, catalogue: Path) -> None:
    """As in `motcua outcomes export | head -1`: far more than a pipe holds."""
    folder = tmp_path / "data"
    with store_in(folder) as store:
        store.record([outcome("igate", "search", NOW + n) for n in range(2000)], load(tmp_path).settings)
    export = subprocess.Popen(
        [*processes.COMMAND, "outcomes", "export", "--data", folder],
        env=processes.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert export.stdout is not None
    assert export.stderr is not None
    assert json.loads(export.stdout.readline())["due_at"] == NOW * 1000
    export.stdout.close()
    said = export.stderr.read()
    export.stderr.close()
    assert (export.wait(20), said) == (0, b"")


def test_the_sandbox_is_one_until_it_is_ended(tmp_path: Path) -> None:
    with processes.motcua("sandbox", "--port", "0", "--log", "faults.jsonl", folder=tmp_path) as sandbox:
        api = sandbox.until(r"  api +(http://\S+)")[1]
        assert SIMULATED in sandbox.out
        done = processes.run("sandbox", "fault", "national.home", "http_500", "--api", api)
        assert done.returncode == 0
        sandbox.signal(signal.SIGINT)
        assert sandbox.wait(10) == 0
        assert sandbox.err == ""
    log = [json.loads(line) for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    assert [(event["state"], event["fault"]) for event in log] == [("on", "http_500"), ("off", "http_500")]


def test_a_port_of_the_sandbox_that_is_taken(tmp_path: Path) -> None:
    with wiring.listener("127.0.0.1", 0) as busy:
        done = processes.run("sandbox", "--port", str(busy.getsockname()[1]), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"motcua: cannot listen on 127\.0\.0\.1:\d+: Address already in use; .*\n", done.stderr)


def test_a_log_of_the_sandbox_that_cannot_be_written(motcua: Motcua, tmp_path: Path) -> None:
    done = motcua("sandbox", "--port", "0", "--log", tmp_path / "none" / "faults.jsonl")
    assert (done.code, done.line) == (
        2,
        f"motcua: {tmp_path}/none/faults.jsonl: can't write: No such file or directory",
    )
