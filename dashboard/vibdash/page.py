"""The pages and their addresses. Everything a sensor sent is put in as text, never as HTML."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa
from fastapi import FastAPI, Request
from nicegui import app as nicegui_app
from nicegui import ui

from vibdash.accounts import Accounts
from vibdash.alert_inbox import InboxAccess
from vibdash.board import Board
from vibdash.command_keys import CommandKeys
from vibdash.command_panel import CommandAccess
from vibdash.commanding import Commander
from vibdash.fleet import FleetReader
from vibdash.fleet_page import FleetPage
from vibdash.frame import draw_page
from vibdash.guard import session_token
from vibdash.history import HistoryReader
from vibdash.machines import Machines
from vibdash.occurrences import OccurrenceReader
from vibdash.operating import Operations
from vibdash.references import References
from vibdash.replies import ReplyReader
from vibdash.sensor_page import SensorAccess, SensorPage
from vibdash.spectrum_panel import SpectrumAccess
from vibdash.viewer import Viewer
from vibdash.waterfall import WaterfallReader
from vibdash.zones import Zones

STYLE = Path(__file__).with_name("static") / "page.css"


def mount_pages(
    app: FastAPI,
    engine: sa.Engine,
    fleet: FleetReader,
    occurrences: OccurrenceReader,
    zones_mm_s: Zones | None,
) -> None:
    """Put the fleet at / and each sensor at /sensor/SITE/DEVICE of an application."""
    board = Board(fleet, occurrences)
    accounts, operations, history = Accounts(engine), Operations(engine), HistoryReader(engine)
    machines, replies, keys = Machines(engine), ReplyReader(engine), CommandKeys(engine)
    references, waterfalls = References(replies, machines), WaterfallReader(engine, replies)
    commander = Commander(engine)
    tasks: set[asyncio.Task[None]] = set()
    nicegui_app.on_startup(lambda: tasks.add(asyncio.create_task(board.keep_reading())))
    nicegui_app.on_shutdown(lambda: [task.cancel() for task in tasks])

    def inbox_for(request: Request) -> InboxAccess:
        viewer = Viewer(accounts, request.state.account, session_token(request.headers))
        return InboxAccess(occurrences, operations, references, viewer)

    @ui.page("/")
    async def fleet_page(request: Request) -> None:
        ui.add_css(STYLE)
        inbox = inbox_for(request)
        await draw_page(board, inbox.viewer, lambda clock: FleetPage(clock, inbox))

    @ui.page("/sensor/{site}/{device}")
    async def sensor_page(request: Request, site: str, device: str) -> None:
        ui.add_css(STYLE)
        inbox = inbox_for(request)
        access = SensorAccess(
            history,
            inbox,
            zones_mm_s,
            SpectrumAccess(replies, waterfalls, references, machines, inbox.viewer),
            CommandAccess(commander, keys, replies, inbox.viewer),
        )
        await draw_page(board, access.inbox.viewer, lambda clock: SensorPage((site, device), access, clock))

    ui.run_with(app, title="Vibnode", dark=None, tailwind=False, show_welcome_message=False)
