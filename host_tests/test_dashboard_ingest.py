"""From a real broker into a real database: nothing is forgotten before it is committed, nothing is lost."""

import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from vibdash.commands.removal import remove_device
from vibdash.database.opening import DatabaseError, open_database
from vibdash.ingest.acknowledgement import Ack
from vibdash.ingest.session import Ingest
from vibdash.ingest.store import Received, Store
from vibdash.protocol.messages import Sensor
from vibdash.site.broker import Broker

from lab.rigs.dashboard import DEADLINE_S, Device, Mosquitto, Vibdash, eventually, run_vibdash
from lab.rigs.databases import KINDS, new_database, rows


@pytest.fixture(params=KINDS)
def database(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    return new_database(request.param, tmp_path)


@pytest.fixture
def vibdash(broker: Mosquitto, database: str, tmp_path: Path) -> Iterator[Vibdash]:
    running = Vibdash(broker, database, tmp_path / "vibdash.log")
    yield running
    running.stop()


@pytest.fixture
def ingest(broker: Mosquitto, database: str) -> Iterator[Ingest]:
    engine = open_database(database)
    running = Ingest(Broker.from_url(broker.url), Store(engine), site=None, client_id="test")
    running.start()
    yield running
    running.stop()
    engine.dispose()


def stored_seqs(database: str) -> list[int]:
    return [seq for (seq,) in rows(database, "SELECT seq FROM alert ORDER BY seq")]


def test_when_the_ack_arrives_the_alert_is_in_the_database(
    ingest: Ingest, device: Device, database: str
) -> None:
    for seq in range(1, 21):
        device.alert(seq)
        assert device.wait_for_ack(seq) == {"v": 1, "boot": 3, "seq": seq}
        assert stored_seqs(database)[-1] == seq


class FailingStore(Store):
    """A store whose disk is full until it is mended."""

    def __init__(self, database: str) -> None:
        super().__init__(open_database(database))
        self.mended = threading.Event()
        self.failures: queue.Queue[int] = queue.Queue()

    def take(self, batch: Sequence[Received]) -> list[Ack]:
        if not self.mended.is_set():
            self.failures.put(json.loads(batch[0].payload)["seq"])
            raise DatabaseError("database: disk is full")
        return super().take(batch)


def test_what_could_not_be_stored_is_not_acknowledged_and_comes_again(
    broker: Mosquitto, device: Device, database: str
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


def test_duplicates_and_disorder_end_as_one_row_each(ingest: Ingest, device: Device, database: str) -> None:
    for seq in (1, 1, 4, 3, 3, 1, 2, 4):
        device.alert(seq, replay=seq == 3)
    assert device.wait_for_ack(4)
    assert stored_seqs(database) == [1, 2, 3, 4]


def test_a_device_that_subscribes_later_finds_the_ack_retained(
    ingest: Ingest, device: Device, broker: Mosquitto
) -> None:
    device.alert(1)
    device.wait_for_ack(1)
    device.leave()
    again = Device(broker, "motor-1")
    assert again.wait_for_ack(1)["boot"] == 3
    again.leave()


def test_malformed_messages_are_quarantined_with_a_reason(
    ingest: Ingest, device: Device, database: str
) -> None:
    device.publish_raw("alert", b"{ no json")
    device.publish_raw("alert", b"{ no json")
    device.publish_raw("status", json.dumps({"v": 9}).encode())
    device.publish_raw("alarm", b"{}")
    device.alert(1)
    device.wait_for_ack(1)
    refused = rows(database, "SELECT topic, times, reason FROM quarantine ORDER BY id")
    assert [(topic.split("/")[-1], times) for topic, times, _ in refused] == [
        ("alert", 2),
        ("status", 1),
        ("alarm", 1),
    ]
    assert [reason.split(":")[0] for _, _, reason in refused] == [
        "not JSON",
        "v",
        "kind in the topic",
    ]


class IngestProcess:
    """`vibdash ingest` as a process of its own."""

    def __init__(self, broker: Mosquitto, database: str) -> None:
        command = [sys.executable, "-m", "vibdash", "ingest", "--broker", broker.url, "--db", database]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == f"taking messages from {broker.url}\n"

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        self._process.communicate(timeout=DEADLINE_S)
        return self._process.returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_comes_while_the_ingest_is_down_is_taken_when_it_is_back(
    broker: Mosquitto, device: Device, database: str, number: signal.Signals
) -> None:
    first = IngestProcess(broker, database)
    device.alert(1)
    device.wait_for_ack(1)
    first.end(number)
    for seq in range(2, 102):
        device.alert(seq)
    second = IngestProcess(broker, database)
    device.wait_for_ack(101)
    assert stored_seqs(database) == list(range(1, 102))
    assert second.end() == 0


def test_a_broker_restart_is_survived_and_shown(
    broker: Mosquitto, device: Device, vibdash: Vibdash, database: str
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


def test_only_the_site_asked_for_is_taken(broker: Mosquitto, database: str) -> None:
    store = Store(open_database(database))
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
    broker: Mosquitto, device: Device, database: str, tmp_path: Path
) -> None:
    store = Store(open_database(database))
    ingest = Ingest(Broker.from_url(broker.url), store, site=None, client_id="apart")
    ingest.start()
    page = Vibdash(None, database, tmp_path / "page.log")
    device.status()
    device.alert(1)
    device.wait_for_ack(1)
    assert [alert["seq"] for alert in page.alerts()] == [1]
    assert page.get("/healthz") == {"ok": True}
    assert page.get("/api/v1/health") == {
        "ok": True,
        "database": "readable",
        "broker": "connected",
        "failing": [],
    }
    ingest.stop()
    sensor = page.sensor("motor-1")
    assert sensor is not None
    assert sensor["link"] == "unreached"
    assert page.stop() == 0


def test_an_ingest_alone_ends_cleanly_and_says_so(broker: Mosquitto, database: str) -> None:
    assert IngestProcess(broker, database).end() == 0
    assert rows(database, "SELECT connected, detail FROM ingest_link") == [(0, "the ingest was stopped")]


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
    seen, last = [], 0
    while found := vibdash.get(f"/api/v1/alerts?after_id={last}&limit=1")["alerts"]:
        seen.append((found[0]["device"], found[0]["seq"]))
        last = found[-1]["id"]
    assert sorted(seen) == [("motor-1", 1), ("motor-1", 2), ("motor-1", 3), ("motor-2", 1)]
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
        ["run", "--port", "0", "--broker", broker.url, "--db", url], url, "accepted: a folder that exists"
    )
    assert_one_line(
        ["run", "--port", "0", "--broker", broker.url, "--db", "nonsense"],
        "nonsense",
        "accepted: e.g. sqlite",
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:1883", "mqtt://", "mqtt://h:99999"])
def test_a_broker_url_that_is_none(tmp_path: Path, url: str) -> None:
    assert_one_line(
        ["ingest", "--broker", url, "--db", f"sqlite:///{tmp_path}/x.db"], "--broker", "accepted: mqtt://"
    )


def test_a_password_is_not_repeated(tmp_path: Path) -> None:
    ended = run_vibdash("ingest", "--broker", "tcp://me:hush@127.0.0.1", "--db", f"sqlite:///{tmp_path}/x.db")
    assert "hush" not in ended.stderr
    assert ended.returncode == 1


def test_what_the_broker_kept_of_a_removed_device_goes(
    vibdash: Vibdash, device: Device, broker: Mosquitto, database: str
) -> None:
    device.status()
    device.alert(1)
    device.wait_for_ack(1)
    eventually(lambda: vibdash.sensor("motor-1"), "the sensor is there")
    assert kept(broker) == {"vibnode/v1/demo/motor-1/status", "vibnode/v1/demo/motor-1/ack"}
    engine = open_database(database)
    assert remove_device(engine, Sensor("demo", "motor-1"), "command line", 0)
    engine.dispose()
    assert vibdash.sensor("motor-1") is None
    eventually(lambda: kept(broker) == set(), "the broker has forgotten it")
    assert vibdash.sensor("motor-1") is None


def kept(broker: Mosquitto) -> set[str]:
    """Return the topics of the retained messages."""
    found: set[str] = set()
    ended = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe([("vibnode/#", 1), ("$SYS/broker/uptime", 0)])

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        if message.topic.startswith("$SYS"):
            ended.set()  # retained too, and of the later subscription
        elif message.retain:
            found.add(message.topic)

    client.on_message = on_message
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    assert ended.wait(DEADLINE_S)
    client.disconnect()
    client.loop_stop()
    return found


def test_nothing_of_what_the_ingest_says_itself_is_taken_for_a_message(
    broker: Mosquitto, device: Device, database: str
) -> None:
    engine = open_database(database)
    taken: list[str] = []

    class Noted(Store):
        def take(self, batch: Sequence[Received]) -> list[Ack]:
            taken.extend(one.topic.rpartition("/")[2] for one in batch)
            return super().take(batch)

    running = Ingest(Broker.from_url(broker.url), Noted(engine), site=None, client_id="test")
    running.start()
    for seq in range(1, 11):
        device.alert(seq)
        device.wait_for_ack(seq)
    device.status()  # comes after the acks
    eventually(lambda: "status" in taken, "the status is taken")
    running.stop()
    engine.dispose()
    assert taken == ["alert"] * 10 + ["status"]
