"""What fails while a page is drawn or used is said on it, and what else is on it goes on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError

from vibdash.database.opening import reason_of
from vibdash.supervision import Unavailable

SAID_AGAIN_AFTER_S = 10.0

log = logging.getLogger("vibdash.page")


class PartFailed(Exception):
    """A part of a page could not be drawn; which and why is said already."""


class Faults:
    """A banner that names the parts of a page that could not be brought up to date."""

    def __init__(self) -> None:
        self._label = ui.label().classes("notice faults").props("role=alert")
        self._label.set_visibility(False)
        self._said: dict[str, str] = {}

    def shield(self, part: str, act: Callable[[], None]) -> bool:
        """Do something to a part of the page; return whether that went well, and say on the page if not."""
        try:
            act()
        except PartFailed:
            return False
        except Exception as error:
            said = f"{part} cannot be brought up to date: {describe(error)}"
            if self._said.get(part) != said:
                log.exception("%s cannot be drawn", part)
            self._said[part] = said
        else:
            self._said.pop(part, None)
        self._label.text = ". ".join(self._said.values())
        self._label.set_visibility(bool(self._said))
        return part not in self._said


class Answers:
    """Says of an action that failed why it is not done; to be registered for all exceptions of a page."""

    def __init__(self) -> None:
        self._said_at_s: dict[str, float] = {}

    def __call__(self, error: Exception) -> None:
        """Say it, and not again and again where what failed is done every second."""
        text = f"Not done: {describe(error)}"
        now_s = time.monotonic()
        if now_s - self._said_at_s.get(text, -SAID_AGAIN_AFTER_S) >= SAID_AGAIN_AFTER_S:
            self._said_at_s = {text: now_s}
            ui.notify(text, type="negative", timeout=10_000, close_button=True)


def describe(error: Exception) -> str:
    """Return what a person is told of an error."""
    if isinstance(error, Unavailable | ValueError) and str(error):
        return str(error).splitlines()[0][:200]
    if isinstance(error, SQLAlchemyError):
        return f"database: {reason_of(error)}"[:200]
    return f"an error of this program, {type(error).__name__}: {str(error).strip()[:120]}"
