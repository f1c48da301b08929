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
