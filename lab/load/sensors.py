"""A fleet of virtual sensors: the firmware's own outbox and messages, each over an MQTT connection of its own.

All run in one thread. A sensor sends what its outbox holds, oldest first, forgets it on the host's ack alone, and
begins again with the oldest when no ack has come for a while, as `vibnode.uplink` does.
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from vibnode import messages
from vibnode.outbox import Outbox

from lab.rigs.dashboard import alert_message, status_message

SITE = "load"
RESEND_AFTER_S = 3.0
RECONNECT_AFTER_S = (0.2, 2.0)
TICK_S = 0.2
OUTBOX_BYTES = 1 << 20  # nothing may be dropped for want of room here: what is lost is the host's doing
EVENTS = (("raise", "warning"), ("escalate", "alarm"), ("clear", "alarm"))
_ADDED_WHEN_SENT = ("v", "boot", "seq", "oldest", "replay")

Identity = tuple[str, int, int]  # device, boot, seq


@dataclass(eq=False)
class VirtualSensor:
    """One sensor: what it has to send, and its connection."""

    name: str
    outbox: Outbox
    client: Client
    sent_seq: int = 0
    waiting_since_s: float = field(default_factory=time.monotonic)
    connected: bool = False
    reconnect_at_s: float = 0.0

    def topic(self, kind: str) -> str:
        """The topic of its messages of this kind."""
        return f"vibnode/v1/{SITE}/{self.name}/{kind}"


class SensorFleet:
    """`alert` may be called from any thread; `sent` is every alert that an outbox took, with its event."""

    def __init__(self, port: int, count: int, folder: Path) -> None:
        self._port = port
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sensors", daemon=True)
        self._to_send: set[VirtualSensor] = set()
        self.sent: dict[Identity, str] = {}
        folder.mkdir(parents=True)
        self.sensors = [self._make(f"motor-{n}", folder) for n in range(count)]

    def _make(self, name: str, folder: Path) -> VirtualSensor:
        outbox = Outbox(str(folder / name), OUTBOX_BYTES)
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"{SITE}-{name}")
        sensor = VirtualSensor(name, outbox, client)
        client.will_set(
            sensor.topic("status"), messages.status("will", {"boot": outbox.boot}), qos=1, retain=True
        )
        client.on_socket_open = self._watch
        client.on_socket_close = self._unwatch
        client.on_connect = lambda *_: _subscribe(sensor)
        client.on_subscribe = lambda *_: self._on_ready(sensor)
        client.on_disconnect = lambda *_: self._on_lost(sensor)
        client.on_message = lambda _client, _data, message: self._on_ack(sensor, message)
        client.user_data_set(sensor)
        return sensor

    @contextmanager
    def running(self) -> Iterator[SensorFleet]:
        """Connect all of them, and keep them connected until the end."""
        self._thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            self._thread.join()

    def connected(self) -> bool:
        """Whether every sensor is connected."""
        return all(sensor.connected for sensor in self.sensors)

    def alert(self, sensor: VirtualSensor, **changes: Any) -> Identity:
        """Store an alert in the sensor's outbox, to be sent. Its cause goes on from where it stands."""
        with self._lock:
            seq = sensor.outbox.last_seq() + 1
            event, level = EVENTS[(seq - 1) % len(EVENTS)]
            message = alert_message(seq, **{"event": event, "level": level} | changes)
            body = {name: value for name, value in message.items() if name not in _ADDED_WHEN_SENT}
            assert sensor.outbox.append(json.dumps(body, separators=(",", ":")).encode()) == seq
            identity = (sensor.name, sensor.outbox.boot, seq)
            self.sent[identity] = body["event"]
            self._to_send.add(sensor)
        return identity

    def status(self, sensor: VirtualSensor) -> None:
        """Publish a status, if there is a connection."""
        if sensor.connected:
            with self._lock:
                self._publish_status(sensor, "periodic")

    def waiting(self) -> int:
        """How many alerts no ack has come for."""
        return sum(sensor.outbox.queued() for sensor in self.sensors)

    # In the thread

    def _run(self) -> None:
        tick_at_s = 0.0
        while not self._stopping.is_set():
            for key, _ in self._selector.select(0.02):
                with self._lock:
                    key.data.loop_read()
            with self._lock:
                while self._to_send:
                    self._send_held(self._to_send.pop())
                if time.monotonic() >= tick_at_s:
                    tick_at_s = time.monotonic() + TICK_S
                    self._tick()
        for sensor in self.sensors:
            sensor.client.disconnect()

    def _tick(self) -> None:
        now_s = time.monotonic()
        for sensor in self.sensors:
            sensor.client.loop_misc()
            if sensor.client.want_write():
                sensor.client.loop_write()
            if sensor.client.socket() is None and now_s >= sensor.reconnect_at_s:
                sensor.reconnect_at_s = now_s + random.uniform(*RECONNECT_AFTER_S)
                try:
                    sensor.client.connect("127.0.0.1", self._port, keepalive=60)
                except OSError:
                    continue
            if sensor.outbox.queued() and sensor.sent_seq and now_s - sensor.waiting_since_s > RESEND_AFTER_S:
                sensor.sent_seq = 0
                self._to_send.add(sensor)

    def _send_held(self, sensor: VirtualSensor) -> None:
        while sensor.connected and (held := sensor.outbox.after(sensor.sent_seq)):
            seq, boot, body = held
            alert = messages.alert(boot, seq, sensor.outbox.oldest(), False, body)
            sensor.client.publish(sensor.topic("alert"), alert, qos=1)
            sensor.sent_seq, sensor.waiting_since_s = seq, time.monotonic()

    def _watch(self, client: Client, sensor: VirtualSensor, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(sock, selectors.EVENT_READ, client)

    def _unwatch(self, _client: Client, _sensor: VirtualSensor, sock: Any) -> None:
        self._selector.unregister(sock)

    def _on_ready(self, sensor: VirtualSensor) -> None:
        sensor.connected, sensor.sent_seq = True, 0
        self._to_send.add(sensor)
        self._publish_status(sensor, "birth")

    def _on_lost(self, sensor: VirtualSensor) -> None:
        sensor.connected = False

    def _publish_status(self, sensor: VirtualSensor, why: str) -> None:
        status = status_message(why=why, boot=sensor.outbox.boot, uptime_ms=time.monotonic_ns() // 1_000_000)
        sensor.client.publish(sensor.topic("status"), json.dumps(status), qos=1, retain=True)

    def _on_ack(self, sensor: VirtualSensor, message: MQTTMessage) -> None:
        ack = messages.parse_ack(message.payload)
        if ack is not None and sensor.outbox.ack(*ack):
            sensor.waiting_since_s = time.monotonic()


def _subscribe(sensor: VirtualSensor) -> None:
    sensor.client.subscribe(sensor.topic("ack"), qos=1)
