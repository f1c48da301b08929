"""The fleet for other systems: Home Assistant, Sparkplug B and Grafana, each with a real broker or database."""

import json
import queue
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import pytest
import sqlalchemy as sa
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from vibdash.bridges.sparkplug_payload import Metrics, decode, encode
from vibdash.database.opening import open_database
from vibdash.ingest.store import Received, Store

from lab.rigs.dashboard import DEADLINE_S, Device, Mosquitto, alert_message, eventually, status_message
from lab.rigs.databases import new_database

GRAFANA = Path(__file__).parents[1] / "dashboard" / "grafana" / "vibnode.json"


class Listener:
    """Collects what is published under some topics."""

    def __init__(self, broker: Mosquitto, *topics: str) -> None:
        self.got: queue.Queue[MQTTMessage] = queue.Queue()
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda _client, _data, message: self.got.put(message)
        self.client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in topics])
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()

    def next(self, ending: str) -> MQTTMessage:
        """Return the next message on a topic with this in it; others are passed over."""
        while ending not in (message := self.got.get(timeout=DEADLINE_S)).topic:
            pass
        return message

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Bridge:
    """`vibdash bridge` as a process of its own."""

    def __init__(self, kind: str, broker: Mosquitto, database: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "vibdash", "bridge", kind, "--broker", broker.url, "--db", database]
        self.process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"bridging to {broker.url}\n"

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode


class Site:
    """A database as an ingest fills it."""

    def __init__(self, folder: Path) -> None:
        self.url = new_database("sqlite", folder)
        self._store = Store(open_database(self.url))
        self.link()

    def link(self) -> None:
        self._store.note_link("test", "mqtt://broker", True, "", _now_ms())

    def take(self, kind: str, message: dict[str, Any], device: str = "motor-1") -> None:
        self.link()
        payload = json.dumps(message).encode()
        self._store.take([Received(f"vibnode/v1/demo/{device}/{kind}", payload, _now_ms())])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


# Home Assistant


def rendered(template: str, message: dict[str, Any]) -> str:
    return jinja2.Environment().from_string(template).render(value_json=message)


def test_home_assistant_learns_of_every_sensor_and_again_when_it_starts(
    broker: Mosquitto, site: Site
) -> None:
    site.take("status", status_message())
    listener = Listener(broker, "homeassistant/device/+/config")
    bridge = Bridge("homeassistant", broker, site.url, "--silent-after-s", "100")
    message = listener.next("vibnode_demo_motor-1/config")
    config = json.loads(message.payload)
    assert {"dev", "o", "cmps", "state_topic", "availability"} <= config.keys()
    assert config["dev"]["ids"] == ["vibnode_demo_motor-1"]
    assert config["o"]["name"] == "vibdash"
    components = config["cmps"].values()
    assert len({one["unique_id"] for one in components}) == len(components) == 5
    assert all(one["p"] in ("sensor", "binary_sensor") and one["expire_after"] == 100 for one in components)
    late = Listener(broker, "homeassistant/device/+/config")
    assert late.next("motor-1").retain
    late.client.publish("homeassistant/status", "online", qos=1)
    assert json.loads(listener.next("motor-1").payload) == config
    site.take("status", status_message(), "motor-2")
    listener.next("motor-2")
    assert bridge.stop() == 0
    for one in (late, listener):
        one.stop()


def test_the_templates_read_what_a_sensor_says(broker: Mosquitto, site: Site) -> None:
    site.take("status", status_message())
    listener = Listener(broker, "homeassistant/device/+/config")
    bridge = Bridge("homeassistant", broker, site.url)
    config = json.loads(listener.next("motor-1").payload)
    bridge.stop()
    listener.stop()
    device = Device(broker, "motor-1")
    device.status()
    retained = Listener(broker, config["state_topic"])
    assert json.loads(retained.next("status").payload)["state"] == "online"
    retained.stop()
    device.leave()
    healthy = status_message(score=384, velocity_um_s=812)
    faulty = status_message(active=["anomaly"], score=None, machine="outside")
    broken = status_message(active=["instrument:stuck"])
    will = {"v": 1, "state": "offline", "why": "will", "boot": 3}
    expected = {
        "alert": ("OFF", "ON", "OFF"),
        "fault": ("OFF", "OFF", "ON"),
        "machine": ("running", "outside", "running"),
        "score": ("1.5", "None", "-0.05"),
        "velocity": ("0.812", "0.812", "0.812"),
    }
    for name, values in expected.items():
        template = config["cmps"][name]["value_template"]
        assert tuple(rendered(template, message) for message in (healthy, faulty, broken)) == values
        rendered(template, will)  # fails on none
    (availability,) = config["availability"]
    assert availability["topic"] == "vibnode/v1/demo/motor-1/status"
    assert [rendered(availability["value_template"], one) for one in (healthy, will)] == ["online", "offline"]


# Sparkplug B


def test_a_payload_is_as_another_implementation_reads_it() -> None:
    """The bytes were read by the message class of pysparkplug 0.6.1, made from the Eclipse project's description."""
    metrics: Metrics = {"Machine/State": (str, "running"), "Machine/Score": (float, 1.5), "bdSeq": (int, 7)}
    made = encode({**metrics, "on": (bool, True), "gone": (float, None)}, at_ms=1_760_000_000_000, seq=3)
    assert made.hex() == (
        "088080b3c19c3312210a0d4d616368696e652f5374617465188080b3c19c33200c7a0772756e6e696e67121d0a0d4d616368696e"
        "652f53636f7265188080b3c19c332009650000c03f12120a056264536571188080b3c19c3320085807120f0a026f6e188080b3c1"
        "9c33200b700112110a04676f6e65188080b3c19c33200938011803"
    )
    values = {"Machine/State": "running", "Machine/Score": 1.5, "bdSeq": 7, "on": True, "gone": None}
    assert decode(made) == values
    with pytest.raises(ValueError, match="no Sparkplug B payload"):
        decode(b"\xff\xff\xff")


def test_a_node_is_born_and_its_devices_live_while_they_are_heard(broker: Mosquitto, site: Site) -> None:
    site.take("status", status_message(score=256))
    listener = Listener(broker, "spBv1.0/#")
    bridge = Bridge("sparkplug", broker, site.url, "--group", "plant", "--node", "host")
    birth = listener.next("spBv1.0/plant/NBIRTH/host")
    node = decode(birth.payload)
    assert node["Node Control/Rebirth"] is False
    device = listener.next("spBv1.0/plant/DBIRTH/host/demo.motor-1")
    born = decode(device.payload)
    assert (born["Machine/State"], born["Machine/Score"], born["Machine/Alert Level"]) == ("running", 1.0, 0)
    site.take("alert", alert_message(1))
    changed = decode(listener.next("DDATA/host/demo.motor-1").payload)
    assert changed == {"Machine/Alert Level": 2}
    listener.client.publish("spBv1.0/plant/NCMD/host", b"\xff\xff", qos=1)
    command = encode({"Node Control/Rebirth": (bool, True)}, at_ms=_now_ms(), seq=None)
    listener.client.publish("spBv1.0/plant/NCMD/host", command, qos=1)
    assert decode(listener.next("NBIRTH").payload)["bdSeq"] == node["bdSeq"]
    listener.next("DBIRTH")
    site.take("status", {"v": 1, "state": "offline", "why": "will", "boot": 3})
    listener.next("DDEATH/host/demo.motor-1")
    bridge.stop(signal.SIGKILL)
    assert decode(listener.next("NDEATH").payload) == {"bdSeq": node["bdSeq"]}
    listener.stop()


def test_after_a_restart_of_the_broker_a_node_is_born_with_another_number(
    broker: Mosquitto, site: Site
) -> None:
    site.take("status", status_message())
    listener = Listener(broker, "spBv1.0/#")
    bridge = Bridge("sparkplug", broker, site.url)
    first = decode(listener.next("NBIRTH").payload)["bdSeq"]
    broker.stop()
    broker.start()
    second = decode(eventually(lambda: listener.next("NBIRTH"), "it is born again").payload)["bdSeq"]
    assert second != first
    assert bridge.stop() == 0
    assert decode(listener.next("NDEATH").payload) in ({"bdSeq": first}, {"bdSeq": second})
    listener.stop()


# Grafana


def with_values(sql: str) -> str:
    """Fill in what Grafana does before it asks."""
    macros = {
        "$__unixEpochFrom()": "0",
        "$__unixEpochTo()": str(2**32),
        "${sensor:sqlstring}": "'demo/motor-1'",
    }
    for macro, value in macros.items():
        sql = sql.replace(macro, value)
    assert not re.search(r"\$", sql), f"not filled in: {sql}"
    return sql


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    engine = open_database(new_database("postgresql", tmp_path_factory.mktemp("grafana")))
    messages: list[tuple[str, Any]] = [
        ("status", status_message()),
        ("alert", alert_message(1, level="warning")),
    ]
    messages += [("alert", alert_message(2, event="escalate")), ("alert", {"v": 1})]
    batch = [
        Received(f"vibnode/v1/demo/motor-1/{kind}", json.dumps(one).encode(), _now_ms())
        for kind, one in messages
    ]
    Store(engine).take(batch)
    yield engine
    engine.dispose()


PANELS = {panel["title"]: panel for panel in json.loads(GRAFANA.read_text())["panels"]}


@pytest.mark.parametrize("title", PANELS)
def test_every_panel_asks_what_the_real_tables_answer(server: sa.Engine, title: str) -> None:
    (target,) = PANELS[title]["targets"]
    with server.connect() as connection:
        answer = connection.execute(sa.text(with_values(target["rawSql"]).replace(":", r"\:")))
        rows = [row._mapping for row in answer]
    assert rows
    if target["format"] == "time_series":
        assert isinstance(rows[0]["time"], datetime)
        assert isinstance(rows[0]["metric"], str)
        assert rows[0]["value"] is not None


def test_the_figures_are_those_of_the_sensor(server: sa.Engine) -> None:
    def first(title: str) -> Any:
        with server.connect() as connection:
            return connection.execute(sa.text(with_values(PANELS[title]["targets"][0]["rawSql"]))).one()

    assert first("Sensors not heard") == (0,)
    assert first("Open alerts") == (1, 0)
    assert first("Refused messages") == (1,)
    assert first("Distance from healthy").metric == "demo/motor-1"
    assert float(first("Distance from healthy").value) == pytest.approx(-12 / 256)
    assert float(first("Vibration velocity").value) == pytest.approx(0.812)
    assert (first("Alerts").level, first("Alerts").over) == ("alarm", None)


def test_the_panels_and_the_list_of_sensors_ask_one_store() -> None:
    board = json.loads(GRAFANA.read_text())
    (store, sensor) = board["templating"]["list"]
    assert (store["name"], store["type"], sensor["name"]) == ("store", "datasource", "sensor")
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in board["panels"]:
        assert {panel["datasource"]["uid"], panel["targets"][0]["datasource"]["uid"]} == {"${store}"}
