"""The first page: summary, fleet, alerts."""

from __future__ import annotations

from collections import Counter

from nicegui import ui

from vibdash.alert_inbox import AlertInbox, InboxAccess
from vibdash.board import Board
from vibdash.fleet import Fleet
from vibdash.sensor_row import SensorRow
from vibdash.states import Clock, group_of
from vibdash.wording import TIMES_SIGN, describe_bytes, describe_ratio

HEADINGS = (
    "Sensor",
    "Machine",
    "Sensor state",
    f"From healthy (1{TIMES_SIGN} is usual)",
    "Last heard",
    "Sampled → sent",
)
GROUPS = (
    ("alarm", "error", "Alarm"),
    ("warning", "warning", "Warning"),
    ("unheard", "sensors_off", "Not heard"),
    ("quiet", "help", "No verdict"),
    ("good", "check_circle", "Healthy"),
)


class FleetPage:
    """Summary, sensors and alerts."""

    def __init__(self, clock: Clock, inbox: InboxAccess) -> None:
        self._clock = clock
        self._rows: dict[tuple[str, str], SensorRow] = {}
        self._trouble = ui.label().classes("banner bad").props("role=alert")
        with ui.element("section").classes("summary"):
            self._counts = {group: _count_tile(group, icon, word) for group, icon, word in GROUPS}
            with ui.element("div").classes("tile unsent"):
                ui.label("What was not sent").classes("caption")
                self._ratio = ui.label().classes("count figure")
                self._unsent = ui.label().classes("caption")
        with ui.element("section"):
            with ui.element("div").classes("section-heading"):
                ui.label("Fleet").props("role=heading aria-level=2")
                self._silence = ui.label().classes("detail")
            with ui.element("div").classes("panel fleet").props("role=table"):
                with ui.element("div").classes("headings").props("role=row"):
                    for heading in HEADINGS:
                        ui.label(heading).props("role=columnheader")
                self._table = ui.element("div").props("role=rowgroup")
                self._nothing = ui.label("No sensor has been heard yet.").classes("empty")
        with ui.element("section"):
            with ui.element("div").classes("section-heading"):
                ui.label("Alerts").props("role=heading aria-level=2")
                self._quarantine = ui.label().classes("detail")
            self._inbox = AlertInbox(clock, inbox)

    def show(self, board: Board) -> None:
        """Bring the page to what the board holds."""
        fleet = board.fleet
        if fleet is None:
            self._trouble.text = board.failure or "Reading the database"
            return
        self._show_trouble(fleet)
        groups = Counter(group_of(sensor) for sensor in fleet.sensors)
        for group, label in self._counts.items():
            label.text = str(groups[group])
        self._ratio.text = describe_ratio(fleet.bytes_sampled, fleet.bytes_sent)
        sampled, sent = describe_bytes(fleet.bytes_sampled), describe_bytes(fleet.bytes_sent)
        self._unsent.text = f"{sampled} sampled, {sent} sent"
        self._silence.text = "silent: nothing heard for twice the time that the sensor promised"
        self._show_sensors(fleet)
        self._quarantine.text = _quarantine_text(fleet)
        self._inbox.show(board.occurrences)

    def _show_trouble(self, fleet: Fleet) -> None:
        self._trouble.set_visibility(not fleet.host.connected)
        since = f" since {self._clock(fleet.host.since_ms)}" if fleet.host.since_ms else ""
        self._trouble.text = (
            f"Nothing is received{since}: {fleet.host.detail}. No sensor's state is known now."
        )

    def _show_sensors(self, fleet: Fleet) -> None:
        self._nothing.set_visibility(not fleet.sensors)
        with_site = len({sensor.site for sensor in fleet.sensors}) > 1
        for index, sensor in enumerate(fleet.sensors):
            row = self._rows.get(sensor.key)
            if row is None:
                with self._table:
                    row = self._rows[sensor.key] = SensorRow(sensor, with_site=with_site)
                row.root.move(target_index=index)
            row.show(sensor, fleet.now_ms, self._clock)
        for key in self._rows.keys() - {sensor.key for sensor in fleet.sensors}:
            self._rows.pop(key).root.delete()


def _count_tile(group: str, icon: str, word: str) -> ui.label:
    with ui.element("div").classes(f"tile {group}").props(f"data-group={group}"):
        with ui.element("div").classes("caption"):
            ui.icon(icon).props("aria-hidden=true")
            ui.label(word)
        return ui.label("0").classes("count figure")


def _quarantine_text(fleet: Fleet) -> str:
    if not fleet.quarantined:
        return ""
    return f"{fleet.quarantined} refused messages in quarantine; the last: {fleet.quarantine_reason}"
