"""The operating point in words, and the chart of the score against the speed."""

from __future__ import annotations

from typing import Any

from vibdash.page.history_charts import ALARM, LINE, WARNING
from vibdash.read.history import AtSpeed
from vibdash.read.sensors import SensorView
from vibdash.wording import TIMES_SIGN, factor

SOURCE_WORDS = {
    "pulse": "by its probe",
    "told": "as it was told",
    "constant": "as configured",
    "estimated": "by what it hears",
}
PULSE_WORDS = {
    "": "none",
    "ok": "works",
    "missing": "works, pulses are missing",
    "bouncing": "works, pulses bounce",
    "silent": "gives no pulses: the shaft stands, or the probe is dead",
    "bad": "gives pulses that make no sense",
}
_TEXT = {"color": "#7d8894", "fontSize": 11}


def describe_point(speed_millihz: int | None, load_permille: int | None, source: str | None) -> str:
    """Return speed and load in words, and who told the speed."""
    told = []
    if speed_millihz is not None:
        told.append(f"{describe_speed(speed_millihz)} {SOURCE_WORDS.get(source or '', '')}".strip())
    if load_permille is not None:
        told.append(f"{load_permille / 10:.0f} % load")
    return ", ".join(told) or "not known"


def describe_speed(speed_millihz: int) -> str:
    """Return a speed as it is known: a step is a 256th of an octave, a quarter of a per cent."""
    rpm = speed_millihz * 60 / 1000
    return f"{rpm:.0f} rpm" if rpm >= 100 else f"{rpm:.3g} rpm"


def describe_coverage(coverage: str | None, over: str | None) -> str:
    """Return how much was learnt, and from where to where."""
    if over is None:
        return "the model knows one operating point"
    places = places_of(coverage)
    if not places:
        return "nothing yet"
    windows = sum(count for _, count in places)
    low, high = (describe_place(place, over) for place in (places[0][0], places[-1][0]))
    where = low if low == high else f"{low} to {high}"
    return f"{where}, {len(places)} {'place' if len(places) == 1 else 'places'}, {windows:,} windows"


def places_of(coverage: str | None) -> list[tuple[int, int]]:
    """Return place and windows of each, in order."""
    pairs = (one.partition(":") for one in (coverage or "").split())
    return [(int(place), int(windows)) for place, _, windows in pairs]


def describe_place(place: int, over: str) -> str:
    """Return a place of the coverage in words; one that only the features tell is a distance from the middle."""
    if over == "speed":
        return describe_speed(place)
    return f"{place / 10:.0f} % load" if over == "load" else f"{2 ** (place / 256):.2f}{TIMES_SIGN}"


def coverage_options(coverage: str, over: str) -> dict[str, Any]:
    """Return ECharts options: windows learnt at each place."""
    places = places_of(coverage)
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 30, "bottom": 22, "containLabel": True},
        "xAxis": {
            "type": "category",
            "name": f"learnt at {over}",
            "nameLocation": "middle",
            "nameGap": 24,
            "nameTextStyle": _TEXT,
            "axisLabel": _TEXT,
            "data": [describe_place(place, over) for place, _ in places],
        },
        "yAxis": {
            "type": "value",
            "name": "windows",
            "nameTextStyle": {**_TEXT, "align": "left"},
            "axisLabel": _TEXT,
            "splitLine": {"lineStyle": {"color": "#7d889433"}},
        },
        "series": [{"type": "bar", "barMaxWidth": 28, "color": LINE, "data": [count for _, count in places]}],
    }


def speed_options(points: tuple[AtSpeed, ...], sensor: SensorView) -> dict[str, Any]:
    """Return ECharts options: each status's score over the speed at which it was, and the limits."""
    limits = (("warning", sensor.warning, WARNING), ("alarm", sensor.alarm, ALARM))
    return {
        "animation": False,
        "grid": {"left": 8, "right": 64, "top": 30, "bottom": 22, "containLabel": True},
        "tooltip": {"trigger": "item", "renderMode": "richText", "confine": True},
        "xAxis": {
            "type": "value",
            "name": "speed, rpm",
            "nameLocation": "middle",
            "nameGap": 24,
            "scale": True,
            "nameTextStyle": _TEXT,
            "axisLabel": _TEXT,
        },
        "yAxis": {
            "type": "log",
            "logBase": 2,
            "name": f"from healthy, {TIMES_SIGN}",
            "nameTextStyle": {**_TEXT, "align": "left"},
            "axisLabel": _TEXT,
            "splitLine": {"lineStyle": {"color": "#7d889433"}},
        },
        "series": [
            {
                "type": "scatter",
                "symbolSize": 5,
                "color": LINE,
                "data": [
                    [round(one.speed_millihz * 0.06, 1), float(f"{factor(one.score):.4g}")] for one in points
                ],
                "markLine": {
                    "silent": True,
                    "symbol": "none",
                    "data": [
                        {
                            "yAxis": round(factor(score), 3),
                            "lineStyle": {"color": colour, "type": "dashed"},
                            "label": {"formatter": name, "color": colour, "fontSize": 11, "position": "end"},
                        }
                        for name, score, colour in limits
                        if score is not None
                    ],
                },
            }
        ],
    }
