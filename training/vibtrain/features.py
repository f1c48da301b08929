"""Recordings to feature vectors, through the sensor model and the C core. No feature is computed anywhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import vib

from vibtrain.config import TrainingConfig
from vibtrain.recordings import Condition, DataError, Entry, condition_fields
from vibtrain.resample import to_counts

Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True, kw_only=True)
class Windows(Condition):
    """The windows of one recording, in order.

    Attributes:
        features: int16, shape (windows, features).
        counts: the samples as the sensor would have given them, int16, shape (frames, axes).
    """

    features: Int16
    counts: Int16

    @property
    def regime(self) -> tuple[str, float | None, str]:
        """Machine, speed and load: the circumstances under which a baseline holds."""
        return self.machine, self.speed_rpm, self.load


def extract(
    entries: Iterable[Entry], config: TrainingConfig, progress: Callable[[str], None] = lambda name: None
) -> list[Windows]:
    """Windows of every recording. `progress` is told each name when it is done.

    Raises `DataError` for a recording that cannot be read, has another number of axes, or is under one window.
    """
    chip, core = config.chip(), config.core_config()
    result = []
    for entry in entries:
        recording = entry.read()
        if len(recording.axes) != core["axes"]:
            raise DataError(
                f"{entry.source}: {entry.name}: {len(recording.axes)} axes, accepted are {core['axes']}"
            )
        counts = to_counts(recording, chip)[round(config.settle_s * chip.rate_hz) :]
        features = vib.extract(counts, core, shaft_hz=(entry.speed_rpm or 0) / 60)
        if not len(features):
            raise DataError(
                f"{entry.source}: {entry.name}: {len(counts)} frames at {chip.rate_hz:g} Hz, "
                f"accepted are at least {core['window']} (one window)"
                + (f" after the first {config.settle_s:g} s (settle_s)" if config.settle_s else "")
            )
        result.append(Windows(**condition_fields(recording), features=features, counts=counts))
        progress(entry.name)
    return result


def digest(recordings: Iterable[Windows]) -> bytes:
    """SHA-256 over names, labels and samples: states what data a model was made from."""
    state = hashlib.sha256()
    for windows in recordings:
        state.update(f"{windows.source}/{windows.name}/{windows.fine_label}\n".encode())
        state.update(np.ascontiguousarray(windows.counts).tobytes())
    return state.digest()
