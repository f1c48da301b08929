"""The evaluation zones of ISO 20816: how much vibration velocity is how good, for a kind of machine."""

from __future__ import annotations

Zones = tuple[float, float, float]


class ZoneError(Exception):
    """The zones cannot be read; the text is one line for the user."""


def parse_zones(text: str) -> Zones:
    """Return the upper ends of zones A, B and C in mm/s from e.g. 1.4,2.8,4.5. Raises ZoneError."""
    try:
        a, b, c = (float(part) for part in text.split(","))
    except ValueError:
        a = b = c = 0.0
    if not 0 < a < b < c < 1000:
        raise ZoneError(f"--zones {text}: need the upper ends of zones A, B and C in mm/s, rising: 1.4,2.8,4.5")
    return a, b, c
