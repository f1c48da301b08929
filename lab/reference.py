"""The core's features once more, in float64 NumPy, written from docs/SPEC.md and from nothing else.

Sharing the C core between training and device keeps the two from drifting apart; it does not make the core right.
This does: it shares no code, no table and no arithmetic with it, and nothing but tests imports it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

STEPS = 256  # an octave
EDGE_TOLERANCE = 2.0 ** (-8 / 65536)
FLATNESS_FLOOR = 2.0**-32


def features(
    samples: npt.NDArray[np.int16],
    config: Mapping[str, int],
    shaft_hz: float = 0,
    course_hz: Sequence[float] = (),
) -> Float:
    """Features of one window, shape (window, axes), not rounded; levels limited below at 0 as SPEC.md 1.2 says.

    course_hz: speeds within the window, in place of shaft_hz.
    """
    course = np.array(course_hz or [shaft_hz, shaft_hz], np.float64)
    if course.min() <= 0 or course.max() > 1.25 * course.min():
        course = np.zeros(2)
    return np.concatenate(
        [axis_features(samples[:, axis].astype(np.float64), config, course) for axis in range(config["axes"])]
    )


def slow_config(config: Mapping[str, int]) -> dict[str, int]:
    """The configuration of the slow window: ordinary, of the hundredfold of its rate."""
    log2 = slow_log2(config)
    no_envelope = dict.fromkeys(("envelope_bands", "envelope_lo_hz", "envelope_hi_hz"), 0)
    own = no_envelope | {
        "bands": config["slow_bands"],
        "orders": config["slow_orders"],
        "window": config["slow_window"],
    }
    range_of_it = {"band_lo_hz": 10, "band_hi_hz": 1000}
    bearing_of_it = dict.fromkeys((f"{name}_milliorders" for name in ("bpfo", "bpfi", "bsf", "ftf")), 0)
    rest = {"axes": config["axes"], "lsb_nm_s2": config["lsb_nm_s2"]}
    return (
        own | range_of_it | bearing_of_it | rest | {"rate_millihz": config["rate_millihz"] * 100 // 2**log2}
    )


def slow_log2(config: Mapping[str, int]) -> int:
    return int(np.floor(np.log2(config["rate_millihz"] / 48_000)))


def decimated(samples: npt.NDArray[np.int16], config: Mapping[str, int]) -> npt.NDArray[np.int16]:
    """A stream's samples at the slow rate, by an ideal filter at half of that; shape (frames / 2^n, axes)."""
    spectrum = np.fft.rfft(samples.astype(np.float64), axis=0)
    frames = len(samples) >> slow_log2(config)
    low = np.fft.irfft(spectrum[: frames // 2 + 1], frames, axis=0) / 2 ** slow_log2(config)
    return np.asarray(np.round(low), np.int16)


def level(value: float) -> float:
    """256 log2(value), not under 0."""
    return max(0.0, STEPS * np.log2(value)) if value > 0 else 0.0


def axis_features(counts: Float, config: Mapping[str, int], course_hz: Float) -> Float:
    rate_hz, window = config["rate_millihz"] / 1000, config["window"]
    if np.ptp(counts) == 0:
        own = 11 + config["bands"] + config["envelope_bands"] + config["orders"] + len(bearing(config))
        octaves = config.get("order_bands", 0) + config.get("order_envelope_bands", 0)
        return np.zeros(own + octaves + 2 * len(meshes(config)))
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
            *envelope_and_shaft(spectrum, config, course_hz, a),
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


def meshes(config: Mapping[str, int]) -> list[tuple[int, int]]:
    """Milliorders of each gear mesh and of the distance of its side bands."""
    all_three = [
        (config.get(f"mesh{n}_milliorders", 0), config.get(f"side{n}_milliorders", 0)) for n in (1, 2, 3)
    ]
    return list(itertools.takewhile(lambda mesh: mesh[0], all_three))


def envelope_and_shaft(
    spectrum: npt.NDArray[np.complex128], config: Mapping[str, int], course_hz: Float, a: Float
) -> list[float]:
    """Envelope bands, shaft orders, bearing depths, and what is by angle only. a: the window, its mean removed."""
    window, by_angle = config["window"], config.get("by_angle", 0)
    bins_an_order = mean_hz(course_hz) * window * 1000 / config["rate_millihz"]
    if by_angle:
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
        spectrum_of_orders = np.fft.rfft(resampled(a, course_hz, circular=False) * hann)[: window // 4]
    else:
        spectrum_of_orders = spectrum
    mean_square = np.abs(spectrum_of_orders) ** 2 * (16 / 3) / window**2
    mean_square[0] = 0
    orders = [order_level(mean_square, (i + 1) * bins_an_order) for i in range(config["orders"])]
    bands = octaves(config, "order_bands", bins_an_order, 1, len(mean_square))
    mesh_levels = [mesh_and_sides(mean_square, bins_an_order, *mesh) for mesh in meshes(config)]
    by_angle_only = [level(np.sqrt(mean_square[lo:hi].sum())) for lo, hi in bands]
    last = [mesh for mesh, _ in mesh_levels] + [side for _, side in mesh_levels]
    if config["envelope_bands"] == 0:
        return [*orders, *by_angle_only, *last]
    envelope, wide = squared_envelope(spectrum, config)
    e = np.abs(np.fft.rfft(envelope))
    edges = band_edges(3, wide, config["envelope_bands"])
    e_by_angle = np.abs(np.fft.rfft(resampled(envelope, course_hz, circular=True))) if by_angle else e
    return [
        *(depth(e, a, b) for a, b in itertools.pairwise(edges)),
        *orders,
        *(bearing_line(e_by_angle, wide, m / 1000 * bins_an_order) for m in bearing(config)),
        *by_angle_only,
        *(
            depth(e_by_angle, a, b)
            for a, b in octaves(config, "order_envelope_bands", bins_an_order, 3, wide)
        ),
        *last,
    ]


def mean_hz(course_hz: Float) -> float:
    return float(((course_hz[1:] + course_hz[:-1]) / 2).mean())


def resampled(x: Float, course_hz: Float, *, circular: bool) -> Float:
    """x at even angles of a shaft whose speed is `course_hz`, evenly spaced over x and linear between."""
    n, parts = len(x), len(course_hz) - 1
    if not course_hz.any():
        return x
    speed = course_hz / mean_hz(course_hz)
    begins = np.concatenate([[0], np.cumsum((speed[1:] + speed[:-1]) / 2)]) * n / parts  # angles
    k = np.arange(n)
    part = np.minimum(np.searchsorted(begins, k, side="right") - 1, parts - 1)
    rise = np.diff(speed)[part] * parts / n
    ahead = k - begins[part]  # = speed t + rise t^2 / 2
    t = part * n / parts + 2 * ahead / (speed[part] + np.sqrt(speed[part] ** 2 + 2 * rise * ahead))
    first, total = np.floor(t).astype(int), np.zeros(n)
    for i in range(-3, 5):
        distance = i - (t - first)
        kaiser = np.i0(4.5 * np.sqrt(np.maximum(0, 1 - (distance / 4) ** 2))) / np.i0(4.5)
        place = first + i
        inside = np.ones(n, bool) if circular else (place >= 0) & (place < n)
        total += np.where(inside, x[place % n], 0) * np.sinc(distance) * kaiser
    return total


def nearest(bin_number: float) -> int:
    return int(np.floor(bin_number + 0.5))


def octaves(
    config: Mapping[str, int], field: str, bins_an_order: float, least: int, end: int
) -> list[tuple[int, int]]:
    lowest = config.get("order_lo_milliorders", 0) / 1000 * bins_an_order
    edges = [nearest(lowest * 2**i) for i in range(config.get(field, 0) + 1)]
    return [(max(lo, least), min(hi, end)) for lo, hi in itertools.pairwise(edges)]


def mesh_and_sides(mean_square: Float, bins_an_order: float, mesh: int, side: int) -> tuple[float, float]:
    """meshNN, sideNN; mesh and side in milliorders."""

    def line(milliorders: int) -> float:
        k = nearest(milliorders / 1000 * bins_an_order)
        return float(mean_square[k - 1 : k + 2].sum()) if 2 <= k < len(mean_square) - 1 else 0.0

    around = [h * mesh + sign * i * side for h in (1, 2) for i in (1, 2, 3) for sign in (-1, 1)]
    apart = nearest(side / 1000 * bins_an_order) >= 3
    sides = sum(line(order) for order in around if order > 0) if apart else 0.0
    return level(np.sqrt(line(mesh) + line(2 * mesh))), level(np.sqrt(sides))


def depth(e: Float, lo: int, hi: int) -> float:
    return level(2**20 * 2 * np.sqrt((e[lo:hi] ** 2).sum()) / e[0]) if e[0] else 0.0


def squared_envelope(spectrum: npt.NDArray[np.complex128], config: Mapping[str, int]) -> tuple[Float, int]:
    """The squared envelope over the window, and the pass band's width in bins."""
    bin_hz = config["rate_millihz"] / 1000 / config["window"]
    lo, hi = (int(np.ceil(config[f"envelope_{end}_hz"] / bin_hz)) for end in ("lo", "hi"))
    points = 1 << int(np.ceil(np.log2(2 * (hi - lo))))
    analytic = np.fft.ifft(np.concatenate([spectrum[lo:hi], np.zeros(points - (hi - lo))]))
    return np.abs(analytic) ** 2, hi - lo


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
