"""Sockets of the page: each speaks only for pages that its own session has loaded.

The id of a page stands in the address of its socket, and so in the logs of proxies: who knows it must not be able to
use the page of another. NiceGUI finds a page by that id alone, so its handlers are put behind a check.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from nicegui import Client, core
from socketio.exceptions import ConnectionRefusedError
from starlette.datastructures import Headers

from vibdash.access.guard import session_token

EVENTS = ("event", "javascript_response", "ack", "log")


def bind_sockets() -> None:
    """Check what every socket says. Long polling is off: it names its socket in an address, too."""
    core.sio.eio.transports = ["websocket"]
    core.app.config.socket_io_js_transports = ["websocket"]
    handlers: dict[str, Callable[..., Any]] = core.sio.handlers["/"]
    connect, handshake = handlers["connect"], handlers["handshake"]

    async def checked_connect(sid: str, environ: dict[str, Any], *rest: Any) -> Any:
        asked = parse_qs(environ.get("QUERY_STRING", "")).get("client_id", [""])[0]
        if not _may_use(sid, asked):
            raise ConnectionRefusedError("Implicit handshake failed")  # the browser loads the page anew
        return await connect(sid, environ, *rest)

    async def checked_handshake(sid: str, data: dict[str, Any]) -> bool:
        return bool(await handshake(sid, data)) if _may_use(sid, _page_id(data)) else False

    def checked(handler: Callable[..., Any]) -> Callable[..., Any]:
        def handle(sid: str, message: Any) -> Any:
            return handler(sid, message) if _page_id(message) in core.sio.rooms(sid) else None

        return handle

    core.sio.on("connect", checked_connect)
    core.sio.on("handshake", checked_handshake)
    for name in EVENTS:
        core.sio.on(name, checked(handlers[name]))


def _page_id(message: Any) -> str:
    return str(message.get("client_id", "")) if isinstance(message, dict) else ""


def _may_use(sid: str, page_id: str) -> bool:
    """Return whether a page was loaded with the session of the socket."""
    page = Client.instances.get(page_id)
    if page is None:
        return True  # NiceGUI refuses it, in the words that make the browser load the page anew
    cookies = core.sio.get_environ(sid).get("HTTP_COOKIE", "")
    mine, its = session_token(Headers({"cookie": cookies})), session_token(page.request.headers)
    return secrets.compare_digest(mine or "", its or "")
