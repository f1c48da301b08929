"""The one way in for a password, from the login form and from scripts: throttled, and few checked at a time."""

from __future__ import annotations

import asyncio
import logging
import time

from vibdash.access.accounts import LONGEST_PASSWORD, Account, Accounts
from vibdash.access.attempts import Attempts

log = logging.getLogger("vibdash.access")

AT_ONCE = 2  # a check costs tens of milliseconds and 64 MB, on purpose


class TooMany(Exception):
    """Too many wrong passwords; the next one is looked at after `wait_s`."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many wrong passwords; wait {wait_s:.0f} s")
        self.wait_s = wait_s


class PasswordDoor:
    """Checks passwords."""

    def __init__(self, accounts: Accounts, attempts: Attempts) -> None:
        self._accounts = accounts
        self._attempts = attempts
        self._places = asyncio.Semaphore(AT_ONCE)

    async def check(self, name: str, password: str, address: str, known: str | None = None) -> Account | None:
        """Return the user if the password is right. Raises TooMany, and then has not looked at it.

        `known` is what a browser shows that was logged in before (Accounts.make_known).
        """
        browser = known if known and await self._is_known(name, known) else None
        async with self._places:
            wait_s = self._attempts.wait_s(name, address, browser)
            if wait_s:
                log.warning("too many wrong passwords for %.32r from %s", name, address)
                raise TooMany(wait_s)
            self._attempts.note_failure(name, address, browser)
            found = await asyncio.to_thread(self._accounts.check, name, password[: LONGEST_PASSWORD + 1])
        if found is None:
            log.warning("a wrong password for %.32r from %s", name, address)
        else:
            self._attempts.note_success(name, address, browser)
        return found

    async def _is_known(self, name: str, token: str) -> bool:
        return await asyncio.to_thread(self._accounts.is_known, name, token, time.time_ns() // 1_000_000)
