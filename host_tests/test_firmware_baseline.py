"""The learnt baseline: robust, stored whole or not at all, bound to its features and to no model. Portable."""

from array import array

import vib
from power_cut import every_cut
from vibnode import baseline

CORE = {"window": 256, "hop": 256, "lsb_nm_s2": 4_000_000_000, "band_hi_hz": 2500}


def learnt(rows):
    learner = baseline.Learner(len(rows), len(rows[0]))
    complete = [learner.add(array("h", row)) for row in rows]
    assert complete == [False] * (len(rows) - 1) + [True]
    return learner.baseline()


def refusal(path, core, n):
    try:
        baseline.load(path, core, n)
    except baseline.BaselineError as error:
        return str(error)
    raise AssertionError("accepted")


def test_median_and_spread_withstand_outliers():
    rows = [[1000 + i % 5, -200, 40 * i] for i in range(21)]
    rows[3] = [32767, 32767, 32767]
    rows[9] = [-32768, -32768, -32768]
    found = learnt(rows)
    assert list(found.median) == [1002, -200, 440]
    assert found.spread[0] == found.spread[1] == baseline.MIN_SPREAD
    assert 150 <= found.spread[2] <= 250


def test_comes_back_as_it_was_stored(tmp_path):
    path = str(tmp_path) + "/baseline.bin"
    stored = learnt([[1, -2, 32767, -32768]])
    baseline.save(path, stored, CORE)
    again = baseline.load(path, CORE, 4)
    assert again.median == stored.median == array("h", [1, -2, 32767, -32768])
    assert again.spread == stored.spread


def test_is_refused_for_other_features_and_says_what_differs(tmp_path):
    path = str(tmp_path) + "/baseline.bin"
    baseline.save(path, learnt([[1, 2, 3]]), CORE)
    assert "learnt with band_hi_hz 2500; accepted: 1600" in refusal(path, dict(CORE, band_hi_hz=1600), 3)
    assert path in refusal(path, CORE, 4)

    class Next:
        """A core whose features mean something else."""

        FEATURE_VERSION = vib.FEATURE_VERSION + 1

    baseline.vib = Next
    try:
        assert f"learnt with feature version {vib.FEATURE_VERSION}" in refusal(path, CORE, 3)
    finally:
        baseline.vib = vib


def test_serves_every_model_of_the_same_features_however_often_it_looks(tmp_path):
    path = str(tmp_path) + "/baseline.bin"
    baseline.save(path, learnt([[1, 2, 3]]), CORE)
    assert list(baseline.load(path, dict(CORE, hop=128), 3).median) == [1, 2, 3]


def test_every_cut_and_every_changed_byte_is_refused(tmp_path):
    path = str(tmp_path) + "/baseline.bin"
    baseline.save(path, learnt([[1, 2, 3]]), CORE)
    with open(path, "rb") as file:
        whole = file.read()
    for at in range(len(whole)):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            with open(path, "wb") as file:
                file.write(damaged)
            assert path in refusal(path, CORE, 3)


def test_none_stored_is_none(tmp_path):
    assert baseline.load(str(tmp_path) + "/nothing.bin", CORE, 3) is None


def test_says_how_many_windows_it_is_from_and_when(tmp_path):
    path = str(tmp_path) + "/baseline.bin"
    learner = baseline.Learner(30, 1)
    for i in range(7):
        learner.add(array("h", [i]))
    baseline.save(path, learner.baseline(1_760_000_000), CORE)
    again = baseline.load(path, CORE, 1)
    assert (again.windows, again.time_s) == (7, 1_760_000_000)
    assert learner.baseline().time_s == 0


def test_power_cut_at_every_byte_leaves_the_old_baseline_or_the_new(tmp_path):
    path = str(tmp_path) + "/baseline.bin"

    def scene(supply):
        baseline.save(path, learnt([[1, 2, 3]]), CORE)
        with supply:
            baseline.save(path, learnt([[4, 5, 6]]), CORE)

    cuts = 0
    for supply in every_cut(scene):
        cuts += 1
        found = list(baseline.load(path, CORE, 3).median)
        assert found == ([1, 2, 3] if supply.is_cut else [4, 5, 6])
    assert cuts > 40
