"""What an operator does about alerts: acknowledge, shelve, comment, strike out. All of it is in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa

from vibdash.database.opening import ACTION_WAIT_MS, writing
from vibdash.database.schema import journal, occurrence
from vibdash.read.chatter import Seen, occurrences_of

LONGEST_COMMENT = 2000
MOST_AT_ONCE = 1000
LONGEST_SHELVING_MS = 7 * 86_400_000


class Refused(ValueError):
    """What was asked for is not done; the text says why to the one who asked."""


class Operations:
    """Writes what operators do. `author` is who does it; times are milliseconds UTC."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def acknowledge(self, chosen: Iterable[Seen | int], author: str, now_ms: int) -> int:
        """Acknowledge alerts at the level they have reached; return how many occurrences were not yet.

        One that has become worse since it was seen is left as it is. Raises DatabaseError.
        """
        stale = sa.or_(occurrence.c.acked_level.is_(None), occurrence.c.acked_level != occurrence.c.level)
        values = {"acked_at_ms": now_ms, "acked_by": author, "acked_level": occurrence.c.level}
        return self._change(chosen, stale, values, ("acknowledge", author, now_ms, ""))

    def shelve(self, chosen: Iterable[Seen | int], for_ms: int, author: str, now_ms: int) -> int:
        """Put alerts aside until then; they come back by themselves. Raises Refused, DatabaseError."""
        if not 0 < for_ms <= LONGEST_SHELVING_MS:
            raise Refused(f"shelved for {for_ms / 3_600_000:g} h; accepted: up to 7 days")
        until_ms = now_ms + for_ms
        values = {"shelved_until_ms": until_ms, "shelved_by": author}
        return self._change(chosen, sa.true(), values, ("shelve", author, now_ms, f"for {_hours(for_ms)}"))

    def unshelve(self, chosen: Iterable[Seen | int], author: str, now_ms: int) -> int:
        """Bring shelved alerts back; return how many were shelved. Raises DatabaseError."""
        values = {"shelved_until_ms": None, "shelved_by": None}
        return self._change(
            chosen, occurrence.c.shelved_until_ms > now_ms, values, ("unshelve", author, now_ms, "")
        )

    def comment(self, occurrence_id: int, text: str, author: str, now_ms: int) -> None:
        """Add a comment to an occurrence. Raises Refused, DatabaseError."""
        text = "".join(c for c in text.strip() if c.isprintable() or c == "\n")
        if not 0 < len(text) <= LONGEST_COMMENT:
            raise Refused(f"comment: {len(text)} characters; accepted: 1 to {LONGEST_COMMENT}")
        with writing(self._engine, ACTION_WAIT_MS) as connection:
            known = sa.select(occurrence.c.id).where(occurrence.c.id == occurrence_id)
            if connection.scalar(known) is None:
                raise Refused("this alert is no longer there")
            _note(connection, [occurrence_id], ("comment", author, now_ms, text))

    def strike(self, entry_id: int, author: str, now_ms: int) -> None:
        """Strike a comment out; it stays, and says so. Raises Refused, DatabaseError."""
        with writing(self._engine, ACTION_WAIT_MS) as connection:
            entry = connection.execute(sa.select(journal).where(journal.c.id == entry_id)).one_or_none()
            if entry is None or entry.action != "comment":
                raise Refused("this comment is not there")
            already = sa.select(journal.c.id).where(journal.c.strikes_id == entry_id)
            if connection.scalar(already.where(journal.c.occurrence_id == entry.occurrence_id)) is not None:
                raise Refused("this comment is struck out already")
            done = ("strike", author, now_ms, f"entry {entry_id}")
            _note(connection, [entry.occurrence_id], done, strikes_id=entry_id)

    def _change(
        self,
        chosen: Iterable[Seen | int],
        applies: sa.ColumnElement[bool],
        values: Mapping[str, object],
        done: tuple[str, str, int, str],
    ) -> int:
        changed: list[int] = []
        with writing(self._engine, ACTION_WAIT_MS) as connection:
            for one in chosen:
                query = sa.select(occurrence.c.id).where(applies)
                if isinstance(one, Seen) and one.level != "alarm" and done[0] == "acknowledge":
                    query = query.where(occurrence.c.level == one.level)
                for ids in _parts(occurrences_of(connection, one)):
                    changed += connection.scalars(query.where(occurrence.c.id.in_(ids)))
            for ids in _parts(changed):
                connection.execute(occurrence.update().where(occurrence.c.id.in_(ids)).values(values))
                _note(connection, ids, done)
        return len(changed)


def _parts(ids: list[int]) -> Iterator[list[int]]:
    """Return the ids in parts that a statement can take."""
    for start in range(0, len(ids), MOST_AT_ONCE):
        yield ids[start : start + MOST_AT_ONCE]


def _note(
    connection: sa.Connection, ids: list[int], done: tuple[str, str, int, str], strikes_id: int | None = None
) -> None:
    action, author, now_ms, note = done
    entry = {"at_ms": now_ms, "author": author, "action": action, "note": note, "strikes_id": strikes_id}
    connection.execute(journal.insert(), [{**entry, "occurrence_id": id} for id in ids])


def _hours(span_ms: int) -> str:
    hours = span_ms // 3_600_000
    return f"{hours // 24} days" if hours > 24 else f"{hours} h"
