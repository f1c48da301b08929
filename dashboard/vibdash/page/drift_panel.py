"""How a machine moves slowly, in words below its course; and taking what it has become as the new usual."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from vibdash.access.accounts import Role
from vibdash.page.viewer import Viewer
from vibdash.read.drift import Drift
from vibdash.wording import describe_dates, describe_slope

WORDS = {"score": "Distance from healthy", "velocity": "Velocity", "level": "Acceleration"}


class DriftPanel:
    """Draws itself where it is made. `accept` asks the sensor to learn its machine as it is now."""

    def __init__(self, viewer: Viewer, accept: Callable[[], Awaitable[None]]) -> None:
        self._shown: tuple[Drift, ...] | None = None
        with ui.element("div").classes("panel drift"):
            self._list = ui.element("dl").classes("facts")
            if viewer.account.may(Role.ENGINEER):
                button = ui.button("Take as the new usual", icon="school", on_click=accept)
                button.props("outline dense no-caps data-act=accept").classes("act")

    def show(self, drifts: tuple[Drift, ...]) -> None:
        """Say how each quantity moves."""
        if drifts == self._shown:
            return
        self._shown = drifts
        self._list.clear()
        with self._list:
            for one in drifts:
                with ui.element("div").classes("fact"):
                    with ui.element("dt"):
                        ui.label(WORDS[one.quantity])
                    with ui.element("dd"):
                        ui.label(describe_drift(one)).classes("figure")


def describe_drift(one: Drift) -> str:
    """Return how fast a quantity moves, how sure that is, and when it is at its warning level."""
    if one.slope is None or one.slope_low is None or one.slope_high is None:
        return f"not known yet: {one.days} days since the baseline"
    told = describe_slope(one.slope, one.slope_low, one.slope_high)
    told += f", from {one.days} days that scatter by {one.noise or 0:.0f}"
    if one.reach_at_ms is None or one.slope_low <= 0:
        return told
    return f"{told}; at its warning level {describe_dates(one.reach_at_ms, one.earliest_at_ms, one.latest_at_ms)}"
