"""The alert that is looked at: what happened, what moved, its spectrum, and what was done about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui

from vibdash.page.faults import describe, log
from vibdash.page.inbox_row import describe_times, told_to_browser
from vibdash.page.operating_point import describe_point
from vibdash.page.spectrum_chart import alert_spectrum_options
from vibdash.page.states import Clock, level_icon
from vibdash.protocol.own_alerts import HOST_BOOT
from vibdash.read.alert_views import AlertView
from vibdash.read.occurrences import JournalEntry, Occurrence, OccurrenceReader, State
from vibdash.read.references import Reference, References
from vibdash.wording import (
    ACTION_WORDS,
    LEVEL_WORDS,
    OCCURRED_WORDS,
    STATE_WORDS,
    describe_cause,
    describe_device,
    describe_feature,
    describe_remedy,
    describe_score,
    describe_velocity,
)


@dataclass(frozen=True)
class DetailActions:
    """What may be done in the panel. Both return whether it was done; what is refused they raise."""

    comment: Callable[[Occurrence, str], Awaitable[bool]]
    strike: Callable[[int], Awaitable[bool]]


class AlertDetail:
    """A panel; `show` opens an alert in it. `actions` None: the viewer may not write."""

    def __init__(
        self, clock: Clock, reader: OccurrenceReader, references: References, actions: DetailActions | None
    ) -> None:
        self._clock = clock
        self._reader = reader
        self._references = references
        self._actions = actions
        self._shown: Occurrence | None = None
        self._drafts: dict[int, str] = {}  # what was begun on an alert stays with it
        with ui.element("div").classes("panel alert-detail") as self._panel:
            self._head = ui.element("div")
            self._events = ui.element("div")
            ui.label("What was done").classes("subtitle")
            self._journal = ui.element("div").classes("journal")
            if actions is not None:
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
        self._panel.props(told_to_browser(one))
        if self._actions is not None and (before is None or before.id != one.id):
            if before is not None:
                self._drafts[before.id] = self._text.value or ""
            self._text.value = self._drafts.pop(one.id, "")
        self._head.clear()
        with self._head:
            _draw_head(one, self._clock)
        if before is None or (before.id, before.last_event_id) != (one.id, one.last_event_id):
            self._events.clear()
            with self._events:
                self._draw_events(one)
        self._show_journal()

    def _draw_events(self, one: Occurrence) -> None:
        events = self._reader.events(one.newest_id)
        if not events:
            ui.label("Its events are not there.").classes("detail")
            return
        event = _most_telling(events)
        try:
            _draw_event(event, self._clock)
            if event.spectrum is not None:
                _draw_spectrum(event, self._references.of(one.site, one.device), self._clock)
        except Exception as error:
            log.exception("event %s cannot be drawn", event.id)
            ui.label(f"The rest of this record cannot be shown: {describe(error)}").classes("detail")

    def _show_journal(self) -> None:
        assert self._shown is not None
        self._journal.clear()
        with self._journal:
            entries = self._reader.journal(self._shown.id)
            if not entries:
                ui.label("Nothing yet.").classes("detail")
            for entry in entries:
                _draw_entry(entry, self._clock, self._strike if self._actions is not None else None)

    def focus_comment(self) -> None:
        """Put the cursor into the comment."""
        if self._actions is not None:
            self._text.run_method("focus")

    async def _send(self) -> None:
        """Keep the comment with the alert that it was written on."""
        assert self._actions is not None
        about = self._shown
        if about is not None and await self._actions.comment(about, self._text.value or ""):
            if self._shown is not None and self._shown.id == about.id:
                self._text.value = ""
                self._show_journal()
            self._drafts.pop(about.id, None)

    async def _strike(self, entry: JournalEntry) -> None:
        assert self._actions is not None
        if await self._actions.strike(entry.id):
            self._show_journal()


def _draw_head(one: Occurrence, clock: Clock) -> None:
    over = one.over_at_ms is not None
    if one.trouble is not None:
        ui.label(f"{describe_device(one.device)}, {one.cause}: {one.trouble}").classes("title")
        return
    with ui.element("div").classes("heading"):
        with ui.element("div").classes(f"badge {'clear' if over else one.level}"):
            ui.icon(level_icon(one.level, "clear" if over else "raise")).props("aria-hidden=true")
            ui.label(f"{LEVEL_WORDS[one.level]}, {STATE_WORDS[one.state].lower()}")
        ui.label(f"{describe_device(one.device)}: {describe_cause(one.cause, one.class_name)}").classes(
            "title"
        )
    ui.label(". ".join(_story(one, clock)) + ".").classes("detail story")
    remedy = describe_remedy(one.cause)
    if remedy is not None:
        ui.label(remedy).classes("remedy")


def _story(one: Occurrence, clock: Clock) -> list[str]:
    """Return what has become of the alert since it was raised."""
    told = [f"Raised {clock(one.since_ms)}"]
    if one.times > 1:
        told.append(f"one of {describe_times(one, clock)}, all of which what is done here is done about")
    if one.escalated_at_ms is not None and one.escalated_at_ms != one.since_ms:
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
        _fact("When", clock(event.occurred_at_ms), OCCURRED_WORDS.get(event.occurred_from, ""))
        if event.score is not None:
            _fact(*_measure(event.cause, event.score, event.threshold))
        if event.speed_millihz is not None or event.load_permille is not None:
            _fact(
                "Operating point",
                describe_point(event.speed_millihz, event.load_permille, event.point_source),
                "",
            )
        if event.class_name:
            _fact("Looks like", event.class_name, "")
        kept = "; kept on the sensor while there was no connection" if event.replay else ""
        run = "raised by this host" if event.boot == HOST_BOOT else f"boot {event.boot}{kept}"
        _fact("Record", f"number {event.seq}", run)
    if event.trouble:
        ui.label(f"The rest: {event.trouble}").classes("detail")
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


def _draw_entry(
    entry: JournalEntry, clock: Clock, strike: Callable[[JournalEntry], Awaitable[None]] | None
) -> None:
    is_note = entry.action == "comment"
    with ui.element("div").classes("entry"):
        with ui.element("div").classes("who"):
            ui.label(f"{clock(entry.at_ms)}, {entry.author}").classes("detail figure")
            if is_note and strike is not None and entry.struck_at_ms is None:
                button = ui.button("Strike out", on_click=lambda: strike(entry)).props("flat dense no-caps")
                button.classes("strike")
        word = ACTION_WORDS.get(entry.action, entry.action)
        text = ui.label(entry.note if is_note else f"{word} {entry.note}".strip())
        text.classes("note" if is_note else "detail")
        if entry.struck_at_ms is not None:
            text.classes("struck")
            ui.label(f"Struck out {clock(entry.struck_at_ms)} by {entry.struck_by}").classes("detail")


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
