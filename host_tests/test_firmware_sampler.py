"""The sampler with the real core: what it counts, when it distrusts the samples. Portable: CPython and MicroPython."""

import asyncio
from array import array

import vib
from vibnode import sampler
from vibnode.drivers.raw import PLAIN

CONFIG = {
    "rate_millihz": 1000000,
    "window": 64,
    "hop": 32,
    "axes": 2,
    "lsb_nm_s2": 1000000,
    "bands": 2,
    "band_lo_hz": 100,
    "band_hi_hz": 400,
    "envelope_bands": 0,
    "envelope_lo_hz": 100,
    "envelope_hi_hz": 200,
    "orders": 0,
    "bpfo_milliorders": 0,
    "bpfi_milliorders": 0,
    "bsf_milliorders": 0,
    "ftf_milliorders": 0,
}


class Chip:
    """A driver that hands out bursts of [frames], a gap before those marked, and OSError where a burst is None."""

    rate_hz = 1000
    axes = 2
    orientation = None
    lsb_nm_s2 = 1000000
    full_scale_counts = 2000
    noise_um_s2 = None
    raw_format = PLAIN
    frame_bytes = 4
    burst_frames = 64
    backlog = None
    fifo_ms = 0

    async def wait(self):
        """There is always more."""

    def __init__(self, bursts):
        self.bursts = bursts
        self.gap = False

    def readinto(self, buf):
        if not self.bursts:
            raise StopSampling
        burst = self.bursts.pop(0)
        if burst is None:
            raise OSError(5)
        self.gap, samples = burst
        buf[: 2 * len(samples)] = bytes(array("h", samples))
        return len(samples) // 2


class StopSampling(Exception):
    """All bursts were handed out."""


def burst(gap=False, frames=8, level=100):
    samples = []
    for i in range(frames):
        sign = 1 if (i // 2) % 2 else -1
        samples.extend([sign * level, -sign * level + i])
    return gap, samples


def sample(bursts):
    """(features of the good windows, faults told, sampler) after a chip gave `bursts`."""
    made = sampler.Sampler(Chip(bursts), vib.Core(CONFIG), CONFIG)
    windows, faults = [], []

    async def run():
        try:  # noqa: SIM105 - MicroPython has no contextlib
            await made.run(lambda features: windows.append(list(features)), faults.append)
        except StopSampling:
            pass

    asyncio.run(run())
    return windows, faults, made


def test_counts_windows_frames_and_bytes():
    windows, faults, made = sample([burst() for _ in range(16)])
    assert (len(windows), faults) == (3, [])  # 128 frames: at 64, 96 and 128
    assert (made.frames, made.bytes_sampled(), made.gaps) == (128, 512, 0)


def test_bursts_of_any_length_make_the_same_windows():
    samples = burst(frames=128)[1]
    pieces, at = [], 0
    while at < 128:
        frames = min(1 + at % 8, 128 - at)
        pieces.append((False, samples[2 * at : 2 * (at + frames)]))
        at += frames
    even = [(False, samples[16 * i : 16 * (i + 1)]) for i in range(16)]
    assert len({len(piece) for _, piece in pieces}) > 3
    windows = sample(pieces)[0]
    assert len(windows) == 3
    assert windows == sample(even)[0]


def test_a_gap_breaks_the_window_and_is_counted():
    bursts = [burst() for _ in range(7)] + [burst(gap=True)] + [burst() for _ in range(7)]
    windows, faults, made = sample(bursts)
    assert (len(windows), faults, made.gaps) == (1, [], 1)


def test_gaps_that_let_no_window_through_are_a_fault():
    windows, faults, made = sample([burst(gap=i % 4 == 0) for i in range(40)])
    assert windows == []
    assert made.gaps == 10 and faults == ["gap"] * 8
    assert made.fault == "gap"


def test_an_axis_that_does_not_move_is_stuck():
    still = (False, [0, 5, 3, 5, 0, 5, 3, 5] * 2)
    windows, faults, made = sample([still for _ in range(16)])
    assert (len(windows), faults, made.fault) == (0, ["stuck"] * 3, "stuck")


def test_samples_at_full_scale_are_clipped_from_the_first_window_on():
    windows, faults, made = sample([burst(level=2000) for _ in range(16)])
    assert (len(windows), faults, made.fault) == (0, ["clipped"] * 3, "clipped")
    assert sample([burst(level=1900) for _ in range(16)])[1] == []


def test_clipped_clears_with_the_next_window_that_is_not():
    loud, calm = [burst(level=2000) for _ in range(8)], [burst() for _ in range(12)]
    windows, faults, made = sample(loud + calm)
    assert faults == ["clipped"] and made.fault == "ok"
    assert len(windows) == 3


def test_a_gap_forgets_what_was_clipped_before_it():
    windows, faults, made = sample([burst(level=2000), burst(gap=True)] + [burst() for _ in range(7)])
    assert (len(windows), faults, made.gaps) == (1, [], 1)


def test_a_chip_that_does_not_answer_is_gone_until_it_does():
    sampler.RETRY_MS = 1
    windows, faults, made = sample([burst() for _ in range(8)] + [None, None] + [burst() for _ in range(8)])
    assert (len(windows), faults, made.fault) == (2, ["gone", "gone"], "ok")
    assert made.gaps == 1


def test_on_window_ends_it_by_returning_true():
    chip = Chip([burst() for _ in range(100)])
    made = sampler.Sampler(chip, vib.Core(CONFIG), CONFIG)
    asyncio.run(made.run(lambda features: True, None))
    assert made.frames == 64


def test_features_are_those_of_the_core_alone():
    kept = array("h", [0] * vib.Core(CONFIG).n_features)
    made = sampler.Sampler(Chip([burst() for _ in range(8)]), vib.Core(CONFIG), CONFIG)

    def keep(features):
        kept[:] = features
        return True

    asyncio.run(made.run(keep, None))
    core = vib.Core(CONFIG)
    for _ in range(8):
        core.push(array("h", burst()[1]))
    expected = array("h", [0] * core.n_features)
    core.features(expected)
    assert kept == expected
