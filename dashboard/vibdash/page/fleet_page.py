"""The first page: summary, fleet, alerts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from nicegui import ui

from vibdash.page.alert_inbox import AlertInbox, InboxAccess
from vibdash.page.board import Board
from vibdash.page.faults import Faults, PartFailed
from vibdash.page.fleet_table import FleetTable
from vibdash.page.states import Clock
from vibdash.read.fleet import Fleet
from vibdash.read.host import describe_work
from vibdash.read.occurrences import FLOOD_COUNTED, Flood
from vibdash.wording import describe_bytes, describe_ratio

GROUPS = (
    ("alarm", "error", "Alarm"),
    ("warning", "warning", "Warning"),
    ("unheard", "sensors_off", "Not heard"),
    ("quiet", "help", "No verdict"),
    ("good", "check_circle", "Healthy"),
)


class FleetPage:
    """Summary, sensors and alerts. A tile of the summary lists only the sensors that it counts."""

    def __init__(self, clock: Clock, inbox: InboxAccess) -> None:
        self._clock = clock
        self._faults = Faults()
        self._trouble = ui.label().classes("banner bad").props("role=alert")
        self._work = ui.label().classes("notice work").props("role=alert")
        with ui.element("section").classes("summary"):
            self._tiles = {group: _Tile(group, icon, word, self._choose) for group, icon, word in GROUPS}
            with ui.element("div").classes("tile unsent"):
                ui.label("What was not sent").classes("caption")
                self._ratio = ui.label().classes("count figure")
                self._unsent = ui.label().classes("caption")
        with ui.element("section"):
            with ui.element("div").classes("section-heading"):
                ui.label("Fleet").props("role=heading aria-level=2")
                ui.label("silent: nothing heard for twice the time that the sensor promised").classes(
                    "detail"
                )
            self._table = FleetTable(clock)
        with ui.element("section"):
            with ui.element("div").classes("section-heading"):
                ui.label("Alerts").props("role=heading aria-level=2")
                self._quarantine = ui.label().classes("detail")
            self._flood = ui.label().classes("notice flood").props("role=alert")
            self._inbox = AlertInbox(clock, inbox)

    def show(self, board: Board) -> None:
        """Bring the page to what the board holds."""
        fleet = board.fleet
        if fleet is None:
            self._trouble.text = board.failure or "Reading the database"
            return
        parts = {
            "The state of this host": lambda: self._show_trouble(fleet, board.flood),
            "The summary": lambda: self._show_summary(board, fleet),
            "The fleet": lambda: self._table.show(fleet, board.listings),
            "The alerts": lambda: self._inbox.show(board.occurrences),
        }
        if not all([self._faults.shield(part, draw) for part, draw in parts.items()]):
            raise PartFailed("parts of it are as they were")

    def _show_summary(self, board: Board, fleet: Fleet) -> None:
        groups = board.listings.groups(fleet.sensors)
        for group, tile in self._tiles.items():
            tile.count.text = f"{groups[group]:,}"
        self._ratio.text = describe_ratio(fleet.bytes_sampled, fleet.bytes_sent)
        sampled, sent = describe_bytes(fleet.bytes_sampled), describe_bytes(fleet.bytes_sent)
        self._unsent.text = f"{sampled} sampled, {sent} sent"
        self._quarantine.text = _quarantine_text(fleet)

    def _choose(self, group: str) -> None:
        chosen = None if self._table.listing.group == group else group
        self._table.list_anew(dataclasses.replace(self._table.listing, group=chosen))
        for name, tile in self._tiles.items():
            tile.button.props(f"aria-pressed={'true' if name == chosen else 'false'}")

    def _show_trouble(self, fleet: Fleet, flood: Flood | None) -> None:
        failing = [describe_work(one) for one in fleet.work if one.failing]
        self._work.set_visibility(bool(failing))
        self._work.text = "Not working: " + "; ".join(failing)
        self._flood.set_visibility(flood is not None)
        if flood is not None:
            since = self._clock(flood.since_ms)
            count = f"{flood.raised:,}" + (" or more" if flood.raised >= FLOOD_COUNTED else "")
            self._flood.text = (
                f"Alarm flood: {count} alerts were raised since {since}. The most urgent come first."
            )
        self._trouble.set_visibility(not fleet.host.connected)
        since = f" since {self._clock(fleet.host.since_ms)}" if fleet.host.since_ms else ""
        self._trouble.text = (
            f"Nothing is received{since}: {fleet.host.detail}. No sensor's state is known now."
        )


class _Tile:
    """A count of the summary, and the button that it is."""

    def __init__(self, group: str, icon: str, word: str, choose: Callable[[str], None]) -> None:
        with ui.element("button").classes(f"tile {group}") as self.button:
            self.button.props(f'data-group={group} aria-pressed=false title="List these only"')
            with ui.element("div").classes("caption"):
                ui.icon(icon).props("aria-hidden=true")
                ui.label(word)
            self.count = ui.label("0").classes("count figure")
        self.button.on("click", lambda: choose(group))


def _quarantine_text(fleet: Fleet) -> str:
    if not fleet.quarantined:
        return ""
    return f"{fleet.quarantined} refused messages in quarantine; the last: {fleet.quarantine_reason}"
