"""The boards: up to date, readable by Grafana, and held to the rules of dashboard-linter that fit us."""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import build
from dashboards.vocabulary import COLUMNS, DATASOURCE
from monitor.metric_names import METRICS, Kind, series_names
from tests.dashboards.reading import (
    ALL_BOARDS,
    BOARDS,
    RECORDED,
    VARIABLES,
    expressions,
    names,
    panels,
    targets,
)

PANEL_TYPES = {"row", "stat", "state-timeline", "table", "text", "timeseries", "bargauge"}  # in Grafana 9.4 and in 13
TRANSFORMATIONS = {"merge", "organize"}
UNITS = {"none", "short", "s", "percentunit", "ops", "bytes"}
IN_RANGE_FUNCTION = re.compile(r"\b(rate|irate|increase)\($")
ROWS = {metric.name: metric for metric in METRICS.values()}
COUNTING = {name for m in ROWS.values() if m.kind is not Kind.GAUGE for name in m.series_names}
KNOWN_LABELS = {label for m in ROWS.values() for label in m.labels} | {"le"}
BY_UID = {board["uid"]: board for board in ALL_BOARDS.values()}
MONTHLY = {name: board for name, board in ALL_BOARDS.items() if board["time"]["from"].endswith("d")}
ASCII_TITLES = {"SLO", "MTTA", "MTTR"}  # words of the trade that are Vietnamese by use


def links(board: dict[str, Any]) -> Iterator[str]:
    """The addresses of all ways from values to other boards."""
    for panel in panels(board):
        config = panel["fieldConfig"]
        found = [*config["defaults"].get("links", [])]
        for override in config["overrides"]:
            found += [one for p in override["properties"] if p["id"] == "links" for one in p["value"]]
        yield from (one["url"] for one in found)


def test_generated_files_are_up_to_date() -> None:
    stale = [path.name for path, text in build.generated().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, f"run python -m dashboards.build: {stale}"


def test_no_board_without_source() -> None:
    assert {path.stem for path in (build.ROOT / "dashboards/grafana").glob("*.json")} == ALL_BOARDS.keys()


def test_boards_are_told_apart() -> None:
    assert len(BY_UID) == len({board["title"] for board in ALL_BOARDS.values()}) == len(ALL_BOARDS) == 7


def test_every_board_is_one_click_away_from_another() -> None:
    reached = {re.findall(r"^/d/([\w-]+)\?", url)[0] for board in ALL_BOARDS.values() for url in links(board)}
    assert {"motcua-system", "motcua-slo", "motcua-watcher"} <= reached


def test_what_a_young_monitor_cannot_answer_is_little() -> None:
    """The live tests ask the rest: nothing may hide from them because of a mistake in the choice."""
    left = [target["expr"] for board in BOARDS.values() for target in targets(board)]
    out = [e for board in ALL_BOARDS.values() for t in targets(board) if (e := t["expr"]) not in left]
    needed = ("motcua_incident", "motcua_deliveries_total", "motcua_dossiers", "motcua_job_")
    assert all(any(name in e for name in needed) for e in out)
    assert len(left) > 100


@pytest.mark.parametrize("board", ALL_BOARDS.values(), ids=ALL_BOARDS.keys())
class TestBoard:
    def test_nothing_is_lost_in_grafanas_own_model(self, board: dict[str, Any]) -> None:
        register_default_plugins()
        again = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
        assert list(lost(board, again)) == []

    def test_identity(self, board: dict[str, Any]) -> None:
        assert re.fullmatch(r"motcua-[a-z-]+", board["uid"])
        assert board["schemaVersion"] == 36  # the oldest Grafana's; newer ones migrate upwards
        assert board["editable"] is False
        assert board["timezone"] == "Asia/Ho_Chi_Minh"
        assert board["tags"] == ["motcua"]
        assert "id" not in board  # Grafana's own number, another one in every Grafana
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
        height = max(y for _, y in taken) + 1
        assert taken == set(itertools.product(range(COLUMNS), range(height)))  # nor a hole, in a line or below a panel

    def test_panels_are_large_enough_to_be_read(self, board: dict[str, Any]) -> None:
        least = {"stat": (4, 3), "table": (6, 4), "timeseries": (8, 7), "state-timeline": (12, 6), "bargauge": (8, 8)}
        for panel in panels(board):
            width, height = least[panel["type"]]
            assert panel["gridPos"]["w"] >= width, panel["title"]
            assert panel["gridPos"]["h"] >= height, panel["title"]

    def test_a_row_has_panels_below_it(self, board: dict[str, Any]) -> None:
        for one, following in itertools.pairwise([*board["panels"], {"type": "row"}]):
            assert not (one["type"] == following["type"] == "row"), one["title"]
            assert one["type"] != "row" or not one["collapsed"]

    def test_it_says_first_whether_its_figures_are_real(self, board: dict[str, Any]) -> None:
        banner = board["panels"][0]
        assert "DỮ LIỆU MÔ PHỎNG" in json.dumps(banner, ensure_ascii=False)
        assert 'motcua_catalogue_info{simulated="true"}' in banner["targets"][0]["expr"]

    def test_texts_are_vietnamese_in_one_normal_form(self, board: dict[str, Any]) -> None:
        text = json.dumps(board, ensure_ascii=False)
        assert unicodedata.is_normalized("NFC", text)
        titles = [one["title"] for one in (board, *board["panels"])]
        for title in titles:
            assert not title.isascii() or title in ASCII_TITLES, title
            assert title == title.strip()
            assert not title.endswith(".")
        panel_titles = [panel["title"] for panel in panels(board)]
        assert len(set(panel_titles)) == len(panel_titles)
        assert not board["description"].isascii()
        for panel in panels(board):
            assert not panel["description"].isascii()
            assert panel["description"].endswith((".", ")"))

    def test_one_datasource_variable_which_every_panel_uses(self, board: dict[str, Any]) -> None:
        variables = board["templating"]["list"]
        assert [v["name"] for v in variables if v["type"] == "datasource"] == ["datasource"]
        asked = [v for v in variables if v["type"] == "query"] + [*panels(board)] + [*targets(board)]
        asked += board["annotations"]["list"]
        assert all(one["datasource"] == DATASOURCE for one in asked)
        assert all(v["refresh"] == 2 for v in variables if v["type"] == "query")

    def test_variables_have_labels_and_ask_for_known_metrics(self, board: dict[str, Any]) -> None:
        for v in board["templating"]["list"]:
            assert v["label"]
            if v["type"] == "query":
                asked = re.fullmatch(r"label_values\((\w+)(\{.+\})?, (\w+)\)", v["query"]["query"])
                assert asked
                assert asked.group(3) in METRICS[asked.group(1)].labels
                # `.*` would choose more than the query finds, where that has a selector
                assert (v.get("allValue") == ".*") == (v["multi"] and not asked.group(2))

    def test_variables_that_are_used_exist_and_the_other_way_round(self, board: dict[str, Any]) -> None:
        has = {v["name"] for v in board["templating"]["list"]}
        used = {name for e in expressions(board) for name in re.findall(r"\$([a-z]\w*)", e)}
        assert used | {"datasource"} == has | {"datasource"}
        assert {f"${name}" for name in has - {"datasource"}} <= VARIABLES.keys()

    def test_regions_come_by_query(self, board: dict[str, Any]) -> None:
        regions = board["annotations"]["list"]
        assert regions
        assert len({one["name"] for one in regions}) == len(regions)
        for one in regions:
            assert one["enable"] is True
            assert re.fullmatch(r"\d+m", one["step"])
            assert set(re.findall(r"\{\{(\w+)\}\}", one["textFormat"])) <= KNOWN_LABELS
            assert not one["useValueForTime"]
        if any(v["name"] == "system" for v in board["templating"]["list"]):
            assert {"Gián đoạn", "Bảo trì có báo trước"} <= {one["name"] for one in regions}

    def test_regions_need_no_more_points_than_grafana_asks_for(self, board: dict[str, Any]) -> None:
        length, unit = re.fullmatch(r"now-(\d+)([hd])", board["time"]["from"]).groups()  # type: ignore[union-attr]
        minutes = int(length) * {"h": 60, "d": 24 * 60}[unit]
        assert all(minutes / int(one["step"][:-1]) <= 11_000 for one in board["annotations"]["list"])

    def test_links_lead_somewhere(self, board: dict[str, Any]) -> None:
        for url in links(board):
            found = re.fullmatch(
                r"/d/([\w-]+)\?\$\{datasource:queryparam\}&\$\{__url_time_range\}((?:&var-\w+=\$\{[\w.]+\})*)", url
            )
            assert found, url
            there = {v["name"] for v in BY_UID[found.group(1)]["templating"]["list"]}
            assert set(re.findall(r"&var-(\w+)=", found.group(2))) <= there
        (menu,) = board["links"]
        assert (menu["type"], menu["tags"], menu["keepTime"]) == ("dashboards", ["motcua"], True)

    def test_nothing_of_the_old_angular_panels(self, board: dict[str, Any]) -> None:
        text = json.dumps(board)
        for word in ("graph", "singlestat", "table-old", "grafana-piechart-panel"):
            assert f'"type": "{word}"' not in text
        assert not {"nullPointMode", "seriesOverrides", "yaxes", "aliasColors"} & set(re.findall(r'"(\w+)":', text))

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
        for expression in expressions(board):
            asked = names(expression)
            assert asked == set(re.findall(r"[\w:]*motcua_\w+(?::\w+)*", expression))  # none hides from us
            assert asked <= series_names() | RECORDED.keys(), expression

    def test_sums_of_labels_that_a_recorded_series_has(self, board: dict[str, Any]) -> None:
        """A recorded series has no label but those of its level: asking for another would ask for nothing."""
        for expression in expressions(board):
            for name, selector in re.findall(r"([\w]+:motcua_\w+:\w+)\{([^}]*)\}", expression):
                asked = set(re.findall(r"(\w+)[=!]~?", selector))
                assert asked <= set(name.split(":")[0].split("_")), expression

    def test_counters_are_asked_for_their_increase_only(self, board: dict[str, Any]) -> None:
        for expression in expressions(board):
            for name in re.finditer(r"motcua_\w+", expression):
                if name.group() in COUNTING:
                    assert IN_RANGE_FUNCTION.search(expression[: name.start()]), expression

    def test_rates_follow_the_resolution(self, board: dict[str, Any]) -> None:
        for target in targets(board):
            for window in re.findall(r"\b(?:rate|irate|increase)\([^\[]*\[([^\]]+)\]", target["expr"]):
                assert window == ("$__range" if target["instant"] else "$__rate_interval")

    def test_labels_of_metrics_exist(self, board: dict[str, Any]) -> None:
        known = KNOWN_LABELS
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


@pytest.mark.parametrize("board", MONTHLY.values(), ids=MONTHLY.keys())
def test_lines_over_a_month_read_gauges_and_what_is_recorded(board: dict[str, Any]) -> None:
    """Rates of raw counters over 30 days of all systems cost Prometheus seconds."""
    for target in targets(board):
        if not target["instant"]:
            assert not names(target["expr"]) & COUNTING, target["expr"]


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
