"""What several test modules need: a broker of their own, and a sensor at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboard_fixtures import Device, Mosquitto


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
