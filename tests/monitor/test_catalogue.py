"""The catalogue: what a good file gives, and what each bad file in catalogue_bad/ is told.

A bad file names its problems in its first lines: `# line:column: path: what is wrong; hint`. It has these and no
others. To add a rule, add a file.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors import CONNECTORS
from monitor import catalogue
from monitor.catalogue import Catalogue, CatalogueError, load
from monitor.model import Auth, Route, Run, Settings

ROOT = Path(__file__).parents[2]
BAD = sorted((Path(__file__).parent / "catalogue_bad").glob("*.yaml"))

ENV = {
    "PASSWORD": "mat-khau-gia",
    "WRONG": "gia-tri-bi-mat",
    "SHORT": "ngắn",
    "EMPTY": "",
}
SECRETS = [value for value in ENV.values() if value]


# --- small kinds of connectors ----------------------------------------------------------------------------------------


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Wanted(Options):
    path: str
    equals: Any = None


class Web:
    class SystemOptions(Options):
        base_url: str = Field(pattern="^https?://")
        headers: dict[str, SecretStr] = {}
        password: SecretStr | None = None

        @field_validator("password")
        @classmethod
        def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
            if value and len(value.get_secret_value()) < 5:
                raise ValueError(f"the password '{value.get_secret_value()}' is too short")
            return value

    class CheckOptions(Options):
        path: str = "/"
        method: str = "GET"
        status: list[int | str] = ["2xx"]
        fields: list[Wanted] = Field([], alias="json")

        @model_validator(mode="after")
        def _body(self) -> Web.CheckOptions:
            if self.method == "HEAD" and self.fields:
                raise ValueError("HEAD brings no body to look into")
            return self

        @field_validator("method")
        @classmethod
        def _known(cls, value: str) -> str:
            if value not in ("GET", "HEAD"):
                raise ValueError(f"method {value!r} is not GET or HEAD")
            return value

    def __init__(self, system: SystemOptions, check: CheckOptions) -> None:
        if check.path == "/together":
            raise ValueError("this path and this base_url do not go together")
        self.system, self.check = system, check

    def steps(self) -> tuple[str, ...]:
        return ("request",)

    def login(self) -> None:
        return None

    def run(self, auth: Auth | None) -> Run:
        yield from ()


class Plain(Web):
    class SystemOptions(Options):
        pass


KINDS: dict[str, Any] = {"http": Web, "plain": Plain}

GOOD = """
province: {id: mau, name: {vi: Tỉnh Mẫu, en: Sample Province}}
parties:
  so_mau: {name: {vi: Sở Mẫu, en: Sample Department}}
locations:
  office:
    name: {vi: Văn phòng, en: Office}
    controls: [{id: gateway, url: "http://192.0.2.1/up?x=1"}]
systems:
  portal:
    name: {vi: Cổng, en: Portal}
    owner: so_mau
    party: so_mau
    connector: http
    options: {base_url: "http://192.0.2.2/"}
    checks:
      home: {interval: 20s, timeout: 8s}
"""


def read(text: str, folder: Path, env: dict[str, str] | None = None) -> Catalogue:
    path = folder / "catalogue.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, KINDS, env or {})


def problems(text: str, folder: Path, env: dict[str, str] | None = None) -> list[str]:
    """What is wrong with a text, without the file's name."""
    with pytest.raises(CatalogueError) as error:
        read(text, folder, env)
    return [str(p).removeprefix(f"{folder / 'catalogue.yaml'}:") for p in error.value.problems]


# --- bad files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", BAD, ids=lambda p: p.stem)
def test_a_bad_file_is_told_every_problem_and_its_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8", errors="replace")
    expected = re.findall(r"(?m)^# (\d+:\d+: .*)$", text)
    with pytest.raises(CatalogueError) as error:
        load(path, KINDS, ENV)
    assert [str(p) for p in error.value.problems] == [f"{path}:{problem}" for problem in expected]
    assert not [secret for secret in SECRETS if secret in f"{error.value} {error.value!r}"]


def test_there_is_a_bad_file_for_every_reference() -> None:
    written = " ".join(path.read_text(encoding="utf-8", errors="replace") for path in BAD)
    for noun in ("party", "contract", "calendar", "location", "system", "connector"):
        assert f": unknown {noun} " in written


def test_problems_come_in_the_order_of_the_file() -> None:
    with pytest.raises(CatalogueError) as error:
        load(Path(__file__).parent / "catalogue_bad" / "broken_parts_hide_nothing.yaml", KINDS, ENV)
    places = [(p.line, p.column) for p in error.value.problems]
    assert places == sorted(places)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError) as error:
        load(tmp_path / "none.yaml", KINDS, {})
    what = "(file): cannot be read: No such file or directory; motcua init writes a first catalogue"
    assert str(error.value) == f"{tmp_path / 'none.yaml'}:1:1: {what}"


def test_a_folder_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot be read"):
        load(tmp_path, KINDS, {})


# --- references and secrets -------------------------------------------------------------------------------------------

PASSWORD = '    options: {base_url: "http://192.0.2.2/", password: %s}\n'


def with_password(value: str) -> str:
    return GOOD.replace('    options: {base_url: "http://192.0.2.2/"}\n', PASSWORD % value)


def password(c: Catalogue) -> str:
    return str(c.systems["portal"].options.password.get_secret_value())


def test_variables_and_defaults(tmp_path: Path) -> None:
    assert (
        password(read(with_password('"a-${NAME}-${OTHER:-khác}"'), tmp_path, {"NAME": "b", "OTHER": ""})) == "a-b-khác"
    )
    assert password(read(with_password('"$${NAME}"'), tmp_path)) == "${NAME}"


def test_what_a_variable_holds_is_text_and_no_reference(tmp_path: Path) -> None:
    env = {"NAME": "${OTHER}", "NUMBER": "0123456", "FILE": "file:/etc/passwd"}
    assert password(read(with_password('"${NAME}"'), tmp_path, env)) == "${OTHER}"
    assert password(read(with_password('"${NUMBER}"'), tmp_path, env)) == "0123456"
    assert password(read(with_password('"${FILE}"'), tmp_path, env)) == "file:/etc/passwd"


def test_a_secret_file_is_stripped_and_found_beside_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n mật khẩu giả \n", encoding="utf-8")
    assert password(read(with_password('"file:secret"'), tmp_path)) == "mật khẩu giả"
    assert password(read(with_password(f'"file:{tmp_path}/secret"'), tmp_path)) == "mật khẩu giả"
    assert password(read(with_password('"file:${DIR}/secret"'), tmp_path, {"DIR": str(tmp_path)})) == "mật khẩu giả"


def test_a_secret_file_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x" * 70_000, encoding="utf-8")
    assert "too large; at most 65536 characters" in problems(with_password('"file:secret"'), tmp_path)[0]
    assert "is missing" in problems(with_password('"file:/dev/zero"'), tmp_path)[0]


@pytest.mark.parametrize(("value", "simulated"), [("true", True), ("false", False), ("", False)])
def test_a_variable_may_stand_for_a_boolean_and_for_nothing(tmp_path: Path, value: str, simulated: bool) -> None:
    assert read("simulated: ${SIMULATED:-}\n" + GOOD, tmp_path, {"SIMULATED": value}).simulated is simulated


def test_a_variable_that_is_empty_leaves_its_key_out(tmp_path: Path) -> None:
    c = read("network: {proxy: '${PROXY:-}'}\n" + GOOD, tmp_path)
    assert c.checks("office")["portal", "home"].route == Route()
    assert problems(GOOD.replace("owner: so_mau", "owner: ${OWNER:-}"), tmp_path) == [
        "12:12: systems.portal.owner: is missing; the id of the party whose system it is"
    ]


def test_a_secret_in_the_file_is_a_warning(tmp_path: Path) -> None:
    c = read(with_password('"mat-khau"'), tmp_path)
    file = tmp_path / "catalogue.yaml"
    where = f"{file}:15:56: systems.portal.options.password"
    assert [str(w) for w in c.warnings] == [
        f"{where}: a secret stands in the file; write ${{NAME}} or file:/path/of/the/secret"
    ]
    assert read(with_password('"${NAME:-mat-khau}"'), tmp_path).warnings
    assert not read(with_password('"${NAME}"'), tmp_path, {"NAME": "mat-khau"}).warnings


def test_only_headers_that_sound_secret_and_proxies_with_a_password_warn(tmp_path: Path) -> None:
    text = with_password("null, headers: {Accept: text/html, X-Api-Key: abc}")
    text = "network: {proxy: 'http://192.0.2.9:3128'}\n" + text
    assert [w.path for w in read(text, tmp_path).warnings] == ["systems.portal.options.headers.X-Api-Key"]
    text = text.replace("192.0.2.9", "ten:mat-khau@192.0.2.9")
    assert [w.path for w in read(text, tmp_path).warnings] == [
        "network.proxy",
        "systems.portal.options.headers.X-Api-Key",
    ]


def test_a_catalogue_shows_no_secret(tmp_path: Path) -> None:
    text = "network: {proxy: 'http://ten:${PROXY}@192.0.2.9'}\n" + with_password('"${PASSWORD}"')
    c = read(text, tmp_path, {"PROXY": "bi-mat-1", "PASSWORD": "bi-mat-2"})
    check = c.checks("office")["portal", "home"]
    assert check.route.proxy == "http://ten:bi-mat-1@192.0.2.9"
    assert "bi-mat" not in f"{c!r} {c} {check!r} {c.systems['portal'].model_dump_json()}"


# --- YAML -------------------------------------------------------------------------------------------------------------


def test_words_are_text(tmp_path: Path) -> None:
    c = read(GOOD.replace("vi: Cổng, en: Portal", "vi: no, en: on"), tmp_path)
    assert (c.systems["portal"].name.vi, c.systems["portal"].name.en) == ("no", "on")


def test_anchors_and_merges(tmp_path: Path) -> None:
    text = GOOD.replace("home: {", "home: &home {") + "      search: {<<: *home, timeout: 5s}\n      third: *home\n"
    c = read(text, tmp_path)
    assert c.settings("portal", "home") == c.settings("portal", "third") == Settings(20, 8)
    assert c.settings("portal", "search") == Settings(20, 5)


def test_byte_order_mark_and_line_ends_of_other_editors(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.strip().replace("\n", "\r\n").encode())
    assert load(path, KINDS, {}).hash == read(GOOD, tmp_path).hash
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.strip().replace("party: so", "party: sa").replace("\n", "\r\n").encode())
    with pytest.raises(CatalogueError, match=r"yaml:12:12: systems\.portal\.party: unknown party"):
        load(path, KINDS, {})


# --- what a catalogue says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "seconds"), [("20", 20), ("1.5", 1.5), ("1500ms", 1.5), ("90s", 90), ("5m", 300), ('"2 h"', 7200)]
)
def test_durations(tmp_path: Path, written: str, seconds: float) -> None:
    c = read(GOOD.replace("{interval: 20s, timeout: 8s}", f"{{interval: {written}, timeout: 500ms}}"), tmp_path)
    assert c.settings("portal", "home") == Settings(seconds, 0.5)


@pytest.mark.parametrize("written", ["0", "-5", "0ms", "true", "1d", ".inf", "5 m s", "[5]", "''"])
def test_no_durations(tmp_path: Path, written: str) -> None:
    text = GOOD.replace("{interval: 20s, timeout: 8s}", f"{{interval: {written}, timeout: 500ms}}")
    assert "interval: is no duration;" in problems(text, tmp_path)[0]


@pytest.mark.parametrize(
    ("written", "share"),
    [("99.5%", Fraction(995, 1000)), ("0.999", Fraction(999, 1000)), ("1", Fraction(1)), ("100 %", Fraction(1))],
)
def test_objectives_are_exact(tmp_path: Path, written: str, share: Fraction) -> None:
    c = read(GOOD.replace("    party: so_mau\n", f"    party: so_mau\n    objective: {written}\n"), tmp_path)
    assert c.objective("portal") == share


def test_the_objective_of_a_system_is_its_own_before_its_contracts(tmp_path: Path) -> None:
    contract = "contracts: {hire: {party: so_mau, name: {vi: Thuê, en: Hire}, objective: 99%}}\n"
    text = contract + GOOD.replace("    party: so_mau\n", "    party: so_mau\n    contract: hire\n")
    assert read(text, tmp_path).objective("portal") == Fraction(99, 100)
    text = text.replace("    contract: hire\n", "    contract: hire\n    objective: 99.9%\n")
    assert read(text, tmp_path).objective("portal") == Fraction(999, 1000)
    assert read(GOOD, tmp_path).objective("portal") is None


def test_a_check_takes_the_defaults(tmp_path: Path) -> None:
    bare = GOOD.replace("{interval: 20s, timeout: 8s}", "{}")
    assert read(bare, tmp_path).settings("portal", "home") == Settings(60, 10, 3, 2)
    text = "defaults: {interval: 30s, timeout: 4s, confirm_down: 5, confirm_up: 1}\n" + bare
    assert read(text, tmp_path).settings("portal", "home") == Settings(30, 4, 5, 1)
    own = text.replace("home: {}", "home: {interval: 10s, timeout: 5s, confirm_down: 2, confirm_up: 3}")
    assert read(own, tmp_path).settings("portal", "home") == Settings(10, 5, 2, 3)


def test_settings_of_what_is_not_there(tmp_path: Path) -> None:
    c = read(GOOD, tmp_path)
    assert c.settings("portal", "none") is c.settings("none", "home") is c.settings("_control", "none") is None


def test_checks_run_at_their_locations(tmp_path: Path) -> None:
    second = "  far: {name: {vi: Xa, en: Far}, controls: [{id: far_gateway, url: 'http://192.0.2.4/'}]}\n"
    text = (
        GOOD.replace("systems:\n", second + "systems:\n") + "      near: {locations: [office], latency_objective: 2s}\n"
    )
    c = read(text, tmp_path)
    assert set(c.checks("office")) == {("portal", "home"), ("portal", "near")}
    assert set(c.checks("far")) == {("portal", "home")}
    assert c.locations_of("portal", "home") == ("office", "far")
    assert c.locations_of("portal", "near") == ("office",)
    check = c.checks("office")["portal", "near"]
    assert (check.system, check.check, check.latency_objective) == ("portal", "near", 2.0)
    with pytest.raises(KeyError):
        c.checks("nowhere")


def test_connectors_receive_their_options(tmp_path: Path) -> None:
    c = read(GOOD.replace("timeout: 8s}", "timeout: 8s, options: {path: /x, json: [{path: a.0}]}}"), tmp_path)
    connector = c.checks("office")["portal", "home"].connector
    assert isinstance(connector, Web)
    assert connector.system is c.systems["portal"].options
    assert connector.check is c.systems["portal"].checks["home"].options
    assert (connector.check.path, connector.check.fields[0].path) == ("/x", "a.0")


def test_options_may_be_left_out(tmp_path: Path) -> None:
    text = GOOD.replace('    options: {base_url: "http://192.0.2.2/"}\n', "").replace(
        "connector: http", "connector: plain"
    )
    assert read(text, tmp_path).systems["portal"].options == Plain.SystemOptions()


def test_controls_accept_any_answer_and_are_judged_with_care(tmp_path: Path) -> None:
    text = GOOD.replace('up?x=1"}]', 'up?x=1"}]\n    control_interval: 45s') + "defaults: {confirm_down: 4}\n"
    c = read(text, tmp_path)
    (control,) = c.controls("office")
    assert (control.system, control.check) == ("_control", "gateway")
    assert control.settings == c.settings("_control", "gateway") == Settings(45, 3, confirm_down=4, confirm_up=1)
    assert isinstance(control.connector, Web)
    assert control.connector.check.path == "http://192.0.2.1/up?x=1"
    assert control.connector.check.status == ["1xx", "2xx", "3xx", "4xx", "5xx"]
    assert ("_control", "gateway") not in c.checks("office")


def test_a_system_may_leave_by_another_way(tmp_path: Path) -> None:
    pem = tmp_path / "some.pem"
    pem.write_text("not read here", encoding="utf-8")
    common = f"network: {{proxy: 'socks5://192.0.2.9:1080', ca_bundle: '{pem}', source_address: '2001:db8::0001'}}\n"
    route = read(common + GOOD, tmp_path).checks("office")["portal", "home"].route
    assert route == Route("socks5://192.0.2.9:1080", str(pem), None, None, "2001:db8::1")
    assert read(common + GOOD, tmp_path).controls("office")[0].route == route

    own = (
        f"    network: {{proxy: direct, client_certificate: '{pem}', client_key: '{pem}', source_address: 192.0.2.7}}\n"
    )
    text = common + GOOD.replace("    party: so_mau\n", "    party: so_mau\n" + own)
    c = read(text, tmp_path)
    assert c.checks("office")["portal", "home"].route == Route(None, str(pem), str(pem), str(pem), "192.0.2.7")
    assert c.controls("office")[0].route == route


def test_shifts_may_pass_midnight(tmp_path: Path) -> None:
    text = (
        "calendars: {state: {years: {}, hours: {fri: ['22:00-06:00', '07:00-11:00'], sat: ['00:00-24:00']}}}\n" + GOOD
    )
    hours = read(text, tmp_path).calendars["state"].hours
    assert [(s.start, s.end) for s in hours["fri"]] == [(420, 660), (1320, 1800)]
    assert [(s.start, s.end) for s in hours["sat"]] == [(0, 1440)]


# --- the hash ---------------------------------------------------------------------------------------------------------


def test_the_hash_is_of_the_meaning_as_written(tmp_path: Path) -> None:
    first = read(GOOD, tmp_path).hash
    assert re.fullmatch("[0-9a-f]{16}", first)
    reordered = "".join(reversed(GOOD.replace("systems:\n", "\0systems:\n").split("\0"))) + "# a comment\n"
    assert read(reordered, tmp_path).hash == first
    assert read(GOOD.replace("interval: 20s", "interval: 21s"), tmp_path).hash != first


def test_the_hash_is_the_same_whatever_the_secrets(tmp_path: Path) -> None:
    text = with_password('"${PASSWORD}"')
    one, two = (read(text, tmp_path, {"PASSWORD": word}).hash for word in ("mat-khau-1", "mat-khau-2"))
    assert one == two
    assert read(with_password("mat-khau-1"), tmp_path).hash == read(with_password("mat-khau-2"), tmp_path).hash


# --- the packaged files and the schema --------------------------------------------------------------------------------

SANDBOX = {
    **{
        f"MOTCUA_SANDBOX_{name}": f"http://192.0.2.1:1808{i}"
        for i, name in enumerate(("SSO", "GATEWAY", "PORTAL", "NATIONAL", "SHARED", "CONTROL", "BUS"), 1)
    },
    **{
        f"MOTCUA_SANDBOX_{name}": "mo-phong"
        for name in ("USER", "PASSWORD", "BUS_KEY", "BUS_SECRET", "NATIONAL_USER", "NATIONAL_PASSWORD")
    },
    "MOTCUA_SANDBOX_NATIONAL_AGENCY": "000.00.00.H00",
    "MOTCUA_SANDBOX_NATIONAL_DSTCODE": "VN:GOV:000.00.00.G22:vpcpdvcprovider",
    "MOTCUA_SANDBOX_DNS": "127.0.0.1:5353",
    "MOTCUA_SANDBOX_CA": __file__,  # any file: it is read when somebody connects
}
EXAMPLE = ROOT / "config" / "province.example.yaml"


def as_json(text: str) -> Any:
    """A text as editors see it: dates and the years' keys are text."""
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def test_the_example_is_valid_and_says_that_it_is_simulated() -> None:
    c = load(EXAMPLE, CONNECTORS, SANDBOX)
    assert c.simulated
    assert not c.warnings
    assert set(c.checks("van_phong")) == {
        ("igate", "one_stop"),
        ("bus", "shared_lists"),
        ("bus", "certificate"),
        ("national_portal", "sectors"),
        ("national_portal", "procedures"),
        ("population", "reach"),
        ("national_site", "home"),
        ("shared_catalogue", "gender_list"),
    }
    assert c.settings("igate", "one_stop") == Settings(15, 7)
    assert [control.check for control in c.controls("van_phong")] == ["control_a", "control_b"]
    steps = [check.connector.steps() for check in (*c.checks("van_phong").values(), *c.controls("van_phong"))]
    assert steps[0] == ("portal", "search", "procedures")
    assert not load(EXAMPLE, CONNECTORS, SANDBOX | {"MOTCUA_SIMULATED": "false"}).simulated


def test_the_example_has_the_days_of_2026() -> None:
    year = load(EXAMPLE, CONNECTORS, SANDBOX).calendars["state"].years[2026]
    assert year.confirmed
    off = [day.date for day in year.days if day.kind != "swapped_work"]
    assert len(off) == 15
    for day in year.days:
        weekend = day.date.weekday() >= 5
        assert weekend == (day.kind == "swapped_work" or day.name.en.startswith("Hung Kings'"))


def test_a_control_asks_the_very_address() -> None:
    control = load(EXAMPLE, CONNECTORS, SANDBOX).controls("van_phong")[1]
    assert next(control.connector.run(None)).request.url == "http://192.0.2.1:18086/b"


def test_the_first_catalogue_needs_nothing_but_its_variables(tmp_path: Path) -> None:
    text = catalogue.first_catalogue()
    path = tmp_path / "motcua.yaml"
    path.write_text(text, encoding="utf-8")
    used = set(re.findall(r"(?m)^[^#\n]*\$\{(MOTCUA_\w+)\}", text))
    assert used == set(re.findall(r"MOTCUA_\w+", text.split("province:")[0]))
    c = load(path, CONNECTORS, dict.fromkeys(used, "http://192.0.2.1/"))
    assert not c.simulated
    assert not c.warnings
    assert set(c.checks("data_centre")) == {("igate", "one_stop")}


def test_the_schema_accepts_what_is_valid() -> None:
    schema = catalogue.json_schema(CONNECTORS)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for text in (EXAMPLE.read_text(encoding="utf-8"), catalogue.first_catalogue()):
        assert not list(validator.iter_errors(as_json(text)))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(catalogue.json_schema(KINDS))


VISIBLE = [
    "unknown_key",
    "unknown_key_at_top",
    "missing_field",
    "missing_section",
    "wrong_type_text",
    "wrong_type_boolean",
    "wrong_type_mapping",
    "wrong_type_list",
    "bad_choice",
    "bad_duration",
    "unknown_connector",
    "no_systems",
    "no_locations",
    "no_controls",
    "objective_out_of_range",
    "bad_id",
    "bad_weekday",
    "unknown_option",
    "missing_option",
    "nested_option",
]


@pytest.mark.parametrize("name", VISIBLE)
def test_the_schema_refuses_what_an_editor_can_see(name: str, validator: jsonschema.Draft202012Validator) -> None:
    text = (Path(__file__).parent / "catalogue_bad" / f"{name}.yaml").read_text(encoding="utf-8")
    assert list(validator.iter_errors(as_json(text)))
    assert not list(validator.iter_errors(as_json(GOOD)))


def test_the_schema_describes_its_keys() -> None:
    schema = catalogue.json_schema(KINDS)
    assert schema["$defs"]["System"]["properties"]["owner"]["description"] == "the id of the party whose system it is"
