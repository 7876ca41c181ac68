"""What a person changes in section VIII of a report, as YAML: docs/report.md."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import yaml

from monitor.incident_rules import BadText, checked_text
from monitor.report.content import Edits
from monitor.report.model import ReportError

_LISTS = ("remove", "assessment", "proposals")
_WRITE = "write remove, replace, assessment or proposals"


def read(text: str, known: Collection[str]) -> Edits:
    """The edits in a YAML text; `known` are the ids of the rules' sentences. Raises ReportError that says where."""
    try:
        found = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ReportError(f"not YAML{f', line {mark.line + 1}' if mark else ''}") from None
    if not isinstance(found, dict):
        raise ReportError(f"no mapping; {_WRITE}")
    if unknown := [str(key) for key in found if key not in (*_LISTS, "replace")]:
        raise ReportError(f"unknown key {unknown[0]}; {_WRITE}")
    lists = {key: _texts(found.get(key) or [], key) for key in _LISTS}
    replaced = found.get("replace") or {}
    if not isinstance(replaced, dict):
        raise ReportError("replace: no mapping; write the id of a sentence and its new text")
    replace = {str(key): _text(value, f"replace.{key}") for key, value in replaced.items()}
    for where, id_ in [*(("remove", id_) for id_ in lists["remove"]), *(("replace", id_) for id_ in replace)]:
        if id_ not in known:
            raise ReportError(f"{where}: there is no sentence {id_}; there are {', '.join(known) or 'none'}")
    return Edits(lists["remove"], replace, lists["assessment"], lists["proposals"])


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ReportError(f"{where}: no list")
    return tuple(_text(one, f"{where}[{number}]") for number, one in enumerate(value))


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ReportError(f"{where}: no text")
    try:
        return checked_text(value)
    except BadText as error:
        raise ReportError(f"{where}: {error}") from None


def dump(edits: Edits) -> str:
    """As it is kept: JSON in one form."""
    return json.dumps(asdict(edits), ensure_ascii=False, sort_keys=True)


def load(text: str) -> Edits:
    """From what was kept."""
    kept = json.loads(text)
    lists = {key: tuple(kept[key]) for key in _LISTS}
    return Edits(lists["remove"], kept["replace"], lists["assessment"], lists["proposals"])
