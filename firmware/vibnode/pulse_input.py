"""The shaft's speed by a probe that gives pulses on a pin: hall, inductive or optical, some to each turn.

Few pulses a turn: an interrupt notes when each came, and the speed of a window is that between the pulses around it;
one that is missing is seen by the distance of its neighbours, and one that bounces too. Many, where the port has
`machine.Counter` (ESP32, S3, C6 from MicroPython 1.26 on, over their PCNT): they are counted between windows. All is in
whole numbers and takes no memory. Ticks are held to 30 bits, so that differences hold for 8 minutes.
"""

from array import array

from . import clock
from .operating_point import PULSE

COUNTED_FROM = 16  # pulses a turn, from which on they are counted where the port can
HELD, USED = 64, 60  # pulses; the rest may be overwritten by an interrupt meanwhile
MARKS = 8  # of a counter
MASK = (1 << 30) - 1
HALF = 1 << 29
SILENT_MS, FORGOTTEN_MS = 120000, 300000
BOUNCED_MS = 500  # so long a bounce is told of
LOG2_1E9 = 122460  # 4096 * log2(1e9): from pulses a microsecond to 1/1000 Hz
MOST_FAULTY = (
    4  # one pulse in so many that is missing, bounces or comes any time leaves no speed to be trusted
)
SORTED = 15  # distances, of which the median is the usual one


def log2_fine(value: int) -> int:
    """4096 times the base-2 logarithm of `value`, 1 to 2^30 - 1, within one; on 32 bits without a long integer."""
    octaves = 14
    while value >= 32768:
        value >>= 1
        octaves += 1
    while value < 16384:
        value <<= 1
        octaves -= 1
    steps = 0
    for _ in range(12):
        value = value * value + 8192 >> 14
        steps <<= 1
        if value >= 32768:
            value >>= 1
            steps += 1
    return octaves * 4096 + steps


def since_us(later: int, earlier: int) -> int:
    """Microseconds from `earlier` to `later`, both held to 30 bits."""
    passed = (later - earlier) & MASK
    return passed if passed < HALF else passed - HALF - HALF


class _Probe:
    """What both kinds share.

    `centre_ms`: the time, in ticks of the clock, at the middle of the pulses that told the last speed.
    `state`: ``ok``, ``missing`` or ``bouncing`` (and the speed is good all the same), ``silent``, or ``bad``.
    """

    def __init__(self, pulse: dict, time=clock) -> None:
        self.state = "silent"
        self.centre_ms = 0
        self._time = time
        self._per_turn = pulse["per_turn"]
        self._scale = LOG2_1E9 - log2_fine(self._per_turn) + _log2_ratio(pulse["ratio"])
        self._asked_ms = time.ticks_ms()
        self._centre_us = 0  # before the last time that it was asked

    def fill(self, point, begin_ms: int, end_ms: int, features) -> None:
        """Put the speed from `begin_ms` to `end_ms` into `point`, if the pulses tell it."""
        fine = self.log2_speed_fine(begin_ms, end_ms)
        if fine:
            point.set_speed(max(1, fine + 8 >> 4), PULSE, "pulse")

    def log2_speed_fine(self, begin_ms: int, end_ms: int) -> int:
        """4096 times the base-2 logarithm of the speed in 1/1000 Hz; 0 where the pulses do not tell it."""
        time = self._time
        now_ms, now_us = time.ticks_ms(), time.ticks_us() & MASK
        if time.ticks_diff(now_ms, self._asked_ms) > FORGOTTEN_MS:
            self.forget()
        self._asked_ms = now_ms
        begin_ms, end_ms = time.ticks_diff(now_ms, begin_ms), time.ticks_diff(now_ms, end_ms)
        fine = self._speed(now_us, begin_ms * 1000, end_ms * 1000) if 0 <= begin_ms < SILENT_MS else 0
        self.centre_ms = time.ticks_add(now_ms, -self._centre_us // 1000)
        return fine

    def _of(self, pulses: int, span_us: int) -> int:
        return max(1, log2_fine(pulses) - log2_fine(span_us) + self._scale)


class PulseTimes(_Probe):
    """Notes when each pulse came."""

    def __init__(self, pulse: dict, time=clock) -> None:
        super().__init__(pulse, time)
        self._least_us = 30000000 // (self._per_turn * pulse["highest_rpm"])
        self._times = array("i", [0] * HELD)
        self._distances = array("i", [0] * SORTED)
        self._count = self._bounces = self._told_bounces = 0
        self._bounced_ms = self._asked_ms
        self._missed = self._doubled = self._odd = self._span_us = 0
        self._ticks_us = time.ticks_us

    def pulse(self, pin) -> None:
        """The interrupt, a hard one where the port has those: nothing here takes memory."""
        now, count, times = self._ticks_us() & MASK, self._count, self._times
        if count and (now - times[(count - 1) & 63]) & MASK < self._least_us:
            self._bounces = (self._bounces + 1) & MASK
            return
        times[count & 63] = now
        self._count = count + 1 if count < MASK else HELD

    def forget(self) -> None:
        """Nothing is known any more."""
        self._count = 0

    def _speed(self, now: int, begin_us: int, end_us: int) -> int:
        """Of the window that began and ended so long before `now`; 0 where it is not known."""
        count = self._count
        held = min(count, USED)
        if held and self._age(count, 0, now) > SILENT_MS * 1000:
            self.forget()
            held = 0
        if held < 2:
            self.state = "silent"
            return 0
        last = self._last(count, held, now, end_us)
        first = self._first(count, held, now, begin_us, last)
        usual_us = self._usual(count, last, first)
        if self._age(count, last, now) - end_us > 2 * usual_us + self._least_us:
            self.state = "silent"
            return 0
        pulses = self._between(count, last, first, usual_us)
        self._centre_us = (self._age(count, first, now) + self._age(count, last, now)) // 2
        return self._judged(pulses, first - last)

    def _age(self, count: int, back: int, now: int) -> int:
        """Of the pulse `back` before the last one."""
        return since_us(now, self._times[(count - 1 - back) & 63])

    def _last(self, count: int, held: int, now: int, end_us: int) -> int:
        """How far back the first pulse is that came at the window's end or after; else 0, the last one there is."""
        back = 0
        while back + 2 < held and self._age(count, back + 1, now) <= end_us:
            back += 1
        return back

    def _first(self, count: int, held: int, now: int, begin_us: int, last: int) -> int:
        """How far back the last pulse before the window's begin is; so that the two are whole turns apart."""
        back = last + 1
        while back + 1 < held and self._age(count, back, now) < begin_us:
            back += 1
        whole_turns = last + -(-(back - last) // self._per_turn) * self._per_turn
        return min(whole_turns, held - 1)

    def _distance(self, count: int, back: int) -> int:
        """To the pulse `back` before the last one from the one before that."""
        times = self._times
        return (times[(count - 1 - back) & 63] - times[(count - 2 - back) & 63]) & MASK

    def _usual(self, count: int, last: int, first: int) -> int:
        """The median distance, of the latest ones."""
        distances, held = self._distances, 0
        while held < SORTED and last + held < first:
            distance, at = self._distance(count, last + held), held
            while at and distances[at - 1] > distance:
                distances[at] = distances[at - 1]
                at -= 1
            distances[at] = distance
            held += 1
        return max(1, distances[held // 2])

    def _between(self, count: int, last: int, first: int, usual_us: int) -> int:
        """Pulses from `first` to `last`, those counted that are missing, and not those that bounce."""
        pulses = self._missed = self._doubled = self._odd = self._span_us = 0
        waiting_us = 0
        while first > last:
            first -= 1
            waiting_us += self._distance(count, first)
            if waiting_us < usual_us * 2 // 5:
                self._doubled += 1
                continue
            times = 1 if waiting_us // 3 < usual_us // 2 else (waiting_us + usual_us // 2) // usual_us
            if abs(waiting_us - times * usual_us) > usual_us // 3:
                self._odd += 1
            self._missed += times - 1
            pulses += times
            self._span_us += waiting_us
            waiting_us = 0
        return pulses

    def _judged(self, pulses: int, held: int) -> int:
        if self._bounces != self._told_bounces:
            self._told_bounces, self._bounced_ms = self._bounces, self._asked_ms
        bounced = self._bounces and self._time.ticks_diff(self._asked_ms, self._bounced_ms) < BOUNCED_MS
        if not pulses or (self._missed + self._doubled + self._odd) * MOST_FAULTY > held + self._missed:
            self.state = "bad"
            return 0
        self.state = "missing" if self._missed else "bouncing" if self._doubled or bounced else "ok"
        return self._of(pulses, self._span_us)


class PulseCount(_Probe):
    """Counts pulses between windows, by `counter`, a machine.Counter."""

    def __init__(self, pulse: dict, counter, time=clock) -> None:
        super().__init__(pulse, time)
        self._counter = counter
        self._times = array("i", [0] * MARKS)
        self._counts = array("i", [0] * MARKS)
        self._marks = 0

    def forget(self) -> None:
        """Nothing is known any more."""
        self._marks = 0

    def _speed(self, now: int, begin_us: int, end_us: int) -> int:
        """Over the marks around the window, which is judged soon after its end."""
        value, marks = self._counter.value() & MASK, self._marks
        back = 1
        while back < min(marks, MARKS) and since_us(now, self._times[(marks - back) & 7]) < begin_us:
            back += 1
        at = (marks - back) & 7
        passed_us = since_us(now, self._times[at])
        pulses = (value - self._counts[at]) & MASK
        self._times[marks & 7], self._counts[marks & 7] = now, value
        self._marks = marks + 1 if marks < MASK else MARKS
        if not marks or passed_us <= 0:
            return 0
        self._centre_us = passed_us // 2
        self.state = "ok" if pulses else "silent"
        return self._of(pulses, passed_us) if pulses else 0


def open_pulse(pulse: "dict | None"):
    """The probe that `pulse`, that section of the configuration, names; None where there is none, or where the board
    has no such pin, which is said."""
    if pulse is None:
        return None
    try:
        import machine

        pin = machine.Pin(pulse["pin"], machine.Pin.IN)
        if pulse["per_turn"] >= COUNTED_FROM and hasattr(machine, "Counter"):
            return PulseCount(pulse, _counter(machine.Counter, pin, pulse))
        probe = PulseTimes(pulse)
        edge = pin.IRQ_RISING if pulse["edge"] == "rising" else pin.IRQ_FALLING
        try:
            pin.irq(probe.pulse, edge, hard=True)
        except TypeError:  # the ESP32 knows none; its interrupts wait for the interpreter
            pin.irq(probe.pulse, edge)
        return probe
    except (ImportError, AttributeError, ValueError, OSError) as error:
        print(f"vibnode: pulse.pin: {pulse['pin']}: this board takes no pulses there ({error})")
        return None


def _counter(counter_class, pin, pulse: dict):
    falling = pulse["edge"] == "falling"
    return counter_class(
        0, pin, edge=counter_class.FALLING if falling else counter_class.RISING, filter_ns=1000
    )


def _log2_ratio(ratio: float) -> int:
    return log2_fine(int(ratio * 1000 + 0.5)) - log2_fine(1000)
