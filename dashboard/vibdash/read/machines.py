"""What an engineer said of the machine that a sensor is on: its class, its shaft, its bearing."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from vibnode.component_class import CLASSES

from vibdash.database.opening import ACTION_WAIT_MS, for_reading, writing
from vibdash.database.schema import command, journal, machine, machine_record
from vibdash.database.upsert import insert_or_update

_RANGES = {  # accepted, where given
    "shaft_rpm": (1.0, 1_000_000.0, "revolutions a minute"),
    "balls": (3, 100, "rolling elements"),
    "ball_mm": (0.1, 10_000.0, "mm"),
    "pitch_mm": (0.2, 100_000.0, "mm"),
    "contact_deg": (0.0, 89.0, "degrees"),
}
_BEARING = ("balls", "ball_mm", "pitch_mm")


class NotAMachine(ValueError):
    """What was said of a machine cannot be; the text says why to the one who said it."""


@dataclass(frozen=True)
class Machine:
    """None: not known. Diameters are those of a rolling element and of the circle of their centres."""

    component_class: str | None = None
    shaft_rpm: float | None = None
    balls: int | None = None
    ball_mm: float | None = None
    pitch_mm: float | None = None
    contact_deg: float | None = None
    reference_command_id: int | None = None

    def check(self) -> None:
        """Raise NotAMachine for a value out of range, or a bearing that cannot be."""
        if self.component_class is not None and self.component_class not in CLASSES:
            raise NotAMachine(f"class: {self.component_class}; accepted: one of {', '.join(sorted(CLASSES))}")
        for name, (low, high, unit) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise NotAMachine(f"{name}: {value:g}; accepted: {low:g} to {high:g} {unit}")
        given = [name for name in _BEARING if getattr(self, name) is not None]
        if given and len(given) < len(_BEARING):
            missing = next(name for name in _BEARING if name not in given)
            raise NotAMachine(
                f"{missing} is missing; accepted: of a bearing, the number of balls, ball_mm and pitch_mm"
            )
        if self.ball_mm is not None and self.pitch_mm is not None and self.ball_mm >= self.pitch_mm:
            raise NotAMachine(f"ball_mm: {self.ball_mm:g}; accepted: less than pitch_mm {self.pitch_mm:g}")

    def orders(self) -> dict[str, float]:
        """Return the frequencies to look at, over the shaft's: harmonics, and the bearing's (SPEC.md 1.2)."""
        orders = {f"{harmonic}x": float(harmonic) for harmonic in (1, 2, 3)}
        if self.balls is None or self.ball_mm is None or self.pitch_mm is None:
            return orders
        ratio = self.ball_mm / self.pitch_mm * math.cos(math.radians(self.contact_deg or 0.0))
        orders["BPFO"] = self.balls / 2 * (1 - ratio)
        orders["BPFI"] = self.balls / 2 * (1 + ratio)
        orders["BSF"] = self.pitch_mm / (2 * self.ball_mm) * (1 - ratio**2)
        orders["FTF"] = (1 - ratio) / 2
        return orders

    def lines_hz(self) -> dict[str, float]:
        """Return the same in Hz; nothing where the speed is not known."""
        if self.shaft_rpm is None:
            return {}
        return {name: order * self.shaft_rpm / 60 for name, order in self.orders().items()}


@dataclass(frozen=True)
class Recorded:
    """What was done to a machine or its baseline: `cmd` is repaired, learn or restore.

    `ok`: what the sensor said of it, None where it has not answered; `error` why not.
    """

    at_ms: int
    author: str
    cmd: str
    note: str
    ok: bool | None
    error: str | None


class Machines:
    """Reads and writes what is known of machines. Times are milliseconds UTC."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of(self, site: str, device: str) -> Machine:
        """Return what is known of the machine that a sensor is on."""
        names = Machine.__dataclass_fields__
        query = sa.select(*(machine.c[name] for name in names))
        with for_reading(self._engine).begin() as connection:
            row = connection.execute(
                query.where(machine.c.site == site, machine.c.device == device)
            ).one_or_none()
        return Machine() if row is None else Machine(**row._mapping)

    def record(self, site: str, device: str, *, limit: int = 20) -> tuple[Recorded, ...]:
        """Return what was done to the machine, newest first."""
        done = machine_record.c
        query = (
            sa.select(done.at_ms, done.author, done.cmd, done.note, command.c.ok, command.c.error)
            .outerjoin_from(machine_record, command, command.c.id == done.command_id)
            .where(done.site == site, done.device == device)
            .order_by(done.id.desc())
            .limit(limit)
        )
        with for_reading(self._engine).begin() as connection:
            return tuple(Recorded(*row) for row in connection.execute(query))

    def change(self, site: str, device: str, said: Machine, author: str, now_ms: int) -> None:
        """Write what is known, in place of what was. Raises NotAMachine."""
        said.check()
        values: dict[str, Any] = {**asdict(said), "changed_by": author, "changed_at_ms": now_ms}
        told = " ".join(f"{name}={value}" for name, value in asdict(said).items() if value is not None)
        entry = {
            "at_ms": now_ms,
            "author": author,
            "action": "machine",
            "note": f"{site}/{device} {told}".strip(),
        }
        with writing(self._engine, ACTION_WAIT_MS) as connection:
            insert_or_update(connection, machine, {"site": site, "device": device}, values)
            connection.execute(journal.insert(), entry)
