"""Rules for all tests: a live test says what it lacks, and where CI is set nothing may be skipped."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests import servers


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("live"):
        for program in marker.args:
            servers.find(program)


# A skip in CI would be a test that nobody notices to be gone.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if _in_ci() and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if _in_ci() and report.skipped:
        _fail(report)
    return report


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"skipped, which CI does not allow: {reason}"
