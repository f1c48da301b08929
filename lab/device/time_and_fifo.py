"""A processor's time, and an accelerometer's FIFO that fills by it: read by Python, or by a task into a ring."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from vibnode.drivers import fifo
from vibnode.drivers.raw import PLAIN

from .chips import Chip

TASK_US = 10  # an interrupt that wakes a task, and the switches to it and back: a guess


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
    """In the place of vibnode.clock. `work`: what other tasks have to do, as (when, for how long, whether
    flash is erased, so that no task runs), in us. `feed`: what a task does that reads the chip, up to now."""

    board: Board
    now_us: float = 0.0
    work: list[tuple[float, float, bool]] = field(default_factory=list)
    feed: Callable[[], None] | None = None
    no_task_until_us: float = 0.0

    def execute(self, instructions: float) -> None:
        """Let them pass."""
        self.take(self.board.us(instructions))

    def take(self, us: float) -> None:
        """Let `us` pass; a task of a higher priority takes what it needs besides."""
        self.now_us += us
        if self.feed:
            self.feed()

    def ticks_ms(self) -> int:
        """Milliseconds since the beginning."""
        return int(self.now_us / 1000)

    def ticks_diff(self, later: int, earlier: int) -> int:
        """Milliseconds from `earlier` to `later`."""
        return later - earlier

    def others(self, until_us: float) -> None:
        """Wait; others have their turn, and one that has begun is not to be stopped."""
        while self.work and self.work[0][0] <= until_us:
            at, takes, erases = heapq.heappop(self.work)
            begins = max(self.now_us, at)
            if erases:
                self.no_task_until_us = begins + takes
            self.take(begins + takes - self.now_us)
        self.take(max(0.0, until_us - self.now_us))

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
        self.gap = 0
        self.backlog = self.late_ms = 0
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
        self._clock.take(self._chip.burst_us)
        self._clock.execute(self._costs["burst"])
        self.gap, self._lost = int(self._lost), False
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


class RingFifo(Fifo):
    """A driver whose chip is read by a task into a ring: `bursts` of them, as firmware/vibnode/drivers/fifo.py asks."""

    def __init__(self, chip: Chip, clock: Clock, costs: dict[str, float], interrupts: bool) -> None:
        super().__init__(chip, clock, costs, interrupts)
        burst_us = chip.burst_frames * 1e6 / chip.rate_hz
        self.bursts = max(fifo.FEWEST_BURSTS, int(fifo.RING_MS * 1000 / burst_us))
        self._ring: list[int] = []  # of each burst, whether frames were lost before it
        self._was_full = False
        clock.feed = self.catch_up

    def catch_up(self) -> None:
        """What the task has read by now. Each burst takes the processor from all else."""
        clock, chip = self._clock, self._chip
        while True:
            due_us = (self._taken + chip.burst_frames) * 1e6 / self.rate_hz
            if due_us > clock.now_us:
                return
            if len(self._ring) >= self.bursts:
                self._was_full = True
                return
            reads_us = clock.now_us if self._was_full else max(due_us, clock.no_task_until_us)
            if reads_us > clock.now_us:
                return
            self._read_at(reads_us)

    def _read_at(self, reads_us: float) -> None:
        clock, chip = self._clock, self._chip
        over = reads_us * self.rate_hz / 1e6 - self._taken - chip.fifo_frames
        self._taken += max(0.0, over)
        self._ring.append(0 if over <= 0 else 2 if self._was_full else 1)
        self._taken += chip.burst_frames
        self._was_full = False
        clock.now_us += TASK_US + chip.burst_us + clock.board.us(self._costs["burst"])

    def readinto(self, buf: bytearray) -> int:
        """A burst from the ring, if there is one."""
        self._clock.execute(self._costs["look"])
        if not self._ring:
            return 0
        self.gap = self._ring.pop(0)
        return len(buf) // self.frame_bytes

    async def wait(self) -> None:
        """The task wakes whoever waits for it."""
        while not self._ring:
            due_us = (self._taken + self.burst_frames) * 1e6 / self.rate_hz
            self._clock.others(max(due_us, self._clock.no_task_until_us))
        self._clock.execute(self._costs["wake"])
