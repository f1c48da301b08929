"""From a laboratory recording to what an accelerometer would have put out: rate, noise, range, counts."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from vibtrain.features.sensors import Sensor
from vibtrain.recordings import STANDARD_GRAVITY, Condition, DataError, Recording, Samples

Counts = npt.NDArray[np.int16]

# The anti-alias filter: linear-phase FIR, Kaiser window. It is flat to 0.8 of the new half rate and down by
# STOP_BAND_DB from the half rate on, so that nothing folds back.
STOP_BAND_DB = 80.0
CUTOFF_OF_HALF_RATE = 0.9  # -6 dB point
TRANSITION_OF_HALF_RATE = 0.2

CLOCKS_DIFFER = 0.02  # a recording of a chip's nominal rate may state what that chip really ran at
RATE_TOLERANCE = 200e-6  # of the rate asked for; sensors' own clocks are off by far more
LARGEST_OFFSET_G = 1.5
OFFSET_FRAMES = 8192
LARGEST_FACTOR = 2000  # of the rational ratio of the two rates


def resample(recording: Recording, rate_hz: float, *, bandwidth_hz: float | None = None) -> Recording:
    """The recording at `rate_hz`, band-limited to below half of it and to `bandwidth_hz` (-6 dB point).

    Frames at either end on which the filter has no complete input are left out. The rate of the result may
    differ from `rate_hz` by RATE_TOLERANCE. Raises `DataError` for a rate that `reaches` says no to, for one
    without a workable ratio, and for a recording shorter than the filter.
    """
    resampler = Resampler(recording, rate_hz, bandwidth_hz)
    if not resampler.note:
        return recording
    data = resampler.push(recording.data)
    resampler.finish()
    note = "; ".join(filter(None, (recording.note, resampler.note)))
    return dataclasses.replace(recording, data=data, rate_hz=resampler.rate_hz, note=note)


class Resampler:
    """`resample` for a recording that comes in blocks: the same frames to the last bit, however it is cut.

    Attributes:
        rate_hz: of the result.
        note: what is done; empty where nothing need be.
    """

    def __init__(self, condition: Condition, rate_hz: float, bandwidth_hz: float | None = None) -> None:
        """Raises `DataError` as `resample` does, but for the length."""
        ratio = rate_ratio(condition, rate_hz, bandwidth_hz)
        self._where = f"{condition.source}: {condition.name}"
        self._up, self._down = ratio.numerator, ratio.denominator
        self.rate_hz = float(condition.rate_hz * ratio)
        self.note = ""
        self._frames = self._made = 0
        self._first = 0  # input frame that the first one held is
        self._held = np.empty((0, len(condition.axes)))
        if bandwidth_hz is None and ratio == 1:
            self.rate_hz = condition.rate_hz
            return
        lower_hz = min(self.rate_hz, condition.rate_hz)
        cutoff_hz = min(CUTOFF_OF_HALF_RATE * lower_hz / 2, bandwidth_hz or math.inf)
        self.note = f"{condition.rate_hz:g} Hz resampled to {self.rate_hz:g} Hz, -6 dB at {cutoff_hz:g} Hz"
        self._design(condition.rate_hz * self._up, cutoff_hz, TRANSITION_OF_HALF_RATE * lower_hz / 2)

    def _design(self, filter_rate_hz: float, cutoff_hz: float, transition_hz: float) -> None:
        from scipy import signal

        taps, beta = signal.kaiserord(STOP_BAND_DB, transition_hz / (filter_rate_hz / 2))
        taps |= 1  # odd: the delay is a whole number of samples
        self._delay = taps // 2
        window = self._up * signal.firwin(taps, cutoff_hz, window=("kaiser", beta), fs=filter_rate_hz)
        # Zeros in front, so that frames of the result fall on every `down`th place of the filter's output.
        self._lead = -self._delay % self._down
        self._window = np.r_[np.zeros(self._lead), window]
        self._made = self._settling = -(
            -self._delay // self._down
        )  # frames of the result that saw beyond an end

    def push(self, block: Samples) -> Samples:
        """The frames of the result that have become complete, float32, shape (frames, axes)."""
        self._frames += len(block)
        if not self.note:
            return block
        self._held = np.concatenate([self._held, block])
        up, down = self._up, self._down
        # Frame n of the result needs the input from (n down - delay) / up to (n + settling) down / up.
        end = (self._frames - 1) * up // down - self._settling + 1
        if end <= self._made:
            return np.empty((0, block.shape[1]), np.float32)
        from scipy import signal

        filtered = signal.upfirdn(self._window, self._held, up, down, axis=0)
        origin = (self._delay + self._lead - self._first * up) // down  # of frame 0 of the result in it
        made = filtered[origin + self._made : origin + end]
        self._made = end
        # What is held starts at a multiple of `down`, so that the result's frames stay where they are.
        unneeded = max(0, (end * down - self._delay) // up // down * down - self._first)
        self._held = self._held[unneeded:]
        self._first += unneeded
        return np.ascontiguousarray(made, dtype=np.float32)

    def finish(self) -> None:
        """Raises `DataError` where all that came is shorter than the filter."""
        if self.note and self._made <= self._settling:
            least = -(-2 * self._settling * self._down // self._up)
            raise DataError(
                f"{self._where}: {self._frames} frames; "
                f"accepted: more than {least} (length of the anti-alias filter)"
            )


def reaches(recorded_hz: float, rate_hz: float, bandwidth_hz: float | None = None) -> bool:
    """Whether a recording says what a sensor of that rate and bandwidth would have put out: its rate is as high, but
    for what two clocks differ by; or it holds the sensor's whole band."""
    if rate_hz <= recorded_hz * (1 + CLOCKS_DIFFER):
        return rate_hz > 0
    return bandwidth_hz is not None and bandwidth_hz <= CUTOFF_OF_HALF_RATE * recorded_hz / 2


def rate_ratio(recording: Condition, rate_hz: float, bandwidth_hz: float | None = None) -> Fraction:
    """New rate over old as a fraction of small integers. Raises `DataError` as `resample` does."""
    where = f"{recording.source}: {recording.name}"
    if not reaches(recording.rate_hz, rate_hz, bandwidth_hz):
        raise DataError(
            f"{where}: cannot be resampled to {rate_hz:g} Hz; "
            f"accepted: rates up to its own {recording.rate_hz:g} Hz"
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


def to_counts(recording: Recording, sensor: Sensor, *, seed: int = 1) -> Counts:
    """What `sensor` would have put out: int16 counts, shape (frames, axes), at `sensor.rate_hz`.

    The noise depends on `seed` and the recording's name alone. Raises `DataError` as `resample` does, and
    where the recording has more axes than the sensor.
    """
    return np.concatenate(list(count_blocks(recording, [recording.data], sensor, seed=seed)))


def count_blocks(
    condition: Condition, blocks: Iterable[Samples], sensor: Sensor, *, seed: int = 1
) -> Iterator[Counts]:
    """The same for a recording that comes in blocks: the same counts, however it is cut."""
    axes = len(condition.axes)
    if axes > len(sensor.noise_ug_rthz):
        raise DataError(
            f"{condition.source}: {condition.name}: {axes} axes; "
            f"accepted: up to {len(sensor.noise_ug_rthz)}, those of {sensor.name}"
        )
    resampler = Resampler(condition, sensor.rate_hz, sensor.bandwidth_hz)
    # White over half the rate: variance = density² x bandwidth.
    noise_m_s2 = np.array(sensor.noise_ug_rthz) * 1e-6 * STANDARD_GRAVITY * np.sqrt(sensor.rate_hz / 2)
    random = _noise_source(condition.name, seed)
    limit = sensor.full_scale_counts
    for block in _without_offset(blocks):
        measured = resampler.push(block)
        noisy = measured + random.standard_normal(measured.shape) * noise_m_s2[:axes]
        steps = np.rint(noisy * (1e9 / (sensor.lsb_nm_s2 * sensor.step_counts)))
        yield np.asarray(np.clip(steps * sensor.step_counts, -limit, limit), dtype=np.int16)
    resampler.finish()


def _without_offset(blocks: Iterable[Samples]) -> Iterator[Samples]:
    """No accelerometer at rest shows more than 1 g: a mean of more is the recorder's offset, such as half its supply,
    and would be beyond a sensor's range. It is taken off, as the first OFFSET_FRAMES have it."""
    held: list[Samples] = []
    offset: Samples | None = None
    for block in blocks:
        if offset is None:
            held.append(block)
            if sum(map(len, held)) < OFFSET_FRAMES:
                continue
            block = np.concatenate(held)
            offset = _offset(block)
        yield block - offset
    if offset is None and held:
        block = np.concatenate(held)
        yield block - _offset(block)


def _offset(frames: Samples) -> Samples:
    mean = frames[:OFFSET_FRAMES].mean(axis=0, dtype=np.float64)
    return np.asarray(np.where(np.abs(mean) > LARGEST_OFFSET_G * STANDARD_GRAVITY, mean, 0), np.float32)


def _noise_source(name: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))
