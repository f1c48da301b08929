"""A TCP proxy between sensor and broker, which can break connections in the ways that networks do."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of no time
CHUNK = 65536
# struct tcp_info of linux/tcp.h: where it counts segments, each a 32-bit number.
SEGS_OUT_AT, SEGS_IN_AT = 136, 140
TCP_IP_HEADER_BYTES = 40  # IPv4 and TCP without options, as an ESP32 sends them


@dataclass
class Connection:
    """One connection of the sensor, passed on to the broker."""

    sensor: socket.socket
    broker: socket.socket
    dead: bool = False  # half-open: nothing gets through any more, and nobody is told
    payload_bytes: int = 0
    from_sensor: bytearray = field(default_factory=bytearray)

    def wire_bytes(self) -> int:
        """Payload both ways, and the headers of all segments that the kernel sent and received for it."""
        info = self.sensor.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        (out,) = struct.unpack_from("I", info, SEGS_OUT_AT)
        (into,) = struct.unpack_from("I", info, SEGS_IN_AT)
        return self.payload_bytes + TCP_IP_HEADER_BYTES * int(out + into)

    def close(self, *, reset: bool) -> None:
        """End both sides, with a reset or in order."""
        for side in (self.sensor, self.broker):
            with contextlib.suppress(OSError):
                if reset:
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                side.close()


class Proxy:
    """Listens on a free loopback port and passes everything on to the broker's."""

    def __init__(self, broker_port: int) -> None:
        self.keep_what_is_sent = False
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections: list[Connection] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._lock = threading.RLock()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    def reset(self) -> None:
        """Break all connections with a TCP reset."""
        with self._lock:
            for connection in list(self.connections):
                self._end(connection, reset=True)

    def half_open(self) -> list[Connection]:
        """Let no byte of the present connections through any more; new ones work. Returns those that broke."""
        with self._lock:
            broken = [one for one in self.connections if not one.dead]
            for connection in broken:
                connection.dead = True
            return broken

    def stop(self) -> None:
        """End."""
        self._stopping = True
        self._thread.join()
        self.reset()
        self._listener.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(0.05):
                with self._lock:
                    act: Callable[[], None] = key.data
                    act()

    def _accept(self) -> None:
        sensor, _ = self._listener.accept()
        sensor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            broker = socket.create_connection(("127.0.0.1", self._broker_port), timeout=1)
        except OSError:  # no broker: to the sensor it looks the same
            sensor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            sensor.close()
            return
        broker.settimeout(None)
        broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sensor, broker)
        self.connections.append(connection)
        self._selector.register(sensor, selectors.EVENT_READ, lambda: self._pass(connection, sensor, broker))
        self._selector.register(broker, selectors.EVENT_READ, lambda: self._pass(connection, broker, sensor))

    def _pass(self, connection: Connection, source: socket.socket, target: socket.socket) -> None:
        if connection not in self.connections:
            return
        try:
            chunk = source.recv(CHUNK)
        except OSError:
            chunk = b""
        if not chunk:
            self._end(connection, reset=False)
            return
        connection.payload_bytes += len(chunk)
        if self.keep_what_is_sent and source is connection.sensor:
            connection.from_sensor += chunk
        if connection.dead:
            return
        try:
            target.sendall(chunk)
        except OSError:
            self._end(connection, reset=True)

    def _end(self, connection: Connection, *, reset: bool) -> None:
        self.connections.remove(connection)
        for side in (connection.sensor, connection.broker):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(side)
        connection.close(reset=reset)
