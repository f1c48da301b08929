"""One row of the inbox, drawn once and then updated in place."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from vibdash.page.states import Clock, level_icon
from vibdash.read.occurrences import Occurrence
from vibdash.wording import LEVEL_WORDS, STATE_WORDS, describe_cause, describe_device


class InboxRow:
    """`choose` is called with the alert that the row shows, `on_tick` when its box is ticked or no longer."""

    def __init__(
        self,
        one: Occurrence,
        clock: Clock,
        choose: Callable[[Occurrence], None],
        on_tick: Callable[[Occurrence, bool], None],
    ) -> None:
        self.occurrence = one
        self._clock = clock
        self.root = ui.element("div").classes("item").props("role=listitem tabindex=0")
        with self.root:
            self._tick = ui.checkbox(on_change=lambda event: on_tick(self.occurrence, bool(event.value)))
            self._tick.props(f'dense aria-label="Tick {describe_device(one.device)}"')
            self._icon = ui.icon("warning").props("aria-hidden=true")
            with ui.element("div").classes("lines"):
                self._word = ui.label().classes("word")
                self._cause = ui.label().classes("detail")
            with ui.element("div").classes("lines when"):
                ui.label(describe_device(one.device)).classes("word")
                self._when = ui.label().classes("detail figure")
                self._times = ui.label().classes("detail figure times")
        self._tick.on("click.stop", lambda: None)
        for event in ("click", "keydown.enter"):
            self.root.on(event, lambda: choose(self.occurrence))
        self._drawn: Occurrence | None = None

    def show(self, one: Occurrence, *, ticked: bool) -> None:
        """Bring the row to how the alert stands."""
        self.occurrence = one
        self._tick.value = ticked
        if one == self._drawn:
            return
        over = one.over_at_ms is not None
        self.root.props(f"data-state={one.state} {told_to_browser(one)}")
        tones = {"alarm": one.level == "alarm", "warning": one.level == "warning", "over": over}
        tones["fresh"] = one.needs_acknowledging
        for name, on in tones.items():
            self.root.classes(add=name if on else "", remove="" if on else name)
        self._icon.name = level_icon(one.level, "clear" if over else "raise")
        self._word.text = f"{LEVEL_WORDS[one.level]}, {STATE_WORDS[one.state].lower()}"
        self._cause.text = one.trouble or describe_cause(one.cause, one.class_name)
        self._when.text = "" if one.trouble else self._clock(one.since_ms)
        self._times.text = describe_times(one, self._clock)
        self._times.set_visibility(one.times > 1)
        self._drawn = one

    def show_trouble(self, one: Occurrence, trouble: str) -> None:
        """Say in place of the alert why it cannot be shown."""
        self._drawn = None
        self._word.text, self._cause.text = f"Alert {one.id}", trouble
        self._when.text = self._times.text = ""

    def toggle(self) -> None:
        """Tick it, or no longer."""
        self._tick.value = not self._tick.value

    def focus(self) -> None:
        """Put the browser's focus on it."""
        ui.run_javascript(f"getHtmlElement({self.root.id})?.focus()")


def told_to_browser(one: Occurrence) -> str:
    """Return the props by which the browser says, with an action, what it showed (page.js)."""
    return f"data-alert={one.id} data-newest={one.newest_id} data-level={one.level}"


def describe_times(one: Occurrence, clock: Clock) -> str:
    """Say how often an alert came that is one row."""
    since = f" since {clock(one.first_at_ms)}" if one.first_at_ms is not None else ""
    return f"{one.times:,} times{since}" if one.times > 1 else ""
