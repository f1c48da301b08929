"""A device that cannot start as it is configured measures nothing, and says so: over serial, and to the broker.

Alerts that wait in the outbox are sent from here, too.
"""

import asyncio
import os

from . import config
from .checks import ConfigError
from .clock import Clock, sleep_ms
from .outbox import open_outbox
from .run import Run
from .uplink import Uplink

LOOK_MS = 2000  # how often the file is looked at: a new one is tried
REPEAT_MS = 60000  # how often the reason is said over serial


class NoOutbox:
    """Stands in where the outbox itself is what cannot be opened."""

    boot = 0
    dropped = 0

    def queued(self) -> int:
        """None are held."""
        return 0

    last_seq = queued

    def oldest(self) -> None:
        """None are held."""

    def after(self, seq: int) -> None:
        """None are held."""

    def ack(self, boot: int, seq: int) -> bool:
        """Nothing is dropped by it."""
        return False


def run(path: str, reason: str, cause: str, wait_ms: int = 0) -> bool:
    """Say `reason` until the configuration file `path` changes. Returns whether to try it, False at Ctrl-C.

    `cause`: what began this start. `wait_ms`: try again after so long, 0: never.
    """
    later = f", or in {wait_ms // 60000} min" if wait_ms else ""
    print(
        "vibnode: nothing is measured. The configuration is tried again when it changes, at a reset" + later
    )
    try:
        asyncio.run(_stay(path, reason, cause, wait_ms))
    except KeyboardInterrupt:
        return False
    return True


async def _stay(path: str, reason: str, cause: str, wait_ms: int) -> None:
    tried = _stamp(path)
    told = _tell(path, reason, cause)
    waited_ms = 0
    try:
        while _stamp(path) == tried and not 0 < wait_ms <= waited_ms:
            await sleep_ms(LOOK_MS)
            waited_ms += LOOK_MS
            if waited_ms % REPEAT_MS == 0:
                print("vibnode: error:", reason)
    finally:
        if told:
            told.cancel()


def _tell(path: str, reason: str, cause: str):
    device = config.salvage(path)
    if device is None:
        print("vibnode: the configuration does not say which broker to tell")
        return None
    try:
        outbox = open_outbox(device)
    except ConfigError:
        outbox = NoOutbox()
    this = Run(device, outbox, Clock(device["data_dir"]), cause, note=reason)
    return asyncio.create_task(this.supervisor.run("uplink", Uplink(this).run))


def _stamp(path: str):
    """What changes when the file does."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat[6], stat[8]
