"""The uplink on MicroPython against a real Mosquitto: what is stored arrives, and stays until the host says so."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.rigs.firmware import Broker, Device, Host, needs_micropython, wait_for

pytestmark = needs_micropython
SCRIPT = Path(__file__).parent / "firmware_uplink_device.py"
QUICK_RESEND_MS = 500
NO_RESEND_MS = 600_000


class Scene:
    """A broker, and the hosts and devices of one test, all ended with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker(folder)
        self._ends: list[Host | Device] = []

    def host(self, acks: bool) -> Host:
        host = Host(self.broker, acks)
        self._ends.append(host)
        return host

    def device(self, alerts: int, interval_ms: int = 1, resend_ms: int = NO_RESEND_MS) -> Device:
        device = {
            "site": "demo",
            "device": "motor-1",
            "sensor": {"driver": "replay", "playlist": "none"},
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port, "keepalive_s": 2},
            "status_interval_s": 1,
        }
        path = self.folder / "device.json"
        path.write_text(json.dumps(device))
        started = Device(SCRIPT, path, alerts, interval_ms, resend_ms)
        self._ends.append(started)
        return started

    def close(self) -> None:
        for end in self._ends:
            end.stop() if isinstance(end, Host) else end.kill()
        self.broker.kill()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


def stored(device: Device) -> set[tuple[int, int]]:
    """(boot, seq) of the alerts that the device says it stored."""
    return {
        (int(line.split()[1]), int(line.split()[2])) for line in device.printed("stored ") if line[0] == "s"
    }


def wait_until_stored(device: Device, number: int) -> None:
    wait_for(f"{number} alerts were stored", lambda: len(stored(device)) >= number)


def wait_for_alerts(host: Host, number: int) -> None:
    wait_for(f"{number} alerts came", lambda: len(host.identities()) >= number)


def queue_length(host: Host) -> int:
    return int(host.statuses[-1]["queued"]) if host.statuses and "queued" in host.statuses[-1] else -1


def test_alerts_arrive_in_order_and_leave_the_outbox_on_the_ack(scene: Scene) -> None:
    scene.broker.start()
    host = scene.host(acks=True)
    device = scene.device(alerts=8)
    wait_for("the outbox is empty", lambda: len(host.alerts) == 8 and queue_length(host) == 0)
    assert [alert["number"] for alert in host.alerts] == list(range(8))
    assert host.identities() == stored(device)
    assert host.statuses[0]["why"] == "birth"


def test_nothing_is_lost_or_invented_when_the_broker_is_killed_again_and_again(scene: Scene) -> None:
    scene.broker.start()
    host = scene.host(acks=True)
    device = scene.device(alerts=60, interval_ms=100, resend_ms=QUICK_RESEND_MS)
    for part in (10, 25, 40):
        wait_for_alerts(host, part)
        scene.broker.kill()
        wait_until_stored(device, min(len(stored(device)) + 6, 60))
        scene.broker.start()
    wait_for("all alerts came", lambda: len(stored(device)) == 60 and len(host.identities()) >= 60)
    wait_for("the outbox is empty", lambda: queue_length(host) == 0)
    assert host.identities() == stored(device)
    by_identity = {(alert["boot"], alert["seq"]): alert["number"] for alert in host.alerts}
    assert sorted(by_identity.values()) == list(range(60))


def test_nothing_is_lost_when_the_device_loses_power_again_and_again(scene: Scene) -> None:
    scene.broker.start()
    host = scene.host(acks=True)
    said: set[tuple[int, int]] = set()
    for number in (3, 11, 7):
        device = scene.device(alerts=1000, resend_ms=QUICK_RESEND_MS)
        wait_until_stored(device, number)
        device.kill()
        said |= stored(device)
    last_boot = max(boot for boot, _ in said) + 1
    scene.device(alerts=0, resend_ms=QUICK_RESEND_MS)
    wait_for("the last start is heard", lambda: host.statuses[-1]["boot"] == last_boot)
    wait_for("the outbox is empty", lambda: queue_length(host) == 0)
    assert said <= host.identities()
    seqs = sorted(seq for _, seq in host.identities())
    assert seqs == list(
        range(1, len(seqs) + 1)
    )  # one more a start may have been stored before it could be printed
    assert len(host.identities() - said) <= 3
    assert len({boot for boot, _ in host.identities()}) == 3


def test_a_broker_that_freezes_with_its_connections_open_is_noticed(scene: Scene) -> None:
    scene.broker.start()
    host = scene.host(acks=True)
    device = scene.device(alerts=40, interval_ms=100, resend_ms=QUICK_RESEND_MS)
    wait_for_alerts(host, 5)
    scene.broker.freeze()
    wait_for("it was noticed", lambda: bool(device.printed("trying again")))
    scene.broker.thaw()
    wait_for("the outbox is empty", lambda: len(host.identities()) == 40 and queue_length(host) == 0)
    assert host.identities() == stored(device)


def test_a_puback_alone_keeps_the_alert(scene: Scene) -> None:
    scene.broker.start()
    host = scene.host(acks=False)
    device = scene.device(alerts=3)
    wait_for("the alerts came", lambda: len(host.alerts) == 3)
    seen = len(host.statuses)
    wait_for("two more statuses came", lambda: len(host.statuses) > seen + 1)
    assert queue_length(host) == 3
    device.kill()
    again = scene.device(alerts=0)
    wait_for("they came again", lambda: len(host.alerts) == 6)
    assert host.identities() == stored(device) and not stored(again)
    assert [alert["replay"] for alert in host.alerts[3:]] == [True] * 3
    assert {alert["oldest"] for alert in host.alerts} == {1}
    host.ack(host.alerts[-1])
    wait_for("the outbox is empty", lambda: queue_length(host) == 0)


def test_without_an_ack_an_alert_is_sent_again(scene: Scene) -> None:
    scene.broker.start()
    host = scene.host(acks=False)
    scene.device(alerts=1, resend_ms=QUICK_RESEND_MS)
    wait_for("it came three times", lambda: len(host.alerts) == 3)
    assert len(host.identities()) == 1


def test_an_ack_given_while_the_device_was_away_is_found_at_the_next_connection(scene: Scene) -> None:
    scene.broker.start()
    host = scene.host(acks=False)
    device = scene.device(alerts=2)
    wait_for("the alerts came", lambda: len(host.alerts) == 2)
    device.kill()
    host.ack(host.alerts[-1])
    seen = len(host.statuses)
    scene.device(alerts=0)
    wait_for("the outbox is empty", lambda: len(host.statuses) > seen and queue_length(host) == 0)


def test_the_broker_says_offline_for_a_device_that_dies(scene: Scene) -> None:
    scene.broker.start()
    host = scene.host(acks=True)
    device = scene.device(alerts=1)
    wait_for("it was there", lambda: queue_length(host) == 0)
    device.kill()
    wait_for("the will came", lambda: host.statuses[-1]["state"] == "offline")
    assert host.statuses[-1]["why"] == "will"
    late = scene.host(acks=True)
    wait_for("the will is retained", lambda: bool(late.statuses))
    assert late.statuses[0]["state"] == "offline"


def test_a_broker_that_is_not_there_is_told_once_and_alerts_are_kept(scene: Scene) -> None:
    device = scene.device(alerts=5)
    wait_for(
        "it was said", lambda: bool(device.printed("trying again")) and bool(device.printed("all stored"))
    )
    scene.broker.start()
    host = scene.host(acks=True)
    wait_for("the outbox is empty", lambda: len(host.identities()) == 5 and queue_length(host) == 0)
    complaints = device.printed("trying again")
    assert len(complaints) == 1
    assert f"127.0.0.1:{scene.broker.port}" in complaints[0] and "ECONNREFUSED" in complaints[0]


def test_what_is_no_ack_changes_nothing(scene: Scene) -> None:
    scene.broker.start()
    host = scene.host(acks=False)
    device = scene.device(alerts=2)
    wait_for("the alerts came", lambda: len(host.alerts) == 2)
    for payload in (b"", b"\xff\x00", b"{", b'{"v":1,"boot":1,"seq":99}', b'{"v":1,"seq":2}', b"[" * 500):
        host.say("ack", payload)
    seen = len(host.statuses)
    wait_for("two more statuses came", lambda: len(host.statuses) > seen + 2)
    assert queue_length(host) == 2 and device.alive()
    host.ack(host.alerts[-1])
    wait_for("the outbox is empty", lambda: queue_length(host) == 0)
