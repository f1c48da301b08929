"""Batches: windows in lockstep (training/vib/lanes.c) give the features of the core alone, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import vib
from known_windows import recorded_counts
from machine_lacks import machine_needs
from vib._vib import WINDOWS_TOGETHER

from lab.signals import Int16, core_config, signals

GOLDEN = Path(__file__).parents[1] / "training" / "vib" / "golden" / "windows.bin"
SHAFT_HZ = 29.7

needs_lanes = machine_needs(
    "a processor or compiler with the vector instructions that batches use", there=WINDOWS_TOGETHER > 1
)


def one_by_one(samples: Int16, config: dict[str, int], shaft_hz: float = SHAFT_HZ) -> Int16:
    """Features of every window as a device computes them."""
    core = vib.Core(config)
    core.shaft(round(shaft_hz * 1000))
    out = np.empty(((len(samples) - config["window"]) // config["hop"] + 1, core.n_features), np.int16)
    at = 0
    for row in out:
        while not core.ready():
            at += core.push(samples, at)
        core.features(row)
    return out


def assert_equal(samples: Int16, config: dict[str, int]) -> None:
    together = vib.extract(samples, config, shaft_hz=SHAFT_HZ)
    apart = one_by_one(samples, config)
    columns = np.flatnonzero((together != apart).any(axis=0))
    assert not len(columns), (config, [vib.feature_names(config)[i] for i in columns])


def random_config(random: np.random.Generator) -> dict[str, int]:
    """Valid, otherwise anything."""
    window = int(2 ** random.integers(6, 11))
    rate_hz = int(random.integers(window // 32 + 1, 100_001)) if random.random() < 0.9 else window * 10
    half_hz, bin_hz = rate_hz // 2, rate_hz / window
    lo_hz = int(random.integers(np.ceil(bin_hz), half_hz // 2 + 1))
    pass_lo_hz = int(random.integers(0, half_hz // 2 + 1))
    config = core_config(window, axes=int(random.integers(1, 4)), rate_hz=rate_hz) | {
        "hop": int(random.integers(1, 2 * window)),
        "lsb_nm_s2": int(random.integers(1, 4_000_000_001)),
        "bands": int(random.integers(1, 33)),
        "band_lo_hz": lo_hz,
        "band_hi_hz": int(random.integers(lo_hz + 1, half_hz + 1)),
        "envelope_bands": int(random.integers(1, 17)),
        "envelope_lo_hz": pass_lo_hz,
        "envelope_hi_hz": pass_lo_hz + int(random.integers(1, rate_hz // 4 + 1)),
        "orders": int(random.integers(0, 9)),
    }
    try:
        vib.Core(config)
    except ValueError:
        return random_config(random)
    return config


@needs_lanes
@pytest.mark.parametrize("window", [64, 128, 256, 512, 1024, 2048, 4096])
def test_trying_signals(window: int) -> None:
    """Silence beside full scale in one batch, every window of two signals' meeting, and a rest that fills no batch."""
    samples = np.concatenate(list(signals(window).values()))
    assert_equal(samples, core_config(window, hop=window // 4))
    axes = np.column_stack([samples, np.roll(samples, window), samples[::-1]])
    assert_equal(axes, core_config(window, axes=3, hop=window))


@needs_lanes
@pytest.mark.parametrize("seed", range(60))
def test_random_windows_of_random_configurations(seed: int) -> None:
    random = np.random.default_rng(seed)
    config = random_config(random)
    frames = config["window"] + (WINDOWS_TOGETHER + int(random.integers(0, 4))) * config["hop"]
    loudness = 2.0 ** random.uniform(-2, 15, (frames // 50 + 1, config["axes"])).repeat(50, axis=0)[:frames]
    noise = random.normal(0, 1, (frames, config["axes"])) * loudness + random.integers(-9000, 9000)
    assert_equal(np.clip(np.round(noise), -32768, 32767).astype(np.int16), config)


@needs_lanes
def test_golden_windows() -> None:
    """Each golden vector, eight times over in one batch."""
    data, at, tried = GOLDEN.read_bytes(), 0, 0
    while at < len(data):
        *fields, shaft_millihz, n = np.frombuffer(data, "<u4", 18, at).tolist()
        config = dict(zip(vib.CONFIG_FIELDS[:16], fields, strict=True))
        samples = np.frombuffer(data, "<i2", config["window"] * config["axes"], at + 72)
        expected = np.frombuffer(data, "<i2", n, at + 72 + samples.nbytes)
        batch = np.tile(samples.reshape(-1, config["axes"]), (WINDOWS_TOGETHER, 1))
        got = vib.extract(batch, config | {"hop": config["window"]}, shaft_hz=shaft_millihz / 1000)
        assert len(got) == WINDOWS_TOGETHER and (got == expected).all(), tried
        at += 72 + samples.nbytes + expected.nbytes
        tried += 1
    assert tried == 20


@needs_lanes
@pytest.mark.parametrize("window", [256, 1024, 4096])
def test_recordings(window: int) -> None:
    """Those of adi-motor where they are on this machine, simulated ones elsewhere."""
    config = core_config(window, axes=3, hop=window // 2)
    for counts in recorded_counts()[::6]:
        assert_equal(counts, config)


def test_one_core_for_each_thread() -> None:
    samples = np.random.default_rng(3).integers(-999, 999, (60_000, 3), dtype=np.int16)
    config = core_config(64, axes=3, hop=50)
    assert np.array_equal(vib.extract(samples, config, workers=5), vib.extract(samples, config, workers=1))
