"""The plots of a report that show what a model is made of: spectra, what it hears, size against detection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from vibtrain.data.spectra import Spectrum
from vibtrain.judging.importance import Importance
from vibtrain.report.svg_figures import FAULT_COLOUR, HEALTHY_COLOUR, INK, QUIET_COLOUR, WIDTH, figure, svg

KIND_COLOURS = {"mahalanobis": HEALTHY_COLOUR, "gaussian-mixture": "#2f855a", "isolation-forest": "#6b46c1"}
_PANELS = 12
_LOWEST_HZ = 5.0


def healthy_against_fault(healthy: Spectrum, faults: Sequence[Spectrum]) -> str:
    """A panel for each fault, on the axis on which the faults differ most from the healthy recording."""
    shown = healthy.frequencies_hz >= min(_LOWEST_HZ, healthy.frequencies_hz[-1] / 50)
    faults = faults[:_PANELS]
    axis = loudest_axis(healthy, faults)
    columns = min(3, len(faults))
    rows = -(-len(faults) // columns)
    made, panels = figure(WIDTH, 0.9 + 1.7 * rows, rows, columns, sharex=True, sharey=True, squeeze=False)
    hz = healthy.frequencies_hz[shown]
    for panel, fault in zip(panels, faults, strict=False):
        panel.loglog(hz, fault.density[axis][shown], color=FAULT_COLOUR, linewidth=0.9)
        panel.loglog(hz, healthy.density[axis][shown], color=HEALTHY_COLOUR, linewidth=0.9)
        panel.set_title(fault.label)
        panel.yaxis.set_minor_formatter(NullFormatter())
    for panel in panels[len(faults) :]:
        panel.set_visible(False)
    made.supxlabel("Hz", fontsize=10)
    made.supylabel(f"axis {healthy.axes[axis]}, m/s² / √Hz", fontsize=10)
    return svg(made)


def loudest_axis(healthy: Spectrum, faults: Sequence[Spectrum]) -> int:
    """The axis on which the faults lie furthest from healthy, by the mean of logarithms."""
    small = 1e-9
    distances = [
        np.abs(np.log((fault.density + small) / (healthy.density + small))).mean(axis=1) for fault in faults
    ]
    return int(np.mean(distances, axis=0).argmax())


def heard(importance: Importance) -> str:
    """Fall of the faulty scores, a row for each fault, a column for each group of features."""
    falls = importance.falls
    made, (axes,) = figure(WIDTH, 1.6 + 0.34 * len(importance.labels))
    limit = max(1.0, float(np.abs(falls).max()))
    rows, columns = (np.arange(n + 1) - 0.5 for n in falls.shape)
    axes.pcolormesh(columns, rows, falls, cmap="PuOr_r", vmin=-limit, vmax=limit)
    axes.invert_yaxis()
    for row, column in np.ndindex(*falls.shape):
        if abs(falls[row, column]) >= 0.5:
            colour = "white" if abs(falls[row, column]) > 0.6 * limit else INK
            size = 8 if falls.shape[1] <= 24 else 6
            axes.text(
                column,
                row,
                f"{falls[row, column]:.0f}",
                ha="center",
                va="center",
                color=colour,
                fontsize=size,
            )
    axes.set_xticks(
        range(falls.shape[1]), importance.features, rotation=55, ha="right", rotation_mode="anchor"
    )
    axes.set_yticks(range(falls.shape[0]), importance.labels)
    axes.tick_params(length=0)
    axes.grid(False)
    return svg(made)


def frontier(found: dict[str, Any], flash_bytes: int) -> str:
    """Every anomaly model that `vibtrain search --json` tried, bytes against detection. `flash_bytes`: this model's."""
    made, (axes,) = figure(WIDTH, 3.6)
    tried = [c for c in found["anomaly"] if c["within_budget"]]
    for kind, colour in KIND_COLOURS.items():
        of_kind = [c for c in tried if c["name"].startswith(kind)]
        if of_kind:
            places = [c["flash_bytes"] for c in of_kind], [_detection(c) for c in of_kind]
            axes.scatter(*places, color=colour, s=26, label=kind, alpha=0.8, linewidths=0)
    best = sorted((c["flash_bytes"], _detection(c)) for c in found["frontier"])
    axes.step(*zip(*best, strict=True), where="post", color=INK, linewidth=1, label="frontier")
    chosen = found["chosen"]
    axes.plot(
        chosen["flash_bytes"], _detection(chosen), "o", mec=INK, mfc="none", markersize=12, label="chosen"
    )
    axes.axvline(flash_bytes, color=QUIET_COLOUR, linestyle="--", linewidth=1)
    axes.annotate(
        "this model",
        (flash_bytes, 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(4, 0),
        textcoords="offset points",
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, place: f"{value / 1000:g} kB")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(
        xlabel="bytes of model.bin, with the smallest classifier", ylabel="recall less healthy windows over"
    )
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return svg(made)


def _detection(candidate: dict[str, Any]) -> float:
    return float((candidate["recall"] or 0) - (candidate["false_alarm_rate"] or 0))
