"""The plots of a report, as SVG to be put into a page. The only file that imports matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm
from sklearn.metrics import confusion_matrix, roc_curve

from vibtrain.evaluate import Evaluation, GroupResult, Scored

HEALTHY_COLOUR, FAULT_COLOUR = "#2b6cb0", "#c05621"
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: selectable, and in the page's own font
    "svg.hashsalt": "vibtrain",  # the same report twice is the same bytes
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e2e8f0",
    "axes.axisbelow": True,
}
_DET_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8)


def roc_and_det(evaluation: Evaluation) -> str:
    """ROC and detection-error trade-off of the counted groups' windows, with and without baseline."""
    figure, (roc, det) = _figure(9.0, 3.6, 1, 2)
    groups = evaluation.counted
    curves = [("without baseline", [s for g in groups for s in g.plain], "#718096", "--")]
    if any(g.learnt is not None for g in groups):
        curves.append(("with baseline", [s for g in groups for s in g.best], HEALTHY_COLOUR, "-"))
    for name, scored, colour, line in curves:
        truth, scores = _pooled(scored)
        wrong, right, _ = roc_curve(truth, scores)
        roc.plot(wrong, right, line, color=colour, label=name)
        inside = (wrong > 0) & (wrong < 1) & (right > 0) & (right < 1)
        det.plot(norm.ppf(wrong[inside]), norm.ppf(1 - right[inside]), line, color=colour, label=name)
        over = scores >= evaluation.warning
        roc.plot(over[truth == 0].mean(), over[truth == 1].mean(), "o", color=colour, markersize=7)
    roc.plot([0, 1], [0, 1], color="#cbd5e0", linewidth=1)
    roc.set(xlabel="healthy windows over threshold", ylabel="faulty windows over it", title="ROC")
    roc.legend(loc="lower right", frameon=False, title="dot: warning threshold")
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
    return _svg(figure)


def scores_over_time(result: GroupResult, warning: int, alarm: int, hop_s: float) -> str:
    """The scores of a group's recordings, one after another, healthy ones first, with the thresholds."""
    ordered = sorted(result.best, key=lambda s: (s.faulty, s.fine_label))
    figure, (axes,) = _figure(9.0, 3.4, 1, 1)
    at = 0.0
    marks, names = [], []
    for scored in ordered:
        seconds = at + hop_s * np.arange(len(scored.scores))
        colour = FAULT_COLOUR if scored.faulty else HEALTHY_COLOUR
        axes.plot(seconds, scored.scores, color=colour, linewidth=1.2)
        width = hop_s * len(scored.scores)
        marks.append(at + width / 2)
        names.append(scored.fine_label)
        at += width
        axes.axvline(at, color="#cbd5e0", linewidth=0.8)
    for level, name in ((warning, "warning"), (alarm, "alarm")):
        axes.axhline(level, color="#1a202c", linewidth=1, linestyle="--" if name == "warning" else ":")
        axes.annotate(
            name, (1.0, level), xycoords=("axes fraction", "data"), xytext=(4, -3), textcoords="offset points"
        )
    axes.set_xticks(marks, names, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", length=0)
    axes.grid(False, axis="x")
    axes.set(ylabel="score", xlim=(0, at), title=f"{result.group.name} ({at:.3g} s)")
    return _svg(figure)


def confusion(scored: Sequence[Scored], classes: tuple[str, ...]) -> str:
    """Share of each condition's windows that were called each class; conditions without a class are left out."""
    known = [s for s in scored if s.label in classes]
    truth = np.concatenate([np.full(len(s.classes), classes.index(s.label)) for s in known])
    said = np.concatenate([s.classes for s in known])
    table = confusion_matrix(truth, said, labels=range(len(classes)), normalize="true")
    size = 2.2 + 0.62 * len(classes)
    figure, (axes,) = _figure(size + 1, size, 1, 1)
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
    return _svg(figure)


def _pooled(scored: Sequence[Scored]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int16]]:
    truth = np.concatenate([np.full(len(s.scores), int(s.faulty)) for s in scored])
    return truth, np.concatenate([s.scores for s in scored])


def _figure(width: float, height: float, rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    """Size in inches."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, list(np.ravel(figure.subplots(rows, columns)))


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]
