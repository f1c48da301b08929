"""The core's features once more, in float64 NumPy, written from docs/SPEC.md and from nothing else.

Sharing the C core between training and device keeps the two from drifting apart; it does not make the core right.
This does: it shares no code, no table and no arithmetic with it, and nothing but tests imports it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

STEPS = 256  # an octave
EDGE_TOLERANCE = 2.0 ** (-8 / 65536)
FLATNESS_FLOOR = 2.0**-32


def features(samples: npt.NDArray[np.int16], config: Mapping[str, int], shaft_hz: float = 0) -> Float:
    """Features of one window, shape (window, axes), not rounded; levels limited below at 0 as SPEC.md 1.2 says."""
    return np.concatenate(
        [
            axis_features(samples[:, axis].astype(np.float64), config, shaft_hz)
            for axis in range(config["axes"])
        ]
    )


def level(value: float) -> float:
    """256 log2(value), not under 0."""
    return max(0.0, STEPS * np.log2(value)) if value > 0 else 0.0


def axis_features(counts: Float, config: Mapping[str, int], shaft_hz: float) -> Float:
    rate_hz, window = config["rate_millihz"] / 1000, config["window"]
    if np.ptp(counts) == 0:
        return np.zeros(
            11 + config["bands"] + config["envelope_bands"] + config["orders"] + len(bearing(config))
        )
    a = (counts - counts.mean()) * (config["lsb_nm_s2"] / 1000)  # um/s^2
    rms, peak = np.sqrt(np.mean(a**2)), np.abs(a).max()
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    spectrum = np.fft.rfft(a * hann)[: window // 2]
    power = np.abs(spectrum) ** 2
    power[0] = 0
    mean_square = power * (16 / 3) / window**2  # um^2/s^4 of each bin
    edges = band_edges(
        config["band_lo_hz"] * window / rate_hz, config["band_hi_hz"] * window / rate_hz, config["bands"]
    )
    bins = np.arange(window // 2)
    return np.array(
        [
            level(rms),
            level(peak),
            level(peak / rms),
            level(np.mean(a**4) / np.mean(a**2) ** 2),
            level(velocity_nm_s(mean_square, rate_hz / window)),
            *shape(power, bins, edges, rate_hz / window, window),
            *velocity_line(mean_square, rate_hz / window),
            *(level(np.sqrt(mean_square[lo:hi].sum())) for lo, hi in itertools.pairwise(edges)),
            *envelope_and_shaft(spectrum, config, shaft_hz),
        ]
    )


def band_edges(lo: float, hi: float, count: int) -> list[int]:
    """Bins e[0..count]: the first at or over each log-spaced edge, at least one apart."""
    edges: list[int] = []
    for edge in lo * (hi / lo) ** (np.arange(count + 1) / count):
        first = int(np.ceil(edge * EDGE_TOLERANCE))
        edges.append(max(first, edges[-1] + 1 if edges else 1))
    return edges


def velocity_nm_s(mean_square: Float, bin_hz: float) -> float:
    hz = np.arange(len(mean_square)) * bin_hz
    inside = (hz >= 10) & (hz <= 1000)
    v = np.zeros_like(hz)
    v[inside] = mean_square[inside] * 1e6 / (2 * np.pi * hz[inside]) ** 2  # (nm/s)^2
    return float(np.sqrt(v.sum()))


def shape(
    power: Float, bins: npt.NDArray[np.int64], edges: list[int], bin_hz: float, window: int
) -> list[float]:
    """centroid, flatness, line_freq, line_level."""
    inside = slice(edges[0], edges[-1])
    p, k = power[inside], bins[inside]
    if p.sum() == 0:
        return [0.0, 0.0, 0.0, 0.0]
    floored = np.maximum(p, p.sum() * FLATNESS_FLOOR)
    flatness = STEPS * (np.log2(floored).mean() - np.log2(p.mean()))
    top = int(k[p.argmax()])
    offset, log_peak = parabola(power, top)
    line = 4 / window / np.sqrt(2) * np.sqrt(2.0**log_peak)
    return [level((k * p).sum() / p.sum() * bin_hz), flatness, level((top + offset) * bin_hz), level(line)]


def parabola(power: Float, top: int) -> tuple[float, float]:
    """Of a line in bin `top`: how many bins beside it its top is, and the logarithm of its power there."""
    if top < 2 or top + 1 >= len(power):
        return 0.0, float(np.log2(power[top]))
    a, b, c = np.log2(np.maximum(power[top - 1 : top + 2], 1e-300))
    if not (a <= b >= c and 2 * b > a + c):
        return 0.0, b
    offset = (c - a) / (2 * (2 * b - a - c))
    return offset, b + (c - a) / 4 * offset


def velocity_line(mean_square: Float, bin_hz: float) -> list[float]:
    """vline_freq, vline_level."""
    hz = np.arange(len(mean_square)) * bin_hz
    inside = (hz >= 10) & (hz <= 1000)
    if not mean_square[inside].any():
        return [0.0, 0.0]
    top = int(np.where(inside, mean_square / np.maximum(hz, bin_hz) ** 2, 0).argmax())
    top = min(max(top, 3), len(mean_square) - 3)
    if mean_square[top + 1] > mean_square[top]:
        top += 1
    elif mean_square[top - 1] > mean_square[top]:
        top -= 1
    level_there = level(np.sqrt(mean_square[top - 1 : top + 2].sum()))
    return [level((top + parabola(mean_square, top)[0]) * bin_hz), level_there]


def bearing(config: Mapping[str, int]) -> list[int]:
    """Milliorders of BPFO, BPFI, BSF and FTF; empty where none is configured."""
    orders = [config[f"{name}_milliorders"] for name in ("bpfo", "bpfi", "bsf", "ftf")]
    return orders if any(orders) else []


def order_level(mean_square: Float, bin_number: float) -> float:
    k = int(np.floor(bin_number + 0.5))
    if k < 2 or k + 1 >= len(mean_square):
        return 0.0
    return level(np.sqrt(mean_square[k - 1 : k + 2].sum()))


def envelope_and_shaft(
    spectrum: npt.NDArray[np.complex128], config: Mapping[str, int], shaft_hz: float
) -> list[float]:
    """Envelope bands, shaft orders, bearing depths."""
    bin_hz = config["rate_millihz"] / 1000 / config["window"]
    mean_square = np.abs(spectrum) ** 2 * (16 / 3) / config["window"] ** 2
    mean_square[0] = 0
    orders = [order_level(mean_square, (i + 1) * shaft_hz / bin_hz) for i in range(config["orders"])]
    if config["envelope_bands"] == 0:
        return orders
    e, wide = envelope_spectrum(spectrum, config)
    edges = band_edges(3, wide, config["envelope_bands"])
    depths = [
        level(2**20 * 2 * np.sqrt((e[a:b] ** 2).sum()) / e[0]) if e[0] else 0.0
        for a, b in itertools.pairwise(edges)
    ]
    return [
        *depths,
        *orders,
        *(bearing_line(e, wide, m / 1000 * shaft_hz / bin_hz) for m in bearing(config)),
    ]


def envelope_spectrum(spectrum: npt.NDArray[np.complex128], config: Mapping[str, int]) -> tuple[Float, int]:
    """Magnitudes of the squared envelope's spectrum, and the pass band's width in bins."""
    bin_hz = config["rate_millihz"] / 1000 / config["window"]
    lo, hi = (int(np.ceil(config[f"envelope_{end}_hz"] / bin_hz)) for end in ("lo", "hi"))
    points = 1 << int(np.ceil(np.log2(2 * (hi - lo))))
    analytic = np.fft.ifft(np.concatenate([spectrum[lo:hi], np.zeros(points - (hi - lo))]))
    return np.abs(np.fft.rfft(np.abs(analytic) ** 2)), hi - lo


def bearing_line(e: Float, wide: int, first_bin: float) -> float:
    """Mean, over the first three harmonics, of the line's level over that of the bins around it."""
    levels = [prominence(e, wide, int(np.floor(n * first_bin + 0.5))) for n in (1, 2, 3)]
    counted = [level for level in levels if level is not None]
    return STEPS * float(np.mean(counted)) if counted and e[0] else 0.0


def prominence(e: Float, wide: int, k: int) -> float | None:
    """log2 of the amplitude at bin k over the RMS of bins up to 24 away; both count as e[0] / 1024 at least."""
    reach = 1 + k // 128
    if k < 5 or k + reach >= wide:
        return None
    faint = (e[0] / 1024) ** 2
    around = [e[j] ** 2 for j in range(max(3, k - 24), min(wide, k + 25)) if abs(j - k) >= reach + 2]
    if not around:
        return None
    line = max(e[k - reach : k + reach + 1] ** 2)
    return 0.5 * float(np.log2(max(line, faint) / max(float(np.mean(around)), faint))) if faint else 0.0
