"""Asks a time server, RFC 5905's client of one question, without stopping the sampling for the answer."""

import errno
import os
import socket
import struct

from .clock import sleep_ms, ticks_diff, ticks_ms
from .lookup import Lookup

PORT = 123
ANSWER_MS = 3000  # within which it has to come
POLL_MS = 10
FIRST_RETRY_MS = 15000  # after a try without an answer; doubles
LAST_RETRY_MS = 3600000
SOON_MS = 500  # between tries while a radio is switched on for it
AGAIN_MS = 6 * 3600000  # 20 ppm of that is under half a second
NOTE_MS = 3600000  # the time is noted on flash so often, 16 bytes
_UNIX_EPOCH_S = 2208988800  # from 1900
_ERA_S = 1 << 32  # seconds are counted modulo this: a small one is of the era from 2036 on
_PACKET = 48
_CLIENT = 0x23  # version 4, mode 3
_MODE_SERVER = 4
_UNSYNCHRONISED = 3


class NoTime(Exception):
    """The server gave no time. Its text says why in a few words."""


class TimeKeeper:
    """Keeps a `clock.Clock` right."""

    def __init__(self, clock, host: "str | None", port: int = PORT) -> None:
        """`host`: the time server; None: the clock is only noted on flash now and then."""
        self._clock = clock
        self._host = host
        self._port = port
        self._lookup = Lookup()
        self._told = ""
        self._answered_ms: int | None = None

    async def run(self) -> None:
        """Ask, wait, and ask again, for ever."""
        retry_ms = FIRST_RETRY_MS
        while self._host:
            if await self._ask(self._host):
                retry_ms = FIRST_RETRY_MS
                await self._rest(AGAIN_MS)
            else:
                await sleep_ms(retry_ms)
                retry_ms = min(2 * retry_ms, LAST_RETRY_MS)
        await self._rest(None)

    async def ask_if_due(self) -> None:
        """Ask until there is an answer, unless the last is not old yet; then note the time."""
        if self._host and (
            self._answered_ms is None or ticks_diff(ticks_ms(), self._answered_ms) >= AGAIN_MS
        ):
            while not await self._ask(self._host):
                await sleep_ms(SOON_MS)
        self._clock.note()

    async def _ask(self, host: str) -> bool:
        try:
            unix_ms = await ask(host, self._port, self._lookup)
        except NoTime as error:
            if str(error) != self._told:
                print(f"vibnode: time server {host}: {error}; asking again until it answers")
            self._told = str(error)
            return False
        if self._told or self._clock.unix_time()[1] != "ntp":
            print(f"vibnode: time from {host}")
        self._told = ""
        self._clock.set(unix_ms)
        self._answered_ms = ticks_ms()
        return True

    async def _rest(self, ms: "int | None") -> None:
        """Wait, for ever where `ms` is None, noting the time."""
        start = ticks_ms()
        while ms is None or ticks_diff(ticks_ms(), start) < ms:
            await sleep_ms(NOTE_MS)
            self._clock.note()


async def ask(host: str, port: int, lookup: Lookup) -> int:
    """The time by the server `host`: milliseconds since 1970. Raises NoTime."""
    question = bytes([_CLIENT]) + bytes(39) + os.urandom(8)  # no time of ours, but a number nobody else knows
    try:
        address = socket.getaddrinfo(await lookup.address(host), port, 0, socket.SOCK_DGRAM)[0]
        server = socket.socket(address[0], socket.SOCK_DGRAM)
    except OSError as error:
        raise NoTime(f"the host name is not known ({error})") from None
    try:
        server.setblocking(False)
        server.connect(address[-1])
        asked_ms = ticks_ms()
        server.send(question)
        answer = await _answer(server, asked_ms)
        took_ms = ticks_diff(ticks_ms(), asked_ms)
    except OSError as error:
        raise NoTime(str(error)) from None
    finally:
        server.close()
    return read_answer(question, answer) + took_ms // 2


async def _answer(server, asked_ms: int) -> bytes:
    while True:
        try:
            packet = server.recv(_PACKET)
            if packet:
                return packet
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
        if ticks_diff(ticks_ms(), asked_ms) > ANSWER_MS:
            raise NoTime("no answer")
        await sleep_ms(POLL_MS)


def read_answer(question: bytes, answer: bytes) -> int:
    """The time that `answer` states, milliseconds since 1970. Raises NoTime where it is none to `question`."""
    if len(answer) < _PACKET or answer[0] & 7 != _MODE_SERVER or answer[24:32] != question[40:48]:
        raise NoTime("answers something else")
    if answer[0] >> 6 == _UNSYNCHRONISED or not 1 <= answer[1] <= 15:
        raise NoTime("it does not know the time itself")
    seconds, fraction = struct.unpack(">II", answer[40:48])
    if seconds < 1 << 31:
        seconds += _ERA_S
    return (seconds - _UNIX_EPOCH_S) * 1000 + (fraction * 1000 >> 32)
