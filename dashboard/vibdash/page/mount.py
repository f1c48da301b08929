"""The pages and their addresses. Everything a sensor sent is put in as text, never as HTML."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa
from fastapi import FastAPI, Request
from nicegui import app as nicegui_app
from nicegui import core, ui

from vibdash.access.accounts import Accounts
from vibdash.access.guard import session_token
from vibdash.commands.keys import CommandKeys
from vibdash.commands.queue import Commander
from vibdash.page.alert_inbox import InboxAccess
from vibdash.page.board import Board
from vibdash.page.command_panel import CommandAccess
from vibdash.page.fleet_page import FleetPage
from vibdash.page.frame import draw_page
from vibdash.page.sensor_page import SensorAccess, SensorPage
from vibdash.page.sockets import bind_sockets
from vibdash.page.spectrum_panel import SpectrumAccess
from vibdash.page.viewer import Viewer
from vibdash.read.drift import DriftReader
from vibdash.read.fleet import FleetReader
from vibdash.read.history import HistoryReader
from vibdash.read.machines import Machines
from vibdash.read.occurrences import OccurrenceReader
from vibdash.read.operating import Operations
from vibdash.read.references import References
from vibdash.read.replies import ReplyReader
from vibdash.read.waterfall import WaterfallReader
from vibdash.read.zones import Zones
from vibdash.supervision import keep_going

LOST_FOR_S = 120.0  # a page without network for so long goes on as it was; after that it is loaded anew
PING_S = 4
STYLE = Path(__file__).parents[1] / "static" / "page.css"


def mount_pages(
    app: FastAPI,
    engine: sa.Engine,
    fleet: FleetReader,
    occurrences: OccurrenceReader,
    zones_mm_s: Zones | None,
) -> None:
    """Put the fleet at / and each sensor at /sensor/SITE/DEVICE of an application."""
    board, access = Board(fleet, occurrences), PageAccess(engine, occurrences, zones_mm_s)
    tasks: set[asyncio.Task[None]] = set()
    nicegui_app.on_startup(lambda: tasks.add(keep_going(board.keep_reading(), board.record)))
    nicegui_app.on_startup(_notice_lost_sockets)
    nicegui_app.on_shutdown(lambda: [task.cancel() for task in tasks])

    @ui.page("/")
    async def fleet_page(request: Request) -> None:
        ui.add_css(STYLE)
        inbox = access.inbox(access.viewer(request))
        await draw_page(board, inbox.viewer, lambda clock: FleetPage(clock, inbox))

    @ui.page("/sensor/{site}/{device}")
    async def sensor_page(request: Request, site: str, device: str) -> None:
        ui.add_css(STYLE)
        viewer = access.viewer(request)
        sensor = access.sensor(viewer)
        await draw_page(board, viewer, lambda clock: SensorPage((site, device), sensor, clock))

    bind_sockets()
    ui.run_with(
        app,
        title="Vibnode",
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=LOST_FOR_S,
    )


def _notice_lost_sockets() -> None:
    """Ask for a sign of life often, however long a lost page is waited for: NiceGUI ties the one to the other."""
    core.sio.eio.ping_interval = core.sio.eio.ping_timeout = PING_S


class PageAccess:
    """What the pages read and write through, made once, and handed out for one viewer at a time."""

    def __init__(self, engine: sa.Engine, occurrences: OccurrenceReader, zones_mm_s: Zones | None) -> None:
        self._occurrences, self._zones_mm_s = occurrences, zones_mm_s
        self._accounts, self._operations, self._history = (
            Accounts(engine),
            Operations(engine),
            HistoryReader(engine),
        )
        self._drift = DriftReader(engine)
        self._machines, self._replies = Machines(engine), ReplyReader(engine)
        self._references = References(self._replies, self._machines)
        self._waterfalls = WaterfallReader(engine, self._replies)
        self._commander, self._keys = Commander(engine), CommandKeys(engine)

    def viewer(self, request: Request) -> Viewer:
        return Viewer(self._accounts, request.state.account, session_token(request.headers))

    def inbox(self, viewer: Viewer) -> InboxAccess:
        return InboxAccess(self._occurrences, self._operations, self._references, viewer)

    def sensor(self, viewer: Viewer) -> SensorAccess:
        spectra = SpectrumAccess(self._replies, self._waterfalls, self._references, self._machines, viewer)
        commands = CommandAccess(self._commander, self._keys, self._replies, viewer)
        return SensorAccess(
            self._history, self.inbox(viewer), self._zones_mm_s, self._drift, spectra, commands
        )
