"""Figures and codes in plain words, for people who look at machines and not at features.

Scales are those of SPEC.md 1.2: most values are 256 steps an octave.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

STEPS_PER_OCTAVE = 256
MOST_OCTAVES = 512  # a float holds twice that
MOST_TIMES = 1_000_000
_NUMBERS = {f"{number:02d}" for number in range(100)}
TIMES_SIGN = "\N{MULTIPLICATION SIGN}"
STEPS_PER_SPECTRUM_BYTE = 64
MOST_ANSWERS, LONGEST_VALUE = 60, 120

MACHINE_WORDS = {
    "off": "Off",
    "learning": "Learning",
    "running": "Running",
    "outside": "Outside known range",
    "unknown": "Unknown",
}
INSTRUMENT_WORDS = {
    "ok": "Working",
    "gap": "Losing samples",
    "stuck": "Reading is stuck",
    "flat": "Reading is flat",
    "clipped": "Reading is clipped",
    "noise": "Too much noise",
    "gone": "Accelerometer gone",
    "rate": "Wrong sample rate",
    "config": "Configuration is broken",
}
OVERRUN_WORDS = {
    "overrun-processor": "Losing windows, the processor is too slow",
    "overrun-bus": "Losing windows, the sensor's bus is too slow",
    "overrun-link": "Losing windows while it connects",
}
_LOST = "Over 1 % of the windows of ten minutes were lost, because {} kept the accelerometer's FIFO from being read. "
REMEDIES = {  # by what is after `instrument:` in a cause
    "overrun-processor": _LOST.format("the processor")
    + "What helps: fewer axes, a lower rate, a faster board, or the interrupt pin.",
    "overrun-bus": _LOST.format("the sensor's bus") + "What helps: a faster bus clock, or SPI.",
    "overrun-link": _LOST.format("connecting to the broker")
    + "What helps: a nearer broker, or fewer reconnects.",
}
OWN_WORDS = {  # what this host says of a sensor, protocol.own_alerts
    "silent": "Nothing is heard of it",
    "twin": "Two devices of one name",
}
RESET_WORDS = {
    "power": "power came back",
    "watchdog": "it hung and restarted itself",
    "crash": "its program failed",
    "brownout": "its supply was too weak",
    "command": "it was told to",
    "sleep": "it slept",
    "unknown": "why is not known",
}
ORIGIN_WORDS = {
    "linked": "built in",
    "file": "loaded",
    "trial": "on trial",
    "reverted": "went back to it",
}
STATE_WORDS = {
    "open": "Open",
    "new": "New",
    "acknowledged": "Acknowledged",
    "returned": "Returned",
    "shelved": "Shelved",
    "closed": "Closed",
}
ACTION_WORDS = {
    "acknowledge": "Acknowledged",
    "shelve": "Shelved",
    "unshelve": "Brought back from the shelf",
    "comment": "Comment",
    "repaired": "Repaired",
    "remove": "The device was removed",
}
BASELINE_WORDS = {  # SPEC.md 3.1, baseline_state
    "none": "none",
    "learning": "being learnt",
    "unusable": "none: the one that is kept is of another model's features, or damaged; learn it anew",
    "uneven": "none: the machine's level changed while it was learnt; learn it while the machine runs evenly",
    "over-velocity": "not learnt: the machine is over the velocity limits of its class",
    "over-alarm": "not learnt: the machine looks faulty by the model's own measure",
}
COMMAND_WORDS = {
    "report": "Report",
    "spectrum": "Spectrum now",
    "snapshot": "Snapshot",
    "baseline": "Read baseline",
    "learn": "Learn baseline",
    "repaired": "Repaired",
    "restore": "Take the last baseline back",
    "thresholds": "Thresholds",
    "reboot": "Restart",
}
CLASS_WORDS = {  # vibnode.component_class
    "iso20816-3-group1-rigid": "ISO 20816-3 group 1 (over 300 kW), rigid",
    "iso20816-3-group1-flexible": "ISO 20816-3 group 1 (over 300 kW), flexible",
    "iso20816-3-group2-rigid": "ISO 20816-3 group 2 (15 to 300 kW), rigid",
    "iso20816-3-group2-flexible": "ISO 20816-3 group 2 (15 to 300 kW), flexible",
    "vdi3834-1-rotor-bearing": "VDI 3834-1 rotor bearing",
    "vdi3834-1-gearbox": "VDI 3834-1 gearbox",
    "vdi3834-1-generator": "VDI 3834-1 generator",
}
LINE_WORDS = {  # a machine's frequencies, as machines.Machine names them
    "1x": "shaft",
    "2x": "2x",
    "3x": "3x",
    "BPFO": "outer race",
    "BPFI": "inner race",
    "BSF": "ball",
    "FTF": "cage",
}
LEVEL_WORDS = {"alarm": "Alarm", "warning": "Warning"}
OCCURRED_WORDS = {
    "ntp": "",
    "rtc": "by the sensor's own clock",
    "uptime": "worked out from the sensor's uptime",
    "received": "time of arrival; when it happened is not known",
    "host": "noticed by this host",
}


def factor(steps: int) -> float:
    """Return the ratio that a difference on the log2 scale stands for; one that no sensor measures is cut."""
    octaves = steps / STEPS_PER_OCTAVE
    return float(2.0 ** max(-MOST_OCTAVES, min(MOST_OCTAVES, octaves)))


def describe_cause(cause: str, class_name: str | None) -> str:
    """Say what an alert is about."""
    kind, _, rest = cause.partition(":")
    if kind == "anomaly":
        looks = f", looks like {class_name}" if class_name and class_name != "healthy" else ""
        return f"Unusual vibration{looks}"
    if kind == "velocity":
        return "Vibration velocity over its limit"
    if kind == "trend":
        what = {"score": "distance from healthy", "velocity": "velocity"}.get(rest, rest)
        when = f", there about {class_name}" if class_name else ""
        return f"Slow change: {what} moves towards its warning level{when}"
    if cause == "instrument:host":
        return "Nothing is received: no sensor's state is known"
    return f"Sensor fault: {describe_fault(rest).lower()}"


def describe_fault(fault: str) -> str:
    """Say what is wrong with a sensor."""
    return (INSTRUMENT_WORDS | OVERRUN_WORDS | OWN_WORDS).get(fault, fault)


def describe_remedy(cause: str) -> str | None:
    """Say why a cause is raised and what helps, where its name does not."""
    return REMEDIES.get(cause.removeprefix("instrument:"))


def describe_device(device: str) -> str:
    """Return the name of a device, or that it is this host."""
    return "This host" if device == "-" else device


def describe_event(event: str, level: str) -> str:
    """Say what happened to an alert."""
    if event == "escalate":
        return f"Escalated to {level}"
    return f"{LEVEL_WORDS[level]} {'cleared' if event == 'clear' else 'raised'}"


def describe_feature(
    name: str, value: int, usual: int, spectrum: dict[str, Any] | None
) -> tuple[str, str, str]:
    """Return what a feature is, how it moved as a factor, and both its values."""
    axis, _, kind = name.partition(".")
    what = f"{axis.upper()} axis, {_feature_words(kind, spectrum)}"
    return what, describe_factor(factor(value - usual)), _describe_both(kind, factor(value), factor(usual))


def describe_factor(ratio: float) -> str:
    """Return how many times as much something is."""
    if ratio > MOST_TIMES:
        return f"over {MOST_TIMES:,}{TIMES_SIGN}"
    amount = f"{ratio:.0f}" if ratio >= 9.95 else f"{ratio:.1f}" if ratio >= 0.095 else "under 0.1"
    return amount + TIMES_SIGN


def describe_score(score: int) -> str:
    """Return a score as how many times as far from healthy as a healthy window is."""
    return describe_factor(factor(score))


def describe_limits(warning: int | None, alarm: int | None) -> str:
    """Return the limits that a sensor judges its score by."""
    named = (("warning", warning), ("alarm", alarm))
    known = [f"{name} {describe_score(score)}" for name, score in named if score is not None]
    return ", ".join(known) or "not told"


def describe_model(name: str | None, digest: str | None, origin: str | None) -> str:
    """Return what a sensor judges with, and where it has that from."""
    if name is None:
        return "none"
    return ", ".join(part for part in (name, digest, ORIGIN_WORDS.get(origin or "")) if part)


def describe_baseline(state: str | None, windows: int | None, time_s: int | None, now_s: float) -> str:
    """Return from how much a sensor knows its own machine, and since when; or why it does not."""
    if windows is None:
        return BASELINE_WORDS.get(state or "none", "none")
    age = "" if time_s is None else f", learnt {describe_span(round((now_s - time_s) * 1000))} ago"
    return f"from {windows} windows{age}"


def describe_recorded(cmd: str, ok: bool | None, error: str | None) -> str:
    """Return what was done to a machine, and whether its sensor took it."""
    became = "not answered yet" if ok is None else "done" if ok else f"refused: {error or 'no reason told'}"
    return f"{COMMAND_WORDS.get(cmd, cmd)}, {became}"


def describe_dates(at_ms: int, earliest_ms: int | None, latest_ms: int | None) -> str:
    """Return a day that is expected, and the days from and to which it may be, UTC."""
    bounds = [_day(one) if one is not None else None for one in (earliest_ms, latest_ms)]
    between = f"{bounds[0] or '?'} to {bounds[1]}" if bounds[1] else f"{bounds[0] or '?'} or later"
    return f"{_day(at_ms)} ({between})"


def _day(at_ms: int) -> str:
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).strftime("%Y-%m-%d")


def describe_slope(slope: float, low: float, high: float) -> str:
    """Return how fast something moves, in steps a month, with its interval."""
    return f"{slope:+.0f} steps a month ({low:+.0f} to {high:+.0f})"


def describe_velocity(um_s: int) -> str:
    """Return a velocity in the unit of the limits, mm/s."""
    return f"{um_s / 1000:.2f} mm/s" if um_s < 10_000 else f"{um_s / 1000:.1f} mm/s"


def describe_command(cmd: str, fields: dict[str, Any]) -> str:
    """Return what was asked of a sensor."""
    told = ", ".join(
        f"{name.replace('_', ' ')} {'own' if value is None else value}" for name, value in fields.items()
    )
    word = COMMAND_WORDS.get(cmd, cmd)
    return f"{word}: {told}" if told else word


def describe_answer(cmd: str, parts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return what a sensor answered as names and values; what is drawn elsewhere is only named."""
    if not parts:
        return []
    first = parts[0]
    if cmd == "snapshot":
        return [
            ("Raw samples", f"{first.get('frames')} frames, see Spectra"),
            ("Rate", f"{first.get('rate_hz')} Hz"),
        ]
    if cmd == "spectrum":
        score = first.get("score")
        told = "not judged" if type(score) is not int else describe_score(score)
        return [("Spectrum", "see Spectra"), ("From healthy", told)]
    if cmd == "baseline":
        names = [part.get("names") for part in parts]
        count = sum(len(some) for some in names if isinstance(some, list))
        if first.get("last"):
            return [("Last baseline", f"{count} features")]
        return [("Baseline", f"{count} features, drawn as usual in the alerts' spectra")]
    found = dict(_flat(first, ""))
    return [(name, _shown(value)) for name, value in found.items()][:MOST_ANSWERS] or [("Answer", "done")]


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Return the values of nested objects under the names that lead to them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name} {key}".strip().replace("_", " "))
    else:
        yield name, value


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value)[:LONGEST_VALUE] or "none"
    return str(value)[:LONGEST_VALUE]


_FREQUENCIES = ("centroid", "line_freq", "vline_freq")
_BY_ANGLE = {
    "oband": "octave of the shaft's orders",
    "oenv": "repeating impacts, octave of the shaft's orders",
    "mesh": "gear mesh",
    "side": "side bands of gear mesh",
}


def _feature_words(kind: str, spectrum: dict[str, Any] | None) -> str:
    words = {
        "rms": "overall vibration",
        "peak": "highest peak",
        "crest": "peaks over the overall level (crest)",
        "kurtosis": "impacts (kurtosis)",
        "velocity_rms": "vibration velocity",
        "centroid": "middle of the spectrum",
        "flatness": "noise against tones (flatness)",
        "line_freq": "frequency of the strongest tone",
        "line_level": "strongest tone",
        "vline_freq": "frequency of the strongest movement",
        "vline_level": "strongest movement",
        "bpfo": "bearing's outer race (BPFO)",
        "bpfi": "bearing's inner race (BPFI)",
        "bsf": "bearing's rolling elements (BSF)",
        "ftf": "bearing's cage (FTF)",
    }
    if kind.startswith("slow_"):
        return f"0.1 to 10 Hz: {_feature_words(kind[5:], None)}"
    if kind in words:
        return words[kind]
    if kind.startswith("band") and kind[4:] in _NUMBERS:
        edges = band_edges_hz(spectrum) if spectrum else []
        number = int(kind[4:])
        if number + 1 < len(edges):
            return f"{_hz(edges[number])} to {_hz(edges[number + 1])}"
        return f"frequency band {number}"
    if kind.startswith("env") and kind[3:] in _NUMBERS:
        return f"repeating impacts, envelope band {int(kind[3:])}"
    if kind.startswith("order") and kind[5:] in _NUMBERS:
        return f"{int(kind[5:])} x the shaft's speed"
    for stem, said in _BY_ANGLE.items():
        if kind.startswith(stem) and kind[len(stem) :] in _NUMBERS:
            return f"{said} {int(kind[len(stem) :])}"
    return kind


def _describe_both(kind: str, value: float, usual: float) -> str:
    """Return a feature's value and its usual value, from the units of its log2 scale."""
    if kind.startswith("slow_"):
        kind = kind[5:]
        if kind in _FREQUENCIES:
            return f"{_two_digits(value / 100)} Hz, usually {_two_digits(usual / 100)} Hz"
        if kind == "velocity_rms":
            value, usual = 100 * value, 100 * usual
    if kind in _FREQUENCIES:
        return f"{_hz(value)}, usually {_hz(usual)}"
    scale, unit = 1.0, ""
    if kind == "velocity_rms":
        scale, unit = 1e-6, " mm/s"
    elif kind in ("rms", "peak", "line_level", "vline_level") or kind.startswith(
        ("band", "order", "oband", "mesh", "side")
    ):
        scale, unit = (1e-6, " m/s²") if max(value, usual) >= 1e4 else (1e-3, " mm/s²")
    elif kind.startswith(("env", "oenv")):
        scale, unit = 100 / 2**20, " %"
    return f"{_two_digits(value * scale)}{unit}, usually {_two_digits(usual * scale)}{unit}"


def _two_digits(amount: float) -> str:
    return f"{amount:.0f}" if amount >= 99.5 else f"{amount:.2g}"


def _hz(hertz: float) -> str:
    return f"{_two_digits(hertz / 1000)} kHz" if hertz >= 999.5 else f"{hertz:.0f} Hz"


def band_edges_hz(spectrum: dict[str, Any]) -> list[float]:
    """Return the edges of the log-spaced bands of an alert's spectrum, one more than there are bands."""
    count = len(spectrum["levels"])
    ratio = spectrum["hi_hz"] / spectrum["lo_hz"]
    return [spectrum["lo_hz"] * ratio ** (i / count) for i in range(count + 1)]


def band_levels_m_s2(spectrum: dict[str, Any]) -> list[float]:
    """Return the RMS acceleration in each band of an alert's spectrum, m/s2."""
    return [factor(level * STEPS_PER_SPECTRUM_BYTE) * 1e-6 for level in spectrum["levels"]]


def band_label(low_hz: float, high_hz: float) -> str:
    """Return the middle of a band."""
    return _hz((low_hz * high_hz) ** 0.5)


def describe_bytes(count: int) -> str:
    """Return a number of bytes with a decimal unit."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def describe_ratio(sampled: int, sent: int) -> str:
    """Return how many bytes were sampled for each one sent."""
    return f"{sampled / sent:,.0f} : 1" if sent and sampled else "-"


def describe_span(span_ms: int) -> str:
    """Return a span of time, coarser the longer it is."""
    seconds = max(0, span_ms) // 1000
    if seconds < 90:
        return f"{seconds} s"
    if seconds < 90 * 60:
        return f"{seconds // 60} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86400} days"
