"""How each machine moves slowly away from its baseline: its slopes, and when they reach a limit. Read and judged.

What counts is the time since the baseline that is in force was learnt, at most the last DAYS. Of each hour the highest
value is taken, as the history keeps no other once it is thinned, and of each day their mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from vibnode.component_class import CLASSES

from vibdash.database.opening import for_reading
from vibdash.database.schema import command, device, drift, machine, machine_record, status_history
from vibdash.protocol.own_alerts import TREND_SCORE, TREND_VELOCITY
from vibdash.read.slope import Slope, slope_of

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
DAYS = 30  # looked back at most
HORIZON_DAYS = 28  # a limit that is nearer is an alert
CALM_DAYS = 2 * HORIZON_DAYS  # one that is farther ends it
STEPS_AN_OCTAVE = 256
QUANTITIES = {"score": TREND_SCORE, "velocity": TREND_VELOCITY, "level": None}  # and the cause of its alert


@dataclass(frozen=True)
class Drift:
    """One quantity of a sensor as it was judged at `at_ms`; slopes in steps a month. None: too few days, or no limit.

    `quantity`: score, velocity (log2 of velocity) or level (log2 of acceleration). `reach_at_ms`, from `earliest_at_ms`
    to `latest_at_ms`: when it is at `limit_steps`, the warning level. `latest_at_ms` None: perhaps never.
    """

    quantity: str
    at_ms: int
    days: int
    slope: float | None = None
    slope_low: float | None = None
    slope_high: float | None = None
    noise: float | None = None
    level: float | None = None
    limit_steps: int | None = None
    reach_at_ms: int | None = None
    earliest_at_ms: int | None = None
    latest_at_ms: int | None = None

    def is_due(self, raised: bool) -> bool:
        """Return whether this is an alert; one that is `raised` already stays until it is clearly none."""
        if self.slope_low is None or self.slope_low <= 0:
            return False
        if self.reach_at_ms is None:  # it is there, and the sensor's own alert says so
            return raised and self.limit_steps is not None
        within = CALM_DAYS if raised else HORIZON_DAYS
        return self.reach_at_ms - self.at_ms <= within * DAY_MS


class DriftReader:
    """Reads what was judged last."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = for_reading(engine)

    def of(self, site: str, name: str) -> tuple[Drift, ...]:
        """Return the drifts of a sensor, in the order of QUANTITIES."""
        names = Drift.__dataclass_fields__
        query = sa.select(*(drift.c[one] for one in names)).where(
            drift.c.site == site, drift.c.device == name
        )
        with self._engine.begin() as connection:
            found = {row.quantity: Drift(**row._mapping) for row in connection.execute(query)}
        return tuple(found[one] for one in QUANTITIES if one in found)


def judge_drift(connection: sa.Connection, site: str, name: str, now_ms: int) -> list[Drift]:
    """Work out how a sensor's quantities move, from its statuses."""
    since_ms = max(now_ms - DAYS * DAY_MS, _since_baseline_ms(connection, site, name, now_ms))
    rows = connection.execute(_days(site, name, since_ms, now_ms)).all()
    limits = _limits(connection, site, name)
    return [
        _judged(one, [(row.day, getattr(row, one)) for row in rows], limits, now_ms) for one in QUANTITIES
    ]


def _judged(
    quantity: str, points: Sequence[tuple[int, float | None]], limits: dict[str, int | None], now_ms: int
) -> Drift:
    known = [(day, float(value)) for day, value in points if value is not None]
    if quantity != "score":
        known = [(day, STEPS_AN_OCTAVE * math.log2(max(value, 1.0))) for day, value in known]
    found = slope_of([day for day, _ in known], [value for _, value in known])
    if found is None:
        return Drift(quantity, now_ms, len(known))
    limit = limits.get(quantity)
    return Drift(
        quantity,
        now_ms,
        found.days,
        found.a_month,
        found.low,
        found.high,
        found.noise,
        found.level,
        limit,
        *_reached(found, limit, now_ms),
    )


def _reached(found: Slope, limit: int | None, now_ms: int) -> tuple[int | None, int | None, int | None]:
    ways = None if limit is None else found.days_to(limit)
    if ways is None:
        return None, None, None
    at = [None if days is None else now_ms + round(min(days, 36_500.0) * DAY_MS) for days in ways]
    return at[0], at[1], at[2]


def _since_baseline_ms(connection: sa.Connection, site: str, name: str, now_ms: int) -> int:
    """Return when the baseline in force was learnt, or was changed by a command, whichever is later."""
    known = sa.select(device.c.baseline_time_s).where(device.c.site == site, device.c.device == name)
    done = (
        sa.select(sa.func.max(machine_record.c.at_ms))
        .join(command, command.c.id == machine_record.c.command_id)
        .where(machine_record.c.site == site, machine_record.c.device == name, command.c.ok)
    )
    learnt_ms = (connection.scalar(known) or 0) * 1000
    changed_ms = connection.scalar(done) or 0
    return max(learnt_ms if learnt_ms <= now_ms else 0, changed_ms)


def _limits(connection: sa.Connection, site: str, name: str) -> dict[str, int | None]:
    """Return the warning levels in steps: of the score as the sensor says, of the velocity by the machine's class."""
    of_device = sa.select(device.c.warning).where(device.c.site == site, device.c.device == name)
    of_machine = sa.select(machine.c.component_class)
    known = connection.scalar(of_machine.where(machine.c.site == site, machine.c.device == name))
    velocity = None
    if known in CLASSES:
        velocity = round(STEPS_AN_OCTAVE * math.log2(CLASSES[known][0] * 1000))
    return {"score": connection.scalar(of_device), "velocity": velocity, "level": None}


def _days(site: str, name: str, since_ms: int, until_ms: int) -> sa.Select[Any]:
    """Each day's means of its hours' highest values; running, and with an instrument that is well."""
    told = status_history.c
    stored = {"score": told.score, "velocity": told.velocity_um_s, "level": told.rms_mm_s2}
    said = (
        sa.select((told.said_at_ms // HOUR_MS).label("hour"), *(of.label(one) for one, of in stored.items()))
        .where(told.site == site, told.device == name, told.said_at_ms.between(since_ms, until_ms))
        .where(told.machine == "running", told.instrument == "ok", told.score.is_not(None))
        .subquery()
    ).c
    highest = [sa.func.max(said[one]).label(one) for one in QUANTITIES]
    hours = sa.select(said.hour, *highest).group_by(said.hour).subquery().c
    by_day = sa.select((hours.hour // 24).label("day"), *(hours[one] for one in QUANTITIES)).subquery().c
    means = [sa.func.avg(by_day[one]).label(one) for one in QUANTITIES]
    return sa.select(by_day.day, *means).group_by(by_day.day).order_by(by_day.day)
