"""The list of alert events, newest first, and the one that is looked at."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from nicegui import ui

from vibdash.fleet import AlertView
from vibdash.states import Clock, level_icon
from vibdash.wording import (
    EVENT_WORDS,
    LEVEL_WORDS,
    OCCURRED_WORDS,
    band_edges_hz,
    band_label,
    band_levels_m_s2,
    describe_cause,
    describe_feature,
    describe_score,
    describe_velocity,
)

_BAR, _BAR_MOVED = "#7c93a8", "#d1602c"


class AlertInbox:
    """Draws itself where it is made; `show` takes the alerts to be listed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._items: dict[int, tuple[AlertView, ui.element]] = {}
        self._chosen: int | None = None
        self._follow_newest = True
        with ui.element("div").classes("inbox"):
            with ui.element("div").classes("panel list"):
                self._nothing = ui.label("No alerts yet. They appear here by themselves.").classes("empty")
                self._list = ui.element("div").props("role=list aria-live=polite")
            self._detail = ui.element("div").classes("panel alert-detail")

    def show(self, alerts: tuple[AlertView, ...]) -> None:
        """List the alerts, newest first; the newest is opened unless another was chosen."""
        self._nothing.set_visibility(not alerts)
        self._detail.set_visibility(bool(alerts))
        for alert in reversed(alerts):
            self._show_item(alert)
        for gone in self._items.keys() - {alert.id for alert in alerts}:
            self._items.pop(gone)[1].delete()
        telling = [alert for alert in alerts if alert.event != "clear"] or list(alerts)
        if self._follow_newest and telling and telling[0].id != self._chosen:
            self._open(telling[0])

    def _show_item(self, alert: AlertView) -> None:
        known = self._items.get(alert.id)
        if known is not None and known[0] == alert:
            return
        if known is not None:  # it was dated anew
            index = self._list.default_slot.children.index(known[1])
            known[1].delete()
        else:
            index = 0
        with self._list:
            item = self._draw_item(alert)
        item.move(target_index=index)
        self._items[alert.id] = (alert, item)
        if alert.id == self._chosen:
            self._open(alert)

    def _draw_item(self, alert: AlertView) -> ui.element:
        tone = "clear" if alert.event == "clear" else alert.level
        item = ui.element("div").classes(f"item {tone}")
        item.props(f"role=listitem tabindex=0 data-alert={alert.id}")
        with item:
            ui.icon(level_icon(alert.level, alert.event)).props("aria-hidden=true")
            with ui.element("div").classes("lines"):
                ui.label(_headline(alert)).classes("word")
                ui.label(describe_cause(alert.cause, alert.class_name)).classes("detail")
            with ui.element("div").classes("lines when"):
                ui.label(alert.device).classes("word")
                ui.label(self._clock(alert.occurred_at_ms)).classes("detail figure")
        for event in ("click", "keydown.enter"):
            item.on(event, lambda alert=alert: self._choose(alert))
        return item

    def _choose(self, alert: AlertView) -> None:
        self._follow_newest = False
        self._open(alert)

    def _open(self, alert: AlertView) -> None:
        if self._chosen in self._items:
            self._items[self._chosen][1].classes(remove="chosen")
        self._chosen = alert.id
        self._items[alert.id][1].classes(add="chosen")
        self._detail.clear()
        with self._detail:
            _draw_detail(alert, self._clock)


def _headline(alert: AlertView) -> str:
    if alert.event == "escalate":
        return f"Escalated to {alert.level}"
    return f"{LEVEL_WORDS[alert.level]} {EVENT_WORDS[alert.event]}"


def _draw_detail(alert: AlertView, clock: Clock) -> None:
    tone = "clear" if alert.event == "clear" else alert.level
    with ui.element("div").classes("heading"):
        with ui.element("div").classes(f"badge {tone}"):
            ui.icon(level_icon(alert.level, alert.event)).props("aria-hidden=true")
            ui.label(_headline(alert))
        ui.label(f"{alert.device}: {describe_cause(alert.cause, alert.class_name)}").classes("title")
    with ui.element("dl").classes("facts"):
        _fact("When", clock(alert.occurred_at_ms), OCCURRED_WORDS[alert.occurred_from])
        if alert.score is not None:
            _fact(*_measure(alert.cause, alert.score, alert.threshold))
        if alert.class_name:
            _fact("Looks like", alert.class_name, "")
        kept = "; kept on the sensor while there was no connection" if alert.replay else ""
        _fact("Record", f"number {alert.seq}", f"boot {alert.boot}{kept}")
    if alert.features:
        ui.label("What moved most").classes("subtitle")
        for name, value, usual in alert.features:
            what, times, values = describe_feature(name, value, usual, alert.spectrum)
            with ui.element("div").classes("moved"):
                ui.label(what).classes("what")
                ui.label(times).classes("times figure")
                ui.label(values).classes("detail figure")
    if alert.spectrum is not None:
        ui.label(f"Spectrum at the alert, {alert.spectrum['axis'].upper()} axis").classes("subtitle")
        ui.echart(_spectrum_options(alert), renderer="svg").classes("spectrum")


def _measure(cause: str, score: int, threshold: int | None) -> tuple[str, str, str]:
    """Return what went over its limit: its name, its value, and the limit."""
    name, say = ("Velocity", describe_velocity) if cause == "velocity" else ("From healthy", describe_score)
    return name, say(score), "" if threshold is None else f"limit {say(threshold)}"


def _fact(name: str, value: str, note: str) -> None:
    with ui.element("div").classes("fact"):
        with ui.element("dt"):
            ui.label(name)
        with ui.element("dd"):
            ui.label(value).classes("figure")
            if note:
                ui.label(note).classes("detail")


def _spectrum_options(alert: AlertView) -> dict[str, Any]:
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
