"""A WebSocket stays open only as long as the session that it was opened with."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Send

LOOK_EVERY_S = 1.0  # before something is sent; before something is taken in, each time
POLICY_VIOLATION = 1008


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
        """Look the session up; close the socket where it has ended."""
        if not self._closed and not await self._lives():
            self._closed = True
            await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})
        self._looked_at_s = time.monotonic()
        return not self._closed
