"""Slowing down whoever guesses passwords, and nobody else.

Failures count against the account from this address, against the address, and against the account from everywhere. An
address from which an account's right password came is not held to what others there guess, and a browser that was
logged in before is held to its own failures only: so neither a guesser behind the same proxy nor many guessers
together lock a user out where the user is known.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

# Failures before there is a wait: of an account from one address, of an address, of an account from everywhere.
FREE_FAILURES = 5
FREE_OF_ADDRESS = 20
FREE_OF_ACCOUNT = 50
FIRST_WAIT_S = 10.0
LONGEST_WAIT_S = 900.0
FORGOTTEN_AFTER_S = 3600.0
REMEMBERED = 10_000


class Attempts:
    """Counts failures; after some of them each further one doubles the wait. A wait passed over is none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()
        self._proved: OrderedDict[Hashable, None] = OrderedDict()

    def wait_s(self, account: str, address: str, browser: str | None = None) -> float:
        """Return how long to wait before the next try, 0 for none. `browser`: one that knows the account."""
        keys = self._keys(account, address, browser)
        return max(self._wait_of(key, free) for key, free in keys.items())

    def note_failure(self, account: str, address: str, browser: str | None = None) -> None:
        """Count a wrong password; or one not checked yet, so that guesses at the same time count too."""
        for key in self._keys(account, address, browser):
            count, _ = self._of(key)
            self._failures.pop(key, None)
            self._failures[key] = (count + 1, self._clock())
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def note_success(self, account: str, address: str, browser: str | None = None) -> None:
        """Take the failure back that was counted before, and those of this account from here."""
        for key in self._keys(account, address, browser):
            count, last = self._of(key)
            if count > 1:
                self._failures[key] = (count - 1, last)
            else:
                self._failures.pop(key, None)
        here = (account, address)
        self._failures.pop(here, None)
        self._failures.pop(("browser", browser), None)
        self._proved.pop(here, None)
        self._proved[here] = None
        while len(self._proved) > REMEMBERED:
            self._proved.popitem(last=False)

    def _keys(self, account: str, address: str, browser: str | None) -> dict[Hashable, int]:
        """Return what an attempt counts against, and how many failures of each are free."""
        if browser is not None:
            return {("browser", browser): FREE_FAILURES}
        here: dict[Hashable, int] = {(account, address): FREE_FAILURES}
        if (account, address) in self._proved:
            return here
        return here | {("address", address, ""): FREE_OF_ADDRESS, ("account", account, ""): FREE_OF_ACCOUNT}

    def _of(self, key: Hashable) -> tuple[int, float]:
        count, last = self._failures.get(key, (0, 0.0))
        return (0, 0.0) if count and self._clock() - last > FORGOTTEN_AFTER_S else (count, last)

    def _wait_of(self, key: Hashable, free: int) -> float:
        count, last = self._of(key)
        if count < free:
            return 0.0
        wait_s = min(FIRST_WAIT_S * 2.0 ** min(count - free, 20), LONGEST_WAIT_S)
        return max(0.0, last + wait_s - self._clock())
