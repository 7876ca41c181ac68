"""The words in which boards are written: plain dicts of Grafana's classic dashboard model.

Boards must work from Grafana 9.4 to 13: schemaVersion 36 (Grafana migrates upwards), only panels, options and
transformations that 9.4 has, and a datasource that is always the board's variable. Panels are placed from left to
right in their order; ids and refIds are given here. Builders write out what a panel needs and leave the rest to
Grafana's defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

SCHEMA_VERSION = 36
TAG = "motcua"
COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Colours that the colour-blind can tell apart (Okabe and Ito).
GREY, VERMILION, YELLOW, BLUE, SKY = "#8c8c8c", "#d55e00", "#f0e442", "#0072b2", "#56b4e9"


def dashboard(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[Json],
    panels: Iterable[Json],
    *,
    annotations: Sequence[Json] = (),
    since: str = "6h",
    refresh: str = "30s",
) -> Json:
    """A board that people cannot edit in place: its source is here. `since`: how far back it looks at first."""
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,  # one crosshair over all panels
        "refresh": refresh,
        "time": {"from": f"now-{since}", "to": "now"},
        "timezone": "Asia/Ho_Chi_Minh",
        "templating": {"list": list(variables)},
        "annotations": {"list": list(annotations)},
        "links": [_other_boards()],
        "panels": _placed(panels),
    }


def _other_boards() -> Json:
    """The menu of all boards, which keeps the time range. Variables stay behind: they differ from board to board."""
    return {
        "type": "dashboards",
        "title": "Các bảng khác",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _placed(panels: Iterable[Json]) -> list[Json]:
    """The panels with ids and positions: left to right, a new line where the width is used up."""
    placed: list[Json] = []
    x = y = line = 0
    for number, panel in enumerate(panels, start=1):
        width, height = panel["gridPos"]["w"], panel["gridPos"]["h"]
        if x + width > COLUMNS:
            x, y, line = 0, y + line, 0
        placed.append({"id": number, **panel, "gridPos": {"x": x, "y": y, "w": width, "h": height}})
        x, line = x + width, max(line, height)
    return placed


# --- variables --------------------------------------------------------------------------------------------------------


def datasource_variable(label: str) -> Json:
    """Which Prometheus the board asks."""
    return {
        "name": "datasource",
        "label": label,
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "regex": "",
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "options": [],
    }


def variable(name: str, label: str, query: str, *, several: bool = True, every: bool = True) -> Json:
    """Values of a label to choose from; read again when the time range changes.

    `several`: more than one may be chosen, and all of them are at first. `every`: the query finds every value of the
    label, so that "all" may be said as `.*`; else Grafana lists them.
    """
    made: Json = {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": f"variable-{name}"},
        "definition": query,
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "hide": 0,
        "multi": several,
        "includeAll": several,
        "options": [],
    }
    if several:
        made["current"] = {"text": ["All"], "value": ["$__all"]}
        if every:
            made["allValue"] = ".*"
    return made


# --- queries ----------------------------------------------------------------------------------------------------------


def query(expression: str, legend: str = "__auto") -> Json:
    """A PromQL expression over the time range."""
    return {"datasource": DATASOURCE, "expr": expression, "legendFormat": legend, "range": True, "instant": False}


def now(expression: str, legend: str = "__auto") -> Json:
    """The value of a PromQL expression at the end of the time range."""
    return {"datasource": DATASOURCE, "expr": expression, "legendFormat": legend, "range": False, "instant": True}


def _targets(queries: Sequence[Json], form: str = "time_series") -> list[Json]:
    return [{"refId": _ref_id(n), **target, "format": form} for n, target in enumerate(queries)]


def _ref_id(number: int) -> str:
    """A to Z, then AA, AB..., as Grafana itself counts."""
    letter = chr(ord("A") + number % 26)
    return letter if number < 26 else _ref_id(number // 26 - 1) + letter


def annotation(name: str, expression: str, text: str, color: str, *, step: str = "1m") -> Json:
    """Regions over all panels where the expression is greater than 0; it is asked for every `step`.

    The rest is left out by Prometheus: over a month it would be a quarter of a million zeros to send and to read.
    """
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": f"{expression} > 0",
        "step": step,
        "titleFormat": name,
        "textFormat": text,
        "tagKeys": "",
        "useValueForTime": False,
    }


# --- links ------------------------------------------------------------------------------------------------------------


def link(title: str, uid: str, **variables: str) -> Json:
    """A way from a value to another board, with the time range, the datasource and these variables."""
    chosen = "".join(f"&var-{name}={value}" for name, value in variables.items())
    return {
        "title": title,
        "url": f"/d/{uid}?${{datasource:queryparam}}&${{__url_time_range}}{chosen}",
        "targetBlank": False,
    }


# --- values -----------------------------------------------------------------------------------------------------------


def mapping(values: Mapping[int, tuple[str, str]]) -> list[Json]:
    """Numbers shown as a text in a colour."""
    options = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(values.items())
    }
    return [{"type": "value", "options": options}]


def thresholds(base: str, *steps: tuple[float, str]) -> Json:
    """`base` is the colour below the first step."""
    colors = [{"value": None, "color": base}, *({"value": value, "color": color} for value, color in steps)]
    return {"mode": "absolute", "steps": colors}


# --- panels -----------------------------------------------------------------------------------------------------------


def row(title: str) -> Json:
    """A heading; what follows belongs to it."""
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": COLUMNS, "h": 1}}


def _panel(kind: str, title: str, description: str, size: tuple[int, int], targets: list[Json]) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": size[0], "h": size[1]},
        "targets": targets,
    }


def stat(
    title: str,
    description: str,
    target: Json,
    *,
    size: tuple[int, int] = (6, 4),
    unit: str = "none",
    decimals: int | None = None,
    colors: Json,
    mappings: Sequence[Json] = (),
    links: Sequence[Json] = (),
    background: bool = False,
) -> Json:
    """One number, or the text that stands for it."""
    defaults: Json = {
        "unit": unit,
        "color": {"mode": "thresholds"},
        "thresholds": colors,
        "mappings": list(mappings),
        "links": list(links),
    }
    if decimals is not None:
        defaults["decimals"] = decimals
    return {
        **_panel("stat", title, description, size, _targets([target])),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "colorMode": "background" if background else "value",
            "graphMode": "none",
            "justifyMode": "center",
            "orientation": "auto",
            "textMode": "value",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    }


def timeseries(
    title: str,
    description: str,
    *queries: Json,
    size: tuple[int, int] = (12, 8),
    unit: str,
    stacked: bool = False,
    bars: bool = False,
    minimum: float | None = 0,
    maximum: float | None = None,
    links: Sequence[Json] = (),
) -> Json:
    """Lines or bars over time; gaps stay gaps."""
    defaults: Json = {
        "unit": unit,
        "color": {"mode": "palette-classic"},
        "links": list(links),
        "custom": {
            "drawStyle": "bars" if bars else "line",
            "lineWidth": 1,
            "fillOpacity": 60 if bars else 40 if stacked else 0,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        },
    }
    if minimum is not None:
        defaults["min"] = minimum
    if maximum is not None:
        defaults["max"] = maximum
    return {
        **_panel("timeseries", title, description, size, _targets(queries)),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def bargauge(
    title: str, description: str, *queries: Json, size: tuple[int, int], unit: str = "none", decimals: int = 0
) -> Json:
    """A bar for each query, side by side in their order; the legends are their names."""
    return {
        **_panel("bargauge", title, description, size, _targets(queries)),
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "decimals": decimals,
                "min": 0,
                "color": {"mode": "fixed", "fixedColor": BLUE},
                "thresholds": thresholds(BLUE),
            },
            "overrides": [],
        },
        "options": {
            "displayMode": "basic",
            "orientation": "vertical",
            "showUnfilled": True,
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    }


def state_timeline(
    title: str,
    description: str,
    target: Json,
    states: Mapping[int, tuple[str, str]],
    *,
    size: tuple[int, int],
    links: Sequence[Json] = (),
) -> Json:
    """One band per series, coloured by state."""
    return {
        **_panel("state-timeline", title, description, size, _targets([target])),
        "fieldConfig": {
            "defaults": {
                "unit": "none",
                "color": {"mode": "thresholds"},
                "thresholds": thresholds(GREY),
                "mappings": mapping(states),
                "links": list(links),
                "custom": {"fillOpacity": 90, "lineWidth": 0},
            },
            "overrides": [],
        },
        "options": {
            "mergeValues": True,
            "showValue": "never",
            "alignValue": "left",
            "rowHeight": 0.85,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    }


def column(
    field: str,
    title: str,
    *,
    unit: str | None = None,
    decimals: int | None = None,
    mappings: Sequence[Json] = (),
    links: Sequence[Json] = (),
) -> Json:
    """How a table shows a field: a label, `Value` where there is one query, or `Value #A`, `Value #B`... by refId."""
    properties: list[Json] = [{"id": "displayName", "value": title}]
    if unit is not None:
        properties.append({"id": "unit", "value": unit})
    if decimals is not None:
        properties.append({"id": "decimals", "value": decimals})
    if mappings:
        properties.append({"id": "mappings", "value": list(mappings)})
    if links:
        properties.append({"id": "links", "value": list(links)})
    return {"matcher": {"id": "byName", "options": field}, "properties": properties}


def table(
    title: str,
    description: str,
    *queries: Json,
    columns: Sequence[Json],
    sort_by: str,
    ascending: bool = False,
    hidden: Sequence[str] = (),
    size: tuple[int, int] = (24, 8),
) -> Json:
    """Present values, one row per set of labels, columns in the order given; a query's every label needs a column."""
    order = {column["matcher"]["options"]: position for position, column in enumerate(columns)}
    excluded = dict.fromkeys(("Time", *hidden), True)
    return {
        **_panel("table", title, description, size, _targets(queries, "table")),
        "fieldConfig": {
            "defaults": {"unit": "none", "custom": {"align": "auto", "filterable": False}},
            "overrides": list(columns),
        },
        "transformations": [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": excluded, "indexByName": order, "renameByName": {}}},
        ],
        "options": {"showHeader": True, "sortBy": [{"displayName": sort_by, "desc": not ascending}]},
    }
