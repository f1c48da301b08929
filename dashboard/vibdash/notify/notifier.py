"""Telling people, beside the ingest and never in its way: one thread plans, and one a channel delivers.

What is due on a channel at the same time becomes one message, and messages are some seconds apart, so that a storm
of alerts does not become a storm of mails.
"""

from __future__ import annotations

import logging
import time
from functools import partial

import sqlalchemy as sa

from vibdash.notify.channels import Channel, Undelivered
from vibdash.notify.notifications import ALERTS_AT_ONCE, Notifications
from vibdash.notify.rules import Notify
from vibdash.supervision import Work

LOOK_EVERY_S = 1.0
LOOK_FOR_LATE_EVERY_S = 10.0
MESSAGES_APART_S = 10.0

log = logging.getLogger("vibdash.notify")


class Notifier:
    """`start` runs it in threads of its own. `apart_s`: seconds between two messages of a channel."""

    def __init__(self, engine: sa.Engine, notify: Notify, *, apart_s: float = MESSAGES_APART_S) -> None:
        self._notifications = Notifications(engine, notify.rules)
        self._apart_s = apart_s
        self._begun = False
        self._looked_for_late_at_s = 0.0
        self._works = [Work("notify", self._plan)]
        for name, channel in notify.channels.items():
            self._works.append(Work(f"notify-{name}", partial(self._deliver, name, channel)))

    def start(self) -> None:
        """Begin."""
        for work in self._works:
            work.start()

    def stop(self) -> None:
        """End; what is not told yet is told after the next start."""
        for work in self._works:
            work.stopping.set()
        for work in self._works:
            work.stop(within_s=2.0)

    def _plan(self) -> float:
        if not self._begun:
            self._notifications.begin()
            self._begun = True
        if self._notifications.plan(_now_ms()) == ALERTS_AT_ONCE:
            return 0.0
        if time.monotonic() - self._looked_for_late_at_s >= LOOK_FOR_LATE_EVERY_S:
            self._looked_for_late_at_s = time.monotonic()
            self._notifications.plan_late(_now_ms())
        return LOOK_EVERY_S

    def _deliver(self, name: str, channel: Channel) -> float:
        return max(LOOK_EVERY_S, self._apart_s) if self._deliver_due(name, channel) else LOOK_EVERY_S

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
