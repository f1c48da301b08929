"""Work that must go on: no thread or task of this program ends unseen.

A round that fails is logged, counted, and tried again, later each time. What fails for want of something outside, such
as the database, is tried for ever. What fails in a way that nobody foresaw is tried a few times in a row; then the
process ends with a code that is not zero, so that whoever runs it starts it anew.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 30.0
MEANWHILE_EVERY_S = 5.0
MOST_UNFORESEEN = 10
LONGEST_REASON = 300

log = logging.getLogger("vibdash.supervision")


class Unavailable(Exception):
    """Something that this program needs is not there now; the text is one line."""


FORESEEN = (Unavailable, SQLAlchemyError, OSError)


class Record:
    """How some work goes. `failures` counts all since the start, `in_a_row` those since it last went well."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures = 0
        self.in_a_row = 0
        self.unforeseen_in_a_row = 0
        self.last_failure: str | None = None
        self.gave_up = False

    @property
    def failing(self) -> bool:
        """Whether it has not gone well since it last failed."""
        return self.in_a_row > 0 or self.gave_up

    def note_failure(self, error: BaseException) -> None:
        """Count a failure, and log it: with its place in the program if nobody foresaw it."""
        foreseen = isinstance(error, FORESEEN)
        self.failures += 1
        self.in_a_row += 1
        self.unforeseen_in_a_row = 0 if foreseen else self.unforeseen_in_a_row + 1
        self.last_failure = _one_line(error)
        place = None if foreseen else error
        log.warning("%s: %s; trying again", self.name, self.last_failure, exc_info=place)

    def note_working(self) -> None:
        """It goes well."""
        self.in_a_row = self.unforeseen_in_a_row = 0

    def retry_after_s(self) -> float:
        """Return how long to wait, longer after each failure and never quite as long as others wait."""
        longest_s = min(FIRST_RETRY_S * 2.0 ** min(self.in_a_row - 1, 20), LONGEST_RETRY_S)
        return longest_s * random.uniform(0.5, 1.0)


RECORDS: list[Record] = []  # of all work of this process


def new_record(name: str) -> Record:
    """Return the record of work that begins in this process."""
    RECORDS.append(Record(name))
    return RECORDS[-1]


def gave_up() -> bool:
    """Return whether this process ends because some of its work cannot go on."""
    return any(record.gave_up for record in RECORDS)


class Work:
    """Rounds of work in a thread of its own.

    `do_round` does what is due and returns after how many seconds to look again. `meanwhile` is called now and then
    while a failed round waits for its next try.
    """

    def __init__(
        self, name: str, do_round: Callable[[], float], meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        self.record = Record(name)
        self.stopping = threading.Event()
        self._do_round = do_round
        self._meanwhile = meanwhile
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        RECORDS.append(self.record)
        self._thread.start()

    def stop(self, within_s: float = 10.0) -> None:
        """End after the round in hand."""
        self.stopping.set()
        self.join(within_s)

    def join(self, within_s: float | None = None) -> None:
        """Wait until it has ended."""
        if self._thread.is_alive():
            self._thread.join(within_s)
        if self.record in RECORDS and not self.record.gave_up:
            RECORDS.remove(self.record)

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                wait_s = self._do_round()
            except Exception as error:
                self.record.note_failure(error)
                if self.record.unforeseen_in_a_row >= MOST_UNFORESEEN:
                    _give_up(self.record)
                    return
                self._wait_to_retry(self.record.retry_after_s())
            else:
                self.record.note_working()
                self.stopping.wait(wait_s)

    def _wait_to_retry(self, wait_s: float) -> None:
        end_s = time.monotonic() + wait_s
        while (left_s := end_s - time.monotonic()) > 0 and not self.stopping.wait(
            min(MEANWHILE_EVERY_S, left_s)
        ):
            self._meanwhile()


def keep_going(work: Coroutine[Any, Any, None], record: Record) -> asyncio.Task[None]:
    """Return the task of work that never ends by itself: if it does, this process ends."""
    task = asyncio.ensure_future(work)

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            record.note_failure(task.exception() or RuntimeError("it ended"))
            _give_up(record)

    task.add_done_callback(ended)
    return task


def _give_up(record: Record) -> None:
    record.gave_up = True
    log.critical("%s cannot go on; this process ends", record.name)
    os.kill(os.getpid(), signal.SIGTERM)  # every command ends in good order with that


def _one_line(error: BaseException) -> str:
    text = str(getattr(error, "orig", None) or error).strip().split("\n")[0][:LONGEST_REASON]
    return text if isinstance(error, Unavailable) and text else f"{type(error).__name__} {text}".strip()
