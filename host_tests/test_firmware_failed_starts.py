"""Starts that fail one after the other are counted on flash. Portable: CPython and MicroPython."""

import asyncio

from vibnode import failed_starts
from vibnode.failed_starts import FailedStarts


def held_back_ms(folder, causes):
    """For how long each start is held back, of a device whose starts have these causes."""
    return [FailedStarts(folder).begun(cause) for cause in causes]


def test_a_device_is_held_back_after_three_failures_and_ever_longer(tmp_path):
    folder = str(tmp_path) + "/state"
    minute = 60000
    waits = held_back_ms(folder, ["power"] + ["crash"] * 6 + ["watchdog"] * 6)
    assert waits[:7] == [0, 0, 0, 10 * minute, 20 * minute, 40 * minute, 80 * minute]
    assert waits[7:] == [160 * minute, 320 * minute] + [360 * minute] * 4


def test_a_start_on_purpose_or_by_a_person_is_no_failure_and_is_tried(tmp_path):
    folder = str(tmp_path) + "/state"
    assert held_back_ms(folder, ["crash"] * 3)[-1] > 0
    assert held_back_ms(folder, ["power", "command", "unknown", "brownout", "sleep"]) == [0] * 5
    assert held_back_ms(folder, ["crash"])[0] > 0, "it failed again"


def test_the_reason_outlives_the_start_and_a_long_one_is_cut(tmp_path):
    folder = str(tmp_path) + "/state"
    FailedStarts(folder).note(MemoryError("memory allocation failed"))
    failed = FailedStarts(folder)
    failed.begun("crash")
    assert str(failed).startswith("1 starts in a row failed, the last of them: MemoryError(")
    FailedStarts(folder).note(ValueError("x" * 1000))
    assert len(FailedStarts(folder).reason) == failed_starts.MAX_REASON
    failed = FailedStarts(folder)
    failed.begun("watchdog")
    assert FailedStarts(folder).reason == "the watchdog bit" and FailedStarts(folder).count == 2


def test_a_run_that_lasts_forgets_them(tmp_path):
    folder = str(tmp_path) + "/state"
    held_back_ms(folder, ["crash"] * 5)
    before, failed_starts.STEADY_MS = failed_starts.STEADY_MS, 1
    try:
        asyncio.run(FailedStarts(folder).outlive())
    finally:
        failed_starts.STEADY_MS = before
    assert FailedStarts(folder).count == 0
    assert held_back_ms(folder, ["crash"] * 2) == [0, 0]


def test_a_note_cut_short_counts_for_nothing(tmp_path):
    folder = str(tmp_path)
    for text in (b"", b"three crash", b"\xff"):
        with open(folder + "/failed", "wb") as file:
            file.write(text)
        assert FailedStarts(folder).count == 0
