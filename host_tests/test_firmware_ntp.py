"""The time server's answer, from a real one on the loopback: what is taken, what is not, on both Pythons."""

import asyncio
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from firmware_fixtures import MICROPYTHON, ROOT
from vibnode import clock, ntp
from vibnode.lookup import Lookup

NOON_S = 1_760_000_000
ASK = """
import asyncio, sys
from vibnode import ntp
from vibnode.lookup import Lookup
async def main():
    ticks = []
    async def others():
        while True:
            ticks.append(1)
            await asyncio.sleep(0)
    task = asyncio.create_task(others())
    await asyncio.sleep(0)
    try:
        print(await ntp.ask(sys.argv[1], int(sys.argv[2]), Lookup()), len(ticks) > 5)
    except ntp.NoTime as error:
        print(error)
asyncio.run(main())
"""


class TimeServer(threading.Thread):
    """Answers each question with `time_s`, as far as `change` leaves the answer as it is."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.time_s: float = NOON_S
        self.delay_s = 0.05  # so that it shows whether others may run
        self.change: dict[int, int] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def run(self) -> None:
        while True:
            question, asker = self._socket.recvfrom(100)
            if not question:
                return
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
def server() -> Iterator[TimeServer]:
    made = TimeServer()
    made.start()
    yield made
    made.stop()


def ask(host: str, port: int) -> int:
    return int(asyncio.run(ntp.ask(host, port, Lookup())))


def test_the_time_is_taken_and_half_of_the_way_added(server: TimeServer) -> None:
    assert NOON_S * 1000 + 20 <= ask("127.0.0.1", server.port) < NOON_S * 1000 + 1500


def test_a_time_after_2036_is_of_the_next_era(server: TimeServer) -> None:
    server.time_s = 2_100_000_000
    assert ask("127.0.0.1", server.port) // 1000 == 2_100_000_000


@pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython: make firmware-unix")
def test_on_micropython_it_is_the_same_and_other_tasks_run_meanwhile(server: TimeServer) -> None:
    command = [str(MICROPYTHON), "-c", ASK, "127.0.0.1", str(server.port)]
    path = {"MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"}
    done = subprocess.run(command, env=path, capture_output=True, text=True, timeout=60)
    unix_ms, others_ran = done.stdout.split()
    assert NOON_S * 1000 + 20 <= int(unix_ms) < NOON_S * 1000 + 1500 and others_ran == "True"
    server.change = {30: 99}
    done = subprocess.run(command, env=path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "answers something else\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({0: 0x23}, "answers something else"),  # a client's own question back
        ({24: 1, 25: 1, 26: 1}, "answers something else"),  # not to what was asked
        ({0: 0xE4}, "does not know the time"),
        ({1: 0}, "does not know the time"),  # kiss of death
        ({1: 16}, "does not know the time"),
    ],
)
def test_what_is_no_answer_is_not_taken(server: TimeServer, change: dict[int, int], said: str) -> None:
    server.change = change
    with pytest.raises(ntp.NoTime, match=said):
        ask("127.0.0.1", server.port)


def test_no_server_and_no_such_name_are_told(server: TimeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ntp, "ANSWER_MS", 20)
    server.delay_s = 0.3
    with pytest.raises(ntp.NoTime, match="no answer"):
        ask("127.0.0.1", server.port)
    with pytest.raises(ntp.NoTime, match="the host name is not known"):
        ask("no-such-host.invalid", 123)


def test_the_keeper_asks_until_it_is_answered(
    server: TimeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ntp, "FIRST_RETRY_MS", 10)
    server.change = {1: 16}
    kept = clock.Clock()

    async def until_told() -> None:
        task = asyncio.create_task(ntp.TimeKeeper(kept, "127.0.0.1", server.port).run())
        while "asking again" not in capsys.readouterr().out:
            await asyncio.sleep(0.01)
        assert kept.unix_time()[1] == "rtc"
        server.change = {}
        while kept.unix_time()[1] != "ntp":
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(until_told(), 30))
    time_s, _ = kept.unix_time()
    assert time_s is not None and NOON_S <= time_s < NOON_S + 30
