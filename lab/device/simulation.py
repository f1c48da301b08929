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
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import vib
from vibnode import sampler
from vibnode.drivers.raw import PLAIN

from lab.bench.report import BASELINE

from .chips import CHIPS, Chip

TRANSFER_US = 28
ERASE_US = 100_000
HANDSHAKE_US = 1_500_000
HOUR_S = 3600
WINDOW = {"adxl345": (1024, 512), "ism330dhcx": (2048, 1024), "iis3dwb": (4096, 2048), "kx134": (4096, 2048)}


@dataclass(frozen=True)
class Board:
    """A processor: its clock, the cycles of an instruction, and the tick that waits end on."""

    name: str
    mhz: int
    cycles: float
    tick_ms: float

    def us(self, instructions: float) -> float:
        """What so many take."""
        return instructions * self.cycles / self.mhz


@dataclass
class Clock:
    """In the place of vibnode.clock. `work`: what other tasks have to do, as (when, for how long), in us."""

    board: Board
    now_us: float = 0.0
    work: list[tuple[float, float]] = field(default_factory=list)

    def execute(self, instructions: float) -> None:
        """Let them pass."""
        self.now_us += self.board.us(instructions)

    def ticks_ms(self) -> int:
        """Milliseconds since the beginning."""
        return int(self.now_us / 1000)

    def ticks_diff(self, later: int, earlier: int) -> int:
        """Milliseconds from `earlier` to `later`."""
        return later - earlier

    def others(self, until_us: float) -> None:
        """Wait; others have their turn, and one that has begun is not to be stopped."""
        while self.work and self.work[0][0] <= until_us:
            at, takes = heapq.heappop(self.work)
            self.now_us = max(self.now_us, at) + takes
        self.now_us = max(self.now_us, until_us)

    async def sleep_ms(self, ms: float) -> None:
        """Wait until a tick."""
        tick_us = self.board.tick_ms * 1000
        end_us = self.now_us + ms * 1000
        self.others(-(-end_us // tick_us) * tick_us if ms else self.now_us)


class Fifo:
    """In the place of a driver: a level that rises by the clock."""

    axes, lsb_nm_s2, full_scale_counts, noise_um_s2 = 3, 1_000_000, 32000, None
    orientation = None
    raw_format = PLAIN
    frame_bytes = 6

    def __init__(self, chip: Chip, clock: Clock, costs: dict[str, float], interrupts: bool) -> None:
        self.rate_hz = chip.rate_hz
        self.burst_frames = chip.burst_frames
        self.fifo_ms = chip.fifo_frames * 1000 / chip.rate_hz
        self.gap = False
        self.backlog = 0
        self._chip, self._clock, self._costs, self._interrupts = chip, clock, costs, interrupts
        self._taken = 0.0  # frames
        self._lost = False
        self._poll_ms = 1.0

    def level(self) -> float:
        """Frames that are there; what is over the FIFO's length is lost."""
        level = self._clock.now_us * self.rate_hz / 1e6 - self._taken
        if level > self._chip.fifo_frames:
            self._lost = True
            self._taken += level - self._chip.fifo_frames
            return float(self._chip.fifo_frames)
        return level

    def readinto(self, buf: bytearray) -> int:
        """A burst, if it is there."""
        frames = len(buf) // self.frame_bytes
        self._clock.execute(self._costs["look"])
        if self.level() < frames:
            return 0
        self._clock.now_us += self._chip.transactions * TRANSFER_US
        self._clock.execute(self._costs["burst"])
        self.gap, self._lost = self._lost, False
        self._taken += frames
        self.backlog = int(max(0.0, self.level()))
        return frames

    async def wait(self) -> None:
        """The interrupt, or a while."""
        if not self._interrupts:
            await self._clock.sleep_ms(self._poll_ms)
            return
        due_us = (self._taken + self.burst_frames) * 1e6 / self.rate_hz
        self._clock.others(due_us)
        self._clock.execute(self._costs["wake"])

    def know_tick(self, tick_ms: float) -> None:
        """As drivers.fifo does."""
        slack_ms = self.fifo_ms * (1 - self.burst_frames / self._chip.fifo_frames)
        self._poll_ms = max(0, int(slack_ms / 2 - tick_ms))

    def sleep(self) -> None:
        """There are no rounds."""


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


def other_work(board: Board, costs: dict[str, float], stalls: bool) -> list[tuple[float, float]]:
    """An hour's: a status each ten minutes and an alert each six, each with its erase if `stalls`, and a handshake."""
    work = [(1e6 * (601.7 * i + 7.13), board.us(costs["status"])) for i in range(6)]
    work += [(1e6 * (359.3 * i + 11.77), board.us(costs["alert"])) for i in range(10)]
    if stalls:
        work += [(1e6 * (359.3 * i + 11.78), ERASE_US) for i in range(10)]
        work += [(1e6 * 1801.3, HANDSHAKE_US)]
    heapq.heapify(work)
    return work


def gaps(
    chip: Chip, board: Board, figures: dict[str, float], interrupts: bool, stalls: bool, seconds: int
) -> int:
    """Gaps in so many seconds."""
    window, hop = WINDOW[chip.name]
    costs = costs_of(chip, figures)
    clock = Clock(board, work=other_work(board, costs, stalls))
    config = {"rate_millihz": int(chip.rate_hz * 1000), "window": window, "hop": hop, "axes": 3}
    config |= {
        "lsb_nm_s2": Fifo.lsb_nm_s2,
        "bands": 1,
        "band_lo_hz": 100,
        "band_hi_hz": 1000,
        "envelope_bands": 0,
    }
    config |= dict.fromkeys(set(vib.CONFIG_FIELDS) - set(config), 0)
    fifo = Fifo(chip, clock, costs, interrupts)
    core = Core(window, hop, clock, costs, vib.Core(config))
    made = sampler.Sampler(fifo, core, config, time=clock)
    made._instrument = SimpleNamespace(judge=lambda *ignored: "ok")

    def on_window(features: Any) -> bool:
        clock.execute(costs["node"])
        return clock.now_us >= seconds * 1e6

    before = sampler.COLLECTS, sampler.gc
    sampler.COLLECTS = 1
    sampler.gc = SimpleNamespace(collect=lambda: clock.execute(costs["collect"]))
    try:
        asyncio.run(made.run(on_window, lambda fault: None))
    finally:
        sampler.COLLECTS, sampler.gc = before
    return int(made.gaps)


BOARDS = [
    Board(f"{name}_cpi{cycles:g}".replace(".", "") + f"_tick{tick}", mhz, cycles, tick)
    for name, mhz in (("c3", 160), ("240mhz", 240))
    for cycles in (1.0, 1.3, 1.5)
    for tick in (1, 10)
]


def main() -> int:
    """Print gaps by chip and board, and write build/gaps.json."""
    figures = json.loads(BASELINE.read_text())["figures"]
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else HOUR_S
    found: dict[str, int] = {}
    for chip in CHIPS.values():
        for board in BOARDS:
            if board.mhz < chip.least_mhz:
                continue
            for way in ("interrupt", "polled"):
                for stalls in (False, True):
                    if board.cycles != 1.3 and (way == "polled" or stalls):
                        continue
                    name = f"{chip.name}.{board.name}.{way}" + (".stalls" if stalls else "")
                    found[name] = gaps(chip, board, figures, way == "interrupt", stalls, seconds)
                    print(f"{name:48} {found[name]:8}", flush=True)
    path = Path(__file__).parents[2] / "build" / "gaps.json"
    path.write_text(json.dumps({"seconds": seconds, "gaps": found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
