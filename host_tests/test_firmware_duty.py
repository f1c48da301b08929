"""Measuring in rounds, with sleep between them. The first part is portable: CPython and MicroPython."""

import asyncio

from vibnode import duty


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now_ms = 5000

    def ticks_ms(self):
        return self.now_ms

    def ticks_diff(self, later, earlier):
        return later - earlier

    async def sleep_ms(self, ms):
        self.now_ms += ms


def rounds_of(every_s, for_s, deliver_ms=0):
    time, log = Time(), []

    async def deliver():
        log.append(("deliver", time.now_ms))
        time.now_ms += deliver_ms

    def fed():
        log.append(("fed", time.now_ms))

    made = duty.Rounds({"every_s": every_s, "for_s": for_s}, deliver, fed, time)
    return made, time, log


def starts(made, time, count):
    """When `count` rounds began, a window each 100 ms."""
    began = [time.now_ms]
    while len(began) < count:
        if made.is_over():
            asyncio.run(made.rest())
            began.append(time.now_ms)
        else:
            time.now_ms += 100
    return began


def test_rounds_begin_as_often_as_configured_however_long_they_deliver():
    made, time, log = rounds_of(600, 10, deliver_ms=7000)
    assert starts(made, time, 4) == [5000, 605000, 1205000, 1805000]
    assert [at for what, at in log if what == "deliver"] == [15000, 615000, 1215000]


def test_a_delivery_that_takes_longer_than_the_sleep_only_shortens_it():
    made, time, _ = rounds_of(20, 10, deliver_ms=15000)
    assert starts(made, time, 3) == [5000, 30000, 55000]


def test_the_watchdog_is_fed_all_through_the_sleep():
    made, time, log = rounds_of(600, 10)
    starts(made, time, 2)
    fed = [at for what, at in log if what == "fed"]
    assert max([b - a for a, b in zip(fed, fed[1:])]) <= duty.SLICE_MS  # noqa: B905, RUF007
