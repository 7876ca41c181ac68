"""The boards: up to date, readable by Grafana, and held to the rules of dashboard-linter that fit us."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import build
from dashboards.vocabulary import COLUMNS, DATASOURCE
from monitor.metric_names import METRICS, Kind, series_names
from tests.dashboards.reading import BOARDS, as_promql, panels, selectors, targets

PANEL_TYPES = {"row", "stat", "state-timeline", "table", "text", "timeseries", "bargauge"}  # in Grafana 9.4 and in 13
TRANSFORMATIONS = {"merge", "organize"}
UNITS = {"none", "short", "s", "percentunit", "ops"}
IN_RANGE_FUNCTION = re.compile(r"\b(rate|irate|increase)\($")


def test_generated_files_are_up_to_date() -> None:
    stale = [path.name for path, text in build.generated().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, f"run python -m dashboards.build: {stale}"


def test_no_board_without_source() -> None:
    assert {path.stem for path in (build.ROOT / "dashboards/grafana").glob("*.json")} == BOARDS.keys()


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
class TestBoard:
    def test_nothing_is_lost_in_grafanas_own_model(self, board: dict[str, Any]) -> None:
        register_default_plugins()
        again = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
        assert list(lost(board, again)) == []

    def test_identity(self, board: dict[str, Any]) -> None:
        assert re.fullmatch(r"motcua-[a-z-]+", board["uid"])
        assert board["schemaVersion"] == 36  # the oldest Grafana's; newer ones migrate upwards
        assert board["editable"] is False
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)

    def test_panels_fill_the_grid_without_overlap(self, board: dict[str, Any]) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert at["x"] + at["w"] <= COLUMNS
            assert not cells & taken, panel["title"]
            taken |= cells

    def test_one_datasource_variable_which_every_panel_uses(self, board: dict[str, Any]) -> None:
        variables = board["templating"]["list"]
        assert [v["name"] for v in variables if v["type"] == "datasource"] == ["datasource"]
        asked = [v for v in variables if v["type"] == "query"] + [*panels(board)] + [*targets(board)]
        assert all(one["datasource"] == DATASOURCE for one in asked)
        assert all(v["refresh"] == 2 for v in variables if v["type"] == "query")

    def test_variables_have_labels_and_ask_for_known_metrics(self, board: dict[str, Any]) -> None:
        for v in board["templating"]["list"]:
            assert v["label"]
            if v["type"] == "query":
                asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", v["query"]["query"])
                assert asked
                assert asked.group(2) in METRICS[asked.group(1)].labels

    def test_panels_say_what_they_show(self, board: dict[str, Any]) -> None:
        for panel in panels(board):
            assert panel["type"] in PANEL_TYPES
            assert panel["title"]
            assert len(panel["description"]) > 10
            assert panel["targets"]
            assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
            assert {t["id"] for t in panel.get("transformations", [])} <= TRANSFORMATIONS

    def test_ref_ids_are_unique_within_a_panel(self, board: dict[str, Any]) -> None:
        for panel in panels(board):
            ref_ids = [target["refId"] for target in panel["targets"]]
            assert len(set(ref_ids)) == len(ref_ids)

    def test_expressions_are_promql_of_known_metrics(self, board: dict[str, Any]) -> None:
        for target in targets(board):
            parsed = promql_parser.parse(as_promql(target["expr"]))
            names = set(selectors(parsed))
            assert names == set(re.findall(r"\bmotcua_\w+", target["expr"]))  # none hides from us
            assert names <= series_names(), target["expr"]

    def test_counters_are_asked_for_their_increase_only(self, board: dict[str, Any]) -> None:
        counting = {name for name, m in METRICS.items() if m.kind is Kind.COUNTER}
        counting |= {name for m in METRICS.values() if m.kind is Kind.HISTOGRAM for name in m.series_names}
        for target in targets(board):
            for name in re.finditer(r"motcua_\w+", target["expr"]):
                if name.group() in counting:
                    assert IN_RANGE_FUNCTION.search(target["expr"][: name.start()]), target["expr"]

    def test_rates_follow_the_resolution(self, board: dict[str, Any]) -> None:
        for target in targets(board):
            for window in re.findall(r"\b(?:rate|irate|increase)\([^\[]*\[([^\]]+)\]", target["expr"]):
                assert window == ("$__range" if target["instant"] else "$__rate_interval")

    def test_labels_of_metrics_exist(self, board: dict[str, Any]) -> None:
        known = {label for m in METRICS.values() for label in m.labels} | {"le"}
        for target in targets(board):
            for labels in re.findall(r"\b(?:by|on|group_left|group_right) \(([^)]*)\)", target["expr"]):
                assert {label.strip() for label in labels.split(",")} - {""} <= known
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known

    def test_every_label_of_a_table_has_a_column(self, board: dict[str, Any]) -> None:
        for panel in panels(board):
            if panel["type"] == "table":
                shown = {o["matcher"]["options"] for o in panel["fieldConfig"]["overrides"]}
                hidden = panel["transformations"][-1]["options"]["excludeByName"].keys()
                for target in panel["targets"]:
                    value = "Value" if len(panel["targets"]) == 1 else f"Value #{target['refId']}"
                    by = re.search(r"by \(([^)]*)\)", target["expr"])
                    assert by, target["expr"]
                    labels = {label.strip() for label in by.group(1).split(",")}
                    assert labels | {value, "Time"} <= shown | hidden, target["expr"]


def lost(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Paths in `before` that `after` lacks or has with another value."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                yield f"{at}.{key} is lost"
            else:
                yield from lost(value, after[key], f"{at}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{at}[{index}]")
    elif before != after:
        yield f"{at}: {before!r} became {after!r}"


@pytest.mark.parametrize(
    "typo", [("panels", 0, "options", "colourMode"), ("panels", 0, "targets", 0, "expresion"), ("titel",)]
)
def test_the_round_trip_finds_a_typo(typo: tuple[str | int, ...]) -> None:
    board = build.BOARDS["overview"]()
    place: Any = board
    for key in typo[:-1]:
        place = place[key]
    place[typo[-1]] = "x"
    register_default_plugins()
    again = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
    assert any(str(typo[-1]) in path for path in lost(board, again))
