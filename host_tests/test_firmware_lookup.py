"""Looking names up while the sensor goes on. Portable: CPython and MicroPython."""

import _thread
import asyncio
import time

from vibnode import lookup as module
from vibnode.lookup import Lookup

FOUND = "192.0.2.7"


class Resolver:
    """Blocks for `seconds`, then gives FOUND or raises OSError; counts how often it was asked."""

    def __init__(self, seconds=0.0, fails=False):
        self.asked = 0
        self._seconds = seconds
        self._fails = fails

    def __call__(self, host):
        self.asked += 1
        time.sleep(self._seconds)
        if self._fails:
            raise OSError(-2)
        return FOUND


async def beat(beats):
    """Count in beats[0] while others wait."""
    while True:
        beats[0] += 1
        await asyncio.sleep(0.01)


async def outcome(lookup, host):
    try:
        return await lookup.address(host)
    except OSError as error:
        return str(error)


def test_a_name_is_asked_for_each_time():
    resolver = Resolver()
    lookup = Lookup(resolver)
    for asked in (1, 2, 3):
        assert asyncio.run(outcome(lookup, "broker.test")) == FOUND
        assert resolver.asked == asked


def test_a_failure_is_passed_on_and_the_next_try_asks_again():
    resolver = Resolver(fails=True)
    lookup = Lookup(resolver)
    for asked in (1, 2):
        assert "-2" in asyncio.run(outcome(lookup, "broker.test"))
        assert resolver.asked == asked


class FewThreads:
    """In place of `_thread`: the first `failures` cannot be started, for want of memory."""

    def __init__(self, failures, error):
        self._failures = failures
        self._error = error

    def start_new_thread(self, function, arguments):
        if self._failures:
            self._failures -= 1
            raise self._error
        return _thread.start_new_thread(function, arguments)


def test_a_look_up_whose_thread_cannot_start_is_no_end_of_them():
    for error in (OSError("can't create thread"), RuntimeError("can't start new thread")):
        module._thread = FewThreads(2, error)
        try:
            lookup = Lookup(Resolver())
            told = [asyncio.run(outcome(lookup, "broker.test")) for _ in range(4)]
        finally:
            module._thread = _thread
        assert told == [str(error), str(error), FOUND, FOUND]


def test_an_address_is_asked_of_nobody():
    resolver = Resolver()
    for address in ("127.0.0.1", "::1", "2001:db8::1"):
        assert asyncio.run(outcome(Lookup(resolver), address)) == address
    assert resolver.asked == 0


def test_the_system_knows_itself():
    assert asyncio.run(outcome(Lookup(), "localhost")) in ("127.0.0.1", "::1")


def test_others_go_on_while_the_name_server_is_silent():
    async def wait():
        beats = [0]
        beating = asyncio.create_task(beat(beats))
        told = await outcome(Lookup(Resolver(1.0, fails=True)), "broker.test")
        beating.cancel()
        return told, beats[0]

    told, beats = asyncio.run(wait())
    assert "-2" in told
    assert beats > 5, beats  # about 100; blocked, it would be 1 or 2


def test_a_look_up_that_hangs_is_given_up_and_not_doubled():
    async def wait():
        resolver = Resolver(1.0)
        lookup = Lookup(resolver, 200)
        told = [await outcome(lookup, "broker.test"), await outcome(lookup, "broker.test")]
        asked = resolver.asked
        while True:
            answer = await outcome(lookup, "broker.test")
            if answer == FOUND or resolver.asked > 1:
                return told, asked, resolver.asked
            await asyncio.sleep(0.05)

    told, asked, later = asyncio.run(wait())
    assert told == ["the name server does not answer", "the name server has not answered yet"]
    assert asked == 1 and later == 2
