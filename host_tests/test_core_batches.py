"""`vib` on CPython: batches are what the core says window by window, and what is no batch is refused."""

from __future__ import annotations

import os
import re
from array import array
from typing import Any, ClassVar

import numpy as np
import pytest
import vib

from lab.rigs.firmware_model import CENTRE, CONFIG, model_bin
from lab.rigs.small_model import small_model_binary

SMALL = CONFIG | {"window": 64, "hop": 32, "band_lo_hz": 100}
NOISE = np.random.default_rng(1).normal(0, 300, (64 + 32 * 9 + 31, 3)).astype(np.int16)


def one_by_one(samples: np.ndarray, config: dict[str, int], shaft_millihz: int = 0) -> np.ndarray:
    core, rows, at = vib.Core(config), [], 0
    core.shaft(shaft_millihz)
    frames = np.ascontiguousarray(samples)
    while at < len(frames):
        at += core.push(frames, at)
        if core.ready():
            rows.append(np.zeros(core.n_features, np.int16))
            core.features(rows[-1])
    return np.array(rows).reshape(-1, core.n_features)


def test_every_whole_window_has_its_features() -> None:
    for frames, windows in ((0, 0), (1, 0), (63, 0), (64, 1), (95, 1), (96, 2), (len(NOISE), 10)):
        features = vib.extract(NOISE[:frames], SMALL)
        assert features.shape == (windows, vib.Core(SMALL).n_features) and features.dtype == np.int16
        assert np.array_equal(features, one_by_one(NOISE[:frames], SMALL))


def test_samples_need_not_lie_in_a_row() -> None:
    assert np.array_equal(vib.extract(NOISE[::2], SMALL), one_by_one(NOISE[::2], SMALL))


def test_the_shaft_is_told_to_a_millihertz() -> None:
    config = SMALL | {"orders": 3}
    told = vib.extract(NOISE, config, shaft_hz=120.0004)
    assert np.array_equal(told, one_by_one(NOISE, config, 120_000))
    assert not np.array_equal(told, vib.extract(NOISE, config, shaft_hz=300))
    assert np.array_equal(vib.extract(NOISE, config), one_by_one(NOISE, config, 0))


def test_a_speed_is_rounded_to_a_millihertz_and_none_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(vib, "_extract", lambda samples, config, out, millihz, courses: told.append(millihz))
    for shaft_hz in (29.70049, 29.7006):
        vib.extract(NOISE, SMALL, shaft_hz=shaft_hz)
    vib.extract(NOISE, SMALL)
    assert told == [29_700, 29_701, 0]


@pytest.mark.parametrize("workers", [None, 1, 2, 3])
def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch, workers: int | None) -> None:
    expected = one_by_one(NOISE, SMALL)
    for worth in (1, 3, 400):
        monkeypatch.setattr(vib, "WINDOWS_WORTH_A_THREAD", worth)
        assert np.array_equal(vib.extract(NOISE, SMALL, workers=workers), expected)


class Pool:
    """Notes what each thread would do."""

    made: ClassVar[list[tuple[int, list[tuple[int, int]]]]] = []

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, act: Any, *edges: Any) -> list[Any]:
        parts = list(zip(*edges, strict=True))
        self.made.append((self.workers, parts))
        return [act(*part) for part in parts]


@pytest.mark.parametrize(
    ("workers", "worth", "parts"),
    [
        (3, 1, [(0, 3), (3, 6), (6, 10)]),
        (2, 1, [(0, 5), (5, 10)]),
        (8, 4, [(0, 3), (3, 6), (6, 10)]),  # as many threads as there is work for
        (None, 1, [(0, 2), (2, 5), (5, 7), (7, 10)]),
    ],
)
def test_windows_are_shared_out_evenly(
    monkeypatch: pytest.MonkeyPatch, workers: int | None, worth: int, parts: list[tuple[int, int]]
) -> None:
    monkeypatch.setattr(vib, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(Pool, "made", [])
    monkeypatch.setattr(vib, "WINDOWS_WORTH_A_THREAD", worth)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert np.array_equal(vib.extract(NOISE, SMALL, workers=workers), one_by_one(NOISE, SMALL))
    assert Pool.made == [(len(parts), parts)]


@pytest.mark.parametrize(
    ("workers", "windows", "pools"), [(1, 800, 0), (4, 399, 0), (None, 800, 0), (4, 400, 1)]
)
def test_a_little_work_is_not_shared(
    monkeypatch: pytest.MonkeyPatch, workers: int | None, windows: int, pools: int
) -> None:
    monkeypatch.setattr(vib, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(Pool, "made", [])
    monkeypatch.setattr(os, "cpu_count", lambda: None if workers is None else 4)
    vib.extract(np.zeros((64 + 32 * (windows - 1), 3), np.int16), SMALL, workers=workers)
    assert len(Pool.made) == pools


@pytest.mark.parametrize(
    "samples", [NOISE.astype(np.int32), NOISE.astype(">i2"), NOISE[:, 0], NOISE[:, :2], NOISE[None]]
)
def test_what_is_no_recording_is_refused(samples: Any) -> None:
    said = f"vib: samples: {samples.dtype} of shape {samples.shape}; accepted: int16 of (frames, 3)"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        vib.extract(samples, SMALL)


def test_a_configuration_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        vib.extract(NOISE, SMALL | {"window": 65})


def test_names_are_the_core_s() -> None:
    core = vib.Core(SMALL)
    names = vib.feature_names(SMALL)
    assert names == [core.feature_name(i) for i in range(core.n_features)] and names[0] == "x.rms"


def test_answers_are_those_of_the_model_row_by_row() -> None:
    model = vib.Model(model_bin(SMALL))
    features = vib.extract(NOISE, SMALL)
    features[:3, 0] = CENTRE  # x.rms, which is all that the model looks at
    baseline = np.full(features.shape[1], CENTRE - 50, np.int16)
    for known in (None, baseline):
        rows = [array("h", row.tolist()) for row in features]
        reference = None if known is None else array("h", known.tolist())
        assert vib.score(model, features, known).tolist() == [model.score(row, reference) for row in rows]
        classes = vib.classify(model, features, known)
        assert classes.tolist() == [model.classify(row, reference) for row in rows]
        assert set(classes.tolist()) == {0, 1}
    assert vib.score(model, features[::2]).tolist() == vib.score(model, features)[::2].tolist()


def test_outside_is_a_truth_a_row() -> None:
    model = vib.Model(small_model_binary())
    names = vib.feature_names(model.config())
    centre = np.zeros(len(names), np.int16)
    model.centre(centre)
    features = np.stack([centre, centre + 8000])
    answers = vib.outside(model, features.astype(np.int16))
    assert answers.dtype == np.bool_ and answers.tolist() == [model.outside(row) for row in features]


def test_rows_of_another_length_are_refused() -> None:
    model = vib.Model(model_bin(SMALL))
    with pytest.raises(ValueError, match="int16 array of 135 values needed"):
        vib.score(model, np.zeros((3, 5), np.int16))
