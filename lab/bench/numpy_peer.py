"""The core's features as an engineer would write them in NumPy and SciPy: every step over whole arrays.

Double precision and one window of all its axes at a time unless told otherwise. A chunk of 16 windows has fewer calls
to make and keeps the intermediate arrays in the processor's cache; single precision halves these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

Int16 = npt.NDArray[np.int16]
Float = npt.NDArray[np.float64]  # or of single precision, where that was asked for


STEPS = 256  # an octave


def _edges(lo: float, hi: float, count: int) -> npt.NDArray[np.int64]:
    edges = np.ceil(lo * (hi / lo) ** (np.arange(count + 1) / count) * 0.9999).astype(np.int64)
    for i in range(1, count + 1):
        edges[i] = max(edges[i], edges[i - 1] + 1)
    return edges


class NumpyPeer:
    """Features of docs/SPEC.md 1.2 for one configuration; what depends on it alone is computed once."""

    def __init__(
        self, config: Mapping[str, int], *, chunk_windows: int = 1, precision: type[Any] = np.float64
    ) -> None:
        self.chunk_windows = chunk_windows
        self.precision = precision
        self.config = config
        self.n = config["window"]
        self.bin_hz = config["rate_millihz"] / 1000 / self.n
        lsb_um_s2 = config["lsb_nm_s2"] / 1000
        self.log2_lsb = precision(np.log2(lsb_um_s2))
        self.hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.n) / self.n)).astype(precision)
        self.edges = _edges(
            config["band_lo_hz"] / self.bin_hz, config["band_hi_hz"] / self.bin_hz, config["bands"]
        )
        self.bins = np.arange(self.n // 2, dtype=precision)
        hz = self.bins[1:] * self.bin_hz
        weight = np.where((hz >= 10) & (hz <= 1000), (1000 / (2 * np.pi * hz)) ** 2, 0)
        self.velocity_weight = np.concatenate([[0], weight]).astype(precision)
        first, *_, last = np.flatnonzero(self.velocity_weight)
        self.velocity_bins = slice(int(first), int(last) + 1)
        self.log2_mean_square = precision(np.log2(16 / 3 / self.n**2))
        lo, hi = (int(np.ceil(config[f"envelope_{end}_hz"] / self.bin_hz)) for end in ("lo", "hi"))
        self.pass_band = slice(lo, hi)
        if config["envelope_bands"]:
            self.envelope_n = 1 << int(np.ceil(np.log2(2 * (hi - lo))))
            self.envelope_edges = _edges(3, hi - lo, config["envelope_bands"])

    def extract(self, samples: Int16) -> Int16:
        """Features of every whole window: samples of shape (frames, axes) in, (windows, features) out."""
        view = np.lib.stride_tricks.sliding_window_view(samples, self.n, axis=0)[:: self.config["hop"]]
        size = self.chunk_windows
        chunks = [self._chunk(view[i : i + size]) for i in range(0, len(view), size)]
        return np.concatenate(chunks)

    def _chunk(self, windows: Int16) -> Int16:
        x = windows.astype(self.precision)  # (windows, axes, n)
        x -= x.mean(axis=-1, keepdims=True)
        time = self._time_domain(x)
        x *= self.hann
        spectrum = scipy.fft.rfft(x, overwrite_x=True)[..., : self.n // 2]
        power = spectrum.real**2 + spectrum.imag**2
        power[..., 0] = 0
        parts = [time, self._shape(power), self._bands(power)]
        if self.config["envelope_bands"]:
            parts.append(self._envelope(spectrum))
        features = np.concatenate(parts, axis=-1)
        return np.rint(features).astype(np.int16).reshape(len(windows), -1)

    def _time_domain(self, x: Float) -> Float:
        square = np.square(x)
        square2, square4 = square.mean(axis=-1), np.einsum("...i,...i->...", square, square) / self.n
        peak = np.maximum(x.max(axis=-1), -x.min(axis=-1))
        rms, peak = np.log2(square2) / 2, np.log2(peak)
        unit = self.log2_lsb
        return STEPS * np.stack([rms + unit, peak + unit, peak - rms, np.log2(square4) - 4 * rms], axis=-1)

    def _shape(self, power: Float) -> Float:
        """velocity_rms, centroid, flatness, line_freq, line_level, vline_freq, vline_level."""
        lo, hi = int(self.edges[0]), int(self.edges[-1])
        inside = power[..., lo:hi]
        total = inside.sum(axis=-1)
        of_velocity = power[..., self.velocity_bins] * self.velocity_weight[self.velocity_bins]
        velocity = (np.log2(of_velocity.sum(axis=-1)) + self.log2_mean_square) / 2 + self.log2_lsb
        centroid = np.log2(inside @ self.bins[lo:hi] / total * self.bin_hz)
        logs = np.log2(np.maximum(inside, total[..., None] * self.precision(2**-32)))
        flatness = logs.mean(axis=-1) - np.log2(total / (hi - lo))
        line_freq, top = self._line(power, inside.argmax(axis=-1)[..., None] + lo)
        line_level = top / 2 + np.log2(4 / self.n / np.sqrt(2)) + self.log2_lsb
        levels = [
            velocity,
            centroid,
            flatness,
            line_freq,
            line_level,
            *self._velocity_line(power, of_velocity),
        ]
        return STEPS * np.stack(levels, axis=-1)

    def _line(self, power: Float, top: npt.NDArray[np.int64]) -> tuple[Float, Float]:
        """Logarithms of a line's frequency and of its power; `top`: its bin, shape (windows, axes, 1)."""
        a, b, c = (np.log2(np.take_along_axis(power, top + d, axis=-1)[..., 0]) for d in (-1, 0, 1))
        offset = (c - a) / (2 * (2 * b - a - c))
        return np.log2((top[..., 0] + offset) * self.bin_hz), b + (c - a) / 4 * offset

    def _velocity_line(self, power: Float, of_velocity: Float) -> tuple[Float, Float]:
        """vline_freq, vline_level."""
        top = of_velocity.argmax(axis=-1)[..., None] + self.velocity_bins.start
        before, at, after = (np.take_along_axis(power, top + d, axis=-1) for d in (-1, 0, 1))
        top += np.where(after > at, 1, np.where(before > at, -1, 0))
        sums = sum(np.take_along_axis(power, top + d, axis=-1)[..., 0] for d in (-1, 0, 1))
        return self._line(power, top)[0], (np.log2(sums) + self.log2_mean_square) / 2 + self.log2_lsb

    def _bands(self, power: Float) -> Float:
        sums = np.add.reduceat(power[..., : self.edges[-1]], self.edges[:-1], axis=-1)
        return np.asarray(STEPS * ((np.log2(sums) + self.log2_mean_square) / 2 + self.log2_lsb))

    def _envelope(self, spectrum: Float) -> Float:
        analytic = scipy.fft.ifft(spectrum[..., self.pass_band], self.envelope_n, norm="forward")
        magnitude2 = analytic.real**2 + analytic.imag**2
        e = scipy.fft.rfft(magnitude2, overwrite_x=True)
        mean = e[..., :1].real
        depth = (e.real / mean) ** 2 + (e.imag / mean) ** 2
        sums = np.add.reduceat(depth[..., : self.envelope_edges[-1]], self.envelope_edges[:-1], axis=-1)
        return np.asarray(STEPS * np.maximum(0, np.log2(sums) / 2 + 21))
