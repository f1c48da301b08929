"""Alerts in the database: their records, the last event of each cause, signs of life.

The alerts of a batch are stored together, with a handful of statements however many they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from vibdash.database.batch_keys import as_keys, insert_rows, key_rows
from vibdash.database.changes import next_change
from vibdash.database.schema import alert, cause, device
from vibdash.ingest.boot_clocks import CLOCKS_APART_MS, BootClock, Told, can_be, date_alert, learn_clocks
from vibdash.ingest.occurrences import join
from vibdash.ingest.quarantine import store_refused
from vibdash.protocol.fields import BOOTS_OF_ONE_LIFE, Identity
from vibdash.protocol.messages import Alert, Malformed, Sensor
from vibdash.protocol.own_alerts import HOST_BOOT

_NOT_THE_SAME = "boot {} and seq {} are those of another alert: boot counter lost, or two devices of one name"
_IDENTITY = ("site", "device", "boot", "seq")
_TELLING = ("uptime_ms", "event", "cause", "level")  # equal in every repetition of an alert
_AS_SENT = (
    "replay", "uptime_ms", "time_quality", "event", "level", "cause", "score", "threshold",
    "speed_millihz", "load_permille", "point_source",
)  # fmt: skip

Arrived = tuple[Alert, int]  # an alert, and when it was received in milliseconds UTC


def store_alerts(connection: sa.Connection, arrived: Sequence[Arrived]) -> None:
    """Store alerts, each once however often it comes."""
    for part in _parts_of_one_life(arrived):
        _store(connection, part)


def store_own(
    connection: sa.Connection,
    sensor: Sensor,
    cause: str,
    event: str,
    level: str,
    now_ms: int,
    *,
    class_name: str | None = None,
    score: int | None = None,
    threshold: int | None = None,
) -> None:
    """Store an alert that this host raises itself. `class_name`: what is said of it, of a trend its dates."""
    mine = sa.and_(alert.c.site == sensor.site, alert.c.device == sensor.device, alert.c.boot == HOST_BOOT)
    seq = (connection.scalar(sa.select(sa.func.max(alert.c.seq)).where(mine)) or 0) + 1
    new = Alert(
        sensor,
        Identity(HOST_BOOT, seq, seq),
        replay=False,
        uptime_ms=0,
        time=None,
        time_quality="none",
        event=event,
        level=level,
        cause=cause,
        score=score,
        threshold=threshold,
        class_name=class_name,
        model=None,
        features=(),
        spectrum=None,
    )
    row = {**_alert_values(new, BootClock(None, None), now_ms), "occurred_from": "host"}
    connection.execute(alert.insert(), row)
    join(connection, [new], now_ms)
    _note_causes(connection, [new])
    mine = sa.and_(device.c.site == sensor.site, device.c.device == sensor.device)
    connection.execute(device.update().where(mine).values(changed_n=next_change(connection)))


def _parts_of_one_life(arrived: Sequence[Arrived]) -> Iterator[list[Arrived]]:
    """Return the alerts in parts in which every sensor's boots can be of one life of it: nearly always one."""
    part: list[Arrived] = []
    boots: dict[Any, tuple[int, int]] = {}
    for one in arrived:
        boot = one[0].identity.boot
        low, high = boots.get(one[0].sensor, (boot, boot))
        low, high = min(low, boot), max(high, boot)
        if high - low >= BOOTS_OF_ONE_LIFE:
            yield part
            part, boots, low, high = [], {}, boot, boot
        boots[one[0].sensor] = (low, high)
        part.append(one)
    if part:
        yield part


def _store(connection: sa.Connection, arrived: list[Arrived]) -> None:
    told = (Told(one.sensor, one.identity.boot, one, at_ms, fresh=False) for one, at_ms in arrived)
    clocks = learn_clocks(connection, told)
    new = _without_repetitions(connection, arrived)
    if not new:
        return
    rows = [_alert_values(one, clocks[(one.sensor, one.identity.boot)], at_ms) for one, at_ms in new]
    columns = tuple(rows[0])
    keys = as_keys(one.values() for one in rows)
    connection.execute(_insert(connection.dialect.name, columns), {"keys": keys})
    alerts = [one for one, _ in new]
    join(connection, alerts, max(at_ms for _, at_ms in new))
    _note_causes(connection, alerts)
    _note_heard(connection, new)


@cache
def _insert(dialect: str, columns: tuple[str, ...]) -> sa.Insert:
    return insert_rows(dialect, alert, columns)


def _without_repetitions(connection: sa.Connection, arrived: list[Arrived]) -> list[Arrived]:
    """Return the alerts that are not stored yet; one that only has the identity of a stored one is quarantined."""
    keys = as_keys(_identity(one) for one, _ in arrived)
    found = connection.execute(_stored(connection.dialect.name), {"keys": keys})
    known = {tuple(row[:4]): tuple(row[4:]) for row in found}
    new = []
    for one, at_ms in arrived:
        key, telling = _identity(one), tuple(getattr(one, name) for name in _TELLING)
        if key not in known:
            known[key] = telling
            new.append((one, at_ms))
        elif known[key] != telling:
            error = Malformed(_NOT_THE_SAME.format(*key[2:]), one.identity)
            store_refused(connection, one.sensor.topic("alert"), repr(one).encode(), error, at_ms)
    return new


def _identity(one: Alert) -> tuple[Any, ...]:
    return one.sensor.site, one.sensor.device, one.identity.boot, one.identity.seq


@cache
def _stored(dialect: str) -> sa.Select[Any]:
    keys = key_rows(dialect, site=sa.Text, device=sa.Text, boot=sa.BigInteger, seq=sa.BigInteger)
    same = sa.and_(*(alert.c[name] == keys.c[name] for name in _IDENTITY))
    return sa.select(*(alert.c[name] for name in _IDENTITY + _TELLING)).join_from(keys, alert, same)


def _alert_values(new: Alert, clock: BootClock, received_at_ms: int) -> dict[str, Any]:
    occurred_at_ms, occurred_from = date_alert(new, clock, received_at_ms)
    return {
        **new.sensor._asdict(),
        **vars(new.identity),
        **{column: getattr(new, column) for column in _AS_SENT},
        "received_at_ms": received_at_ms,
        "occurred_at_ms": occurred_at_ms,
        "occurred_from": occurred_from,
        "time_s": new.time,
        "class_name": new.class_name,
        "model": new.model,
        "features": [list(feature) for feature in new.features],
        "spectrum": {**vars(new.spectrum), "levels": list(new.spectrum.levels)} if new.spectrum else None,
    }


def _note_causes(connection: sa.Connection, new: list[Alert]) -> None:
    last = {(one.sensor, one.cause): one.identity for one in sorted(new, key=lambda one: _identity(one)[2:])}
    rows = as_keys((sensor.site, sensor.device, name, at.boot, at.seq) for (sensor, name), at in last.items())
    connection.execute(_insert_or_advance_cause(connection.dialect.name), {"keys": rows})


@cache
def _insert_or_advance_cause(dialect: str) -> sa.Insert:
    statement = insert_rows(dialect, cause, ("site", "device", "cause", "boot", "seq"))
    said = statement.excluded
    later = sa.or_(
        sa.func.abs(said.boot - cause.c.boot) >= BOOTS_OF_ONE_LIFE,  # another life of the device
        said.boot > cause.c.boot,
        sa.and_(said.boot == cause.c.boot, said.seq > cause.c.seq),
    )
    at = {"boot": said.boot, "seq": said.seq}
    return statement.on_conflict_do_update(index_elements=["site", "device", "cause"], set_=at, where=later)


def _note_heard(connection: sa.Connection, new: list[Arrived]) -> None:
    """A fresh alert is a sign of life; a sensor whose status never came is listed all the same."""
    by_sensor: dict[Any, dict[str, Any]] = {}
    number = next_change(connection)
    for one, received_at_ms in new:
        row = by_sensor.setdefault(
            one.sensor,
            {
                **one.sensor._asdict(),
                "state": "unknown",
                "state_since_ms": received_at_ms,
                "why": "alert",
                "boot": one.identity.boot,
                "heard_at_ms": None,
                "changed_n": number,
            },
        )
        if not one.replay:
            row["heard_at_ms"] = max(row["heard_at_ms"] or 0, _heard_at_ms(one, received_at_ms))
    keys = as_keys(row.values() for row in by_sensor.values())
    connection.execute(_insert_or_hear_device(connection.dialect.name), {"keys": keys})


@cache
def _insert_or_hear_device(dialect: str) -> sa.Insert:
    columns = ("site", "device", "state", "state_since_ms", "why", "boot", "heard_at_ms", "changed_n")
    statement = insert_rows(dialect, device, columns)
    said = statement.excluded.heard_at_ms
    known = sa.func.coalesce(device.c.heard_at_ms, 0)
    # A known time that is still to come was written when this host's clock was ahead.
    ahead = known > statement.excluded.state_since_ms + CLOCKS_APART_MS
    later = sa.or_(said > known, sa.and_(said.is_not(None), ahead))
    heard = {
        "heard_at_ms": sa.case((later, said), else_=device.c.heard_at_ms),
        "removed_at_ms": sa.case((later, sa.null()), else_=device.c.removed_at_ms),
    }
    changed = {"changed_n": statement.excluded.changed_n}
    return statement.on_conflict_do_update(index_elements=["site", "device"], set_=heard | changed)


def _heard_at_ms(new: Alert, received_at_ms: int) -> int:
    if new.time is not None and new.time_quality == "ntp" and can_be(new.time * 1000, received_at_ms):
        return min(received_at_ms, new.time * 1000 + 999)
    return received_at_ms
