"""How a sensor's state is shown: one tone, one symbol and one word, so that colour is never the only sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vibdash.read.sensors import Link, SensorView
from vibdash.wording import INSTRUMENT_WORDS, LEVEL_WORDS, MACHINE_WORDS, describe_cause, describe_fault

Clock = Callable[[int], str]

_ICONS = {"alarm": "error", "warning": "warning", "clear": "task_alt"}
_MACHINE_LOOK = {
    "off": ("quiet", "power_settings_new"),
    "learning": ("quiet", "hourglass_top"),
    "running": ("good", "check_circle"),
    "outside": ("quiet", "do_not_disturb_on"),
    "unknown": ("quiet", "help"),
}
_LINK_WORDS = {
    Link.OFFLINE: "Offline",
    Link.SILENT: "Silent",
    Link.UNREACHED: "Not received",
}
_LINK_REASONS = {"will": "connection lost", "shutdown": "shut down"}
_LINK_ICONS = {Link.OFFLINE: "power_off", Link.SILENT: "sensors_off", Link.UNREACHED: "cloud_off"}


@dataclass(frozen=True)
class Look:
    """Tone (a CSS class), Material icon, word, and a second line."""

    tone: str
    icon: str
    word: str
    detail: str


def level_icon(level: str, event: str) -> str:
    """Return the icon of an alert event."""
    return _ICONS["clear" if event == "clear" else level]


def machine_look(sensor: SensorView) -> Look:
    """Return how the machine's state is shown."""
    causes = [describe_cause(one.cause, one.class_name) for one in sensor.active if not one.of_instrument]
    if sensor.link is not Link.ONLINE:
        last = MACHINE_WORDS.get(sensor.machine or "unknown", "Unknown").lower()
        if sensor.machine_level:
            last = f"{LEVEL_WORDS[sensor.machine_level].lower()}, {causes[0].lower()}"
        return Look("unheard", "help", "Not known", f"last said: {last}")
    if sensor.machine_level is not None:
        level = sensor.machine_level
        return Look(level, _ICONS[level], LEVEL_WORDS[level], "; ".join(causes))
    if sensor.instrument != "ok" or sensor.instrument_level is not None:
        # A faulty accelerometer has no say on the machine.
        return Look("quiet", "help", "No verdict", "the sensor is faulty")
    tone, icon = _MACHINE_LOOK[sensor.machine or "unknown"]
    if tone == "good" and sensor.score is None:
        tone, icon = "quiet", "help"  # it turns, but nothing has judged how
    detail = "no alert" if tone == "good" else "no verdict"
    return Look(tone, icon, MACHINE_WORDS[sensor.machine or "unknown"], detail)


def instrument_look(sensor: SensorView, clock: Clock) -> Look:
    """Return how the state of the sensor itself is shown."""
    if sensor.link is not Link.ONLINE:
        since = f"since {clock(sensor.link_since_ms)}" if sensor.link_since_ms else "not heard yet"
        why = _LINK_REASONS.get(sensor.link_why, sensor.link_why) if sensor.link is Link.OFFLINE else ""
        detail = f"{since}, {why}" if why else since
        return Look("unheard", _LINK_ICONS[sensor.link], _LINK_WORDS[sensor.link], detail)
    details = []
    if sensor.dropped:
        details.append(f"{_alerts(sensor.dropped)} lost on it")
    if sensor.queued:
        details.append(f"{_alerts(sensor.queued)} to come")
    if sensor.instrument == "ok" and sensor.instrument_level is None:
        return Look("good", "sensors", INSTRUMENT_WORDS["ok"], ", ".join(details) or "connected")
    fault = sensor.instrument if sensor.instrument != "ok" else None
    for one in sensor.active:
        if fault is None and one.of_instrument:
            fault = one.cause.partition(":")[2]
    level = sensor.instrument_level or "warning"
    word = describe_fault(fault) if fault else "Fault"
    return Look(level, "build_circle", word, ", ".join(details) or sensor.note or "sensor fault")


def _alerts(count: int) -> str:
    return "1 alert" if count == 1 else f"{count:,} alerts"
