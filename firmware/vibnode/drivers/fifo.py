"""What accelerometers with a FIFO have in common: start, bursts, overruns, silence, and the self-test's arithmetic."""

import asyncio

import vib

from .. import clock
from .bus import Fifo
from .raw import frame_bytes, sample

STANDARD_GRAVITY_UM_S2 = 9806650
SILENT_BURSTS = 8  # a chip that owes so many bursts has stopped
SILENT_MS = 100  # and at least so long
NEAR_FULL_SCALE = 256  # chips limit a little inside their range: within 1/256 of it counts as full scale
RING_MS = (
    100  # that a ring outside of Python lasts: longer than anything but a handshake keeps Python from it
)
FEWEST_BURSTS = 4  # in it


class FifoSensor:
    """Base of the drivers. A chip's class states the constants and the three methods that end this class.

    - ``RATES_HZ``: what stands for each output data rate in the chip's registers.
    - ``RANGES_G``: for each range what stands for it there, and the acceleration of one count in nm/s2.
    - ``RAW_FORMAT``: of a frame in the FIFO, as ``vib.Core.raw_format`` takes it.
    - ``FIFO_FRAMES``: how many frames it holds; ``FIFO``: how they are read, see `plan`.
    - ``STEP_COUNTS``: the smallest step of the output. ``NOISE_UG_RTHZ``: noise density of the noisiest axis.
    - ``SPI_MODE``, ``SPI_HZ``, ``SPI_BURST_BIT``: polarity and phase, highest clock, and see drivers.bus; likewise
      ``I2C_HZ``, ``I2C_ADDRESSES`` (the usual one first), ``I2C_BURST_BIT``. A chip without SPI or I2C has None as HZ.
    - ``HAS_WATERMARK_PIN``: an interrupt pin tells that a burst is there.
    - ``SELF_TEST``: rate, range, settling time in ms, frames to average. ``SELF_TEST_MG``: least and largest change
      of each axis; ``SELF_TEST_SIGNED``: whether the sign counts.
    """

    axes = 3
    orientation = None
    STEP_COUNTS = 1
    SPI_MODE = (1, 1)
    SPI_HZ = 10000000
    SPI_BURST_BIT = 0
    I2C_HZ = 400000
    I2C_ADDRESSES = ()
    I2C_BURST_BIT = 0
    HAS_WATERMARK_PIN = True
    kin = None  # what a relative or a copy answers in the place of the chip, once it was asked
    SELF_TEST_SIGNED = False

    def __init__(self, bus, rate_hz, range_g, ready=None, time=clock) -> None:
        """`bus`: see drivers.bus. `ready`: the interrupt pin, called for its level, or None. `time`: a clock.

        Raises ValueError for a rate or range that the chip does not have. Nothing is sent before the first read.
        """
        if rate_hz not in self.RATES_HZ or range_g not in self.RANGES_G:
            raise ValueError(f"{rate_hz} Hz, {range_g} g; accepted: {self.RATES_HZ} Hz, {self.RANGES_G} g")
        self.rate_hz = rate_hz
        self.range_g = range_g
        self.lsb_nm_s2 = self.RANGES_G[range_g][1]
        self.raw_format = self.RAW_FORMAT
        self.frame_bytes = frame_bytes(self.RAW_FORMAT, self.axes)
        limit = min(1 << (self.RAW_FORMAT[0] - 1), range_g * 1000 * STANDARD_GRAVITY_UM_S2 // self.lsb_nm_s2)
        self.full_scale_counts = limit - max(self.STEP_COUNTS, limit // NEAR_FULL_SCALE)
        self.noise_um_s2 = int(self.NOISE_UG_RTHZ * 9.80665 * self.bandwidth_hz() ** 0.5)
        self.burst_frames = self.FIFO_FRAMES // 2
        self.fifo_ms = self.FIFO_FRAMES * 1000 / rate_hz
        self.poll_ms = max(1, int(self.burst_frames * 500 / rate_hz))
        self.gap = 0
        self.backlog = 0
        self.late_ms = 0  # no property: with one in its class, MicroPython is slow to set any attribute
        self.outside: tuple | None = (
            None  # where its bus is, for who reads it outside of Python: vib.Fifo.feed
        )
        self._bus = bus
        self._ready = ready
        self._wake = None  # set by the interrupt
        self._listens = False  # to the interrupt
        self._time = time
        self._buf = None  # the buffer that the watermark is set for; None: not started
        self._frames = 0
        self._fifo = self._new_fifo()
        self._fed = False  # outside of Python
        self._settling = False
        self._heard_ms = 0
        self._silent_ms = 0

    def bandwidth_hz(self) -> float:
        """-3 dB bandwidth at this rate, typical."""
        return self.rate_hz / 2

    def bus_load(self, bus_hz: int) -> float:
        """The share of the bus clock's time that reading at this rate takes, in bursts of half a FIFO."""
        clocks = self._bus.clocks(self.FIFO[1]) + self._burst_clocks(self.burst_frames)
        return clocks * self.rate_hz / self.burst_frames / bus_hz

    def readinto(self, buf) -> int:
        """See the package's docstring. `buf` is filled whole or not at all; another one starts the chip anew."""
        if self._buf is not buf:
            self._start(buf)
        self._buf = None  # whatever raises from here on, the next read starts the chip anew
        frames = 0
        if self._fed or self._ready is None or self._ready():
            frames = self._fifo.readinto(buf)
        if frames:
            frames = self._heard(frames)
        else:
            self._none()
        self._buf = buf
        return frames

    def _heard(self, frames: int) -> int:
        """A burst was read; 0 where it is none to be used. Apart, since a frame over 11 words is on the heap."""
        self._heard_ms = self._time.ticks_ms()
        self.backlog = self._fifo.left
        self.late_ms = self._fifo.late_ms
        if self._settling:
            self._settling = False
            return 0
        self.gap = self._fifo.gap
        return frames

    def wait(self):
        """Await this: it returns when the next burst may be there, at the chip's interrupt or after a while."""
        if not self._fed and (self._ready is None or not hasattr(self._ready, "irq")):
            return self._time.sleep_ms(self.poll_ms)
        if not self._fed and not self._listens:
            self._listens = True
            self._ready.irq(self._woken(), self._ready.IRQ_RISING)
        return self._woken()

    def turn(self):
        """Await this: the other tasks have their turn."""
        if self._wake is None:
            return self._time.sleep_ms(0)
        self._wake(False)
        return self._wake

    def _woken(self):
        """A vib.Wake, which is there when first asked for."""
        if self._wake is None:
            self._wake = _registered_wake(self._fifo)
            asyncio.create_task(self._remind())  # noqa: RUF006 - it lasts as long as the program
        return self._wake

    def know_tick(self, tick_ms: float) -> None:
        """Waits end up to `tick_ms` late here: poll as often as that allows, without rest if need be."""
        slack_ms = self.fifo_ms * (1 - self.burst_frames / self.FIFO_FRAMES)
        self.poll_ms = max(0, min(self.poll_ms, int(slack_ms / 2 - tick_ms)))
        if not self.poll_ms and self._ready is None and not self._fed:
            print(
                f"vibnode: no interrupt pin, and waits last {tick_ms:g} ms: the sensor is polled without rest"
            )

    def sleep(self) -> None:
        """Power the chip down until the next read, which starts it anew. Raises OSError where nothing answers."""
        self._end()
        self._reset()

    def self_test(self) -> list:
        """Run the data sheet's self-test, the machine at rest: [(axis, change in mg, least, largest, passed)].

        Takes less than a second, blocking; the next read starts the chip anew. Raises OSError where nothing answers.
        """
        self._end()
        rate_hz, range_g, settle_ms, frames = self.SELF_TEST
        still, pushed = [
            self._average(rate_hz, range_g, settle_ms, frames, self_test) for self_test in (False, True)
        ]
        self._reset()
        limits = self._self_test_limits()
        results = []
        for axis in range(self.axes):
            change = (pushed[axis] - still[axis]) * self.RANGES_G[range_g][1] // STANDARD_GRAVITY_UM_S2
            measured = change if self.SELF_TEST_SIGNED else abs(change)
            least, largest = limits[axis]
            results.append(("xyz"[axis], change, least, largest, least <= measured <= largest))
        return results

    async def _remind(self) -> None:
        """A chip that has died interrupts no more: have it looked at."""
        while True:
            await self._time.sleep_ms(self._silent_ms or SILENT_MS)
            self._wake(None)

    def _end(self) -> None:
        """Nobody reads any more."""
        self._buf = None
        self._fed = False
        self._fifo.begin()

    def _start(self, buf) -> None:
        self._end()
        self._frames = len(buf) // self.frame_bytes
        self._silent_ms = max(SILENT_MS, int(SILENT_BURSTS * 1000 * self._frames / self.rate_hz))
        self._identify()
        self._reset()
        self._configure(self.rate_hz, self.range_g, self._frames, False)
        self._buf = buf
        self._settling = True  # the first burst holds the filters' settling
        self._heard_ms = self._time.ticks_ms()
        if self.outside:
            burst_us = int(self._frames * 1000000 / self.rate_hz)
            bursts = max(FEWEST_BURSTS, RING_MS * 1000 // burst_us)
            self._fed = self._fifo.feed(self.outside, self._frames, bursts, burst_us)
            self._listens = self._listens and not self._fed

    def _none(self) -> None:
        """Nothing is there to read. Raises OSError where that has lasted too long."""
        if self._time.ticks_diff(self._time.ticks_ms(), self._heard_ms) < self._silent_ms:
            return
        self._heard_ms = self._time.ticks_ms()
        if not self._fed and self._ready is not None and self._fifo.level() >= self._frames:
            print("vibnode: the sensor's interrupt pin stays low; its level is polled from now on")
            self._ready = None
            return
        raise OSError(f"no samples for {self._silent_ms} ms")

    def _average(self, rate_hz, range_g, settle_ms: int, frames: int, self_test: bool) -> list:
        self._identify()
        self._reset()
        self._configure(rate_hz, range_g, 1, self_test)
        self._time.pause_ms(settle_ms)
        frame = bytearray(self.frame_bytes)
        for _ in range(self.FIFO_FRAMES):  # what was taken while it settled
            if not self._fifo.level():
                break
            self._fifo.fetch(frame)
        total = [0] * self.axes
        for _ in range(frames):
            waited_ms = 0
            while not self._fifo.level():
                if waited_ms > SILENT_MS:
                    raise OSError(f"no samples for {SILENT_MS} ms")
                self._time.pause_ms(1)
                waited_ms += 1
            self._fifo.fetch(frame)
            for axis in range(self.axes):
                total[axis] += sample(self.raw_format, self.axes, frame, axis)
        return [value // frames for value in total]

    def _expect(self, register: int, identity: int, kin: tuple = ()) -> None:
        """`kin`: what relatives and copies answer, which understand the same registers."""
        found = self._bus.read_byte(register)
        if found == identity:
            self.kin = None
        elif found not in kin:
            raise OSError(f"who am I: {found:#04x} instead of {identity:#04x}")
        elif self.kin != found:
            self.kin = found
            print(
                f"vibnode: the sensor answers {found:#04x} instead of {identity:#04x}: a relative or a copy, taken"
            )

    def _self_test_limits(self):
        return self.SELF_TEST_MG

    def _burst_clocks(self, frames: int) -> int:
        return self._bus.clocks(frames * self.frame_bytes)

    def _identify(self) -> None:
        """Raise OSError unless the chip is there and is the right one."""
        raise NotImplementedError

    def _reset(self) -> None:
        """Put all registers back to what they are at power-on, when no chip here samples; wait until it is ready."""
        raise NotImplementedError

    def _configure(self, rate_hz, range_g, watermark: int, self_test: bool) -> None:
        """Start streaming into the FIFO."""
        raise NotImplementedError

    def _new_fifo(self):
        """What reads the chip's FIFO."""
        holds = (self.FIFO_FRAMES, self.frame_bytes)
        return Fifo(self._bus, self.FIFO + holds)


def plan(
    level,
    data,
    never=0,
    most=65535,
    empty=0,
    overrun=(0, 0, 0),
    overrun_elsewhere=(0, 0),
    lost_level=0,
    tag=(0, 0),
):
    """How a chip's FIFO is read, as ``vib.Fifo`` takes it, but for how many frames of how many bytes it holds.

    Its status is one or two bytes, the low one first. `level`: their register, how many, the bits that are the level,
    and its unit for each frame. `data`: the register of the frames; whether a read of it gives one frame only.
    `never`: bits of the status that a living chip never sets; `empty`: that it sets with a level of 0 only; `most`:
    frames that it says at most. `overrun`: bits that say that frames were lost, whether the FIFO is full then whatever
    the level says, and whether they are about the time since the status was last read. `overrun_elsewhere`: a register
    and its bits that are asked for where the FIFO is full. `lost_level`: frames from which on some count as lost.
    `tag`: a mask of a frame's first byte, and what it is there.
    """
    limits, lost_from = (most, never, empty), (lost_level,)
    return level + limits + overrun + overrun_elsewhere + lost_from + data + tag


def _registered_wake(fifo):
    """A vib.Wake that asyncio's poll looks at from now on.

    asyncio keeps a list of who reads, who writes and the stream, and forgets it when neither is there any more: that
    something always seems to write keeps it.
    """
    core = asyncio.core  # type: ignore[attr-defined]
    wake = vib.Wake(core, fifo)
    entry = [None, wake, wake]
    wake(entry)
    core._io_queue.map[id(wake)] = entry
    core._io_queue.poller.register(wake, 1)
    return wake
