"""Accuracy of the transform, and how fast batches are on the computer that trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import reference
import vib

from .counting import CORE, CORE_SOURCES, BenchFailure, command
from .inputs import HOP, WINDOW, Int16, machine
from .numpy_peer import NumpyPeer

WINDOWS = 1000
REFERENCE_WINDOWS = 50
ROUNDS = 7
STEPS_APART = 5  # largest difference between peer and core that counts as the same feature


def rfft_snr_db(cc: str, folder: Path, dbfs: float) -> float:
    """Signal over error, dB, of a windowed 1024-point spectrum against float64, the worse of a tone and of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "spectrum"
    source = Path(__file__).parents[1] / "core_spectrum.c"
    command([cc, "-O2", "-I", CORE, *CORE_SOURCES, source, "-o", program])
    n = WINDOW
    tone = np.sin(2 * np.pi * np.arange(n) * 0.1234)
    noise = np.random.default_rng(n).uniform(-1, 1, n)
    worst = np.inf
    for shape in (tone, noise):
        x = np.round(32767 * 10 ** (dbfs / 20) * shape).astype(np.int16)
        x.tofile(folder / "samples.i16")
        command(["sh", "-c", f"./spectrum {n} < samples.i16 > bins.i32"], folder)
        scale, *words = np.fromfile(folder / "bins.i32", np.int32)
        bins = np.array(words, np.float64).view(np.complex128) / 2.0**scale
        bins[0] = bins[0].real
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
        exact = np.fft.rfft((x - x.mean()) * hann)[: n // 2]
        error = np.sum(np.abs(bins - exact) ** 2)
        worst = min(worst, 10 * np.log10(np.sum(np.abs(exact) ** 2) / error))
    return round(float(worst), 1)


def extraction(config: Mapping[str, int]) -> dict[str, float]:
    """Windows a second of vib.extract and of NumPy on one core, by turns in one run, and their ratios."""
    samples = machine(1, impacts=0.1, frames=WINDOWS * HOP + WINDOW - HOP)
    batch, by_window = NumpyPeer(config), NumpyPeer(config, chunk_windows=1)
    some = [samples[at : at + WINDOW] for at in range(0, REFERENCE_WINDOWS * HOP, HOP)]
    _same(vib.extract(samples, config), batch.extract(samples), vib.feature_names(config))
    core_s = batch_s = by_window_s = reference_s = np.inf
    for _ in range(ROUNDS):
        core_s = min(core_s, _seconds(lambda: vib.extract(samples, config, workers=1)))
        batch_s = min(batch_s, _seconds(lambda: batch.extract(samples)))
        by_window_s = min(by_window_s, _seconds(lambda: by_window.extract(samples)))
        reference_s = min(reference_s, _seconds(lambda: [reference.features(x, config) for x in some]))
    return {
        "host.extract.windows_per_s": round(WINDOWS / core_s),
        "host.extract_numpy.windows_per_s": round(WINDOWS / batch_s),
        "host.extract.ratio_to_scipy": round(batch_s / core_s, 2),
        "host.extract.ratio_to_scipy_by_window": round(by_window_s / core_s, 2),
        "host.extract.ratio_to_reference": round(reference_s / REFERENCE_WINDOWS / (core_s / WINDOWS), 2),
    }


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _same(core: Int16, peer: Int16, names: list[str]) -> None:
    apart = np.abs(core.astype(np.int32) - peer)
    if apart.max() > STEPS_APART:
        name = names[int(apart.max(axis=0).argmax())]
        raise BenchFailure(f"{name} of NumPy is {apart.max()} steps off the core's, accepted: {STEPS_APART}")
