"""Units of acceleration, as people and programs write them."""

from __future__ import annotations

from vibtrain.recordings import STANDARD_GRAVITY

IN_M_S2 = {
    "m/s2": 1.0,
    "m/s²": 1.0,
    "m/s^2": 1.0,
    "mm/s2": 1e-3,
    "mm/s²": 1e-3,
    "mm/s^2": 1e-3,
    "g": STANDARD_GRAVITY,
    "mg": STANDARD_GRAVITY * 1e-3,
}
