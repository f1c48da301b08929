"""Alerts joined to occurrences: whatever the order and the batches, the rows are what follows from the alerts."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from vibdash.database.opening import open_database
from vibdash.database.schema import alert, occurrence
from vibdash.ingest import occurrences
from vibdash.ingest.store import Received, Store
from vibdash.protocol.fields import BOOTS_OF_ONE_LIFE
from vibdash.protocol.messages import Sensor

from lab.rigs.dashboard import alert_message, status_message
from lab.rigs.databases import KINDS, new_database

NOW_MS = 1_760_000_000_000
MOTOR, PUMP = Sensor("demo", "motor-1"), Sensor("demo", "pump-1")
COLUMNS = ("site", "device", "cause", "boot", "seq", "level", "ended_at_ms")


class Said(NamedTuple):
    """An alert as a sensor sends it."""

    sensor: Sensor
    boot: int
    seq: int
    event: str
    cause: str = "anomaly"
    level: str = "warning"
    uptime_ms: int = 0

    def received(self, at_ms: int = NOW_MS) -> Received:
        changes = {"boot": self.boot, "event": self.event, "cause": self.cause, "level": self.level}
        message = alert_message(self.seq, **changes, uptime_ms=self.uptime_ms or 1000 * self.seq)
        return Received(self.sensor.topic("alert"), json.dumps(message).encode(), at_ms)


class Joined(NamedTuple):
    """An occurrence; its events are the seqs of its alerts."""

    site: str
    device: str
    cause: str
    boot: int
    seq: int
    level: str
    ended_at_ms: int | None
    raised: int | None = None
    escalated: int | None = None
    cleared: int | None = None


class Plant:
    """The store, and what it made of what it took."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._store = Store(engine)

    def take(self, *said: Said, at_ms: int = NOW_MS) -> None:
        self._store.take([one.received(at_ms) for one in said])

    def status(self, sensor: Sensor, at_ms: int = NOW_MS, **changes: Any) -> None:
        payload = json.dumps(status_message(**changes)).encode()
        self._store.take([Received(sensor.topic("status"), payload, at_ms)])

    def occurrences(self) -> list[Joined]:
        """In the order of their ids."""
        events = [
            sa.select(alert.c.seq).where(alert.c.id == occurrence.c[name]).scalar_subquery()
            for name in ("raised_id", "escalated_id", "cleared_id")
        ]
        query = sa.select(*(occurrence.c[name] for name in COLUMNS), *events).order_by(occurrence.c.id)
        with self.engine.connect() as connection:
            return [Joined(*row) for row in connection.execute(query)]

    def ended(self) -> dict[tuple[str, str], int | None]:
        """When those of a sensor and cause ended."""
        return {(one.device, one.cause): one.ended_at_ms for one in self.occurrences()}


@pytest.fixture(params=KINDS)
def plant(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Plant]:
    engine = open_database(new_database(request.param, tmp_path))
    yield Plant(engine)
    engine.dispose()


def follows(said: list[Said]) -> list[Joined]:
    """What the occurrences of alerts of one life are, by the rule alone: cut before each raise."""
    courses: dict[tuple[Sensor, str], list[Said]] = {}
    for one in sorted(said, key=lambda one: (one.boot, one.seq)):
        courses.setdefault((one.sensor, one.cause), []).append(one)
    made = []
    for (sensor, cause), events in courses.items():
        parts: list[list[Said]] = []
        for event in events:
            if event.event == "raise" or not parts:
                parts.append([])
            parts[-1].append(event)
        for part in parts:
            level = max((one.level for one in part), key=("warning", "alarm").index)
            over = part is not parts[-1] and part[-1].event != "clear"
            last = {one.event: one.seq for one in part}
            made.append(
                Joined(
                    sensor.site,
                    sensor.device,
                    cause,
                    part[0].boot,
                    part[0].seq,
                    level,
                    NOW_MS if over else None,
                    last.get("raise"),
                    last.get("escalate"),
                    last.get("clear"),
                )
            )
    return sorted(made)


def story(chance: random.Random) -> list[Said]:
    """Alerts of two sensors and two causes over some restarts, a few of them lost."""
    told = []
    for sensor in (MOTOR, PUMP):
        boot, level = chance.randint(1, 3000), {"anomaly": "", "velocity": ""}
        for seq in range(1, chance.randint(6, 14)):
            boot += chance.random() < 0.2
            cause = chance.choice(sorted(level))
            up = level[cause]
            event = "raise" if not up else "clear" if up == "alarm" else chance.choice(["escalate", "clear"])
            if event == "raise":
                level[cause] = chance.choice(["warning", "alarm"])
            elif event == "escalate":
                level[cause] = "alarm"
            told.append(Said(sensor, boot, seq, event, cause, level[cause]))
            if event == "clear":
                level[cause] = ""
    return [one for one in told if chance.random() < 0.9]


@pytest.mark.parametrize("seed", range(8))
def test_the_rows_follow_from_the_alerts_however_they_come(plant: Plant, seed: int) -> None:
    chance = random.Random(seed)
    told = story(chance)
    waiting = chance.sample(told, len(told))
    taken: list[Said] = []
    while waiting:
        batch = [waiting.pop() for _ in range(min(len(waiting), chance.randint(1, 4)))]
        plant.take(*batch)
        taken += batch
        assert sorted(plant.occurrences()) == follows(taken), seed


@pytest.mark.parametrize(
    ("apart", "one"), [(1, True), (BOOTS_OF_ONE_LIFE - 1, True), (BOOTS_OF_ONE_LIFE, False)]
)
@pytest.mark.parametrize("later_first", [False, True])
def test_what_a_sensor_says_in_another_life_belongs_to_others(
    plant: Plant, apart: int, one: bool, later_first: bool
) -> None:
    raised, cleared = Said(MOTOR, 2001, 1, "raise"), Said(MOTOR, 2001 + apart, 2, "clear")
    for said in (cleared, raised) if later_first else (raised, cleared):
        plant.take(said)
    events = sorted((row.raised or 0, row.cleared or 0) for row in plant.occurrences())
    assert events == ([(1, 2)] if one else [(0, 2), (1, 0)])


def test_new_ones_of_a_batch_are_numbered_as_they_came_to_be(plant: Plant) -> None:
    plant.take(
        Said(MOTOR, 3, 1, "raise"),
        Said(MOTOR, 3, 2, "raise", "velocity"),
        Said(MOTOR, 3, 3, "escalate", level="alarm"),
    )
    assert [row.cause for row in plant.occurrences()] == ["velocity", "anomaly"]


def test_it_ended_when_that_was_first_known(plant: Plant) -> None:
    plant.take(Said(MOTOR, 3, 1, "raise"))
    plant.take(Said(MOTOR, 3, 4, "raise"), at_ms=NOW_MS + 1)
    assert [row.ended_at_ms for row in plant.occurrences()] == [NOW_MS + 1, None]
    plant.take(Said(MOTOR, 3, 2, "escalate", level="alarm"), at_ms=NOW_MS + 2)
    assert [row.ended_at_ms for row in plant.occurrences()] == [NOW_MS + 1, None]
    plant.take(
        Said(MOTOR, 3, 3, "clear", level="alarm"), at_ms=NOW_MS + 3
    )  # and now it is known from its clear
    assert [(row.cleared, row.ended_at_ms) for row in plant.occurrences()] == [(3, None), (None, None)]


def test_what_stays_as_it_is_is_not_written(plant: Plant) -> None:
    plant.take(Said(MOTOR, 3, 1, "raise"), Said(MOTOR, 3, 2, "clear"))
    seen: list[str] = []
    sa.event.listen(plant.engine, "before_cursor_execute", lambda *done: seen.append(done[2]))
    plant.take(Said(MOTOR, 3, 3, "raise"))
    assert any("INSERT INTO occurrence" in one for one in seen)
    assert not any("UPDATE occurrence" in one for one in seen)


def test_only_what_came_since_the_raise_before_is_read_again(plant: Plant) -> None:
    for seq in range(1, 9, 2):
        plant.take(Said(MOTOR, 2000 + seq, seq, "raise"), Said(MOTOR, 2000 + seq, seq + 1, "clear"))
    keys: list[str] = []
    sa.event.listen(plant.engine, "before_cursor_execute", lambda *done: keys.append(str(done[3])))
    plant.take(Said(MOTOR, 2009, 9, "raise"))
    course = [
        "demo",
        "motor-1",
        "anomaly",
        2009 - BOOTS_OF_ONE_LIFE + 1,
        2009 + BOOTS_OF_ONE_LIFE - 1,
        2007,
        7,
    ]
    assert sum(json.dumps([course], separators=(",", ":")) in one for one in keys) == 2  # alerts, occurrences


@pytest.mark.parametrize(
    "name", ["_raises_before", "_events", "_begun", "_said", "_open", "_change", "_make"]
)
def test_statements_are_built_once(name: str) -> None:
    build = getattr(occurrences, name)
    assert build("sqlite") is build("sqlite") is not build("postgresql")


# What a status denies


def test_a_status_ends_what_it_does_not_list_of_its_own_sensor(plant: Plant) -> None:
    for sensor in (MOTOR, PUMP):
        for seq, cause in enumerate(("anomaly", "velocity", "instrument:stuck"), 1):
            plant.take(Said(sensor, 3, seq, "raise", cause))
    plant.take(Said(MOTOR, 3, 4, "clear", "instrument:stuck"))
    plant.status(MOTOR, NOW_MS + 5, boot=3, uptime_ms=9000, active=["velocity"])
    assert plant.ended() == {
        ("motor-1", "anomaly"): NOW_MS + 5,
        ("motor-1", "velocity"): None,
        ("motor-1", "instrument:stuck"): None,
        ("pump-1", "anomaly"): None,
        ("pump-1", "velocity"): None,
        ("pump-1", "instrument:stuck"): None,
    }
    plant.status(MOTOR, NOW_MS + 6, boot=3, uptime_ms=9001, active=[])
    assert plant.ended()["motor-1", "anomaly"] == NOW_MS + 5
    assert plant.ended()["motor-1", "velocity"] == NOW_MS + 6


@pytest.mark.parametrize("status_first", [False, True])
@pytest.mark.parametrize(
    ("boot", "uptime_ms", "over"),
    [
        (3, 1999, False),
        (3, 2000, False),
        (3, 2001, True),
        (2, 9000, False),
        (4, 1, True),
        (3 + BOOTS_OF_ONE_LIFE, 1, True),
        (3 + BOOTS_OF_ONE_LIFE - 1, 1, True),
    ],
)
def test_only_a_status_of_after_the_alert_denies_it(
    plant: Plant, status_first: bool, boot: int, uptime_ms: int, over: bool
) -> None:
    said = Said(MOTOR, 3, 1, "raise", uptime_ms=2000)
    if not status_first:
        plant.take(said)
    plant.status(MOTOR, boot=boot, uptime_ms=uptime_ms, active=[])
    if status_first:
        plant.take(said)
    assert [row.ended_at_ms for row in plant.occurrences()] == [NOW_MS if over else None]


def test_a_status_of_a_former_life_denies_what_came_since(plant: Plant) -> None:
    plant.status(MOTOR, boot=5000, uptime_ms=1, active=[])
    plant.take(Said(MOTOR, 5000 - BOOTS_OF_ONE_LIFE, 1, "raise"))
    plant.take(Said(PUMP, 5000 - BOOTS_OF_ONE_LIFE, 1, "raise"))
    assert plant.ended() == {("motor-1", "anomaly"): NOW_MS, ("pump-1", "anomaly"): None}


def test_what_a_status_denies_is_the_last_that_was_said(plant: Plant) -> None:
    plant.take(Said(MOTOR, 3, 1, "raise", uptime_ms=1000))
    plant.take(Said(MOTOR, 3, 2, "escalate", level="alarm", uptime_ms=3000))
    plant.status(MOTOR, boot=3, uptime_ms=2000, active=[])
    assert plant.ended() == {("motor-1", "anomaly"): None}
    plant.status(MOTOR, boot=3, uptime_ms=4000, active=[])
    assert plant.ended() == {("motor-1", "anomaly"): NOW_MS}


def test_an_escalation_alone_may_be_denied_too(plant: Plant) -> None:
    plant.take(Said(MOTOR, 3, 2, "escalate", level="alarm", uptime_ms=3000))
    plant.status(MOTOR, boot=3, uptime_ms=4000, active=[])
    assert plant.ended() == {("motor-1", "anomaly"): NOW_MS}


def test_a_will_says_nothing_of_alerts(plant: Plant) -> None:
    plant.take(Said(MOTOR, 3, 1, "raise"))
    payload = json.dumps({"v": 1, "state": "offline", "why": "will", "boot": 3}).encode()
    plant._store.take([Received(MOTOR.topic("status"), payload, NOW_MS)])
    assert plant.ended() == {("motor-1", "anomaly"): None}
    plant.take(Said(MOTOR, 3, 2, "escalate", level="alarm"))
    assert plant.ended() == {("motor-1", "anomaly"): None}
