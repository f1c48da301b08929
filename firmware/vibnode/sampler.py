"""From the driver to windows of features: reads bursts, counts gaps, and says when samples are not to be trusted."""

import gc
from array import array

import vib

from . import clock
from .drivers.raw import PLAIN
from .instrument import RATE_LIMIT_PPM, Instrument
from .rate_meter import RateMeter
from .snapshot import Snapshot
from .window_loss import WindowLoss

BURSTS_PER_HOP = 4
RATE_TOLERANCE = 0.01  # of the rate that the model was made for
RETRY_MS = 1000  # between tries at a sensor that does not answer
STARVED_GAPS = 3  # so many gaps with no whole window between them: the samples are useless
TICK_WAITS = 4  # that are timed at the start
# Instructions of a window's features between two looks at a FIFO: of what a C3 executes while it fills (160 MHz, 1.3
# cycles each), a fifth. The rest is for the node, and for whoever else has the processor then.
WORK_PER_FIFO_MS = 25000
MOST_WORK = (1 << 30) - 1
# Collected here so often, right behind a burst, when the FIFO has its whole length to fill: a collection cannot be
# divided, and one that comes by itself may meet a FIFO that is half full.
COLLECT_WINDOWS = 16
NOT_TAKEN = 2  # a driver's gap: the sensor was read in time
YIELD_AFTER = 4  # reads or steps in a row: then the other tasks have their turn
RATE_STEP_PPM = 2000  # a rate that is off by so much more than the core was told is told anew
SETTLE = getattr(vib, "settle", int)  # int(): nothing, where there is no such heap
COLLECTS = 1 if hasattr(gc, "mem_free") else 0  # CPython counts references


class SensorMismatch(Exception):
    """The sensor does not give what the model was made for. Its text is one line for the user."""


class Sampler:
    """Pushes a driver's samples through a ``vib.Core``.

    `driver`: what it reads. `names`, `features`: of the last window, in the core's order; they change with the next.
    `frames`, `gaps`: counted since start. `rate.ppm`: how far the sensor's rate is off, see rate_meter. `loss.cause`:
    why windows are lost, if many are, see window_loss. `fault`: ``ok``, ``gap`` (samples are lost before any window is
    whole), ``gone`` (no answer) or one of instrument.Instrument's. `ppm`: by which the features' frequencies follow the
    rate; `knows_rate`: it has been measured. `link_busy`: set by whoever connects, which may take the processor for
    seconds.
    """

    def __init__(self, driver, core, core_config: dict, time=clock) -> None:
        """Raises SensorMismatch. A sensor of more axes than `core_config` gets a core of its own in place of `core`."""
        check_fit(driver, core_config)
        if driver.axes != core_config["axes"]:
            core = vib.Core(dict(core_config, axes=driver.axes))
        self.frames = 0
        self.gaps = 0
        self.fault = "ok"
        self.link_busy = False
        self.noise_um_s2 = driver.noise_um_s2
        self.rate = RateMeter(driver.rate_hz, time)
        self.loss = WindowLoss(driver.rate_hz, core_config["hop"], time)
        self.driver = driver
        self.snapshot: Snapshot | None = None  # gets the raw samples while it is there
        self._core = core
        self._time = time
        self._rate_millihz = core_config["rate_millihz"]
        self.ppm = 0  # by which the core was told that the rate is off
        self.knows_rate = driver.backlog is None  # a recording's is as stated
        self._shaft_millihz = 0
        core.full_scale(driver.full_scale_counts)
        self._of_chip = array("h", [0] * core.n_features)
        self._columns = driver.orientation and driver.orientation.columns(core.n_features)
        self.features = array("h", [0] * len(self._columns)) if self._columns else self._of_chip
        self.names = [core.feature_name(i) for i in range(len(self.features))]
        self._instrument = Instrument(driver, self.names)
        self._samples = 0  # since the instrument was judged
        step = min(core_config["hop"], core_config["window"])
        frames = max(1, min(step // BURSTS_PER_HOP, driver.burst_frames))
        self._buf = bytearray(frames * driver.frame_bytes)
        self._work = min(MOST_WORK, int(driver.fifo_ms * WORK_PER_FIFO_MS)) if driver.fifo_ms else MOST_WORK
        if driver.raw_format == PLAIN:
            self._push = core.push
        else:
            core.raw_format(*driver.raw_format)
            self._push = core.push_raw
        self._gaps_in_a_row = 0
        self._uncollected = 0  # windows
        self._whole = False  # features are there, and not judged yet
        self._looked_ms = time.ticks_ms()  # when the driver was asked last
        self._course = None
        self._begun = False  # with the features of the window that is held
        self._by_angle, self._slow = core_config.get("by_angle", 0), core_config.get("slow_window", 0)
        self._known = False  # to the core, whose speed it is
        self._window_ms = max(2, core_config["window"] * 1000000 // core_config["rate_millihz"])
        self._on_window = self._on_fault = None

    def bytes_sampled(self) -> int:
        """Bytes of samples read since start."""
        return self.frames * 2 * self.driver.axes

    def heard_ms(self) -> int:
        """When the last samples were read, in ticks of the clock."""
        return self._looked_ms

    def follow(self, course) -> None:
        """Have the core told by `course`, a speed_course.SpeedCourse, how the speed goes in each window."""
        self._course = course

    def shaft(self, millihz: int) -> None:
        """Tell the core the speed of the shaft, 0 where it is not known."""
        self._shaft_millihz = millihz
        self._known = millihz > 0
        self._core.shaft(millihz)

    def slow_windows(self) -> int:
        """Slow windows since the start or the last gap; 0: none yet, or the model has no slow path."""
        return self._core.slow_windows() if self._slow else 0

    def has_all(self) -> bool:
        """Whether all features are known: those by angle need a speed that can be followed, slow ones a slow window."""
        return (self._known or not self._by_angle) and (not self._slow or self._core.slow_windows() > 0)

    def new_snapshot(self, frames: int) -> Snapshot:
        """Have the next `frames` that come without a gap held."""
        driver = self.driver
        self.snapshot = Snapshot(frames, driver.raw_format, driver.axes, driver.orientation)
        return self.snapshot

    async def run(self, on_window, on_fault, rounds=None) -> None:
        """Sample until `on_window` returns True; all the time, or as `rounds` (a duty.Rounds) says.

        `on_window(features)` is called for each good window; `on_fault(fault)` in place of it, or at each failed try,
        as long as the instrument is at fault. The features belong to the sampler and change with the next window.
        """
        self._on_window, self._on_fault = on_window, on_fault
        driver, core = self.driver, self._core
        await self._learn_tick()
        turn = getattr(driver, "turn", None)
        unyielding = 0
        while True:
            if rounds and rounds.is_over():
                self._interrupt()
                await rounds.rest()
            try:
                frames = driver.readinto(self._buf)
            except OSError as error:
                self._gone(error)
                await self._time.sleep_ms(RETRY_MS)
                continue
            if frames and self._take(frames):
                return
            if frames and self._uncollected >= COLLECT_WINDOWS and not core.ready() and not self._whole:
                self._uncollected = 0
                gc.collect()
                SETTLE()
            unyielding += 1
            if self._whole:  # features that are there, judged after another look at the sensor
                if self._judge():
                    return
            elif core.ready():  # a part of a window's features at a time, and the sensor in between
                if self._step():
                    return
            elif not frames:
                await driver.wait()
                unyielding = 0
            if unyielding > YIELD_AFTER or (frames and not driver.fifo_ms):
                await (turn() if turn else self._time.sleep_ms(0))
                unyielding = 0

    async def _learn_tick(self) -> None:
        """Tell the driver how late a wait ends on this board, before there are samples to miss."""
        if self.driver.backlog is None:
            return  # no chip
        start_ms = self._time.ticks_ms()
        for _ in range(TICK_WAITS):
            await self._time.sleep_ms(1)
        self.driver.know_tick(self._time.ticks_diff(self._time.ticks_ms(), start_ms) / TICK_WAITS)

    def _interrupt(self) -> None:
        """Between rounds the sensor is off. That its samples do not go on where they ended is no fault: not counted."""
        try:  # noqa: SIM105 - MicroPython has no contextlib
            self.driver.sleep()
        except OSError:
            pass  # the next read will say so
        self._core.gap()
        self._begun = False
        self.rate.restart()
        self.loss.restart()

    def _take(self, frames: int) -> bool:
        driver = self.driver
        if driver.gap:
            self._gap()
        self._looked_ms = self._time.ticks_ms()
        if driver.backlog is not None:
            self.rate.count(frames, driver.backlog, driver.late_ms)
        self.frames += frames
        self._samples += frames * driver.axes
        if self.snapshot:
            self.snapshot.take(self._buf, frames)
        size = frames * driver.frame_bytes
        burst = self._buf if size == len(self._buf) else memoryview(self._buf)[:size]
        start = self._push(burst, 0)
        while start < frames:  # the core is full: a window's features make room
            if self._step():
                return True
            start += self._push(burst, start)
        return False

    def _step(self) -> bool:
        """Go on with the window's features. Returns True when the run is to end."""
        if self._whole and self._judge():  # before the next window's take their place
            return True
        if self._course and not self._begun:
            self._tell_course()
        self._whole = self._core.step(self._of_chip, self._work)
        self._begun = not self._whole
        return self._whole and not self.driver.fifo_ms and self._judge()

    def _tell_course(self) -> None:
        """Of the window that is held, before its features; what nobody knows is the constant speed's."""
        end_ms, time = self._looked_ms, self._time
        begin_ms, middle_ms = (
            time.ticks_add(end_ms, -self._window_ms),
            time.ticks_add(end_ms, -self._window_ms // 2),
        )
        speeds = self._course.at(begin_ms, middle_ms, end_ms)
        if speeds:
            self._known = self._core.course(speeds)
        else:  # not that of the window before
            self.shaft(self._shaft_millihz)

    def _judge(self) -> bool:
        """A window's features are there. Returns True when the run is to end."""
        self._whole = False
        if self._columns:
            self._turn()
        if self.rate.ppm is not None:
            self._follow_rate()
        self._gaps_in_a_row = 0
        self._uncollected += COLLECTS
        self.loss.window()
        self.fault = self._instrument.judge(self.features, self.rate.ppm, self._core.clipped(), self._samples)
        self._samples = 0
        if self.fault == "ok":
            return bool(self._on_window(self.features))
        self._on_fault(self.fault)
        return False

    def _follow_rate(self) -> None:
        """Have the core's frequencies be those of the rate that was measured."""
        ppm = self.rate.ppm
        self.knows_rate = True
        if abs(ppm - self.ppm) < RATE_STEP_PPM or abs(ppm) > RATE_LIMIT_PPM:
            return
        try:
            self._core.rate(self._rate_millihz + self._rate_millihz // 1000 * ppm // 1000)
        except ValueError as error:
            print(
                f"vibnode: the sensor's rate is off by {ppm} ppm, which the features cannot follow: {error}"
            )
        else:
            self._core.shaft(self._shaft_millihz)
        self.ppm = ppm

    def _turn(self) -> None:
        for i in range(len(self._columns)):  # any other iterator takes memory
            self.features[i] = self._of_chip[self._columns[i]]

    def _break(self) -> None:
        self._whole = False
        self._core.gap()
        self._begun = False
        self._core.clipped()
        self._samples = 0
        if self.snapshot:
            self.snapshot.restart()
        self.rate.restart()
        self.gaps += 1

    def _gap(self) -> None:
        self._break()
        late_ms = self._time.ticks_diff(self._time.ticks_ms(), self._looked_ms)
        late = self.driver.gap == NOT_TAKEN or (self.driver.fifo_ms and late_ms * 2 >= self.driver.fifo_ms)
        self.loss.gap("link" if self.link_busy else "processor" if late else "bus")
        self._gaps_in_a_row += 1
        if self._gaps_in_a_row >= STARVED_GAPS:
            self.fault = "gap"
            self._on_fault(self.fault)

    def _gone(self, error: OSError) -> None:
        if self.fault != "gone":
            print("vibnode: the sensor does not answer:", error)
            self._break()
        self.loss.restart()
        self.fault = "gone"
        self._on_fault(self.fault)


def check_fit(driver, core_config: dict) -> None:
    """Raise SensorMismatch unless `driver` gives what a model with `core_config` was made for."""
    needed_hz = core_config["rate_millihz"] / 1000
    axes = driver.orientation.axes if driver.orientation else driver.axes
    for field, given, needed, fits in (
        ("rate_hz", driver.rate_hz, needed_hz, abs(driver.rate_hz - needed_hz) <= RATE_TOLERANCE * needed_hz),
        ("axes", axes, core_config["axes"], axes == core_config["axes"]),
        (
            "lsb_nm_s2",
            driver.lsb_nm_s2,
            core_config["lsb_nm_s2"],
            driver.lsb_nm_s2 == core_config["lsb_nm_s2"],
        ),
    ):
        if not fits:
            text = (
                f"the sensor's {field} is {given:.10g}; accepted: {needed:.10g}, for which the model was made"
            )
            if field == "axes" and hasattr(driver, "self_test"):  # a recording's are as they are
                text += "; sensor.orientation names them"
            raise SensorMismatch(text)
    shortest = getattr(driver, "shortest_frames", None)
    if shortest:
        path, frames = shortest()
        if frames < core_config["window"]:
            window = core_config["window"]
            raise SensorMismatch(f"{path}: plays {frames} frames; accepted: a window of {window} or more")
