"""The sensors of the fleet as a table: searched, sorted, and a page of it drawn at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from nicegui import ui

from vibdash.page.faults import describe, log
from vibdash.page.fleet_order import Listing, Listings
from vibdash.page.sensor_row import SensorRow
from vibdash.page.states import Clock
from vibdash.read.fleet import Fleet
from vibdash.read.sensors import SensorView

ROWS_A_PAGE = 50
COLUMNS = {
    "sensor": "Sensor",
    "machine": "Machine",
    "instrument": "Sensor state",
    "score": "From healthy",
    "heard": "Last heard",
    "bytes": "Sampled → sent",
}


class FleetTable:
    """Draws itself where it is made. A row is drawn once, and shows whichever sensor comes to its place."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._fleet: Fleet | None = None
        self._listings = Listings()
        self._rows: list[SensorRow] = []
        self._page = 0
        self.listing = Listing()
        with ui.element("div").classes("toolbar"):
            self._search = ui.input(placeholder="Sensor, site or model", on_change=self._search_anew)
            self._search.props('dense outlined clearable debounce=150 aria-label="Search sensors"').classes(
                "search"
            )
            with ui.element("div").classes("pager"):
                self._range = ui.label().classes("detail figure").props("aria-live=polite")
                self._back = _turner("chevron_left", "Previous page", lambda: self._turn(-1))
                self._on = _turner("chevron_right", "Next page", lambda: self._turn(1))
        with ui.element("div").classes("panel fleet").props("role=table"):
            with ui.element("div").classes("headings").props("role=row"):
                self._headings = {order: self._heading(order, word) for order, word in COLUMNS.items()}
            self._body = ui.element("div").props("role=rowgroup")
            self._nothing = ui.label().classes("empty")
        self._mark_order()

    def _heading(self, order: str, word: str) -> ui.element:
        with ui.element("div").props("role=columnheader") as cell:
            button = ui.button(word, on_click=lambda: self._sort(order)).props("flat dense no-caps no-wrap")
            button.classes("heading-button").props(f"data-order={order}")
        return cell

    def show(self, fleet: Fleet, listings: Listings) -> None:
        """Bring the table to the fleet as it is now."""
        self._fleet, self._listings = fleet, listings
        found = listings.of(fleet.sensors, self.listing)
        self._page = max(0, min(self._page, (len(found) - 1) // ROWS_A_PAGE))
        first = self._page * ROWS_A_PAGE
        drawn = found[first : first + ROWS_A_PAGE]
        with_site = len(fleet.sites) > 1
        while len(self._rows) < len(drawn):
            with self._body:
                self._rows.append(SensorRow())
        for index, row in enumerate(self._rows):
            row.root.set_visibility(index < len(drawn))
            if index < len(drawn):
                self._show_row(row, drawn[index], fleet, with_site)
        self._nothing.set_visibility(not found)
        self._nothing.text = "No sensor of these." if fleet.sensors else "No sensor has been heard yet."
        self._range.text = f"{first + 1:,} to {first + len(drawn):,} of {len(found):,}" if found else ""
        self._back.set_enabled(self._page > 0)
        self._on.set_enabled(first + ROWS_A_PAGE < len(found))

    def _show_row(self, row: SensorRow, sensor: SensorView, fleet: Fleet, with_site: bool) -> None:
        try:
            row.show(sensor, fleet.now_ms, self._clock, with_site=with_site)
        except Exception as error:
            log.exception("sensor %s/%s cannot be drawn", *sensor.key)
            row.show_trouble(sensor, f"cannot be shown: {describe(error)}")

    def list_anew(self, listing: Listing) -> None:
        """List other sensors, or in another order, from the first page on."""
        self.listing, self._page = listing, 0
        self._mark_order()
        if self._fleet is not None:
            self.show(self._fleet, self._listings)

    def _search_anew(self) -> None:
        words = tuple((self._search.value or "").lower().split())
        self.list_anew(dataclasses.replace(self.listing, words=words))

    def _sort(self, order: str) -> None:
        backwards = order == self.listing.order and not self.listing.backwards
        self.list_anew(dataclasses.replace(self.listing, order=order, backwards=backwards))

    def _mark_order(self) -> None:
        for order, cell in self._headings.items():
            sorted_by = "descending" if self.listing.backwards else "ascending"
            cell.props(f"aria-sort={sorted_by if order == self.listing.order else 'none'}")

    def _turn(self, by: int) -> None:
        self._page += by
        if self._fleet is not None:
            self.show(self._fleet, self._listings)


def _turner(icon: str, what: str, act: Callable[[], None]) -> ui.button:
    return ui.button(icon=icon, on_click=act).props(f'flat round dense aria-label="{what}"')
