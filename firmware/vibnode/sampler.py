"""From the driver to windows of features: reads bursts, counts gaps, and says when samples are not to be trusted."""

from array import array

import vib

from . import clock
from .drivers.raw import PLAIN
from .instrument import Instrument
from .rate_meter import RateMeter
from .snapshot import Snapshot

BURSTS_PER_HOP = 4
RATE_TOLERANCE = 0.01  # of the rate that the model was made for
RETRY_MS = 1000  # between tries at a sensor that does not answer
STARVED_GAPS = 3  # so many gaps with no whole window between them: the samples are useless


class SensorMismatch(Exception):
    """The sensor does not give what the model was made for. Its text is one line for the user."""


class Sampler:
    """Pushes a driver's samples through a ``vib.Core``.

    `driver`: what it reads. `names`, `features`: of the last window, in the core's order; they change with the next.
    `frames`, `gaps`: counted since start. `rate.ppm`: how far the sensor's rate is off, see rate_meter. `fault`:
    ``ok``, ``gap`` (samples are lost before any window is whole), ``gone`` (no answer) or one of
    instrument.Instrument's.
    """

    def __init__(self, driver, core, core_config: dict, time=clock) -> None:
        """Raises SensorMismatch. A sensor of more axes than `core_config` gets a core of its own in place of `core`."""
        check_fit(driver, core_config)
        if driver.axes != core_config["axes"]:
            core = vib.Core(dict(core_config, axes=driver.axes))
        self.frames = 0
        self.gaps = 0
        self.fault = "ok"
        self.noise_um_s2 = driver.noise_um_s2
        self.rate = RateMeter(driver.rate_hz, time)
        self.driver = driver
        self.snapshot: Snapshot | None = None  # gets the raw samples while it is there
        self._core = core
        self._time = time
        self._of_chip = array("h", [0] * core.n_features)
        self._columns = driver.orientation and driver.orientation.columns(core.n_features)
        self.features = array("h", [0] * len(self._columns)) if self._columns else self._of_chip
        self.names = [core.feature_name(i) for i in range(len(self.features))]
        self._instrument = Instrument(driver, self.names)
        step = min(core_config["hop"], core_config["window"])
        frames = max(1, min(step // BURSTS_PER_HOP, driver.burst_frames))
        self._buf = bytearray(frames * driver.frame_bytes)
        if driver.raw_format == PLAIN:
            self._push = core.push
        else:
            core.raw_format(*driver.raw_format)
            self._push = core.push_raw
        self._gaps_in_a_row = 0

    def bytes_sampled(self) -> int:
        """Bytes of samples read since start."""
        return self.frames * 2 * self.driver.axes

    def shaft(self, millihz: int) -> None:
        """Tell the core the speed of the shaft, 0 where it is not known."""
        self._core.shaft(millihz)

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
        while True:
            if rounds and rounds.is_over():
                self._interrupt()
                await rounds.rest()
            try:
                frames = self.driver.readinto(self._buf)
            except OSError as error:
                self._gone(error, on_fault)
                await self._time.sleep_ms(RETRY_MS)
                continue
            if not frames:
                await self._time.sleep_ms(self.driver.poll_ms)
                continue
            if self._take(frames, on_window, on_fault):
                return
            await self._time.sleep_ms(0)

    def _interrupt(self) -> None:
        """Between rounds the sensor is off. That its samples do not go on where they ended is no fault: not counted."""
        try:  # noqa: SIM105 - MicroPython has no contextlib
            self.driver.sleep()
        except OSError:
            pass  # the next read will say so
        self._core.gap()
        self.rate.restart()

    def _take(self, frames: int, on_window, on_fault) -> bool:
        if self.driver.gap:
            self._gap(on_fault)
        if self.driver.backlog is not None:
            self.rate.count(frames, self.driver.backlog)
        self.frames += frames
        if self.snapshot:
            self.snapshot.take(self._buf, frames)
        self._instrument.look(self._buf, frames)
        size = frames * self.driver.frame_bytes
        burst = self._buf if size == len(self._buf) else memoryview(self._buf)[:size]
        start = 0
        while start < frames:
            start += self._push(burst, start)
            if self._core.ready() and self._window(on_window, on_fault):
                return True
        return False

    def _window(self, on_window, on_fault) -> bool:
        self._core.features(self._of_chip)
        if self._columns:
            self._turn()
        self._gaps_in_a_row = 0
        self.fault = self._instrument.judge(self.features, self.rate.ppm)
        if self.fault == "ok":
            return bool(on_window(self.features))
        on_fault(self.fault)
        return False

    def _turn(self) -> None:
        for i in range(len(self._columns)):  # any other iterator takes memory
            self.features[i] = self._of_chip[self._columns[i]]

    def _break(self) -> None:
        self._core.gap()
        if self.snapshot:
            self.snapshot.restart()
        self.rate.restart()
        self.gaps += 1

    def _gap(self, on_fault) -> None:
        self._break()
        self._gaps_in_a_row += 1
        if self._gaps_in_a_row >= STARVED_GAPS:
            self.fault = "gap"
            on_fault(self.fault)

    def _gone(self, error: OSError, on_fault) -> None:
        if self.fault != "gone":
            print("vibnode: the sensor does not answer:", error)
            self._break()
        self.fault = "gone"
        on_fault(self.fault)


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
