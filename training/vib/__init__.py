"""The integer core of Vibnode on CPython: the names of MicroPython's module `vib` (SPEC.md 1.4), and batches."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ._vib import CONFIG_FIELDS, CORE_VERSION, FEATURE_VERSION, Core, Model, _extract, linked_model

__all__ = [
    "CONFIG_FIELDS",
    "CORE_VERSION",
    "FEATURE_VERSION",
    "Core",
    "Model",
    "classify",
    "extract",
    "feature_names",
    "linked_model",
    "score",
]

Int16 = NDArray[np.int16]


def extract(samples: Int16, config: Mapping[str, int]) -> Int16:
    """Features of every whole window of a gapless recording.

    samples: int16 counts, shape (frames, axes). config: the fields of SPEC.md 1.1.
    Returns int16, shape (windows, features). ValueError names a field out of range or a wrong shape.
    """
    if samples.dtype != np.int16 or samples.ndim != 2 or samples.shape[1] != config["axes"]:
        raise ValueError(
            f"vib: samples must be int16 of shape (frames, {config['axes']}), not {samples.dtype} of {samples.shape}"
        )
    frames = samples.shape[0]
    windows = max(0, (frames - config["window"]) // config["hop"] + 1)
    out = np.empty((windows, Core(config).n_features), np.int16)
    _extract(np.ascontiguousarray(samples), config, out)
    return out


def feature_names(config: Mapping[str, int]) -> list[str]:
    """Names of the features, in the order of a feature vector."""
    core = Core(config)
    return [core.feature_name(i) for i in range(core.n_features)]


def score(model: Model, features: Int16, baseline: Int16 | None = None) -> Int16:
    """Anomaly score of each row of features; shape (windows,). baseline: one row, or None for the model's centre."""
    out = np.empty(len(features), np.int16)
    model._apply_batch(np.ascontiguousarray(features), baseline, out, False)
    return out


def classify(model: Model, features: Int16, baseline: Int16 | None = None) -> Int16:
    """Class index of each row of features; shape (windows,)."""
    out = np.empty(len(features), np.int16)
    model._apply_batch(np.ascontiguousarray(features), baseline, out, True)
    return out
