"""The whole application in MicroPython with a simulated accelerometer on its SPI, in real time."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import vib

from lab.rigs.firmware import MICROPYTHON, ROOT, Broker, needs_micropython
from lab.rigs.firmware_model import CONFIG, model_bin

pytestmark = needs_micropython
# Slow, so that a busy computer cannot make the FIFO overrun: it holds 1.2 seconds.
SLOW = CONFIG | {"rate_millihz": 417_000, "band_lo_hz": 10, "band_hi_hz": 200, "envelope_hi_hz": 200}
SLOW |= {"envelope_lo_hz": 100}
LSB_G = 0.000061


class Device:
    """A folder with a device.json for an LSM6DSO, and a broker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker(folder)
        self.broker.start()
        (folder / "model.bin").write_bytes(model_bin(SLOW))
        tone = 900 * np.sin(np.arange(3000) / 3)[:, None]
        self.recording = (tone + np.random.default_rng(1).normal(0, 30, (3000, 3))).astype("<i2")
        (folder / "recording.i16").write_bytes(self.recording.tobytes())

    def run(self, *arguments: object, chip: str = "lsm6dso.Lsm6dso", **sensor: object) -> tuple[int, str]:
        """Run the application; its exit code and what it printed."""
        pins = {"sck": 12, "mosi": 11, "miso": 13, "cs": 10}
        device = {
            "site": "demo",
            "device": "motor-1",
            "model": "model.bin",
            "sensor": {"driver": "lsm6dso", "bus": "spi", **pins, **sensor},
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port},
            "learn_windows": 0,
        }
        path = self.folder / "device.json"
        path.write_text(json.dumps(device))
        program = [MICROPYTHON, "-X", "heapsize=4M", ROOT / "host_tests/chip_device.py", chip]
        done = subprocess.run(
            [
                *map(str, program),
                str(self.folder / "recording.i16"),
                str(LSB_G),
                *map(str, arguments),
                str(path),
            ],
            env={"MICROPYPATH": f"{ROOT / 'firmware'}:{ROOT}:.frozen"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path)
    yield made
    made.broker.kill()


def test_windows_of_a_chip_are_bit_for_bit_what_the_host_computes(device: Device) -> None:
    trace = device.folder / "trace"
    code, printed = device.run("--windows", 3, "--trace", trace, int1=9)
    assert code == 0, printed
    core = vib.Core(SLOW)
    got = np.fromfile(trace, "<i2").reshape(3, core.n_features + 2)[:, : core.n_features]
    burst = SLOW["hop"] // 4  # the first one settles
    assert np.array_equal(got, vib.extract(device.recording[burst:], SLOW)[:3])


def test_a_sensor_that_lies_otherwise_gives_the_devices_axes(device: Device) -> None:
    """On no more than turns of the recording itself; signs are in test_drivers_orientation.py."""
    trace = device.folder / "trace"
    code, printed = device.run("--windows", 2, "--trace", trace, orientation=["+z", "+x", "+y"])
    assert code == 0, printed
    core = vib.Core(SLOW)
    got = np.fromfile(trace, "<i2").reshape(2, core.n_features + 2)[:, : core.n_features]
    turned = device.recording[SLOW["hop"] // 4 :, [2, 0, 1]]
    assert np.array_equal(got, vib.extract(np.ascontiguousarray(turned), SLOW)[:2])
    code, printed = device.run("--windows", 1, orientation=["+z", "+y", "+x"])
    assert code == 1 and "device.json: sensor.orientation: ['+z', '+y', '+x']; accepted: a turn" in printed


def test_check_runs_the_self_test(device: Device) -> None:
    device.recording[:] = 0
    (device.folder / "recording.i16").write_bytes(device.recording.tobytes())
    code, printed = device.run("--check")
    assert code == 0, printed
    assert "sensor: self-test moved x by 599 mg; accepted: 50 to 1700" in printed
    assert "configuration, sensor, model and broker are in order" in printed


def test_check_names_a_sensor_that_is_not_there(device: Device) -> None:
    code, printed = device.run("--check", chip="lsm6dso.Lsm6dso-missing")
    assert code == 1
    assert printed.strip() == "vibnode: error: sensor: does not answer (who am I: 0xff instead of 0x6c)"
    code, printed = device.run("--check", chip="lsm6dso.Ism330dhcx")
    assert code == 1 and "0x6b instead of 0x6c" in printed


def test_a_sensor_that_does_not_fit_the_model_is_named(device: Device) -> None:
    code, printed = device.run("--windows", 1, rate_hz=833)
    assert code == 1
    assert "the sensor's rate_hz is 833; accepted: 417, for which the model was made" in printed
    code, printed = device.run("--windows", 1, range_g=8)
    assert code == 1 and "the sensor's lsb_nm_s2 is 2392823; accepted: 598206, for which" in printed
