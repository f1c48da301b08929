"""The login form: plain HTML, so that nothing of the page is loaded before one is known."""

from __future__ import annotations

import asyncio
import html
import logging
import math
import secrets
import time
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from vibdash.access.accounts import KNOWN_MS, SESSION_MS, Accounts
from vibdash.access.guard import SESSION_COOKIE
from vibdash.access.passwords import PasswordDoor, TooMany
from vibdash.access.proxies import prefix_of

log = logging.getLogger("vibdash.access")

FORM_COOKIE = "vibdash_login"
KNOWN_COOKIE = "vibdash_known"
LONGEST_FORM = 4096
_TEMPLATE = Path(__file__).parents[1] / "static" / "login.html"


def make_login_router(accounts: Accounts, door: PasswordDoor) -> APIRouter:
    """Return the route /login."""
    router = APIRouter()

    @router.get("/login")
    def form(request: Request, next: str = "/") -> Response:
        return _form(request, next, "", 200)

    @router.post("/login")
    async def submit(request: Request) -> Response:
        fields = await _fields(request)
        target, name = fields.get("next", "/"), fields.get("name", "").strip().lower()
        expected = request.cookies.get(FORM_COOKIE, "")
        if not expected or not secrets.compare_digest(fields.get("csrf", "").encode(), expected.encode()):
            return _form(request, target, "The form was too old. Please try again.", 403)
        address, known = request.client.host if request.client else "", request.cookies.get(KNOWN_COOKIE)
        try:
            found = await door.check(name, fields.get("password", ""), address, known)
        except TooMany as error:
            wait_s = math.ceil(error.wait_s)
            answer = _form(request, target, f"Too many wrong passwords. Try again in {wait_s} s.", 429)
            answer.headers["retry-after"] = str(wait_s)
            return answer
        if found is None:
            return _form(request, target, "Name or password is wrong.", 401)
        now_ms = time.time_ns() // 1_000_000
        log.info("%s is logged in from %s", found.name, address)
        token = await asyncio.to_thread(accounts.begin_session, found.name, now_ms)
        known = await asyncio.to_thread(accounts.make_known, found.name, now_ms)
        return _logged_in(request, target, token, known)

    @router.get("/session", status_code=204)
    def session() -> None:
        """Answer whoever is let in; the others are refused before."""

    return router


async def _fields(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            return {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _form(request: Request, target: str, trouble: str, code: int) -> Response:
    csrf = secrets.token_urlsafe(24)
    prefix = prefix_of(request.scope)
    filled = {"csrf": csrf, "next": _local(target), "trouble": trouble, "prefix": prefix}
    page = _TEMPLATE.read_text(encoding="utf-8")
    for name, value in filled.items():
        page = page.replace(f"{{{{{name}}}}}", html.escape(value))
    answer = HTMLResponse(page, code, {"cache-control": "no-store"})
    secure = request.url.scheme == "https"
    answer.set_cookie(
        FORM_COOKIE, csrf, httponly=True, samesite="strict", secure=secure, path=f"{prefix}/login"
    )
    return answer


def _logged_in(request: Request, target: str, token: str, known: str) -> Response:
    prefix, secure = prefix_of(request.scope), request.url.scheme == "https"
    answer = RedirectResponse(prefix + _local(target), 303)
    for name, value, lasts_ms, path in (
        (SESSION_COOKIE, token, SESSION_MS, prefix or "/"),
        (KNOWN_COOKIE, known, KNOWN_MS, f"{prefix}/login"),
    ):
        answer.set_cookie(
            name, value, lasts_ms // 1000, httponly=True, samesite="lax", secure=secure, path=path
        )
    answer.delete_cookie(FORM_COOKIE, path=f"{prefix}/login")
    return answer


def _local(target: str) -> str:
    """Return a target on this server, so that the form leads nowhere else."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain else "/"
