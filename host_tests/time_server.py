"""A time server on the loopback, at a port of its own."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

NOON_S = 1_760_000_000


class TimeServer(threading.Thread):
    """Answers each question with `time_s`, as far as `change` leaves the answer as it is; none if not `answers`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.time_s: float = NOON_S
        self.delay_s = 0.05  # so that it shows whether others may run
        self.answers = True
        self.change: dict[int, int] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def run(self) -> None:
        while True:
            question, asker = self._socket.recvfrom(100)
            if not question:
                return
            if not self.answers:
                continue
            seconds, fraction = divmod(self.time_s + 2208988800, 1)
            stamp = struct.pack(">II", int(seconds) % 2**32, int(fraction * 2**32))
            answer = bytearray(bytes([0x24, 2]) + bytes(22) + question[40:48] + stamp + stamp)
            for at, byte in self.change.items():
                answer[at] = byte
            time.sleep(self.delay_s)
            self._socket.sendto(answer, asker)

    def stop(self) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self.join()
        self._socket.close()


@pytest.fixture
def time_server() -> Iterator[TimeServer]:
    """One that runs."""
    made = TimeServer()
    made.start()
    yield made
    made.stop()
