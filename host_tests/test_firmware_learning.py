"""What a baseline is learnt from, and what it is not; that the last one is kept. Portable."""

from array import array

from power_cut import every_cut
from vibnode import baseline
from vibnode.learning import (
    LEARNING,
    LEARNT,
    NONE,
    TOO_FAR,
    TOO_FAST,
    TRIES,
    UNEVEN,
    UNEVEN_STEPS,
    UNUSABLE,
    Learning,
)

CORE = {"window": 256, "hop": 256, "band_hi_hz": 2500}
N = 3
LEVELS = (0, 2)  # as x.rms and y.rms stand between others
WINDOWS = 40


def begun(tmp_path, wanted=WINDOWS, core=CORE):
    return Learning(str(tmp_path), wanted, core, N, LEVELS)


def play(found, levels, fast=False, far=False):
    """Windows of these levels, until learning has ended; how many were taken."""
    for i, level in enumerate(levels):
        if found.take(array("h", [level, -5, level + 7]), fast, far, 1_760_000_000):
            return i + 1
    return len(levels)


def test_a_machine_that_goes_on_as_it_does_is_learnt_and_kept(tmp_path):
    found = begun(tmp_path)
    assert (found.state, found.baseline) == (LEARNING, None)
    assert play(found, [1000, 1010] * WINDOWS) == WINDOWS
    assert found.state == LEARNT and list(found.baseline.median) == [1005, -5, 1012]
    again = begun(tmp_path)
    assert again.state == LEARNT and again.learner is None and again.baseline.median == found.baseline.median
    assert again.baseline.time_s == 1_760_000_000


def test_a_change_of_six_decibels_within_a_baseline_is_refused_said_and_learnt_again(tmp_path):
    for share in (2, 3, 4, 5):  # eighths of the time after which the load changes
        found = begun(tmp_path)
        found.anew(WINDOWS, lambda: None)
        before = WINDOWS * share // 8
        play(found, [1000] * before + [1256] * (WINDOWS - before))
        assert (found.state, found.baseline) == (UNEVEN, None) and found.learner, share
        assert play(found, [1256] * WINDOWS) == WINDOWS
        assert found.state == LEARNT and found.baseline.median[0] == 1256


def test_what_differs_by_less_is_learnt(tmp_path):
    found = begun(tmp_path)
    play(found, [1000] * (WINDOWS // 2) + [1000 + UNEVEN_STEPS] * (WINDOWS // 2))
    assert found.state == LEARNT


def test_a_fall_is_a_change_as_a_rise_is_and_one_axis_is_enough(tmp_path):
    found = begun(tmp_path)
    for level in [1300] * (WINDOWS // 2) + [1000] * (WINDOWS // 2):
        found.take(array("h", [1000, 0, level]), False, False, None)
    assert found.state == UNEVEN


def test_a_machine_that_never_holds_still_is_judged_without_one_after_some_tries(tmp_path):
    found = begun(tmp_path)
    course = [1000] * (WINDOWS // 2) + [1400] * (WINDOWS // 2)
    assert play(found, course * 9) == TRIES * WINDOWS
    assert (found.state, found.learner, found.baseline) == (UNEVEN, None, None)
    assert begun(tmp_path).state == LEARNING  # nothing was kept: the next start tries again


def test_what_was_over_a_limit_most_of_the_time_is_not_learnt_unless_it_is_said_twice(tmp_path):
    for fast, far, state in ((True, False, TOO_FAST), (False, True, TOO_FAR)):
        found = begun(tmp_path)
        play(found, [1000] * WINDOWS, fast, far)
        assert (found.state, found.learner, found.baseline) == (state, None, None)
        found.anew(WINDOWS, lambda: None)
        play(found, [1000] * WINDOWS, fast, far)
        assert found.state == state
    found.anew(WINDOWS, lambda: None)
    found.vouch()
    play(found, [1000] * WINDOWS, True, True)
    assert found.state == LEARNT
    found.anew(WINDOWS, lambda: None)  # the word was for that one
    play(found, [1000] * WINDOWS, True, True)
    assert found.state == TOO_FAR


def test_some_windows_over_a_limit_are_no_reason(tmp_path):
    found = begun(tmp_path)
    play(found, [1000] * (WINDOWS // 2), True, True)
    play(found, [1000] * (WINDOWS // 2))
    assert found.state == LEARNT


def test_the_last_baseline_comes_back_while_another_is_learnt_and_after(tmp_path):
    for windows_of_the_next in (WINDOWS // 2, WINDOWS):
        found = begun(tmp_path)
        if not found.baseline:
            play(found, [1000] * WINDOWS)
        found.anew(WINDOWS, lambda: None)
        assert found.baseline is None and found.last().median[0] == 1000
        play(found, [2000] * windows_of_the_next)
        found.restore()
        assert (found.state, found.learner, found.baseline.median[0]) == (LEARNT, None, 1000)
        assert begun(tmp_path).baseline.median[0] == 1000


def test_without_a_last_baseline_there_is_nothing_to_put_back(tmp_path):
    found = begun(tmp_path)
    play(found, [1000] * WINDOWS)
    try:
        found.restore()
    except baseline.BaselineError as error:
        assert "no baseline but the present one is kept" in str(error)
    else:
        raise AssertionError("restored")
    assert found.state == LEARNT and begun(tmp_path).baseline.median[0] == 1000


def test_nothing_is_learnt_by_itself_in_place_of_what_does_not_suit(tmp_path):
    found = begun(tmp_path)
    play(found, [1000] * WINDOWS)
    other = begun(tmp_path, core=dict(CORE, band_hi_hz=1600))
    assert (other.state, other.learner, other.baseline) == (UNUSABLE, None, None)
    other.anew(WINDOWS, lambda: None)
    play(other, [2000] * WINDOWS)
    assert other.state == LEARNT and begun(tmp_path).state == UNUSABLE
    back = begun(tmp_path)
    back.restore()  # the last one suits
    assert back.baseline.median[0] == 1000


def test_none_is_wanted(tmp_path):
    found = begun(tmp_path, wanted=0)
    assert (found.state, found.learner) == (NONE, None)


def test_a_power_cut_while_one_is_set_aside_leaves_it_here_or_there(tmp_path):
    where = set()

    def scene(supply):
        found = begun(tmp_path)
        if not found.baseline:
            play(found, [1000] * WINDOWS)
        with supply:
            found.anew(WINDOWS, lambda: None)
            play(found, [2000] * WINDOWS)

    for _ in every_cut(scene):
        found = begun(tmp_path)
        where.add(found.state)
        if not found.baseline:
            found.restore()
        elif found.baseline.median[0] == 2000:
            assert found.last().median[0] == 1000
        else:
            assert found.baseline.median[0] == 1000
        baseline.save(
            str(tmp_path) + "/baseline.bin",
            baseline.Baseline(array("h", [1000] * 3), array("h", [16] * 3), 9),
            CORE,
        )
    assert where == {LEARNING, LEARNT}


def test_a_flash_that_refuses_leaves_all_as_it_was(tmp_path):
    found = begun(tmp_path)
    play(found, [1000] * WINDOWS)

    def refuse():
        raise OSError(28)

    try:
        found.anew(WINDOWS, refuse)
    except OSError as error:
        assert error.args == (28,)
    assert found.state == LEARNT and found.baseline and found.learner is None
    assert begun(tmp_path).state == LEARNT
