"""Commands to devices: asked for on the page, signed and sent by an ingest, answered by the device.

They meet in the table `command`, so that page and ingest may be two processes, and the keys are read by the ingest
alone. A command is marked as sent before it goes out: one that may have gone out is never sent a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from vibnode import signing

from vibdash.commands.keys import take_next
from vibdash.database.opening import ACTION_WAIT_MS, for_reading, writing
from vibdash.database.schema import IS_OPEN, command, journal, machine_record, occurrence
from vibdash.protocol.commands import RECORDED, NotAccepted, check_command
from vibdash.protocol.messages import Sensor

LATEST_SENDING_MS = 30_000  # a command asked for longer ago is not sent: who asked has given up
LONGEST_NOTE = 2000  # characters
COUNTER_WAS_AHEAD = "its counter was ahead; asked again"
_DUE = sa.select(command).where(command.c.sent_at_ms.is_(None), command.c.ok.is_(None))


@dataclass(frozen=True)
class Outgoing:
    """A signed command, ready to be published."""

    topic: str
    payload: bytes


class Commander:
    """Takes commands in, and hands them out signed. Times are milliseconds UTC."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def ask(
        self, sensor: Sensor, cmd: str, fields: dict[str, Any], author: str, now_ms: int, note: str = ""
    ) -> int:
        """Have a command sent; return its number. Raises NotAccepted, DatabaseError.

        `note`: what a person says of it, for the machine's record, where the command belongs in that.
        """
        check_command(cmd, fields)
        note = "".join(c for c in note.strip() if c.isprintable() or c == "\n")
        if len(note) > LONGEST_NOTE:
            raise NotAccepted(f"note: {len(note)} characters; accepted: up to {LONGEST_NOTE}")
        row = {**sensor._asdict(), "cmd": cmd, "fields": fields, "author": author, "asked_at_ms": now_ms}
        told = " ".join(f"{name}={value}" for name, value in fields.items())
        said = f"{sensor.site}/{sensor.device} {cmd} {told}".strip()
        entry = {"at_ms": now_ms, "author": author, "action": "command", "note": said}
        with writing(self._engine, ACTION_WAIT_MS) as connection:
            number = connection.scalar(command.insert().returning(command.c.id), row)
            assert number is not None
            connection.execute(journal.insert(), entry)
            if cmd in RECORDED:
                done = {**sensor._asdict(), "at_ms": now_ms, "author": author, "cmd": cmd, "note": note}
                connection.execute(machine_record.insert(), {**done, "command_id": number})
            if cmd == "repaired":
                _note_on_open(connection, sensor, {**entry, "action": "repaired", "note": note})
        return int(number)

    def take_due(self, now_ms: int, site: str | None = None) -> list[Outgoing]:
        """Return the commands that are to be sent now, signed, each once. Raises DatabaseError."""
        due = _DUE if site is None else _DUE.where(command.c.site == site)
        with for_reading(self._engine).begin() as connection:
            if connection.execute(due.limit(1)).one_or_none() is None:
                return []  # the usual case, without a lock
        with writing(self._engine) as connection:
            taken = [
                _take(connection, row, now_ms) for row in connection.execute(due.order_by(command.c.id)).all()
            ]
        return [one for one in taken if one is not None]


def _note_on_open(connection: sa.Connection, sensor: Sensor, entry: dict[str, Any]) -> None:
    """Note it on the alerts of the machine that are up."""
    mine = sa.and_(occurrence.c.site == sensor.site, occurrence.c.device == sensor.device)
    up = sa.and_(IS_OPEN, occurrence.c.cleared_id.is_(None), occurrence.c.ended_at_ms.is_(None))
    of_machine = occurrence.c.cause.in_(("anomaly", "velocity"))
    ids = connection.scalars(sa.select(occurrence.c.id).where(mine, up, of_machine)).all()
    if ids:
        connection.execute(journal.insert(), [{**entry, "occurrence_id": id} for id in ids])


def _take(connection: sa.Connection, row: Any, now_ms: int) -> Outgoing | None:
    sensor = Sensor(row.site, row.device)
    if now_ms - row.asked_at_ms > LATEST_SENDING_MS:
        _give_up(connection, row.id, "not sent: no ingest was connected in time")
        return None
    following = take_next(connection, sensor, now_ms)
    if following is None:
        _give_up(connection, row.id, "not sent: this host has no command key of the device")
        return None
    connection.execute(command.update().where(command.c.id == row.id).values(sent_at_ms=now_ms))
    topic = sensor.topic("cmd")
    message = {"id": str(row.id), "n": following.n, "cmd": row.cmd, **row.fields}
    return Outgoing(topic, signing.sign(following.key, topic, message))


def _give_up(connection: sa.Connection, number: int, why: str) -> None:
    connection.execute(command.update().where(command.c.id == number).values(ok=False, error=why))
