"""An evaluation in sentences: each figure with its interval, and plainly said where there are too few data for it."""

from __future__ import annotations

import math
from typing import Any

MONTH_DAYS = 30.4
MOST_A_MONTH = 60.0  # up to which a rate is worth stating
ENOUGH_MONTHS = 3.7  # without a false alarm in so many months, under one a month is all but sure


def sentences(summary: dict[str, Any]) -> list[str]:
    """What `evaluate.summary` says, most important first."""
    return [
        _false_alarms(summary),
        _detection(summary),
        *_times(summary),
        *_windows(summary),
        _bytes(summary),
    ]


def tiles(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What an operator asks first, each as title, figure, and what stands under it."""
    outside, rate = summary["outside_rate"], summary["false_alarms_per_month"]
    low, high = summary["intervals"]["false_alarms_per_month"] or (None, None)
    months = "-" if rate is None else number(rate)
    limits = "" if high is None else f"{number(low or 0)} to {number(high)}"
    delay = "no delay known" if summary["delay_s"] is None else f"median delay {duration(summary['delay_s'])}"
    windows = sorted(count for _, count in summary["coverage"])
    least = f"{windows[0]} to {windows[-1]} windows each" if windows else "one place, or no line"
    return [
        ("windows never judged", "-" if outside is None else percent(outside), "outside of what is known"),
        ("false alarms a machine-month", months, f"{limits}, in {duration(summary['healthy_s'])} healthy"),
        ("faults found", f"{summary['episodes_detected']} of {summary['episodes']}", delay),
        ("operating points learnt", str(len(windows)) if windows else "-", least),
    ]


def number(value: float | None, digits: int = 3) -> str:
    """A figure for people; `-` where there is none."""
    if value is None:
        return "-"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def interval(ends: list[float | None] | None) -> str:
    """`[0.91, 0.99]`; an end that was not reached is `never`."""
    if ends is None:
        return "(no interval)"
    return "[" + ", ".join("never" if end is None else number(end) for end in ends) + "]"


def duration(seconds: float) -> str:
    """E.g. `12 s`, `4.5 min`, `3.2 h`, `2.1 days`."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _false_alarms(s: dict[str, Any]) -> str:
    if s["false_alarms_per_day"] is None:
        return "False alarms: no healthy recording was left to judge, so nothing can be said."
    alarms, heard = s["false_alarms"], duration(s["healthy_s"])
    low, high = s["intervals"]["false_alarms_per_day"]
    text = f"False alarms: {alarms} in {heard} of healthy running."
    if s["watched_s"] > s["healthy_s"]:
        text = f"{text[:-1]}, measured in rounds over {duration(s['watched_s'])}."
    ends = s["intervals"]["false_alarms_per_month"]
    if ends[1] <= MOST_A_MONTH:
        return f"{text} That is {number(s['false_alarms_per_month'])} a machine-month, {interval(ends)}."
    needed = ENOUGH_MONTHS * MONTH_DAYS * 86400 / s["healthy_s"]
    worth = f"With so little, the true rate may be anything from {number(low)} to {number(high)} a day"
    return f"{text} {worth}: to show under one a month takes about {_rounded(needed)} times as much healthy recording."


def _rounded(value: float) -> str:
    """Two significant digits, written out."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"


def _times(s: dict[str, Any]) -> list[str]:
    if s["time_share"] == 1:
        return []
    return [
        f"Recordings are too short for the model's dwell of {duration(s['dwell_s'])}: they were judged by one of "
        f"{duration(s['dwell_s'] * s['time_share'])}. On a machine a warning takes longer."
    ]


def _detection(s: dict[str, Any]) -> str:
    if not s["episodes"]:
        return "Faults: none was recorded, so nothing can be said of how they are found."
    found, episodes = s["episodes_detected"], s["episodes"]
    text = f"Faults: {found} of {episodes} raised an alert, {percent(found / episodes)} {percents(s)}."
    if s["delay_s"] is None:
        return f"{text} Most raised none within their recordings."
    spread = s["intervals"]["delay_s"]
    return f"{text} Median delay {duration(s['delay_s'])}" + (f" {interval(spread)}." if spread else ".")


def percent(share: float) -> str:
    """E.g. `85 %`."""
    return f"{100 * share:.3g} %"


def percents(s: dict[str, Any]) -> str:
    """Interval of the share of faults found."""
    ends = s["intervals"]["share_detected"]
    return "" if ends is None else f"[{100 * ends[0]:.3g}, {100 * ends[1]:.3g}]"


def _windows(s: dict[str, Any]) -> list[str]:
    names = (
        ("window_auc", "AUC"),
        ("recall", "recall at the warning threshold"),
        ("false_alarm_rate", "healthy windows over it"),
    )
    parts = [
        f"{title} {number(s[name])} {interval(s['intervals'][name])}"
        for name, title in names
        if s[name] is not None and not math.isnan(s[name])
    ]
    if not parts:
        return _outside(s)
    text = f"Windows ({s['healthy_windows']} healthy, {s['fault_windows']} faulty): " + ", ".join(parts) + "."
    if any(s[name] is not None and s["intervals"][name] is None for name, _ in names):
        text += " No interval: there is one recording only, and what another would show is not known."
    return [text, *_outside(s)]


def _outside(s: dict[str, Any]) -> list[str]:
    if not s["outside_rate"]:
        return []
    return [
        "Outside of what was trained on, or of another speed than was learnt, so neither right nor wrong: "
        f"{percent(s['outside_rate'])} of all windows."
    ]


def _bytes(s: dict[str, Any]) -> str:
    share = s["bytes_sampled"] / s["bytes_sent"] if s["bytes_sent"] else math.inf
    return (
        f"Sent: {s['bytes_sent']:,} bytes of {s['bytes_sampled']:,} sampled, "
        f"1 in {number(share)}; {s['alerts_sent']} alert messages."
    )
