"""How many gaps a sensor has: `python -m lab.device.simulation SECONDS`, an hour by default; also into build/gaps.json.

The real sampler runs on a clock that is charged with what `make bench` counted. A FIFO fills by the clock and loses
samples when it is full. What is executed takes its instructions times the cycles of each; a transfer on the SPI takes
28 us more, as ESP-IDF's documentation has it; a wait without an interrupt ends on a tick. Other tasks have their turn
while the sampler waits: statuses, alerts, and with `.stalls` the erasing of flash and a handshake. No sample is real,
and no feature is computed: only time passes.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import vib
from vibnode import sampler

from lab.bench.report import BASELINE

from .chips import CHIPS, Chip
from .time_and_fifo import Board, Clock, Fifo, RingFifo

ERASE_US = 100_000
HANDSHAKE_US = 1_500_000
HOUR_S = 3600
WINDOW = {"adxl345": (1024, 512), "ism330dhcx": (2048, 1024), "iis3dwb": (4096, 2048), "kx134": (4096, 2048)}


class Core:
    """In the place of vib.Core: windows by number, features by time."""

    n_features = 3

    def __init__(self, window: int, hop: int, clock: Clock, costs: dict[str, float], names: vib.Core) -> None:
        self._window, self._hop, self._clock, self._costs = window, hop, clock, costs
        self._held, self._left, self._stepping = 0, 0.0, False
        self.feature_name: Callable[[int], str] = names.feature_name

    def push(self, burst: Any, start: int) -> int:
        """Frames that there is room for."""
        frames = len(burst) // Fifo.frame_bytes - start
        room = self._window + (self._hop // 3 if self._stepping else 0) - self._held
        taken = max(0, min(frames, room))
        self._held += taken
        self._clock.execute(self._costs["push_frame"] * taken)
        return taken

    def ready(self) -> bool:
        """A window is there."""
        return self._held >= self._window

    def step(self, out: array[int], work: int) -> bool:
        """As many instructions as are asked for, in pieces as the core has them."""
        if not self._stepping:
            self._stepping, self._left = True, self._costs["features"]
        piece = min(self._left, max(work, self._costs["piece"]))
        self._clock.execute(piece)
        self._left -= piece
        if self._left > 0:
            return False
        self._stepping = False
        self._held -= self._hop
        return True

    def gap(self) -> None:
        """Begin anew."""
        self._held, self._stepping = 0, False

    def clipped(self) -> int:
        """None are."""
        return 0

    def full_scale(self, counts: int) -> None:
        """Nothing is clipped."""

    def rate(self, millihz: int) -> None:
        """It is as it is."""

    shaft = rate


def costs_of(chip: Chip, figures: dict[str, float]) -> dict[str, float]:
    """Instructions of what the simulation charges, from the committed table of `make bench`."""
    _, hop = WINDOW[chip.name]

    def counted(name: str) -> float:
        return figures[f"device.{chip.name}.frozen.{name}"]

    bursts_per_s = chip.rate_hz / chip.burst_frames
    windows_per_s = chip.rate_hz / hop
    parts = ("bus", "push", "features", "node")
    rest = counted("instructions_per_s") - sum(counted(f"{part}.instructions_per_s") for part in parts)
    collections = counted("collect.instructions") * windows_per_s / sampler.COLLECT_WINDOWS
    return {
        "look": 2000.0,
        "burst": counted("bus.instructions_per_s") / bursts_per_s,
        "push_frame": counted("push.instructions_per_s") / chip.rate_hz,
        "features": counted("features.instructions_per_s") / windows_per_s,
        "piece": counted("longest_step_instructions"),
        "node": counted("node.instructions_per_s") / windows_per_s,
        "collect": counted("collect.instructions"),
        "wake": max(0.0, rest - collections) / bursts_per_s,
        "status": counted("status.instructions"),
        "alert": counted("alert.instructions") + counted("outbox_append.instructions"),
    }


def other_work(board: Board, costs: dict[str, float], stalls: bool) -> list[tuple[float, float, bool]]:
    """An hour's: a status each ten minutes and an alert each six, each with its erase if `stalls`, and a handshake."""
    work = [(1e6 * (601.7 * i + 7.13), board.us(costs["status"]), False) for i in range(6)]
    work += [(1e6 * (359.3 * i + 11.77), board.us(costs["alert"]), False) for i in range(10)]
    if stalls:
        work += [(1e6 * (359.3 * i + 11.78), ERASE_US, True) for i in range(10)]
        work += [(1e6 * 1801.3, HANDSHAKE_US, False)]
    heapq.heapify(work)
    return work


@dataclass(frozen=True)
class Case:
    """A chip on a board, read in one way: `stock` by Python at the chip's interrupt, `polled` by Python without one,
    `ring` by a task. `stalls`: flash is erased for each alert, and hands are shaken with the broker."""

    name: str
    chip: Chip
    board: Board
    way: str
    stalls: bool

    def __str__(self) -> str:
        return f"{self.name}.{self.board.name}.{self.way}" + (".stalls" if self.stalls else "")


def gaps(case: Case, figures: dict[str, float], seconds: int) -> int:
    """Gaps in so many seconds."""
    chip, counted = case.chip, CHIPS[case.chip.name]
    window, hop = WINDOW[counted.name]
    costs = costs_of(counted, figures)
    clock = Clock(case.board, work=other_work(case.board, costs, case.stalls))
    config = {"rate_millihz": int(chip.rate_hz * 1000), "window": window, "hop": hop, "axes": 3}
    config |= {
        "lsb_nm_s2": Fifo.lsb_nm_s2,
        "bands": 1,
        "band_lo_hz": 100,
        "band_hi_hz": int(chip.rate_hz / 4),
        "envelope_bands": 0,
    }
    config |= dict.fromkeys(set(vib.CONFIG_FIELDS) - set(config), 0)
    driver = (RingFifo if case.way == "ring" else Fifo)(chip, clock, costs, case.way != "polled")
    core = Core(window, hop, clock, costs, vib.Core(config))
    made = sampler.Sampler(driver, core, config, time=clock)
    made._instrument = SimpleNamespace(judge=lambda *ignored: "ok")

    def on_window(features: Any) -> bool:
        clock.execute(costs["node"])
        return clock.now_us >= seconds * 1e6

    def on_fault(fault: str) -> None:
        if clock.now_us >= seconds * 1e6:
            raise StopSimulation

    before = sampler.COLLECTS, sampler.gc
    sampler.COLLECTS = 1
    sampler.gc = SimpleNamespace(collect=lambda: clock.execute(costs["collect"]))
    try:
        asyncio.run(made.run(on_window, on_fault))
    except StopSimulation:
        pass
    finally:
        sampler.COLLECTS, sampler.gc = before
    return int(made.gaps)


class StopSimulation(Exception):
    """The time is over, and no window is whole."""


BOARDS = [
    Board(f"{name}_cpi{cycles:g}".replace(".", "") + f"_tick{tick}", mhz, cycles, tick)
    for name, mhz in (("c3", 160), ("240mhz", 240))
    for cycles in (1.0, 1.3, 1.5)
    for tick in (1, 10)
]
# What the guides offer: the chips that are counted, and two whose FIFO and work are as those of one of them.
OFFERED = CHIPS | {
    "adxl345-i2c": replace(CHIPS["adxl345"], rate_hz=800, is_i2c=True, bus_hz=400_000),
    "lsm6dso": CHIPS["ism330dhcx"],
}


def cases() -> list[Case]:
    """Each chip on each board that may have it. Only firmware of our own has a ring, and it has a tick of 1 ms."""
    found = []
    for name, chip in OFFERED.items():
        for board in BOARDS:
            for way in ("ring", "stock", "polled"):
                for stalls in (False, True):
                    rare = board.cycles != 1.3 and (way == "polled" or stalls)
                    slow = board.mhz < chip.least_mhz
                    if not (slow or rare or (way == "ring" and board.tick_ms != 1)):
                        found.append(Case(name, chip, board, way, stalls))
    return found


def per_hour(figures: dict[str, float], seconds: int, way: str = "ring") -> int:
    """Gaps an hour of all chips that the guides offer on an ESP32-C3, at 1.3 cycles an instruction, read in one way."""
    board = next(board for board in BOARDS if board.name == "c3_cpi13_tick1")
    chosen = [case for case in cases() if case.board == board and case.way == way and not case.stalls]
    return round(sum(gaps(case, figures, seconds) for case in chosen) * HOUR_S / seconds)


def main() -> int:
    """Print gaps by chip and board, and write build/gaps.json."""
    figures = json.loads(BASELINE.read_text())["figures"]
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else HOUR_S
    chosen = [case for case in cases() if len(sys.argv) < 3 or sys.argv[2] in str(case)]
    found: dict[str, int] = {}
    for case in chosen:
        found[str(case)] = gaps(case, figures, seconds)
        print(f"{case!s:48} {found[str(case)]:8}", flush=True)
    path = Path(__file__).parents[2] / "build" / "gaps.json"
    path.write_text(json.dumps({"seconds": seconds, "gaps": found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
