"""The operating point of a machine at a window's time: its shaft's speed, a load where one is known, and how sure.

A source is any object with `fill(point, begin_ms, end_ms, features)`: it puts what it knows into what the point still
lacks. `OperatingPoints` asks its sources in order of trust, so that a pulse goes before what is told, and that before
what is estimated. Nothing is allocated for a window.
"""

from .clock import ticks_diff
from .messages import to_log2

NONE, ESTIMATED, TOLD, PULSE = 0, 1, 2, 3  # in order of trust
QUALITIES = ("none", "estimated", "told", "pulse")
FULL_LOAD = 1000


class OperatingPoint:
    """`log2_speed`: of the shaft, 256 steps an octave re 1 mHz; says nothing where `quality` is NONE.

    `load`: thousandths of the rated load, None where it is not known. `source`: what told the speed, as in a status.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Nothing is known of the next window yet."""
        self.log2_speed = 0
        self.load: int | None = None
        self.quality = NONE
        self.source = "none"

    def set_speed(self, log2_speed: int, quality: int, source: str) -> None:
        """Take a speed, unless one of the same trust or more is there."""
        if quality > self.quality:
            self.log2_speed, self.quality, self.source = log2_speed, quality, source

    def set_load(self, load: "int | None") -> None:
        """Take a load, unless one is there."""
        if self.load is None:
            self.load = load


class OperatingPoints:
    """Gives each window its operating point."""

    def __init__(self, sources) -> None:
        """`sources`: in order of trust, most first."""
        self.sources = sources
        self.point = OperatingPoint()

    def at(self, begin_ms: int, end_ms: int, features) -> OperatingPoint:
        """The point of the window from `begin_ms` to `end_ms`, ticks of the clock, whose features are `features`.

        The same object each time; it holds until the next call.
        """
        point = self.point
        point.forget()
        for source in self.sources:
            source.fill(point, begin_ms, end_ms, features)
        return point


class Constant:
    """A speed that never changes, as the configuration tells it (`shaft_rpm`)."""

    def __init__(self, shaft_rpm: float) -> None:
        self._log2_speed = speed_steps(shaft_rpm)

    def fill(self, point: OperatingPoint, begin_ms: int, end_ms: int, features) -> None:
        """Put the speed into `point`."""
        point.set_speed(self._log2_speed, TOLD, "constant")


class Told:
    """What somebody said last, for as long as it holds: a SCADA gateway on the device, the manifest in evaluation.

    What was said before it is kept too, for windows from before it holds, which are judged a little later.
    """

    def __init__(self) -> None:
        self._last = self._before = None

    def tell(self, log2_speed: "int | None", load: "int | None", from_ms: int, until_ms: int) -> None:
        """From `from_ms` to `until_ms`, ticks of the clock, it is so; None for what is not known.

        From then on nothing that was said before holds.
        """
        self._before, self._last = self._last, (log2_speed, load, from_ms, until_ms)

    def fill(self, point: OperatingPoint, begin_ms: int, end_ms: int, features) -> None:
        """Put what was told into `point`, if it holds over the middle of the window.

        Asked once in some days at least: ticks wrap, and what is over is forgotten here.
        """
        said = self._last
        if said is None:
            return
        half_ms = ticks_diff(end_ms, begin_ms) // 2
        if ticks_diff(end_ms, said[3]) >= half_ms:
            self._last = self._before = None
            return
        if ticks_diff(end_ms, said[2]) < half_ms:
            said = self._before
            if said is None or not _holds(said, end_ms, half_ms):
                return
        else:
            self._before = None
        if said[0] is not None:
            point.set_speed(said[0], TOLD, "told")
        point.set_load(said[1])


def _holds(said, end_ms: int, half_ms: int) -> bool:
    return ticks_diff(end_ms, said[2]) >= half_ms and ticks_diff(end_ms, said[3]) < half_ms


def speed_steps(shaft_rpm: float) -> int:
    """`log2_speed` of so many revolutions a minute; at least 1."""
    return max(1, to_log2(shaft_rpm * 1000 / 60))
