"""The evaluation zones of ISO 20816-3 and VDI 3834-1: how much vibration velocity is how good for a machine."""

from __future__ import annotations

from vibnode.component_class import CLASSES

from vibdash.errors import OneLineError

Zones = tuple[float | None, float, float]  # upper ends of A, B and C in mm/s; VDI 3834-1 knows no A

_UPPER_END_OF_A = {
    "iso20816-3-group1-rigid": 2.3,
    "iso20816-3-group1-flexible": 3.5,
    "iso20816-3-group2-rigid": 1.4,
    "iso20816-3-group2-flexible": 2.3,
}


class ZoneError(OneLineError):
    """The zones cannot be read; the text is one line for the user."""


def parse_zones(text: str) -> Zones:
    """Return the upper ends of zones A, B and C in mm/s from e.g. 1.4,2.8,4.5. Raises ZoneError."""
    try:
        a, b, c = (float(part) for part in text.split(","))
    except ValueError:
        a = b = c = 0.0
    if not 0 < a < b < c < 1000:
        raise ZoneError(
            f"--zones: {text}; accepted: the upper ends of zones A, B and C in mm/s, rising: 1.4,2.8,4.5"
        )
    return a, b, c


def zones_of_class(component_class: str) -> Zones:
    """Return the zones of a class that the device knows, too: its warning is at the end of B, its alarm of C."""
    return _UPPER_END_OF_A.get(component_class), *CLASSES[component_class]


def zone_of(velocity_mm_s: float, zones: Zones) -> str:
    """Return the zone that a velocity falls into."""
    a, b, c = zones
    if a is not None and velocity_mm_s <= a:
        return "A"
    if velocity_mm_s <= b:
        return "B" if a is not None else "A or B"
    return "C" if velocity_mm_s <= c else "D"
