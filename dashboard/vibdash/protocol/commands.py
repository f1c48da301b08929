"""The commands that a device knows (SPEC.md 3.4), and what may be asked with each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Check = Callable[[object], str | None]  # what would be accepted, where the value is not


class NotAccepted(ValueError):
    """A command that no device would take; the text says why to the one who asked."""


def whole(low: int, high: int) -> Check:
    """Return a check for an integer in a range."""

    def check(value: object) -> str | None:
        taken = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if taken else f"a whole number from {low} to {high}"

    return check


def rising_limits(value: object) -> str | None:
    """Check a pair of velocity limits in mm/s, warning and alarm."""
    if isinstance(value, list) and len(value) == 2 and all(type(one) in (int, float) for one in value):
        warning, alarm = value
        if 0 < warning <= alarm <= 1000:
            return None
    return "two rising velocities up to 1000 mm/s"


def or_null(check: Check) -> Check:
    """Return a check that also takes null: back to the device's own."""
    return lambda value: None if value is None else check(value)


def yes_or_no(value: object) -> str | None:
    """Check a truth value."""
    return None if isinstance(value, bool) else "true or false"


SCORE = whole(-(2**15), 2**15 - 1)
WINDOWS = whole(1, 32767)
LEARN_WINDOWS, SNAPSHOT_FRAMES = (1, 500), (64, 4096)
# name: (fields that must be there, fields that may be)
COMMANDS: dict[str, tuple[dict[str, Check], dict[str, Check]]] = {
    "report": ({}, {}),
    "baseline": ({}, {"last": yes_or_no}),
    "spectrum": ({}, {}),
    "reboot": ({}, {}),
    "learn": ({"windows": whole(*LEARN_WINDOWS)}, {"force": yes_or_no}),
    "repaired": ({"windows": whole(*LEARN_WINDOWS)}, {"force": yes_or_no}),
    "restore": ({}, {}),
    "snapshot": ({"frames": whole(*SNAPSHOT_FRAMES)}, {}),
    "thresholds": (
        {},
        {
            "warning": or_null(SCORE),
            "alarm": or_null(SCORE),
            "hysteresis": or_null(whole(0, 2**15 - 1)),
            "dwell_windows": or_null(WINDOWS),
            "alarm_dwell_windows": or_null(WINDOWS),
            "clear_windows": or_null(WINDOWS),
            "velocity_limits_mm_s": or_null(rising_limits),
        },
    ),
}

RECORDED = ("learn", "repaired", "restore")  # what of them belongs in a machine's record


def check_command(cmd: str, fields: dict[str, Any]) -> None:
    """Raise NotAccepted for a command or field that no device knows, or a value out of range."""
    if cmd not in COMMANDS:
        raise NotAccepted(f"command: {cmd}; accepted: one of {', '.join(COMMANDS)}")
    needed, optional = COMMANDS[cmd]
    missing = [name for name in needed if name not in fields]
    if missing:
        raise NotAccepted(f"{cmd}: {missing[0]}: missing; accepted: {needed[missing[0]](None)}")
    for name, value in fields.items():
        check = (needed | optional).get(name)
        if check is None:
            raise NotAccepted(
                f"{cmd}: {name}: no such field; accepted: {', '.join(needed | optional) or 'none'}"
            )
        accepted = check(value)
        if accepted is not None:
            raise NotAccepted(f"{cmd}: {name}: {value}; accepted: {accepted}")
    if cmd == "thresholds" and not fields:
        raise NotAccepted(f"thresholds: nothing to change; accepted: some of {', '.join(optional)}")
