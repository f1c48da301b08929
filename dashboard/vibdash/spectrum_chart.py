"""The spectrum that an alert carries, as a chart."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from vibdash.fleet import AlertView
from vibdash.wording import band_edges_hz, band_label, band_levels_m_s2

_BAR, _BAR_MOVED = "#7c93a8", "#d1602c"


def spectrum_options(alert: AlertView) -> dict[str, Any]:
    """Return ECharts options: acceleration by band on a log scale, the bands that moved in another colour."""
    spectrum = alert.spectrum
    assert spectrum is not None
    edges, levels = band_edges_hz(spectrum), band_levels_m_s2(spectrum)
    moved = {name for name, _, _ in alert.features}
    bars = [
        {
            "value": float(f"{level:.3g}"),
            "itemStyle": {"color": _BAR_MOVED if f"{spectrum['axis']}.band{i:02d}" in moved else _BAR},
        }
        for i, level in enumerate(levels)
    ]
    floor = 10.0 ** math.floor(math.log10(min(levels)))
    text = {"color": "#7d8894", "fontSize": 11}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 28, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", "renderMode": "richText", "confine": True},
        "xAxis": {
            "type": "category",
            "data": [band_label(low, high) for low, high in pairwise(edges)],
            "axisLabel": {**text, "hideOverlap": True},
            "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": "#7d889466"}},
        },
        "yAxis": {
            "type": "log",
            "name": "m/s² RMS",
            "nameTextStyle": {**text, "align": "left"},
            "min": floor,
            "startValue": floor,  # else bars under 1 hang from the top
            "axisLabel": text,
            "splitLine": {"lineStyle": {"color": "#7d889433"}},
        },
        "series": [{"type": "bar", "data": bars, "barCategoryGap": "18%"}],
    }
