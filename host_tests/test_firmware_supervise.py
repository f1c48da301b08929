"""A task that dies is reported and started again. Portable: CPython and MicroPython."""

import asyncio

from vibnode import main


class Node:
    """What the supervisor needs of a sensor."""

    restarts = 0


def test_a_task_that_dies_is_started_again_until_it_ends_by_itself():
    main.RESTART_MS = 1
    node, starts = Node(), []

    async def fragile():
        starts.append(1)
        if len(starts) < 4:
            raise ValueError(f"try {len(starts)}")

    asyncio.run(main.supervise("fragile", fragile, node))
    assert len(starts) == 4
    assert node.restarts == 3


def test_a_task_that_is_cancelled_stays_so():
    node = Node()

    async def run():
        task = asyncio.create_task(main.supervise("sleeper", lambda: asyncio.sleep(3600), node))
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"

    assert asyncio.run(run()) == "cancelled"
    assert node.restarts == 0
