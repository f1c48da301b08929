"""What a training configuration says of the core: its table `[core]`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import vib

FIRST_FIELDS = vib.CONFIG_FIELDS[:16]


@dataclass(frozen=True)
class CoreChoice:
    """The fields of SPEC.md 1.1 that are the trainer's to choose; units stand there."""

    window: int
    hop: int
    bands: int
    band_lo_hz: int
    band_hi_hz: int
    envelope_bands: int = 0
    envelope_lo_hz: int = 0
    envelope_hi_hz: int = 0
    orders: int = 0
    bpfo_milliorders: int = 0
    bpfi_milliorders: int = 0
    bsf_milliorders: int = 0
    ftf_milliorders: int = 0
    by_angle: int = 0
    order_bands: int = 0
    order_envelope_bands: int = 0
    order_lo_milliorders: int = 0
    mesh1_milliorders: int = 0
    side1_milliorders: int = 0
    mesh2_milliorders: int = 0
    side2_milliorders: int = 0
    mesh3_milliorders: int = 0
    side3_milliorders: int = 0
    slow_window: int = 0
    slow_bands: int = 0
    slow_orders: int = 0

    def fields(self) -> dict[str, int]:
        """By name; those that came after the first models only where they are not 0, so that older packages compare."""
        every = dataclasses.asdict(self)
        return {name: value for name, value in every.items() if value or name in FIRST_FIELDS}
