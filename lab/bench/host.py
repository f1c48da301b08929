"""Accuracy of the transform, and how fast batches are on the computer that trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import vib

from lab import reference

from .counting import CORE, CORE_SOURCES, BenchFailure, command
from .inputs import HOP, WINDOW, Int16, machine
from .numpy_peer import NumpyPeer

WINDOWS = 1000
REFERENCE_WINDOWS = 50
ROUNDS = 7
BATCH = 16
STEPS_APART = 5  # largest difference between peer and core that counts as the same feature


def rfft_snr_db(cc: str, folder: Path, dbfs: float) -> float:
    """Signal over error, dB, of a windowed 1024-point spectrum against float64, the worse of a tone and of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "spectrum"
    source = Path(__file__).with_name("core_spectrum.c")
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
    some = samples[: REFERENCE_WINDOWS * HOP + WINDOW - HOP]
    peers: dict[str, Callable[[], object]] = {
        "scipy": partial(NumpyPeer(config).extract, samples),
        "scipy_batch": partial(NumpyPeer(config, chunk_windows=BATCH).extract, samples),
        "scipy_batch_float32": partial(
            NumpyPeer(config, chunk_windows=BATCH, precision=np.float32).extract, samples
        ),
        "reference": partial(_reference, some, config),
        "one_by_one": partial(_one_by_one, samples, config),
    }
    features = vib.extract(samples, config)
    for name, peer in peers.items():
        _same(features, np.asarray(peer()), vib.feature_names(config), name)
    core_s, peers_s = np.inf, dict.fromkeys(peers, np.inf)
    for _ in range(ROUNDS):
        core_s = min(core_s, _seconds(partial(vib.extract, samples, config, workers=1)))
        peers_s = {name: min(best, _seconds(peers[name])) for name, best in peers_s.items()}
    peers_s["reference"] *= WINDOWS / REFERENCE_WINDOWS
    rates = {f"host.extract_{name}.windows_per_s": round(WINDOWS / s) for name, s in peers_s.items()}
    ratios = {f"host.extract.ratio_to_{name}": round(s / core_s, 2) for name, s in peers_s.items()}
    return {"host.extract.windows_per_s": round(WINDOWS / core_s), **rates, **ratios}


def _reference(samples: Int16, config: Mapping[str, int]) -> object:
    starts = range(0, len(samples) - WINDOW + 1, HOP)
    return [reference.features(samples[at : at + WINDOW], config) for at in starts]


def _one_by_one(samples: Int16, config: Mapping[str, int]) -> object:
    """The core as a device runs it, window by window."""
    core = vib.Core(config)
    out = np.empty(((len(samples) - WINDOW) // HOP + 1, core.n_features), np.int16)
    at = 0
    for row in out:
        at += core.push(samples, at)
        core.features(row)
    return out


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _same(core: Int16, peer: npt.NDArray[Any], names: list[str], what: str) -> None:
    apart = np.abs(core[: len(peer)].astype(np.float64) - peer)
    if apart.max() > STEPS_APART:
        name = names[int(apart.max(axis=0).argmax())]
        raise BenchFailure(
            f"{name} of {what} is {apart.max():.0f} steps off the core's; accepted: {STEPS_APART}"
        )
