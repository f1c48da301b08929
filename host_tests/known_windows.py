"""Every window of the recordings at hand, what the host's core answers for it, and the script that asks a board.

The recordings are those of the adi-motor set where they are on this machine, simulated ones elsewhere.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import vib
from vibtrain.features import config
from vibtrain.features.resample import to_counts
from vibtrain.models.anomaly import median_baseline
from vibtrain.packaging import package
from vibtrain.recordings import DataError
from vibtrain.workflows import pipeline

PACKAGE = Path(__file__).parents[1] / "build" / "models" / "default"

SCRIPT = """
from array import array
import vib

loaded = vib.Model(open("model.bin", "rb").read())
model = vib.linked_model() or loaded
core = vib.Core(model.config())
features, answers = array("h", [0] * core.n_features), array("h", [0] * 6)
baseline = array("h", [0] * core.n_features)
open("baseline.i16", "rb").readinto(baseline)
frame = 2 * model.config()["axes"]
lump = memoryview(bytearray(frame * 500))
samples, lengths, out = open("samples.i16", "rb"), open("lengths.txt"), open("out.i16", "wb")
for line in lengths:
    left = int(line)
    core.gap()
    while left:
        part = lump[: frame * min(left, 500)]
        samples.readinto(part)
        frames = len(part) // frame
        left -= frames
        at = 0
        while at < frames:
            at += core.push(part, at)
            if core.ready():
                core.features(features)
                answers[0] = model.score(features)
                answers[1] = model.score(features, baseline)
                answers[2] = model.classify(features)
                answers[3] = model.classify(features, baseline)
                answers[4] = model.outside(features)
                answers[5] = loaded.score(features, baseline) - answers[1] or loaded.classify(features) - answers[2]
                out.write(features)
                out.write(answers)
out.close()
"""
"""Writes, for each window, its features, two scores, two classes, whether it is outside, and 0 where linked and loaded
model agree."""


@dataclass(frozen=True)
class KnownWindows:
    """What to give SCRIPT, and what it must write."""

    files: Mapping[str, bytes]
    rows: np.ndarray
    """int16 [windows, features + 6]."""

    def differing_columns(self, written: bytes) -> list[int]:
        """Return the columns in which what a script wrote differs; AssertionError where windows are missing."""
        got = np.frombuffer(written, "<i2").reshape(-1, self.rows.shape[1])
        assert len(got) == len(self.rows) > 400
        return np.flatnonzero((got != self.rows).any(axis=0)).tolist()


@functools.cache
def recorded_counts() -> list[np.ndarray]:
    """Return the counts of every recording, as the default configuration's sensor gives them."""
    chosen = config.load("adi-motor")
    try:
        entries = pipeline.entries_of(chosen, announce=lambda line: None)
    except DataError:
        entries = pipeline.entries_of(pipeline.simulated(chosen))
    return [to_counts(entry.read(), chosen.chip()) for entry in entries]


@functools.cache
def known_windows() -> KnownWindows:
    """Compute the answers on the host, with the default model's data form; once in a test run."""
    recordings = recorded_counts()
    model, _ = package.read(PACKAGE)
    features = np.concatenate([vib.extract(counts, model.config()) for counts in recordings])
    baseline = median_baseline(features[:25])
    columns = [vib.score(model, features), vib.score(model, features, baseline)]
    columns += [vib.classify(model, features), vib.classify(model, features, baseline)]
    columns += [vib.outside(model, features).astype(np.int16), np.zeros(len(features), np.int16)]
    files = {
        "model.bin": (PACKAGE / "model.bin").read_bytes(),
        "baseline.i16": baseline.astype("<i2").tobytes(),
        "samples.i16": b"".join(counts.astype("<i2").tobytes() for counts in recordings),
        "lengths.txt": "".join(f"{len(counts)}\n" for counts in recordings).encode(),
    }
    return KnownWindows(files, np.column_stack([features, *columns]))
