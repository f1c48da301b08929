"""What is not heard becomes an alert with the life of any other, and what is gone is gone everywhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from vibdash.bridges.homeassistant import HomeAssistantBridge, discovery_topic
from vibdash.commands.removal import remove_device
from vibdash.database.opening import open_database
from vibdash.ingest.store import Received, Store
from vibdash.ingest.watch import SETTLING_MS, TWIN_FOR_MS, Watch
from vibdash.notify.notifications import Notifications
from vibdash.notify.rules import Rule
from vibdash.page.states import instrument_look
from vibdash.protocol.messages import Sensor
from vibdash.protocol.own_alerts import THIS_HOST
from vibdash.read.fleet import FleetReader
from vibdash.read.occurrences import Occurrence, OccurrenceReader, State
from vibdash.read.operating import Operations
from vibdash.read.sensors import Link, SensorView
from vibdash.web.metrics import Metrics

from lab.rigs.dashboard import alert_message, status_message
from lab.rigs.databases import KINDS, new_database

NOW_MS = 1_790_000_000_000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
INTERVAL_S = 3600
MAY_MS = 2 * INTERVAL_S * 1000 + MINUTE_MS
SENSOR = Sensor("demo", "motor-1")


class Plant:
    """A database with an ingest that says how it stands, a watch, and rules that tell of everything."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.store = Store(engine)
        self.watch = Watch(engine, None, 7_500_000)
        self.fleet_reader = FleetReader(engine, silent_after_ms=7_500_000)
        self.notifications = Notifications(engine, [Rule("all", ("phone",), events=("raise", "clear"))])
        self.notifications.begin()

    def host(self, now_ms: int, connected: bool = True) -> None:
        self.store.note_link("test", "mqtt://broker", connected, "" if connected else "gone", now_ms)

    def hear(self, at_ms: int, sensor: Sensor = SENSOR, *, repeated: bool = False, **changes: Any) -> None:
        message = status_message(time=at_ms // 1000, interval_s=INTERVAL_S, **changes)
        self.take("status", message, at_ms, sensor, repeated)

    def take(
        self, kind: str, message: dict[str, Any], at_ms: int, sensor: Sensor = SENSOR, repeated: bool = False
    ) -> None:
        self.store.take([Received(sensor.topic(kind), json.dumps(message).encode(), at_ms, repeated)])

    def look(self, now_ms: int) -> list[tuple[str, str, str]]:
        return [(one.sensor.device, one.cause, one.event) for one in self.watch.look(now_ms)]

    def inbox(self, now_ms: int) -> list[Occurrence]:
        return list(OccurrenceReader(self.engine).all(now_ms))

    def sensor(self, now_ms: int) -> SensorView:
        (only,) = self.fleet_reader.fleet(now_ms).sensors
        return only

    def told(self, now_ms: int) -> list[str]:
        self.notifications.plan(now_ms)
        due = self.notifications.due("phone", now_ms)
        self.notifications.note_delivered([id for id, _ in due], now_ms)
        return [one.line for _, one in due]


@pytest.fixture(params=KINDS)
def plant(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Plant]:
    engine = open_database(new_database(request.param, tmp_path))
    yield Plant(engine)
    engine.dispose()


def connected_since(plant: Plant, since_ms: int, now_ms: int) -> None:
    plant.host(since_ms)
    plant.host(now_ms)


RAISED, CLEARED = ("motor-1", "instrument:silent", "raise"), ("motor-1", "instrument:silent", "clear")


def test_a_silent_sensor_is_an_alert_from_its_raise_to_its_clear(plant: Plant) -> None:
    plant.hear(NOW_MS)
    connected_since(plant, NOW_MS, NOW_MS + MAY_MS)
    assert plant.look(NOW_MS + MAY_MS) == []
    late_ms = NOW_MS + MAY_MS + 1000
    plant.host(late_ms)
    assert plant.look(late_ms) == [RAISED]
    assert plant.look(late_ms + 1) == []
    assert plant.told(late_ms) == ["Alarm on motor-1 (demo): Sensor fault: nothing is heard of it, raised"]
    (one,) = plant.inbox(late_ms)
    assert (one.device, one.cause, one.state, one.since_ms) == (
        "motor-1",
        "instrument:silent",
        State.NEW,
        late_ms,
    )
    assert Operations(plant.engine).acknowledge([one.id], "ada", late_ms) == 1
    assert plant.inbox(late_ms)[0].state is State.ACKNOWLEDGED
    again_ms = late_ms + 3 * DAY_MS
    plant.hear(again_ms)
    plant.host(again_ms)
    assert (
        plant.inbox(again_ms)[0].state is State.ACKNOWLEDGED
    )  # a status that lists no cause does not end it
    assert plant.look(again_ms) == [CLEARED]
    assert plant.inbox(again_ms)[0].state is State.CLOSED
    assert plant.told(again_ms) == ["Alarm on motor-1 (demo): Sensor fault: nothing is heard of it, over"]


def test_a_sensor_that_said_goodbye_and_stays_away_is_one_too(plant: Plant) -> None:
    plant.hear(NOW_MS)
    plant.take("status", {"v": 1, "state": "offline", "why": "will", "boot": 3}, NOW_MS + 1000)
    late_ms = NOW_MS + MAY_MS + 1000
    connected_since(plant, NOW_MS, late_ms)
    assert plant.look(late_ms) == [RAISED]


def test_own_alerts_take_no_part_in_acks(plant: Plant) -> None:
    plant.hear(NOW_MS)
    connected_since(plant, NOW_MS, NOW_MS + MAY_MS + 1000)
    plant.look(NOW_MS + MAY_MS + 1000)
    message = json.dumps(alert_message(1, boot=0)).encode()
    acks = plant.store.take([Received(SENSOR.topic("alert"), message, NOW_MS + MAY_MS + 2000)])
    assert [(ack.boot, ack.seq) for ack in acks] == [(0, 1)]


def test_while_the_host_hears_nothing_only_the_host_is_raised(plant: Plant) -> None:
    plant.hear(NOW_MS)
    plant.host(NOW_MS + 1000, connected=False)
    assert plant.look(NOW_MS + 30_000) == []
    late_ms = NOW_MS + 3 * DAY_MS
    plant.host(late_ms, connected=False)
    assert plant.look(late_ms) == [(THIS_HOST, "instrument:host", "raise")]
    assert plant.told(late_ms) == [
        "Alarm on this host: Nothing is received: no sensor's state is known, raised"
    ]
    plant.host(late_ms + 1000)
    assert plant.look(late_ms + 1000) == [(THIS_HOST, "instrument:host", "clear")]
    settled_ms = late_ms + 1000 + SETTLING_MS + 1000
    plant.host(settled_ms)
    assert plant.look(settled_ms) == [RAISED]  # for days: an outage does not excuse that


def test_an_outage_of_the_host_excuses_a_sensor_once(plant: Plant) -> None:
    plant.hear(NOW_MS)
    back_ms = NOW_MS + MAY_MS + HOUR_MS
    plant.host(NOW_MS + 1000, connected=False)
    plant.host(back_ms)
    plant.host(back_ms + SETTLING_MS + 1000)
    assert plant.look(back_ms + SETTLING_MS + 1000) == []
    plant.host(back_ms + MAY_MS + 1000)
    assert plant.look(back_ms + MAY_MS + 1000) == [RAISED]


@pytest.mark.parametrize("ahead_ms", [0, 365 * DAY_MS])
def test_an_ingest_that_died_is_raised(plant: Plant, ahead_ms: int) -> None:
    plant.host(NOW_MS + ahead_ms)  # its last sign of life; a clock that was ahead wrote a later one
    late_ms = NOW_MS + HOUR_MS
    assert not plant.fleet_reader.fleet(late_ms).host.connected
    assert plant.look(late_ms) == [(THIS_HOST, "instrument:host", "raise")]


def test_a_host_clock_that_was_a_year_ahead_keeps_no_silent_sensor_online(plant: Plant) -> None:
    plant.hear(NOW_MS + 365 * DAY_MS)
    connected_since(plant, NOW_MS, NOW_MS + MAY_MS + 1000)
    now_ms = NOW_MS + MAY_MS + 1000
    assert plant.sensor(now_ms).link is Link.SILENT
    assert plant.look(now_ms) == [RAISED]
    plant.take("alert", alert_message(1, time=now_ms // 1000), now_ms)
    assert plant.sensor(now_ms).link is Link.ONLINE
    assert plant.look(now_ms) == [CLEARED]


def test_two_devices_of_one_name_are_said(plant: Plant) -> None:
    plant.host(NOW_MS)
    plant.hear(NOW_MS + 1000, boot=5001)
    plant.hear(NOW_MS + 2000, boot=12_001)  # its flash was lost: that may be
    assert plant.look(NOW_MS + 3000) == []
    plant.hear(NOW_MS + 4000, boot=5001)
    now_ms = NOW_MS + 5000
    plant.host(now_ms)
    assert plant.look(now_ms) == [("motor-1", "instrument:twin", "raise")]
    sensor = plant.sensor(now_ms)
    assert instrument_look(sensor, str).word == "Two devices of one name"
    assert sensor.group == "quiet"  # of which of them the score is nobody knows
    over_ms = NOW_MS + 4000 + TWIN_FOR_MS + 1000
    plant.hear(over_ms, boot=5002)
    plant.host(over_ms)
    assert plant.look(over_ms) == [("motor-1", "instrument:twin", "clear")]


class Client:
    """Notes what a bridge publishes."""

    def __init__(self) -> None:
        self.published: dict[str, Any] = {}

    def is_connected(self) -> bool:
        return True

    def publish(self, topic: str, payload: Any, **_: Any) -> None:
        self.published[topic] = payload


def test_a_removed_device_is_gone_everywhere_until_it_is_heard_again(plant: Plant) -> None:
    plant.host(NOW_MS)
    plant.hear(NOW_MS)
    plant.take("alert", alert_message(1, time=NOW_MS // 1000), NOW_MS)
    client: Any = Client()
    bridge = HomeAssistantBridge(client, plant.fleet_reader, prefix="ha", silent_after_s=7500)
    bridge.publish_news(NOW_MS)
    topic = discovery_topic(SENSOR, "ha")
    assert client.published[topic]
    assert remove_device(plant.engine, SENSOR, "command line", NOW_MS)
    assert not remove_device(plant.engine, SENSOR, "command line", NOW_MS)
    plant.hear(NOW_MS, repeated=True)  # the broker kept it
    plant.take("status", {"v": 1, "state": "offline", "why": "will", "boot": 3}, NOW_MS)
    fleet, inbox = plant.fleet_reader.fleet(NOW_MS), OccurrenceReader(plant.engine).all(NOW_MS)
    assert fleet.sensors == ()
    assert [one.state for one in inbox] == [State.CLOSED]
    assert "motor-1" not in Metrics().text(fleet, inbox)
    bridge.publish_news(NOW_MS)
    assert client.published[topic] == b""
    assert plant.look(NOW_MS + 30 * DAY_MS) != [RAISED]
    plant.hear(NOW_MS + 1000, uptime_ms=99_000)
    assert plant.sensor(NOW_MS + 1000).link is Link.ONLINE
    bridge.publish_news(NOW_MS + 1000)
    assert client.published[topic]


WHEN: dict[str, tuple[dict[str, Any], str]] = {  # what the sensor says of the time: how the alert is dated
    "ten years ahead": ({"time": NOW_MS // 1000 + 10 * 365 * 86_400, "time_quality": "rtc"}, "received"),
    "never set": ({"time": 1000, "time_quality": "rtc"}, "received"),
    "a week ahead": ({"time": NOW_MS // 1000 + 7 * 86_400, "time_quality": "ntp"}, "received"),
    "the epoch": ({"time": 0, "time_quality": "ntp"}, "received"),
    "none": ({"time": None, "time_quality": "none"}, "received"),
}


@pytest.mark.parametrize("said", WHEN)
def test_an_alert_that_came_in_just_now_is_not_from_a_time_that_cannot_be(plant: Plant, said: str) -> None:
    clock, origin = WHEN[said]
    plant.take("alert", alert_message(1, **clock), NOW_MS)
    (alert,) = plant.fleet_reader.alerts(limit=1)
    assert (alert.occurred_at_ms, alert.occurred_from) == (NOW_MS, origin)


def test_an_impossible_time_does_not_become_the_clock_of_the_boot(plant: Plant) -> None:
    ahead = {"time": NOW_MS // 1000 + 365 * 86_400, "time_quality": "rtc"}
    plant.take("status", status_message(uptime_ms=10_000, **ahead), NOW_MS)
    plant.take("alert", alert_message(1, uptime_ms=8_000, **ahead), NOW_MS)
    (alert,) = plant.fleet_reader.alerts(limit=1)
    assert (alert.occurred_at_ms, alert.occurred_from) == (NOW_MS - 2000, "uptime")
