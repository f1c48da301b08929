"""The database: what a device may forget, what is active, when it happened."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from vibdash.database.opening import DatabaseError, open_database
from vibdash.database.schema import alert, boot, quarantine, status_history
from vibdash.ingest import boot_clocks
from vibdash.ingest import quarantine as quarantining
from vibdash.ingest.store import Received, Store
from vibdash.protocol.messages import Sensor
from vibdash.read.fleet import FleetReader
from vibdash.read.sensors import Link

from lab.rigs.dashboard import alert_message, status_message
from lab.rigs.databases import KINDS, new_database

NOW_MS = 1_760_000_000_000
SENSOR = Sensor("demo", "motor-1")


def received(kind: str, message: dict[str, Any], at_ms: int = NOW_MS, repeated: bool = False) -> Received:
    return Received(SENSOR.topic(kind), json.dumps(message).encode(), at_ms, repeated)


class Host:
    """A store and its reader on one database, fed with messages as dictionaries."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.store = Store(engine)
        self.reader = FleetReader(engine, silent_after_ms=60_000)
        self.store.note_link("test", "mqtt://broker", True, "", NOW_MS)

    def take(self, *messages: Received) -> list[tuple[int, int]]:
        return [(ack.boot, ack.seq) for ack in self.store.take(messages)]

    def alert(self, seq: int, *, at_ms: int = NOW_MS, **changes: Any) -> tuple[int, int] | None:
        acks = self.take(received("alert", alert_message(seq, **changes), at_ms))
        return acks[0] if acks else None

    def status(self, *, at_ms: int = NOW_MS, repeated: bool = False, **changes: Any) -> None:
        message = status_message(**{"time": at_ms // 1000} | changes)
        assert not self.take(received("status", message, at_ms, repeated))

    def will(self, *, boot: int = 3, at_ms: int = NOW_MS, repeated: bool = False) -> None:
        message = {"v": 1, "state": "offline", "why": "will", "boot": boot}
        assert not self.take(received("status", message, at_ms, repeated))

    def sensor(self, now_ms: int = NOW_MS) -> Any:
        (sensor,) = self.reader.fleet(now_ms).sensors
        return sensor

    def rows(self, table: sa.Table) -> list[Any]:
        with self.engine.begin() as connection:
            return list(connection.execute(sa.select(table).order_by(table.c.id)))


@pytest.fixture(params=KINDS)
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Host]:
    engine = open_database(new_database(request.param, tmp_path))
    yield Host(engine)
    engine.dispose()


# What may be forgotten


def test_alerts_in_order_are_settled_one_by_one(host: Host) -> None:
    assert [host.alert(seq) for seq in (1, 2, 3)] == [(3, 1), (3, 2), (3, 3)]


def test_a_gap_holds_the_ack_back_until_it_is_filled(host: Host) -> None:
    host.alert(1)
    assert host.alert(3) == (3, 1)
    assert host.alert(4) == (3, 1)
    assert host.alert(2) == (3, 4)


def test_a_gap_that_the_device_no_longer_holds_is_passed(host: Host) -> None:
    host.alert(1)
    assert host.alert(4) == (3, 1)
    assert host.alert(5, oldest=4) == (3, 5)


def test_a_host_with_an_empty_database_begins_at_the_oldest_held(host: Host) -> None:
    assert host.alert(51, oldest=50) is None
    assert host.alert(50, oldest=50) == (3, 51)


def test_a_repetition_is_stored_once_and_acknowledged_again(host: Host) -> None:
    host.alert(1)
    host.alert(2)
    assert host.alert(1, replay=True) == (3, 2)
    assert len(host.rows(alert)) == 2
    assert not host.rows(quarantine)


def test_a_late_repetition_does_not_take_the_ack_back(host: Host) -> None:
    host.alert(1)
    host.alert(5, oldest=5)
    assert host.alert(1) == (3, 5)


def test_seqs_go_on_over_a_reboot(host: Host) -> None:
    host.alert(1, boot=3)
    host.alert(2, boot=3)
    assert host.alert(3, boot=4, oldest=3) == (4, 3)
    assert host.alert(4, boot=6, oldest=3) == (6, 4)


def test_an_ack_carries_the_boot_of_the_alert_it_names(host: Host) -> None:
    host.alert(1, boot=3)
    host.alert(3, boot=5)
    assert host.alert(2, boot=4) == (5, 3)


@pytest.mark.parametrize("new_boot", [4, 2001, 77_001])
def test_leftovers_of_an_earlier_outbox_settle_nothing_in_a_new_one(host: Host, new_boot: int) -> None:
    for seq in range(1, 18):
        host.alert(seq, boot=3)
    assert host.alert(1, boot=new_boot) == (new_boot, 1)
    assert host.alert(2, boot=new_boot) == (new_boot, 2)
    assert len(host.rows(alert)) == 19


def test_any_order_of_arrival_ends_in_the_same_ack(host: Host) -> None:
    chance = random.Random(5)
    boots = {seq: 3 + seq // 4 for seq in range(1, 25)}
    order = list(boots) * 2
    chance.shuffle(order)
    acks = [host.alert(seq, boot=boots[seq], oldest=1) for seq in order]
    assert (boots[24], 24) in acks
    assert len(host.rows(alert)) == 24


def test_an_ack_never_covers_what_has_not_come(host: Host) -> None:
    chance = random.Random(6)
    order = list(range(1, 40))
    chance.shuffle(order)
    come: set[int] = set()
    for seq in order:
        come.add(seq)
        ack = host.alert(seq)
        assert ack is None or set(range(1, ack[1] + 1)) <= come


def test_a_refused_alert_does_not_block_those_behind_it(host: Host) -> None:
    host.alert(1)
    refused = received("alert", alert_message(2, level="bad"))
    for _ in range(3):
        assert host.take(refused) == [(3, 2)]
    assert host.alert(3, oldest=2) == (3, 3)
    (row,) = host.rows(quarantine)
    assert (row.times, row.payload, row.boot, row.seq) == (3, refused.payload, 3, 2)
    assert "level: 'bad'; accepted: " in row.reason
    assert host.reader.fleet(NOW_MS).quarantined == 3


def test_an_identity_used_twice_for_different_alerts_loses_neither(host: Host) -> None:
    host.alert(1, uptime_ms=1000)
    host.alert(1, uptime_ms=2000, level="warning")
    assert len(host.rows(alert)) == 1
    (row,) = host.rows(quarantine)
    assert "boot 3 and seq 1" in row.reason
    assert b"2000" in row.payload


def test_what_one_device_can_have_refused_is_bounded_and_all_of_it_counted(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantining, "MOST_OF_DEVICE", 20)
    other = Received("vibnode/v1/demo/motor-2/status", b"no JSON", NOW_MS)
    host.take(other)
    host.take(*(received("alert", alert_message(seq, level="bad"), NOW_MS + seq) for seq in range(1, 31)))
    last = received("alert", alert_message(31, level="bad", oldest=31), NOW_MS + 31)
    assert host.take(last) == [(3, 31)]
    host.take(*(Received(f"vibnode/v1/{n}", b"?", NOW_MS) for n in range(30)))
    mine = [row for row in host.rows(quarantine) if row.device == "motor-1"]
    assert sorted(row.seq for row in mine if row.seq is not None) == list(range(12, 32))
    assert [(row.times, row.seq) for row in mine if row.digest == ""] == [(11, None)]
    assert len([row for row in host.rows(quarantine) if row.device is None]) == 21
    assert [row.times for row in host.rows(quarantine) if row.device == "motor-2"] == [1]
    assert host.reader.fleet(NOW_MS).quarantined == 62


def test_what_one_device_can_start_is_bounded_and_all_of_it_added_up(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot_clocks, "MOST_BOOTS", 20)
    for number in range(1, 60):
        host.status(boot=number * 7919, at_ms=NOW_MS + number, bytes_sampled=1000, bytes_sent=10)
    with host.engine.begin() as connection:
        boots = sorted(connection.scalars(sa.select(boot.c.boot)))
    assert boots == [-1, *(number * 7919 for number in range(40, 60))]
    sensor = host.sensor(NOW_MS + 60)
    assert (sensor.bytes_sampled, sensor.bytes_sent) == (59_000, 590)


def test_a_batch_is_committed_whole_and_acknowledged_once(host: Host) -> None:
    alerts = [received("alert", alert_message(seq)) for seq in (2, 1, 3, 3)]
    assert host.take(received("status", status_message()), *alerts) == [(3, 3)]
    assert len(host.rows(alert)) == 3


def test_a_batch_that_fails_leaves_nothing(host: Host) -> None:
    with host.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE occurrence"))
    with pytest.raises(DatabaseError, match="occurrence"):
        host.take(received("alert", alert_message(1, level="warning")))
    assert host.rows(alert) == []


def test_a_status_that_two_ingests_bring_is_one_in_the_history(host: Host) -> None:
    for at_ms in (NOW_MS, NOW_MS + 1):
        host.take(received("status", status_message(time=None, time_quality="none"), at_ms))
    assert len(host.rows(status_history)) == 1


# When it happened


def test_an_alert_raised_before_the_clock_was_set_is_dated_by_a_later_status(host: Host) -> None:
    host.status(uptime_ms=100, time=None, time_quality="none", at_ms=NOW_MS - 90_000, boot=9)
    host.alert(1, uptime_ms=5_000, time=None, time_quality="none", replay=True, at_ms=NOW_MS)
    host.status(uptime_ms=65_000, time=NOW_MS // 1000, time_quality="ntp")
    (row,) = host.rows(alert)
    assert (row.occurred_at_ms, row.occurred_from) == (NOW_MS - 60_000, "uptime")
    assert (row.time_s, row.time_quality) == (None, "none")


def test_without_any_clock_the_arrival_of_a_status_dates_it(host: Host) -> None:
    host.alert(1, uptime_ms=5_000, time=None, time_quality="none", replay=True)
    assert host.rows(alert)[0].occurred_from == "received"
    host.status(uptime_ms=65_000, time=None, time_quality="none")
    (row,) = host.rows(alert)
    assert (row.occurred_at_ms, row.occurred_from) == (NOW_MS - 60_000, "uptime")


# What is active


def test_an_alarm_is_active_from_its_raise_to_its_clear(host: Host) -> None:
    host.status(uptime_ms=1000)
    host.alert(1, uptime_ms=2000, level="warning")
    assert host.sensor().machine_level == "warning"
    host.alert(2, uptime_ms=3000, event="escalate", level="alarm")
    assert host.sensor().machine_level == "alarm"
    host.alert(3, uptime_ms=4000, event="clear", level="alarm")
    assert host.sensor().machine_level is None


def test_an_alert_the_device_lists_counts_as_an_alarm_before_it_has_come(host: Host) -> None:
    host.status(active=["anomaly"])
    assert host.sensor().machine_level == "alarm"


def test_a_status_composed_before_the_alert_does_not_deny_it(host: Host) -> None:
    host.alert(1, uptime_ms=2000)
    host.status(uptime_ms=1999, active=[])
    assert host.sensor().machine_level == "alarm"
    host.status(uptime_ms=2001, active=[])
    assert host.sensor().machine_level is None


@pytest.mark.parametrize("new_boot", [4, 1001])
def test_an_alarm_of_a_former_life_ends_with_it(host: Host, new_boot: int) -> None:
    host.alert(1, boot=3 if new_boot == 4 else 2001, uptime_ms=900_000)
    host.status(boot=new_boot, uptime_ms=10, active=[])
    assert host.sensor().machine_level is None


def test_a_sensor_fault_is_not_a_machine_alarm(host: Host) -> None:
    host.status(uptime_ms=1000, instrument="stuck", active=["instrument:stuck"])
    host.alert(1, uptime_ms=900, cause="instrument:stuck", level="warning", score=None, threshold=None)
    assert (host.sensor().machine_level, host.sensor().instrument_level) == (None, "warning")


def test_a_sensor_tells_its_limits_and_how_it_is(host: Host) -> None:
    host.status()
    assert (host.sensor().warning, host.sensor().alarm) == (None, None)  # firmware that does not say
    model = {"name": "other", "digest": "00000000", "origin": "trial"}
    host.status(
        uptime_ms=10**6, warning=353, alarm=609, model=model, baseline=30, reset="watchdog", heap_free=81000
    )
    one = host.sensor()
    assert (one.warning, one.alarm, one.model_origin, one.baseline_windows) == (353, 609, "trial", 30)
    assert (one.reset_by, one.heap_free, one.battery_mv) == ("watchdog", 81000, None)


# Whether it is heard


def test_a_sensor_that_tells_its_interval_is_silent_after_twice_that(host: Host) -> None:
    host.status(interval_s=600)
    host.store.note_link("test", "mqtt://broker", True, "", NOW_MS + 1_260_000)
    assert host.sensor(NOW_MS + 1_259_000).link is Link.ONLINE
    assert host.sensor(NOW_MS + 1_261_000).link is Link.SILENT


def test_a_sensor_is_silent_after_the_stated_time_and_comes_back(host: Host) -> None:
    host.status(at_ms=NOW_MS - 60_000)
    assert host.sensor(NOW_MS).link is Link.ONLINE
    host.store.note_link("test", "mqtt://broker", True, "", NOW_MS + 2000)
    assert host.sensor(NOW_MS + 2000).link is Link.SILENT
    host.alert(1, at_ms=NOW_MS + 2000, time=NOW_MS // 1000 + 2)
    assert host.sensor(NOW_MS + 2000).link is Link.ONLINE


def test_a_will_puts_the_sensor_offline_since_then_and_keeps_its_last_word(host: Host) -> None:
    host.status(score=77)
    host.will(at_ms=NOW_MS + 5000)
    sensor = host.sensor(NOW_MS + 6000)
    assert (sensor.link, sensor.link_since_ms, sensor.score) == (Link.OFFLINE, NOW_MS + 5000, 77)


def test_the_will_of_an_earlier_run_is_passed_over(host: Host) -> None:
    host.status(boot=4, uptime_ms=10)
    host.will(boot=3)
    assert host.sensor().link is Link.ONLINE


def test_a_retained_status_is_no_sign_of_life(host: Host) -> None:
    host.status(at_ms=NOW_MS, time=NOW_MS // 1000 - 7200, repeated=True)
    assert host.sensor(NOW_MS).link is Link.SILENT


def test_a_message_that_waited_in_the_broker_is_no_sign_of_life(host: Host) -> None:
    host.status(at_ms=NOW_MS, time=NOW_MS // 1000 - 7200, time_quality="ntp")
    assert host.sensor(NOW_MS).link is Link.SILENT


def test_nothing_is_healthy_while_the_host_hears_nothing(host: Host) -> None:
    host.status()
    host.store.note_link("test", "mqtt://broker", False, "connection lost", NOW_MS + 1000)
    assert host.sensor(NOW_MS + 1000).link is Link.UNREACHED
    host.store.note_link("test", "mqtt://broker", True, "", NOW_MS + 2000)
    assert host.sensor(NOW_MS + 2000).link is Link.ONLINE
    assert host.sensor(NOW_MS + 30_000).link is Link.UNREACHED  # the ingest has died without a word


# Bytes and trend


def test_bytes_add_up_over_boots_and_repetitions_count_once(host: Host) -> None:
    host.status(boot=3, uptime_ms=10, bytes_sampled=1000, bytes_sent=10)
    host.status(boot=3, uptime_ms=20, bytes_sampled=3000, bytes_sent=30)
    host.status(boot=3, uptime_ms=20, bytes_sampled=3000, bytes_sent=30, repeated=True)
    host.status(boot=4, uptime_ms=10, bytes_sampled=500, bytes_sent=5)
    assert (host.sensor().bytes_sampled, host.sensor().bytes_sent) == (3500, 35)


def test_the_trend_is_the_last_sixty_scores_oldest_first(host: Host) -> None:
    for i in range(50):
        host.status(uptime_ms=i, score=i)
    assert host.sensor().trend == tuple(range(50))
    for i in range(50, 70):
        host.status(uptime_ms=i, score=i)
    assert host.sensor().trend == tuple(range(10, 70))
