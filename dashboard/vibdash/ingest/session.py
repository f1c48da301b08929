"""From the broker into the database.

The order is what keeps alerts: commit to the database, then acknowledge the message to the broker, then
publish the `ack` that lets the device forget it. A crash between any two means that the message comes again,
and the database takes it once. What has arrived together is committed together.

Alone, the session is persistent: the broker keeps what comes while this is down. Several ingests may share the
alerts (`share`). Each then hears every status, in the broker's order, so that the last word stands; and keeps no
session, so that no alert waits in the broker for an ingest that does not come back: the device sends it again.
"""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from vibnode.messages import TOPIC_ROOT

from vibdash.commands.queue import Commander
from vibdash.commands.removal import removed_devices
from vibdash.database.opening import DatabaseError
from vibdash.ingest.acknowledgement import Ack
from vibdash.ingest.store import Received, Store
from vibdash.protocol.messages import KINDS_NOT_TAKEN, VERSION, Sensor
from vibdash.site.broker import Broker, BrokerError
from vibdash.supervision import Work

CONNECT_TIMEOUT_S = 10.0
HEARTBEAT_S = 5.0
COMMANDS_EVERY_S = 0.2
KEEPALIVE_S = 30
LARGEST_BATCH = 500

log = logging.getLogger("vibdash.ingest")


def now_ms() -> int:
    """Return milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class Ingest:
    """One MQTT session. `start` runs it in a thread of its own; all it says of itself is in the database."""

    def __init__(
        self, broker: Broker, store: Store, *, site: str | None, client_id: str, share: str | None = None
    ) -> None:
        self._broker = broker
        self._store = store
        self._filters = _filters(site, share)
        self._keeps_session = share is None
        self._client_id = client_id
        self._process = f"{socket.gethostname()} process {os.getpid()}"
        self._was_connected = False
        self._arrived: list[MQTTMessage] = []
        self._connected = threading.Event()
        self._refusal = ""
        self._client = self._make_client()
        self._work = Work("ingest", self._serve, lambda: self._note_link(self._refusal))
        self._commander = Commander(store.engine)
        self._site = site
        self._forgotten: dict[Sensor, int] = {}
        self._heartbeat_due_s = self._commands_due_s = 0.0

    def start(self) -> None:
        """Connect and begin. Raises BrokerError if the broker cannot be reached or refuses."""
        self._look_for_others()
        self._connect()
        self._work.start()

    def ask_to_stop(self) -> None:
        """Disconnect after the message in hand."""
        self._work.stopping.set()

    def stop(self) -> None:
        """Disconnect after the message in hand, and wait for that."""
        self.ask_to_stop()
        self._work.stop(within_s=CONNECT_TIMEOUT_S)

    def join(self) -> None:
        """Wait until it has ended: it was asked to, or cannot go on."""
        self._work.join()

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=not self._keeps_session,
            manual_ack=True,
        )
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.tls:
            ca_file = self._broker.ca_file
            try:
                client.tls_set(ca_certs=str(ca_file) if ca_file else None)
            except (OSError, ssl.SSLError) as error:
                raise BrokerError(f"--ca-file {ca_file}: {error}; accepted: certificates in PEM") from None
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)  # no limit: a batch has as many acks as sensors
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    # Connecting

    def _connect(self) -> None:
        """Connect and wait for the broker's answer. Raises BrokerError."""
        self._refusal = "no answer"
        self._arrived.clear()  # of the last connection: not acknowledged, so it comes again
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
            deadline = time.monotonic() + CONNECT_TIMEOUT_S
            while not self._connected.is_set() and time.monotonic() < deadline:
                if self._client.loop(0.2) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    break
        except (OSError, ValueError) as error:
            raise BrokerError(f"broker {self._broker}: {_why(error)}") from None
        if not self._connected.is_set():
            raise BrokerError(f"broker {self._broker}: {self._refusal}")

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _p: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refusal = f"refused the connection: {reason}"
            return
        client.subscribe([(name, 1) for name in self._filters])

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _p: Properties | None
    ) -> None:
        # Connected means that nothing published from now on is missed.
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"refused the subscription to {' and '.join(self._filters)}"
            return
        self._connected.set()
        self._heartbeat_due_s = 0.0
        log.info("connected to %s, taking %s", self._broker, " and ".join(self._filters))

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _p: Properties | None
    ) -> None:
        if reason.is_failure and self._connected.is_set():
            self._refusal = f"connection lost: {reason}"
        self._connected.clear()

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.topic.rpartition("/")[2] in KINDS_NOT_TAKEN:
            client.ack(message.mid, message.qos)  # our own: to be stored, each would take a transaction
        else:
            self._arrived.append(message)

    def _serve(self) -> float:
        """Connect if need be and handle messages, until told to stop. Raises what ends it before."""
        try:
            if not self._connected.is_set():
                self._look_for_others()
                self._connect()
            while not self._work.stopping.is_set():
                self._handle_some()
                self._work.record.note_working()
        except Exception as error:
            self._drop_connection()
            self._refusal = str(error) if isinstance(error, BrokerError | DatabaseError) else repr(error)
            self._note_link(self._refusal)
            raise
        self._client.disconnect()
        self._note_link("the ingest was stopped")
        return 0.0

    def _look_for_others(self) -> None:
        """Say which other process has this client id: the broker ends its session for ours.

        Who comes last has it. One that was connected and lost it so stands back, or the two would evict each other for
        ever, and connects when the other is no longer heard of. Raises BrokerError, SQLAlchemyError.
        """
        other = self._store.holder(self._client_id, self._process, now_ms())
        if other is None:
            return
        if self._was_connected:
            needed = "accepted: a --client-id of its own for each ingest"
            raise BrokerError(f"client id {self._client_id}: {other} has taken over; {needed}")
        log.warning("taking over the client id %s from %s, if that still runs", self._client_id, other)

    def _handle_some(self) -> None:
        """Take what has come within half a second, and send what is due. Raises BrokerError, DatabaseError."""
        if time.monotonic() >= self._heartbeat_due_s:
            self._heartbeat_due_s = time.monotonic() + HEARTBEAT_S
            self._store.note_link(self._client_id, str(self._broker), True, "", now_ms(), self._process)
            self._was_connected = True
            self._forget_removed()
        lost = self._client.loop(0.5) != MQTTErrorCode.MQTT_ERR_SUCCESS or not self._read_on()
        self._take_what_arrived()
        self._send_commands()
        if lost:
            raise BrokerError(f"broker {self._broker}: {self._refusal}")

    def _drop_connection(self) -> None:
        # What is not acknowledged the broker sends again in the next connection.
        self._client.disconnect()
        self._connected.clear()

    def _note_link(self, detail: str) -> None:
        try:
            self._store.note_link(self._client_id, str(self._broker), False, detail, now_ms(), self._process)
        except DatabaseError as error:
            log.warning("%s", error)

    # Taking messages

    def _read_on(self) -> bool:
        """Read what else has come already, up to a batch; return whether the connection stands."""
        while len(self._arrived) < LARGEST_BATCH:
            sock: Any = self._client.socket()
            if sock is None:
                return False
            if not select.select([sock], [], [], 0)[0] and not (self._broker.tls and sock.pending()):
                return True
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
        return True

    def _take_what_arrived(self) -> None:
        """Commit the batch, then acknowledge it to the broker, then to the devices. Raises DatabaseError."""
        if not self._arrived:
            return
        arrived, self._arrived = self._arrived, []
        acks = self._store.take([_received(message) for message in arrived])
        with _corked(self._client.socket()):
            for message in arrived:
                self._client.ack(message.mid, message.qos)
            for ack in acks:
                self._publish(ack)

    def _send_commands(self) -> None:
        """Send what was asked for on the page. Raises DatabaseError."""
        if time.monotonic() < self._commands_due_s:
            return
        self._commands_due_s = time.monotonic() + COMMANDS_EVERY_S
        for one in self._commander.take_due(now_ms(), self._site):
            self._client.publish(one.topic, one.payload, qos=1)

    def _forget_removed(self) -> None:
        """Have the broker forget what it keeps of devices that were removed. Raises SQLAlchemyError."""
        removed = removed_devices(self._store.engine, self._site)
        for sensor, removed_at_ms in removed.items():
            if self._forgotten.get(sensor) != removed_at_ms:
                for kind in ("status", "ack"):
                    self._client.publish(sensor.topic(kind), b"", qos=1, retain=True)
                self._forgotten[sensor] = removed_at_ms

    def _publish(self, ack: Ack) -> None:
        payload = json.dumps({"v": VERSION, "boot": ack.boot, "seq": ack.seq}, separators=(",", ":"))
        self._client.publish(ack.sensor.topic("ack"), payload, qos=1, retain=True)


def _filters(site: str | None, share: str | None) -> list[str]:
    of_site = f"{TOPIC_ROOT}/{site or '+'}"
    if share is None:
        return [f"{of_site}/#"]  # of what no sensor should say the quarantine tells
    return [*(f"$share/{share}/{of_site}/+/{kind}" for kind in ("alert", "reply")), f"{of_site}/+/status"]


def _received(message: MQTTMessage) -> Received:
    return Received(message.topic, bytes(message.payload), now_ms(), message.retain or message.dup)


def _send_at_once(_client: Client, _data: Any, sock: Any) -> None:
    # Nagle's algorithm holds a small publish back for 40 ms.
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@contextmanager
def _corked(sock: Any) -> Iterator[None]:
    """Have the system join what is sent into full segments, where it can: a small one each costs more than all else."""
    cork = getattr(socket, "TCP_CORK", None)
    if cork is None or not isinstance(sock, socket.socket):
        yield
        return
    sock.setsockopt(socket.IPPROTO_TCP, cork, 1)
    try:
        yield
    finally:
        with suppress(OSError):  # closed meanwhile
            sock.setsockopt(socket.IPPROTO_TCP, cork, 0)


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
