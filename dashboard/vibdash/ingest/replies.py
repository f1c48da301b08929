"""A reply in the database: its parts, whether it is whole, and the feature vector that it may carry."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import sqlalchemy as sa

from vibdash.commands.keys import skip_to
from vibdash.commands.queue import COUNTER_WAS_AHEAD
from vibdash.database.schema import boot, command, feature_vectors, reply_part
from vibdash.database.upsert import insert
from vibdash.protocol.messages import Malformed, Reply, Sensor


def store_reply(connection: sa.Connection, reply: Reply, received_at_ms: int) -> None:
    """Store an answer to a command of this host; one to another's is none of ours. Raises Malformed."""
    asked = connection.execute(sa.select(command).where(command.c.id == _number(reply))).one_or_none()
    if asked is None or (asked.site, asked.device, asked.cmd) != (
        reply.sensor.site,
        reply.sensor.device,
        reply.cmd,
    ):
        return
    if asked.ok is not None or asked.sent_at_ms is None:
        return  # answered already, or never sent
    if not reply.ok:
        _store_refusal(connection, asked, reply, received_at_ms)
        return
    if reply.cmd == "spectrum":
        _store_features(connection, reply, received_at_ms)
    _store_part(connection, asked.id, reply, received_at_ms)
    have = sa.select(sa.func.count()).where(
        reply_part.c.command_id == asked.id, reply_part.c.parts == reply.parts
    )
    if connection.scalar(have) == reply.parts:
        _finish(connection, asked.id, ok=True, error=None, answered_at_ms=received_at_ms)


def _number(reply: Reply) -> int:
    return int(reply.id) if reply.id.isascii() and reply.id.isdecimal() and len(reply.id) < 19 else -1


def _store_refusal(connection: sa.Connection, asked: Any, reply: Reply, received_at_ms: int) -> None:
    if reply.next_n is not None:
        skip_to(connection, reply.sensor, reply.next_n)
        if asked.error is None:  # once: a device that goes on like this is not answered for ever
            again = {"sent_at_ms": None, "error": COUNTER_WAS_AHEAD}
            connection.execute(command.update().where(command.c.id == asked.id).values(again))
            return
    _finish(connection, asked.id, ok=False, error=reply.error, answered_at_ms=received_at_ms)


def _store_part(connection: sa.Connection, number: int, reply: Reply, received_at_ms: int) -> None:
    row = {
        "command_id": number,
        "part": reply.part,
        "parts": reply.parts,
        "received_at_ms": received_at_ms,
        "boot": reply.boot,
        "uptime_ms": reply.uptime_ms,
        "body": reply.body,
    }
    statement = insert(connection.dialect.name, reply_part)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["command_id", "part"]), row)


def _store_features(connection: sa.Connection, reply: Reply, received_at_ms: int) -> None:
    row = {
        **reply.sensor._asdict(),
        "boot": reply.boot,
        "uptime_ms": reply.uptime_ms,
        "time": _said_at_ms(connection, reply.sensor, reply, received_at_ms) // 1000,
        **_features(reply.body),
    }
    key = ["site", "device", "boot", "uptime_ms"]
    statement = insert(connection.dialect.name, feature_vectors)
    connection.execute(statement.on_conflict_do_nothing(index_elements=key), row)


def _features(body: dict[str, Any]) -> dict[str, Any]:
    score, model, text = (body.get(name) for name in ("score", "model", "features"))
    try:
        features = base64.b64decode(text if isinstance(text, str) else "", validate=True)
    except (binascii.Error, ValueError):
        features = b""
    known = score is None or (type(score) is int and -(2**15) <= score < 2**15)
    if (
        not features
        or len(features) % 2
        or not known
        or not isinstance(model, str)
        or not model.isprintable()
    ):
        raise Malformed("spectrum; accepted: features (base64 of i16), score (i16 or null) and model (text)")
    return {"features": features, "score": score, "model": model[:64]}


def _said_at_ms(connection: sa.Connection, sensor: Sensor, reply: Reply, received_at_ms: int) -> int:
    here = sa.and_(boot.c.site == sensor.site, boot.c.device == sensor.device, boot.c.boot == reply.boot)
    offset_ms = connection.scalar(sa.select(boot.c.clock_offset_ms).where(here))
    return received_at_ms if offset_ms is None else int(offset_ms) + reply.uptime_ms


def _finish(connection: sa.Connection, number: int, **values: Any) -> None:
    connection.execute(command.update().where(command.c.id == number).values(values))
