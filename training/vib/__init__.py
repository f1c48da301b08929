"""The integer core of Vibnode on CPython: the names of MicroPython's module `vib` (SPEC.md 1.4), and batches."""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ._vib import CONFIG_FIELDS, CORE_VERSION, FEATURE_VERSION, Core, Model, _extract, linked_model

__all__ = [
    "CONFIG_FIELDS",
    "CORE_VERSION",
    "FEATURE_VERSION",
    "Core",
    "Model",
    "blend",
    "classify",
    "extract",
    "far",
    "feature_names",
    "linked_model",
    "medians",
    "outside",
    "place",
    "score",
]

Int16 = NDArray[np.int16]

WINDOWS_WORTH_A_THREAD = 400  # some milliseconds of work
MOST_ROWS = 64  # of `medians`, as on a device
MOST_COLUMNS = 0xFFFF
COURSES = (2, 3, 5, 9, 17)  # speeds within a window
MOST_BLENDED, WEIGHTS_SUM = 32, 1 << 14  # of `blend`


def medians(rows: array[int], count: int, n: int, medians: array[int], spreads: array[int], at: int) -> None:
    """The median of each of the `n` columns of the first `count` rows, and the median of its distances from that.

    Both, rounded down and limited to int16, go into row `at` of `medians` and `spreads`. ValueError: there are not so
    many rows, or more than 64, or no column, or no such row to go into.
    """
    if not 1 <= n <= MOST_COLUMNS:
        raise ValueError(f"vib: medians of {n} columns; accepted: 1 to {MOST_COLUMNS}")
    if not 1 <= count <= min(MOST_ROWS, len(rows) // n):
        raise ValueError(f"vib: medians of {count} rows; accepted: 1 to {MOST_ROWS}, as many as there are")
    if not 0 <= at < min(len(medians), len(spreads)) // n:
        raise ValueError(f"vib: medians into row {at}; accepted: one that both arrays have")
    values = np.sort(np.frombuffer(rows, np.int16)[: count * n].reshape(count, n).astype(np.int32), axis=0)
    middle = (values[(count - 1) // 2] + values[count // 2]) >> 1
    away = np.sort(np.minimum(np.abs(values - middle), 32767), axis=0)
    np.frombuffer(medians, np.int16)[at * n : (at + 1) * n] = middle
    np.frombuffer(spreads, np.int16)[at * n : (at + 1) * n] = (away[(count - 1) // 2] + away[count // 2]) >> 1


def blend(rows: array[int], weights: array[int], line: array[int], octaves: int, out: array[int]) -> None:
    """The mean of as many rows as there are weights, by these, and `octaves` (1/256) further along the line, in
    steps an octave; into `out`, limited to int16. ValueError: weights under 0 or of another sum than 16384, or arrays
    that do not fit.
    """
    n, by = len(line), np.frombuffer(weights, np.int16).astype(np.int32)
    if not 1 <= len(by) <= MOST_BLENDED or by.min() < 0 or by.sum() != WEIGHTS_SUM:
        raise ValueError(
            f"vib: blend of {len(by)} weights; accepted: 1 to {MOST_BLENDED} with a sum of {WEIGHTS_SUM}, none under 0"
        )
    if n < 1 or len(by) > len(rows) // n or len(out) // n != 1:
        raise ValueError(f"vib: blend of {n} columns; accepted: as many in the line, each row and out")
    if not -32768 <= octaves <= 32767:
        raise ValueError(f"vib: blend {octaves} octaves/256 along the line; accepted: -32768 to 32767")
    values = np.frombuffer(rows, np.int16)[: len(by) * n].reshape(len(by), n).astype(np.int32)
    mean = (by @ values + WEIGHTS_SUM // 2) >> 14
    further = (np.frombuffer(line, np.int16).astype(np.int32) * octaves + 128) >> 8
    np.frombuffer(out, np.int16)[:n] = np.clip(mean + further, -32768, 32767)


def extract(
    samples: Int16,
    config: Mapping[str, int],
    *,
    shaft_hz: float = 0,
    courses: NDArray[np.uint32] | None = None,
    workers: int | None = None,
) -> Int16:
    """Features of every whole window of a gapless recording.

    samples: int16 counts, shape (frames, axes). config: the fields of SPEC.md 1.1. shaft_hz: speed of the
    shaft, 0 where it is not known. courses: its speeds within each window instead, uint32 in 1/1000 Hz, shape (windows,
    2, 3, 5, 9 or 17), evenly spaced from the window's begin to its end; where they move too far the speed is not known.
    With a slow window the recording is one stream, and slow features are 0 until their first window is whole.
    workers: threads, by default as many as there are processors; the result does not depend on it.
    Returns int16, shape (windows, features). ValueError names a field out of range or a wrong shape.
    """
    axes, window, hop = config["axes"], config["window"], config["hop"]
    if samples.dtype != np.int16 or samples.ndim != 2 or samples.shape[1] != axes:
        raise ValueError(
            f"vib: samples: {samples.dtype} of shape {samples.shape}; accepted: int16 of (frames, {axes})"
        )
    samples = np.ascontiguousarray(samples)
    windows = max(0, (len(samples) - window) // hop + 1)
    if courses is not None and (
        courses.dtype != np.uint32
        or courses.ndim != 2
        or len(courses) != windows
        or courses.shape[1] not in COURSES
    ):
        raise ValueError(
            f"vib: courses: {courses.dtype} of shape {courses.shape}; accepted: uint32 of ({windows}, 2, 3, 5, 9 or 17)"
        )
    out = np.empty((windows, Core(config).n_features), np.int16)
    workers = min(workers or os.cpu_count() or 1, 1 + windows // WINDOWS_WORTH_A_THREAD)
    if config.get("slow_window"):
        workers = 1  # slow windows go on from one to the next
    edges = [windows * i // workers for i in range(workers + 1)]

    def part(first: int, last: int) -> None:  # windows are independent of each other
        if last > first:
            _extract(
                samples[first * hop : (last - 1) * hop + window],
                config,
                out[first:last],
                round(shaft_hz * 1000),
                None if courses is None else np.ascontiguousarray(courses[first:last]),
            )

    if workers == 1:
        part(0, windows)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(part, edges[:-1], edges[1:]))
    return out


def feature_names(config: Mapping[str, int]) -> list[str]:
    """Names of the features, in the order of a feature vector."""
    core = Core(config)
    return [core.feature_name(i) for i in range(core.n_features)]


def score(model: Model, features: Int16, baseline: Int16 | None = None) -> Int16:
    """Anomaly score of each row of features; shape (windows,). baseline: one row, None where none is learnt."""
    return _answers(model, features, baseline, 0)


def classify(model: Model, features: Int16, baseline: Int16 | None = None) -> Int16:
    """Class index of each row of features; shape (windows,)."""
    return _answers(model, features, baseline, 1)


def outside(model: Model, features: Int16) -> NDArray[np.bool_]:
    """Whether each row of features, without a baseline, is outside of what was trained on; shape (windows,)."""
    return _answers(model, features, None, 2).astype(bool)


def place(model: Model, features: Int16) -> Int16:
    """Where on the model's line each row of features lies best, 1/256 octave from the centre's; shape (windows,)."""
    return _answers(model, features, None, 3)


def far(model: Model, features: Int16, usual: Int16) -> Int16:
    """Score of each row of a machine far from what it learnt; `usual`: one row, by its line. Shape (windows,)."""
    return _answers(model, features, usual, 4)


def _answers(model: Model, features: Int16, baseline: Int16 | None, question: int) -> Int16:
    out = np.empty(len(features), np.int16)
    model._apply_batch(np.ascontiguousarray(features), baseline, out, question)
    return out
