"""Slowing down whoever guesses passwords."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

FREE_FAILURES = 5
FIRST_WAIT_S = 10.0
LONGEST_WAIT_S = 900.0
REMEMBERED = 10_000


class Attempts:
    """Counts failures by key; after some of them each further one doubles the wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()

    def wait_s(self, *keys: Hashable) -> float:
        """Return how long to wait before the next try, 0 for not at all."""
        return max(self._wait_of(key) for key in keys)

    def note_failure(self, *keys: Hashable) -> None:
        """Count a wrong password."""
        for key in keys:
            count, _ = self._failures.pop(key, (0, 0.0))
            self._failures[key] = (count + 1, self._clock())
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def forget(self, *keys: Hashable) -> None:
        """Start anew after a right password."""
        for key in keys:
            self._failures.pop(key, None)

    def _wait_of(self, key: Hashable) -> float:
        count, last = self._failures.get(key, (0, 0.0))
        if count < FREE_FAILURES:
            return 0.0
        wait_s = min(FIRST_WAIT_S * 2.0 ** (count - FREE_FAILURES), LONGEST_WAIT_S)
        return max(0.0, last + wait_s - self._clock())
