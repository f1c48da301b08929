"""How this host itself stands: its ingests, and the work of every process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vibdash.database.schema import ingest_link, work
from vibdash.supervision import RECORDS

INGEST_DEAD_AFTER_MS = 15_000
WORK_DEAD_AFTER_MS = 30_000
CLOCKS_APART_MS = 60_000  # a time that lies farther ahead than this was said by a clock that was wrong


@dataclass(frozen=True)
class Host:
    """How the ingest stands. `since_ms`: when it became so, None if not known; `broker`: empty if none ever ran."""

    connected: bool
    broker: str
    since_ms: int | None
    detail: str


@dataclass(frozen=True)
class WorkView:
    """How a thread or task of a process goes. `failures` since the process was started."""

    process: str
    name: str
    failing: bool
    failures: int
    last_failure: str | None


_WORKS = sa.select(work).order_by(work.c.process, work.c.name)


def is_credible(at_ms: int | None, now_ms: int) -> bool:
    """Return whether something can have been at a time: not where this host's clock was ahead and said so."""
    return at_ms is not None and at_ms <= now_ms + CLOCKS_APART_MS


def read_work(connection: sa.Connection, now_ms: int) -> tuple[WorkView, ...]:
    """Return how the work of every process goes; of this process also what it cannot write down."""
    told = [_work_view(row, now_ms) for row in connection.execute(_WORKS)]
    failing = {one.name for one in told if one.failing}
    here = [one for one in RECORDS if one.failing and one.name not in failing]
    told += [WorkView("this process", one.name, True, one.failures, one.last_failure) for one in here]
    return tuple(told)


def _work_view(row: Any, now_ms: int) -> WorkView:
    if abs(now_ms - row.said_at_ms) > WORK_DEAD_AFTER_MS:
        return WorkView(row.process, row.name, True, row.failures, "its process is not heard of")
    return WorkView(row.process, row.name, row.failing, row.failures, row.last_failure)


def read_host(connection: sa.Connection, now_ms: int) -> Host:
    """Return how the ingest stands: the best of them, where there are several."""
    rows = connection.execute(sa.select(ingest_link).order_by(ingest_link.c.heartbeat_at_ms)).all()
    if not rows:
        return Host(False, "", None, "no ingest has run yet")
    alive = [row for row in rows if abs(now_ms - row.heartbeat_at_ms) <= INGEST_DEAD_AFTER_MS]
    connected = [row for row in alive if row.connected]
    row = (connected or alive or rows)[-1]
    if row.connected and not alive:
        since_ms = row.heartbeat_at_ms if is_credible(row.heartbeat_at_ms, now_ms) else None
        return Host(False, row.broker, since_ms, "the ingest is not running")
    return Host(row.connected, row.broker, row.since_ms, row.detail)


def describe_work(one: WorkView) -> str:
    """Say of some work that it fails, how often it did, and why."""
    times = f", failed {one.failures:,} times" if one.failures > 1 else ""
    return f"{one.name} ({one.process}){times}: {one.last_failure}"
