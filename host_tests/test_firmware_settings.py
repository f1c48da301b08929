"""Counter of commands and settings from afar, over restarts and power cuts. Portable: CPython and MicroPython."""

from power_cut import every_cut
from vibnode import flash, settings
from vibnode.command_counter import Counter, Spent
from vibnode.settings import NotAccepted, Settings

OWN = {
    "warning": 300,
    "alarm": 600,
    "hysteresis": 64,
    "dwell_windows": 6,
    "clear_windows": 30,
    "velocity_limits_mm_s": None,
}


def path(tmp_path, name="state.bin"):
    return str(tmp_path) + "/" + name


def is_spent(counter, n):
    try:
        counter.spend(n)
    except Spent:
        return True
    return False


def refusal(own, given):
    """Why the settings refuse `given`."""
    try:
        own.change(given)
    except NotAccepted as error:
        return str(error)
    raise AssertionError(f"accepted {given}")


def flip(name, at):
    with open(name, "rb") as file:
        raw = bytearray(file.read())
    raw[at] ^= 0x10
    with open(name, "wb") as file:
        file.write(raw)


def test_a_number_is_spent_once_and_with_all_below_it(tmp_path):
    counter = Counter(path(tmp_path))
    for n, spent in ((5, False), (5, True), (4, True), (6, False), (1 << 52, False), (7, True)):
        assert is_spent(counter, n) == spent, n
    assert Counter(path(tmp_path)).last == 1 << 52


def test_power_cut_at_every_byte_runs_no_command_twice(tmp_path):
    name = path(tmp_path)
    done = []

    def take(n):
        """What commands.Commands does: spend, then act."""
        if not is_spent(Counter(name), n):
            done.append(n)

    def scene(supply):
        done.clear()
        flash.remove(name)
        Counter(name).spend(7)
        with supply:
            take(8)

    cuts = 0
    for supply in every_cut(scene):
        cuts += 1
        assert Counter(name).last in ((7, 8) if supply.is_cut else (8,))
        assert not done or Counter(name).last == 8  # never an act before its number was stored
        take(8)
        take(8)
        assert len(done) <= 1
    assert cuts > 15


def test_a_damaged_counter_takes_no_command_at_all(tmp_path):
    Counter(path(tmp_path)).spend(1000)
    for at in range(16):
        flip(path(tmp_path), at)
        counter = Counter(path(tmp_path))
        assert counter.last is None and is_spent(counter, 1 << 52), at
        flip(path(tmp_path), at)
    assert Counter(path(tmp_path)).last == 1000


def test_without_any_setting_the_own_ones_hold(tmp_path):
    own = Settings(path(tmp_path), OWN)
    assert own.in_force() == OWN and own.learn_windows is None


def test_what_is_set_holds_after_a_restart_and_null_takes_it_back(tmp_path):
    Settings(path(tmp_path), OWN).change({"warning": 200, "velocity_limits_mm_s": [2.8, 7.1]})
    again = Settings(path(tmp_path), OWN)
    assert again.in_force()["warning"] == 200 and again.in_force()["velocity_limits_mm_s"] == [2.8, 7.1]
    again.learn(77)
    again.change({"warning": None})
    third = Settings(path(tmp_path), OWN)
    assert third.in_force()["warning"] == 300 and third.in_force()["velocity_limits_mm_s"] == [2.8, 7.1]
    assert third.learn_windows == 77


def test_what_cannot_hold_is_refused_and_nothing_changes(tmp_path):
    own = Settings(path(tmp_path), OWN)
    nan = float("nan")
    for given, said in (
        ({"warning": "300"}, "warning: '300'; accepted: a whole number from -2048 to 32767, in score steps"),
        ({"warning": True}, "warning: True"),
        ({"warning": 32768}, "warning: 32768"),
        ({"warning": 1.5}, "warning: 1.5"),
        ({"warning": 601}, "warning: 601; accepted: up to the alarm, which is 600"),
        ({"alarm": 299}, "warning: 300; accepted: up to the alarm, which is 299"),
        ({"hysteresis": -1}, "hysteresis: -1"),
        ({"dwell_windows": 0}, "dwell_windows: 0"),
        ({"clear_windows": 32768}, "clear_windows: 32768"),
        ({"velocity_limits_mm_s": [nan, nan]}, "velocity_limits_mm_s: [nan, nan]"),
        ({"velocity_limits_mm_s": [7, 3]}, "warning under alarm"),
        ({"velocity_limits_mm_s": [3]}, "velocity_limits_mm_s: [3]"),
        ({"dwell_windows": 9, "warning": []}, "warning: []"),
    ):
        assert said in refusal(own, given), given
        assert own.in_force() == OWN and Settings(path(tmp_path), OWN).in_force() == OWN


def test_a_warning_set_for_another_model_lifts_the_alarm(tmp_path):
    Settings(path(tmp_path), OWN).change({"warning": 550})
    other = dict(OWN)
    other["alarm"] = 500
    assert Settings(path(tmp_path), other).in_force()["alarm"] == 550


def test_power_cut_at_every_byte_leaves_the_old_settings_or_the_new(tmp_path):
    name = path(tmp_path)

    def scene(supply):
        own = Settings(name, OWN)
        own.change({"warning": 100, "dwell_windows": None})
        with supply:
            own.change({"warning": 200, "dwell_windows": 3})

    for supply in every_cut(scene):
        held = Settings(name, OWN).in_force()
        pair = held["warning"], held["dwell_windows"]
        assert pair in ((100, 6), (200, 3)) if supply.is_cut else pair == (200, 3)


def test_damaged_settings_are_left_out(tmp_path):
    Settings(path(tmp_path), OWN).change({"warning": 100})
    flip(path(tmp_path), 6)
    assert Settings(path(tmp_path), OWN).in_force() == OWN


def test_settings_that_this_version_refuses_are_left_out_one_by_one(tmp_path):
    own = Settings(path(tmp_path), OWN)
    own._save({"warning": 100, "alarm": "loud", "colour": 3}, 9999)
    again = Settings(path(tmp_path), OWN)
    assert again.in_force()["warning"] == 100 and again.in_force()["alarm"] == 600
    assert again.learn_windows is None
    assert settings.LEARN_WINDOWS(500) is None
