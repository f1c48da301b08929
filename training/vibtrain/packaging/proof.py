"""Proof that a converted model is the model that was fitted: every window at hand through every form of it.

Four forms are compared: scikit-learn's estimators, emlearn's C, the integer C that is linked into the firmware
(model.c, its classifier emlearn's inline code), and the data form (model.bin). A class that differs anywhere, or an
integer score that differs between the two integer forms or by more than one step from the float ones, stops the build.
"""

from __future__ import annotations

import ctypes
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import vib
from vib import _vib
from vib import sources as core_sources

from vibtrain.errors import ConversionError
from vibtrain.models import emlearn_code
from vibtrain.models.anomaly import differences
from vibtrain.models.classifier import votes
from vibtrain.models.fit import FittedModel
from vibtrain.packaging import compiler
from vibtrain.packaging.convert import Converted

Float = npt.NDArray[np.float64]
Int16 = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
SCORE_TOLERANCE = 1  # steps between integer and float scores: each rounds once
SCORES_COUNT_FROM = (
    -512
)  # a quarter of a healthy window's distance: nearer ones differ by rounding, and say nothing


@dataclass(frozen=True)
class Proof:
    """What was compared. `score_error_steps`: largest difference of an integer score from the float one."""

    windows: int
    class_differences: int
    score_error_steps: float
    warning_differences: int


@dataclass(frozen=True)
class Case:
    """Windows as a device sees them: `features` int16 (windows, n) and the baseline in force, None where none is."""

    features: Int16
    baseline: Int16 | None


def prove(model: FittedModel, converted: Converted, cases: list[Case]) -> Proof:
    """Compare all forms on all cases. Raises `ConversionError`."""
    loaded = vib.Model(converted.binary)
    with tempfile.TemporaryDirectory() as folder:
        linked = LinkedModel(converted, Path(folder))
        named = _voted(model, cases)
        results = [_compare(model, loaded, linked, *one) for one in zip(cases, named, strict=True)]
    proof = Proof(
        windows=sum(len(case.features) for case in cases),
        class_differences=sum(r[0] for r in results),
        score_error_steps=float(np.max([r[1] for r in results])),
        warning_differences=sum(r[2] for r in results),
    )
    if proof.class_differences:
        raise ConversionError(
            f"{proof.class_differences} of {proof.windows} windows change class in conversion"
        )
    if not proof.score_error_steps <= SCORE_TOLERANCE:  # NaN too
        raise ConversionError(
            f"integer scores are off by {proof.score_error_steps:.2f} steps; accepted: {SCORE_TOLERANCE}"
        )
    return proof


def _differences(model: FittedModel, case: Case) -> Int16:
    return differences(case.features, model.centre if case.baseline is None else case.baseline)


def _voted(model: FittedModel, cases: list[Case]) -> list[Int64]:
    """What scikit-learn's forest says of each case's windows, all of them asked at once: a call of a tree costs more
    than a thousand windows in it."""
    if model.forest is None:
        return [np.zeros(0, np.int64)] * len(cases)
    d = np.concatenate([_differences(model, case) for case in cases])
    ends = np.cumsum([len(case.features) for case in cases])
    return np.split(votes(model.forest, d[:, model.tree_inputs]), ends[:-1])


def _compare(
    model: FittedModel, loaded: vib.Model, linked: LinkedModel, case: Case, voted: Int64
) -> tuple[int, float, int]:
    """`voted`: classes of the case's windows by scikit-learn's forest."""
    scores, classes = linked.apply(case.features, case.baseline, len(model.classes))
    if not np.array_equal(scores, vib.score(loaded, case.features, case.baseline)):
        raise ConversionError("model.c and model.bin give different scores")
    d = _differences(model, case)
    if case.baseline is None:
        exact = model.cold.steps(d[:, model.inputs])
        error = _furthest(scores, exact)
    else:
        exact = model.anomaly.steps(d[:, model.inputs])
        emlearn_c = linked.emlearn_steps(d[:, model.inputs])
        error = np.max([_furthest(scores, exact), _furthest(scores, emlearn_c)])  # unlike max, NaN if one is
    warnings = int(((scores >= model.warning) != (exact >= model.warning)).sum())
    differing = 0
    if model.forest is not None:
        differing += int((classes != voted).sum())
        differing += int((vib.classify(loaded, case.features, case.baseline) != voted).sum())
    return differing, float(error), warnings


def _furthest(scores: Int16, steps: Float) -> float:
    """Largest difference in steps, NaN where one is."""
    return float(np.abs(np.maximum(scores, SCORES_COUNT_FROM) - np.maximum(steps, SCORES_COUNT_FROM)).max())


class LinkedModel:
    """model.c, compiled for this machine with the firmware's warnings, and emlearn's C beside it. The core that
    runs model.c is the one inside `vib`, which was compiled already."""

    def __init__(self, converted: Converted, folder: Path) -> None:
        (folder / "model.c").write_text(converted.source)
        (folder / "emlearn.c").write_text(converted.emlearn.code)
        library = folder / "model.so"
        sources = {folder / "model.c": STRICT, folder / "emlearn.c": ["-w", "-ffp-contract=off"]}
        includes = ["-I", str(core_sources.folder()), "-isystem", emlearn_code.INCLUDE]
        compiler.make_library(sources, includes, library)
        self._library = ctypes.CDLL(str(library))
        self._core = ctypes.CDLL(str(_vib.__file__))
        self._model = ctypes.c_char.in_dll(self._library, "vib_linked_model")
        self._library.vib_emlearn.restype = ctypes.c_float
        self._emlearn = converted.emlearn

    def apply(self, features: Int16, baseline: Int16 | None, n_classes: int) -> tuple[Int16, Int64]:
        """Scores and classes of each row."""
        n, reference = (
            features.shape[1],
            None if baseline is None else baseline.ctypes.data_as(ctypes.c_void_p),
        )
        scores, classes = np.zeros(len(features), np.int16), np.zeros(len(features), np.int64)
        score, index = ctypes.c_int16(), ctypes.c_uint32()
        for i, row in enumerate(np.ascontiguousarray(features)):
            common = (
                ctypes.byref(self._model),
                row.ctypes.data_as(ctypes.c_void_p),
                ctypes.c_size_t(n),
                reference,
            )
            status = self._core.vib_model_score(*common, ctypes.byref(score))
            if n_classes and not status:
                status = self._core.vib_model_classify(*common, ctypes.byref(index))
            if status:
                raise ConversionError(f"model.c refuses a window of its own training data, error {status}")
            scores[i], classes[i] = score.value, index.value
        return scores, classes

    def emlearn_steps(self, d: Int16) -> Float:
        """Scores by emlearn's C, in steps before rounding, of differences."""
        rows = np.ascontiguousarray(d / self._emlearn.units, np.float32)
        answers = [self._library.vib_emlearn(row.ctypes.data_as(ctypes.c_void_p)) for row in rows]
        return self._emlearn.steps(np.array(answers))
