"""A look at recordings before anything is trained on them: level, impulsiveness, signs of a broken one.

Recordings are read in blocks. What only a comparison shows (the same samples twice, another scale than their kin) is
found among the figures afterwards.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibtrain.files.runs import Runs
from vibtrain.recordings import OFF, STANDARD_GRAVITY, Condition, DataError, Entry, Samples
from vibtrain.workers import HERE, Workers, each

STUCK_SECONDS = 0.02  # a constant output for this long ...
STUCK_RUN = 8  # ... and at least this many samples is a stuck sensor, not a slow signal
RATE_DIFFERS = 0.02  # share by which the rate of time stamps may differ from the one stated
KIN = 3  # other recordings of the machine at that speed, at least, to compare levels with
MISSCALED = 5.0  # times as loud or as quiet as its kin ...
ALIKE = 1 / 3  # ... and on every axis, within this share of that: a fault is not the same on all axes
MIX_UP = 1.6  # a confusion of units explains a factor within this

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """Figures of one recording, mean of each axis removed.

    Attributes:
        mean: of each axis in m/s².
        rms: of each axis in m/s².
        peak: largest deviation from the mean on any axis in m/s².
        kurtosis: largest of the axes; 3 for Gaussian noise, more for impulses.
        clipped: samples that lie in runs at the largest or smallest value of their axis.
        longest_run: equal samples in a row, on the worst axis.
        digest: SHA-256 of the samples.
        findings: what looks broken, in words; empty for a sound recording.
    """

    condition: Condition
    seconds: float
    mean: tuple[float, ...]
    rms: tuple[float, ...]
    peak: float
    kurtosis: float
    clipped: int
    longest_run: int
    digest: bytes
    findings: tuple[str, ...]


def survey(
    entries: Sequence[Entry],
    progress: Callable[[str], None] = lambda name: None,
    workers: Workers = HERE,
) -> list[Figures]:
    """Figures of each recording, in order. `progress` is told each name when it is done. Raises `DataError`."""
    found = []
    for figures in each(figures_of, entries, workers):
        found.append(figures)
        progress(figures.condition.name)
    return _compared(found)


def figures_of(entry: Entry) -> Figures:
    """Figures of one recording, compared with no other. Raises `DataError` where it cannot be read."""
    moments, digest = _Moments(len(entry.axes)), hashlib.sha256()
    axes = [Runs() for _ in entry.axes]
    for block in entry.blocks():
        moments.add(block)
        digest.update(np.ascontiguousarray(block).tobytes())
        for runs, column in zip(axes, block.T, strict=True):
            runs.add(column)
    if not moments.frames:
        raise DataError(f"{entry.source}: {entry.name}: holds no samples; accepted: one at least")
    mean, power, kurtosis = moments.result()
    clipped, longest = sum(runs.clipped() for runs in axes), max(runs.longest() for runs in axes)
    peak = max(max(runs.highest - m, m - runs.lowest) for runs, m in zip(axes, mean, strict=True))
    findings = [f"clipped ({clipped} samples)"] if clipped else []
    if longest >= max(STUCK_RUN, STUCK_SECONDS * entry.rate_hz):
        findings.append(f"stuck ({longest / entry.rate_hz:.3f} s)")
    return Figures(
        condition=entry,
        seconds=moments.frames / entry.rate_hz,
        mean=tuple(map(float, mean)),
        rms=tuple(map(float, np.sqrt(power))),
        peak=float(peak),
        kurtosis=float(kurtosis.max()),
        clipped=clipped,
        longest_run=longest,
        digest=digest.digest(),
        findings=(*findings, *_gapped(entry)),
    )


class _Moments:
    """Mean, variance and kurtosis of samples that come in blocks, from powers of their distance to the first mean."""

    def __init__(self, axes: int) -> None:
        self.frames = 0
        self._pivot = np.zeros(axes)
        self._sums = np.zeros((4, axes))

    def add(self, block: Samples) -> None:
        if not self.frames and len(block):
            self._pivot = block.mean(axis=0, dtype=np.float64)
        distance = block - self._pivot
        power = np.ones_like(distance)
        for sums in self._sums:
            power *= distance
            sums += power.sum(axis=0)
        self.frames += len(block)

    def result(self) -> tuple[Float, Float, Float]:
        """Mean, variance and kurtosis of each axis; a constant one has a kurtosis of 0."""
        a, b, c, d = self._sums / self.frames
        variance = np.maximum(b - a**2, 0)
        fourth = d - 4 * a * c + 6 * a**2 * b - 3 * a**4
        constant = variance <= 1e-14 * np.maximum(self._pivot**2, 1e-300)
        kurtosis = np.where(constant, 0, fourth / np.where(constant, 1, variance) ** 2)
        return self._pivot + a, variance, kurtosis


def _gapped(entry: Entry) -> list[str]:
    stamps = entry.stamps() if entry.stamps else None
    if stamps is None:
        return []
    found = []
    if stamps.gaps:
        found.append(f"gapped ({stamps.gaps} gaps, {stamps.missing} samples missing)")
    if stamps.backward:
        found.append(f"time goes back ({stamps.backward} times)")
    if stamps.rate_hz and abs(stamps.rate_hz / entry.rate_hz - 1) > RATE_DIFFERS:
        found.append(f"rate_hz {entry.rate_hz:g}, its time stamps say {stamps.rate_hz:.6g}")
    return found


def _compared(found: list[Figures]) -> list[Figures]:
    seen: dict[bytes, str] = {}
    result = []
    for figures in found:
        more = _misscaled(figures, found)
        twin = seen.setdefault(figures.digest, figures.condition.name)
        if twin != figures.condition.name:
            more = [f"duplicate of {twin}", *more]
        result.append(dataclasses.replace(figures, findings=(*figures.findings, *more)))
    return result


def _misscaled(figures: Figures, found: list[Figures]) -> list[str]:
    """Compared with the others of its machine at its speed that are not switched off: on every axis alike."""
    own = figures.condition
    kin = [
        other
        for other in found
        if other is not figures
        and (other.condition.machine, other.condition.speed_rpm) == (own.machine, own.speed_rpm)
        and other.condition.label != OFF
        and len(other.rms) == len(figures.rms)
    ]
    if own.label == OFF or len(kin) < KIN or min(figures.rms) <= 0:
        return []
    usual = np.median([other.rms for other in kin], axis=0)
    if min(usual) <= 0:
        return []
    ratio = np.array(figures.rms) / usual
    factor = float(np.exp(np.log(ratio).mean()))
    size = max(factor, 1 / factor)
    if size < MISSCALED or ratio.max() / ratio.min() > ALIKE * size:
        return []
    times = f"{factor:.3g} times" if factor > 1 else f"1/{1 / factor:.3g}"
    return [f"mis-scaled ({times} the level of its {len(kin)} kin on every axis{_mix_up(factor)})"]


def _mix_up(factor: float) -> str:
    """The confusion of units that would explain it."""
    for size, words in ((STANDARD_GRAVITY, "g and m/s²"), (1000.0, "units and thousandths")):
        if 1 / MIX_UP < max(factor, 1 / factor) / size < MIX_UP:
            return f"; {words}?"
    return ""
