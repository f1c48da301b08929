"""What the machine is that a sensor is on: shown to all, entered by an engineer."""

from __future__ import annotations

import asyncio
import dataclasses
import time

from nicegui import ui
from vibnode.component_class import CLASSES

from vibdash.access.accounts import Role
from vibdash.page.states import Clock
from vibdash.page.viewer import Viewer
from vibdash.read.machines import Machine, Machines, NotAMachine, Recorded
from vibdash.wording import CLASS_WORDS, LINE_WORDS, describe_recorded

_NUMBERS = (
    ("shaft_rpm", "Shaft, rpm"),
    ("balls", "Bearing: rolling elements"),
    ("ball_mm", "Their diameter, mm"),
    ("pitch_mm", "Pitch diameter, mm"),
    ("contact_deg", "Contact angle, degrees"),
)


class MachinePanel:
    """Draws itself where it is made; `show` takes what is known."""

    def __init__(self, key: tuple[str, str], machines: Machines, viewer: Viewer) -> None:
        self._key = key
        self._machines = machines
        self._viewer = viewer
        self._machine = Machine()
        may = viewer.account.may(Role.ENGINEER)
        with ui.element("div").classes("panel machine-form"):
            with ui.element("div").classes("boxes"):
                classes = {name: CLASS_WORDS.get(name, name) for name in CLASSES}
                self._class = ui.select(classes, label="Class, for the velocity zones", clearable=True)
                self._class.props("dense outlined options-dense").set_enabled(may)
                self._boxes = {name: ui.number(label) for name, label in _NUMBERS}
                for box in self._boxes.values():
                    box.props("dense outlined").set_enabled(may)
                if may:
                    ui.button("Keep", icon="save", on_click=self._keep).props(
                        "outline dense no-caps"
                    ).classes("act")
            self._lines = ui.label().classes("detail figure")
            self._record = (
                ui.element("div").props("role=list aria-label='The record of the machine'").classes("journal")
            )

    def show_record(self, record: tuple[Recorded, ...], clock: Clock) -> None:
        """List what was done to the machine, newest first."""
        self._record.clear()
        with self._record:
            for one in record:
                with ui.element("div").classes("entry").props("role=listitem"):
                    ui.label(describe_recorded(one.cmd, one.ok, one.error)).classes("word")
                    ui.label(f"{clock(one.at_ms)}, {one.author}").classes("detail figure")
                    if one.note:
                        ui.label(one.note).classes("detail")

    def show(self, machine: Machine) -> None:
        """Fill the form in."""
        self._machine = machine
        self._class.value = machine.component_class
        for name, box in self._boxes.items():
            box.value = getattr(machine, name)
        self._lines.text = _frequencies(machine)

    async def _keep(self) -> None:
        author = await self._viewer.name_if_may(Role.ENGINEER)
        if author is None:
            return
        values = {name: box.value for name, box in self._boxes.items()}
        if values["balls"] is not None:
            values["balls"] = int(values["balls"])
        said = dataclasses.replace(self._machine, component_class=self._class.value, **values)
        try:
            await asyncio.to_thread(
                self._machines.change, *self._key, said, author, time.time_ns() // 1_000_000
            )
        except NotAMachine as error:
            ui.notify(str(error), type="warning")
            return
        self.show(said)
        ui.notify("kept")


def _frequencies(machine: Machine) -> str:
    lines = machine.lines_hz()
    if not lines:
        return (
            "With the shaft's speed and the bearing's geometry, their frequencies are marked in the spectra."
        )
    return ", ".join(f"{LINE_WORDS[name]} {hertz:.1f} Hz" for name, hertz in lines.items())
