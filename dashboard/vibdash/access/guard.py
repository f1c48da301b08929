"""What stands before every request: is it from our own page, and who is it?

Without any user defined the page is open, on loopback only; then only requests to a loopback name pass, or a
foreign page could reach it through a name that it makes point here. A request that changes something, and every
WebSocket, must come from our own origin. With users, all but the login needs a session, or for scripts a password;
and a WebSocket lives no longer than the session that it was opened with.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import math
import time
from functools import partial
from urllib.parse import quote, urlsplit

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vibdash.access.accounts import Account, Accounts, Role
from vibdash.access.passwords import PasswordDoor, TooMany
from vibdash.access.proxies import prefix_of
from vibdash.access.socket_watch import POLICY_VIOLATION, WatchedSocket
from vibdash.database.opening import DatabaseError, reason_of

log = logging.getLogger("vibdash.access")

SESSION_COOKIE = "vibdash_session"
LOCAL = Account("local", Role.ENGINEER)
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
# What is answered without a login, and how it may be asked for: all else would be worked on for anybody.
PUBLIC = {"/login": ("GET", "HEAD", "POST"), "/healthz": ("GET", "HEAD")}
FOR_SCRIPTS = ("/api/", "/metrics")
HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",  # but for files of the program, which say otherwise
}


class Guard:
    """ASGI middleware; puts the Account of the request into its state as `account`."""

    def __init__(self, app: ASGIApp, *, accounts: Accounts, door: PasswordDoor, may_be_open: bool) -> None:
        self._app = app
        self._accounts = accounts
        self._door = door
        self._may_be_open = may_be_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            refusal = await self._judge(scope)
        except (DatabaseError, SQLAlchemyError) as error:
            refusal = _not_now(error)
        if refusal is None and scope["type"] == "websocket":
            watched = WatchedSocket(receive, send, partial(self._lives, scope))
            await self._app(scope, watched.receive, watched.send)
        elif refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await refusal(scope, receive, _with_headers(send))

    async def _judge(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), str(scope["path"])
        if not _is_same_origin(scope, headers):
            return PlainTextResponse("this request comes from another site", 403)
        if self._may_be_open and not await asyncio.to_thread(self._accounts.exist):
            if _host_name(headers) not in LOOPBACK_NAMES:
                return PlainTextResponse(f"ask for one of {', '.join(LOOPBACK_NAMES)}", 421)
            scope.setdefault("state", {})["account"] = LOCAL
            return None
        if path in PUBLIC and scope["type"] == "http":
            allowed = PUBLIC[path]
            needed = {"allow": ", ".join(allowed)}
            return None if scope["method"] in allowed else PlainTextResponse("not allowed", 405, needed)
        for_scripts = path.startswith(FOR_SCRIPTS)
        try:
            known = await self._who(headers, for_scripts, _address(scope))
        except TooMany as error:
            wait = {"retry-after": str(math.ceil(error.wait_s))}
            return PlainTextResponse(str(error), 429, wait)
        if known is not None:
            scope.setdefault("state", {})["account"] = known
            return None
        if for_scripts:
            return PlainTextResponse("login needed", 401, {"www-authenticate": 'Basic realm="Vibnode"'})
        if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return RedirectResponse(f"{prefix_of(scope)}/login?next={quote(path)}", 303)
        return PlainTextResponse("login needed", 401)

    async def _lives(self, scope: Scope) -> bool:
        """Return whether a WebSocket that was let in would still be."""
        if scope["state"]["account"] == LOCAL:
            return not await asyncio.to_thread(self._accounts.exist)
        token = session_token(Headers(scope=scope)) or ""
        return await asyncio.to_thread(self._accounts.of_session, token, _now_ms()) is not None

    async def _who(self, headers: Headers, for_scripts: bool, address: str) -> Account | None:
        token = session_token(headers)
        if token:
            return await asyncio.to_thread(self._accounts.of_session, token, _now_ms())
        return await self._of_password(headers, address) if for_scripts else None

    async def _of_password(self, headers: Headers, address: str) -> Account | None:
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return await self._door.check(name, password, address)


def _not_now(error: Exception) -> Response:
    """Let nobody in: while the database cannot be read, who asks cannot be told from anybody else."""
    reason = str(error) if isinstance(error, DatabaseError) else f"database: {reason_of(error)}"
    log.warning("nobody can be let in: %s", reason)
    return PlainTextResponse(f"not now, the users cannot be looked up: {reason}", 503, {"retry-after": "5"})


def session_token(headers: Headers) -> str | None:
    """Return the token of a request's session cookie."""
    return cookie_parser(headers.get("cookie", "")).get(SESSION_COOKIE)


def _is_same_origin(scope: Scope, headers: Headers) -> bool:
    if scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return True
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def _host_name(headers: Headers) -> str | None:
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _address(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else ""


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
