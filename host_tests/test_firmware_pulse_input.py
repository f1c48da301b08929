"""The speed by pulses: at the window's time, through missing and bouncing ones and ticks that wrap. Portable."""

import gc

from vibnode import pulse_input
from vibnode.operating_point import NONE, PULSE, OperatingPoints, speed_steps
from vibnode.pulse_input import PulseCount, PulseTimes, log2_fine, since_us

from lab.chips.probe import Probe
from lab.chips.time import VirtualTime

US_A_DAY = 86400000000


def settings(**given):
    return dict({"pin": 4, "per_turn": 1, "edge": "rising", "ratio": 1, "highest_rpm": 6000}, **given)


class Bench:
    """A wheel, its probe, and the input that hears it."""

    def __init__(self, speed_hz, start_us=0, counted=False, late=(), jitter=None, **given):
        self.time = VirtualTime()
        self.time.now_ps = start_us * 1000000
        chosen = settings(**given)
        turning = speed_hz if callable(speed_hz) else lambda seconds: speed_hz
        self.probe = Probe(self.time, turning, chosen["per_turn"], late, jitter)
        if counted:
            self.input = PulseCount(chosen, self.probe, self.time)
        else:
            self.input = PulseTimes(chosen, self.time)
            self.probe.irq(self.input.pulse, self.probe.IRQ_RISING)
        self.points = OperatingPoints([self.input])

    def speed(self, window_ms=300, ago_ms=0):
        """log2_speed of the window that ended so long ago; None where it is not known."""
        end_ms = self.time.ticks_ms() - ago_ms
        point = self.points.at(end_ms - window_ms, end_ms, None)
        assert point.quality == (PULSE if point.source == "pulse" else NONE)
        return point.log2_speed if point.quality else None


def near(log2_speed, rpm, steps=1):
    assert log2_speed is not None and abs(log2_speed - speed_steps(rpm)) <= steps, (
        log2_speed,
        speed_steps(rpm),
    )


def test_the_integer_logarithm():
    exact = ((1, 0), (2, 4096), (3, 6492), (1000, 40820), (1 << 29, 29 * 4096), ((1 << 30) - 1, 30 * 4096))
    for value, wanted in exact:
        assert abs(log2_fine(value) - wanted) <= 1, value


def test_ticks_that_wrap():
    assert since_us(5, (1 << 30) - 5) == 10
    assert since_us((1 << 30) - 5, 5) == -10


def test_a_steady_speed_whatever_it_is():
    for rpm in (10, 60, 600, 1800, 5900):
        bench = Bench(rpm / 60)
        bench.probe.run(max(2000000, 150000000 // rpm), 500)
        near(bench.speed(), rpm)
        assert bench.input.state == "ok"


def test_several_pulses_a_turn_that_are_not_evenly_spaced():
    bench = Bench(25, per_turn=4, late=(0, 0.15, -0.1, 0.05))
    bench.probe.run(1000000)
    near(bench.speed(), 1500)
    assert bench.input.state == "ok"


def test_a_probe_on_another_shaft():
    bench = Bench(0.3, per_turn=6, ratio=81.5)
    bench.probe.run(10000000, 1000)
    near(bench.speed(), 0.3 * 60 * 81.5, 2)


def test_it_is_the_speed_of_the_windows_time_and_not_the_last():
    bench = Bench(lambda seconds: 20 + 2 * seconds, per_turn=2)
    bench.probe.run(3000000)
    near(bench.speed(ago_ms=0), 60 * (20 + 2 * 2.85), 2)
    near(bench.speed(ago_ms=500), 60 * (20 + 2 * 2.35), 2)


def test_missing_pulses_are_noticed_and_counted_in():
    bench = Bench(30)
    bench.probe.missing.update((55, 58))
    bench.probe.run(2000000)
    near(bench.speed(), 1800)
    assert bench.input.state == "missing"


def test_bouncing_pulses_are_noticed_and_left_out():
    for after_us in (200, 9000):  # within what the highest speed leaves, and beyond
        bench = Bench(30)
        bench.probe.bouncing.update({53: after_us, 57: after_us})
        bench.probe.run(2000000)
        near(bench.speed(), 1800)
        assert bench.input.state == "bouncing", after_us
        bench.probe.run(1000000)
        near(bench.speed(), 1800)
        assert bench.input.state == "ok"


def test_a_wire_that_picks_up_anything_tells_no_speed():
    bench = Bench(30)
    for number in range(1000):
        if number % 2:
            bench.probe.bouncing[number] = 6000 + number * 7919 % 20000
    bench.probe.run(3000000)
    assert bench.speed() is None and bench.input.state == "bad"


def test_a_shaft_that_stands_still_tells_no_speed_and_then_one_again():
    bench = Bench(lambda seconds: 0 if 2 < seconds < 5 else 30)
    assert bench.speed() is None and bench.input.state == "silent"
    bench.probe.run(2000000)
    near(bench.speed(), 1800)
    bench.probe.run(1000000)
    assert bench.speed() is None and bench.input.state == "silent"
    bench.probe.run(3000000)
    near(bench.speed(), 1800)


def test_ticks_that_wrap_meanwhile_change_nothing():
    bench = Bench(30, start_us=(1 << 30) - 1000000)
    for _ in range(4):
        bench.probe.run(500000)
        near(bench.speed(), 1800)


def test_after_a_long_silence_old_pulses_are_not_taken_for_new_ones():
    bench = Bench(30)
    bench.probe.run(2000000)
    near(bench.speed(), 1800)
    bench.time.now_ps += (1 << 30) * 1000000  # asleep: the ticks are where they were
    assert bench.speed() is None


def test_interrupts_that_come_late_are_averaged_over_the_window():
    number = [1]

    def jitter():
        number[0] = number[0] * 16807 % 2147483647
        return number[0] % 2000

    bench = Bench(25, jitter=jitter)
    bench.probe.run(2000000)
    near(bench.speed(), 1500, 4)  # 2 ms of 300: 2.5 steps


def test_many_pulses_a_turn_are_counted():
    bench = Bench(lambda seconds: 20 + seconds, counted=True, per_turn=60)
    assert bench.speed() is None
    for _ in range(8):
        bench.probe.run(150000)
        speed = bench.speed()
    seconds = 8 * 0.15 - 0.15
    near(speed, 60 * (20 + seconds), 3)
    bench.time.now_ps += 2000000 * 1000000
    bench.speed()
    assert bench.speed() is None and bench.input.state == "silent"


def test_a_counter_that_wraps_its_thirty_bits():
    bench = Bench(25, counted=True, per_turn=60)
    bench.probe.pulses = (1 << 30) - 100
    for _ in range(4):
        bench.probe.run(150000)
        speed = bench.speed()
    near(speed, 1500, 3)


def test_a_board_without_such_a_pin_says_so_and_goes_on():
    assert pulse_input.open_pulse(None) is None
    assert pulse_input.open_pulse(settings()) is None


class Ticks:
    """A board's ticks, short integers on 32 bits, where those of microseconds soon begin anew."""

    def __init__(self):
        self.us = pulse_input.MASK - 1000000
        self.ms = 5

    def ticks_us(self):
        return self.us

    def ticks_ms(self):
        return self.ms

    def ticks_diff(self, later, earlier):
        return later - earlier

    def ticks_add(self, ticks, delta):
        return ticks + delta


def test_noting_pulses_and_telling_the_speed_take_no_memory():
    """Nor long integers, where this is run on 32 bits."""
    for step_ms, rpm in ((20, 3000), (200, 300), (6000, 10)):
        time = Ticks()
        probe = PulseTimes(settings(), time)
        points = OperatingPoints([probe])
        taken = 0
        for number in range(200):
            time.us = (time.us + 1000 * step_ms) & pulse_input.MASK
            time.ms += step_ms
            if number == 100 and hasattr(gc, "mem_alloc"):  # CPython does not tell
                gc.collect()
                gc.disable()
                taken = -gc.mem_alloc()
            probe.pulse(None)
            point = points.at(time.ms - 300, time.ms, None)
        if hasattr(gc, "mem_alloc"):
            taken += gc.mem_alloc()
            gc.enable()
        assert taken <= 128, taken  # less than two bytes a window
        near(point.log2_speed, rpm)
        assert point.quality == PULSE
