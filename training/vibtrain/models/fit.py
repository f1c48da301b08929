"""From windows of recordings to a model: spread, thresholds, classifier. Everywhere the mean of windows that a device
scores stands for a window, but in baselines."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import vib

from vibtrain.features.config import AnomalyChoice, TrainingConfig, select_inputs
from vibtrain.features.extraction import Regime, Windows, digest, regimes_of
from vibtrain.models import cold, disclosure, operating_line
from vibtrain.models.anomaly import (
    STEPS_PER_OCTAVE,
    AnomalyModel,
    Float,
    averaged,
    differences,
    median_baseline,
    residuals,
)
from vibtrain.models.calibration import (
    Threshold,
    left_out,
    left_out_by,
    reached_at_most,
    too_short,
    warning_threshold,
)
from vibtrain.models.classifier import Classifier, fit_forest
from vibtrain.models.cold import ColdModel, HealthyCondition
from vibtrain.models.disclosure import Holds
from vibtrain.models.isolation import BaselineIsolationForest
from vibtrain.models.mahalanobis import BaselineMahalanobis
from vibtrain.models.mixture import BaselineMixture
from vibtrain.models.operating_line import OperatingLine
from vibtrain.recordings import HEALTHY, OFF, DataError

Int16 = npt.NDArray[np.int16]

FARTHEST_UNKNOWN = float(STEPS_PER_OCTAVE)  # where all are one condition: twice the deviation assumed
OVER_NOISE = STEPS_PER_OCTAVE // 4  # a healthy machine's level is more over the sensor's own noise
NOISE_MARGIN = STEPS_PER_OCTAVE  # over the sensor's own noise, or a machine known to be off


@dataclass(frozen=True, kw_only=True)
class FittedModel:
    """A model before conversion. Scores and thresholds are steps of SPEC.md 1.3, levels of SPEC.md 1.2.

    `learnt`, `unlearnt`: how the warning threshold lies to healthy recordings held out, with a baseline and without.
    """

    name: str
    core: dict[str, int]
    centre: Int16
    inputs: list[int]
    anomaly: AnomalyModel
    cold: ColdModel
    line: OperatingLine
    classes: tuple[str, ...]
    tree_inputs: list[int]
    forest: Classifier | None
    warning: int
    alarm: int
    hysteresis: int
    off_rms: int
    dwell_windows: int
    alarm_dwell_windows: int
    clear_windows: int
    quiet_rms: int
    off_below: int
    average_windows: int
    shaft_low_millihz: int
    shaft_high_millihz: int
    data_digest: bytes
    learnt: Threshold
    unlearnt: Threshold
    holds: Holds


def fit(recordings: list[Windows], config: TrainingConfig) -> FittedModel:
    """Fit both models on the recordings that the configuration admits. Raises `DataError` where they do not suffice."""
    chosen = [r for r in recordings if config.train.admits(r) and r.is_known]
    healthy = [r for r in chosen if r.is_healthy]
    if not healthy:
        raise DataError(f"{config.name}: no healthy recording among the {len(chosen)} that [train] admits")
    core = config.core_config()
    names = vib.feature_names(core)
    _refuse_silent(chosen, names, config)
    disclosure.refuse_few(healthy, config)
    inputs = select_inputs(names, config.anomaly.inputs)
    centre, on_line, _ = fit_cold(healthy, names, inputs, 0, config)
    line = operating_line.fit(healthy, inputs, on_line, centre)
    line = operating_line.with_ears(line, healthy, core, on_line, centre, inputs)
    in_place = operating_line.referred(healthy, line, on_line, centre, inputs) if line.roams else healthy
    anomaly = _fit_anomaly(in_place, inputs, config)
    learnt = warning_threshold(
        in_place, inputs, config, partial(_fit_anomaly, inputs=inputs, config=config), roams=line.roams
    )
    warning = learnt.at
    _, cold_model, unlearnt = fit_cold(healthy, names, inputs, warning, config)
    spread = _spread(in_place, inputs, config)
    tree_inputs, classes, forest, held = _fit_classifier(chosen, names, centre, config)
    quiet_rms = _quiet_rms(healthy, names, config)
    shaft_millihz = _by_machine([(r, round(r.speed_rpm * 1000 / 60)) for r in healthy if r.speed_rpm])
    speeds_known = all(r.speed_rpm for r in healthy)
    dwells = config.dwells()
    return FittedModel(
        name=config.name,
        core=core,
        centre=centre,
        inputs=inputs,
        anomaly=anomaly,
        cold=cold_model,
        line=operating_line.with_spread(line, spread, warning),
        classes=classes,
        tree_inputs=tree_inputs,
        forest=forest,
        warning=warning,
        alarm=warning + config.detector.alarm_steps,
        hysteresis=config.detector.hysteresis,
        off_rms=_off_rms(recordings, names, quiet_rms, config),
        dwell_windows=dwells.warning,
        alarm_dwell_windows=dwells.alarm,
        clear_windows=dwells.clear,
        quiet_rms=quiet_rms,
        off_below=round(STEPS_PER_OCTAVE * config.detector.off_octaves),
        average_windows=config.detector.average_windows,
        shaft_low_millihz=_nth([low for low, _ in shaft_millihz], config) if speeds_known else 0,
        shaft_high_millihz=-_nth([-high for _, high in shaft_millihz], config) if speeds_known else 0,
        data_digest=digest(chosen),
        learnt=learnt,
        unlearnt=unlearnt,
        holds=replace(held, components=_behind(anomaly, in_place, inputs, config)),
    )


def _refuse_silent(chosen: list[Windows], names: list[str], config: TrainingConfig) -> None:
    """Nobody could tell a machine of such recordings from one that stands still."""
    chip = config.chip()
    for r in chosen:
        level = int(np.median(_levels(r, names)))
        if level == 0:
            found = "the same value throughout"
        elif r.is_healthy and level <= _noise(config) + OVER_NOISE:
            found = f"{2 ** (level / STEPS_PER_OCTAVE) / 1000:.3g} mm/s² RMS, which is the sensor's own noise"
        else:
            continue
        raise DataError(
            f"{r.source}: {r.name}: {found}, as a {chip.name} would give it; accepted: acceleration within "
            f"{chip.range_g} g and over its noise (are unit and scale right? is the machine on, else label it {OFF}?)"
        )


def _noise(config: TrainingConfig) -> int:
    """Level of the sensor's own noise."""
    return round(STEPS_PER_OCTAVE * math.log2(config.chip().noise_um_s2))


def _scored(features: Int16, config: TrainingConfig) -> Int16:
    return averaged(features, config.detector.average_windows)


def _fit_anomaly(healthy: list[Windows], inputs: list[int], config: TrainingConfig) -> AnomalyModel:
    means = [_scored(r.features, config)[:, inputs] for r in healthy]
    X = np.concatenate(means)
    groups = np.concatenate([[str(r.regime)] * len(rows) for r, rows in zip(healthy, means, strict=True)])
    needed = config.anomaly.mixture.components if config.anomaly.kind == "gaussian-mixture" else 1
    if not len(X):
        raise too_short(config)
    if len(X) < needed:
        raise DataError(
            f"{config.name}: {len(X)} healthy windows to fit on; accepted: {needed} or more, one a component"
        )
    for components in range(needed, 0, -1):
        mixture = replace(config.anomaly.mixture, components=components)
        model = _of_kind(replace(config.anomaly, mixture=mixture)).fit(X, groups=groups)
        if (
            config.least_machines == 1
            or _behind(model, healthy, inputs, config).machines >= config.least_machines
        ):
            break
    return model


def _behind(
    model: AnomalyModel, healthy: list[Windows], inputs: list[int], config: TrainingConfig
) -> disclosure.Behind:
    """What is behind the model's Gaussians."""
    means = [_scored(r.features, config)[:, inputs] for r in healthy]
    counts = [len(rows) for rows in means]
    groups = np.repeat([str(r.regime) for r in healthy], counts)
    about = residuals(np.concatenate(means), groups)
    machines = disclosure.numbered([r.machine for r in healthy], counts)
    return disclosure.behind_components(model, about, machines, np.repeat(np.arange(len(healthy)), counts))


def _spread(healthy: list[Windows], inputs: list[int], config: TrainingConfig) -> Float:
    """Standard deviation of each input about its baseline, the floor in it; shape (inputs,)."""
    kept = [(r, rows) for r in healthy if len(rows := _scored(r.features, config)[:, inputs])]
    groups = np.concatenate([[str(r.regime)] * len(rows) for r, rows in kept])
    about = residuals(np.concatenate([rows for _, rows in kept]), groups)
    return np.asarray(np.sqrt(about.var(axis=0) + config.anomaly.floor_steps**2))


def _of_kind(choice: AnomalyChoice) -> AnomalyModel:
    """The estimator that a configuration names, not fitted yet."""
    floor, m, f = choice.floor_steps, choice.mixture, choice.isolation
    if choice.kind == "gaussian-mixture":
        return BaselineMixture(m.components, m.covariance, floor, m.seed)
    if choice.kind == "isolation-forest":
        return BaselineIsolationForest(f.trees, f.samples, floor, f.seed)
    return BaselineMahalanobis(floor)


def fit_cold(
    healthy: list[Windows], names: list[str], inputs: list[int], warning: int, config: TrainingConfig
) -> tuple[Int16, ColdModel, Threshold]:
    """The centre, of all features, and the model for want of a baseline, scaled so that `warning` is its threshold
    too: `cold_margin_steps` over a condition that is as far from the trained ones as assumed, or over the farthest
    healthy condition where that is farther, or where enough were left out. Conditions tried on many others show the
    margin themselves."""
    choice = config.anomaly
    features = [_scored(r.features, config) for r in healthy]
    kept = [(r, rows) for r, rows in zip(healthy, features, strict=True) if len(rows)]
    if not kept:
        raise too_short(config)
    scored = [rows[:, inputs] for _, rows in kept]
    conditions = [
        HealthyCondition(
            name,
            operating_line.place(r, operating_line.SPEED),
            rows.mean(axis=0),
            operating_line.place(r, operating_line.LOAD),
        )
        for name, (r, _), rows in zip(left_out([r for r, _ in kept]), kept, scored, strict=True)
    ]
    model = cold.fit(
        conditions,
        [names[i].split(".")[1] for i in inputs],
        choice.condition_steps,
        least_assumed=left_out_by([r for r, _ in kept]) in ("", "session"),
    )
    rate = choice.false_alarm_rate

    def reach(by: ColdModel, rows: Int16) -> float:
        return float(np.quantile(by.steps(rows - by.centre), 1 - rate))

    known = [reach(model, rows) for rows in scored]
    tried = [(i, reach(m, scored[i])) for i, m in cold.tried_on_others(model, conditions)]
    worst: dict[str, float] = {}  # of each machine, speed or load that was left out
    for i, score in tried:
        worst[conditions[i].left_out] = max(score, worst.get(conditions[i].left_out, score))
    as_assumed = 0.0 if worst or model.slopes.any() else FARTHEST_UNKNOWN
    enough = len(worst) >= cold.ENOUGH_LEFT_OUT  # to show it themselves
    farthest = max(*known, *worst.values(), *(() if enough else (as_assumed,)))
    at_most = reached_at_most(list(worst.values()), rate)
    threshold = max(farthest, min(farthest + choice.cold_margin_steps, at_most))
    centre = np.rint(np.stack([rows.mean(axis=0) for _, rows in kept]).mean(axis=0)).astype(np.int16)
    reached = tuple(sorted((round(score + warning - threshold) for _, score in tried), reverse=True))
    fitted = model.rescaled((warning - threshold) / STEPS_PER_OCTAVE).quantised()
    return centre, fitted, Threshold(warning, reached)


def baselines(recordings: list[Windows]) -> dict[Regime, Int16]:
    """Healthy baseline of every regime that has a healthy recording."""
    healthy = regimes_of(r for r in recordings if r.is_healthy)
    return {
        regime: median_baseline(np.concatenate([r.features for r in rs])) for regime, rs in healthy.items()
    }


def _fit_classifier(
    chosen: list[Windows], names: list[str], centre: Int16, config: TrainingConfig
) -> tuple[list[int], tuple[str, ...], Classifier | None, Holds]:
    known_as = {id(r): r.fine_label if config.classifier.severities else r.label for r in chosen}
    shown = {fault: {r.machine for r in chosen if known_as[id(r)] == fault} for fault in known_as.values()}
    all_faults = sorted({known_as[id(r)] for r in chosen if r.is_fault})
    faults = [fault for fault in all_faults if len(shown[fault]) >= config.least_machines]
    nothing = Holds(disclosure.Behind(0, 0, 0), None, 0, tuple(sorted(set(all_faults) - set(faults))))
    if config.classifier.trees == 0 or not faults:
        return [], (), None, nothing
    tree_inputs = select_inputs(names, config.classifier.inputs)
    classes = (HEALTHY, *faults)
    told_apart = faults if len(faults) > 1 else classes
    learnt = baselines(chosen)
    X, y, owners, counts = [], [], [], []
    for r in chosen:
        if known_as[id(r)] not in told_apart:
            continue
        if r.is_healthy:  # each half against the other's baseline: no window may shape its own
            first, second = np.array_split(r.features, 2)
            pairs = [(first, median_baseline(second)), (second, median_baseline(first))]
        else:
            pairs = [(r.features, learnt.get(r.regime, centre))]
        rows = [differences(_scored(features, config), baseline) for features, baseline in pairs]
        X += [row[:, tree_inputs] for row in rows]
        owners.append(r)
        counts.append(sum(len(row) for row in rows))
        y += [classes.index(known_as[id(r)])] * counts[-1]
    windows = np.concatenate(X)
    forest = fit_forest(windows, np.array(y), config.classifier)
    machines = disclosure.numbered([r.machine for r in owners], counts)
    if config.least_machines > 1:
        disclosure.keep_common(forest, windows, machines, config.least_machines)
    leaves, rare = disclosure.behind_leaves(
        forest, windows, machines, np.repeat(np.arange(len(owners)), counts)
    )
    return tree_inputs, classes, forest, replace(nothing, leaves=leaves, rare_leaves=rare)


def _levels(r: Windows, names: list[str]) -> Int16:
    """The rms of each window's loudest axis."""
    axes = [i for i, name in enumerate(names) if name.endswith(".rms")]
    return np.asarray(r.features[:, axes].max(axis=1))


def _quiet_rms(healthy: list[Windows], names: list[str], config: TrainingConfig) -> int:
    """Level under which no machine was trained on, by so many octaves; of all but as many as must not show."""
    quietest = _by_machine([(r, int(_levels(r, names).min())) for r in healthy])
    return max(
        0,
        int(_nth([low for low, _ in quietest], config) - STEPS_PER_OCTAVE * config.detector.off_octaves),
    )


def _by_machine(values: list[tuple[Windows, int]]) -> list[tuple[int, int]]:
    """The lowest and highest value of each machine."""
    found: dict[str, list[int]] = {}
    for r, value in values:
        found.setdefault(r.machine, []).append(value)
    return [(min(of_one), max(of_one)) for of_one in found.values()]


def _nth(values: list[int], config: TrainingConfig) -> int:
    """The lowest value that as many machines reach down to as must, one of theirs each."""
    return sorted(values)[min(config.least_machines, len(values)) - 1]


def _off_rms(recordings: list[Windows], names: list[str], quiet_rms: int, config: TrainingConfig) -> int:
    """Level under which no machine runs: the sensor's noise, or what was recorded of machines switched off."""
    rest = [_noise(config)]
    rest += [
        int(np.median(_levels(r, names))) for r in recordings if r.label == OFF and config.train.admits(r)
    ]
    return max(0, min(quiet_rms, max(rest) + NOISE_MARGIN))
