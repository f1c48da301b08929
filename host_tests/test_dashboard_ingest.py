"""From a real broker into a real database: nothing is forgotten before it is committed, nothing is lost."""

import json
import queue
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboard_fixtures import DEADLINE_S, Device, Mosquitto, Vibdash, eventually, run_vibdash
from vibdash.broker import Broker
from vibdash.ingest import Ingest
from vibdash.messages import Alert
from vibdash.schema import DatabaseError, open_database
from vibdash.settling import Ack
from vibdash.store import Store


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    running = Mosquitto(tmp_path / "broker")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "alerts.db"


@pytest.fixture
def device(broker: Mosquitto) -> Iterator[Device]:
    sensor = Device(broker, "motor-1")
    yield sensor
    sensor.leave()


@pytest.fixture
def vibdash(broker: Mosquitto, database: Path, tmp_path: Path) -> Iterator[Vibdash]:
    running = Vibdash(broker, database, tmp_path / "vibdash.log")
    yield running
    running.stop()


def stored_seqs(database: Path) -> list[int]:
    with sqlite3.connect(database) as connection:
        return [seq for (seq,) in connection.execute("SELECT seq FROM alert ORDER BY seq")]


def test_when_the_ack_arrives_the_alert_is_in_the_database(
    vibdash: Vibdash, device: Device, database: Path
) -> None:
    for seq in range(1, 21):
        device.alert(seq)
        assert device.wait_for_ack(seq) == {"v": 1, "boot": 3, "seq": seq}
        assert stored_seqs(database)[-1] == seq


class FailingStore(Store):
    """A store whose disk is full until it is mended."""

    def __init__(self, database: Path) -> None:
        super().__init__(open_database(f"sqlite:///{database}"))
        self.mended = threading.Event()
        self.failures: queue.Queue[int] = queue.Queue()

    def take_alert(self, new: Alert, received_at_ms: int) -> Ack | None:
        if not self.mended.is_set():
            self.failures.put(new.identity.seq)
            raise DatabaseError("database: disk is full")
        return super().take_alert(new, received_at_ms)


def test_what_could_not_be_stored_is_not_acknowledged_and_comes_again(
    broker: Mosquitto, device: Device, database: Path
) -> None:
    store = FailingStore(database)
    ingest = Ingest(Broker.from_url(broker.url), store, site=None, client_id="failing")
    ingest.start()
    try:
        device.alert(1)
        failed = [store.failures.get(timeout=DEADLINE_S) for _ in range(2)]
        assert failed == [1, 1]  # the broker sent it again
        assert device.acks.empty()
        store.mended.set()
        device.wait_for_ack(1)
        assert stored_seqs(database) == [1]
    finally:
        ingest.stop()


def test_duplicates_and_disorder_end_as_one_row_each(
    vibdash: Vibdash, device: Device, database: Path
) -> None:
    for seq in (1, 1, 4, 3, 3, 1, 2, 4):
        device.alert(seq, replay=seq == 3)
    assert device.wait_for_ack(4)
    assert stored_seqs(database) == [1, 2, 3, 4]


def test_a_device_that_subscribes_later_finds_the_ack_retained(
    vibdash: Vibdash, device: Device, broker: Mosquitto
) -> None:
    device.alert(1)
    device.wait_for_ack(1)
    device.leave()
    again = Device(broker, "motor-1")
    assert again.wait_for_ack(1)["boot"] == 3
    again.leave()


def test_malformed_messages_are_quarantined_with_a_reason(
    vibdash: Vibdash, device: Device, database: Path
) -> None:
    device.publish_raw("alert", b"{ no json")
    device.publish_raw("alert", b"{ no json")
    device.publish_raw("status", json.dumps({"v": 9}).encode())
    device.publish_raw("alarm", b"{}")
    device.alert(1)
    device.wait_for_ack(1)
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT topic, times, reason FROM quarantine ORDER BY id").fetchall()
    assert [(topic.split("/")[-1], times) for topic, times, _ in rows] == [
        ("alert", 2),
        ("status", 1),
        ("alarm", 1),
    ]
    assert [reason.split(":")[0] for _, _, reason in rows] == [
        "not JSON",
        "v is 9",
        "kind 'alarm' in the topic",
    ]
    assert vibdash.get("/api/v1/fleet")["quarantined"] == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_comes_while_the_ingest_is_down_is_taken_when_it_is_back(
    broker: Mosquitto, device: Device, database: Path, tmp_path: Path, number: signal.Signals
) -> None:
    first = Vibdash(broker, database, tmp_path / "first.log")
    device.alert(1)
    device.wait_for_ack(1)
    first.stop(number)
    for seq in range(2, 102):
        device.alert(seq)
    second = Vibdash(broker, database, tmp_path / "second.log")
    device.wait_for_ack(101)
    assert stored_seqs(database) == list(range(1, 102))
    assert second.stop() == 0


def test_a_broker_restart_is_survived_and_shown(
    broker: Mosquitto, device: Device, vibdash: Vibdash, database: Path
) -> None:
    device.status()
    device.alert(1)
    device.wait_for_ack(1)
    broker.stop()
    eventually(lambda: not vibdash.get("/api/v1/fleet")["host"]["connected"], "the outage is noticed")
    assert vibdash.get("/api/v1/fleet")["host"]["detail"]
    sensor = vibdash.sensor("motor-1")
    assert sensor is not None
    assert sensor["link"] in ("unreached", "offline")  # a broker that is stopped may still send the wills
    broker.start()
    eventually(lambda: vibdash.get("/api/v1/fleet")["host"]["connected"], "connected again")
    device.alert(2)
    device.wait_for_ack(2)
    assert stored_seqs(database) == [1, 2]


def test_only_the_site_asked_for_is_taken(broker: Mosquitto, database: Path) -> None:
    store = Store(open_database(f"sqlite:///{database}"))
    ingest = Ingest(Broker.from_url(broker.url), store, site="east", client_id="east")
    ingest.start()
    west, east = Device(broker, "motor-1", site="west"), Device(broker, "motor-2", site="east")
    west.alert(7, oldest=7)
    east.alert(9, oldest=9)
    east.wait_for_ack(9)
    ingest.stop()
    assert stored_seqs(database) == [9]
    assert west.acks.empty()
    west.leave()
    east.leave()


def test_ingest_and_page_may_be_two_processes(
    broker: Mosquitto, device: Device, database: Path, tmp_path: Path
) -> None:
    store = Store(open_database(f"sqlite:///{database}"))
    ingest = Ingest(Broker.from_url(broker.url), store, site=None, client_id="apart")
    ingest.start()
    page = Vibdash(None, database, tmp_path / "page.log")
    device.status()
    device.alert(1)
    device.wait_for_ack(1)
    assert [alert["seq"] for alert in page.alerts()] == [1]
    assert page.get("/healthz") == {"ok": True, "database": "readable", "broker": "connected"}
    ingest.stop()
    sensor = page.sensor("motor-1")
    assert sensor is not None
    assert sensor["link"] == "unreached"
    assert page.stop() == 0


def test_an_ingest_alone_ends_cleanly_and_says_so(broker: Mosquitto, device: Device, database: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "vibdash.cli",
        "ingest",
        "--broker",
        broker.url,
        "--db",
        f"sqlite:///{database}",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as ingest:
        assert ingest.stdout is not None
        assert ingest.stdout.readline() == f"taking messages from {broker.url}\n"
        device.alert(1)
        device.wait_for_ack(1)
        ingest.terminate()
        assert ingest.wait(DEADLINE_S) == 0
    with sqlite3.connect(database) as connection:
        told = connection.execute("SELECT connected, detail FROM ingest_link").fetchall()
    assert told == [(0, "the ingest was stopped")]


def test_alerts_are_asked_for_by_sensor_and_from_where_one_left_off(
    vibdash: Vibdash, device: Device, broker: Mosquitto
) -> None:
    other = Device(broker, "motor-2")
    for seq in (1, 2, 3):
        device.alert(seq)
    other.alert(1)
    device.wait_for_ack(3)
    other.wait_for_ack(1)
    other.leave()
    newest = vibdash.alerts()[0]["id"]
    assert [alert["seq"] for alert in vibdash.get("/api/v1/alerts?device=motor-1")["alerts"]] == [3, 2, 1]
    assert len(vibdash.get("/api/v1/alerts?limit=2")["alerts"]) == 2
    assert vibdash.get(f"/api/v1/alerts?after_id={newest}") == {"alerts": []}
    assert vibdash.get("/api/v1/alerts?site=%27%20OR%201=1%20--")["alerts"] == []
    with pytest.raises(urllib.error.HTTPError, match="422"):
        vibdash.get("/api/v1/alerts?limit=0")


# Failures at the start: one line, exit code 1


def assert_one_line(arguments: list[str], *words: str) -> None:
    ended = run_vibdash(*arguments)
    assert ended.returncode != 0
    assert ended.stdout == ""
    (line,) = ended.stderr.strip().splitlines()
    for word in words:
        assert word in line


def test_an_unreachable_broker(tmp_path: Path) -> None:
    with socket.socket() as unanswered:  # bound, not listening
        unanswered.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{unanswered.getsockname()[1]}"
        db = f"sqlite:///{tmp_path}/x.db"
        assert_one_line(["run", "--port", "0", "--broker", url, "--db", db], url, "Connection refused")
        assert_one_line(["ingest", "--broker", url, "--db", db], url, "Connection refused")


def test_a_port_in_use(tmp_path: Path, broker: Mosquitto) -> None:
    db = tmp_path / "x.db"
    port = str(broker.port)
    arguments = ["run", "--port", port, "--broker", broker.url, "--db", f"sqlite:///{db}"]
    assert_one_line(arguments, f"--port {port}", "in use")
    assert not db.exists()


def test_a_database_that_cannot_be_written(tmp_path: Path, broker: Mosquitto) -> None:
    url = f"sqlite:///{tmp_path}/no/such/folder/x.db"
    assert_one_line(
        ["run", "--port", "0", "--broker", broker.url, "--db", url], url, "need a folder that exists"
    )
    assert_one_line(["run", "--port", "0", "--broker", broker.url, "--db", "nonsense"], "nonsense", "need")


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:1883", "mqtt://", "mqtt://h:99999"])
def test_a_broker_url_that_is_none(tmp_path: Path, url: str) -> None:
    assert_one_line(
        ["ingest", "--broker", url, "--db", f"sqlite:///{tmp_path}/x.db"], "--broker", "need mqtt://"
    )


def test_a_password_is_not_repeated(tmp_path: Path) -> None:
    ended = run_vibdash("ingest", "--broker", "tcp://me:hush@127.0.0.1", "--db", f"sqlite:///{tmp_path}/x.db")
    assert "hush" not in ended.stderr
    assert ended.returncode == 1
