"""The method appendix: docs/figures.md in Vietnamese, for whoever objects to a figure (method.yaml)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

import yaml

from monitor.report.language import Tongue
from monitor.report.model import Heading, Paragraph


def method_text(t: Tongue) -> Iterator[Heading | Paragraph]:
    """The rules, section by section."""
    text = (resources.files("monitor.report") / "method.yaml").read_text(encoding="utf-8")
    for section in yaml.safe_load(text):
        yield Heading(2, t(section["vi"], section["en"]))
        for rule in section["rules"]:
            yield Paragraph(t(rule["vi"], rule["en"]), bullet=True)
