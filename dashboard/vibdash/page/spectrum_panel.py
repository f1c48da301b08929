"""Spectra on the page of a sensor: its latest snapshot over a healthy one, and all its spectra over time."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from dataclasses import dataclass

from nicegui import ui

from vibdash.access.accounts import Role
from vibdash.page.spectrum_chart import snapshot_options, waterfall_options
from vibdash.page.states import Clock
from vibdash.page.viewer import Viewer
from vibdash.read.machines import Machines
from vibdash.read.references import References
from vibdash.read.replies import ReplyReader
from vibdash.read.snapshots import AXES, Snapshot, join_snapshot
from vibdash.read.waterfall import WaterfallReader

SNAPSHOTS_OFFERED = 12


@dataclass(frozen=True)
class SpectrumAccess:
    """What spectra are read through."""

    replies: ReplyReader
    waterfalls: WaterfallReader
    references: References
    machines: Machines
    viewer: Viewer


class SpectrumPanel:
    """Draws itself where it is made; `read` brings it up to date."""

    def __init__(self, key: tuple[str, str], access: SpectrumAccess, clock: Clock) -> None:
        self._key = key
        self._access = access
        self._clock = clock
        self._snapshots: dict[int, Snapshot] = {}
        with ui.element("div").classes("section-heading"):
            ui.label("Spectra").props("role=heading aria-level=2")
            self._axis = ui.toggle(
                {axis: f"{axis.upper()} axis" for axis in AXES}, value="x", on_change=self.read
            )
            self._axis.props("flat dense no-caps").classes("ranges")
        with ui.element("div").classes("courses"):
            with ui.element("div").classes("panel course"):
                with ui.element("div").classes("chart-heading"):
                    self._chosen = ui.select({}, label="Snapshot", on_change=self._draw_snapshot)
                    self._chosen.props("dense outlined options-dense").classes("chosen")
                    if access.viewer.account.may(Role.ENGINEER):
                        self._healthy = ui.button(
                            "This is healthy", icon="verified", on_click=self._take_as_healthy
                        )
                        self._healthy.props("outline dense no-caps").classes("act")
                self._lines = ui.echart({}, renderer="svg").classes("chart snapshot")
                self._no_lines = ui.label("No snapshot yet. An engineer can ask for one below.").classes(
                    "empty"
                )
            with ui.element("div").classes("panel course"):
                ui.label("Spectra over time").classes("detail")
                self._fall = ui.echart({}, renderer="canvas").classes("chart waterfall")
                self._no_fall = ui.label("No spectrum of this axis yet.").classes("empty")

    async def read(self) -> None:
        """Read what there is and draw it."""
        replies = self._access.replies
        found = await asyncio.to_thread(replies.answered, *self._key, "snapshot", limit=SNAPSHOTS_OFFERED)
        joined = [(number, at_ms, join_snapshot(parts)) for number, at_ms, parts in found]
        self._snapshots = {number: snapshot for number, _, snapshot in joined if snapshot is not None}
        offered = {number: self._clock(at_ms) for number, at_ms, snapshot in joined if snapshot is not None}
        newest = next(iter(offered), None)
        if list(offered) != list(self._chosen.options):
            self._chosen.set_options(offered, value=newest)
        await self._draw_snapshot()
        await self._draw_waterfall()

    async def _draw_snapshot(self) -> None:
        chosen = self._snapshots.get(self._chosen.value) if self._chosen.value is not None else None
        self._lines.set_visibility(chosen is not None)
        self._no_lines.set_visibility(chosen is None)
        self._chosen.set_visibility(bool(self._snapshots))
        if self._access.viewer.account.may(Role.ENGINEER):
            self._healthy.set_visibility(chosen is not None)
        if chosen is None:
            return
        reference = await asyncio.to_thread(self._access.references.of, *self._key)
        healthy = await self._healthy_snapshot(reference.machine.reference_command_id)
        redraw(self._lines, snapshot_options(chosen, healthy, AXES.index(self._axis.value), reference))

    async def _healthy_snapshot(self, number: int | None) -> Snapshot | None:
        if number is None or number == self._chosen.value:
            return None
        if number in self._snapshots:
            return self._snapshots[number]
        return join_snapshot(await asyncio.to_thread(self._access.replies.parts, number))

    async def _draw_waterfall(self) -> None:
        fall = await asyncio.to_thread(self._access.waterfalls.read, *self._key, str(self._axis.value))
        self._fall.set_visibility(fall is not None)
        self._no_fall.set_visibility(fall is None)
        if fall is not None:
            redraw(
                self._fall,
                waterfall_options(fall, [f"{self._clock(row.at_ms)} {row.kind}" for row in fall.rows]),
            )

    async def _take_as_healthy(self) -> None:
        author = await self._access.viewer.name_if_may(Role.ENGINEER)
        if author is None or self._chosen.value is None:
            return
        machines = self._access.machines
        machine = await asyncio.to_thread(machines.of, *self._key)
        said = dataclasses.replace(machine, reference_command_id=self._chosen.value)
        await asyncio.to_thread(machines.change, *self._key, said, author, time.time_ns() // 1_000_000)
        await self._draw_snapshot()
        ui.notify("this snapshot is what healthy looks like from now on")


def redraw(chart: ui.echart, options: dict[str, object]) -> None:
    """Have a chart draw other options."""
    chart.options.clear()
    chart.options.update(options)
    chart.update()
