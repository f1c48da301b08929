"""The host's end of SPEC 3.4, for tests: signs commands, sends them, and puts the parts of an answer together."""

import base64
import json
import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from vibnode import signing

from lab.rigs.firmware import DEADLINE_S, Broker

KEY = bytes(range(100, 132))
WAIT_S = DEADLINE_S
Reply = dict[str, Any]


class Sender:
    """Talks to one device. `replies`: all that came, parts one by one."""

    def __init__(self, broker: Broker, device: str = "vibnode/v1/demo/motor-1", key: bytes = KEY) -> None:
        self.key = key
        self.n = int(time.time() * 1000)
        self.replies: list[Reply] = []
        self.topic = device + "/cmd"
        self._came = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._take
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", broker.port)
        self._client.subscribe(device + "/reply", 1)
        self._client.loop_start()
        assert subscribed.wait(DEADLINE_S)

    def signed(self, name: str, **fields: Any) -> bytes:
        """A command with the next number; its id is that number too."""
        self.n += 1
        command = {"id": str(self.n), "n": self.n, "cmd": name} | fields
        payload: bytes = signing.sign(self.key, self.topic, command)
        return payload

    def publish(self, payload: bytes, retain: bool = False) -> None:
        """Send bytes, whatever they are; returns when the broker has them."""
        self._client.publish(self.topic, payload, 1, retain).wait_for_publish(DEADLINE_S)

    def ask(self, name: str, **fields: Any) -> list[Reply]:
        """Send a command and wait for its answer, in order of its parts."""
        return self.send(self.signed(name, **fields), str(self.n))

    def send(self, payload: bytes, ident: str) -> list[Reply]:
        """Send a signed command with that id, and wait for the answer that comes after it."""
        with self._came:
            seen = len(self.replies)
        self.publish(payload)
        with self._came:
            whole = self._came.wait_for(lambda: self._whole(ident, seen), WAIT_S)
            assert whole, f"no whole answer came: {self._parts(ident, seen)}"
            return self._parts(ident, seen)

    def upload(self, ota: bytes, sha256: str, chunk_bytes: int = 2048) -> None:
        """Upload a model, up to before its commit. Fails where a step is refused."""
        begun = self.ask("model-begin", bytes=len(ota), sha256=sha256)[0]
        assert begun["ok"], begun
        for at in range(0, len(ota), chunk_bytes):
            piece = ota[at : at + chunk_bytes]
            held = self.ask("model-chunk", at=at, data=base64.b64encode(piece).decode())[0]
            assert held["ok"] and held["have"] == at + len(piece), held

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _parts(self, ident: str, seen: int) -> list[Reply]:
        parts = [reply for reply in self.replies[seen:] if reply["id"] == ident]
        return sorted(parts, key=lambda reply: int(reply.get("part", 0)))

    def _whole(self, ident: str, seen: int) -> bool:
        parts = self._parts(ident, seen)
        return bool(parts) and (not parts[0]["ok"] or len(parts) == parts[0].get("parts", 1))

    def _take(self, client: mqtt.Client, data: object, message: mqtt.MQTTMessage) -> None:
        assert len(message.payload) <= 4096 and not message.retain
        with self._came:
            self.replies.append(json.loads(message.payload))
            self._came.notify_all()
