"""Every driver against its chip, simulated register by register, on CPython and on MicroPython."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import driver_scenarios
import pytest
from vibnode import config
from vibnode.drivers import chips as drivers
from vibtrain.features import sensors

from lab.rigs.firmware import MICROPYTHON, needs_micropython

HERE = Path(__file__).parent


@pytest.mark.parametrize("scenario", driver_scenarios.SCENARIOS, ids=lambda scenario: scenario.__name__)
@pytest.mark.parametrize("kind", driver_scenarios.KINDS)
def test_driver(kind: str, scenario: Callable[[str], None]) -> None:
    scenario(kind)


@needs_micropython
@pytest.mark.parametrize("kind", driver_scenarios.KINDS)
def test_driver_on_micropython(kind: str) -> None:
    program = f"import sys, driver_scenarios; sys.exit(driver_scenarios.run({kind!r}))"
    done = subprocess.run(
        [MICROPYTHON, "-X", "heapsize=8M", "-c", program],
        env={"MICROPYPATH": f"{HERE.parent / 'firmware'}:{HERE}:{HERE.parent}:.frozen"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    passed = [line.removeprefix("passed ") for line in done.stdout.splitlines() if line.startswith("passed ")]
    assert done.returncode == 0, done.stdout + done.stderr
    assert passed == [scenario.__name__ for scenario in driver_scenarios.SCENARIOS]


def test_every_chip_that_a_configuration_can_name_is_tried() -> None:
    assert set(drivers.CLASSES) == set(config.CHIPS)
    assert {kind.split("-")[0] for kind in driver_scenarios.KINDS} == set(config.CHIPS)


@pytest.mark.parametrize("name", config.CHIPS)
def test_training_knows_the_same_counts(name: str) -> None:
    chip = drivers.chip_class(name)
    assert set(sensors.sensor(name).rates_hz) <= set(chip.RATES_HZ)
    for range_g, (_, lsb_nm_s2) in chip.RANGES_G.items():
        assert sensors.sensor(name, range_g=range_g).lsb_nm_s2 == lsb_nm_s2
