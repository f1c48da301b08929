"""Telling Home Assistant of the sensors, by its MQTT discovery.

Only the descriptions are published, retained: the values, and whether a sensor is there, Home Assistant takes from
the sensors' own status messages, last will included. What is not heard for too long expires to "unavailable".
"""

from __future__ import annotations

import json
import logging
import threading
from importlib.metadata import version
from typing import Any

from paho.mqtt.client import Client, MQTTMessage

from vibdash.protocol.messages import MACHINE_STATES, Sensor
from vibdash.read.fleet import FleetReader
from vibdash.read.sensors import SensorView

_ANY_OF = (
    "{%- set found = namespace(any=false) -%}"
    "{%- for cause in value_json.active | default([]) if CONDITION -%}{%- set found.any = true -%}{%- endfor -%}"
    "{{ 'ON' if found.any else 'OFF' }}"
)
_OF_INSTRUMENT = "cause.startswith('instrument:')"

log = logging.getLogger("vibdash.homeassistant")


def _number(field: str, scale: int, digits: int) -> str:
    return f"{{{{ (value_json.{field} / {scale}) | round({digits}) if value_json.{field} is number else None }}}}"


def discovery_topic(sensor: Sensor, prefix: str) -> str:
    """Return the topic of a sensor's description."""
    return f"{prefix}/device/{_id(sensor)}/config"


def describe(sensor: SensorView, silent_after_s: int) -> dict[str, Any]:
    """Return the description of a sensor; it counts as gone after `silent_after_s` without a message."""
    key = Sensor(sensor.site, sensor.device)
    topic = key.topic("status")
    measured = {"p": "sensor", "state_class": "measurement"}
    components: dict[str, dict[str, Any]] = {
        "alert": {
            "p": "binary_sensor",
            "name": "Machine alert",
            "device_class": "problem",
            "value_template": _ANY_OF.replace("CONDITION", f"not {_OF_INSTRUMENT}"),
        },
        "fault": {
            "p": "binary_sensor",
            "name": "Sensor fault",
            "device_class": "problem",
            "entity_category": "diagnostic",
            "value_template": _ANY_OF.replace("CONDITION", _OF_INSTRUMENT),
        },
        "machine": {
            "p": "sensor",
            "name": "Machine",
            "device_class": "enum",
            "options": list(MACHINE_STATES),
            "value_template": "{{ value_json.machine | default('unknown') }}",
        },
        "score": {
            **measured,
            "name": "Distance from healthy",
            "unit_of_measurement": "oct",
            "value_template": _number("score", 256, 2),
        },
        "velocity": {
            **measured,
            "name": "Vibration velocity",
            "device_class": "speed",
            "unit_of_measurement": "mm/s",
            "value_template": _number("velocity_um_s", 1000, 3),
        },
    }
    for name, component in components.items():
        component |= {"unique_id": f"{_id(key)}_{name}", "expire_after": silent_after_s}
    return {
        "dev": {"ids": [_id(key)], "name": sensor.device, "mf": "Vibnode", "sw": sensor.fw or "unknown"},
        "o": {"name": "vibdash", "sw": version("vibnode")},
        "cmps": components,
        "state_topic": topic,
        "availability": [{"topic": topic, "value_template": "{{ value_json.state }}"}],
        "qos": 1,
    }


def _id(sensor: Sensor) -> str:
    return f"vibnode_{sensor.site}_{sensor.device}"


class HomeAssistantBridge:
    """Publishes descriptions through a client, anew where they change and when Home Assistant starts."""

    def __init__(self, client: Client, reader: FleetReader, *, prefix: str, silent_after_s: int) -> None:
        self._client = client
        self._reader = reader
        self._prefix = prefix
        self._silent_after_s = silent_after_s
        self._published: dict[str, str] = {}
        self._again = threading.Event()
        client.on_connect = lambda *_: self._begin()
        client.on_message = self._on_message

    def publish_news(self, now_ms: int) -> None:
        """Publish what has changed since; everything after a start of Home Assistant."""
        if not self._client.is_connected():
            return
        if self._again.is_set():
            self._again.clear()
            self._published.clear()
        for sensor in self._reader.fleet(now_ms).sensors:
            topic = discovery_topic(Sensor(sensor.site, sensor.device), self._prefix)
            payload = json.dumps(describe(sensor, self._silent_after_s), separators=(",", ":"))
            if self._published.get(topic) != payload:
                self._client.publish(topic, payload, qos=1, retain=True)
                self._published[topic] = payload
                log.info("described %s/%s", sensor.site, sensor.device)

        for site, name in self._reader.removed():
            topic = discovery_topic(Sensor(site, name), self._prefix)
            if self._published.get(topic) != "":
                self._client.publish(topic, b"", qos=1, retain=True)
                self._published[topic] = ""
                log.info("%s/%s is removed", site, name)

    def _begin(self) -> None:
        self._client.subscribe(f"{self._prefix}/status", qos=1)
        self._again.set()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.payload == b"online":
            self._again.set()
