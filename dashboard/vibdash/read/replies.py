"""Commands and what became of them, as the page shows them; answers in parts put together."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vibdash.database.opening import for_reading
from vibdash.database.schema import command, reply_part

NO_ANSWER_AFTER_MS = 15_000
SLOW_COMMANDS = {"spectrum": 75_000, "snapshot": 75_000}  # the device waits for a window, or for many frames


class Progress(enum.StrEnum):
    """How far a command is."""

    WAITING = "waiting"  # for an ingest to send it
    SENT = "sent"
    ANSWERED = "answered"
    REFUSED = "refused"  # by the device, or not sent at all
    NO_ANSWER = "no answer"


@dataclass(frozen=True)
class CommandView:
    """One command. Times are milliseconds UTC."""

    id: int
    site: str
    device: str
    cmd: str
    fields: dict[str, Any]
    author: str
    asked_at_ms: int
    answered_at_ms: int | None
    progress: Progress
    error: str | None
    parts_here: int
    parts: int | None


class ReplyReader:
    """Reads commands and their answers."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = for_reading(engine)

    def latest(self, site: str, device: str, now_ms: int, *, limit: int = 12) -> tuple[CommandView, ...]:
        """Return a sensor's latest commands, newest first."""
        parts = (
            sa.select(
                reply_part.c.command_id,
                sa.func.count().label("parts_here"),
                sa.func.max(reply_part.c.parts).label("parts"),
                sa.func.max(reply_part.c.received_at_ms).label("last_part_at_ms"),
            )
            .group_by(reply_part.c.command_id)
            .subquery()
        )
        found = (
            sa.select(command, parts.c.parts_here, parts.c.parts, parts.c.last_part_at_ms)
            .outerjoin(parts, parts.c.command_id == command.c.id)
            .where(command.c.site == site, command.c.device == device)
            .order_by(command.c.id.desc())
            .limit(limit)
        )
        with self._engine.begin() as connection:
            return tuple(_view(row, now_ms) for row in connection.execute(found))

    def parts(self, command_id: int) -> list[dict[str, Any]]:
        """Return the parts of an answer in order."""
        query = sa.select(reply_part.c.body).where(reply_part.c.command_id == command_id)
        with self._engine.begin() as connection:
            return [dict(body) for body in connection.scalars(query.order_by(reply_part.c.part))]

    def answered(
        self, site: str, device: str, cmd: str, *, limit: int
    ) -> list[tuple[int, int, list[dict[str, Any]]]]:
        """Return the latest whole answers to a command, newest first: its number, when it came, its parts."""
        done = (
            sa.select(command.c.id, command.c.answered_at_ms)
            .where(command.c.site == site, command.c.device == device, command.c.cmd == cmd, command.c.ok)
            .order_by(command.c.id.desc())
            .limit(limit)
        )
        with self._engine.begin() as connection:
            rows = connection.execute(done).all()
            body = sa.select(reply_part.c.command_id, reply_part.c.body).order_by(reply_part.c.part)
            found: dict[int, list[dict[str, Any]]] = {row.id: [] for row in rows}
            for number, part in connection.execute(body.where(reply_part.c.command_id.in_(found))):
                found[number].append(dict(part))
        return [(row.id, row.answered_at_ms, found[row.id]) for row in rows]


def _view(row: Any, now_ms: int) -> CommandView:
    names = (
        "id",
        "site",
        "device",
        "cmd",
        "fields",
        "author",
        "asked_at_ms",
        "answered_at_ms",
        "error",
        "parts",
    )
    values = {name: getattr(row, name) for name in names}
    return CommandView(**values, progress=_progress(row, now_ms), parts_here=row.parts_here or 0)


def _progress(row: Any, now_ms: int) -> Progress:
    if row.ok is not None:
        return Progress.ANSWERED if row.ok else Progress.REFUSED
    last_sign_ms = max(row.sent_at_ms or row.asked_at_ms, row.last_part_at_ms or 0)
    if now_ms - last_sign_ms > SLOW_COMMANDS.get(row.cmd, NO_ANSWER_AFTER_MS):
        return Progress.NO_ANSWER
    return Progress.WAITING if row.sent_at_ms is None else Progress.SENT
