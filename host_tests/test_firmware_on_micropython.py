"""The portable tests of the firmware, run once more by the MicroPython that the virtual sensors are made of."""

import importlib
import inspect
import subprocess
from pathlib import Path

import pytest

from lab.rigs.firmware import MICROPYTHON, needs_micropython

HERE = Path(__file__).parent
PORTABLE = (
    "test_core_blend",
    "test_core_medians",
    "test_firmware_average",
    "test_firmware_common_level",
    "test_firmware_detector",
    "test_firmware_outbox",
    "test_firmware_config",
    "test_firmware_messages",
    "test_firmware_baseline",
    "test_firmware_replay",
    "test_firmware_sampler",
    "test_firmware_supervise",
    "test_firmware_clock",
    "test_firmware_command_queue",
    "test_firmware_velocity",
    "test_firmware_duty",
    "test_firmware_learning",
    "test_firmware_lookup",
    "test_firmware_point_message",
    "test_firmware_pulse_input",
    "test_firmware_settings",
    "test_firmware_heard_speed",
    "test_firmware_operating_table",
    "test_firmware_speed_course",
    "test_firmware_shaft_line",
    "test_firmware_standing",
    "test_firmware_hostile",
    "test_firmware_snapshot",
    "test_firmware_wifi",
    "test_firmware_failed_starts",
    "test_drivers_config",
    "test_drivers_orientation",
    "test_drivers_sampler",
    "drivers_memory_device",  # here only: CPython does not tell what is on its heap
)


def portable(name: str) -> list[str]:
    """Every test of a portable module in the runner's notation."""
    module = importlib.import_module(name)
    functions = inspect.getmembers(module, inspect.isfunction)
    return [
        f"{name}:{test}" + ("+" if inspect.signature(function).parameters else "")
        for test, function in functions
        if test.startswith("test_")
    ]


@needs_micropython
@pytest.mark.parametrize("module", PORTABLE)
def test_portable_module_passes_on_micropython(module: str, tmp_path: Path) -> None:
    wanted = portable(module)
    assert wanted
    done = subprocess.run(
        [MICROPYTHON, HERE / "micropython_runner.py", tmp_path, *wanted],
        env={"MICROPYPATH": f"{HERE.parent / 'firmware'}:{HERE}:{HERE.parent}:.frozen"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    passed = [line.removeprefix("passed ") for line in done.stdout.splitlines() if line.startswith("passed ")]
    assert done.returncode == 0, done.stdout + done.stderr
    assert passed == [test.rstrip("+") for test in wanted]
