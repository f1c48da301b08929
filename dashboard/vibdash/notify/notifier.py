"""Telling people, beside the ingest and never in its way: one thread plans, and one a channel delivers.

What is due on a channel at the same time becomes one message, and messages are some seconds apart, so that a storm
of alerts does not become a storm of mails.
"""

from __future__ import annotations

import logging
import threading
import time

import sqlalchemy as sa

from vibdash.notify.channels import Channel, Undelivered
from vibdash.notify.notifications import ALERTS_AT_ONCE, Notifications
from vibdash.notify.rules import Notify

LOOK_EVERY_S = 1.0
LOOK_FOR_LATE_EVERY_S = 10.0
MESSAGES_APART_S = 10.0

log = logging.getLogger("vibdash.notify")


class Notifier:
    """`start` runs it in threads of its own. `apart_s`: seconds between two messages of a channel."""

    def __init__(self, engine: sa.Engine, notify: Notify, *, apart_s: float = MESSAGES_APART_S) -> None:
        self._notifications = Notifications(engine, notify.rules)
        self._apart_s = apart_s
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._plan, name="notify", daemon=True)]
        for name, channel in notify.channels.items():
            deliver = threading.Thread(
                target=self._deliver, args=(name, channel), name=f"notify-{name}", daemon=True
            )
            self._threads.append(deliver)

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what is not told yet is told after the next start."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=2.0)

    def _plan(self) -> None:
        begun, looked_for_late_at_s = False, 0.0
        while not self._stopping.is_set():
            try:
                if not begun:
                    self._notifications.begin()
                    begun = True
                if self._notifications.plan(_now_ms()) == ALERTS_AT_ONCE:
                    continue
                if time.monotonic() - looked_for_late_at_s >= LOOK_FOR_LATE_EVERY_S:
                    looked_for_late_at_s = time.monotonic()
                    self._notifications.plan_late(_now_ms())
            except sa.exc.SQLAlchemyError as error:
                log.warning("nothing can be planned: %s", str(error).splitlines()[0])
            self._stopping.wait(LOOK_EVERY_S)

    def _deliver(self, name: str, channel: Channel) -> None:
        while not self._stopping.is_set():
            wait_s = LOOK_EVERY_S
            try:
                if self._deliver_due(name, channel):
                    wait_s = max(wait_s, self._apart_s)
            except sa.exc.SQLAlchemyError as error:
                log.warning("channel %s: %s", name, str(error).splitlines()[0])
            self._stopping.wait(wait_s)

    def _deliver_due(self, name: str, channel: Channel) -> bool:
        due = self._notifications.due(name, _now_ms())
        if not due:
            return False
        ids, told = [id for id, _ in due], [one for _, one in due]
        subject = told[0].line if len(told) == 1 else f"{len(told)} alerts, the first: {told[0].line}"
        try:
            channel.deliver(f"Vibnode: {subject}", told)
        except Undelivered as error:
            log.warning("channel %s: %d not delivered: %s", name, len(ids), error)
            self._notifications.note_failure(ids, str(error), _now_ms())
        else:
            self._notifications.note_delivered(ids, _now_ms())
        return True


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
