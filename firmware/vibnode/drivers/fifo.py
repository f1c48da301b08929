"""What accelerometers with a FIFO have in common: start, bursts, overruns, silence, and the self-test's arithmetic."""

import asyncio

import vib

from .. import clock
from .raw import frame_bytes, sample

STANDARD_GRAVITY_UM_S2 = 9806650
SILENT_BURSTS = 8  # a chip that owes so many bursts has stopped
SILENT_MS = 100  # and at least so long
NEAR_FULL_SCALE = 256  # chips limit a little inside their range: within 1/256 of it counts as full scale


class FifoSensor:
    """Base of the drivers. A chip's class states the constants and the four methods that end this class.

    - ``RATES_HZ``: what stands for each output data rate in the chip's registers.
    - ``RANGES_G``: for each range what stands for it there, and the acceleration of one count in nm/s2.
    - ``RAW_FORMAT``: of a frame in the FIFO, as ``vib.Core.raw_format`` takes it.
    - ``FIFO_FRAMES``: how many frames it holds; ``STATUS_BYTES``: bytes read to learn how many there are.
    - ``STEP_COUNTS``: the smallest step of the output. ``NOISE_UG_RTHZ``: noise density of the noisiest axis.
    - ``SPI_MODE``, ``SPI_HZ``, ``SPI_BURST_BIT``: polarity and phase, highest clock, and see drivers.bus; likewise
      ``I2C_HZ``, ``I2C_ADDRESSES`` (the usual one first), ``I2C_BURST_BIT``. A chip without SPI or I2C has None as HZ.
    - ``HAS_WATERMARK_PIN``: an interrupt pin tells that a burst is there.
    - ``SELF_TEST``: rate, range, settling time in ms, frames to average. ``SELF_TEST_MG``: least and largest change
      of each axis; ``SELF_TEST_SIGNED``: whether the sign counts.
    """

    axes = 3
    orientation = None
    STATUS_BYTES = 1
    STEP_COUNTS = 1
    SPI_MODE = (1, 1)
    SPI_HZ = 10000000
    SPI_BURST_BIT = 0
    I2C_HZ = 400000
    I2C_ADDRESSES = ()
    I2C_BURST_BIT = 0
    HAS_WATERMARK_PIN = True
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
        self.gap = False
        self.backlog = 0
        self._bus = bus
        self._ready = ready
        self._wake = None  # set by the interrupt
        self._time = time
        self._buf = None  # the buffer that the watermark is set for; None: not started
        self._frames = 0
        self._lost = False
        self._settling = False
        self._heard_ms = 0
        self._silent_ms = 0

    def bandwidth_hz(self) -> float:
        """-3 dB bandwidth at this rate, typical."""
        return self.rate_hz / 2

    def bus_load(self, bus_hz: int) -> float:
        """The share of the bus clock's time that reading at this rate takes, in bursts of half a FIFO."""
        clocks = self._bus.clocks(self.STATUS_BYTES) + self._burst_clocks(self.burst_frames)
        return clocks * self.rate_hz / self.burst_frames / bus_hz

    def readinto(self, buf) -> int:
        """See the package's docstring. `buf` is filled whole or not at all; another one starts the chip anew."""
        try:
            if self._buf is not buf:
                self._start(buf)
            if self._ready is not None and not self._ready():
                return self._none()
            level = self._level()
            if level < self._frames:
                return self._none()
            self._fetch(buf)
        except OSError:
            self._buf = None
            raise
        self._heard_ms = self._time.ticks_ms()
        self.backlog = level - self._frames
        if self._settling:
            self._settling = False
            return 0
        self.gap, self._lost = self._lost, False
        return self._frames

    def wait(self):
        """Await this: it returns when the next burst may be there, at the chip's interrupt or after a while."""
        if self._ready is None or not hasattr(self._ready, "irq"):
            return self._time.sleep_ms(self.poll_ms)
        if self._wake is None:
            self._wake = _registered_wake()
            self._ready.irq(self._wake, self._ready.IRQ_RISING)
            asyncio.create_task(self._remind())  # noqa: RUF006 - it lasts as long as the program
        return self._wake

    def know_tick(self, tick_ms: float) -> None:
        """Waits end up to `tick_ms` late here: poll as often as that allows, without rest if need be."""
        slack_ms = self.fifo_ms * (1 - self.burst_frames / self.FIFO_FRAMES)
        self.poll_ms = max(0, min(self.poll_ms, int(slack_ms / 2 - tick_ms)))
        if not self.poll_ms and self._ready is None:
            print(
                f"vibnode: no interrupt pin, and waits last {tick_ms:g} ms: the sensor is polled without rest"
            )

    def sleep(self) -> None:
        """Power the chip down until the next read, which starts it anew. Raises OSError where nothing answers."""
        self._buf = None
        self._reset()

    def self_test(self) -> list:
        """Run the data sheet's self-test, the machine at rest: [(axis, change in mg, least, largest, passed)].

        Takes less than a second, blocking; the next read starts the chip anew. Raises OSError where nothing answers.
        """
        self._buf = None
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

    def _start(self, buf) -> None:
        self._frames = len(buf) // self.frame_bytes
        self._silent_ms = max(SILENT_MS, int(SILENT_BURSTS * 1000 * self._frames / self.rate_hz))
        self._identify()
        self._reset()
        self._configure(self.rate_hz, self.range_g, self._frames, False)
        self._buf = buf
        self._lost = False
        self._settling = True  # the first burst holds the filters' settling
        self._heard_ms = self._time.ticks_ms()

    def _none(self) -> int:
        if self._time.ticks_diff(self._time.ticks_ms(), self._heard_ms) < self._silent_ms:
            return 0
        self._heard_ms = self._time.ticks_ms()
        if self._ready is not None and self._level() >= self._frames:
            print("vibnode: the sensor's interrupt pin stays low; its level is polled from now on")
            self._ready = None
            return 0
        raise OSError(f"no samples for {self._silent_ms} ms")

    def _average(self, rate_hz, range_g, settle_ms: int, frames: int, self_test: bool) -> list:
        self._identify()
        self._reset()
        self._configure(rate_hz, range_g, 1, self_test)
        self._time.pause_ms(settle_ms)
        frame = bytearray(self.frame_bytes)
        for _ in range(self.FIFO_FRAMES):  # what was taken while it settled
            if not self._level():
                break
            self._fetch(frame)
        total = [0] * self.axes
        for _ in range(frames):
            waited_ms = 0
            while not self._level():
                if waited_ms > SILENT_MS:
                    raise OSError(f"no samples for {SILENT_MS} ms")
                self._time.pause_ms(1)
                waited_ms += 1
            self._fetch(frame)
            for axis in range(self.axes):
                total[axis] += sample(self.raw_format, self.axes, frame, axis)
        return [value // frames for value in total]

    def _expect(self, register: int, identity: int) -> None:
        found = self._bus.read_byte(register)
        if found != identity:
            raise OSError(f"who am I: {found:#04x} instead of {identity:#04x}")

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

    def _level(self) -> int:
        """How many whole frames there are to read; sets `_lost` after an overrun.

        Raises OSError for what no living chip says: on SPI that is how a missing one shows.
        """
        raise NotImplementedError

    def _fetch(self, buf) -> None:
        """Fill `buf` with the oldest frames."""
        self._bus.read(self.FIFO_DATA, buf)


def _registered_wake():
    """A vib.Wake that asyncio's poll looks at from now on.

    asyncio keeps a list of who reads, who writes and the stream, and forgets it when neither is there any more: that
    something always seems to write keeps it.
    """
    core = asyncio.core  # type: ignore[attr-defined]
    wake = vib.Wake(core)
    entry = [None, wake, wake]
    wake(entry)
    core._io_queue.map[id(wake)] = entry
    core._io_queue.poller.register(wake, 1)
    return wake
