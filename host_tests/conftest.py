"""What several test modules need: a broker of their own, and a sensor at it."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from machine_lacks import MachineLacks, skip_for_want_of

from lab.rigs.dashboard import Device, Mosquitto

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# What takes a minute or more is begun first, the longest at the head: else one worker has it left at the end.
LONGEST = (
    "test_dashboard_page",
    "test_training_cli",
    "test_dashboard_ingest",
    "test_dashboard_trusted",
    "test_dashboard_access",
    "test_end_to_end",
    "test_dashboard_kills",
    "test_dashboard_care",
    "test_tool_live",
    "test_dashboard_supervision",
    "test_dashboard_offline",
    "test_dashboard_asking",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-missing-tool", action="store_true", help="A skip for want of a tool is a failure.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "machine_needs(what, there): see machine_lacks.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place(item.path.stem))


def _place(name: str) -> int:
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("machine_needs"):
        if not mark.kwargs["there"]:
            skip_for_want_of(*mark.args)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, MachineLacks):
        return report
    return _without_missing_tool(item.config, report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _without_missing_tool(collector.config, (yield))


def _without_missing_tool(config: pytest.Config, report: Report) -> Report:
    if report.skipped and config.getoption("no_missing_tool") and isinstance(report.longrepr, tuple):
        report.outcome = "failed"
        report.longrepr = f"skipped, and --no-missing-tool allows that for no tool: {report.longrepr[2]}"
    return report


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    running = Mosquitto(tmp_path / "broker")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def device(broker: Mosquitto) -> Iterator[Device]:
    sensor = Device(broker, "motor-1")
    yield sensor
    sensor.leave()
