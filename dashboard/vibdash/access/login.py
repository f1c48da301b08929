"""The login form: plain HTML, so that nothing of the page is loaded before one is known."""

from __future__ import annotations

import asyncio
import html
import math
import secrets
import time
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from vibdash.access.accounts import LONGEST_PASSWORD, SESSION_MS, Accounts
from vibdash.access.attempts import Attempts
from vibdash.access.guard import SESSION_COOKIE

FORM_COOKIE = "vibdash_login"
LONGEST_FORM = 4096
_TEMPLATE = Path(__file__).parents[1] / "static" / "login.html"


def make_login_router(accounts: Accounts, attempts: Attempts) -> APIRouter:
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
        address = request.client.host if request.client else ""
        keys = (address, (address, name))
        wait_s = attempts.wait_s(*keys)
        if wait_s:
            answer = _form(
                request, target, f"Too many wrong passwords. Try again in {math.ceil(wait_s)} s.", 429
            )
            answer.headers["retry-after"] = str(math.ceil(wait_s))
            return answer
        password = fields.get("password", "")[: LONGEST_PASSWORD + 1]
        found = await asyncio.to_thread(accounts.check, name, password)
        if found is None:
            attempts.note_failure(*keys)
            return _form(request, target, "Name or password is wrong.", 401)
        attempts.forget(*keys)
        token = await asyncio.to_thread(accounts.begin_session, found.name, time.time_ns() // 1_000_000)
        return _logged_in(request, target, token)

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
    filled = {"csrf": csrf, "next": _local(target), "trouble": trouble}
    page = _TEMPLATE.read_text(encoding="utf-8")
    for name, value in filled.items():
        page = page.replace(f"{{{{{name}}}}}", html.escape(value))
    answer = HTMLResponse(page, code, {"cache-control": "no-store"})
    secure = request.url.scheme == "https"
    answer.set_cookie(FORM_COOKIE, csrf, httponly=True, samesite="strict", secure=secure, path="/login")
    return answer


def _logged_in(request: Request, target: str, token: str) -> Response:
    answer = RedirectResponse(_local(target), 303)
    secure = request.url.scheme == "https"
    seconds = SESSION_MS // 1000
    answer.set_cookie(SESSION_COOKIE, token, max_age=seconds, httponly=True, samesite="lax", secure=secure)
    answer.delete_cookie(FORM_COOKIE, path="/login")
    return answer


def _local(target: str) -> str:
    """Return a target on this server, so that the form leads nowhere else."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain else "/"
