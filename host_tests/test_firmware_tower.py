"""A tower in the whole application: samples in, slow windows in the core, the mean of ten minutes, an alert."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import struct
import zlib
from array import array
from pathlib import Path

import numpy as np
import pytest
import vib
from test_firmware_application import Bench, bench, events
from test_firmware_sampler import CONFIG, Chip, StopSampling, burst
from test_firmware_speed_course import TAUGHT
from vibnode import sampler
from vibtrain.features.config import CoreChoice, SensorChoice
from vibtrain.features.extraction import Windows
from vibtrain.models import fit
from vibtrain.packaging import convert

from lab.rigs.firmware import needs_micropython, wait_for
from lab.rigs.small_model import small_config

RATE_HZ, LSB_M_S2 = 400, 0.038245935
CORE = CoreChoice(
    window=512,
    hop=256,
    bands=2,
    band_lo_hz=20,
    band_hi_hz=180,
    by_angle=1,
    orders=2,
    slow_window=512,
    slow_bands=3,
    slow_orders=1,
)
__all__ = ["bench"]


def tower(seconds: float, sway_m_s2: float) -> np.ndarray:
    """0.5 Hz under a shaft of 25 Hz, in counts; shape (frames, 1)."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(3).normal(0, 0.5, len(t))
    x = sway_m_s2 * np.sin(2 * np.pi * 0.5 * t) + 2 * np.sin(2 * np.pi * 25 * t) + noise
    return np.asarray(np.round(x / LSB_M_S2), "<i2")[:, None]


@pytest.fixture(scope="module")
def model() -> bytes:
    """Fitted on the tower's own windows, as training leaves them: without those before the first slow one."""
    sensor = SensorChoice("adxl345", rate_hz=RATE_HZ, axes=1)
    chosen = dataclasses.replace(small_config(classifier=False), core=CORE, sensor=sensor)
    counts = tower(120, 0.05).astype(np.int16)
    rows = vib.extract(counts, chosen.core_config(), shaft_hz=25)
    known = rows[rows[:, vib.feature_names(chosen.core_config()).index("x.slow_rms")] > 0]
    windows = Windows(
        name="tower",
        machine="a",
        session="1",
        label="healthy",
        rate_hz=RATE_HZ,
        axes=("x",),
        source="seeded",
        features=known,
        first_window=counts[:512],
        samples_digest=b"tower",
    )
    return convert.convert(fit.fit([windows], chosen)).binary


def test_a_model_with_the_fields_that_came_later_has_its_own_format_and_is_read_as_it_was_written(
    model: bytes,
) -> None:
    assert int.from_bytes(model[4:8], "little") == convert.FORMAT_MORE
    config = vib.Model(model).config()
    assert config["slow_window"] == 512 and config["slow_bands"] == 3 and config["by_angle"] == 1
    assert config["orders"] == 2 and "mesh1_milliorders" not in config
    more = [config.get(field, 0) for field in vib.CONFIG_FIELDS[16:]]
    at = model.index(struct.pack(f"<{1 + len(more)}I", len(more), *more))
    for count in (len(more) + 1, 1 << 31):  # more fields than there are
        broken = bytearray(model)
        broken[at : at + 4] = struct.pack("<I", count)
        broken[-4:] = struct.pack("<I", zlib.crc32(broken[:-4]))
        with pytest.raises(ValueError, match="not a model"):
            vib.Model(bytes(broken))


@needs_micropython
@pytest.mark.parametrize(("sway_m_s2", "alerts"), [(1.0, True), (0.05, False)])
def test_a_tower_that_sways_too_far_for_ten_minutes_is_told(
    bench: Bench, model: bytes, sway_m_s2: float, alerts: bool
) -> None:
    """1 m/s^2 at 0.5 Hz is 225 mm/s RMS; a line in bin 5 is wide enough for its lower flank to count for more."""
    host = bench.listen()
    (bench.folder / "model.bin").write_bytes(model)
    playlist = {"rate_hz": RATE_HZ, "axes": 1, "lsb_nm_s2": vib.Model(model).config()["lsb_nm_s2"]}
    path = bench.configure(
        ("tower", tower(700, sway_m_s2), 700),
        learn_windows=0,
        playlist=playlist,
        component_class="vdi3834-1-tower",
        shaft_rpm=1500,
    )
    if alerts:
        bench.start(path)
        wait_for("the alert came", lambda: ("raise", "alarm", "velocity") in events(host))
        (alert,) = [one for one in host.alerts if one["cause"] == "velocity"]
        assert alert["threshold"] == pytest.approx(100_000, rel=0.01)
        assert alert["score"] == pytest.approx(225_000, rel=0.04)
    else:
        done = bench.run(path, "--windows", 1000)
        assert "velocity" not in done.stdout and done.returncode == 0, done.stdout + done.stderr


class Taught:
    def __init__(self) -> None:
        self.asked = 0

    def at(self, begin_ms: int, middle_ms: int, end_ms: int) -> array[int] | None:
        self.asked += 1
        return TAUGHT[(self.asked - 1) % len(TAUGHT)]


def test_a_window_by_angle_has_all_features_only_at_a_speed_that_can_be_followed(tmp_path: Path) -> None:
    config = dict(CONFIG, orders=2, by_angle=1)
    for constant_millihz, expected in ((25_000, [True, True, True, False]), (0, [True, False, True, False])):
        bursts = [burst(frames=32, level=100 + 7 * i) for i in range(9)]  # type: ignore[no-untyped-call]
        chip = Chip(bursts)  # type: ignore[no-untyped-call]
        made = sampler.Sampler(chip, vib.Core(config), config)
        made.shaft(constant_millihz)
        made.follow(Taught())
        seen: list[bool] = []

        async def run(made: sampler.Sampler = made, seen: list[bool] = seen) -> None:
            with contextlib.suppress(StopSampling):
                await made.run(lambda features: seen.append(made.has_all()), lambda fault: None)

        asyncio.run(run())
        assert seen[:4] == expected
