"""The features in plain Python, as one would write them on a board without the core; no envelope.

Runs on MicroPython: ``micropython plain_python.py WINDOWS`` reads window.i16 (frames of three axes) and config.json
from the current folder, computes the window's features so many times and prints them. Bench runs it with one window
and with two: the difference is what a window costs, without start and tables.
"""

import array
import json
import math
import sys

STEPS = 256  # an octave


def level(value: float) -> float:
    return STEPS * math.log(value) / math.log(2) if value > 1 else 0


def band_edges(lo: float, hi: float, count: int) -> list[int]:
    edges: list[int] = []
    for i in range(count + 1):
        first = math.ceil(lo * (hi / lo) ** (i / count) * 0.9999)
        edges.append(max(first, edges[-1] + 1 if edges else 1))
    return edges


class Features:
    """Tables and features of one configuration."""

    def __init__(self, config: dict[str, int]) -> None:
        n = config["window"]
        self.n, self.axes = n, config["axes"]
        self.bin_hz = config["rate_millihz"] / 1000 / n
        self.lsb_um_s2 = config["lsb_nm_s2"] / 1000
        self.edges = band_edges(
            config["band_lo_hz"] / self.bin_hz, config["band_hi_hz"] / self.bin_hz, config["bands"]
        )
        self.hann = array.array("f", [0.5 - 0.5 * math.cos(2 * math.pi * i / n) for i in range(n)])
        self.cos = array.array("f", [math.cos(2 * math.pi * i / n) for i in range(n // 2)])
        self.sin = array.array("f", [math.sin(2 * math.pi * i / n) for i in range(n // 2)])
        bits = round(math.log(n) / math.log(2))  # MicroPython's int may lack bit_length
        self.reversed = array.array("H", [0] * n)
        for i in range(1, n):
            self.reversed[i] = self.reversed[i >> 1] >> 1 | (i & 1) << bits - 1

    def of(self, frames: list[int]) -> list[float]:
        """Features of one window, not rounded."""
        out: list[float] = []
        for axis in range(self.axes):
            out += self.of_axis(frames[axis :: self.axes])
        return out

    def of_axis(self, x: list[int]) -> list[float]:
        n = self.n
        mean = sum(x) / n
        a = [(v - mean) * self.lsb_um_s2 for v in x]
        rms, peak = math.sqrt(sum([v * v for v in a]) / n), max([abs(v) for v in a])
        kurtosis = sum([v * v * v * v for v in a]) / n / (rms * rms * rms * rms)
        re, im = self.fft([a[i] * self.hann[i] for i in range(n)])
        power = [re[k] * re[k] + im[k] * im[k] for k in range(n // 2)]
        power[0] = 0
        velocity, *line = self.velocity(power)
        out = [level(rms), level(peak), level(peak / rms), level(kurtosis), velocity]
        out += self.shape(power) + line
        for i in range(len(self.edges) - 1):
            out.append(level(math.sqrt(self.mean_square(sum(power[self.edges[i] : self.edges[i + 1]])))))
        return out

    def fft(self, x: list[float]) -> tuple[list[float], list[float]]:
        """Radix-2, in place, of a real list in natural order."""
        n, cos, sin = self.n, self.cos, self.sin
        re, im = [x[i] for i in self.reversed], [0.0] * n
        half = 1
        while half < n:
            step = n // 2 // half
            for start in range(0, n, 2 * half):
                k = 0
                for i in range(start, start + half):
                    j = i + half
                    c, s = cos[k], sin[k]
                    tr = re[j] * c + im[j] * s
                    ti = im[j] * c - re[j] * s
                    re[j], im[j] = re[i] - tr, im[i] - ti
                    re[i] += tr
                    im[i] += ti
                    k += step
            half *= 2
        return re, im

    def mean_square(self, power: float) -> float:
        return power * 16 / 3 / (self.n * self.n)

    def velocity(self, power: list[float]) -> list[float]:
        """velocity_rms, and at the end vline_freq, vline_level."""
        lo, hi = max(1, math.ceil(10 / self.bin_hz)), min(self.n // 2, math.floor(1000 / self.bin_hz) + 1)
        velocity = [power[k] / (k * k) for k in range(lo, hi)]
        rms = 1000 / (2 * math.pi * self.bin_hz) * math.sqrt(self.mean_square(sum(velocity)))
        top = lo + velocity.index(max(velocity))
        if power[top + 1] > power[top]:
            top += 1
        elif power[top - 1] > power[top]:
            top -= 1
        line = math.sqrt(self.mean_square(sum(power[top - 1 : top + 2])))
        return [level(rms), self.line(power, top)[0], level(line)]

    def shape(self, power: list[float]) -> list[float]:
        """centroid, flatness, line_freq, line_level."""
        lo, hi = self.edges[0], self.edges[-1]
        inside = power[lo:hi]
        total = sum(inside)
        floor = total / 4294967296
        moment = sum([k * power[k] for k in range(lo, hi)])
        logs = sum([math.log(max(p, floor)) for p in inside]) / len(inside)
        flatness = STEPS / math.log(2) * (logs - math.log(total / len(inside)))
        freq, peak = self.line(power, lo + inside.index(max(inside)))
        line = math.sqrt(peak) * 4 / self.n / math.sqrt(2)
        return [level(moment / total * self.bin_hz), flatness, freq, level(line)]

    def line(self, power: list[float], top: int) -> tuple[float, float]:
        """Frequency and power of the line in bin `top`."""
        a, b, c = (math.log(p) for p in power[top - 1 : top + 2])
        offset = (c - a) / (2 * (2 * b - a - c))
        return level((top + offset) * self.bin_hz), math.exp(b + (c - a) / 4 * offset)


def main() -> None:
    with open("config.json") as file:
        features = Features(json.load(file))
    with open("window.i16", "rb") as file:
        frames = array.array("h", file.read())
    for _ in range(int(sys.argv[1])):
        out = features.of(list(frames))
    print(json.dumps([round(v) for v in out]))


main()
