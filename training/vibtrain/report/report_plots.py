"""The plots of a report that show how a model judges: windows told apart, scores over time, faults named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from scipy.stats import norm
from sklearn.metrics import confusion_matrix, roc_curve

from vibtrain.judging.evaluate import Evaluation, GroupResult, Scored
from vibtrain.report.svg_figures import FAULT_COLOUR, HEALTHY_COLOUR, INK, QUIET_COLOUR, WIDTH, figure, svg

_DET_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8)
_SHORTEST_NAMED = 0.02  # of the width: names of narrower recordings would overlap


def roc_and_det(evaluation: Evaluation) -> str:
    """ROC and detection-error trade-off of the counted groups' windows, with and without baseline."""
    made, (roc, det) = figure(WIDTH, 3.6, 1, 2)
    groups = evaluation.counted
    curves = [("without baseline", [s for g in groups for s in g.plain], "#718096", "--")]
    if any(g.learnt is not None for g in groups):
        curves.append(("with baseline", [s for g in groups for s in g.best], HEALTHY_COLOUR, "-"))
    for name, scored, colour, line in curves:
        truth, scores = _pooled(scored)
        if len(set(truth.tolist())) < 2:
            continue
        wrong, right, _ = roc_curve(truth, scores)
        roc.plot(wrong, right, line, color=colour, label=name)
        inside = (wrong > 0) & (wrong < 1) & (right > 0) & (right < 1)
        det.plot(norm.ppf(wrong[inside]), norm.ppf(1 - right[inside]), line, color=colour, label=name)
        over = scores >= evaluation.warning
        roc.plot(
            over[truth == 0].mean(), over[truth == 1].mean(), "o", color=colour, markersize=7, clip_on=False
        )
    roc.plot([0, 1], [0, 1], color="#cbd5e0", linewidth=1)
    roc.set(xlabel="healthy windows over threshold", ylabel="faulty windows over it", title="ROC")
    roc.legend(loc="lower right", frameon=False, title="dot: warning threshold")
    _finish_det(det)
    return svg(made)


def _finish_det(det: Axes) -> None:
    if not any(np.size(line.get_xdata()) for line in det.get_lines()):
        det.text(0.5, 0.5, "one threshold parts all windows", transform=det.transAxes, ha="center")
    places = norm.ppf(_DET_TICKS)
    names = [f"{100 * share:g} %" for share in _DET_TICKS]
    det.set_xticks(places, names)
    det.set_yticks(places, names)
    edge = (norm.ppf(0.0005), norm.ppf(0.9))
    det.set(
        xlabel="healthy windows over threshold",
        ylabel="faulty windows missed",
        title="Detection error",
        xlim=edge,
        ylim=edge,
    )


def scores_over_time(result: GroupResult, warning: int, alarm: int, hop_s: float) -> str:
    """The scores of a group's recordings, one after another, healthy ones first, with the thresholds."""
    ordered = sorted(result.best, key=lambda s: (s.faulty, s.fine_label))
    made, (axes,) = figure(WIDTH, 3.4)
    total = hop_s * sum(len(s.scores) for s in ordered)
    at = 0.0
    marks, names = [], []
    for scored in ordered:
        seconds = at + hop_s * np.arange(len(scored.scores))
        colour = FAULT_COLOUR if scored.faulty else HEALTHY_COLOUR
        marker = "o" if len(seconds) < 3 else ""
        axes.plot(seconds, scored.scores, color=colour, linewidth=1.2, marker=marker, markersize=3)
        axes.plot(
            seconds[scored.outside], scored.scores[scored.outside], "x", color=QUIET_COLOUR, markersize=4
        )
        width = hop_s * len(scored.scores)
        if width >= _SHORTEST_NAMED * total:
            marks.append(at + width / 2)
            names.append(scored.fine_label)
        at += width
        axes.axvline(at, color="#cbd5e0", linewidth=0.8)
    for level, name in ((warning, "warning"), (alarm, "alarm")):
        axes.axhline(level, color=INK, linewidth=1, linestyle="--" if name == "warning" else ":")
        axes.annotate(
            name, (1.0, level), xycoords=("axes fraction", "data"), xytext=(4, -3), textcoords="offset points"
        )
    axes.set_xticks(marks, names, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", length=0)
    axes.grid(False, axis="x")
    axes.set(ylabel="score, steps", xlim=(0, at or 1), title=f"{result.group.name} ({at:.3g} s)")
    return svg(made)


def confusion(scored: Sequence[Scored], classes: tuple[str, ...]) -> str:
    """Share of each condition's windows that were called each class; conditions without a class are left out."""
    known = [s for s in scored if s.known_as(classes)]
    truth = np.concatenate([np.full(len(s.classes), classes.index(s.known_as(classes))) for s in known])
    said = np.concatenate([s.classes for s in known])
    table = confusion_matrix(truth, said, labels=range(len(classes)), normalize="true")
    size = 2.2 + 0.5 * len(classes)
    made, (axes,) = figure(min(size + 1.4, WIDTH), size)
    edges = np.arange(len(classes) + 1) - 0.5
    axes.pcolormesh(edges, edges, table, cmap="Blues", vmin=0, vmax=1)
    axes.invert_yaxis()
    for row, column in np.ndindex(*table.shape):
        if table[row, column] >= 0.005:
            colour = "white" if table[row, column] > 0.6 else "black"
            axes.text(column, row, f"{100 * table[row, column]:.0f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), classes)
    axes.grid(False)
    axes.set(xlabel="called", ylabel="is", title="Windows, % of each row")
    return svg(made)


def _pooled(scored: Sequence[Scored]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int16]]:
    """Truth and scores of the windows that are not outside."""
    truth = np.concatenate([np.full(len(s.judged), int(s.faulty)) for s in scored])
    return truth, np.concatenate([s.judged for s in scored])
