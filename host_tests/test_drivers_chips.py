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


@pytest.mark.parametrize("answer", [0x70, 0x98])
def test_relatives_and_copies_of_the_mpu6050_are_taken_with_a_note(
    answer: int, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = driver_scenarios.Bench("mpu6050-i2c")
    bench.chip.POWER_ON = {**bench.chip.POWER_ON, 0x75: answer}
    bench.chip.registers[0x75] = answer
    assert bench.read() == bench.driver.burst_frames and bench.driver.kin == answer
    bench.driver.sleep()
    bench.read()
    said = f"vibnode: the sensor answers {answer:#04x} instead of 0x68: a relative or a copy, taken\n"
    assert capsys.readouterr().out == said  # once


@pytest.mark.parametrize("answer", [0x00, 0x12, 0x71, 0xFF])
def test_what_is_no_relative_is_refused(answer: int) -> None:
    bench = driver_scenarios.Bench("mpu6050-i2c")
    bench.chip.POWER_ON = {**bench.chip.POWER_ON, 0x75: answer}
    bench.chip.registers[0x75] = answer
    with pytest.raises(OSError, match=f"who am I: {answer:#04x} instead of 0x68"):
        bench.poll()
