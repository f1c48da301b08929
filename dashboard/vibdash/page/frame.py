"""What every page has around it: the top line, the viewer's time zone, and the steady update."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from nicegui import ui

from vibdash.page.board import Board
from vibdash.page.faults import Answers, Faults
from vibdash.page.states import Clock
from vibdash.page.viewer import CHECK_LOGIN_EVERY_S, Viewer, draw_viewer, link_to
from vibdash.read.fleet import Fleet

SCRIPT = Path(__file__).parents[1] / "static" / "page.js"
LOOK_EVERY_S = 0.05  # for a new reading of the board, so that none waits long to be drawn


class Shown(Protocol):
    """The body of a page."""

    def show(self, board: Board) -> None:
        """Bring the page to what the board holds."""


async def draw_page(board: Board, viewer: Viewer, draw_body: Callable[[Clock], Shown]) -> None:
    """Draw the frame with a body in it, and keep it up to date; where that fails, the page says so.

    Each time all was drawn the `beat` changes, by which the browser knows (page.js). The timers are made before the
    first drawing, so that one that fails does not end them.
    """
    dark = ui.dark_mode(None)
    ui.add_body_html(f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>")
    with ui.element("header").classes("top"):
        with ui.element("a").classes("brand").props(f'href="{link_to("/")}"'):
            ui.icon("graphic_eq").props("aria-hidden=true")
            ui.label("Vibnode")
        link = _HostLink()
        draw_viewer(viewer)
        _theme_button(dark)
    faults = Faults()
    place = ui.element("div").classes("fleet-view")
    beat = ui.element("div").classes("beat").props("hidden")
    client = ui.context.client
    await client.connected(timeout=30)
    client.on_exception(Answers())
    clock = ViewersClock(await _viewer_zone())
    with place:
        body = draw_body(clock)
    drawn = -1

    def update() -> None:
        nonlocal drawn
        readings = board.readings
        if drawn == readings:
            return
        drawn = readings
        fleet = board.fleet
        whole = fleet is None or faults.shield("The line at the top", lambda: link.show(fleet))
        if faults.shield("This page", lambda: body.show(board)) and whole:
            beat.props(f"data-readings={readings}")

    ui.timer(LOOK_EVERY_S, update)
    ui.timer(CHECK_LOGIN_EVERY_S, viewer.leave_if_logged_out)


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


class ViewersClock:
    """Times in the viewer's zone; the day is named only when it is not today."""

    def __init__(self, zone: dt.tzinfo) -> None:
        self._zone = zone

    def __call__(self, at_ms: int) -> str:
        try:
            at = dt.datetime.fromtimestamp(at_ms / 1000, self._zone)
        except (ValueError, OverflowError, OSError):
            return "at no date there is"
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
