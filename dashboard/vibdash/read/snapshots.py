"""Raw samples that a sensor sent on command, and their spectrum at full resolution."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_FRAMES = 4096
AXES = ("x", "y", "z")
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Snapshot:
    """`acceleration` in m/s2, shape (frames, axes); `rate_hz` as the device measured it."""

    acceleration: Array
    rate_hz: float

    @property
    def axes(self) -> int:
        return int(self.acceleration.shape[1])

    def spectrum(self, axis: int) -> tuple[Array, Array]:
        """Return frequencies in Hz and the RMS acceleration of a sine at each, m/s2: Hann, amplitude corrected."""
        samples = self.acceleration[:, axis] - self.acceleration[:, axis].mean()
        window = np.hanning(len(samples) + 1)[:-1]
        lines = np.abs(np.fft.rfft(samples * window)) * np.sqrt(2) / window.sum()
        hertz = np.arange(1, len(lines)) * self.rate_hz / len(samples)
        return np.asarray(hertz, np.float64), np.asarray(lines[1:], np.float64)

    def band_levels(self, axis: int, edges_hz: Array) -> Array:
        """Return the RMS acceleration in each band between the edges, m/s2: Hann, energy corrected."""
        hertz, lines = self.spectrum(axis)
        energy = lines**2 / 1.5  # the Hann window spreads a line over 1.5 bins
        bands = [energy[(hertz >= low) & (hertz < high)].sum() for low, high in pairwise(edges_hz)]
        return np.sqrt(np.array(bands, np.float64))


def join_snapshot(parts: Sequence[dict[str, Any]]) -> Snapshot | None:
    """Return the snapshot that an answer's parts make up, None where they make up none."""
    try:
        first = parts[0]
        frames, axes = int(first["frames"]), int(first["axes"])
        rate_hz, lsb_m_s2 = float(first["rate_hz"]), float(first["lsb_nm_s2"]) * 1e-9
        if not (
            0 < frames <= MAX_FRAMES and 1 <= axes <= len(AXES) and 0 < rate_hz < 1e6 and 0 < lsb_m_s2 < 100
        ):
            return None
        counts = np.zeros((frames, axes), np.int16)
        held = np.zeros(frames, bool)
        for part in parts:
            data = np.frombuffer(base64.b64decode(part["data"], validate=True), "<i2").reshape(-1, axes)
            at = int(part["at"])
            if at < 0 or at + len(data) > frames:
                return None
            counts[at : at + len(data)] = data
            held[at : at + len(data)] = True
    except (LookupError, TypeError, ValueError, OverflowError, binascii.Error):
        return None
    return Snapshot(counts.astype(np.float64) * lsb_m_s2, rate_hz) if held.all() else None
