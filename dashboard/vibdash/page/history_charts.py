"""The charts of a sensor's course: distance from healthy, and vibration velocity."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from vibdash.read.history import Event, History, Point
from vibdash.read.sensors import SensorView
from vibdash.read.zones import Zones
from vibdash.wording import STEPS_PER_OCTAVE, TIMES_SIGN, describe_cause, describe_event, factor

LINE, ALARM, WARNING, CLEAR = "#1f77b4", "#c0392b", "#b9770e", "#7d8894"
ZONE_NAMES = ("A", "B", "C", "D")
ZONE_COLOURS = ("#2e8b5718", "#c9b45822", "#d08a2e2b", "#c0392b26")
_TEXT = {"color": "#7d8894", "fontSize": 11}
_SYMBOLS = {"raise": "triangle", "escalate": "diamond", "clear": "circle"}


def score_options(history: History, sensor: SensorView) -> dict[str, Any]:
    """Return ECharts options: the score as a factor, its limits, and the anomaly events."""
    limits = (("warning", sensor.warning, WARNING), ("alarm", sensor.alarm, ALARM))
    marked = [event for event in history.events if event.cause == "anomaly"]
    options = _options(history, f"from healthy, {TIMES_SIGN}")
    scores = [p.score for p in history.points] + [e.score for e in marked] + [limit for _, limit, _ in limits]
    octaves = [score / STEPS_PER_OCTAVE for score in scores if score is not None]
    low, high = math.floor(min([-1.0, *octaves])), math.ceil(max([2.0, *octaves]))
    options["yAxis"] |= {"type": "log", "logBase": 2, "min": 2.0**low, "max": 2.0**high}
    options["series"] = [
        _line([(p.at_ms, None if p.score is None else factor(p.score)) for p in _broken(history, sensor)]),
        _marks([(event, None if event.score is None else factor(event.score)) for event in marked]),
    ]
    options["series"][0]["markLine"] = {
        "silent": True,
        "symbol": "none",
        "data": [_limit(name, factor(score), colour) for name, score, colour in limits if score is not None],
    }
    return options


def velocity_options(history: History, sensor: SensorView, zones_mm_s: Zones | None) -> dict[str, Any]:
    """Return ECharts options: velocity in mm/s, over the evaluation zones where they are configured."""
    marked = [event for event in history.events if event.cause == "velocity"]
    options = _options(history, "velocity, mm/s RMS")
    options["grid"]["right"] = 16
    points = [
        (p.at_ms, None if p.velocity_um_s is None else p.velocity_um_s / 1000)
        for p in _broken(history, sensor)
    ]
    options["series"] = [
        _line(points),
        _marks([(event, None if event.score is None else event.score / 1000) for event in marked]),
    ]
    if zones_mm_s is not None:
        highest = max([zones_mm_s[2] * 1.2, *(value for _, value in points if value is not None)])
        options["yAxis"]["max"] = math.ceil(highest)
        options["series"][0]["markArea"] = {"silent": True, "data": list(_zones(zones_mm_s))}
    return options


def _options(history: History, name: str) -> dict[str, Any]:
    return {
        "animation": False,
        "grid": {"left": 8, "right": 64, "top": 30, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "item", "renderMode": "richText", "confine": True},
        "xAxis": {
            "type": "time",
            "min": history.since_ms,
            "max": history.until_ms,
            "axisLabel": {**_TEXT, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": "#7d889466"}},
        },
        "yAxis": {
            "type": "value",
            "name": name,
            "nameTextStyle": {**_TEXT, "align": "left"},
            "axisLabel": _TEXT,
            "splitLine": {"lineStyle": {"color": "#7d889433"}},
        },
    }


def _broken(history: History, sensor: SensorView) -> Iterator[Point]:
    """Return the points, with a hole where the sensor was silent, unless that is too short to be seen here.

    What counts is the silence between single statuses: thinned points are further apart than those were.
    """
    hole_ms = max(sensor.silent_after_ms, history.stretch_ms)
    for before, point in pairwise((None, *history.points)):
        assert point is not None
        if before is not None and point.quiet_ms is not None and point.quiet_ms > hole_ms:
            yield Point(before.at_ms + 1, None, None, None)
        yield point


def _line(points: list[tuple[int, float | None]]) -> dict[str, Any]:
    """Return the line; a point that no line reaches is a dot, or it would not be seen at all."""
    values = [None, *(value for _, value in points), None]
    data = [
        {
            "value": [at_ms, None if value is None else float(f"{value:.4g}")],
            "symbol": "circle" if before is None and after is None else "none",
        }
        for (at_ms, value), before, after in zip(points, values, values[2:], strict=False)
    ]
    return {"type": "line", "data": data, "symbolSize": 5, "lineStyle": {"width": 1.6}, "color": LINE}


def _marks(events: list[tuple[Event, float | None]]) -> dict[str, Any]:
    """Return the events as symbols: a shape for what happened, a colour for how bad it is."""
    return {
        "type": "scatter",
        "symbolSize": 11,
        "z": 5,
        "tooltip": {"formatter": "{b}"},
        "data": [
            {
                "name": f"{describe_event(event.event, event.level)}: {describe_cause(event.cause, event.class_name)}",
                "value": [event.at_ms, float(f"{value:.4g}")],
                "symbol": _SYMBOLS[event.event],
                "itemStyle": {
                    "color": CLEAR if event.event == "clear" else ALARM if event.level == "alarm" else WARNING
                },
            }
            for event, value in events
            if value is not None
        ],
    }


def _limit(name: str, value: float, colour: str) -> dict[str, Any]:
    label = {"formatter": name, "color": colour, "fontSize": 11, "position": "end"}
    return {"yAxis": round(value, 3), "lineStyle": {"color": colour, "type": "dashed"}, "label": label}


def _zones(zones_mm_s: Zones) -> Iterator[list[dict[str, Any]]]:
    edges: tuple[float | None, ...] = (0.0, *zones_mm_s, None)
    named = list(zip(ZONE_NAMES, ZONE_COLOURS, pairwise(edges), strict=True))
    if zones_mm_s[0] is None:
        named = [("A, B", ZONE_COLOURS[0], (0.0, zones_mm_s[1])), *named[2:]]
    for name, colour, (low, high) in named:
        label = {"show": True, "position": "insideRight", "formatter": f"zone {name}", **_TEXT}
        lower: dict[str, Any] = {"yAxis": low, "itemStyle": {"color": colour}, "label": label}
        yield [lower, {"yAxis": high} if high is not None else {"y": "0%"}]
