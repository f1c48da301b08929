"""From a laboratory recording to what an accelerometer would have put out: rate, noise, range, counts."""

from __future__ import annotations

import dataclasses
import hashlib
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy import signal

from vibtrain.recordings import STANDARD_GRAVITY, DataError, Recording, Samples
from vibtrain.sensors import Sensor

# The anti-alias filter: linear-phase FIR, Kaiser window. It is flat to 0.8 of the new half rate and down by
# STOP_BAND_DB from the half rate on, so that nothing folds back.
STOP_BAND_DB = 80.0
CUTOFF_OF_HALF_RATE = 0.9  # -6 dB point
TRANSITION_OF_HALF_RATE = 0.2

RATE_TOLERANCE = 200e-6  # of the rate asked for; sensors' own clocks are off by far more
LARGEST_FACTOR = 2000  # of the rational ratio of the two rates


def resample(recording: Recording, rate_hz: float, *, bandwidth_hz: float | None = None) -> Recording:
    """The recording at `rate_hz`, band-limited to below half of it and to `bandwidth_hz` (-6 dB point).

    Frames at either end on which the filter has no complete input are left out. The rate of the result may
    differ from `rate_hz` by RATE_TOLERANCE. Raises `DataError` for a rate above the recording's, for one
    without a workable ratio, and for a recording shorter than the filter.
    """
    ratio = rate_ratio(recording, rate_hz)
    half_rate_hz = float(recording.rate_hz * ratio) / 2
    cutoff_hz = CUTOFF_OF_HALF_RATE * half_rate_hz
    if bandwidth_hz is not None:
        cutoff_hz = min(cutoff_hz, bandwidth_hz)
    elif ratio == 1:
        return recording
    data = _filter_and_decimate(recording, ratio, cutoff_hz, TRANSITION_OF_HALF_RATE * half_rate_hz)
    note = f"{recording.rate_hz:g} Hz resampled to {2 * half_rate_hz:g} Hz, -6 dB at {cutoff_hz:g} Hz"
    return dataclasses.replace(
        recording, data=data, rate_hz=2 * half_rate_hz, note="; ".join(filter(None, (recording.note, note)))
    )


def rate_ratio(recording: Recording, rate_hz: float) -> Fraction:
    """New rate over old as a fraction of small integers. Raises `DataError` as `resample` does."""
    where = f"{recording.source}: {recording.name}"
    if not 0 < rate_hz <= recording.rate_hz * (1 + RATE_TOLERANCE):
        raise DataError(
            f"{where}: cannot be resampled to {rate_hz:g} Hz, "
            f"accepted are rates up to its own {recording.rate_hz:g} Hz"
        )
    wanted = Fraction(rate_hz / recording.rate_hz).limit_denominator(10**9)
    for largest in (50, 500, LARGEST_FACTOR):
        ratio = wanted.limit_denominator(largest)
        if ratio and abs(ratio / wanted - 1) <= RATE_TOLERANCE:
            return ratio
    raise DataError(
        f"{where}: no ratio of integers up to {LARGEST_FACTOR} leads from {recording.rate_hz:g} Hz "
        f"to {rate_hz:g} Hz within {RATE_TOLERANCE * 1e6:g} ppm"
    )


def to_counts(recording: Recording, sensor: Sensor, *, seed: int = 1) -> npt.NDArray[np.int16]:
    """What `sensor` would have put out: int16 counts, shape (frames, axes), at `sensor.rate_hz`.

    The noise depends on `seed` and the recording's name alone. Raises `DataError` as `resample` does, and
    where the recording has more axes than the sensor.
    """
    if len(recording.axes) > len(sensor.noise_ug_rthz):
        raise DataError(
            f"{recording.source}: {recording.name}: {len(recording.axes)} axes, "
            f"accepted by {sensor.name} are up to {len(sensor.noise_ug_rthz)}"
        )
    measured = resample(recording, sensor.rate_hz, bandwidth_hz=sensor.bandwidth_hz).data
    # White over half the rate: variance = density² x bandwidth.
    noise_m_s2 = np.array(sensor.noise_ug_rthz) * 1e-6 * STANDARD_GRAVITY * np.sqrt(sensor.rate_hz / 2)
    noise = _noise_source(recording.name, seed).standard_normal(measured.shape)
    noisy = measured + noise * noise_m_s2[: len(recording.axes)]
    steps = np.rint(noisy * (1e9 / (sensor.lsb_nm_s2 * sensor.step_counts)))
    limit = sensor.full_scale_counts
    return np.asarray(np.clip(steps * sensor.step_counts, -limit, limit), dtype=np.int16)


def _filter_and_decimate(
    recording: Recording, ratio: Fraction, cutoff_hz: float, transition_hz: float
) -> Samples:
    up, down = ratio.numerator, ratio.denominator
    filter_rate_hz = recording.rate_hz * up
    taps, beta = signal.kaiserord(STOP_BAND_DB, transition_hz / (filter_rate_hz / 2))
    taps |= 1  # odd: the delay is a whole number of samples
    window = signal.firwin(taps, cutoff_hz, window=("kaiser", beta), fs=filter_rate_hz)
    data = recording.data.astype(np.float64)
    if ratio == 1:  # resample_poly would return its input unfiltered
        data = signal.oaconvolve(data, window[:, None], mode="same", axes=0)
    else:
        data = signal.resample_poly(data, up, down, axis=0, window=window)
    settling = -(-(taps // 2) // down)  # frames of the result that saw beyond an end
    if len(data) <= 2 * settling:
        raise DataError(
            f"{recording.source}: {recording.name}: {len(recording.data)} frames, "
            f"accepted are more than {-(-2 * settling * down // up)} (length of the anti-alias filter)"
        )
    # Frames past the last input sample are filter tail too.
    frames = (len(recording.data) - 1) * up // down + 1
    return np.ascontiguousarray(data[settling : frames - settling], dtype=np.float32)


def _noise_source(name: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))
