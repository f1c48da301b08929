"""A look at recordings before anything is trained on them: level, impulsiveness, signs of a broken one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibtrain.recordings import Condition, Recording

CLIPPED_RUN = 3  # this many equal samples at the extreme are taken for clipping
STUCK_SECONDS = 0.02  # a constant output for this long ...
STUCK_RUN = 8  # ... and at least this many samples is a stuck sensor, not a slow signal


@dataclass(frozen=True)
class Figures:
    """Figures of one recording, mean of each axis removed.

    Attributes:
        rms: of each axis in m/s².
        peak: largest deviation from the mean on any axis in m/s².
        kurtosis: largest of the axes; 3 for Gaussian noise, more for impulses.
        clipped: samples that lie in runs at the largest or smallest value of their axis.
        longest_run: equal samples in a row, on the worst axis.
        findings: what looks broken, in words; empty for a sound recording.
    """

    condition: Condition
    seconds: float
    rms: tuple[float, ...]
    peak: float
    kurtosis: float
    clipped: int
    longest_run: int
    findings: tuple[str, ...]


def survey(recordings: Iterable[Recording]) -> Iterator[Figures]:
    """Figures of each recording in turn; one is in memory at a time."""
    seen: dict[bytes, str] = {}
    for recording in recordings:
        digest = hashlib.sha256(recording.data.tobytes()).digest()
        twin = seen.setdefault(digest, recording.name)
        yield _figures(recording, duplicate_of=twin if twin != recording.name else "")


def _figures(recording: Recording, duplicate_of: str) -> Figures:
    deviation = recording.data.astype(np.float64) - recording.data.mean(axis=0, dtype=np.float64)
    square = deviation**2
    power = square.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        kurtosis = np.nan_to_num((square**2).mean(axis=0) / power**2)
    runs = [_runs(column) for column in recording.data.T]
    clipped = sum(_clipped(column, *run) for column, run in zip(recording.data.T, runs, strict=True))
    longest = max(int(lengths.max()) for _, lengths in runs)
    findings = []
    if clipped:
        findings.append(f"clipped ({clipped} samples)")
    if longest >= max(STUCK_RUN, STUCK_SECONDS * recording.rate_hz):
        findings.append(f"stuck ({longest / recording.rate_hz:.3f} s)")
    if duplicate_of:
        findings.append(f"duplicate of {duplicate_of}")
    return Figures(
        condition=recording,
        seconds=recording.seconds,
        rms=tuple(float(value) for value in np.sqrt(power)),
        peak=float(np.abs(deviation).max()),
        kurtosis=float(kurtosis.max()),
        clipped=clipped,
        longest_run=longest,
        findings=tuple(findings),
    )


def _runs(column: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Start and length of each run of equal samples."""
    starts = np.flatnonzero(np.r_[True, column[1:] != column[:-1]])
    return starts, np.diff(np.r_[starts, len(column)])


def _clipped(
    column: npt.NDArray[np.float32], starts: npt.NDArray[np.intp], lengths: npt.NDArray[np.intp]
) -> int:
    if len(starts) == 1:  # constant: stuck, not clipped
        return 0
    extreme = (column[starts] == column.max()) | (column[starts] == column.min())
    return int(lengths[extreme & (lengths >= CLIPPED_RUN)].sum())
