"""Start the sensor, keep its tasks alive, stop it properly."""

import asyncio
import sys

import vib

from . import config, drivers, flash
from .clock import Clock, sleep_ms
from .node import Node
from .outbox import Outbox
from .sampler import Sampler, SensorMismatch
from .uplink import LinkDown, Uplink, reach

USAGE = """usage: micropython -m vibnode [--check] [--windows N] [--trace FILE] device.json

  --check        check the configuration, the sensor, the model and the broker, and leave
  --windows N    stop after N good windows
  --trace FILE   write every good window to FILE: its features, its score, its class, each an i16
"""
RESTART_MS = 1000
SHUTDOWN_S = 3
DRAIN_MS = 5000  # after the last window, for what is still to be sent


class StartError(Exception):
    """The sensor cannot be started. Its text is one line for the user."""


def main(arguments: "list[str]") -> int:
    """Run with command line `arguments`; returns the exit code: 0 done, 1 something is wrong, 2 wrong usage."""
    _catch_interrupt()
    options = _options(arguments)
    if options is None:
        print(USAGE, end="")
        return 2
    try:
        return run(**options)
    except (config.ConfigError, SensorMismatch, StartError) as error:
        print("vibnode: error:", error)
        return 1


def run(path: str = "device.json", check: bool = False, windows: int = 0, trace: "str | None" = None) -> int:
    """Run the sensor that the file `path` configures, until interrupted or for `windows` windows.

    Raises config.ConfigError, SensorMismatch or StartError before anything was begun.
    """
    device = config.load(path)
    model = load_model(device["model"])
    core_config = model.config()
    driver = drivers.open_sensor(device["sensor"], core_config)
    sampler = Sampler(driver, vib.Core(core_config), core_config)
    if check:
        return _check(device, driver)
    outbox = _open_outbox(device)
    trace_file = _open_trace(trace) if trace else None
    node = Node(device, model, sampler, outbox, Clock(), trace_file)
    node.window_limit = windows
    uplink = Uplink(device, node)
    name = model.meta()["name"]
    print(f"vibnode: {device['site']}/{device['device']}, model {name}, boot {outbox.boot}")
    try:
        asyncio.run(_live(node, uplink))
    except KeyboardInterrupt:
        if sys.implementation.name == "micropython":  # CPython cancels _live, which has said goodbye by now
            asyncio.run(_say_goodbye(uplink))
    finally:
        if trace_file:
            trace_file.close()
    return 0


def load_model(path: "str | None"):
    """The model in the file `path`, or the one linked into this firmware for None. Raises StartError."""
    if path is None:
        model = vib.linked_model()
        if model is None:
            raise StartError("no model is linked into this firmware, and the configuration names none")
        return model
    try:
        with open(path, "rb") as file:
            return vib.Model(file.read())
    except (OSError, ValueError) as error:
        raise StartError(f"{path}: is no model for this firmware ({error})") from None


async def supervise(name: str, start, node) -> None:
    """Run ``start()`` until it returns; report and start it again whenever it fails."""
    while True:
        try:
            await start()
            return
        except Exception as error:
            node.restarts += 1
            print(f"vibnode: task {name} failed and is started again: {error!r}")
            if hasattr(sys, "print_exception"):
                sys.print_exception(error)
            await sleep_ms(RESTART_MS)


async def _live(node: Node, uplink: Uplink) -> None:
    node.on_change = uplink.status_changed
    node.on_stored = uplink.alert_stored
    sender = asyncio.create_task(supervise("uplink", uplink.run, node))
    try:
        await supervise("sampler", lambda: node.sampler.run(node.window, node.fault), node)
        await uplink.drain(DRAIN_MS)
    finally:
        await _say_goodbye(uplink)
        sender.cancel()


async def _say_goodbye(uplink: Uplink) -> None:
    try:
        await asyncio.wait_for(uplink.shutdown(), SHUTDOWN_S)
    except asyncio.TimeoutError:  # noqa: UP041 - MicroPython knows it by this name only
        print("vibnode: the broker was not told of the shutdown; it will send the will")


def _check(device: dict, driver) -> int:
    if hasattr(driver, "self_test"):  # a recording has none
        _check_sensor(driver)
    try:
        asyncio.run(reach(device))
    except LinkDown as error:
        broker = f"{device['mqtt']['host']}:{device['mqtt']['port']}"
        raise StartError(f"mqtt: broker {broker} cannot be reached ({error})") from None
    print("vibnode: configuration, sensor, model and broker are in order")
    return 0


def _check_sensor(driver) -> None:
    try:
        results = driver.self_test()
    except OSError as error:
        raise StartError(f"sensor: does not answer ({error})") from None
    for axis, change_mg, least_mg, largest_mg, passed in results:
        text = f"sensor: self-test moved {axis} by {change_mg} mg; accepted: {least_mg} to {largest_mg}"
        if not passed:
            raise StartError(text + "; is the machine at rest?")
        print("vibnode:", text)


def _open_outbox(device: dict) -> Outbox:
    folder = device["data_dir"]
    try:
        flash.make_folder(folder)
        outbox = Outbox(folder + "/outbox.bin", device["outbox_bytes"])
    except OSError as error:
        raise StartError(f"data_dir: {folder!r} cannot be written ({error})") from None
    if outbox.damaged_bytes:
        print(f"vibnode: outbox: {outbox.damaged_bytes} damaged bytes left out")
    return outbox


def _open_trace(path: str):
    try:
        return open(path, "wb")
    except OSError as error:
        raise StartError(f"--trace: {path!r} cannot be written ({error})") from None


def _catch_interrupt() -> None:
    """Have Ctrl-C raise KeyboardInterrupt; under ``micropython -m`` it ends the program without a word otherwise."""
    if sys.implementation.name == "micropython":
        import micropython

        micropython.kbd_intr(3)


def _options(arguments: "list[str]") -> "dict | None":
    options: dict = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--check":
            options["check"] = True
        elif word == "--trace" and rest:
            options["trace"] = rest.pop(0)
        elif word == "--windows" and rest and rest[0].isdigit():
            options["windows"] = int(rest.pop(0))
        elif word.startswith("-") or "path" in options:
            return None
        else:
            options["path"] = word
    return options if "path" in options else None
