"""Start the sensor, keep its tasks alive, stop it properly."""

import asyncio
import gc
import sys

import vib

from . import config, contradictions, drivers, model_file, reset_cause
from .checks import ConfigError
from .clock import Clock, pause_ms
from .failed_starts import FailedStarts
from .model_store import ModelStore
from .node import Node
from .ntp import TimeKeeper
from .outbox import open_outbox
from .run import Run
from .sampler import Sampler, SensorMismatch
from .uplink import Uplink
from .watchdog import Watchdog

USAGE = """usage: micropython -m vibnode [--check] [--boot] [--windows N] [--trace FILE] device.json

  --check        check the configuration, the sensor, the model and the broker, and leave
  --boot         as a board does: what keeps it from starting is told to the broker, until it is stopped
  --windows N    stop after N good windows
  --trace FILE   write every good window to FILE: its features, its score, its class, each an i16
"""
SHUTDOWN_S = 3
# Collected so often, what was allocated while starting leaves no holes: of 40 kB free, 34 are in one piece, not 4.
# Later that would take seven times what a window costs otherwise; then the sampler collects, at a time that suits it.
COLLECT_BYTES = 4096
COLLECT_LATER_BYTES = 49152
CRASH_PAUSE_MS = 5000  # so that a program that fails at once does not wear the flash out, and can be stopped
MOST_FAILURES = 5  # of the sampler in a row; then the whole device starts anew
DRAIN_MS = 5000  # after the last window, for what is still to be sent


class StartError(Exception):
    """The sensor cannot be started. Its text is one line for the user."""


def main(arguments: "list[str]") -> int:
    """Run with command line `arguments`; returns the exit code: 0 done, 1 something is wrong, 2 wrong usage."""
    _catch_interrupt()
    if hasattr(gc, "threshold"):
        gc.threshold(COLLECT_BYTES)
    options = _options(arguments)
    if options is None:
        print(USAGE, end="")
        return 2
    stays = options.pop("boot", False)
    while True:
        try:
            again = _held_back(options["path"]) if stays else None
            if again is None:
                again = run(**options)
        except (ConfigError, SensorMismatch, StartError) as error:
            print("vibnode: error:", error)
            if not stays:
                return 1
            again = _tell_why_not(options["path"], str(error))
        if not again:
            return 0
        reset_cause.restart()
        asyncio.new_event_loop()  # a process has no reset: it forgets the tasks of the last run, and begins again


def boot(path: str = "device.json") -> None:
    """What a board's main.py calls. Returns at Ctrl-C only; a program that fails is a crash, and starts again."""
    try:
        main(["--boot", path])
    except Exception as error:
        print(f"vibnode: crashed and starts again: {error!r}")
        if hasattr(sys, "print_exception"):
            sys.print_exception(error)
        folder = config.data_folder(path)
        reset_cause.leave(folder, "crash")
        FailedStarts(folder).note(error)
        pause_ms(CRASH_PAUSE_MS)
        reset_cause.restart()


def run(path: str = "device.json", check: bool = False, windows: int = 0, trace: "str | None" = None) -> bool:
    """Run the sensor that the file `path` configures, until interrupted or for `windows` windows.

    Returns whether it is to be started again. Raises ConfigError, SensorMismatch or StartError before anything
    was begun.
    """
    device = config.load(path)
    if check:
        from . import self_check  # which a sensor that runs does not need in its memory

        _, sampler = _open_sensor(device, None)
        trouble = self_check.trouble(device, sampler.driver)
        if trouble:
            raise StartError(trouble)
        return False
    cause = reset_cause.take(device["data_dir"])
    models = ModelStore(device["data_dir"], device["outbox_bytes"])
    models.started(cause)
    model, sampler = _open_sensor(device, models)
    outbox = open_outbox(device)
    trace_file = _open_trace(trace) if trace else None
    watchdog = Watchdog(device["watchdog_s"], device["data_dir"])
    this = Run(device, outbox, Clock(device["data_dir"]), cause, models.origin(), watchdog, windows)
    node = Node(this, model, sampler, trace_file)
    uplink, tasks = _uplink(node, models)
    failed = FailedStarts(device["data_dir"])
    if failed.count:
        tasks["failed starts"] = failed.outlive
    name = model.meta()["name"]
    print(f"vibnode: {device['site']}/{device['device']}, model {name}, boot {outbox.boot} after {cause}")
    try:
        return run_tasks(node, uplink, tasks)
    finally:
        if trace_file:
            trace_file.close()


def run_tasks(node: Node, uplink: Uplink, others: "dict | None" = None) -> bool:
    """Sample and send until the run ends in order or by Ctrl-C. Returns whether it is to be started again.

    `others`: what else is to be kept running, by name.
    """
    this = node.run
    if hasattr(gc, "threshold"):
        gc.threshold(COLLECT_LATER_BYTES)
    try:
        asyncio.run(_live(node, uplink, others or {}))
    except KeyboardInterrupt:
        if sys.implementation.name == "micropython":  # CPython cancels _live, which has said goodbye by now
            asyncio.run(_say_goodbye(uplink))
    finally:
        if this.watchdog:
            this.watchdog.stop()
    if this.restart_cause:
        reset_cause.leave(this.device["data_dir"], this.restart_cause)
    return this.restart_cause is not None


def load_model(path: "str | None"):
    """The model in the file `path`, or the one linked into this firmware for None. Raises StartError."""
    if path is None:
        model = vib.linked_model()
        if model is None:
            raise StartError("no model is linked into this firmware, and the configuration names none")
        return model
    try:
        with open(path, "rb") as file:
            return vib.Model(_bytes_of(file))
    except (OSError, ValueError) as error:
        raise StartError(f"{path}: is no model for this firmware ({error})") from None


def _bytes_of(file):
    """What the open `file` holds: in place where it lies in a ROMFS, else a copy."""
    try:
        return memoryview(file)
    except TypeError:
        return file.read()


def model_in_use(device: dict):
    """The model that the next start begins with, taken as it is. Raises StartError."""
    try:
        return _load(device, ModelStore(device["data_dir"], device["outbox_bytes"]).path(), False)[0]
    except model_file.ModelError as error:
        raise StartError(f"the model that came from afar cannot be used ({error})") from None


def _open_sensor(device: dict, models: "ModelStore | None"):
    """The model in use and a sampler for it. A model from afar that cannot be used is given up for the one before."""
    while True:
        path = models.path() if models else None
        on_trial = models is not None and models.on_trial
        try:
            model, core = _load(device, path, on_trial)
            try:
                contradictions.check_model(device, model.config())
                driver = drivers.open_sensor(device["sensor"], model.config())
                sampler = Sampler(driver, core, model.config())
                sampler.shaft(round((device["shaft_rpm"] or 0) * 1000 / 60))
                return model, sampler
            except (ConfigError, SensorMismatch) as error:
                if not on_trial:  # a kept one did fit once: the sensor or its configuration has changed
                    raise
                raise model_file.ModelError(str(error)) from None
        except model_file.ModelError as error:
            if models is None:
                raise
            models.give_up(str(error))


def _load(device: dict, path: "str | None", on_trial: bool):
    """The model in `path`, None: the configured or linked one, and a core for it; on trial, it has to prove itself."""
    if path is None:
        model = load_model(device["model"])
        return model, vib.Core(model.config())
    try:
        model = model_file.load(path)
        core = vib.Core(model.config())
        if on_trial:
            model_file.prove(path, model, core)
    except OSError as error:
        raise model_file.ModelError(f"cannot be read ({error})") from None
    except MemoryError:
        raise model_file.ModelError("there is not enough memory for it") from None
    return model, core


def _uplink(node: Node, models: ModelStore):
    """The uplink, and the tasks that go with it, by name."""
    commands = _commands(node, models) if node.run.device["command_key"] else None
    uplink = Uplink(node.run, node, commands, _points(node) if node.run.device["point_told"] else None)
    tasks = {}
    if commands:
        tasks["commands"] = lambda: commands.run(uplink.reply)
    if models.on_trial:
        tasks["trial"] = lambda: models.stand_trial(node, uplink)
    return uplink, tasks


def _commands(node: Node, models: ModelStore):
    from .actions import Actions  # which a sensor that takes no commands does not need in its memory
    from .command_counter import Counter
    from .commands import Commands

    counter = Counter(node.run.device["data_dir"] + "/commands.bin")
    return Commands(node.run, counter, Actions(node, models).by_name())


def _points(node: Node):
    from .point_message import (
        PointMessages,
    )  # which a sensor that is told nothing does not need in its memory

    return PointMessages(node.run, node.told)


async def _live(node: Node, uplink: Uplink, others: dict) -> None:
    this, device = node.run, node.run.device
    keeper = TimeKeeper(this.clock, device["ntp_host"])
    starts = dict(others)
    rounds = None
    if device["duty"]:
        rounds = _rounds(node, uplink, keeper)
    else:
        starts.update({"uplink": uplink.run, "clock": keeper.run})
    run = this.supervisor.run

    async def sample() -> None:
        error = await run("sampler", lambda: node.sampler.run(node.window, node.fault, rounds), MOST_FAILURES)
        if error:
            FailedStarts(device["data_dir"]).note(error)
            this.restart("crash")
        this.ended.set()

    tasks = [asyncio.create_task(run(name, start)) for name, start in starts.items()]
    tasks.append(asyncio.create_task(sample()))
    try:
        await this.ended.wait()
        if device["duty"]:
            tasks.append(asyncio.create_task(uplink.run()))  # for the last words
        await uplink.drain(DRAIN_MS)
    finally:
        await _say_goodbye(uplink)
        for task in tasks:
            task.cancel()


def _rounds(node: Node, uplink: Uplink, keeper: TimeKeeper):
    from . import duty  # which a sensor that measures all the time does not need in its memory

    settings, fed = node.run.device["duty"], node.run.alive
    silent_ms = settings["every_s"] * 1000
    return duty.Rounds(
        settings, lambda: duty.deliver(uplink, keeper, silent_ms, fed), fed, rested=node.rested
    )


def _held_back(path: str) -> "bool | None":
    """Wait, and tell the broker, where start after start failed. None where not, else as `_tell_why_not`."""
    folder = config.data_folder(path)
    failed = FailedStarts(folder)
    wait_ms = failed.begun(reset_cause.peek(folder))
    if not wait_ms:
        return None
    print("vibnode: error:", failed)
    return _tell_why_not(path, str(failed), wait_ms)


def _tell_why_not(path: str, reason: str, wait_ms: int = 0) -> bool:
    """Say at the broker that the sensor cannot start. Returns whether to try again, False at Ctrl-C.

    `wait_ms`: when to try again at the latest; 0: when the configuration changes.
    """
    from . import safe_mode  # which a sensor that starts does not need in its memory

    folder = config.data_folder(path)
    again = safe_mode.run(path, reason, reset_cause.take(folder), wait_ms)
    reset_cause.leave(
        folder, "unknown"
    )  # a chip calls a reset on purpose a crash, and that would count as one
    return again


async def _say_goodbye(uplink: Uplink) -> None:
    try:
        await asyncio.wait_for(uplink.shutdown(), SHUTDOWN_S)
    except asyncio.TimeoutError:  # noqa: UP041 - MicroPython knows it by this name only
        print("vibnode: the broker was not told of the shutdown; it will send the will")
    except Exception as error:  # Ctrl-C may come anywhere, and leave the connection in any state
        print(f"vibnode: the broker was not told of the shutdown ({error!r}); it will send the will")


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
        if word in ("--check", "--boot"):
            options[word[2:]] = True
        elif word == "--trace" and rest:
            options["trace"] = rest.pop(0)
        elif word == "--windows" and rest and rest[0].isdigit():
            options["windows"] = int(rest.pop(0))
        elif word.startswith("-") or "path" in options:
            return None
        else:
            options["path"] = word
    return options if "path" in options else None
