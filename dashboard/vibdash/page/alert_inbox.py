"""The inbox: one row an alert, from its raise to its clear, and what operators do about them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from nicegui import ui
from nicegui.events import GenericEventArguments

from vibdash.access.accounts import Role
from vibdash.page.alert_detail import AlertDetail, DetailActions
from vibdash.page.faults import describe, log
from vibdash.page.inbox_row import InboxRow
from vibdash.page.seen import SEEN_JS, OnScreen, on_screen
from vibdash.page.states import Clock
from vibdash.page.viewer import Viewer
from vibdash.read.chatter import Seen
from vibdash.read.occurrences import Occurrence, OccurrenceReader, State, count_by_state
from vibdash.read.operating import Operations
from vibdash.read.references import References
from vibdash.wording import STATE_WORDS, describe_cause, describe_device

E = TypeVar("E", bound=ui.element)
HOUR_MS = 3_600_000
SHELVE_FOR = {"1 hour": HOUR_MS, "8 hours": 8 * HOUR_MS, "1 day": 24 * HOUR_MS, "7 days": 168 * HOUR_MS}
OPEN = "open"  # what asks for attention: new, acknowledged and still there, returned without a look
_IS_OPEN = (State.NEW, State.ACKNOWLEDGED, State.RETURNED)
_FILTERS = (OPEN, *State)
ROWS_AT_FIRST = 50  # a row more costs the browser more than anyone reads
KEYS = (
    "j, k: next, previous · x: tick · t: tick all · a: acknowledge · s: shelve 8 h · c: comment · /: search"
)


@dataclass(frozen=True)
class InboxAccess:
    """What an inbox reads and writes through, and for whom."""

    reader: OccurrenceReader
    operations: Operations
    references: References
    viewer: Viewer


class AlertInbox:
    """Draws itself where it is made; `show` takes the alerts to be listed."""

    def __init__(self, clock: Clock, access: InboxAccess) -> None:
        self._clock = clock
        self._operations = access.operations
        self._viewer = access.viewer
        self._may_operate = access.viewer.account.may(Role.OPERATOR)
        self._all: tuple[Occurrence, ...] | None = None
        self._rows: dict[int, InboxRow] = {}
        self._filter = OPEN
        self._listed: list[Occurrence] = []
        self._ticked: dict[int, Seen] = {}
        self._most_drawn = ROWS_AT_FIRST
        self._chosen: int | None = None
        self._draw_toolbar()
        with ui.element("div").classes("inbox"):
            with ui.element("div").classes("panel list"):
                self._nothing = ui.label().classes("empty")
                self._list = ui.element("div").props("role=list aria-live=polite")
                self._more = (
                    ui.button(on_click=self._draw_more).props("flat dense no-caps").classes("act more")
                )
            actions = DetailActions(self._comment, self._strike) if self._may_operate else None
            self._detail = AlertDetail(clock, access.reader, access.references, actions)
        ui.on("inbox-key", self._on_key)

    def _draw_toolbar(self) -> None:
        with ui.element("div").classes("toolbar"):
            with ui.element("div").classes("chips").props('role=group aria-label="Which alerts"'):
                self._chips = {name: self._draw_chip(name) for name in _FILTERS}
            self._search = ui.input(placeholder="Sensor or cause", on_change=lambda: self._refresh())
            self._search.props('dense outlined clearable aria-label="Search alerts"').classes("search")
            if self._may_operate:
                with ui.element("div").classes("actions"):
                    self._ticked_count = ui.label().classes("detail")
                    _button("Tick all", "done_all", self._tick_all)
                    _button("Acknowledge", "done", self._acknowledge)
                    with _button("Shelve", "snooze", None), ui.menu().props("auto-close"):
                        for label, for_ms in SHELVE_FOR.items():
                            _with_screen(ui.menu_item(label), partial(self._shelve, for_ms))
                    _button("Unshelve", "alarm", self._unshelve)
        if self._may_operate:
            ui.label(KEYS).classes("detail keys")

    def _draw_chip(self, name: str) -> ui.button:
        chip = ui.button(on_click=lambda: self._set_filter(name)).props("flat dense no-caps")
        return chip.classes("chip").props(f"data-filter={name}")

    def _set_filter(self, name: str) -> None:
        self._filter = name
        self._refresh()

    # Listing

    def show(self, occurrences: tuple[Occurrence, ...]) -> None:
        """List the alerts as they come. The first is opened while none is; from then on only a person opens another."""
        if occurrences != self._all:
            self._all = occurrences
            self._refresh()

    def _refresh(self) -> None:
        everything = self._all or ()
        self._show_counts(everything)
        self._listed = [one for one in everything if self._matches(one)]
        self._list.props(f"data-upto={max((one.last_event_id for one in everything), default=0)}")
        drawn = self._listed[: self._most_drawn]
        for gone in self._rows.keys() - {one.id for one in drawn}:
            self._rows.pop(gone).root.delete()
        for index, one in enumerate(drawn):
            self._show_row(index, one)
        self._say_more(self._listed[len(drawn) :])
        self._nothing.set_visibility(not drawn)
        self._nothing.text = _nothing_text(self._filter, bool(everything))
        if self._chosen is None and drawn:
            self._open(drawn[0])
        else:
            for one in everything:
                if one.id == self._chosen:
                    self._open(one)
        self._count_ticked()

    def _show_row(self, index: int, one: Occurrence) -> None:
        """Draw a row at its place; one that cannot be drawn says so there, and the others are drawn all the same."""
        row = self._rows.get(one.id)
        if row is None:
            with self._list:
                row = self._rows[one.id] = InboxRow(one, self._clock, self._choose, self._tick)
        if self._list.default_slot.children[index] is not row.root:
            row.root.move(target_index=index)
        try:
            row.show(one, ticked=one.id in self._ticked)
        except Exception as error:
            log.exception("alert %s cannot be drawn", one.id)
            row.show_trouble(one, f"cannot be shown: {describe(error)}")

    def _say_more(self, undrawn: list[Occurrence]) -> None:
        self._more.set_visibility(bool(undrawn))
        alarms = sum(one.level == "alarm" and one.over_at_ms is None for one in undrawn)
        self._more.text = f"{len(undrawn):,} more" + (f", {alarms:,} of them active alarms" if alarms else "")

    def _show_counts(self, everything: tuple[Occurrence, ...]) -> None:
        counts = count_by_state(everything)
        for name, chip in self._chips.items():
            count = sum(counts[s] for s in _IS_OPEN) if name == OPEN else counts[State(name)]
            chip.text = f"{STATE_WORDS[name]} {count:,}"
            chosen = name == self._filter
            chip.classes(add="on" if chosen else "", remove="" if chosen else "on")
            chip.props(f"aria-pressed={'true' if chosen else 'false'}")

    def _draw_more(self) -> None:
        self._most_drawn += ROWS_AT_FIRST
        self._refresh()

    def _matches(self, one: Occurrence) -> bool:
        in_filter = one.state in _IS_OPEN if self._filter == OPEN else one.state == self._filter
        what = f"{describe_device(one.device)} {describe_cause(one.cause, one.class_name)}"
        words = f"{one.site} {one.device} {what} {one.level}".lower()
        return in_filter and all(word in words for word in (self._search.value or "").lower().split())

    def _choose(self, one: Occurrence) -> None:
        self._open(one)

    def _open(self, one: Occurrence) -> None:
        if self._chosen in self._rows:
            self._rows[self._chosen].root.classes(remove="chosen")
        self._chosen = one.id
        if one.id in self._rows:
            self._rows[one.id].root.classes(add="chosen")
        self._detail.show(one)

    # Acting

    def _targets(self, screen: OnScreen) -> list[Seen]:
        """Return the ticked ones of those listed, else the one that is open; as they were on the screen."""
        ticked = [self._ticked[one.id] for one in self._listed if one.id in self._ticked]
        if ticked:
            return [screen.rows.get(one.id, one) for one in ticked]
        if self._chosen is None:
            return []
        if screen.open is None or screen.open.id != self._chosen:
            ui.notify("Not done: the page was changing. Look at what is open now.", type="warning")
            return []
        return [screen.open]

    def _tick(self, one: Occurrence, ticked: bool) -> None:
        if ticked:
            self._ticked.setdefault(one.id, Seen(one.id, one.newest_id, one.level))
        else:
            self._ticked.pop(one.id, None)
        self._count_ticked()

    def _tick_all(self, screen: OnScreen) -> None:
        """Tick all that are listed and were when that was asked for, those not drawn too; none if all are."""
        listed = [one for one in self._listed if one.last_event_id <= screen.upto]
        all_are = all(one.id in self._ticked for one in listed)
        self._ticked = {} if all_are else {one.id: Seen(one.id, one.newest_id, one.level) for one in listed}
        self._refresh()

    def _count_ticked(self) -> None:
        if self._may_operate:
            count = sum(one.id in self._ticked for one in self._listed)
            self._ticked_count.text = f"{count:,} ticked" if count else "for the open one"

    async def _acknowledge(self, screen: OnScreen) -> None:
        await self._act("acknowledged", screen, self._operations.acknowledge)

    async def _shelve(self, for_ms: int, screen: OnScreen) -> None:
        def shelve(chosen: list[Seen], author: str, now_ms: int) -> int:
            return self._operations.shelve(chosen, for_ms, author, now_ms)

        await self._act("shelved", screen, shelve)

    async def _unshelve(self, screen: OnScreen) -> None:
        await self._act("brought back", screen, self._operations.unshelve)

    async def _act(self, done: str, screen: OnScreen, act: Callable[[list[Seen], str, int], int]) -> None:
        """Do something about the chosen alerts and say what was done; what fails is said by the page's `Answers`."""
        chosen = self._targets(screen)
        if not chosen:
            return
        author = await self._viewer.name_if_may(Role.OPERATOR)
        if author is None:
            return
        count = await asyncio.to_thread(act, chosen, author, _now_ms())
        for one in chosen:
            self._ticked.pop(one.id, None)
        self._refresh()
        if count:
            ui.notify(f"{count:,} {done}")
        else:
            ui.notify(f"Nothing {done}: it was so already, or has become worse since", type="warning")

    async def _comment(self, one: Occurrence, text: str) -> bool:
        author = await self._viewer.name_if_may(Role.OPERATOR)
        if author is None:
            return False
        await asyncio.to_thread(self._operations.comment, one.id, text, author, _now_ms())
        ui.notify(f"Comment kept: {describe_device(one.device)}")
        return True

    async def _strike(self, entry_id: int) -> bool:
        author = await self._viewer.name_if_may(Role.OPERATOR)
        if author is None:
            return False
        await asyncio.to_thread(self._operations.strike, entry_id, author, _now_ms())
        ui.notify("Comment struck out")
        return True

    async def _on_key(self, event: GenericEventArguments) -> None:
        said = event.args if isinstance(event.args, dict) else {}
        screen = on_screen(said.get("seen"))
        match said.get("key"):
            case "j" | "k" as key:
                self._step(1 if key == "j" else -1)
            case "/":
                self._search.run_method("focus")
            case str(key) if self._may_operate:
                await self._act_on_key(key, screen)

    async def _act_on_key(self, key: str, screen: OnScreen) -> None:
        match key:
            case "x" if screen.open is not None and screen.open.id in self._rows:
                self._rows[screen.open.id].toggle()
            case "t":
                self._tick_all(screen)
            case "a":
                await self._acknowledge(screen)
            case "s":
                await self._shelve(SHELVE_FOR["8 hours"], screen)
            case "c":
                self._detail.focus_comment()

    def _step(self, by: int) -> None:
        drawn = self._listed[: self._most_drawn]
        if not drawn:
            return
        ids = [one.id for one in drawn]
        at = ids.index(self._chosen) + by if self._chosen in ids else 0
        self._choose(drawn[max(0, min(at, len(ids) - 1))])
        assert self._chosen is not None
        self._rows[self._chosen].focus()


def _button(word: str, icon: str, act: Callable[[OnScreen], Awaitable[None] | None] | None) -> ui.button:
    button = ui.button(word, icon=icon).props("outline dense no-caps").classes("act")
    return button if act is None else _with_screen(button, act)


def _with_screen(element: E, act: Callable[[OnScreen], Awaitable[None] | None]) -> E:
    """Do something at a click, with what is on the screen then."""

    def on_click(event: GenericEventArguments) -> Awaitable[None] | None:
        return act(on_screen(event.args))

    element.on("click", on_click, js_handler=SEEN_JS)
    return element


def _nothing_text(chosen: str, any_at_all: bool) -> str:
    if not any_at_all:
        return "No alerts yet. They appear here by themselves."
    return "Nothing is open." if chosen == OPEN else "None of these."


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
