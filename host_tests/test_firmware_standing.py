"""Alerts that are up outlast a restart: kept whole or not at all, and over when the next run finds so. Portable."""

from power_cut import every_cut
from vibnode import standing
from vibnode.detector import STATE_WINDOWS, Detector

META = {
    "classes": (),
    "warning": 200,
    "alarm": 500,
    "off_rms": 1000,
    "quiet_rms": 1000,
    "off_below": 512,
    "hysteresis": 64,
    "dwell_windows": 4,
    "clear_windows": 3,
}
LIMITS = (5000, 6000)


def play(detector, score, n, velocity=None, fault="ok"):
    found = []
    for _ in range(n):
        found += detector.update(4000, score, velocity=velocity, fault=fault)
    return [(t.event, t.level, t.cause) for t in found]


def begun_anew(tmp_path, before, limits=None):
    """A detector that begins with what was up on another."""
    folder = str(tmp_path)
    standing.save(folder, before.standing())
    after = Detector(META, limits)
    after.restore(standing.load(folder))
    return after


def test_an_alarm_goes_on_and_is_not_raised_again(tmp_path):
    before = Detector(META)
    assert play(before, 900, 60) == [("raise", "alarm", "anomaly")]
    after = begun_anew(tmp_path, before)
    assert after.active() == ["anomaly"] and after.n_active() == 1
    assert play(after, 900, 60) == [] and after.active() == ["anomaly"]
    assert play(after, 0, 60) == [("clear", "alarm", "anomaly")]


def test_a_warning_goes_on_and_escalates(tmp_path):
    before = Detector(META)
    assert play(before, 300, 60) == [("raise", "warning", "anomaly")]
    assert play(begun_anew(tmp_path, before), 900, 60) == [("escalate", "alarm", "anomaly")]


def test_a_velocity_over_its_limit_goes_on_and_clears_without_one(tmp_path):
    before = Detector(META, LIMITS)
    assert play(before, 0, 60, velocity=5500) == [("raise", "warning", "velocity")]
    again = begun_anew(tmp_path, before, LIMITS)
    assert play(again, 0, 60, velocity=5500) == []
    assert play(again, 0, 60, velocity=100) == [("clear", "warning", "velocity")]
    unlimited = begun_anew(tmp_path, before)
    assert unlimited.active() == ["velocity"]
    assert play(unlimited, 0, 60, velocity=5500) == [("clear", "warning", "velocity")]


def test_a_fault_of_the_instrument_goes_on_until_good_windows_come(tmp_path):
    before = Detector(META)
    assert play(before, None, 9, fault="stuck") == [("raise", "alarm", "instrument:stuck")]
    after = begun_anew(tmp_path, before)
    assert after.instrument == "stuck" and play(after, None, 9, fault="stuck") == []
    assert play(after, 0, STATE_WINDOWS - 1) == []
    assert play(after, 0, 1) == [("clear", "alarm", "instrument:stuck")]


def test_power_cut_at_every_byte_leaves_what_was_up_before_or_after(tmp_path):
    def scene(supply):
        standing.save(str(tmp_path), {"anomaly": 1})
        with supply:
            standing.save(str(tmp_path), {"anomaly": 2, "velocity": 1})

    cuts = 0
    for supply in every_cut(scene):
        cuts += 1
        found = standing.load(str(tmp_path))
        assert found == ({"anomaly": 1} if supply.is_cut else {"anomaly": 2, "velocity": 1})
    assert cuts > 30


def test_what_is_damaged_or_never_was_is_nothing(tmp_path):
    assert standing.load(str(tmp_path)) == {}
    standing.save(str(tmp_path), {"anomaly": 2})
    path = str(tmp_path) + "/standing.bin"
    with open(path, "rb") as file:
        whole = file.read()
    for at in range(len(whole)):
        with open(path, "wb") as file:
            file.write(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert standing.load(str(tmp_path)) == {}
