"""Commands on the page of a sensor: what an engineer may ask of it, and what it answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from vibdash.access.accounts import Role
from vibdash.commands.keys import CommandKeys
from vibdash.commands.queue import Commander
from vibdash.page.command_dialogs import ask_for_number, ask_for_repair, ask_for_thresholds, confirm
from vibdash.page.states import Clock
from vibdash.page.viewer import Viewer
from vibdash.protocol.commands import LEARN_WINDOWS, SNAPSHOT_FRAMES, NotAccepted
from vibdash.protocol.messages import Sensor
from vibdash.read.replies import CommandView, Progress, ReplyReader
from vibdash.read.sensors import Link, SensorView
from vibdash.wording import COMMAND_WORDS, describe_answer, describe_command

READ_EVERY_S = 1.0
USUAL_WINDOWS, USUAL_FRAMES = 30, 4096
_ICONS = {
    Progress.WAITING: "hourglass_top",
    Progress.SENT: "hourglass_top",
    Progress.ANSWERED: "task_alt",
    Progress.REFUSED: "block",
    Progress.NO_ANSWER: "sensors_off",
}


class CommandAccess:
    """What commands are asked through, and for whom. Of the keys, only that there is one is looked up here."""

    def __init__(self, commander: Commander, keys: CommandKeys, replies: ReplyReader, viewer: Viewer) -> None:
        self.replies = replies
        self.viewer = viewer
        self._commander = commander
        self._keys = keys

    def may_be_sent(self, sensor: Sensor) -> bool:
        """Return whether this host has the key of a device."""
        return self._keys.has(sensor)

    async def ask(self, sensor: Sensor, cmd: str, fields: dict[str, Any], note: str = "") -> bool:
        """Have a command sent, if the viewer may; the page says what is wrong otherwise."""
        author = await self.viewer.name_if_may(Role.ENGINEER)
        if author is None:
            return False
        try:
            await asyncio.to_thread(self._commander.ask, sensor, cmd, fields, author, _now_ms(), note)
        except NotAccepted as error:
            ui.notify(str(error), type="warning")
            return False
        return True


class CommandPanel:
    """Draws itself where it is made. `answered` is called when a command has been answered."""

    def __init__(
        self,
        key: tuple[str, str],
        access: CommandAccess,
        clock: Clock,
        answered: Callable[[], Awaitable[None]],
    ) -> None:
        self._sensor = Sensor(*key)
        self._access = access
        self._clock = clock
        self._answered = answered
        self._shown: tuple[CommandView, ...] = ()
        self._seen: SensorView | None = None
        self._buttons: list[ui.button] = []
        with ui.element("div").classes("panel commands"):
            self._why_not = ui.label().classes("detail")
            if access.viewer.account.may(Role.ENGINEER):
                with ui.element("div").classes("actions"):
                    self._draw_buttons()
            self._list = ui.element("div").props("role=list aria-live=polite")
            self._answer = ui.element("dl").classes("facts")
        ui.timer(READ_EVERY_S, self.read)

    def _draw_buttons(self) -> None:
        self._button("report", "description", lambda: self._ask("report"))
        self._button("spectrum", "equalizer", lambda: self._ask("spectrum"))
        self._button("snapshot", "graphic_eq", self._snapshot)
        self._button("baseline", "straighten", lambda: self._ask("baseline"))
        self._button("learn", "school", self.learn)
        self._button("restore", "undo", self._restore)
        self._button("repaired", "build", self._repaired)
        self._button("thresholds", "tune", self._thresholds)
        self._button("reboot", "restart_alt", self._reboot)

    def _button(self, cmd: str, icon: str, act: Callable[[], Awaitable[None]]) -> None:
        button = ui.button(COMMAND_WORDS[cmd], icon=icon, on_click=act).props("outline dense no-caps")
        self._buttons.append(button.classes("act").props(f"data-cmd={cmd}"))

    def show(self, sensor: SensorView) -> None:
        """Bring the buttons to how the sensor stands."""
        self._seen = sensor
        why = _why_not(sensor, self._access)
        self._why_not.text = why
        self._why_not.set_visibility(bool(why))
        for button in self._buttons:
            button.set_enabled(not why)

    async def read(self) -> None:
        """Read the commands anew, and draw them if something has changed."""
        found = await asyncio.to_thread(self._access.replies.latest, *self._key, _now_ms())
        if found == self._shown:
            return
        done = {one.id for one in self._shown if one.progress is Progress.ANSWERED}
        fresh = [one for one in found if one.progress is Progress.ANSWERED and one.id not in done]
        first = not self._shown
        self._shown = found
        self._draw()
        if fresh and not first:
            await self.open_answer(fresh[0])
            await self._answered()

    @property
    def shown(self) -> tuple[CommandView, ...]:
        """The commands that are listed."""
        return self._shown

    @property
    def _key(self) -> tuple[str, str]:
        return self._sensor.site, self._sensor.device

    def _draw(self) -> None:
        self._list.clear()
        with self._list:
            if not self._shown:
                ui.label("Nothing was asked of this sensor yet.").classes("detail")
            for one in self._shown:
                self._draw_command(one)

    def _draw_command(self, one: CommandView) -> None:
        tone = one.progress.name.lower()
        with (
            ui.element("div")
            .classes(f"asked {tone}")
            .props(f"role=listitem tabindex=0 data-command={one.id}") as row
        ):
            ui.icon(_ICONS[one.progress]).props("aria-hidden=true")
            with ui.element("div").classes("lines"):
                ui.label(describe_command(one.cmd, one.fields)).classes("word")
                ui.label(f"{self._clock(one.asked_at_ms)}, {one.author}").classes("detail figure")
            ui.label(_progress_text(one, self._clock)).classes("detail figure became")
        for event in ("click", "keydown.enter"):
            row.on(event, lambda one=one: self.open_answer(one))

    async def open_answer(self, one: CommandView) -> None:
        """Show what a sensor answered."""
        parts = await asyncio.to_thread(self._access.replies.parts, one.id)
        self._answer.clear()
        with self._answer:
            for name, value in describe_answer(one.cmd, parts):
                with ui.element("div").classes("fact"):
                    with ui.element("dt"):
                        ui.label(name)
                    with ui.element("dd"):
                        ui.label(value).classes("figure")

    # Asking

    async def _ask(self, cmd: str, fields: dict[str, Any] | None = None, note: str = "") -> None:
        if await self._access.ask(self._sensor, cmd, fields or {}, note):
            await self.read()

    async def _snapshot(self) -> None:
        frames = await ask_for_number("Snapshot of raw samples", "Frames", USUAL_FRAMES, SNAPSHOT_FRAMES)
        if frames is not None:
            await self._ask("snapshot", {"frames": frames})

    async def learn(self) -> None:
        """Have the sensor learn its machine anew, if the one who asks means it."""
        against = why_not_to_learn(self._seen)
        if against and not await confirm(
            f"{against} Is it well all the same, and to be learnt so?", "It is well"
        ):
            return
        text = "Learn the healthy baseline anew: the machine must run as it usually does, and be well"
        windows = await ask_for_number(text, "Windows", USUAL_WINDOWS, LEARN_WINDOWS)
        if windows is not None:
            await self._ask("learn", {"windows": windows} | ({"force": True} if against else {}))

    async def _restore(self) -> None:
        if await confirm(
            "Take the baseline back that was set aside last? The present one is lost.", "Take back"
        ):
            await self._ask("restore")

    async def _repaired(self) -> None:
        told = await ask_for_repair(USUAL_WINDOWS)
        if told is not None:
            await self._ask("repaired", {"windows": told[0]}, told[1])

    async def _thresholds(self) -> None:
        fields = await ask_for_thresholds()
        if fields is not None:
            await self._ask("thresholds", fields)

    async def _reboot(self) -> None:
        if await confirm("Restart the sensor? It measures nothing for some seconds.", "Restart"):
            await self._ask("reboot")


def why_not_to_learn(sensor: SensorView | None) -> str:
    """Return what speaks against learning a machine as it is, empty where nothing does."""
    if sensor is None:
        return ""
    if any(one.cause in ("anomaly", "velocity") for one in sensor.active):
        return "An alert of the machine is up: learnt now, the fault would be usual from then on."
    return {
        "over-velocity": "The machine is over the velocity limits of its class.",
        "over-alarm": "The machine looks faulty by the model's own measure.",
        "uneven": "The machine's level changed while it was learnt.",
    }.get(sensor.baseline_state or "", "")


def _why_not(sensor: SensorView, access: CommandAccess) -> str:
    """Return why nothing can be asked of a sensor now, empty where it can."""
    if not access.viewer.account.may(Role.ENGINEER):
        return "Commands need the role engineer."
    if not access.may_be_sent(Sensor(sensor.site, sensor.device)):
        return f"This host has no command key of this sensor: vibdash device add {sensor.device}"
    if sensor.link is not Link.ONLINE:
        return "The sensor is not heard: it would not hear a command."
    return ""


def _progress_text(one: CommandView, clock: Clock) -> str:
    if one.progress is Progress.ANSWERED and one.answered_at_ms is not None:
        return f"answered {clock(one.answered_at_ms)}"
    if one.progress is Progress.REFUSED:
        return one.error or "refused"
    if one.progress is Progress.SENT and one.parts is not None:
        return f"{one.parts_here} of {one.parts} parts"
    return {Progress.WAITING: "waiting to be sent", Progress.SENT: "sent"}.get(one.progress, "no answer")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
