"""What several test modules need: a broker of their own, and a sensor at it."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from lab.rigs.dashboard import Device, Mosquitto

# What a machine may lack that no tool brings: the rest is installed or built by `make test`.
NO_TOOL = ("on this machine", "recordings", "not a Debian system", "Linux's /proc", "vector instructions")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-missing-tool", action="store_true", help="A skip for want of a tool is a failure.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _without_missing_tool(item.config, (yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _without_missing_tool(collector.config, (yield))


def _without_missing_tool(config: pytest.Config, report: Report) -> Report:
    if report.skipped and config.getoption("no_missing_tool") and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if not any(words in reason for words in NO_TOOL):
            report.outcome = "failed"
            report.longrepr = f"skipped, and --no-missing-tool allows that for no tool: {reason}"
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
