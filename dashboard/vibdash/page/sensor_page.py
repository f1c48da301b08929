"""The page of one sensor: how it stands, its course over time, its alerts, and what it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import ui

from vibdash.page.alert_inbox import AlertInbox, InboxAccess
from vibdash.page.board import Board
from vibdash.page.command_panel import CommandAccess, CommandPanel
from vibdash.page.drift_panel import DriftPanel
from vibdash.page.faults import Faults, PartFailed
from vibdash.page.history_charts import score_options, velocity_options
from vibdash.page.machine_panel import MachinePanel
from vibdash.page.operating_point import (
    PULSE_WORDS,
    coverage_options,
    describe_coverage,
    describe_point,
    speed_options,
)
from vibdash.page.sensor_row import SensorRow
from vibdash.page.spectrum_panel import SpectrumAccess, SpectrumPanel, redraw
from vibdash.page.states import Clock
from vibdash.read.drift import DriftReader
from vibdash.read.history import HistoryReader
from vibdash.read.machines import Recorded
from vibdash.read.occurrences import Occurrence
from vibdash.read.sensors import SensorView
from vibdash.read.zones import Zones, zone_of, zones_of_class
from vibdash.wording import (
    RESET_WORDS,
    describe_baseline,
    describe_bytes,
    describe_limits,
    describe_model,
    describe_span,
    describe_velocity,
)

READ_COURSE_EVERY_S = 10.0
DAY_MS = 86_400_000
RANGES = {
    "1 hour": DAY_MS // 24,
    "24 hours": DAY_MS,
    "7 days": 7 * DAY_MS,
    "30 days": 30 * DAY_MS,
    "1 year": 365 * DAY_MS,
}


@dataclass(frozen=True)
class SensorAccess:
    """What the page of a sensor reads through; `zones_mm_s` are those of a machine whose class is not known."""

    history: HistoryReader
    inbox: InboxAccess
    zones_mm_s: Zones | None
    drift: DriftReader
    spectra: SpectrumAccess
    commands: CommandAccess


class SensorPage:
    """Draws itself where it is made; `show` is to be called often, `read` now and then."""

    def __init__(self, key: tuple[str, str], access: SensorAccess, clock: Clock) -> None:
        self._key = key
        self._access = access
        self._clock = clock
        self._row: SensorRow | None = None
        self._sensor: SensorView | None = None
        self._zones: Zones | None = None
        self._recorded: tuple[Recorded, ...] = ()
        self._faults = Faults()
        self._nothing = ui.label("Reading the database").classes("banner")
        self._top = ui.element("div").classes("panel fleet")
        with ui.element("div") as self._body:
            self._draw_course()
            with _section("Slow change"):
                self._drift = DriftPanel(access.inbox.viewer, lambda: self._commands.learn())
            with _section("Alerts of this sensor"):
                self._inbox = AlertInbox(clock, access.inbox)
            with ui.element("section"):
                self._spectra = SpectrumPanel(key, access.spectra, clock)
            with _section("Commands"):
                self._commands = CommandPanel(key, access.commands, clock, self._spectra.read)
            with _section("The machine"):
                self._machine = MachinePanel(key, access.spectra.machines, access.inbox.viewer)
            with (
                _section("What it runs"),
                ui.element("div").classes("panel about"),
                ui.element("dl").classes("facts"),
            ):
                self._facts = {name: _fact(name) for name in (*_FACTS, "Velocity")}

    def _draw_course(self) -> None:
        with ui.element("section"):
            with ui.element("div").classes("section-heading"):
                ui.label("Course").props("role=heading aria-level=2")
                self._range = ui.toggle(list(RANGES), value="24 hours", on_change=self.read)
                self._range.props("flat dense no-caps").classes("ranges")
            with ui.element("div").classes("courses"):
                self._score = _chart("Distance from healthy over time")
                self._velocity = _chart("Vibration velocity over time")
                self._by_speed = _chart("Distance from healthy against speed")
                self._coverage = _chart("What is learnt over the operating point")
                for chart in (self._by_speed, self._coverage):
                    _show_panel(chart, False)

    def show(self, board: Board) -> None:
        """Bring the page to what the board holds."""
        fleet = board.fleet
        found = [one for one in fleet.sensors if one.key == self._key] if fleet else []
        for part in (self._top, self._body):
            part.set_visibility(bool(found))
        self._nothing.set_visibility(not found or board.failure is not None)
        self._nothing.text = board.failure or "No sensor of this name has been heard."
        if not found or fleet is None:
            return
        first = self._sensor is None
        self._sensor = found[0]
        if first:
            ui.timer(READ_COURSE_EVERY_S, self.read)
            ui.timer(0, self._read_once, once=True)
        self._show_parts(self._sensor, fleet.now_ms, board.occurrences)

    def _show_parts(self, sensor: SensorView, now_ms: int, occurrences: tuple[Occurrence, ...]) -> None:
        mine = tuple(one for one in occurrences if (one.site, one.device) == self._key)
        parts = {
            "The sensor's state": lambda: self._show_row(sensor, now_ms),
            "The alerts": lambda: self._inbox.show(mine),
            "What it runs": lambda: self._show_facts(sensor),
            "The commands": lambda: self._commands.show(sensor),
        }
        if not all([self._faults.shield(part, draw) for part, draw in parts.items()]):
            raise PartFailed("parts of it are as they were")

    def _show_row(self, sensor: SensorView, now_ms: int) -> None:
        if self._row is None:
            with self._top:
                self._row = SensorRow()
        self._row.show(sensor, now_ms, self._clock, with_site=True)

    def _show_facts(self, sensor: SensorView) -> None:
        for name, describe in _FACTS.items():
            self._facts[name].text = describe(sensor)
        self._facts["Velocity"].text = _velocity(sensor, self._zones)

    async def _read_once(self) -> None:
        assert self._sensor is not None
        if (self._sensor.uptime_ms or DAY_MS) < RANGES["1 hour"]:
            self._range.value = "1 hour"
        self._machine.show(await asyncio.to_thread(self._access.spectra.machines.of, *self._key))
        await self._spectra.read()

    async def read_all(self) -> None:
        """Read and draw all that the page ever does: course, spectra, commands and their answers."""
        await self._read_once()
        await self.read()
        await self._commands.read()
        for one in self._commands.shown:
            await self._commands.open_answer(one)

    async def read(self) -> None:
        """Read the course anew and draw it."""
        if self._sensor is None:
            return
        now_ms = time.time_ns() // 1_000_000
        since_ms = now_ms - RANGES[str(self._range.value)]
        history = await asyncio.to_thread(self._access.history.read, *self._key, since_ms, now_ms)
        machine = await asyncio.to_thread(self._access.spectra.machines.of, *self._key)
        self._drift.show(await asyncio.to_thread(self._access.drift.of, *self._key))
        record = await asyncio.to_thread(self._access.spectra.machines.record, *self._key)
        if record != self._recorded:
            self._recorded = record
            self._machine.show_record(record, self._clock)
        known = machine.component_class
        self._zones = zones_of_class(known) if known else self._access.zones_mm_s
        redraw(self._score, score_options(history, self._sensor))
        at_speeds = await asyncio.to_thread(self._access.history.at_speeds, *self._key, since_ms, now_ms)
        _show_panel(self._by_speed, bool(at_speeds))
        over, learnt = self._sensor.coverage_over, self._sensor.coverage
        _show_panel(self._coverage, bool(over and learnt))
        if over and learnt:
            redraw(self._coverage, coverage_options(learnt, over))
        redraw(self._by_speed, speed_options(at_speeds, self._sensor))
        redraw(self._velocity, velocity_options(history, self._sensor, self._zones))


@contextmanager
def _section(title: str) -> Iterator[None]:
    with ui.element("section"):
        with ui.element("div").classes("section-heading"):
            ui.label(title).props("role=heading aria-level=2")
        yield


def _chart(what: str) -> ui.echart:
    with ui.element("div").classes("panel course").props(f'role=img aria-label="{what}"'):
        return ui.echart({}, renderer="svg").classes("chart")


def _show_panel(chart: ui.echart, shown: bool) -> None:
    """Show or hide a chart with the panel that it stands in."""
    assert chart.parent_slot is not None
    chart.parent_slot.parent.set_visibility(shown)


def _fact(name: str) -> ui.label:
    with ui.element("div").classes("fact"):
        with ui.element("dt"):
            ui.label(name)
        with ui.element("dd"):
            return ui.label().classes("figure")


_FACTS: dict[str, Callable[[SensorView], str]] = {
    "Model": lambda one: describe_model(one.model_name, one.model_digest, one.model_origin),
    "Baseline": lambda one: describe_baseline(
        one.baseline_state, one.baseline_windows, one.baseline_time_s, time.time()
    ),
    "Limits": lambda one: describe_limits(one.warning, one.alarm),
    "Firmware": lambda one: one.fw or "not said",
    "Runs for": lambda one: "not said" if one.uptime_ms is None else describe_span(one.uptime_ms),
    "Last start": lambda one: f"boot {one.boot}, {RESET_WORDS[one.reset_by or 'unknown']}",
    "Says something every": lambda one: (
        "not said" if one.interval_s is None else describe_span(one.interval_s * 1000)
    ),
    "Windows judged": lambda one: _count(one.windows),
    "Gaps in the samples": lambda one: _count(one.gaps),
    "Alerts waiting on it": lambda one: _count(one.queued),
    "Alerts lost on it": lambda one: _count(one.dropped),
    "Refused commands": lambda one: _count(one.refused),
    "Tasks restarted": lambda one: _count(one.restarts),
    "Free memory": lambda one: "not said" if one.heap_free is None else describe_bytes(one.heap_free),
    "Battery": lambda one: "none" if one.battery_mv is None else f"{one.battery_mv / 1000:.2f} V",
    "Operating point": lambda one: describe_point(one.speed_millihz, one.load_permille, one.point_source),
    "Learnt over": lambda one: describe_coverage(one.coverage, one.coverage_over),
    "Speed probe": lambda one: PULSE_WORDS[one.pulse or ""],
    "Acceleration": lambda one: (
        "not said" if one.rms_mm_s2 is None else f"{one.rms_mm_s2 / 1000:.2f} m/s² RMS"
    ),
}


def _velocity(sensor: SensorView, zones: Zones | None) -> str:
    if sensor.velocity_um_s is None:
        return "not said"
    told = describe_velocity(sensor.velocity_um_s)
    return told if zones is None else f"{told}, zone {zone_of(sensor.velocity_um_s / 1000, zones)}"


def _count(number: int | None) -> str:
    return "not said" if number is None else f"{number:,}"
