"""The inbox: one row an alert, from its raise to its clear, and what operators do about them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui
from nicegui.events import KeyEventArguments

from vibdash.access.accounts import Role
from vibdash.page.alert_detail import AlertDetail
from vibdash.page.states import Clock, level_icon
from vibdash.page.viewer import Viewer
from vibdash.read.occurrences import Occurrence, OccurrenceReader, State, count_by_state
from vibdash.read.operating import Operations
from vibdash.read.references import References
from vibdash.wording import LEVEL_WORDS, STATE_WORDS, describe_cause

HOUR_MS = 3_600_000
SHELVE_FOR = {"1 hour": HOUR_MS, "8 hours": 8 * HOUR_MS, "1 day": 24 * HOUR_MS, "7 days": 168 * HOUR_MS}
OPEN = "open"  # what asks for attention: new, acknowledged and still there, returned without a look
_IS_OPEN = (State.NEW, State.ACKNOWLEDGED, State.RETURNED)
_FILTERS = (OPEN, *State)
ROWS_AT_FIRST = 150  # a row more costs the browser more than anyone reads
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
        self._rows: dict[int, _Row] = {}
        self._filter = OPEN
        self._listed: list[Occurrence] = []
        self._ticked: set[int] = set()
        self._most_drawn = ROWS_AT_FIRST
        self._chosen: int | None = None
        self._follow_newest = True
        self._draw_toolbar()
        with ui.element("div").classes("inbox"):
            with ui.element("div").classes("panel list"):
                self._nothing = ui.label().classes("empty")
                self._list = ui.element("div").props("role=list aria-live=polite")
                self._more = (
                    ui.button(on_click=self._draw_more).props("flat dense no-caps").classes("act more")
                )
            self._detail = AlertDetail(
                clock, access.reader, access.references, self._comment if self._may_operate else None
            )
        ui.keyboard(on_key=self._on_key, ignore=["input", "textarea", "select"])

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
                            ui.menu_item(label, lambda for_ms=for_ms: self._shelve(for_ms))
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
        """List the alerts, newest first; the newest is opened unless another was chosen."""
        if occurrences != self._all:
            self._all = occurrences
            self._refresh()

    def _refresh(self) -> None:
        everything = self._all or ()
        self._show_counts(everything)
        self._listed = [one for one in everything if self._matches(one)]
        drawn = self._listed[: self._most_drawn]
        for gone in self._rows.keys() - {one.id for one in drawn}:
            self._rows.pop(gone).root.delete()
        for index, one in enumerate(drawn):
            row = self._rows.get(one.id)
            if row is None:
                with self._list:
                    row = self._rows[one.id] = _Row(one, self._clock, self._choose, self._tick)
                row.root.move(target_index=index)
            row.show(one, ticked=one.id in self._ticked)
        more = len(self._listed) - len(drawn)
        self._more.set_visibility(more > 0)
        self._more.text = f"{more:,} more"
        self._nothing.set_visibility(not drawn)
        self._nothing.text = _nothing_text(self._filter, bool(everything))
        if self._follow_newest and drawn:
            self._open(drawn[0])
        else:
            for one in everything:
                if one.id == self._chosen:
                    self._open(one)
        self._count_ticked()

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
        words = f"{one.site} {one.device} {describe_cause(one.cause, one.class_name)} {one.level}".lower()
        return in_filter and all(word in words for word in (self._search.value or "").lower().split())

    def _choose(self, one: Occurrence) -> None:
        self._follow_newest = False
        self._open(one)

    def _open(self, one: Occurrence) -> None:
        if self._chosen in self._rows:
            self._rows[self._chosen].root.classes(remove="chosen")
        self._chosen = one.id
        if one.id in self._rows:
            self._rows[one.id].root.classes(add="chosen")
        self._detail.show(one)

    # Acting

    def _targets(self) -> list[int]:
        """Return the ticked ones of those listed, else the one that is open."""
        ticked = [one.id for one in self._listed if one.id in self._ticked]
        return ticked or ([self._chosen] if self._chosen is not None else [])

    def _tick(self, id: int, ticked: bool) -> None:
        (self._ticked.add if ticked else self._ticked.discard)(id)
        self._count_ticked()

    def _tick_all(self) -> None:
        """Tick all that are listed, those not drawn too; none if all are."""
        listed = {one.id for one in self._listed}
        self._ticked = set() if listed <= self._ticked else listed
        self._refresh()

    def _count_ticked(self) -> None:
        if self._may_operate:
            count = sum(one.id in self._ticked for one in self._listed)
            self._ticked_count.text = f"{count:,} ticked" if count else "for the open one"

    async def _acknowledge(self) -> None:
        await self._act("acknowledged", lambda ids, who, at: self._operations.acknowledge(ids, who, at))

    async def _shelve(self, for_ms: int) -> None:
        await self._act("shelved", lambda ids, who, at: self._operations.shelve(ids, for_ms, who, at))

    async def _unshelve(self) -> None:
        await self._act("brought back", lambda ids, who, at: self._operations.unshelve(ids, who, at))

    async def _act(self, done: str, act: Callable[[list[int], str, int], int]) -> None:
        ids = self._targets()
        author = await self._viewer.name_if_may(Role.OPERATOR)
        if author is None or not ids:
            return
        self._follow_newest = False
        count = await asyncio.to_thread(act, ids, author, time.time_ns() // 1_000_000)
        self._ticked -= set(ids)
        self._refresh()
        ui.notify(f"{count} {done}" if count else f"nothing to be {done}")

    async def _comment(self, one: Occurrence, text: str) -> None:
        author = await self._viewer.name_if_may(Role.OPERATOR)
        if author is not None:
            now_ms = time.time_ns() // 1_000_000
            await asyncio.to_thread(self._operations.comment, one.id, text, author, now_ms)

    async def _on_key(self, event: KeyEventArguments) -> None:
        if not event.action.keydown or event.modifiers.ctrl or event.modifiers.alt or event.modifiers.meta:
            return
        match str(event.key):
            case "j" | "k" as key:
                self._step(1 if key == "j" else -1)
            case "/":
                self._search.run_method("focus")
            case key if self._may_operate:
                await self._act_on_key(key)

    async def _act_on_key(self, key: str) -> None:
        match key:
            case "x" if self._chosen in self._rows:
                self._rows[self._chosen].toggle()
            case "t":
                self._tick_all()
            case "a":
                await self._acknowledge()
            case "s":
                await self._shelve(SHELVE_FOR["8 hours"])
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


class _Row:
    """One alert in the list, drawn once and then updated in place."""

    def __init__(
        self,
        one: Occurrence,
        clock: Clock,
        choose: Callable[[Occurrence], None],
        on_tick: Callable[[int, bool], None],
    ) -> None:
        self.occurrence = one
        self._clock = clock
        self.root = ui.element("div").classes("item").props(f"role=listitem tabindex=0 data-alert={one.id}")
        with self.root:
            self._tick = ui.checkbox(on_change=lambda event: on_tick(one.id, bool(event.value)))
            self._tick.props(f'dense aria-label="Tick {one.device}"')
            self._icon = ui.icon("warning").props("aria-hidden=true")
            with ui.element("div").classes("lines"):
                self._word = ui.label().classes("word")
                self._cause = ui.label().classes("detail")
            with ui.element("div").classes("lines when"):
                ui.label(one.device).classes("word")
                self._when = ui.label().classes("detail figure")
        self._tick.on("click.stop", lambda: None)
        for event in ("click", "keydown.enter"):
            self.root.on(event, lambda: choose(self.occurrence))
        self._drawn: Occurrence | None = None

    def show(self, one: Occurrence, *, ticked: bool) -> None:
        """Bring the row to how the alert stands."""
        self._tick.value = ticked
        if one == self._drawn:
            return
        self._drawn = self.occurrence = one
        over = one.over_at_ms is not None
        tones = {"alarm": one.level == "alarm", "warning": one.level == "warning", "over": over}
        tones["fresh"] = one.needs_acknowledging
        for name, on in tones.items():
            self.root.classes(add=name if on else "", remove="" if on else name)
        self.root.props(f"data-state={one.state}")
        self._icon.name = level_icon(one.level, "clear" if over else "raise")
        self._word.text = f"{LEVEL_WORDS[one.level]}, {STATE_WORDS[one.state].lower()}"
        self._cause.text = describe_cause(one.cause, one.class_name)
        self._when.text = self._clock(one.since_ms)

    def toggle(self) -> None:
        self._tick.value = not self._tick.value

    def focus(self) -> None:
        ui.run_javascript(f"getHtmlElement({self.root.id})?.focus()")


def _button(word: str, icon: str, act: Callable[[], Awaitable[None] | None] | None) -> ui.button:
    return ui.button(word, icon=icon, on_click=act).props("outline dense no-caps").classes("act")


def _nothing_text(chosen: str, any_at_all: bool) -> str:
    if not any_at_all:
        return "No alerts yet. They appear here by themselves."
    return "Nothing is open." if chosen == OPEN else "None of these."
