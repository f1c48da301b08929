"""Velocity limits of the standards: what the mean is, and that it decides. Portable: CPython and MicroPython."""

import math

from vibnode.detector import Detector
from vibnode.mean_velocity import MeanVelocity, block_windows
from vibnode.slow_velocity import SlowVelocity, slow_block_windows

META = {
    "off_rms": 500,
    "quiet_rms": 0,
    "off_below": 1000,
    "warning": 256,
    "alarm": 512,
    "hysteresis": 64,
    "dwell_windows": 4,
    "clear_windows": 4,
    "classes": (),
}
LIMITS = (5500, 5700)


def level(mm_s):
    return round(256 * math.log(mm_s * 1000000) / math.log(2))


def test_the_mean_is_that_of_the_energy_and_holds_until_the_next_block():
    mean = MeanVelocity(4)
    for mm_s in (1, 1, 1):
        mean.add(level(mm_s))
        assert mean.level is None
    mean.add(level(5))
    assert abs(mean.level - level(math.sqrt((3 + 25) / 4))) <= 1
    mean.add(level(20))
    assert abs(mean.level - level(math.sqrt(7))) <= 1


def test_the_mean_of_equal_windows_is_theirs_from_a_whisper_to_a_roar():
    for one in (0, 1, 2551, 5102, 7653, 9000):
        mean = MeanVelocity(2400)
        for _ in range(2400):
            mean.add(one)
        assert abs(mean.level - one) <= 1, one


def test_a_block_is_as_many_windows_as_the_time_holds():
    assert block_windows(60, {"rate_millihz": 3_200_000, "hop": 512}) == 375
    assert block_windows(60, {"rate_millihz": 1000, "hop": 1_000_000}) == 1


def seen(velocities, windows, detector=None):
    """The events of windows of these velocities, of a machine that is well otherwise."""
    detector = detector or Detector(META, velocity_limits=LIMITS)
    mean, events = MeanVelocity(windows), []
    for i, one in enumerate(velocities):
        mean.add(one)
        for transition in detector.update(2000, 0, velocity=mean.level):
            events.append((i, transition.event, transition.level, transition.cause))
    return events


def test_a_start_through_resonance_is_no_alert_and_steady_vibration_is():
    run_up = [5200] * 60 + [5720] * 6 + [5200] * 200  # a tenth of the time over the alarm's limit
    assert seen(run_up, 60) == []
    assert seen([5200] * 60 + [5600] * 240, 60) == [(122, "raise", "warning", "velocity")]
    assert seen([5200] * 60 + [5800] * 240, 60) == [(122, "raise", "alarm", "velocity")]


def test_a_velocity_about_its_limit_does_not_chatter():
    noise = [5500 + (37 * i * i) % 101 - 50 for i in range(6000)]
    assert len(seen(noise, 60)) <= 1


SLOW_NAMES = [
    axis + "." + name for axis in "xy" for name in ("rms", "slow_velocity_rms", "slow_band00", "slow_band01")
]


def log2(value):
    return round(256 * math.log(value) / math.log(2))


def test_a_tower_is_judged_by_its_velocity_or_by_a_fifth_of_a_second_of_its_acceleration():
    slow = SlowVelocity(SLOW_NAMES)
    of_100_nm_s = log2(50000 / 0.1)  # 50 mm/s
    assert abs(slow.level([9999, of_100_nm_s, 0, 0, 9999, 0, 0, 0]) - level(50)) <= 1
    for first, second in ((0.3, 0.0001), (0.21, 0.214), (0.24, 0.18), (0.2, 0.2236)):  # 0.3 m/s^2 in all
        found = slow.level([0, 0, 0, 0, 0, of_100_nm_s, log2(first * 1e6), log2(second * 1e6)])
        assert abs(found - level(60)) <= 12, (first, found - level(60))


def test_a_slow_window_counts_once_and_a_gap_begins_anew():
    slow = SlowVelocity(SLOW_NAMES)
    assert [slow.is_new(n) for n in (0, 0, 1, 1, 2, 2, 0, 0, 1)] == [
        False,
        False,
        True,
        False,
        True,
        False,
        False,
        False,
        True,
    ]


def test_ten_minutes_are_as_many_slow_windows_as_they_hold():
    assert (
        slow_block_windows(600, {"rate_millihz": 6667000, "slow_window": 2048}) == 31
    )  # of 39 s, half new each
    assert slow_block_windows(600, {"rate_millihz": 3200000, "slow_window": 1024}) == 59
