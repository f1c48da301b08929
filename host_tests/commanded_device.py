"""An MQTT double of a sensor that takes commands (SPEC.md 3.4), for tests of the dashboard alone."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from paho.mqtt.client import Client, MQTTMessage
from vibdash.protocol.messages import Sensor
from vibnode import signing

from lab.rigs.dashboard import Device, Mosquitto

RATE_HZ, FRAMES_A_PART, LSB_NM_S2 = 5000.0, 256, 598_206
BANDS = 16


class CommandedDevice(Device):
    """Answers what is signed with its key; `heard` lists the commands it took."""

    def __init__(self, broker: Mosquitto, name: str, key: bytes, site: str = "demo") -> None:
        self.heard: list[dict[str, Any]] = []
        self.answers = True
        self.reset = "power"
        self.fault_hz = 0.0  # a line that stands out in its snapshots, once it is set
        self._key = key
        self._topic = Sensor(site, name).topic("cmd")
        super().__init__(broker, name, site)
        self._client.message_callback_add(self._topic, self._on_command)
        self._client.subscribe(self._topic, qos=1)

    def _on_command(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        command = signing.verify(self._key, self._topic, message.payload)
        self.heard.append(command)
        if not self.answers:
            return
        answers = getattr(self, f"_{command['cmd']}")(command)
        for part, fields in enumerate(answers):
            envelope = {"v": 1, "id": command["id"], "cmd": command["cmd"], "boot": 3, "uptime_ms": 70000}
            body = {**envelope, "ok": True, "part": part, "parts": len(answers), **fields}
            self._client.publish(f"{self._root}/reply", json.dumps(body), qos=1)

    def _report(self, _command: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"health": {"heap_free": 81000, "rate_ppm": -120, "reset": self.reset}, "status": {}}]

    def _thresholds(self, command: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "settings": {"warning": 353, "alarm": 609}
                | {k: v for k, v in command.items() if k == "warning"}
            }
        ]

    def _learn(self, _command: dict[str, Any]) -> list[dict[str, Any]]:
        return [{}]

    _repaired = _restore = _learn

    def _reboot(self, _command: dict[str, Any]) -> list[dict[str, Any]]:
        return [{}]

    def _baseline(self, _command: dict[str, Any]) -> list[dict[str, Any]]:
        names = [f"x.band{band:02d}" for band in range(BANDS)]
        return [
            {"names": names, "median": [2900 + 30 * band for band in range(BANDS)], "spread": [40] * BANDS}
        ]

    def _spectrum(self, _command: dict[str, Any]) -> list[dict[str, Any]]:
        axis = [
            4000,
            4500,
            300,
            400,
            5000,
            2000,
            -100,
            1800,
            3900,
            *(2950 + 25 * band for band in range(BANDS)),
        ]
        features = np.array(axis * 3, "<i2").tobytes()
        text = base64.b64encode(features).decode()
        bands = {"lo_hz": 10, "hi_hz": 2500, "bands": BANDS, "axes": 3}
        return [{"features": text, "score": 64, "model": "9f2c11aa", **bands}]

    def _snapshot(self, command: dict[str, Any]) -> list[dict[str, Any]]:
        frames = command["frames"]
        time_s = np.arange(frames) / RATE_HZ
        random = np.random.default_rng(1)
        counts = random.normal(0, 60, (frames, 3))
        for order, size in ((1, 900), (2, 300), (3, 120)):
            counts += size * np.sin(2 * np.pi * 30 * order * time_s)[:, None]
        if self.fault_hz:
            counts += 700 * np.sin(2 * np.pi * self.fault_hz * time_s)[:, None]
        head = {"frames": frames, "rate_hz": RATE_HZ, "axes": 3, "lsb_nm_s2": LSB_NM_S2}
        samples = np.round(counts).astype("<i2")
        return [
            {**head, "at": at, "data": base64.b64encode(samples[at : at + FRAMES_A_PART].tobytes()).decode()}
            for at in range(0, frames, FRAMES_A_PART)
        ]
