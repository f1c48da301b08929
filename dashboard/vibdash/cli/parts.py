"""What runs beside one another in a process: started in order, ended in reverse."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Protocol


class Part(Protocol):
    """Something that runs beside the page."""

    def start(self) -> None:
        """Begin, and leave nothing behind where that fails."""

    def stop(self) -> None:
        """End."""


@contextlib.contextmanager
def running(parts: Iterable[Part | None]) -> Iterator[None]:
    """Start the parts in order; at the end stop, in reverse, those that were started."""
    with contextlib.ExitStack() as stack:
        for part in parts:
            if part is not None:
                part.start()
                stack.callback(part.stop)
        yield
