"""The C core against the independent float64 statement of the same features, with the bounds of SPEC.md 1.2."""

from __future__ import annotations

import numpy as np
import pytest
import vib
from known_windows import recorded_counts

from lab import reference
from lab.signals import Int16, core_config, signals

WINDOWS = (64, 128, 256, 512, 1024, 2048, 4096)
BOUND_STEPS = {
    "rms": 1,
    "peak": 1,
    "crest": 1,
    "kurtosis": 1,
    "velocity_rms": 1,
    "centroid": 1,
    "line_freq": 2,
    "line_level": 2,
    "vline_freq": 2,
    "vline_level": 2,
    "flatness": 2,
    "band": 2,
    "order": 2,
    "env": 2,
    "bpfo": 2,
    "bpfi": 2,
    "bsf": 2,
    "ftf": 2,
}
BEARING = ("bpfo", "bpfi", "bsf", "ftf")
ENVELOPE = ("env", *BEARING)
SHAFT_HZ = 29.7
STEPS_PER_DB = 256 / (20 * np.log10(2))
FLAT_SPECTRUM = ("impulse", "impulse of one count")  # no line stands out
DEPTH_FLOOR = 10 * 256  # -60 dB


def share_db(samples: Int16, config: dict[str, int], edges_hz: tuple[int, int]) -> float:
    """How far a pass band's level is under the whole spectrum's, dB, 0 or less; -inf for nothing."""
    window = config["window"]
    x = samples[:, 0] - samples[:, 0].mean()
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    power = np.abs(np.fft.rfft(x * hann)[1:-1]) ** 2
    lo, hi = (int(np.ceil(hz * window * 1000 / config["rate_millihz"])) for hz in edges_hz)
    inside, whole = power[lo - 1 : hi - 1].sum(), power.sum()
    return float(10 * np.log10(inside / whole)) if inside > 0 else -np.inf


def velocity_line_stands_out(samples: Int16, config: dict[str, int]) -> bool:
    """Whether no other bin of the velocity's spectrum comes within 0.2 % of the strongest one's power."""
    window, bin_hz = config["window"], config["rate_millihz"] / 1000 / config["window"]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    power = np.abs(np.fft.rfft((samples[:, 0] - samples[:, 0].mean()) * hann)) ** 2
    bins = np.arange(1, window // 2)
    bins = bins[(bins * bin_hz >= 10) & (bins * bin_hz <= 1000)]
    strongest = np.sort(power[bins] / bins**2)[::-1]
    return len(bins) > 1 and strongest[1] < 0.998 * strongest[0]


def within_conditions(
    family: str, want: float, exact: dict[str, float], samples: Int16, config: dict[str, int]
) -> bool:
    """Whether SPEC.md 1.2 gives a bound for this feature on this signal."""
    if family in ("band", "order"):
        return bool(want >= exact["x.rms"] - 80 * STEPS_PER_DB)
    if family in ("velocity_rms", "centroid", "flatness"):
        edges = (10, 1000) if family == "velocity_rms" else (config["band_lo_hz"], config["band_hi_hz"])
        return share_db(samples, config, edges) >= (-60 if family == "flatness" else -80)
    if family.startswith("vline"):
        return share_db(samples, config, (10, 1000)) >= -80 and velocity_line_stands_out(samples, config)
    if family in ENVELOPE:
        pass_band = (config["envelope_lo_hz"], config["envelope_hi_hz"])
        return share_db(samples, config, pass_band) >= -50 and (family in BEARING or want >= DEPTH_FLOOR)
    return True


def compare(samples: Int16, config: dict[str, int], what: str) -> list[str]:
    """What is out of bounds."""
    names = vib.feature_names(config)
    measured = vib.extract(samples, config, shaft_hz=SHAFT_HZ)[0]
    exact = dict(zip(names, reference.features(samples, config, SHAFT_HZ), strict=True))
    wrong = []
    for (name, want), got in zip(exact.items(), measured, strict=True):
        family = name.split(".")[1].rstrip("0123456789")
        if "line" in family and what in FLAT_SPECTRUM:
            continue
        if not within_conditions(family, want, exact, samples, config):
            continue
        if abs(got - want) > BOUND_STEPS[family]:
            wrong.append(f"{name} of {what}, window {config['window']}: {got}, reference {want:.1f}")
    return wrong


@pytest.mark.parametrize("window", WINDOWS)
def test_features_are_within_their_bounds(window: int) -> None:
    config = core_config(window)
    wrong = [line for what, x in signals(window).items() for line in compare(x, config, what)]
    assert not wrong, "\n".join(wrong)


def test_a_sine_reads_its_textbook_values() -> None:
    """Not even the reference between: amplitude, velocity and frequency by hand."""
    config = core_config(1024)
    amplitude_counts, hz = 4000, 100.0
    x = np.round(amplitude_counts * np.sin(2 * np.pi * hz * np.arange(1024) / 3200)).astype(np.int16)[:, None]
    got = dict(zip(vib.feature_names(config), vib.extract(x, config)[0] / 256, strict=True))
    amplitude_um_s2 = amplitude_counts * config["lsb_nm_s2"] / 1000
    rms = amplitude_um_s2 / np.sqrt(2)
    assert got["x.rms"] == pytest.approx(np.log2(rms), abs=0.01)
    assert got["x.peak"] == pytest.approx(np.log2(amplitude_um_s2), abs=0.01)
    assert got["x.crest"] == pytest.approx(0.5, abs=0.01)
    assert got["x.kurtosis"] == pytest.approx(np.log2(1.5), abs=0.01)
    assert got["x.velocity_rms"] == pytest.approx(np.log2(rms * 1000 / (2 * np.pi * hz)), abs=0.02)
    assert got["x.line_freq"] == pytest.approx(np.log2(hz), abs=0.01)
    assert got["x.line_level"] == pytest.approx(np.log2(rms), abs=0.02)


@pytest.mark.parametrize("shaft_hz", [10.0, 29.8, 50.0])
def test_the_velocity_line_is_the_shaft_under_a_resonance_that_shakes_five_times_as_much(
    shaft_hz: float,
) -> None:
    config = core_config(1024)
    t = np.arange(1024) / 3200
    shaft, resonance = 1000 * np.sin(2 * np.pi * shaft_hz * t), 5000 * np.sin(2 * np.pi * 900 * t)
    x = np.round(shaft + resonance).astype(np.int16)[:, None]
    got = dict(zip(vib.feature_names(config), vib.extract(x, config)[0] / 256, strict=True))
    assert got["x.line_freq"] == pytest.approx(np.log2(900), abs=0.01)
    assert got["x.vline_freq"] == pytest.approx(np.log2(shaft_hz), abs=0.05)
    rms_um_s2 = 1000 * config["lsb_nm_s2"] / 1000 / np.sqrt(2)
    assert got["x.vline_level"] == pytest.approx(np.log2(rms_um_s2), abs=0.03)


def test_the_envelope_finds_the_repetition_of_impacts() -> None:
    """Bursts of a 1 kHz resonance, 80 a second: the band that holds 80 Hz stands out."""
    config = core_config(2048) | {"envelope_bands": 8}
    rate_hz, repetition_hz = 3200, 80.0
    t = np.arange(2048) / rate_hz
    phase = (t * repetition_hz) % 1 / repetition_hz
    x = np.round(20000 * np.exp(-phase * 200) * np.sin(2 * np.pi * 1000 * phase)).astype(np.int16)[:, None]
    names = vib.feature_names(config)
    env = vib.extract(x, config)[0][[i for i, name in enumerate(names) if ".env" in name]]
    bin_hz = rate_hz / 2048
    pass_bins = int(np.ceil(config["envelope_hi_hz"] / bin_hz)) - int(
        np.ceil(config["envelope_lo_hz"] / bin_hz)
    )
    edges_hz = np.array(reference.band_edges(3, pass_bins, 8)) * bin_hz
    holds = int(np.searchsorted(edges_hz, repetition_hz, side="right")) - 1
    assert env.argmax() == holds


def test_shaft_harmonics_and_bearing_frequencies_stand_where_they_belong() -> None:
    """A shaft at 29.7 Hz with an imbalance and half as much 2x; a resonance struck 3.585 times a turn, 80 % deep."""
    config = core_config(4096)
    t = np.arange(4096) / 3200
    shaft = 2000 * np.sin(2 * np.pi * SHAFT_HZ * t) + 1000 * np.sin(2 * np.pi * 2 * SHAFT_HZ * t + 1)
    resonance = (1 + 0.4 * np.cos(2 * np.pi * 3.585 * SHAFT_HZ * t)) * 5000 * np.sin(2 * np.pi * 1000 * t)
    x = np.round(shaft + resonance).astype(np.int16)[:, None]
    names = vib.feature_names(config)
    got = dict(zip(names, vib.extract(x, config, shaft_hz=SHAFT_HZ)[0] / 256, strict=True))
    um_s2 = config["lsb_nm_s2"] / 1000
    assert got["x.order01"] == pytest.approx(np.log2(2000 * um_s2 / np.sqrt(2)), abs=0.03)
    assert got["x.order02"] == pytest.approx(np.log2(1000 * um_s2 / np.sqrt(2)), abs=0.03)
    assert got["x.order03"] < got["x.order02"] - 5
    # (1 + m cos)^2 = 1 + m^2/2 + 2 m cos + m^2/2 cos 2..: two lines over nothing, which counts as 2^-10 of the mean
    lines = np.log2(0.4 / 1.08) + 10, np.log2(0.04 / 1.08) + 10, 0
    assert got["x.bpfo"] == pytest.approx(np.mean(lines), abs=0.1)
    assert max(got[f"x.{name}"] for name in BEARING[1:]) < got["x.bpfo"] - 3
    unknown = dict(zip(names, vib.extract(x, config)[0], strict=True))
    assert not any(unknown[f"x.{name}"] for name in ("order01", "order02", "order03", *BEARING))
    assert unknown["x.band03"] == 256 * got["x.band03"]


@pytest.mark.parametrize("slip", [0.0, 0.005])
def test_a_struck_bearing_stands_out_of_noise_and_noise_alone_does_not(slip: float) -> None:
    """Strikes 3.585 times a turn ring at 1000 Hz in noise: BPFO by an octave and more, however loud the whole is."""
    config, random = core_config(4096), np.random.default_rng(5)
    noise = random.normal(0, 300, 4096)
    strikes = np.zeros(4096)
    strikes[(np.arange(0, 1.28, 1 / (3.585 * (1 - slip) * SHAFT_HZ)) * 3200).astype(int)] = 3000
    ring = np.exp(-np.arange(100) / 15) * np.sin(2 * np.pi * 1000 / 3200 * np.arange(100))
    damaged = noise + np.convolve(strikes, ring)[:4096]
    names = vib.feature_names(config)
    levels = []
    for x in (noise, damaged, 4 * damaged):
        features = vib.extract(np.round(x).astype(np.int16)[:, None], config, shaft_hz=SHAFT_HZ)[0] / 256
        levels.append([dict(zip(names, features, strict=True))[f"x.{name}"] for name in BEARING])
    assert max(np.abs(levels[0])) < 0.9
    assert levels[1][0] > 1.8 and max(levels[1][1:]) < levels[1][0] - 1
    assert levels[2] == pytest.approx(levels[1], abs=0.02)


def test_recorded_windows_are_within_their_bounds() -> None:
    """At every window size; recordings of adi-motor where they are on this machine, simulated ones elsewhere."""
    wrong, tried = [], 0
    for number, counts in enumerate(recorded_counts()):
        for window in WINDOWS:
            config = core_config(window)
            for axis in range(3):
                x = np.ascontiguousarray(counts[:window, [axis]])
                wrong += compare(x, config, f"recording {number}, axis {axis}")
                tried += 1
    assert tried >= 200
    assert not wrong, "\n".join(wrong)
