"""Charts of spectra: the bands that an alert carries, a snapshot at full resolution, spectra over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from vibdash.read.alert_views import AlertView
from vibdash.read.references import Reference
from vibdash.read.snapshots import Snapshot
from vibdash.read.waterfall import Waterfall
from vibdash.wording import LINE_WORDS, band_edges_hz, band_label, band_levels_m_s2, factor

_BAR, _BAR_MOVED, _USUAL, _MARK = "#7c93a8", "#d1602c", "#1f77b4", "#8a6bbf"
_TEXT = {"color": "#7d8894", "fontSize": 11}
_AXIS_LINE = {"lineStyle": {"color": "#7d889466"}}
_SPLIT_LINE = {"lineStyle": {"color": "#7d889433"}}
_COLD_TO_HOT = [
    "#440154",
    "#3b528b",
    "#21918c",
    "#5ec962",
    "#fde725",
]  # viridis: its lightness alone tells the order
_THIN = {"showSymbol": False, "lineStyle": {"width": 1.1}}
MOST_LINES = 2048
MARK_ROW_PX = 11
NARROWEST_PX = 220  # between the ends of an alert's bands, on a phone
_CHARACTER_PX = 5.5
SHOWN_OVER_HIGHEST_MARK = 5.0  # where a snapshot's chart ends at first, over the highest frequency marked


def alert_spectrum_options(alert: AlertView, reference: Reference) -> dict[str, Any]:
    """Return ECharts options: acceleration by band, bands that moved in another colour, over what is usual."""
    spectrum = alert.spectrum
    assert spectrum is not None
    edges, levels = band_edges_hz(spectrum), band_levels_m_s2(spectrum)
    usual = _usual_levels(alert, reference, len(levels))
    moved = {name for name, _, _ in alert.features}
    bars = [
        {
            "value": _short(level),
            "itemStyle": {"color": _BAR_MOVED if f"{spectrum['axis']}.band{i:02d}" in moved else _BAR},
        }
        for i, level in enumerate(levels)
    ]
    floor = 10.0 ** math.floor(math.log10(min([*levels, *(level for level in usual if level is not None)])))
    lines_hz = {name: hz for name, hz in reference.machine.lines_hz().items() if edges[0] <= hz <= edges[-1]}
    places = {name: math.log10(hz) for name, hz in sorted(lines_hz.items(), key=lambda line: line[1])}
    rows = _rows_apart(places, NARROWEST_PX / math.log10(edges[-1] / edges[0]))
    return {
        **_around(right=8, bottom=4, rows=1 + max(rows, default=-1)),
        "xAxis": [
            _band_axis(edges),
            # The bands are as wide as each other on this axis, so that a frequency stands at its place among them.
            {"type": "value", "show": False, "min": math.log10(edges[0]), "max": math.log10(edges[-1])},
        ],
        "yAxis": _level_axis(floor),
        "series": [
            {"name": "at the alert", "type": "bar", "data": bars, "barCategoryGap": "18%", "color": _BAR},
            {
                "name": "usual",
                "type": "line",
                "data": [None if level is None else _short(level) for level in usual],
                "step": "middle",
                "symbol": "rect",
                "symbolSize": [12, 2],
                "color": _USUAL,
                "lineStyle": {"width": 1.5},
            },
            _marked(places, rows, x_axis=1),
        ],
    }


def _usual_levels(alert: AlertView, reference: Reference, bands: int) -> list[float | None]:
    """Return the usual level of each band: as the alert itself says, else as the sensor told its baseline."""
    assert alert.spectrum is not None
    usual = reference.usual | {name: level for name, _, level in alert.features}
    names = [f"{alert.spectrum['axis']}.band{band:02d}" for band in range(bands)]
    return [factor(usual[name]) * 1e-6 if name in usual else None for name in names]


def snapshot_options(
    snapshot: Snapshot, healthy: Snapshot | None, axis: int, reference: Reference
) -> dict[str, Any]:
    """Return ECharts options: lines of a snapshot in m/s2 over those of a healthy one, with the machine's marked."""
    drawn = (("now", snapshot, _BAR_MOVED, 3), ("healthy", healthy, _USUAL, 2))
    series = [
        {"name": name, "type": "line", "data": _lines(one, axis), "color": colour, "z": z, **_THIN}
        for name, one, colour, z in drawn
        if one is not None and axis < one.axes
    ]
    highest = snapshot.rate_hz / 2
    marked = sorted(reference.machine.lines_hz().items(), key=lambda line: line[1])
    lines_hz = {name: round(hz, 2) for name, hz in marked if hz < highest}
    shown_hz = round(min(highest, SHOWN_OVER_HIGHEST_MARK * max(lines_hz.values(), default=highest)))
    return {
        **_around(right=16, bottom=44, rows=len(lines_hz)),
        "dataZoom": [
            {"type": "slider", "height": 18, "bottom": 6, "startValue": 0, "endValue": shown_hz},
            {"type": "inside", "zoomOnMouseWheel": "ctrl", "startValue": 0, "endValue": shown_hz},
        ],
        "xAxis": {
            "type": "value",
            "name": "Hz",
            "nameGap": 4,
            "nameTextStyle": _TEXT,
            "max": round(highest),
            "axisLabel": _TEXT,
            "axisLine": _AXIS_LINE,
            "splitLine": {"show": False},
        },
        "yAxis": _level_axis(None),
        "series": [*series, _marked(lines_hz, range(len(lines_hz)))],  # each its row: it can be zoomed out
    }


def waterfall_options(fall: Waterfall, when: Sequence[str]) -> dict[str, Any]:
    """Return ECharts options: a row a spectrum, the newest on top. `when`: what stands beside each row."""
    levels = [level for row in fall.rows for level in row.levels_m_s2]
    cells = [
        [band, row, round(math.log10(level), 2)]
        for row, one in enumerate(fall.rows)
        for band, level in enumerate(one.levels_m_s2)
    ]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 100, "top": 10, "bottom": 4, "containLabel": True},
        "tooltip": {"renderMode": "richText", "confine": True, ":formatter": _CELL_TEXT},
        "xAxis": _band_axis(fall.edges_hz),
        "yAxis": {"type": "category", "data": list(when), "axisLabel": {**_TEXT, "hideOverlap": True}},
        "visualMap": {
            "min": math.floor(math.log10(min(levels)) * 2) / 2,
            "max": math.ceil(math.log10(max(levels)) * 2) / 2,
            "calculable": True,
            "right": 0,
            "top": "middle",
            "itemWidth": 12,
            "itemHeight": 110,
            "textStyle": _TEXT,
            ":formatter": "v => Number((10 ** v).toPrecision(2)) + ' m/s²'",
            "inRange": {"color": _COLD_TO_HOT},
        },
        "series": [{"type": "heatmap", "data": cells}],
    }


_CELL_TEXT = "p => p.name + ': ' + Number((10 ** p.value[2]).toPrecision(2)) + ' m/s²'"


def _around(*, right: int, bottom: int, rows: int) -> dict[str, Any]:
    """Return what charts of levels have around them; above is room for so many rows of names of marks."""
    return {
        "animation": False,
        "grid": {
            "left": 22,
            "right": right,
            "top": 27 + MARK_ROW_PX * rows,
            "bottom": bottom,
            "containLabel": True,
        },
        "legend": {"top": 0, "right": 0, "itemWidth": 14, "itemHeight": 8, "textStyle": _TEXT},
        "tooltip": {"trigger": "axis", "renderMode": "richText", "confine": True},
    }


def _band_axis(edges_hz: Sequence[float]) -> dict[str, Any]:
    return {
        "type": "category",
        "data": [band_label(low, high) for low, high in pairwise(edges_hz)],
        "axisLabel": {**_TEXT, "hideOverlap": True},
        "axisTick": {"show": False},
        "axisLine": _AXIS_LINE,
    }


def _lines(snapshot: Snapshot, axis: int) -> list[list[float]]:
    """Return (Hz, m/s2) of the lines, the highest of neighbours where there are more than a chart can show."""
    hertz, levels = snapshot.spectrum(axis)
    width = -(-len(hertz) // MOST_LINES)
    floor = 1e-7  # a level of 0 has no place on a log scale
    points = []
    for first in range(0, len(hertz), width):
        at = first + int(levels[first : first + width].argmax())
        points.append([round(float(hertz[at]), 2), _short(max(float(levels[at]), floor))])
    return points


def _rows_apart(places: Mapping[str, float], px: float) -> list[int]:
    """Return the row of each mark's name, the lowest in which it touches no other; `px` is a unit of the axis. The
    places rise."""
    ends: list[float] = []  # of the last name in each row
    rows = []
    for name, at in places.items():
        half = len(LINE_WORDS[name]) * _CHARACTER_PX / 2
        row = next((row for row, end in enumerate(ends) if at * px - half > end), len(ends))
        ends[row : row + 1] = [at * px + half]
        rows.append(row)
    return rows


def _marked(places: Mapping[str, float], rows: Sequence[int], x_axis: int = 0) -> dict[str, Any]:
    """Return a series without points that marks frequencies by name, each name in its row over the chart."""
    style = {"color": _MARK, "type": "dashed", "width": 1}
    text = {"formatter": "{b}", "fontSize": 10, "color": _MARK, "position": "end"}
    data = [
        {"name": LINE_WORDS[name], "xAxis": at, "label": {**text, "distance": 2 + MARK_ROW_PX * row}}
        for (name, at), row in zip(places.items(), rows, strict=True)
    ]
    mark = {"silent": True, "symbol": "none", "lineStyle": style, "data": data}
    return {"type": "line", "data": [], "xAxisIndex": x_axis, "markLine": mark, "color": _MARK}


def _level_axis(floor: float | None) -> dict[str, Any]:
    axis = {
        "type": "log",
        "name": "m/s² RMS",
        "nameLocation": "middle",  # over the axis stand the names of the marks
        "nameGap": 46,
        "nameTextStyle": _TEXT,
        "axisLabel": _TEXT,
        "splitLine": _SPLIT_LINE,
    }
    # Without a start, bars under 1 hang from the top.
    return axis if floor is None else {**axis, "min": floor, "startValue": floor}


def _short(value: float) -> float:
    return float(f"{value:.3g}")
