"""A task that dies is reported and started again. Portable: CPython and MicroPython."""

import asyncio

from vibnode import supervision


def test_a_task_that_dies_is_started_again_until_it_ends_by_itself():
    supervision.RESTART_MS = 1
    supervisor, starts = supervision.Supervisor(), []

    async def fragile():
        starts.append(1)
        if len(starts) < 4:
            raise ValueError(f"try {len(starts)}")

    asyncio.run(supervisor.run("fragile", fragile))
    assert len(starts) == 4
    assert supervisor.restarts == {"fragile": 3} and supervisor.total() == 3


def test_a_task_that_fails_at_once_so_often_is_given_up():
    supervision.RESTART_MS = 1
    supervisor, starts = supervision.Supervisor(), []

    async def fails():
        starts.append(1)
        raise MemoryError(len(starts))

    error = asyncio.run(supervisor.run("hopeless", fails, 3))
    assert isinstance(error, MemoryError) and error.args == (3,)
    assert len(starts) == supervisor.restarts["hopeless"] == 3


def test_failures_far_apart_are_not_in_a_row():
    supervision.RESTART_MS = 1
    before, supervision.SHORT_MS = supervision.SHORT_MS, -1
    supervisor, starts = supervision.Supervisor(), []

    async def fragile():
        starts.append(1)
        if len(starts) < 6:
            raise ValueError("once in a while")

    try:
        assert asyncio.run(supervisor.run("fragile", fragile, 3)) is None
    finally:
        supervision.SHORT_MS = before
    assert len(starts) == 6


def test_a_task_that_is_cancelled_stays_so():
    supervisor = supervision.Supervisor()

    async def run():
        task = asyncio.create_task(supervisor.run("sleeper", lambda: asyncio.sleep(3600)))
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"

    assert asyncio.run(run()) == "cancelled"
    assert supervisor.total() == 0
