"""A training configuration for recordings that none was written for."""

from __future__ import annotations

import math
from pathlib import Path

from vibtrain.features import sensors
from vibtrain.features.config import (
    AnomalyChoice,
    ClassifierChoice,
    CoreChoice,
    DetectorChoice,
    SensorChoice,
    TrainingConfig,
    check,
)
from vibtrain.features.resample import reaches
from vibtrain.recordings import DataError

WINDOW_S = 0.3  # of a configuration made for a manifest, as far as the core's window sizes allow
STEADY_INPUTS = ("rms", "crest", "kurtosis", "velocity_rms")  # of any score, beside some bands
WATCHED_INPUTS = ("crest", "kurtosis", "band", "env")  # of the score of machines that were watched for long
BROAD_HZ = (200.0, 1000.0)  # of its score's bands: over the shaft's lines, under what mountings differ in
FILTERED_FRAMES = (
    64  # at the ends of a recording, about, on which the anti-alias filter has no complete input
)
AVERAGED_S = 0.6  # what its mean of windows spans at least: six turns of a shaft at 600 rpm
SNAPSHOT_EVERY_S = 10.0  # where no times say how often snapshots were taken
MOST_HOP = 1_000_000  # SPEC.md 1.1


def general(
    name: str,
    sensor_name: str,
    rate_hz: float,
    axes: int,
    *,
    shortest_s: float = math.inf,
    settle_s: float = 0.0,
    every_s: float = SNAPSHOT_EVERY_S,
    watched: bool = False,
) -> TrainingConfig:
    """A configuration for recordings of `rate_hz` that none was written for, at a rate that the sensor has.

    Bands and envelope cover what the rate allows; every recording is trained on. A window fits into the shortest
    recording, `shortest_s` long; and what is averaged spans AVERAGED_S of signal, however many recordings that takes.
    Recordings that hold one window each, one of them every `every_s`, are rounds: then a window is one, and the hop is
    the time from one to the next, by which the detector's times are counted.
    `watched`: there are many recordings of each of several machines, enough to learn how all bands scatter together;
    fewer say too little, and the score takes those bands alone that speed and load move least.
    Raises `DataError` for an unknown sensor, or a rate too low for it or for a window of 512.
    """
    rate_hz = _own_rate(name, sensor_name, rate_hz)
    bandwidth_hz = sensors.sensor(sensor_name, rate_hz=rate_hz).bandwidth_hz
    highest_hz = int(min(0.44 * rate_hz, bandwidth_hz))
    window = _window(rate_hz, shortest_s)
    hop = window // 2
    averaged = _averaged(window, hop, rate_hz, shortest_s)
    if _windows_in(shortest_s, window, hop, rate_hz) == 1:
        hop = max(hop, min(MOST_HOP, round(every_s * rate_hz)))
    core = CoreChoice(
        window=window,
        hop=hop,
        bands=12,
        band_lo_hz=max(5, math.ceil(1.5 * rate_hz / window)),
        band_hi_hz=int(min(0.45 * rate_hz, bandwidth_hz)),
        envelope_bands=6,
        envelope_lo_hz=max(highest_hz - int(0.24 * rate_hz), highest_hz * 9 // 20),
        envelope_hi_hz=highest_hz,
    )
    if core.band_hi_hz <= core.band_lo_hz:
        raise DataError(
            f"{name}: {rate_hz:g} Hz leave no bands over {core.band_lo_hz} Hz; accepted: a higher rate"
        )
    shapes = ("rms", "crest", "kurtosis", "velocity_rms", "centroid", "flatness")
    config = TrainingConfig(
        name=name,
        sensor=SensorChoice(sensor_name, rate_hz, axes=axes),
        core=core,
        anomaly=AnomalyChoice(inputs=WATCHED_INPUTS if watched else (*STEADY_INPUTS, *_broad_bands(core))),
        settle_s=settle_s,
        classifier=ClassifierChoice(
            inputs=(*shapes, "band", "env"), kind="extra-trees", trees=60, depth=8, least_leaf=6
        ),
        detector=DetectorChoice(average_windows=averaged),
    )
    check(config, Path(name))
    return config


def _window(rate_hz: float, shortest_s: float) -> int:
    """Frames: about WINDOW_S, or what the shortest recording holds once its ends are filtered; 256 at least."""
    wanted: int = min(4096, max(512, 2 ** round(math.log2(WINDOW_S * rate_hz))))
    frames = shortest_s * rate_hz - FILTERED_FRAMES
    while wanted > max(256, frames):
        wanted //= 2
    return wanted


def _averaged(window: int, hop: int, rate_hz: float, shortest_s: float) -> int:
    """Windows that span AVERAGED_S of signal. Those of short recordings do not go on from one to the next."""
    in_a_row = math.ceil((AVERAGED_S * rate_hz - window) / hop) + 1
    of_one = _windows_in(shortest_s, window, hop, rate_hz)
    if of_one < in_a_row:
        of_one_s = (window + (of_one - 1) * hop) / rate_hz
        in_a_row = of_one * math.ceil(AVERAGED_S / of_one_s)
    return max(1, min(64, in_a_row))


def _windows_in(shortest_s: float, window: int, hop: int, rate_hz: float) -> int:
    """How many the shortest recording holds once its ends are filtered, of a long one at least as many as matter."""
    frames = min(shortest_s, 2 * AVERAGED_S) * rate_hz - FILTERED_FRAMES
    return max(1, int(frames - window) // hop + 1)


def _own_rate(name: str, sensor_name: str, recorded_hz: float) -> float:
    """The highest of the chip's own rates that the recordings say enough for: a device takes no model for another."""
    chip = sensors.sensor(sensor_name)
    for rate_hz in chip.rates_hz:
        if reaches(recorded_hz, rate_hz, sensors.sensor(sensor_name, rate_hz=rate_hz).bandwidth_hz):
            return rate_hz
    others = [n for n in sensors.names() if sensors.sensor(n).rates_hz[-1] <= recorded_hz]
    raise DataError(
        f"{name}: recordings of {recorded_hz:g} Hz, accepted for the {sensor_name}: {chip.rates_hz[-1]:g} Hz or more"
        + (f"; or another sensor, such as {', '.join(others)}" if others else "")
    )


def _broad_bands(core: CoreChoice) -> list[str]:
    """The bands within BROAD_HZ, or the upper half where there is none."""
    octaves = math.log2(core.band_hi_hz / core.band_lo_hz) / core.bands
    edges = [core.band_lo_hz * 2 ** (octaves * i) for i in range(core.bands + 1)]
    within = [i for i in range(core.bands) if edges[i] >= BROAD_HZ[0] and edges[i + 1] <= BROAD_HZ[1]]
    return [f"band{i:02d}" for i in within or range(core.bands // 2, core.bands)]
