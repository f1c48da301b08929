"""The web server: the page and the API on one address."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from vibdash.access.accounts import Accounts
from vibdash.access.attempts import Attempts
from vibdash.access.guard import Guard
from vibdash.access.login import make_login_router
from vibdash.access.passwords import PasswordDoor
from vibdash.access.proxies import Network, Proxies
from vibdash.commands.keys import CommandKeys
from vibdash.commands.queue import Commander
from vibdash.database.opening import DatabaseError, reason_of
from vibdash.page.mount import mount_pages
from vibdash.read.drift import DriftReader
from vibdash.read.fleet import FleetReader
from vibdash.read.history import HistoryReader
from vibdash.read.machines import Machines
from vibdash.read.occurrences import OccurrenceReader
from vibdash.read.operating import Operations
from vibdash.read.replies import ReplyReader
from vibdash.read.zones import Zones
from vibdash.web.address import address_of, is_loopback
from vibdash.web.api import make_router
from vibdash.web.api_actions import make_actions_router
from vibdash.web.api_commands import make_commands_router
from vibdash.web.api_page import OPENAPI_URL, make_api_page_router


def serve(
    taken: socket.socket,
    engine: sa.Engine,
    *,
    silent_after_ms: int,
    site: str | None,
    zones_mm_s: Zones | None = None,
    proxies: Sequence[Network] = (),
    prefix: str = "",
) -> None:
    """Serve until SIGINT or SIGTERM, below a path `prefix` where there is one."""
    fleet = FleetReader(engine, silent_after_ms=silent_after_ms, site=site)
    occurrences = OccurrenceReader(engine, site=site)
    app = FastAPI(
        title="Vibnode",
        description="The fleet and its alerts. Times are milliseconds since 1970-01-01 UTC.",
        openapi_url=OPENAPI_URL,
        docs_url=None,  # these pages load from elsewhere; ours is at /api/
        redoc_url=None,
    )
    app.include_router(make_router(fleet, occurrences, HistoryReader(engine)))
    app.include_router(make_actions_router(Operations(engine)))
    asking = Commander(engine), CommandKeys(engine), ReplyReader(engine), Machines(engine)
    app.include_router(make_commands_router(*asking, DriftReader(engine)))
    app.include_router(make_api_page_router(app))
    accounts = Accounts(engine)
    door = PasswordDoor(accounts, Attempts())
    app.include_router(make_login_router(accounts, door), include_in_schema=False)
    app.add_middleware(Guard, accounts=accounts, door=door, may_be_open=is_loopback(taken))
    app.add_middleware(Proxies, trusted=proxies, prefix=prefix)  # added last: before all others
    for kind in (DatabaseError, SQLAlchemyError):
        app.add_exception_handler(kind, _say_why_not)
    mount_pages(app, engine, fleet, occurrences, zones_mm_s)
    config = uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=2,
        lifespan="on",
        proxy_headers=False,
        server_header=False,
    )
    asyncio.run(_Server(config, address_of(taken)).serve(sockets=[taken]))


async def _say_why_not(_request: Request, error: Exception) -> Response:
    """What the database does not take or tell now is not done, and the answer says so."""
    reason = str(error) if isinstance(error, DatabaseError) else f"database: {reason_of(error)}"
    return JSONResponse({"detail": f"not done: {reason}"}, 503)


class _Server(uvicorn.Server):
    """Says where it is once it answers."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again at the end, which would end the process before the ingest has.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"page on {self._address}", flush=True)
