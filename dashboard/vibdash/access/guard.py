"""What stands before every request: is it from our own page, and who is it?

Without any user defined the page is open, on loopback only; then only requests to a loopback name pass, or a
foreign page could reach it through a name that it makes point here. A request that changes something, and every
WebSocket, must come from our own origin. With users, all but the login needs a session, or for scripts a password.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vibdash.access.accounts import Account, Accounts, Role
from vibdash.access.attempts import Attempts

SESSION_COOKIE = "vibdash_session"
LOCAL = Account("local", Role.ENGINEER)
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
PUBLIC_PATHS = ("/login", "/healthz")
FOR_SCRIPTS = ("/api/", "/metrics")
HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


class Guard:
    """ASGI middleware; puts the Account of the request into its state as `account`."""

    def __init__(self, app: ASGIApp, *, accounts: Accounts, attempts: Attempts, may_be_open: bool) -> None:
        self._app = app
        self._accounts = accounts
        self._attempts = attempts
        self._may_be_open = may_be_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = await self._judge(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
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
        if path in PUBLIC_PATHS:
            return None
        for_scripts = path.startswith(FOR_SCRIPTS)
        known = await asyncio.to_thread(self._who, headers, for_scripts, _address(scope))
        if known is not None:
            scope.setdefault("state", {})["account"] = known
            return None
        if for_scripts:
            return PlainTextResponse("login needed", 401, {"www-authenticate": 'Basic realm="Vibnode"'})
        if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return RedirectResponse(f"/login?next={quote(path)}", 303)
        return PlainTextResponse("login needed", 401)

    def _who(self, headers: Headers, for_scripts: bool, address: str) -> Account | None:
        token = session_token(headers)
        if token:
            return self._accounts.of_session(token, time.time_ns() // 1_000_000)
        return self._of_password(headers, address) if for_scripts else None

    def _of_password(self, headers: Headers, address: str) -> Account | None:
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        keys = (address, (address, name))
        if self._attempts.wait_s(*keys):
            return None
        found = self._accounts.check(name, password)
        (self._attempts.note_failure if found is None else self._attempts.forget)(*keys)
        return found


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
