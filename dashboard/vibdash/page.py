"""The page: summary, fleet, alerts. Everything a sensor sent is put in as text, never as HTML."""

from __future__ import annotations

import asyncio
import datetime as dt
import zoneinfo
from collections import Counter
from pathlib import Path

import sqlalchemy as sa
from fastapi import FastAPI, Request
from nicegui import app as nicegui_app
from nicegui import ui

from vibdash.accounts import Accounts
from vibdash.alert_inbox import AlertInbox, InboxAccess
from vibdash.board import READ_EVERY_S, Board
from vibdash.fleet import Fleet, FleetReader
from vibdash.guard import session_token
from vibdash.occurrences import OccurrenceReader
from vibdash.operating import Operations
from vibdash.sensor_row import SensorRow
from vibdash.states import group_of
from vibdash.viewer import CHECK_LOGIN_EVERY_S, Viewer, draw_viewer
from vibdash.wording import TIMES_SIGN, describe_bytes, describe_ratio, describe_span

STYLE = Path(__file__).with_name("static") / "page.css"
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


def mount_page(app: FastAPI, engine: sa.Engine, fleet: FleetReader, occurrences: OccurrenceReader) -> None:
    """Put the page at / of an application."""
    board = Board(fleet, occurrences)
    accounts, operations = Accounts(engine), Operations(engine)
    tasks: set[asyncio.Task[None]] = set()
    nicegui_app.on_startup(lambda: tasks.add(asyncio.create_task(board.keep_reading())))
    nicegui_app.on_shutdown(lambda: [task.cancel() for task in tasks])

    @ui.page("/")
    async def page(request: Request) -> None:
        ui.add_css(STYLE)
        viewer = Viewer(accounts, request.state.account, session_token(request.headers))
        await _draw(board, InboxAccess(occurrences, operations, viewer))

    ui.run_with(app, title="Vibnode", dark=None, tailwind=False, show_welcome_message=False)


async def _draw(board: Board, inbox: InboxAccess) -> None:
    dark = ui.dark_mode(None)
    with ui.element("header").classes("top"):
        with ui.element("div").classes("brand"):
            ui.icon("graphic_eq").props("aria-hidden=true")
            ui.label("Vibnode")
        link = _HostLink()
        draw_viewer(inbox.viewer)
        _theme_button(dark)
    body = ui.element("div").classes("fleet-view")
    await ui.context.client.connected(timeout=30)
    clock = _Clock(await _viewer_zone())
    with body:
        view = _View(clock, link, inbox)

    def update() -> None:
        view.show(board)

    update()
    ui.timer(READ_EVERY_S, update)
    ui.timer(CHECK_LOGIN_EVERY_S, inbox.viewer.leave_if_logged_out)


def _theme_button(dark: ui.dark_mode) -> None:
    """A button that goes from the system's choice to light, dark, and back."""
    looks = {None: ("brightness_auto", False), False: ("light_mode", True), True: ("dark_mode", None)}

    def turn() -> None:
        dark.value = looks[dark.value][1]
        button.props(f"icon={looks[dark.value][0]}")

    button = ui.button(icon=looks[None][0], on_click=turn).props(
        'flat round dense aria-label="Light or dark"'
    )
    button.classes("theme")


async def _viewer_zone() -> dt.tzinfo:
    name = await ui.run_javascript("Intl.DateTimeFormat().resolvedOptions().timeZone", timeout=10)
    try:
        return zoneinfo.ZoneInfo(str(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return dt.UTC


class _Clock:
    """Times in the viewer's zone; the day is named only when it is not today."""

    def __init__(self, zone: dt.tzinfo) -> None:
        self._zone = zone

    def __call__(self, at_ms: int) -> str:
        at = dt.datetime.fromtimestamp(at_ms / 1000, self._zone)
        today = dt.datetime.now(self._zone).date()
        return f"{at:%H:%M:%S}" if at.date() == today else f"{at:%Y-%m-%d %H:%M}"


class _HostLink:
    """Whether this host hears the broker, at the top of the page."""

    def __init__(self) -> None:
        with ui.element("div").classes("host") as self._root:
            self._icon = ui.icon("hourglass_top").props("aria-hidden=true")
            self._text = ui.label("Loading")
            self._broker = ui.label().classes("broker")

    def show(self, fleet: Fleet) -> None:
        connected = fleet.host.connected
        self._root.classes(add="good" if connected else "bad", remove="bad" if connected else "good")
        self._icon.name = "cloud_done" if connected else "cloud_off"
        self._text.text = "Receiving" if connected else "Not receiving"
        self._broker.text = f"from {fleet.host.broker}"


class _View:
    """Everything under the top line."""

    def __init__(self, clock: _Clock, link: _HostLink, inbox: InboxAccess) -> None:
        self._clock = clock
        self._link = link
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
        self._link.show(fleet)
        groups = Counter(group_of(sensor) for sensor in fleet.sensors)
        for group, label in self._counts.items():
            label.text = str(groups[group])
        self._ratio.text = describe_ratio(fleet.bytes_sampled, fleet.bytes_sent)
        sampled, sent = describe_bytes(fleet.bytes_sampled), describe_bytes(fleet.bytes_sent)
        self._unsent.text = f"{sampled} sampled, {sent} sent"
        self._silence.text = f"silent after {describe_span(fleet.silent_after_ms)} without a message"
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
