"""The time server's answer, from a real one on the loopback: what is taken, what is not, on both Pythons."""

import asyncio
import subprocess

import pytest
from time_server import NOON_S, TimeServer
from time_server import time_server as time_server
from vibnode import clock, ntp
from vibnode.lookup import Lookup

from lab.rigs.firmware import MICROPYTHON, ROOT, needs_micropython

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


def ask(host: str, port: int) -> int:
    return int(asyncio.run(ntp.ask(host, port, Lookup())))


def test_the_time_is_taken_and_half_of_the_way_added(time_server: TimeServer) -> None:
    assert NOON_S * 1000 + 20 <= ask("127.0.0.1", time_server.port) < NOON_S * 1000 + 1500


def test_a_time_after_2036_is_of_the_next_era(time_server: TimeServer) -> None:
    time_server.time_s = 2_100_000_000
    assert ask("127.0.0.1", time_server.port) // 1000 == 2_100_000_000


@needs_micropython
def test_on_micropython_it_is_the_same_and_other_tasks_run_meanwhile(time_server: TimeServer) -> None:
    command = [str(MICROPYTHON), "-c", ASK, "127.0.0.1", str(time_server.port)]
    path = {"MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"}
    done = subprocess.run(command, env=path, capture_output=True, text=True, timeout=60)
    unix_ms, others_ran = done.stdout.split()
    assert NOON_S * 1000 + 20 <= int(unix_ms) < NOON_S * 1000 + 1500 and others_ran == "True"
    time_server.change = {30: 99}
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
def test_what_is_no_answer_is_not_taken(time_server: TimeServer, change: dict[int, int], said: str) -> None:
    time_server.change = change
    with pytest.raises(ntp.NoTime, match=said):
        ask("127.0.0.1", time_server.port)


def test_no_server_and_no_such_name_are_told(
    time_server: TimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ntp, "ANSWER_MS", 20)
    time_server.delay_s = 0.3
    with pytest.raises(ntp.NoTime, match="no answer"):
        ask("127.0.0.1", time_server.port)
    with pytest.raises(ntp.NoTime, match="the host name is not known"):
        ask("no-such-host.invalid", 123)


def test_the_keeper_asks_until_it_is_answered(
    time_server: TimeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ntp, "FIRST_RETRY_MS", 10)
    time_server.change = {1: 16}
    kept = clock.Clock()

    async def until_told() -> None:
        task = asyncio.create_task(ntp.TimeKeeper(kept, "127.0.0.1", time_server.port).run())
        while "asking again" not in capsys.readouterr().out:
            await asyncio.sleep(0.01)
        assert kept.unix_time()[1] == "rtc"
        time_server.change = {}
        while kept.unix_time()[1] != "ntp":
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(until_told(), 30))
    time_s, _ = kept.unix_time()
    assert time_s is not None and NOON_S <= time_s < NOON_S + 30
