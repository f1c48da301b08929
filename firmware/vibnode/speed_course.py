"""How the speed goes within a window, for the core, which takes orders by the shaft's angle (SPEC 1.4, `course`)."""

from array import array

from .clock import ticks_add, ticks_diff
from .operating_point import TOLD

# 2^14 times 2 to the power of 1/2, 1/4, ... 1/4096
_ROOTS = (23170, 19484, 17867, 17109, 16743, 16562, 16473, 16428, 16406, 16395, 16390, 16387)
MOST_OCTAVES = 29
MOST_RISE = 1 << 19  # 1/1000 Hz: times a window of 2 s at most it is a short integer on 32 bits


def millihz_of(fine: int) -> int:
    """The speed in 1/1000 Hz whose base-2 logarithm is `fine` / 4096; without a long integer on 32 bits."""
    octaves, bit, value = fine >> 12, 2048, 16384
    if octaves > MOST_OCTAVES:
        return (1 << 30) - 1
    for root in _ROOTS:
        if fine & bit:
            value = value * root + 8192 >> 14
        bit >>= 1
    return value << octaves - 14 if octaves > 14 else value + (8192 >> octaves) >> 14 - octaves


class SpeedCourse:
    """Tells the speeds at a window's begin and end, in a straight line through those of its halves."""

    def __init__(self, points, pulse=None) -> None:
        """`points`: operating_point.OperatingPoints; `pulse`: the probe, which knows the speed more finely."""
        self._points = points
        self._pulse = pulse
        self._speeds = array("I", [0, 0])
        self._centre_ms = 0  # of what told the last speed

    def at(self, begin_ms: int, middle_ms: int, end_ms: int):
        """An array('I') of the two, in 1/1000 Hz; None where nobody knows them. Times are ticks of the clock."""
        first = self._speed(begin_ms, middle_ms)
        first_ms = ticks_diff(self._centre_ms, begin_ms)
        second = self._speed(middle_ms, end_ms)
        apart_ms = ticks_diff(self._centre_ms, begin_ms) - first_ms
        if not first or not second:
            return None
        if apart_ms <= 0:  # so few pulses that the same ones tell both
            first_ms, apart_ms, first = 0, 1, second
        rise = max(-MOST_RISE, min(MOST_RISE, second - first))
        self._speeds[0] = max(1, first - rise * first_ms // apart_ms)
        self._speeds[1] = max(1, first + rise * (ticks_diff(end_ms, begin_ms) - first_ms) // apart_ms)
        return self._speeds

    def _speed(self, begin_ms: int, end_ms: int) -> int:
        pulse = self._pulse
        fine = pulse.log2_speed_fine(begin_ms, end_ms) if pulse else 0
        if fine:
            self._centre_ms = pulse.centre_ms
            return millihz_of(fine)
        self._centre_ms = ticks_add(begin_ms, ticks_diff(end_ms, begin_ms) // 2)
        point = self._points.at(begin_ms, end_ms, None)
        return millihz_of(point.log2_speed * 16) if point.quality >= TOLD else 0
