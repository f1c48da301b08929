"""From windows of recordings to a model: spread, thresholds, classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import vib
from sklearn.ensemble import RandomForestClassifier

from vibtrain.anomaly import AnomalyModel, Float, median_baseline
from vibtrain.classifier import fit_forest
from vibtrain.config import AnomalyChoice, TrainingConfig, select_inputs
from vibtrain.features import Windows, digest
from vibtrain.isolation import BaselineIsolationForest
from vibtrain.mahalanobis import BaselineMahalanobis
from vibtrain.mixture import BaselineMixture
from vibtrain.recordings import HEALTHY, DataError

Int16 = npt.NDArray[np.int16]
Regime = tuple[str, float | None, str]


@dataclass(frozen=True, kw_only=True)
class FittedModel:
    """A model before conversion. Scores and thresholds are steps of SPEC.md 1.3, `off_rms` of SPEC.md 1.2."""

    name: str
    core: dict[str, int]
    centre: Int16
    inputs: list[int]
    anomaly: AnomalyModel
    classes: tuple[str, ...]
    tree_inputs: list[int]
    forest: RandomForestClassifier | None
    warning: int
    alarm: int
    hysteresis: int
    off_rms: int
    dwell_windows: int
    clear_windows: int
    data_digest: bytes


def fit(recordings: list[Windows], config: TrainingConfig) -> FittedModel:
    """Fit both models on the recordings that the configuration admits. Raises `DataError` where they do not suffice."""
    chosen = [r for r in recordings if config.train.admits(r)]
    healthy = [r for r in chosen if r.is_healthy]
    if not healthy:
        raise DataError(f"{config.name}: no healthy recording among the {len(chosen)} that [train] admits")
    core = config.core_config()
    names = vib.feature_names(core)
    inputs = select_inputs(names, config.anomaly.inputs)
    anomaly = _fit_anomaly([(r, r.features) for r in healthy], inputs, config)
    warning = calibrate(healthy, inputs, config)
    centre = np.rint(np.concatenate([r.features for r in healthy]).mean(axis=0)).astype(np.int16)
    tree_inputs, classes, forest = _fit_classifier(chosen, names, centre, config)
    return FittedModel(
        name=config.name,
        core=core,
        centre=centre,
        inputs=inputs,
        anomaly=anomaly,
        classes=classes,
        tree_inputs=tree_inputs,
        forest=forest,
        warning=warning,
        alarm=warning + config.detector.alarm_steps,
        hysteresis=config.detector.hysteresis,
        off_rms=_off_rms(healthy, names, config.detector.off_octaves),
        dwell_windows=config.detector.dwell_windows,
        clear_windows=config.detector.clear_windows,
        data_digest=digest(chosen),
    )


def _fit_anomaly(
    healthy: list[tuple[Windows, Int16]], inputs: list[int], config: TrainingConfig
) -> AnomalyModel:
    X = np.concatenate([features[:, inputs] for _, features in healthy])
    groups = np.concatenate([[str(r.regime)] * len(features) for r, features in healthy])
    needed = config.anomaly.mixture.components if config.anomaly.kind == "gaussian-mixture" else 1
    if len(X) < needed:
        raise DataError(
            f"{config.name}: {len(X)} healthy windows to fit on, {needed} components need as many"
        )
    return _of_kind(config.anomaly, X, groups)


def _of_kind(choice: AnomalyChoice, X: Int16, groups: npt.NDArray[np.str_]) -> AnomalyModel:
    floor = choice.floor_steps
    if choice.kind == "gaussian-mixture":
        m = choice.mixture
        return BaselineMixture(m.components, m.covariance, floor, m.seed).fit(X, groups)
    if choice.kind == "isolation-forest":
        f = choice.isolation
        return BaselineIsolationForest(f.trees, f.samples, floor, f.seed).fit(X, groups)
    return BaselineMahalanobis(floor).fit(X, groups=groups)


def calibrate(healthy: list[Windows], inputs: list[int], config: TrainingConfig) -> int:
    """Warning threshold in score steps: the healthy scores' quantile for the stated false-alarm rate, and a margin.

    Scores are taken as a device takes them: the baseline from one half of each recording, the windows from the
    other, the spread from first halves only; then the halves change places. Both halves are of one mounting and one
    session, so this is the least that healthy windows scatter; `margin_steps` is for the rest.
    """
    scores = []
    for first in (0, 1):
        halves = [(r, np.array_split(r.features, 2)) for r in healthy if len(r.features) >= 4]
        if not halves:
            raise DataError(
                f"{config.name}: every healthy recording is under four windows, too short to calibrate on"
            )
        model = _fit_anomaly([(r, half[first]) for r, half in halves], inputs, config)
        for _, half in halves:
            d = differences(half[1 - first], median_baseline(half[first]))
            scores.append(model.steps(d[:, inputs]))
    quantile = float(np.quantile(np.concatenate(scores), 1 - config.anomaly.false_alarm_rate))
    return int(np.ceil(quantile)) + config.anomaly.margin_steps


def baselines(recordings: list[Windows]) -> dict[Regime, Int16]:
    """Healthy baseline of every regime that has a healthy recording."""
    healthy: dict[Regime, list[Int16]] = {}
    for r in recordings:
        if r.is_healthy:
            healthy.setdefault(r.regime, []).append(r.features)
    return {regime: median_baseline(np.concatenate(rows)) for regime, rows in healthy.items()}


def differences(features: Int16, baseline: Int16) -> Int16:
    """features - baseline, limited to int16, as the core takes it."""
    return np.asarray(np.clip(features.astype(np.int32) - baseline, -32768, 32767), np.int16)


def _fit_classifier(
    chosen: list[Windows], names: list[str], centre: Int16, config: TrainingConfig
) -> tuple[list[int], tuple[str, ...], RandomForestClassifier | None]:
    faults = sorted({r.label for r in chosen if r.is_fault})
    if config.classifier.trees == 0 or not faults:
        return [], (), None
    tree_inputs = select_inputs(names, config.classifier.inputs)
    classes = (HEALTHY, *faults)
    learnt = baselines(chosen)
    X, y = [], []
    for r in chosen:
        if r.label not in classes:
            continue
        if r.is_healthy:  # each half against the other's baseline: no window may shape its own
            first, second = np.array_split(r.features, 2)
            rows = [differences(first, median_baseline(second)), differences(second, median_baseline(first))]
        else:
            rows = [differences(r.features, learnt.get(r.regime, centre))]
        X += [row[:, tree_inputs] for row in rows]
        y += [classes.index(r.label)] * sum(len(row) for row in rows)
    return tree_inputs, classes, fit_forest(np.concatenate(X), np.array(y), config.classifier)


def _off_rms(healthy: list[Windows], names: list[str], octaves: float) -> int:
    axes = [i for i, name in enumerate(names) if name.endswith(".rms")]
    quietest: Float = np.array([r.features[:, axes].max(axis=1).min() for r in healthy])
    return max(0, int(quietest.min() - 256 * octaves))
