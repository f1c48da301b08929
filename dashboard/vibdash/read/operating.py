"""What an operator does about alerts: acknowledge, shelve, comment. All of it is in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from vibdash.database.opening import be_the_only_writer
from vibdash.database.schema import journal, occurrence

LONGEST_COMMENT = 2000
LONGEST_SHELVING_MS = 7 * 86_400_000


class Refused(ValueError):
    """What was asked for is not done; the text says why to the one who asked."""


class Operations:
    """Writes what operators do. `author` is who does it; times are milliseconds UTC."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def acknowledge(self, ids: Iterable[int], author: str, now_ms: int) -> int:
        """Acknowledge occurrences at the level they have reached; return how many were not yet."""
        stale = sa.or_(occurrence.c.acked_level.is_(None), occurrence.c.acked_level != occurrence.c.level)
        values = {"acked_at_ms": now_ms, "acked_by": author, "acked_level": occurrence.c.level}
        return self._change(ids, stale, values, ("acknowledge", author, now_ms, ""))

    def shelve(self, ids: Iterable[int], for_ms: int, author: str, now_ms: int) -> int:
        """Put occurrences aside until then; they come back by themselves. Raises Refused."""
        if not 0 < for_ms <= LONGEST_SHELVING_MS:
            raise Refused(f"shelved for {for_ms / 3_600_000:g} h; accepted: up to 7 days")
        until_ms = now_ms + for_ms
        values = {"shelved_until_ms": until_ms, "shelved_by": author}
        return self._change(ids, sa.true(), values, ("shelve", author, now_ms, f"for {_hours(for_ms)}"))

    def unshelve(self, ids: Iterable[int], author: str, now_ms: int) -> int:
        """Bring shelved occurrences back; return how many were shelved."""
        values = {"shelved_until_ms": None, "shelved_by": None}
        return self._change(
            ids, occurrence.c.shelved_until_ms > now_ms, values, ("unshelve", author, now_ms, "")
        )

    def comment(self, occurrence_id: int, text: str, author: str, now_ms: int) -> None:
        """Add a comment to an occurrence. Raises Refused."""
        text = "".join(c for c in text.strip() if c.isprintable() or c == "\n")
        if not 0 < len(text) <= LONGEST_COMMENT:
            raise Refused(f"comment: {len(text)} characters; accepted: 1 to {LONGEST_COMMENT}")
        with self._engine.begin() as connection:
            be_the_only_writer(connection)
            known = sa.select(occurrence.c.id).where(occurrence.c.id == occurrence_id)
            if connection.scalar(known) is None:
                raise Refused("this alert is no longer there")
            _note(connection, [occurrence_id], ("comment", author, now_ms, text))

    def _change(
        self,
        ids: Iterable[int],
        applies: sa.ColumnElement[bool],
        values: Mapping[str, object],
        done: tuple[str, str, int, str],
    ) -> int:
        with self._engine.begin() as connection:
            be_the_only_writer(connection)
            chosen = sa.select(occurrence.c.id).where(occurrence.c.id.in_(list(ids)), applies)
            changed = list(connection.scalars(chosen))
            if changed:
                connection.execute(occurrence.update().where(occurrence.c.id.in_(changed)).values(values))
                _note(connection, changed, done)
        return len(changed)


def _note(connection: sa.Connection, ids: list[int], done: tuple[str, str, int, str]) -> None:
    action, author, now_ms, note = done
    entry = {"at_ms": now_ms, "author": author, "action": action, "note": note}
    connection.execute(journal.insert(), [{**entry, "occurrence_id": id} for id in ids])


def _hours(span_ms: int) -> str:
    hours = span_ms // 3_600_000
    return f"{hours // 24} days" if hours > 24 else f"{hours} h"
