"""Signed commands to a sensor by way of the broker, and its replies (SPEC 3.4)."""

from __future__ import annotations

import base64
import json
import queue
import secrets
import ssl
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from vibnode import messages, signing

from vibtool.errors import ToolError

REPLY_TIMEOUT_S = 20.0
CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Access:
    """The broker, as this computer reaches it. `ca`: the CA's certificate in DER, where TLS is spoken."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    ca: bytes | None = None


class Commander:
    """Sends to one sensor, one command at a time. Use it in a ``with``."""

    def __init__(self, access: Access, site: str, device: str, key: bytes) -> None:
        """`key`: the 32 bytes shared with the device. Raises ToolError where the broker does not let us in."""
        self._broker = f"broker {access.host}:{access.port}"
        self._topic = messages.topic(site, device)
        self._key = key
        self._n = 0
        self._replies: queue.Queue[dict[str, Any]] = queue.Queue()
        self._connected: queue.Queue[str] = queue.Queue()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"vibnode-tool-{secrets.token_hex(4)}"
        )
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._connected.put("")
        self._client.on_message = self._on_message
        self._connect(access)

    def __enter__(self) -> Commander:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, name: str, **fields: object) -> dict[str, Any]:
        """Have the device carry out the command `name`; its reply. Raises ToolError where it refuses or is silent."""
        reply = self._ask(name, fields)
        if not reply["ok"] and "next_n" in reply:  # another sender's clock was ahead of ours
            self._n = int(reply["next_n"]) - 1
            reply = self._ask(name, fields)
        if not reply["ok"]:
            raise ToolError(f"{self._topic}: refused: {reply.get('error', name)}")
        return reply

    def send_data(self, name: str, data: bytes, **fields: object) -> dict[str, Any]:
        """The same, with a field `data`."""
        return self.send(name, data=base64.b64encode(data).decode(), **fields)

    def _ask(self, name: str, fields: dict[str, object]) -> dict[str, Any]:
        self._n = max(time.time_ns() // 1_000_000, self._n + 1)
        ident = secrets.token_hex(6)
        topic = self._topic + "cmd"
        command = {"id": ident, "n": self._n, "cmd": name, **fields}
        self._client.publish(topic, signing.sign(self._key, topic, command), qos=1)
        end = time.monotonic() + REPLY_TIMEOUT_S
        while (left := end - time.monotonic()) > 0:
            try:
                reply = self._replies.get(timeout=left)
            except queue.Empty:
                break
            if reply.get("id") == ident:
                return reply
        raise ToolError(
            f"{self._topic}: no answer to {name} within {REPLY_TIMEOUT_S:g} s: is the sensor online, is the key "
            "its own, and may this user write to its cmd?"
        )

    def _connect(self, access: Access) -> None:
        self._client.username_pw_set(access.user, access.password)
        try:
            if access.ca is not None:
                self._client.tls_set_context(ssl.create_default_context(cadata=access.ca))
            self._client.connect(access.host, access.port)
        except OSError as error:
            raise ToolError(f"{self._broker}: cannot be reached ({error.strerror or error})") from None
        self._client.loop_start()
        try:
            problem = self._connected.get(timeout=CONNECT_TIMEOUT_S)
        except queue.Empty:
            problem = "no answer"
        if problem:
            self._client.loop_stop()
            raise ToolError(f"{self._broker}: refuses: {problem}: check --user and VIBNODE_MQTT_PASSWORD")

    def _on_connect(
        self, client: mqtt.Client, data: object, flags: object, reason: Any, properties: object
    ) -> None:
        if reason.is_failure:
            self._connected.put(str(reason))
        else:
            client.subscribe(self._topic + "reply", 1)

    def _on_message(self, client: mqtt.Client, data: object, message: mqtt.MQTTMessage) -> None:
        try:
            reply = json.loads(message.payload)
        except ValueError:
            return
        if isinstance(reply, dict) and isinstance(reply.get("ok"), bool):
            self._replies.put(reply)
