"""Frames into windows: any hop, any lumps, gaps, and the raw formats of accelerometers' FIFOs."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
import vib

from lab.signals import BEARING, core_config


def windows(core: vib.Core, push: str, data: bytes, frame_bytes: int, lumps: list[int]) -> np.ndarray:
    """Features of every window of `data`, pushed in lumps of so many frames."""
    out, rows, at, turn = array("h", bytes(2 * core.n_features)), [], 0, 0
    frames = len(data) // frame_bytes
    while at < frames:
        lump = data[at * frame_bytes : (at + lumps[turn % len(lumps)]) * frame_bytes]
        turn += 1
        taken = 0
        while taken < len(lump) // frame_bytes:
            taken += getattr(core, push)(lump, taken)
            if core.ready():
                core.features(out)
                rows.append(list(out))
        at += taken
    return np.array(rows, np.int16)


def counts(frames: int, axes: int = 3, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-32768, 32768, (frames, axes), np.int16)


@pytest.mark.parametrize("hop", [1, 7, 64, 128, 129, 1000])
@pytest.mark.parametrize("lumps", [[1], [5, 1, 300], [4000]])
def test_any_hop_and_any_lumps_give_the_same_windows(hop: int, lumps: list[int]) -> None:
    config = core_config(128, axes=3, hop=hop)
    samples = counts(700 if hop > 1 else 200)
    got = windows(vib.Core(config), "push", samples.tobytes(), 6, lumps)
    whole = core_config(128, axes=3)
    expected = [
        vib.extract(samples[start : start + 128], whole)[0] for start in range(0, len(samples) - 127, hop)
    ]
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("hop", [7, 64, 128, 300])
@pytest.mark.parametrize("work", [1, 3000, 4_000_000_000])
@pytest.mark.parametrize("has_envelope", [False, True])
def test_in_steps_with_samples_coming_meanwhile(hop: int, work: int, has_envelope: bool) -> None:
    """Between the steps come frames, as many as the core takes; no window is lost, and each has the same features."""
    config = core_config(128, axes=3, hop=hop)
    if not has_envelope:
        config |= {"envelope_bands": 0, **dict.fromkeys(BEARING, 0)}
    samples = counts(1500, seed=hop)
    core, plain = vib.Core(config), vib.Core(config)
    expected = windows(plain, "push", samples.tobytes(), 6, [1500])
    out, rows, at, ahead = array("h", bytes(2 * core.n_features)), [], 0, 0
    while True:
        at += core.push(samples[at : at + 5].tobytes())
        if core.ready():
            if core.step(out, work):
                rows.append(list(out))
            else:
                ahead += 1
        elif at == len(samples):
            break
    assert np.array_equal(rows, expected)
    assert ahead > 0 or work > 3000


def test_a_gap_between_steps_gives_the_window_up() -> None:
    config = core_config(128, axes=3, hop=64)
    samples = counts(400)
    core = vib.Core(config)
    out = array("h", bytes(2 * core.n_features))
    core.push(samples[:128].tobytes())
    assert not core.step(out, 1)
    core.gap()
    assert not core.ready()
    assert np.array_equal(windows(core, "push", samples.tobytes(), 6, [50]), vib.extract(samples, config))


def test_clipped_samples_are_counted_as_they_come() -> None:
    core = vib.Core(core_config(128, axes=3, hop=64))
    samples = np.zeros((128, 3), np.int16)
    samples[3, 0], samples[5, 1], samples[7, 2], samples[9, 0] = 1000, -1000, 999, -32768
    core.push(samples.tobytes())
    assert core.clipped() == 0
    core.gap()
    core.full_scale(1000)
    core.push(samples.tobytes())
    assert core.clipped() == 3
    assert core.clipped() == 0
    with pytest.raises(ValueError, match="40000 counts; accepted: 0 to 32768"):
        core.full_scale(40000)


def test_a_gap_breaks_the_window_and_no_sample_crosses_it() -> None:
    config = core_config(128, axes=3, hop=64)
    before, after = counts(300, seed=1), counts(300, seed=2)
    core = vib.Core(config)
    first = windows(core, "push", before.tobytes(), 6, [300])
    core.gap()
    second = windows(core, "push", after.tobytes(), 6, [300])
    assert np.array_equal(first, vib.extract(before, config))
    assert np.array_equal(second, vib.extract(after, config))


def packed(
    samples: np.ndarray, bits: int, sample_bytes: int, big_endian: bool, left: bool, skip: int
) -> bytes:
    """Samples as a chip's FIFO holds them, with junk in the unused bits and in the tags."""
    random = np.random.default_rng(bits)
    width = 8 * sample_bytes
    out = bytearray()
    for frame in samples:
        out += random.bytes(skip)
        for value in frame:
            word = int(value) & (2**bits - 1)
            junk = int(random.integers(0, 2 ** (width - bits))) if width > bits else 0
            word = word << (width - bits) | junk if left else junk << bits | word
            out += word.to_bytes(sample_bytes, "big" if big_endian else "little")
    return bytes(out)


FORMATS = [
    (16, 2, False, False, 0),  # ADXL345 in full resolution, sign extended
    (16, 2, True, False, 0),  # MPU6050
    (16, 2, False, False, 1),  # IIS3DWB and LSM6DSO, a tag before each frame
    (14, 2, False, True, 0),  # LIS2DW12
    (12, 2, False, True, 0),  # LIS3DH
    (13, 2, False, False, 0),
    (12, 2, True, False, 0),
    (20, 3, True, True, 0),  # ADXL355
    (20, 3, False, False, 2),
    (24, 3, True, True, 0),
]


@pytest.mark.parametrize("layout", FORMATS)
def test_raw_formats_arrive_as_counts(layout: tuple[int, int, bool, bool, int]) -> None:
    bits, sample_bytes, _, _, skip = layout
    random = np.random.default_rng(7)
    samples = random.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (300, 3))
    samples[0] = [2 ** (bits - 1) - 1, -(2 ** (bits - 1)), -1]  # the ends, where rounding must not wrap
    reduced = samples if bits <= 16 else np.minimum((samples + 2 ** (bits - 17)) >> (bits - 16), 32767)
    config = core_config(128, axes=3, hop=64)
    core = vib.Core(config)
    core.raw_format(*layout)
    got = windows(core, "push_raw", packed(samples, *layout), skip + 3 * sample_bytes, [50, 1, 77])
    assert np.array_equal(got, vib.extract(reduced.astype(np.int16), config))


@pytest.mark.parametrize(
    "layout",
    [
        (7, 2, False, False),
        (25, 3, False, False),
        (20, 2, False, False),
        (16, 4, False, False),
        (16, 2, 0, 0, 9),
    ],
)
def test_a_format_that_no_chip_has_is_refused(layout: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="raw format"):
        vib.Core(core_config(128)).raw_format(*layout)  # type: ignore[arg-type]


def test_raw_bytes_need_a_format_and_whole_frames() -> None:
    core = vib.Core(core_config(128, axes=3))
    with pytest.raises(ValueError, match="raw format"):
        core.push_raw(bytes(6))
    core.raw_format(16, 2, False, False)
    with pytest.raises(ValueError, match="whole frames"):
        core.push_raw(bytes(7))
