"""Leaving a machine, a session, a speed or a load out: what is trained on, and what it is then judged on.

A split is refused, with the reason, where it would leak (the same samples, or one mounting, on both sides) or would
answer nothing (one group only, or none with healthy recordings on both sides).
"""

from __future__ import annotations

from dataclasses import dataclass

from vibtrain.features.extraction import Windows
from vibtrain.recordings import DataError

FIELDS = {"machine": "machine", "session": "session", "speed": "speed_rpm", "load": "load"}


@dataclass(frozen=True)
class Fold:
    """One split: `held_out` is the value of the field that `test` has and `train` has not; `caveat` is what it still
    does not show, empty where nothing is known against it."""

    held_out: str
    train: list[Windows]
    test: list[Windows]
    caveat: str


def folds(recordings: list[Windows], by: str) -> list[Fold]:
    """Each group left out once, in order of name. `by`: a key of FIELDS.

    Raises `DataError` naming the recording or group that stands against the split.
    """
    if by not in FIELDS:
        raise DataError(f"split by {by!r}; accepted: {', '.join(FIELDS)}")
    values = {id(r): _value(r, by) for r in recordings}
    groups = sorted(set(values.values()))
    if len(groups) < 2:
        raise DataError(
            f"split by {by}: all {len(recordings)} recordings have {by} {groups[0]!r}; accepted: two or more, as "
            "with it left out nothing remains to train on"
        )
    result = []
    for group in groups:
        train = [r for r in recordings if values[id(r)] != group]
        test = [r for r in recordings if values[id(r)] == group]
        _refuse_one_sided(by, group, train, test)
        _refuse_copies(by, group, train, test)
        result.append(Fold(group, train, test, _caveat(by, train, test)))
    return result


def _value(r: Windows, by: str) -> str:
    value = getattr(r, FIELDS[by])
    if by == "session":
        if r.session == r.name:  # what a manifest makes of an empty field
            raise DataError(
                f"split by session: {r.source}: {r.name} states none; accepted: the mounting or day in every row; "
                "files of one mounting are near copies of each other"
            )
        return f"{r.machine} {value}"
    if value in (None, ""):
        raise DataError(
            f"split by {by}: {r.source}: {r.name} states no {FIELDS[by]}; accepted: one in every row"
        )
    return f"{value:g}" if isinstance(value, float) else str(value)


def _refuse_one_sided(by: str, group: str, train: list[Windows], test: list[Windows]) -> None:
    if not any(r.is_healthy for r in train):
        raise DataError(f"split by {by}: without {group} no healthy recording is left to train on")
    if not any(r.is_healthy for r in test):
        raise DataError(
            f"split by {by}: {group} has no healthy recording, so neither its false alarms nor a baseline could be "
            "had without looking at the other side; accepted: groups with a healthy recording each"
        )


def _refuse_copies(by: str, group: str, train: list[Windows], test: list[Windows]) -> None:
    known = {r.samples_digest: r.name for r in train}
    for r in test:
        if twin := known.get(r.samples_digest):
            raise DataError(
                f"split by {by}: {r.name} of {group} holds the same samples as {twin}, which would be trained on"
            )


def _caveat(by: str, train: list[Windows], test: list[Windows]) -> str:
    """Speeds and loads of one mounting are a fair test of speed and load, but not of a new mounting."""
    if by in ("machine", "session"):
        return ""
    shared = {(r.machine, r.session) for r in train} & {(r.machine, r.session) for r in test}
    if not shared:
        return ""
    return f"{len(shared)} mountings are on both sides: this says nothing of a sensor mounted anew"
