"""The learnt baseline: robust, stored whole or not at all, refused for another model. Portable."""

from array import array

from power_cut import every_cut
from vibnode import baseline


def learnt(rows):
    learner = baseline.Learner(len(rows), len(rows[0]))
    complete = [learner.add(array("h", row)) for row in rows]
    assert complete == [False] * (len(rows) - 1) + [True]
    return learner.baseline()


def refusal(path, digest, n):
    try:
        baseline.load(path, digest, n)
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
    baseline.save(path, stored, "9f2c11aa")
    again = baseline.load(path, "9f2c11aa", 4)
    assert again.median == stored.median == array("h", [1, -2, 32767, -32768])
    assert again.spread == stored.spread


def test_is_refused_for_another_model_and_says_which(tmp_path):
    path = str(tmp_path) + "/baseline.bin"
    baseline.save(path, learnt([[1, 2, 3]]), "9f2c11aa")
    assert "9f2c11aa" in refusal(path, "00000000", 3)
    assert path in refusal(path, "9f2c11aa", 4)


def test_every_cut_and_every_changed_byte_is_refused(tmp_path):
    path = str(tmp_path) + "/baseline.bin"
    baseline.save(path, learnt([[1, 2, 3]]), "9f2c11aa")
    with open(path, "rb") as file:
        whole = file.read()
    for at in range(len(whole)):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            with open(path, "wb") as file:
                file.write(damaged)
            assert path in refusal(path, "9f2c11aa", 3)


def test_none_stored_is_none(tmp_path):
    assert baseline.load(str(tmp_path) + "/nothing.bin", "9f2c11aa", 3) is None


def test_says_how_many_windows_it_is_from_and_when(tmp_path):
    path = str(tmp_path) + "/baseline.bin"
    learner = baseline.Learner(30, 1)
    for i in range(7):
        learner.add(array("h", [i]))
    baseline.save(path, learner.baseline(1_760_000_000), "9f2c11aa")
    again = baseline.load(path, "9f2c11aa", 1)
    assert (again.windows, again.time_s) == (7, 1_760_000_000)
    assert learner.baseline().time_s == 0


def test_power_cut_at_every_byte_leaves_the_old_baseline_or_the_new(tmp_path):
    path = str(tmp_path) + "/baseline.bin"

    def scene(supply):
        baseline.save(path, learnt([[1, 2, 3]]), "9f2c11aa")
        with supply:
            baseline.save(path, learnt([[4, 5, 6]]), "9f2c11aa")

    cuts = 0
    for supply in every_cut(scene):
        cuts += 1
        found = list(baseline.load(path, "9f2c11aa", 3).median)
        assert found == ([1, 2, 3] if supply.is_cut else [4, 5, 6])
    assert cuts > 40
