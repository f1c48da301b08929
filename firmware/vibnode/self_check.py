"""What ``--check`` tries before it says that all is well: the sensor's self-test, and the way to the broker."""

import asyncio

from . import messages
from .clock import Clock
from .link import Link, LinkDown


def trouble(device: dict, driver) -> "str | None":
    """What is wrong, in one line; None, and a line on the console, where nothing is. `driver`: of the open sensor."""
    wrong = _self_test(driver) if hasattr(driver, "self_test") else None  # a recording has none
    if wrong:
        return wrong
    if device["pulse"]:
        from .pulse_input import open_pulse

        if open_pulse(device["pulse"]) is None:
            return (
                f"pulse.pin: {device['pulse']['pin']}; accepted: a pin at which this board takes interrupts"
            )
    try:
        asyncio.run(reach(device))
    except LinkDown as error:
        broker = f"{device['mqtt']['host']}:{device['mqtt']['port']}"
        return f"mqtt: broker {broker} cannot be reached ({error})"
    print("vibnode: configuration, sensor, model and broker are in order")
    return None


def _self_test(driver) -> "str | None":
    try:
        results = driver.self_test()
    except OSError as error:
        return f"sensor: does not answer ({error})"
    for axis, change_mg, least_mg, largest_mg, passed in results:
        text = f"sensor: self-test moved {axis} by {change_mg} mg; accepted: {least_mg} to {largest_mg}"
        if not passed:
            return text + "; is the machine at rest?"
        print("vibnode:", text)
    return None


async def reach(device: dict) -> None:
    """Connect to the broker and leave again. Raises LinkDown. The board has to be on its network already."""
    site, name = device["site"], device["device"]
    link = Link(device["mqtt"], f"vibnode-{site}-{name}-check", "", b"", Clock())
    try:
        await link.connect([messages.topic(site, name, "ack")], _ignore)
    finally:
        await link.close(politely=True)


def _ignore(topic: str, payload: bytes, retained: bool) -> None:
    pass
