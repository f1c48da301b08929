"""The alert that is looked at: what happened, what moved, its spectrum, and what was done about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from vibdash.page.spectrum_chart import alert_spectrum_options
from vibdash.page.states import Clock, level_icon
from vibdash.read.fleet import AlertView
from vibdash.read.occurrences import JournalEntry, Occurrence, OccurrenceReader, State
from vibdash.read.operating import Refused
from vibdash.read.references import Reference, References
from vibdash.wording import (
    ACTION_WORDS,
    LEVEL_WORDS,
    OCCURRED_WORDS,
    STATE_WORDS,
    describe_cause,
    describe_feature,
    describe_score,
    describe_velocity,
)

Comment = Callable[[Occurrence, str], Awaitable[None]]


class AlertDetail:
    """A panel; `show` opens an alert in it. `comment` None: the viewer may not write."""

    def __init__(
        self, clock: Clock, reader: OccurrenceReader, references: References, comment: Comment | None
    ) -> None:
        self._clock = clock
        self._reader = reader
        self._references = references
        self._comment = comment
        self._shown: Occurrence | None = None
        with ui.element("div").classes("panel alert-detail") as self._panel:
            self._head = ui.element("div")
            self._events = ui.element("div")
            ui.label("What was done").classes("subtitle")
            self._journal = ui.element("div").classes("journal")
            if comment is not None:
                with ui.element("div").classes("comment"):
                    self._text = ui.textarea(placeholder="Comment").props(
                        "outlined dense autogrow rows=1 maxlength=2000 aria-label=Comment"
                    )
                    self._text.on("keydown.ctrl.enter", self._send)
                    ui.button("Add", on_click=self._send).props("outline dense no-caps").classes("act")
        self._panel.set_visibility(False)

    def show(self, one: Occurrence) -> None:
        """Open an alert, or bring the open one up to date."""
        before, self._shown = self._shown, one
        if one == before:
            return
        self._panel.set_visibility(True)
        self._panel.props(f"data-alert={one.id}")
        self._head.clear()
        with self._head:
            _draw_head(one, self._clock)
        if before is None or (before.id, before.last_event_id) != (one.id, one.last_event_id):
            self._events.clear()
            with self._events:
                event = _most_telling(self._reader.events(one.id))
                _draw_event(event, self._clock)
                if event.spectrum is not None:
                    _draw_spectrum(event, self._references.of(one.site, one.device), self._clock)
        self._show_journal()

    def _show_journal(self) -> None:
        assert self._shown is not None
        self._journal.clear()
        with self._journal:
            entries = self._reader.journal(self._shown.id)
            if not entries:
                ui.label("Nothing yet.").classes("detail")
            for entry in entries:
                _draw_entry(entry, self._clock)

    def focus_comment(self) -> None:
        """Put the cursor into the comment."""
        if self._comment is not None:
            self._text.run_method("focus")

    async def _send(self) -> None:
        assert self._comment is not None
        if self._shown is None:
            return
        try:
            await self._comment(self._shown, self._text.value or "")
        except Refused as error:
            ui.notify(str(error), type="warning")
            return
        self._text.value = ""
        self._show_journal()


def _draw_head(one: Occurrence, clock: Clock) -> None:
    over = one.over_at_ms is not None
    with ui.element("div").classes("heading"):
        with ui.element("div").classes(f"badge {'clear' if over else one.level}"):
            ui.icon(level_icon(one.level, "clear" if over else "raise")).props("aria-hidden=true")
            ui.label(f"{LEVEL_WORDS[one.level]}, {STATE_WORDS[one.state].lower()}")
        ui.label(f"{one.device}: {describe_cause(one.cause, one.class_name)}").classes("title")
    ui.label(". ".join(_story(one, clock)) + ".").classes("detail story")


def _story(one: Occurrence, clock: Clock) -> list[str]:
    """Return what has become of the alert since it was raised."""
    told = [f"Raised {clock(one.since_ms)}"]
    if one.escalated_at_ms and one.escalated_at_ms != one.since_ms:
        told.append(f"alarm since {clock(one.escalated_at_ms)}")
    if one.over_at_ms is not None:
        how = "cleared" if one.cleared else "the sensor no longer reports it, noticed"
        told.append(f"{how} {clock(one.over_at_ms)}")
    if one.acked_at_ms is not None:
        told.append(f"acknowledged {clock(one.acked_at_ms)} by {one.acked_by}")
    if one.state is State.SHELVED and one.shelved_until_ms is not None:
        told.append(f"shelved until {clock(one.shelved_until_ms)} by {one.shelved_by}")
    return [told[0], *(part[0].upper() + part[1:] for part in told[1:])]


def _most_telling(events: tuple[AlertView, ...]) -> AlertView:
    """Return the escalation, else the raise."""
    telling = [event for event in events if event.event != "clear"] or list(events)
    return telling[-1]


def _draw_event(event: AlertView, clock: Clock) -> None:
    with ui.element("dl").classes("facts"):
        _fact("When", clock(event.occurred_at_ms), OCCURRED_WORDS[event.occurred_from])
        if event.score is not None:
            _fact(*_measure(event.cause, event.score, event.threshold))
        if event.class_name:
            _fact("Looks like", event.class_name, "")
        kept = "; kept on the sensor while there was no connection" if event.replay else ""
        _fact("Record", f"number {event.seq}", f"boot {event.boot}{kept}")
    if event.features:
        ui.label("What moved most").classes("subtitle")
        for name, value, usual in event.features:
            what, times, values = describe_feature(name, value, usual, event.spectrum)
            with ui.element("div").classes("moved"):
                ui.label(what).classes("what")
                ui.label(times).classes("times figure")
                ui.label(values).classes("detail figure")


def _draw_spectrum(event: AlertView, reference: Reference, clock: Clock) -> None:
    assert event.spectrum is not None
    ui.label(f"Spectrum at the alert, {event.spectrum['axis'].upper()} axis").classes("subtitle")
    ui.echart(alert_spectrum_options(event, reference), renderer="svg").classes("spectrum")
    if reference.told_at_ms is not None:
        ui.label(f"Usual: the sensor's healthy baseline, read {clock(reference.told_at_ms)}").classes(
            "detail"
        )
    elif event.features:
        ui.label("Usual: known for what moved; an engineer can read the whole baseline").classes("detail")


def _draw_entry(entry: JournalEntry, clock: Clock) -> None:
    with ui.element("div").classes("entry"):
        ui.label(f"{clock(entry.at_ms)}, {entry.author}").classes("detail figure")
        word = ACTION_WORDS[entry.action]
        text = entry.note if entry.action == "comment" else f"{word} {entry.note}".strip()
        ui.label(text).classes("note" if entry.action == "comment" else "detail")


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
