"""What a model is worth on recordings: windows told apart, alerts as an operator meets them, and how sure that is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import vib
from sklearn.metrics import roc_auc_score
from vibnode.detector import untrained_speed

from vibtrain.features.config import Selection
from vibtrain.features.extraction import Windows
from vibtrain.judging import alerts, intervals
from vibtrain.judging.alerts import AlertFigures, Played
from vibtrain.judging.groups import Group, Trained, by_regime
from vibtrain.judging.intervals import Interval
from vibtrain.models import operating_line
from vibtrain.models.other_speed import at_other_speed, learnt_from
from vibtrain.recordings import DataError

Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Scored:
    """The windows of one recording as a device scores them: the means of some in a row, `config.average_windows`.

    Attributes:
        scores: int16, shape (windows,).
        outside: which of them were told to lie outside of what was trained on, or to be of another speed than what was
            learnt; those are neither right nor wrong.
        classes: as the device reports them, healthy (0) under the warning threshold; shape (windows,), empty where the
            model names no faults.
    """

    name: str
    label: str
    fine_label: str
    faulty: bool
    scores: Int16
    outside: npt.NDArray[np.bool_]
    classes: Int16

    def known_as(self, classes: tuple[str, ...]) -> str:
        """Which of a classifier's classes the recording is of, by its severity if it knows that; empty for none."""
        return next((name for name in (self.fine_label, self.label) if name in classes), "")

    @property
    def judged(self) -> Int16:
        """Scores of the windows that are not outside."""
        return self.scores[~self.outside]


@dataclass(frozen=True)
class Figures:
    """Figures of windows; None where a kind of window is missing.

    Attributes:
        window_auc: area under the ROC curve of the anomaly score, faulty against healthy windows; those outside too.
        false_alarm_rate: share of healthy windows at or over the warning threshold, of those not outside.
        recall: share of faulty windows at or over it, of those not outside.
        outside_rate: share of all windows told to be outside.
        class_accuracy: balanced accuracy over the classes present of what the device calls each window: healthy under
            the warning threshold, else the fault that most trees name.
        healthy_windows, fault_windows: how many windows there are.
    """

    window_auc: float | None
    false_alarm_rate: float | None
    recall: float | None
    outside_rate: float | None
    class_accuracy: float | None
    healthy_windows: int
    fault_windows: int


@dataclass(frozen=True)
class GroupResult:
    """One group. `plain`: no baseline learnt. `learnt`: with the group's baseline, None where it has none; the
    windows that it was learnt from are in neither. `alerts`: with the baseline where there is one."""

    group: Group
    plain: list[Scored]
    learnt: list[Scored] | None
    alerts: AlertFigures
    coverage: list[list[int]] = field(default_factory=list)

    @property
    def best(self) -> list[Scored]:
        """As a device would have scored: with the baseline where there is one."""
        return self.learnt if self.learnt is not None else self.plain


@dataclass(frozen=True)
class Evaluation:
    """All groups, and what they were judged by. `dwell_s`: the model's, until a warning."""

    groups: list[GroupResult]
    warning: int
    classes: tuple[str, ...]
    dwell_s: float = 0.0

    @property
    def held_out(self) -> list[GroupResult]:
        """Those not trained on."""
        return [g for g in self.groups if not g.group.trained]

    @property
    def counted(self) -> list[GroupResult]:
        """Those that the overall figures are about: held out, or all where none is."""
        return self.held_out or self.groups


def evaluate(
    model: vib.Model,
    recordings: list[Windows],
    trained: Trained | None,
    baseline_s: float | None = None,
    *,
    play: bool = True,
    learn: Selection | None = None,
    told: bool = True,
) -> Evaluation:
    """Judge every group. `trained`, `baseline_s` and `learn` as in `by_regime`.

    Without `play` windows alone are judged, and no alerts. `told`: whether a device is told the speed and load that a
    recording states.

    Raises `DataError` as that does, and where no recording is healthy or faulty.
    """
    config, meta = model.config(), model.meta()
    hop_s = config["hop"] * 1000 / config["rate_millihz"]
    groups = by_regime(recordings, trained, hop_s, baseline_s, learn)
    if not groups:
        raise DataError(
            f"nothing to judge: all {len(recordings)} recordings are of a machine switched off, or of a state unknown"
        )
    results = []
    for group in groups:
        lives = (
            group.learn_windows > 0 and meta["line_over"] != operating_line.NONE and (group.moves or not told)
        )
        played = alerts.play(model, group, told=told) if play or lives else None
        learnt: list[Scored] | None = None
        if lives and played:
            learnt = _lived(group, played, meta)
        elif group.learn_windows:
            learnt = _scored(model, group, group.baseline(), told)
        results.append(
            GroupResult(
                group=group,
                plain=_scored(model, group, None, told),
                learnt=learnt,
                alerts=played.figures if played else AlertFigures(),
                coverage=played.coverage if played else [],
            )
        )
    return Evaluation(results, meta["warning"], meta["classes"], meta["dwell_windows"] * hop_s)


def _lived(group: Group, played: Played, meta: dict[str, Any]) -> list[Scored]:
    """The windows of each recording as the device judged them that lived through all; none in which it learnt, or whose
    mean is of two recordings."""
    result = []
    for r in group.members:
        said = played.judged.get(r.name)
        if said is None or not (r.is_healthy or r.is_fault):
            continue
        whole = np.arange(len(said.scores)) >= meta["average_windows"] - 1
        kept = whole & (said.judged | said.outside)
        if kept.any():
            classes = (said.classes * (said.scores >= meta["warning"]))[kept]
            result.append(
                Scored(
                    name=r.name,
                    label=r.label,
                    fine_label=r.fine_label,
                    faulty=r.is_fault,
                    scores=said.scores[kept],
                    outside=said.outside[kept],
                    classes=classes if meta["classes"] else np.empty(0, np.int16),
                )
            )
    return result


def _scored(model: vib.Model, group: Group, baseline: Int16 | None, told: bool) -> list[Scored]:
    meta = model.meta()
    learnt = None if baseline is None or (told and group.regime[1]) else learnt_from(group.learnt())
    result = []
    for r, features in group.judged(meta["average_windows"]):
        outside = np.zeros(len(features), bool)
        scores, classes = vib.score(model, features, baseline), np.empty(0, np.int16)
        if meta["classes"]:
            classes = vib.classify(model, features, baseline) * (scores >= meta["warning"])
        if baseline is None:
            untrained = untrained_speed(meta, r.speed_rpm) if told else None
            outside[:] = vib.outside(model, features) if untrained is None else untrained
        elif learnt:  # a device that is not told the speed finds out
            judged = r.features[len(r.features) - len(features) - meta["average_windows"] + 1 :]
            flags = at_other_speed(judged, learnt, model.config())
            away, moving = (each[-len(features) :] for each in flags)
            outside = moving | away & (vib.score(model, features, None) < meta["alarm"])
        result.append(
            Scored(
                name=r.name,
                label=r.label,
                fine_label=r.fine_label,
                faulty=r.is_fault,
                scores=scores,
                outside=outside,
                classes=classes,
            )
        )
    return result


def figures(scored: Sequence[Scored], evaluation: Evaluation) -> Figures:
    """Figures of the windows of these recordings, pooled."""
    healthy, faulty = ([s for s in scored if s.faulty == kind] for kind in (False, True))
    of_healthy, of_faulty = (_joined([s.scores for s in kind]) for kind in (healthy, faulty))
    auc = None
    if len(of_healthy) and len(of_faulty):
        truth = np.r_[np.zeros(len(of_healthy)), np.ones(len(of_faulty))]
        auc = float(roc_auc_score(truth, np.r_[of_healthy, of_faulty]))
    outside = _joined([s.outside for s in scored])
    return Figures(
        window_auc=auc,
        false_alarm_rate=_share(_joined([s.judged for s in healthy]) >= evaluation.warning),
        recall=_share(_joined([s.judged for s in faulty]) >= evaluation.warning),
        outside_rate=_share(outside),
        class_accuracy=_class_accuracy(scored, evaluation.classes),
        healthy_windows=len(of_healthy),
        fault_windows=len(of_faulty),
    )


def _joined(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.concatenate([np.empty(0, np.int16), *parts])


def _share(hits: npt.NDArray[Any]) -> float | None:
    return float(hits.mean()) if len(hits) else None


def _class_hits(scored: Sequence[Scored], classes: tuple[str, ...]) -> dict[str, tuple[list[int], list[int]]]:
    """Of each class present: windows named rightly, and all windows, of each of its recordings."""
    hits: dict[str, tuple[list[int], list[int]]] = {}
    for s in scored:
        if name := s.known_as(classes):
            right, of = hits.setdefault(name, ([], []))
            right.append(int((s.classes == classes.index(name)).sum()))
            of.append(len(s.classes))
    return hits


def _class_accuracy(scored: Sequence[Scored], classes: tuple[str, ...]) -> float | None:
    """Balanced: the mean over classes of the share of their windows named rightly. None under two classes."""
    hits = _class_hits(scored, classes)
    return float(np.mean([sum(right) / sum(of) for right, of in hits.values()])) if len(hits) > 1 else None


def window_intervals(scored: Sequence[Scored], evaluation: Evaluation) -> dict[str, Interval | None]:
    """Bootstrap intervals of `figures`, recordings drawn."""
    healthy, faulty = ([s for s in scored if s.faulty == kind] for kind in (False, True))

    def of_share(kind: list[Scored]) -> Interval | None:
        judged = [s.judged for s in kind if len(s.judged)]
        over = [int((scores >= evaluation.warning).sum()) for scores in judged]
        return intervals.of_share(over, [len(scores) for scores in judged])

    classes = _class_hits(scored, evaluation.classes)
    return {
        "window_auc": intervals.of_auc([s.scores for s in faulty], [s.scores for s in healthy]),
        "false_alarm_rate": of_share(healthy),
        "recall": of_share(faulty),
        "class_accuracy": intervals.of_mean_share(list(classes.values())) if len(classes) > 1 else None,
    }


def alert_numbers(sums: AlertFigures) -> tuple[dict[str, Any], dict[str, Interval | None]]:
    """Figures of alerts, and their intervals. `delay_s` is the median over all episodes, None if most never raised."""
    delay_s = intervals.upper_median(sums.delays_s) if sums.delays_s else math.inf
    rate = intervals.poisson_rate(sums.false_alarms, sums.healthy_s / alerts.SECONDS_PER_DAY)
    numbers = {
        "false_alarms": sums.false_alarms,
        "healthy_s": sums.healthy_s,
        "watched_s": sums.watched_s,
        "false_alarms_per_day": sums.false_alarms_per_day,
        "false_alarms_per_month": sums.false_alarms_per_month,
        "time_share": sums.time_share,
        "episodes": len(sums.delays_s),
        "episodes_detected": sums.detected,
        "delay_s": delay_s if math.isfinite(delay_s) else None,
        "alerts_sent": sums.alerts,
        "bytes_sampled": sums.bytes_sampled,
        "bytes_sent": sums.bytes_sent,
    }
    spread = {
        "false_alarms_per_day": rate,
        "false_alarms_per_month": intervals.poisson_rate(
            sums.false_alarms, sums.watched_s / alerts.SECONDS_PER_MONTH
        ),
        "share_detected": intervals.share(sums.detected, len(sums.delays_s)),
        "delay_s": intervals.of_median(sums.delays_s),
    }
    return numbers, spread


def _numbers(evaluation: Evaluation, scored: Sequence[Scored], sums: AlertFigures) -> dict[str, Any]:
    numbers, spread = alert_numbers(sums)
    spread = window_intervals(scored, evaluation) | spread
    return (
        dataclasses.asdict(figures(scored, evaluation))
        | numbers
        | {"intervals": {name: _finite(interval) for name, interval in spread.items()}}
    )


def _finite(interval: Interval | None) -> list[float | None] | None:
    """For JSON, which has no infinity: an end that is not reached is null."""
    return None if interval is None else [end if math.isfinite(end) else None for end in interval]


def mean_figures(figures: list[Figures]) -> dict[str, float | None]:
    """Mean of each figure over groups, those without it left out."""
    names = ("window_auc", "false_alarm_rate", "recall", "outside_rate", "class_accuracy")
    columns = {name: [v for f in figures if (v := getattr(f, name)) is not None] for name in names}
    return {name: float(np.mean(values)) if values else None for name, values in columns.items()}


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """Everything as plain data for JSON.

    First over all counted groups (those held out, or all where none is), their windows pooled, each figure as the
    device would have it; then means over these groups without and with baseline; then each group.
    """
    counted = evaluation.counted
    held_out = evaluation.held_out
    overall = _numbers(
        evaluation, [s for g in counted for s in g.best], alerts.total(g.alerts for g in counted)
    )
    learnt = [figures(g.learnt, evaluation) for g in counted if g.learnt is not None]
    return overall | {
        "dwell_s": evaluation.dwell_s,
        "counted": "held-out groups" if held_out else "all groups, which were trained on",
        "held_out_conditions": len(held_out),
        "coverage": [entry for g in counted for entry in g.coverage],
        "without_baseline": mean_figures([figures(g.plain, evaluation) for g in counted]),
        "with_baseline": mean_figures(learnt),
        "groups": [
            {"machine": g.group.regime[0], "speed_rpm": g.group.regime[1], "load": g.group.regime[2]}
            | {"trained": g.group.trained, "baseline_windows": g.group.learn_windows, "coverage": g.coverage}
            | _numbers(evaluation, g.best, g.alerts)
            | {
                "without_baseline": dataclasses.asdict(figures(g.plain, evaluation)),
                "with_baseline": None
                if g.learnt is None
                else dataclasses.asdict(figures(g.learnt, evaluation)),
            }
            for g in evaluation.groups
        ],
    }
