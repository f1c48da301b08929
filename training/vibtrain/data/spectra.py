"""Spectra of whole recordings as they were made, before any sensor: healthy against fault, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vibtrain.recordings import Entry
from vibtrain.workers import HERE, Workers, each

SEGMENT_S = 0.4
SEGMENTS = (256, 8192)  # shortest and longest, frames

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spectrum:
    """Mean spectrum of a recording by Welch's method: `density` in m/s²/sqrt(Hz), shape (axes, lines)."""

    name: str
    label: str
    axes: tuple[str, ...]
    frequencies_hz: Float
    density: Float

    def up_to(self, highest_hz: float) -> Spectrum:
        """The same without the lines over that frequency."""
        kept = self.frequencies_hz <= highest_hz
        return replace(self, frequencies_hz=self.frequencies_hz[kept], density=self.density[:, kept])


def spectra(entries: Sequence[Entry], workers: Workers = HERE) -> list[Spectrum]:
    """Of each recording, read in blocks; one shorter than a segment is left out. Raises `DataError`."""
    return [found for found in each(_spectrum, entries, workers) if found is not None]


def _spectrum(entry: Entry) -> Spectrum | None:
    segment = 2 ** round(np.log2(SEGMENT_S * entry.rate_hz))
    segment = int(np.clip(segment, *SEGMENTS))
    from scipy import signal

    hop = segment // 2
    held = np.empty((0, len(entry.axes)))
    power: Float | None = None
    segments = 0
    frequencies: Float = np.empty(0)
    for block in entry.blocks():
        held = np.concatenate([held, block])
        complete = (len(held) - segment) // hop + 1 if len(held) >= segment else 0
        if complete:
            part = held[: (complete - 1) * hop + segment]
            frequencies, mean = signal.welch(part, entry.rate_hz, nperseg=segment, noverlap=hop, axis=0)
            power = mean * complete + (0 if power is None else power)
            segments += complete
            held = held[complete * hop :]
    if power is None:
        return None
    return Spectrum(entry.name, entry.fine_label, entry.axes, frequencies, np.sqrt(power / segments).T)
