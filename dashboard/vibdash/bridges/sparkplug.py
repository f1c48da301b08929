"""The fleet as a Sparkplug B edge node: a device of it is born while its sensor is heard, and dies when it is not.

Sparkplug's data are sent at QoS 0 and not retained, so this is for showing what is now; alerts that must not be lost
stay with the database.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from paho.mqtt.client import Client, MQTTMessage

from vibdash.bridges.sparkplug_payload import Metrics, decode, encode
from vibdash.read.fleet import FleetReader
from vibdash.read.sensors import Link, SensorView

REBIRTH = "Node Control/Rebirth"
BD_SEQ = "bdSeq"
_LEVELS = {None: 0, "warning": 1, "alarm": 2}

log = logging.getLogger("vibdash.sparkplug")


def metrics_of(sensor: SensorView) -> Metrics:
    """Return what is told of a sensor. Score in octaves from healthy, velocity in mm/s RMS."""
    return {
        "Machine/State": (str, sensor.machine),
        "Machine/Alert Level": (int, _LEVELS[sensor.machine_level]),
        "Machine/Score": (float, None if sensor.score is None else sensor.score / 256),
        "Machine/Velocity": (float, None if sensor.velocity_um_s is None else sensor.velocity_um_s / 1000),
        "Machine/Class": (str, sensor.class_name),
        "Sensor/State": (str, sensor.instrument),
        "Sensor/Alert Level": (int, _LEVELS[sensor.instrument_level]),
        "Sensor/Firmware": (str, sensor.fw),
        "Sensor/Bytes Sampled": (int, sensor.bytes_sampled),
        "Sensor/Bytes Sent": (int, sensor.bytes_sent),
    }


class SparkplugBridge:
    """One session of an edge node. Its death is the will of the client, so each connection needs a new one."""

    def __init__(
        self, client: Client, reader: FleetReader, *, group: str, node: str, bd_seq: int, now_ms: int
    ) -> None:
        self._client = client
        self._reader = reader
        self._group, self._node = group, node
        self._bd_seq: Metrics = {BD_SEQ: (int, bd_seq % 256)}
        self._seq = 0
        self._alive: dict[str, Metrics] = {}
        self._to_be_born = threading.Event()
        client.will_set(self._topic("NDEATH"), encode(self._bd_seq, at_ms=now_ms, seq=None), qos=1)
        client.on_connect = lambda *_: self._take_commands()
        client.on_subscribe = lambda *_: self._to_be_born.set()
        client.on_message = self._on_command

    def publish_news(self, now_ms: int) -> None:
        """Publish births, deaths and what has changed since."""
        if not self._client.is_connected():
            return
        if self._to_be_born.is_set():
            self._to_be_born.clear()
            self._bear_node(now_ms)
        elif self._seq == 0:
            return  # not subscribed to commands yet
        for sensor in self._reader.fleet(now_ms).sensors:
            self._tell(f"{sensor.site}.{sensor.device}", sensor, now_ms)

    def say_goodbye(self, now_ms: int) -> None:
        """Publish the node's death: a broker drops the will of a client that leaves in good order."""
        info = self._client.publish(
            self._topic("NDEATH"), encode(self._bd_seq, at_ms=now_ms, seq=None), qos=1
        )
        if self._client.is_connected():
            info.wait_for_publish(5.0)

    def _take_commands(self) -> None:
        self._client.subscribe(self._topic("NCMD"), qos=1)

    def _bear_node(self, now_ms: int) -> None:
        self._alive.clear()
        self._seq = 0
        self._publish("NBIRTH", {**self._bd_seq, REBIRTH: (bool, False)}, now_ms)

    def _tell(self, name: str, sensor: SensorView, now_ms: int) -> None:
        metrics = metrics_of(sensor)
        known = self._alive.get(name)
        if sensor.link is not Link.ONLINE:
            if known is not None:
                self._publish("DDEATH", {}, now_ms, name)
                del self._alive[name]
        elif known is None:
            self._publish("DBIRTH", metrics, now_ms, name)
            self._alive[name] = metrics
        elif changed := {one: value for one, value in metrics.items() if known[one] != value}:
            self._publish("DDATA", changed, now_ms, name)
            self._alive[name] = metrics

    def _publish(self, kind: str, metrics: Metrics, now_ms: int, device: str | None = None) -> None:
        payload = encode(metrics, at_ms=now_ms, seq=self._seq % 256)
        self._seq += 1
        self._client.publish(self._topic(kind, device), payload, qos=0)

    def _topic(self, kind: str, device: str | None = None) -> str:
        return "/".join(["spBv1.0", self._group, kind, self._node, *([device] if device else [])])

    def _on_command(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            if decode(message.payload).get(REBIRTH) is True:
                self._to_be_born.set()
        except ValueError as error:
            log.warning("command ignored: %s", error)
