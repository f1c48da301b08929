"""The replay driver: order, repeats, seams, pace, and playlists that are refused. Portable."""

import json
from array import array

from vibnode import checks
from vibnode.clock import ticks_diff, ticks_ms
from vibnode.drivers.replay import Replay


def playlist(tmp_path, recordings, **fields):
    """A playlist of [(name, first sample, frames in the file, frames to play)], one axis at 1000 Hz unless told."""
    rows = []
    for name, first, frames, played in recordings:
        with open(str(tmp_path) + "/" + name, "wb") as file:
            file.write(array("h", range(first, first + frames)))
        rows.append({"file": name, "seconds": played / 1000})
    contents = {"rate_hz": 1000, "axes": 1, "lsb_nm_s2": 1000, "items": rows}
    contents.update(fields)
    path = str(tmp_path) + "/playlist.json"
    with open(path, "w") as file:
        file.write(json.dumps(contents))
    return path


def play(driver, frames):
    """[(gap before it, samples)] of the next reads, `frames` in all or a few more."""
    buf, reads, n = bytearray(8 * driver.frame_bytes), [], 0
    while n < frames:
        got = driver.readinto(buf)
        assert got > 0
        reads.append((driver.gap, list(array("h", bytes(buf[: got * driver.frame_bytes])))))
        n += got
    return reads


def refusal(path):
    try:
        Replay(path, 0)
    except checks.ConfigError as error:
        return str(error)
    raise AssertionError("accepted")


def test_repeats_a_file_until_its_time_is_up_and_the_last_one_for_ever(tmp_path):
    driver = Replay(playlist(tmp_path, [("a", 0, 10, 25), ("b", 100, 4, 4)]), 0)
    samples = [sample for _, read in play(driver, 36) for sample in read]
    ten = list(range(10))
    assert samples[:36] == ten + ten + ten[:5] + [100, 101, 102, 103] * 2 + [100, 101, 102]


def test_each_seam_is_a_gap_and_nothing_else_is(tmp_path):
    driver = Replay(playlist(tmp_path, [("a", 0, 16, 40), ("b", 100, 16, 16)]), 0)
    reads = play(driver, 56)
    assert [gap for gap, _ in reads] == [False, False, True, False, True, True, False]
    assert [read[0] for _, read in reads] == [0, 8, 0, 8, 0, 100, 108]


def test_frames_of_three_axes_stay_whole(tmp_path):
    driver = Replay(playlist(tmp_path, [("a", 0, 30, 10)], axes=3), 0)
    reads = play(driver, 10)
    assert [len(read) for _, read in reads] == [24, 6]


def test_pace_keeps_to_time(tmp_path):
    driver = Replay(playlist(tmp_path, [("a", 0, 1000, 1000)]), 2)
    buf, n, start = bytearray(100), 0, ticks_ms()
    while n < 500:
        n += driver.readinto(buf)
    elapsed_ms = ticks_diff(ticks_ms(), start)
    assert elapsed_ms >= 240  # 500 frames at 2000 a second; a busy machine may only be slower


def test_a_file_that_vanishes_is_an_oserror_and_one_that_comes_back_plays_on(tmp_path):
    path = playlist(tmp_path, [("a", 0, 8, 8)])
    driver = Replay(path, 0)
    play(driver, 8)
    with open(str(tmp_path) + "/a", "wb"):
        pass
    for _ in range(2):
        try:
            driver.readinto(bytearray(16))
        except OSError:
            continue
        raise AssertionError("read")
    with open(str(tmp_path) + "/a", "wb") as file:
        file.write(array("h", range(8)))
    assert play(driver, 8) == [(True, list(range(8)))]


def test_each_fault_of_a_playlist_is_named(tmp_path):
    good = [("a", 0, 8, 8)]
    for fields, named in (
        ({"rate_hz": 0}, "rate_hz: 0; accepted: a number from 1"),
        ({"axes": 4}, "axes: 4; accepted: a whole number from 1 to 3"),
        ({"axes": 3}, "16 bytes; accepted: a multiple of 6"),
        ({"items": []}, "items: []; accepted: a list of items"),
        ({"items": [3]}, "items[0]: 3; accepted: an object in braces"),
        ({"items": [{"file": "none", "seconds": 1}]}, "items[0].file: "),
        ({"items": [{"file": "a"}]}, "items[0].seconds: is missing"),
        (
            {"items": [{"file": "a", "second": 1}]},
            "items[0].second: no such field (did you mean seconds?); accepted: file, label, seconds",
        ),
        ({"speed": 1}, "speed: no such field"),
    ):
        path = playlist(tmp_path, good, **fields)
        text = refusal(path)
        assert text.startswith(path + ": ") and named in text, text
