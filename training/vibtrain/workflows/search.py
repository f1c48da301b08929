"""Which model fits a budget: kinds, features and sizes tried on the training conditions alone, and the frontier of size
against detection.

Candidates are judged by leaving a group of the training recordings out in turn; nothing else is looked at. First the
anomaly model is chosen, then, in what the budget leaves, the classifier. Size is that of model.bin; instructions are
those of a window on RV32IMC, estimated by `costs`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import vib

from vibtrain.features.config import (
    AnomalyChoice,
    ClassifierChoice,
    IsolationChoice,
    MixtureChoice,
    Selection,
    TrainingConfig,
    input_names,
)
from vibtrain.features.extraction import Windows
from vibtrain.judging import evaluate
from vibtrain.judging.evaluate import Figures
from vibtrain.judging.splits import FIELDS, folds
from vibtrain.models import fit
from vibtrain.packaging import convert, costs
from vibtrain.packaging.costs import Budget
from vibtrain.recordings import DataError
from vibtrain.workers import HERE, Workers, each
from vibtrain.workflows import crossval

SUBSETS = (
    ("band",),
    ("rms", "band"),
    ("band", "env"),
    ("rms", "kurtosis", "band"),
    ("rms", "kurtosis", "band", "env"),
    ("rms", "crest", "kurtosis", "velocity_rms", "centroid", "flatness"),
)
OF_ENVELOPE = {"env", "bpfo", "bpfi", "bsf", "ftf"}
ESTIMATE_ERROR = 0.02  # of instructions: less is no difference
MIXTURES, ISOLATION_TREES = (2, 4), (16, 64)
FORESTS = ((5, 6), (10, 8), (20, 8), (40, 10))  # trees and depth of the classifier


@dataclass(frozen=True)
class Candidate:
    """One model tried.

    Attributes:
        name: kind and size, for people.
        inputs: feature families of the score, or of the classifier.
        config: the configuration that makes it.
        flash_bytes, instructions: of the whole model, a window's features included; fitted on all training recordings.
        window_auc, recall, false_alarm_rate, class_accuracy: with a baseline, over all folds; None for one over budget.
        healthy_windows: that these figures rest on.
    """

    name: str
    inputs: tuple[str, ...]
    config: TrainingConfig
    flash_bytes: int
    instructions: int
    window_auc: float | None = None
    recall: float | None = None
    false_alarm_rate: float | None = None
    class_accuracy: float | None = None
    healthy_windows: int = 0

    @property
    def judged(self) -> bool:
        return self.recall is not None or self.class_accuracy is not None

    @property
    def detection(self) -> float:
        """Recall less the false-alarm rate at the calibrated threshold; AUC, a thousandth of it, settles ties."""
        if self.class_accuracy is not None:
            return self.class_accuracy
        return (self.recall or 0.0) - (self.false_alarm_rate or 0.0) + (self.window_auc or 0.0) / 1000


@dataclass(frozen=True)
class Found:
    """What the search found.

    Attributes:
        by: what was left out in turn.
        anomaly, classifiers: all candidates, in order of size; those over budget are not judged.
        best, best_classifier: the best that fit; None where the configuration has no classifier.
        chosen: the configuration of both.
    """

    by: str
    anomaly: list[Candidate]
    classifiers: list[Candidate]
    best: Candidate
    best_classifier: Candidate | None
    chosen: TrainingConfig

    @property
    def frontier(self) -> list[Candidate]:
        """Anomaly models that no other one beats in detection with as few bytes and instructions."""
        judged = [c for c in self.anomaly if c.judged]
        return [c for c in judged if not any(_beats(other, c) for other in judged)]


def search(
    recordings: list[Windows],
    config: TrainingConfig,
    budget: Budget,
    by: str | None = None,
    progress: Callable[[str], None] = lambda name: None,
    workers: Workers = HERE,
) -> Found:
    """Search among the recordings that `config.train` admits. `by`: as in `splits.folds`; None: the first it takes.

    The same recordings give the same answer. Raises `DataError` where no split is possible, and where no model fits.
    """
    training = [r for r in recordings if config.train.admits(r)]
    by = by or _first_split(training)
    folds(training, by)  # refuses what it refuses before any work
    bare = dataclasses.replace(config, train=Selection(), classifier=ClassifierChoice())
    smallest = _forests(config)[0] if config.classifier.trees else None
    tried = []
    for candidate in each(partial(_anomaly, training, by, budget, smallest), _anomalies(bare), workers):
        progress(candidate.name if candidate else "")
        if candidate is not None:
            tried.append(candidate)
    best = _best(tried, budget)
    named = []
    for candidate in each(partial(_classifier, training, by, budget), _classifiers(config, best), workers):
        named.append(candidate)
        progress(candidate.name)
    last = _best(named, budget) if named else None
    chosen = last.config if last else _lean(training, best.config)[1]
    return Found(
        by, _by_size(tried), _by_size(named), best, last, dataclasses.replace(chosen, train=config.train)
    )


def _classifiers(config: TrainingConfig, best: Candidate) -> list[TrainingConfig]:
    """The anomaly model that was chosen beside each classifier, with and without the envelope's features."""
    if not config.classifier.trees:
        return []
    choices = [c for full in _forests(config) for c in (full, _on_the_same_core(full, best.config.anomaly))]
    return [dataclasses.replace(best.config, classifier=choice) for choice in dict.fromkeys(choices)]


def _first_split(training: list[Windows]) -> str:
    refusals = []
    for by in FIELDS:
        try:
            folds(training, by)
        except DataError as error:
            refusals.append(str(error))
        else:
            return by
    raise DataError(f"no way to leave a group of the training recordings out: {'; '.join(refusals)}")


def _anomalies(config: TrainingConfig) -> list[TrainingConfig]:
    known = set(input_names(vib.feature_names(config.core_config())))
    subsets = dict.fromkeys(s for s in (*SUBSETS, config.anomaly.inputs) if set(s) <= known)
    found = []
    for inputs in subsets:
        choice = dataclasses.replace(config.anomaly, inputs=inputs)
        choices = [dataclasses.replace(choice, kind="mahalanobis")]
        for components in MIXTURES:
            mixture = MixtureChoice(components, choice.mixture.covariance, choice.mixture.seed)
            choices.append(dataclasses.replace(choice, kind="gaussian-mixture", mixture=mixture))
        for trees in ISOLATION_TREES:
            isolation = IsolationChoice(trees, choice.isolation.samples, choice.isolation.seed)
            choices.append(dataclasses.replace(choice, kind="isolation-forest", isolation=isolation))
        found += [dataclasses.replace(config, anomaly=c) for c in choices]
    return found


def _forests(config: TrainingConfig) -> list[ClassifierChoice]:
    return [dataclasses.replace(config.classifier, trees=t, depth=d) for t, d in FORESTS]


def _anomaly(
    training: list[Windows],
    by: str,
    budget: Budget,
    smallest: ClassifierChoice | None,
    config: TrainingConfig,
) -> Candidate | None:
    """One anomaly model; the `smallest` classifier must fit beside it. None where recordings do not suffice for it."""
    least = smallest and _on_the_same_core(smallest, config.anomaly)
    try:
        return _anomaly_within(training, by, budget, config, least or ClassifierChoice())
    except DataError:  # more Gaussians than a fold has healthy windows
        return None


def _anomaly_within(
    training: list[Windows], by: str, budget: Budget, config: TrainingConfig, least: ClassifierChoice
) -> Candidate:
    flash_bytes, instructions = costs.size(*_lean(training, dataclasses.replace(config, classifier=least)))
    candidate = Candidate(_kind(config.anomaly), config.anomaly.inputs, config, flash_bytes, instructions)
    if not budget.admits(flash_bytes, instructions):
        return candidate
    windows, alone = _lean(training, config)
    figures = _cross_validated(windows, by, alone)
    return dataclasses.replace(
        candidate,
        window_auc=figures.window_auc,
        recall=figures.recall,
        false_alarm_rate=figures.false_alarm_rate,
        healthy_windows=figures.healthy_windows,
    )


def _classifier(training: list[Windows], by: str, budget: Budget, config: TrainingConfig) -> Candidate:
    """One classifier beside the anomaly model that was chosen."""
    windows, lean = _lean(training, config)
    flash_bytes, instructions = costs.size(windows, lean)
    choice = config.classifier
    name = f"{choice.trees} trees of depth {choice.depth}"
    candidate = Candidate(name, choice.inputs, lean, flash_bytes, instructions)
    if not budget.admits(flash_bytes, instructions):
        return candidate
    return dataclasses.replace(
        candidate, class_accuracy=_cross_validated(windows, by, lean).class_accuracy or 0.0
    )


def _on_the_same_core(classifier: ClassifierChoice, anomaly: AnomalyChoice) -> ClassifierChoice:
    """The classifier without the envelope's features, where the score needs none."""
    if _of_envelope(anomaly.inputs):
        return classifier
    return dataclasses.replace(
        classifier, inputs=tuple(f for f in classifier.inputs if not _of_envelope([f]))
    )


def _of_envelope(inputs: Iterable[str]) -> bool:
    """Whether one of them is made of the envelope."""
    return any(name.rstrip("0123456789") in OF_ENVELOPE for name in inputs)


def _lean(training: list[Windows], config: TrainingConfig) -> tuple[list[Windows], TrainingConfig]:
    """The same without the envelope, where no input is made of it: a third less to compute."""
    if _of_envelope((*config.anomaly.inputs, *config.classifier.inputs)):
        return training, config
    bare = {
        "envelope_bands",
        "envelope_lo_hz",
        "envelope_hi_hz",
        *(f"{name}_milliorders" for name in OF_ENVELOPE - {"env"}),
    }
    lean = dataclasses.replace(config, core=dataclasses.replace(config.core, **dict.fromkeys(bare, 0)))
    names = vib.feature_names(config.core_config())
    kept = [names.index(name) for name in vib.feature_names(lean.core_config())]
    return [
        dataclasses.replace(r, features=np.ascontiguousarray(r.features[:, kept])) for r in training
    ], lean


def _cross_validated(training: list[Windows], by: str, config: TrainingConfig) -> Figures:
    judged = []
    for fold in folds(training, by):
        model = vib.Model(convert.convert(fit.fit(fold.train, config)).binary)
        judged.append(evaluate.evaluate(model, fold.test, None, play=False))
    pooled = crossval.pooled(judged)
    return evaluate.figures([s for g in pooled.groups for s in g.best], pooled)


def _kind(choice: AnomalyChoice) -> str:
    if choice.kind == "gaussian-mixture":
        return f"{choice.kind} of {choice.mixture.components}"
    return f"{choice.kind} of {choice.isolation.trees}" if choice.kind == "isolation-forest" else choice.kind


def _beats(one: Candidate, other: Candidate) -> bool:
    no_worse = (
        one.detection >= other.detection
        and one.flash_bytes <= other.flash_bytes
        and one.instructions <= (1 + ESTIMATE_ERROR) * other.instructions
    )
    return no_worse and (one.detection, -one.flash_bytes) > (other.detection, -other.flash_bytes)


def _best(tried: Sequence[Candidate], budget: Budget) -> Candidate:
    judged = [c for c in tried if c.judged]
    if not tried:
        raise DataError("no model can be fitted with a group left out; accepted: more healthy recordings")
    if not judged:
        least = min(tried, key=lambda c: (c.flash_bytes, c.instructions))
        fewest = min(tried, key=lambda c: (c.instructions, c.flash_bytes))
        raise DataError(
            f"no model fits {budget}; accepted: at least {least.flash_bytes:,} bytes with {least.instructions:,} "
            f"instructions, or {fewest.flash_bytes:,} bytes with {fewest.instructions:,} instructions"
        )
    return max(judged, key=lambda c: (round(c.detection, 6), -c.flash_bytes, -c.instructions))


def _by_size(tried: Sequence[Candidate]) -> list[Candidate]:
    return sorted(tried, key=lambda c: (c.flash_bytes, c.instructions, c.name))
