"""When an alert was raised, although a device may start without a clock.

`uptime_ms` is always right within one boot. As soon as one message of that boot has a time, or a status of it
has just arrived, the clock of the boot is known, and every alert of it can be dated, earlier ones too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from vibdash.database.batch_keys import as_keys, key_rows
from vibdash.database.schema import BigInt, alert, boot
from vibdash.protocol.messages import Alert, Measured, Sensor

_RUN = ("site", "device", "boot")
EARLIEST_MS = 1_577_836_800_000  # 2020-01-01: a clock that says less was never set
CLOCKS_APART_MS = 600_000  # by which a device's clock may be ahead of this host's
MOST_BOOTS = 2000  # of a device
EARLIER = -1  # the row of all boots that are no longer kept
_CLOCK_RANK = {None: 0, "received": 1, "rtc": 2, "ntp": 3}


@dataclass(frozen=True)
class BootClock:
    """What to add to the uptime of one run of a device to get the time, and where that is from; None: not known."""

    offset_ms: int | None
    source: str | None


class Told(NamedTuple):
    """Something that a run of a device said, `fresh` if only just when it was received."""

    sensor: Sensor
    boot: int
    said: Measured | Alert
    received_at_ms: int
    fresh: bool


def learn_clocks(connection: sa.Connection, told: Iterable[Told]) -> dict[tuple[Sensor, int], BootClock]:
    """Return the clock of each boot of which something was told, the better of what is stored and what that says.

    Alerts of a boot that were raised before its clock was known are dated. Every boot has a row afterwards.
    """
    by_boot: dict[tuple[Sensor, int], list[Told]] = {}
    for one in told:
        by_boot.setdefault((one.sensor, one.boot), []).append(one)
    keys = as_keys((sensor.site, sensor.device, number) for sensor, number in by_boot)
    stored = connection.execute(_boots(connection.dialect.name), {"keys": keys})
    known = {
        (Sensor(row.site, row.device), row.boot): BootClock(row.clock_offset_ms, row.clock_from)
        for row in stored
    }
    unheard = [{**sensor._asdict(), "boot": number} for sensor, number in by_boot.keys() - known.keys()]
    if unheard:
        for sensor in _with_too_many(connection, {sensor for sensor, _ in by_boot.keys() - known.keys()}):
            _put_out_farthest(connection, sensor, [number for one, number in by_boot if one == sensor])
        connection.execute(_INSERT_BOOT, unheard)
    learnt = []
    for run, all_told in by_boot.items():
        clock = before = known.get(run, BootClock(None, None))
        for one in all_told:
            offset_ms, source = _read_clock(one)
            if _CLOCK_RANK[source] > _CLOCK_RANK[clock.source]:
                clock = BootClock(offset_ms, source)
        known[run] = clock
        if clock != before:
            learnt.append((*run, clock))
    _set_clocks(connection, learnt)
    return known


def _with_too_many(connection: sa.Connection, sensors: set[Sensor]) -> list[Sensor]:
    """Return the devices that have as many boots as are kept."""
    keys = {"keys": as_keys((one.site, one.device) for one in sensors), "most": MOST_BOOTS}
    return [Sensor(*row) for row in connection.execute(_too_many(connection.dialect.name), keys)]


def _put_out_farthest(connection: sa.Connection, sensor: Sensor, told: list[int]) -> None:
    """Keep so many boots of a device, those nearest to what it tells now; add up what the others sampled and sent."""
    mine = sa.and_(boot.c.site == sensor.site, boot.c.device == sensor.device, boot.c.boot != EARLIER)
    count = connection.scalar(sa.select(sa.func.count()).where(mine)) or 0
    far = sa.select(boot.c.boot).where(mine, boot.c.boot.not_in(told))
    far = far.order_by(sa.func.abs(boot.c.boot - told[-1]).desc()).limit(count - MOST_BOOTS + 1)
    going = sa.and_(mine, boot.c.boot.in_(connection.scalars(far).all()))
    sums = (sa.func.sum(boot.c.bytes_sampled), sa.func.sum(boot.c.bytes_sent))
    sampled, sent = connection.execute(sa.select(*sums).where(going)).one()
    connection.execute(boot.delete().where(going))
    of_earlier = sa.and_(boot.c.site == sensor.site, boot.c.device == sensor.device, boot.c.boot == EARLIER)
    added = {"bytes_sampled": boot.c.bytes_sampled + sampled, "bytes_sent": boot.c.bytes_sent + sent}
    if not connection.execute(boot.update().where(of_earlier).values(added)).rowcount:
        first = {**sensor._asdict(), "boot": EARLIER, "bytes_sampled": sampled, "bytes_sent": sent}
        connection.execute(boot.insert(), first)


def date_alert(new: Alert, clock: BootClock, received_at_ms: int) -> tuple[int, str]:
    """Return when an alert was raised, and what that is taken from (schema: alert.occurred_from).

    No alert is from a time before there were such devices, nor from after it was received.
    """
    if new.time is not None and can_be(new.time * 1000, received_at_ms):
        return new.time * 1000, new.time_quality
    if clock.offset_ms is not None and can_be(new.uptime_ms + clock.offset_ms, received_at_ms):
        return new.uptime_ms + clock.offset_ms, "uptime"
    return received_at_ms, "received"


def can_be(at_ms: int, received_at_ms: int) -> bool:
    """Return whether a device can have said at a time what was received then."""
    return EARLIEST_MS <= at_ms <= received_at_ms + CLOCKS_APART_MS


def _set_clocks(connection: sa.Connection, clocks: list[tuple[Sensor, int, BootClock]]) -> None:
    rows = [
        {
            "this_site": sensor.site,
            "this_device": sensor.device,
            "this_boot": number,
            "offset_ms": clock.offset_ms,
            "source": clock.source,
        }
        for sensor, number, clock in clocks
    ]
    if rows:
        connection.execute(_SET_CLOCK, rows)
        connection.execute(_DATE_ALERTS, rows)


def _read_clock(told: Told) -> tuple[int | None, str | None]:
    """Return what to add to uptime_ms to get the time, and where that is from."""
    said = told.said
    if said.time is not None and can_be(said.time * 1000, told.received_at_ms):
        return said.time * 1000 - said.uptime_ms, said.time_quality
    if told.fresh:
        return told.received_at_ms - said.uptime_ms, "received"
    return None, None


@cache
def _too_many(dialect: str) -> sa.Select[Any]:
    keys = key_rows(dialect, site=sa.Text, device=sa.Text)
    mine = sa.and_(boot.c.site == keys.c.site, boot.c.device == keys.c.device, boot.c.boot != EARLIER)
    found = sa.select(boot.c.site, boot.c.device).join_from(keys, boot, mine)
    return found.group_by(boot.c.site, boot.c.device).having(sa.func.count() >= sa.bindparam("most"))


@cache
def _boots(dialect: str) -> sa.Select[Any]:
    keys = key_rows(dialect, site=sa.Text, device=sa.Text, boot=sa.BigInteger)
    return sa.select(boot).join(keys, sa.and_(*(boot.c[name] == keys.c[name] for name in _RUN)))


def _of_this_boot(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == sa.bindparam(f"this_{name}") for name in _RUN))


_OFFSET_MS = sa.bindparam("offset_ms", type_=BigInt)
_INSERT_BOOT = boot.insert().values(bytes_sampled=0, bytes_sent=0)
_SET_CLOCK = (
    boot.update()
    .where(_of_this_boot(boot))
    .values(clock_offset_ms=_OFFSET_MS, clock_from=sa.bindparam("source", type_=sa.Text))
)
_BY_UPTIME_MS = alert.c.uptime_ms + _OFFSET_MS
_DATE_ALERTS = (
    alert.update()
    .where(_of_this_boot(alert), alert.c.time_s.is_(None))
    .where(_BY_UPTIME_MS.between(EARLIEST_MS, alert.c.received_at_ms + CLOCKS_APART_MS))
    .values(occurred_at_ms=_BY_UPTIME_MS, occurred_from="uptime")
)
