"""Who looks at this page, and whether they still may."""

from __future__ import annotations

import asyncio
import time

from nicegui import ui

from vibdash.access.accounts import Account, Accounts, Role
from vibdash.access.guard import LOCAL
from vibdash.access.proxies import prefix_of

CHECK_LOGIN_EVERY_S = 5.0


class Viewer:
    """The account of a page, looked up anew for everything it does: it may be gone since the page was loaded."""

    def __init__(self, accounts: Accounts, account: Account, token: str | None) -> None:
        self._accounts = accounts
        self._token = token
        self.account = account

    async def name_if_may(self, role: Role) -> str | None:
        """Return the name to put under what is done, None if it is not allowed; the page says so then."""
        now = await asyncio.to_thread(self._look_up)
        if now is not None and now.may(role):
            return now.name
        ui.notify("This needs a login" if now is None else f"This needs the role {role}", type="warning")
        return None

    async def leave_if_logged_out(self) -> None:
        """Go to the login form when the session has ended."""
        if await asyncio.to_thread(self._look_up) is None:
            ui.navigate.to("/login")

    async def log_out(self) -> None:
        """End the session and go to the login form."""
        if self._token is not None:
            await asyncio.to_thread(self._accounts.end_session, self._token)
        ui.navigate.to("/login")

    def _look_up(self) -> Account | None:
        if self.account == LOCAL:
            return None if self._accounts.exist() else LOCAL
        return self._accounts.of_session(self._token or "", time.time_ns() // 1_000_000)


def link_to(path: str) -> str:
    """Return the address of a path of this server in the browser that shows this page."""
    return f"{prefix_of(ui.context.client.request.scope)}{path}"


def draw_viewer(viewer: Viewer) -> None:
    """Show who is logged in, or that nobody has to be."""
    with ui.element("div").classes("viewer"):
        if viewer.account == LOCAL:
            ui.icon("lock_open").props("aria-hidden=true")
            ui.label("No login: no user is defined").classes("open")
        else:
            ui.label(f"{viewer.account.name}, {viewer.account.role}")
            ui.button(icon="logout", on_click=viewer.log_out).props('flat round dense aria-label="Log out"')
