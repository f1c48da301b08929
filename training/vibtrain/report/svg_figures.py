"""matplotlib figures as SVG to be put into a page: one style, the same bytes for the same figure."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

HEALTHY_COLOUR, FAULT_COLOUR, QUIET_COLOUR, INK = "#2b6cb0", "#c05621", "#a0aec0", "#1a202c"
WIDTH = 10.2  # inches that the page is wide
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: selectable, and in the page's own font
    "svg.hashsalt": "vibtrain",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e2e8f0",
    "axes.axisbelow": True,
    "axes.titlesize": 11,
}


def figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **subplots: Any
) -> tuple[Figure, list[Axes]]:
    """An empty figure and its axes, row by row. Size in inches; `subplots` as matplotlib's Figure.subplots."""
    with matplotlib.rc_context(_STYLE):
        made = Figure(figsize=(width, height), layout="constrained")
        return made, list(np.ravel(made.subplots(rows, columns, **subplots)))


def svg(made: Figure) -> str:
    """The figure as an <svg> element."""
    stream = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        made.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]
