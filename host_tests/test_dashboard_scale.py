"""A fleet of thousands: what was not changed is neither read nor judged again, and what is kept is never out of date.

Costs are counted, as steps of SQLite's machine and as things made anew, so that no clock decides.
"""

import asyncio
import datetime as dt
import gc
import json
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from nicegui import Client, ui
from vibdash.access.accounts import Accounts
from vibdash.access.guard import LOCAL
from vibdash.commands.removal import remove_device
from vibdash.database.opening import open_database
from vibdash.ingest.store import Received, Store
from vibdash.ingest.watch import Watch
from vibdash.page.board import Board
from vibdash.page.fleet_order import MOST_KEPT, Listing
from vibdash.page.fleet_page import FleetPage
from vibdash.page.frame import ViewersClock
from vibdash.page.mount import PageAccess
from vibdash.page.viewer import Viewer
from vibdash.protocol.messages import Sensor
from vibdash.read.fleet import FleetReader
from vibdash.read.history import HistoryReader
from vibdash.read.occurrences import OccurrenceReader
from vibdash.read.operating import Operations
from vibdash.read.sensors import Link, SensorView, judge
from vibdash.web import metrics as metrics_module
from vibdash.web.api import MOST_SENSORS, make_router
from vibdash.web.metrics import Metrics

from lab.rigs.dashboard import alert_message, status_message
from lab.rigs.databases import KINDS, new_database

NOW_MS = 1_760_000_000_000
FEW, MANY = 20, 600
STEPS = 50  # between two counts of SQLite's progress
SILENT_AFTER_MS = 7_500_000


class Plant:
    """A database with so many sensors, and what is read of it."""

    def __init__(self, url: str, sensors: int) -> None:
        self.engine = open_database(url)
        self.store = Store(self.engine)
        self.reader = FleetReader(self.engine, silent_after_ms=SILENT_AFTER_MS)
        self.inbox = OccurrenceReader(self.engine)
        self.store.note_link("test", "mqtt://broker", True, "", NOW_MS)
        self.store.take([self._message(f"pump-{n}", "status", self._status()) for n in range(sensors)])
        self.store.take([self._message(f"pump-{n}", "alert", alert_message(1)) for n in range(0, sensors, 7)])

    def say(self, device: str, at_ms: int = NOW_MS, **changes: Any) -> None:
        self.store.take([self._message(device, "status", self._status(at_ms, **changes), at_ms)])

    def alert(self, device: str, seq: int, at_ms: int = NOW_MS, **changes: Any) -> None:
        self.store.take([self._message(device, "alert", alert_message(seq, **changes), at_ms)])

    def steps(self, *, of_inbox: bool = True) -> int:
        """Return what reading the fleet, and the inbox, costs SQLite's machine, in steps of `STEPS`."""
        counted = 0

        def count() -> None:
            nonlocal counted
            counted += 1

        def listen(connection: sqlite3.Connection, *_: Any) -> None:
            connection.set_progress_handler(count, STEPS)

        sa.event.listen(self.engine, "checkout", listen)
        self.reader.fleet(NOW_MS)
        if of_inbox:
            self.inbox.all(NOW_MS)
        sa.event.remove(self.engine, "checkout", listen)
        return counted

    def _status(self, at_ms: int = NOW_MS, **changes: Any) -> dict[str, Any]:
        return status_message(**{"time": at_ms // 1000} | changes)

    def _message(self, device: str, kind: str, message: dict[str, Any], at_ms: int = NOW_MS) -> Received:
        return Received(f"vibnode/v1/demo/{device}/{kind}", json.dumps(message).encode(), at_ms)


@pytest.fixture
def plants(tmp_path: Path) -> Iterator[tuple[Plant, Plant]]:
    """One with a few sensors and one with many, both read once."""
    both = []
    for sensors in (FEW, MANY):
        (tmp_path / str(sensors)).mkdir()
        both.append(Plant(new_database("sqlite", tmp_path / str(sensors)), sensors))
        assert both[-1].steps() > sensors / STEPS
    yield both[0], both[1]
    for plant in both:
        plant.engine.dispose()


def test_a_reading_costs_the_database_the_same_however_many_sensors_there_are(
    plants: tuple[Plant, Plant],
) -> None:
    few, many = (plant.steps() for plant in plants)
    assert many <= few + 2
    for plant in plants:
        plant.say("pump-3", score=77, uptime_ms=99_000)
    few, many = (plant.steps(of_inbox=False) for plant in plants)
    assert 0 < few <= many <= few + 4


def test_a_sensor_that_said_nothing_is_not_judged_again(
    plants: tuple[Plant, Plant], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, judged = plants[1], []

    def note(told: Any, *rest: Any) -> Any:
        judged.append(told.row.device)
        return judge(told, *rest)

    monkeypatch.setattr("vibdash.read.kept_sensors.judge", note)
    before = plant.reader.fleet(NOW_MS)
    plant.say("pump-3", score=77, uptime_ms=99_000)
    plant.alert("pump-5", 1)
    after = plant.reader.fleet(NOW_MS + 1)
    assert sorted(judged) == ["pump-3", "pump-5"]
    anew = [one.device for one, was in zip(after.sensors, before.sensors, strict=True) if one is not was]
    assert anew == ["pump-3", "pump-5"]


def test_a_sensor_falls_silent_at_its_moment_though_nothing_was_read(plants: tuple[Plant, Plant]) -> None:
    plant = plants[0]
    plant.say("pump-4", interval_s=30, uptime_ms=99_000)  # silent after 2 intervals and a minute

    def link(now_ms: int) -> Link:
        plant.store.note_link("test", "mqtt://broker", True, "", now_ms)
        return next(one.link for one in plant.reader.fleet(now_ms).sensors if one.device == "pump-4")

    assert link(NOW_MS + 120_000) is Link.ONLINE
    assert link(NOW_MS + 120_001) is Link.SILENT
    assert link(NOW_MS + 120_000) is Link.ONLINE  # the host's clock was set back
    assert plant.reader.fleet(NOW_MS + 10_000_000).sensors[0].link is Link.UNREACHED


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_is_what_a_new_reader_reads(tmp_path: Path, kind: str) -> None:
    """After whatever is said, done or taken off, at random moments, forwards and backwards."""
    plant = Plant(new_database(kind, tmp_path), 12)
    chance, now_ms = random.Random(5), NOW_MS
    watch, operations = Watch(plant.engine, None, SILENT_AFTER_MS), Operations(plant.engine)
    seq = dict.fromkeys(range(12), 1)
    for turn in range(150):
        number = chance.randrange(12)
        device = f"pump-{number}"
        now_ms += chance.choice((0, 900, 30_000, 5_000_000, -2_000))
        plant.store.note_link("test", "mqtt://broker", chance.random() < 0.9, "", now_ms)
        match chance.randrange(8):
            case 0 | 1:
                plant.say(
                    device, now_ms, uptime_ms=100_000 + turn, score=turn, interval_s=chance.choice((60, 3600))
                )
            case 2:
                plant.say(
                    device, now_ms, uptime_ms=100_000 + turn, active=["anomaly"], bytes_sampled=turn * 10**6
                )
            case 3 | 4:
                seq[number] += 1
                event = chance.choice(("raise", "escalate", "clear"))
                plant.alert(device, seq[number], now_ms, event=event, uptime_ms=100_000 + turn)
            case 5:
                watch.look(now_ms)
            case 6:
                remove_device(plant.engine, Sensor("demo", device), "ada", now_ms)
            case 7:
                found = [one.id for one in plant.inbox.all(now_ms) if one.device == device]
                chance.choice((operations.acknowledge, _shelve(operations)))(found, "ada", now_ms)
        new = FleetReader(plant.engine, silent_after_ms=SILENT_AFTER_MS)
        assert plant.reader.fleet(now_ms) == new.fleet(now_ms), f"turn {turn}"
        assert plant.inbox.all(now_ms) == OccurrenceReader(plant.engine).all(now_ms), f"turn {turn}"
    plant.engine.dispose()


def _shelve(operations: Operations) -> Any:
    return lambda ids, author, now_ms: operations.shelve(ids, 40_000, author, now_ms)


def test_a_new_sensor_takes_its_place_by_name(plants: tuple[Plant, Plant]) -> None:
    plant = plants[0]
    plant.say("pump-01")
    plant.say("pump-100")
    named = [one.device for one in plant.reader.fleet(NOW_MS).sensors]
    assert named[:4] == ["pump-0", "pump-01", "pump-1", "pump-2"]
    assert named[-2:] == ["pump-19", "pump-100"]


def test_the_watch_takes_no_row_of_a_sensor_that_is_as_it_should_be(
    plants: tuple[Plant, Plant], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    stands = Watch._sensor_stands

    def note(self: Watch, row: Any, *rest: Any) -> Any:
        looked_at.append(row.device)
        return stands(self, row, *rest)

    monkeypatch.setattr(Watch, "_sensor_stands", note)
    for plant in plants:
        looked_at.clear()
        plant.say("pump-4", interval_s=30, uptime_ms=99_000)
        watch = Watch(plant.engine, None, SILENT_AFTER_MS)
        assert watch.look(NOW_MS) == []
        assert looked_at == []
        later_ms = NOW_MS + 400_000
        plant.store.note_link("test", "mqtt://broker", True, "", later_ms)
        assert [one.sensor.device for one in watch.look(later_ms)] == ["pump-4"]
        assert set(looked_at) == {"pump-4"}
        plant.say("pump-4", later_ms, interval_s=30, uptime_ms=99_100)
        assert [one.event for one in watch.look(later_ms)] == ["clear"]


def test_first_alerts_of_many_sensors_take_as_many_statements_as_that_of_one(
    plants: tuple[Plant, Plant],
) -> None:
    plant, asked = plants[0], []
    sa.event.listen(plant.engine, "before_cursor_execute", lambda *done: asked.append(done[2]))

    def statements(devices: list[str]) -> int:
        asked.clear()
        plant.store.take([plant._message(device, "alert", alert_message(1)) for device in devices])
        return len(asked)

    assert statements([f"new-{number}" for number in range(40)]) == statements(["new-1000"])


# The page


def test_a_listing_is_worked_out_once_for_all_pages_until_a_sensor_changes(
    plants: tuple[Plant, Plant], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, worked_out, of = plants[1], [], Listing.of

    def note(self: Listing, sensors: Any) -> Any:
        worked_out.append(self)
        return of(self, sensors)

    monkeypatch.setattr(Listing, "of", note)
    board = Board(plant.reader, plant.inbox)
    search = Listing(words=("pump-59",))
    for _page in range(5):
        board.read(NOW_MS)
        assert board.fleet is not None
        assert len(board.listings.of(board.fleet.sensors, Listing())) == MANY
        assert len(board.listings.of(board.fleet.sensors, search)) == 11
        assert sum(board.listings.groups(board.fleet.sensors).values()) == MANY
    assert worked_out == [Listing(), search]
    plant.say("pump-601")
    board.read(NOW_MS)
    sensors = plant.reader.fleet(NOW_MS).sensors
    assert len(board.listings.of(sensors, Listing())) == MANY + 1
    for number in range(3 * MOST_KEPT):  # as somebody types
        board.listings.of(sensors, Listing(words=(f"pump-{number}",)))
        assert len(board.listings._listed) <= MOST_KEPT


def test_an_open_page_holds_no_more_after_many_changes_than_after_a_few(plants: tuple[Plant, Plant]) -> None:
    """Elements of the page, and views of sensors: those that are gone are not kept by what is read or listed."""
    plant = plants[0]
    board = Board(plant.reader, plant.inbox)
    access = PageAccess(plant.engine, plant.inbox, None)
    viewer = Viewer(Accounts(plant.engine), LOCAL, None)

    async def draw() -> list[tuple[int, int]]:
        held = []
        with Client(ui.page("/drawn"), request=None) as client:
            page = FleetPage(ViewersClock(dt.UTC), access.inbox(viewer))
            for change in range(9):
                for number in range(0, FEW, 5):
                    plant.say(f"pump-{number}", score=change + number, uptime_ms=100_000 + change)
                board.read(NOW_MS)
                page.show(board)
                gc.collect()
                views = sum(type(one) is SensorView for one in gc.get_objects())
                held.append((len(client.elements), views))
        client.delete()
        return held

    held = asyncio.run(draw())
    assert held[2:] == [held[2]] * 7


# What scripts and Prometheus get


def test_metrics_make_anew_the_lines_of_those_alone_that_changed(
    plants: tuple[Plant, Plant], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, made, lines_of = plants[1], [], metrics_module._lines_of

    def note(sensor: Any) -> tuple[str, ...]:
        made.append(sensor.device)
        return lines_of(sensor)

    monkeypatch.setattr(metrics_module, "_lines_of", note)
    metrics = Metrics()
    first = metrics.text(plant.reader.fleet(NOW_MS), ())
    assert len(made) == MANY
    plant.say("pump-3", score=77, uptime_ms=99_000)
    made.clear()
    second = metrics.text(plant.reader.fleet(NOW_MS), ())
    assert made == ["pump-3"]
    assert second == Metrics().text(plant.reader.fleet(NOW_MS), ())
    changed = set(second.splitlines()) - set(first.splitlines())
    assert changed == {f'vibnode_score_octaves{{site="demo",device="pump-3"}} {77 / 256:.15g}'}


def test_the_fleet_is_handed_out_in_pages_that_miss_nobody(plants: tuple[Plant, Plant]) -> None:
    plant = plants[1]
    plant.say("pump-01")  # as a number it is pump-1
    plant.store.note_link("test", "mqtt://broker", True, "", time.time_ns() // 1_000_000)
    app = FastAPI()
    app.include_router(make_router(plant.reader, plant.inbox, HistoryReader(plant.engine)))
    client = TestClient(app)
    whole = client.get("/api/v1/fleet").json()
    assert len(whole["sensors"]) == MOST_SENSORS
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        asked = {"limit": 97} | ({"after": after} if after else {})
        told = client.get("/api/v1/fleet", params=asked).json()
        assert told["totals"] == whole["totals"]
        assert len(told["sensors"]) <= 97
        found += [one["device"] for one in told["sensors"]]
        after = told["next"]
    assert found == [one.device for one in plant.reader.fleet(NOW_MS).sensors]
    assert len(found) == MANY + 1
    gone = client.get("/api/v1/fleet", params={"after": "demo/pump-599a", "limit": 3}).json()
    assert (gone["sensors"], gone["next"]) == ([], None)
    assert client.get("/api/v1/fleet", params={"after": "pump-1"}).status_code == 422
    assert client.get("/api/v1/fleet", params={"limit": MOST_SENSORS + 1}).status_code == 422
