"""A WebSocket stays open only as long as the session that it was opened with."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Message, Receive, Send

from vibdash.database.opening import DatabaseError

LOOK_EVERY_S = 1.0  # before something is sent; before something is taken in, each time
POLICY_VIOLATION, TRY_AGAIN_LATER = 1008, 1013


class WatchedSocket:
    """The receive and send of a WebSocket. Once `lives` is false nothing goes either way any more."""

    def __init__(self, receive: Receive, send: Send, lives: Callable[[], Awaitable[bool]]) -> None:
        self._receive, self._send, self._lives = receive, send, lives
        self._looked_at_s = time.monotonic()
        self._closed = False

    async def receive(self) -> Message:
        """Return the next message of the browser, or that the socket is closed."""
        message = await self._receive()
        if message["type"] == "websocket.receive" and not await self._look():
            return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
        return message

    async def send(self, message: Message) -> None:
        """Send to the browser, unless the socket is closed."""
        due = time.monotonic() - self._looked_at_s >= LOOK_EVERY_S
        if message["type"] == "websocket.send" and (self._closed or (due and not await self._look())):
            return
        if not self._closed:
            await self._send(message)

    async def _look(self) -> bool:
        """Look the session up; close the socket where it has ended, or nobody can tell now: the browser comes back."""
        if not self._closed:
            try:
                code = None if await self._lives() else POLICY_VIOLATION
            except (DatabaseError, SQLAlchemyError):
                code = TRY_AGAIN_LATER
            if code is not None:
                self._closed = True
                await self._send({"type": "websocket.close", "code": code})
        self._looked_at_s = time.monotonic()
        return not self._closed
