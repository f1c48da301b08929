"""Statuses in the database: each sensor's latest word, its history, its byte counts, its clock.

The statuses of a batch are stored together: after an outage of the broker those of the whole fleet come at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from vibdash.database.batch_keys import as_keys, key_rows
from vibdash.database.changes import next_change
from vibdash.database.schema import boot, device, status_history
from vibdash.database.upsert import insert
from vibdash.ingest.boot_clocks import Told, can_be, learn_clocks
from vibdash.ingest.occurrences import end_denied
from vibdash.protocol.fields import same_life
from vibdash.protocol.messages import Measured, Sensor, Status

_NOT_IN_DEVICE_ROW = ("time", "time_quality", "bytes_sampled", "bytes_sent")
_NOT_SAID = ("heard_at_ms", "removed_at_ms", "other_boot", "twin_at_ms", "changed_n")
_Row = dict[str, Any]
ArrivedStatus = tuple[Status, int, bool]  # received when in ms UTC, and whether it may be an old one


def store_statuses(connection: sa.Connection, arrived: Sequence[ArrivedStatus]) -> None:
    """Store statuses in the order in which they came, but for those of which a later one is known already."""
    if not arrived:
        return
    known = _known(connection, {status.sensor for status, _, _ in arrived})
    changed: dict[Sensor, _Row] = {}
    history: list[_Row] = []
    told: list[Told] = []
    for status, received_at_ms, repeated in arrived:
        before = known.get(status.sensor)
        if before is not None and _is_old(status, before, repeated):
            continue
        values = _device_values(status, before, received_at_ms, repeated)
        if before is None or _says_more(values, before):
            said_at_ms = values.get("heard_at_ms", received_at_ms)
            history.append({**_history_values(status, received_at_ms), "said_at_ms": said_at_ms})
        known[status.sensor] = changed[status.sensor] = {**(before or _blank(status.sensor)), **values}
        if status.measured is not None:
            told.append(Told(status.sensor, status.boot, status.measured, received_at_ms, not repeated))
    if changed:
        number = next_change(connection)
        for row in changed.values():
            row["changed_n"] = number
        connection.execute(_insert_or_replace(connection.dialect.name), list(changed.values()))
    if history:
        connection.execute(status_history.insert(), history)
    if told:
        learn_clocks(connection, told)
        _note_bytes(connection, told)
        end_denied(connection, {one.sensor for one in told}, max(at_ms for _, at_ms, _ in arrived))


def _known(connection: sa.Connection, sensors: set[Sensor]) -> dict[Sensor, _Row]:
    keys = as_keys((one.site, one.device) for one in sensors)
    found = connection.execute(_devices(connection.dialect.name), {"keys": keys})
    return {Sensor(row.site, row.device): dict(row._mapping) for row in found}


@cache
def _devices(dialect: str) -> sa.Select[Any]:
    keys = key_rows(dialect, site=sa.Text, device=sa.Text)
    same = sa.and_(device.c.site == keys.c.site, device.c.device == keys.c.device)
    return sa.select(device).join_from(keys, device, same)


def _blank(sensor: Sensor) -> _Row:
    return {**dict.fromkeys(device.c.keys()), **sensor._asdict()}


@cache
def _insert_or_replace(dialect: str) -> sa.Insert:
    statement = insert(dialect, device)
    key = ["site", "device"]
    changed = {name: statement.excluded[name] for name in device.c.keys() if name not in key}  # noqa: SIM118
    return statement.on_conflict_do_update(index_elements=key, set_=changed)


def _is_old(status: Status, known: _Row, repeated: bool) -> bool:
    if not same_life(status.boot, known["boot"]):
        return False
    if status.state == "offline" and status.boot < known["boot"]:
        return True  # the last will of a run that a later one has replaced
    if not repeated:
        return False
    if status.measured is None:
        return status.boot == known["boot"] and bool(known["state"] == "offline")
    return (status.boot, status.measured.uptime_ms) <= (known["boot"], known["uptime_ms"] or 0)


def _says_more(values: _Row, known: _Row) -> bool:
    """Return whether this is not the very status that is known: with several ingests, each brings it."""
    return any(known[name] != value for name, value in values.items() if name not in _NOT_SAID)


def _device_values(status: Status, known: _Row | None, received_at_ms: int, repeated: bool) -> _Row:
    values: _Row = {"state": status.state, "why": status.why, "boot": status.boot}
    if known is None or known["state"] != status.state:
        values["state_since_ms"] = received_at_ms
    if known is not None:
        values |= _of_other_life(status, known, received_at_ms)
    if not repeated and status.why != "will":
        values["removed_at_ms"] = None  # it is there again
    heard_at_ms = _heard_at_ms(status, received_at_ms, repeated)
    if heard_at_ms is not None:
        values["heard_at_ms"] = heard_at_ms
    if status.measured is not None:
        values |= {k: v for k, v in vars(status.measured).items() if k not in _NOT_IN_DEVICE_ROW}
        values["active"] = list(status.measured.active)
    return values


def _of_other_life(status: Status, known: _Row, received_at_ms: int) -> _Row:
    """Return what a boot of another life tells: the flash was lost; or, back at an earlier life, two devices speak."""
    if same_life(status.boot, known["boot"]):
        return {}
    other = known["other_boot"]
    back = other is not None and same_life(status.boot, other)
    return {"other_boot": known["boot"]} | ({"twin_at_ms": received_at_ms} if back else {})


def _heard_at_ms(status: Status, received_at_ms: int, repeated: bool) -> int | None:
    """Return when the device said this, None where unknown.

    A will is the broker speaking. A retained or queued message may be hours old, so a device clock set by NTP
    is believed when it says earlier than now.
    """
    if status.why == "will":
        return None
    measured = status.measured
    if measured is not None and measured.time is not None:
        trusted = repeated or measured.time_quality == "ntp"
        if trusted and can_be(measured.time * 1000, received_at_ms):
            return min(received_at_ms, measured.time * 1000 + 999)
    return None if repeated else received_at_ms


def _history_values(status: Status, received_at_ms: int) -> _Row:
    said: _Row = {
        "state": status.state,
        "why": status.why,
        "boot": status.boot,
        "received_at_ms": received_at_ms,
    }
    measured = vars(status.measured) if status.measured is not None else {}
    of_history = (name for name in status_history.c.keys() if name not in ("id", "said_at_ms"))  # noqa: SIM118
    return {name: said.get(name, measured.get(name)) for name in of_history} | status.sensor._asdict()


def _note_bytes(connection: sa.Connection, told: list[Told]) -> None:
    """Keep the highest byte counts of each boot, so that a repeated status counts nothing twice."""
    rows = [
        {
            "this_site": one.sensor.site,
            "this_device": one.sensor.device,
            "this_boot": one.boot,
            "sampled": one.said.bytes_sampled,
            "sent": one.said.bytes_sent,
        }
        for one in told
        if isinstance(one.said, Measured)
    ]
    connection.execute(_RAISE_BYTES, rows)


def _higher(column: sa.Column[int], parameter: str) -> sa.Case[int]:
    told = sa.bindparam(parameter, type_=sa.BigInteger)
    return sa.case((column < told, told), else_=column)


_RAISE_BYTES = (
    boot.update()
    .where(*(boot.c[name] == sa.bindparam(f"this_{name}") for name in ("site", "device", "boot")))
    .values(
        bytes_sampled=_higher(boot.c.bytes_sampled, "sampled"), bytes_sent=_higher(boot.c.bytes_sent, "sent")
    )
)
