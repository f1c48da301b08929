"""The faults of the farm, each growing from nothing to severe: the forces, motion and modulation that they add."""

from __future__ import annotations

import numpy as np
from scipy import signal

from vibtrain.data.windfarm.machine import HIGH_SPEED_BEARING, MAIN_BEARING, ROTOR, Array

MAIN, TOOTH, INNER, OUTER, ROTOR_IMBALANCE, LOOSENESS = FAULTS = (
    "main-bearing",
    "gear-tooth",
    "high-speed-inner-race",
    "high-speed-outer-race",
    "rotor-imbalance",
    "looseness",
)
SLIP = 0.01  # of the distance between two strikes
BEARING_FORCE, MAIN_FORCE, TOOTH_FORCE, RATTLE_FORCE = (
    40.0,
    200.0,
    40.0,
    30.0,
)  # of a strike when severe, m/s²
STRIKE_HZ = 6667.0  # a strike lasts one sample at this rate, and as long at others
SOFT_S = 0.002  # a slow bearing's strike arrives through shaft and frame
UNBALANCE = 0.4  # of the nacelle when severe, m/s²; VDI 3834-1 calls 0.3 (RMS) too much


def impacts(
    fault: str,
    size: float,
    turns: Array,
    speed: Array,
    torque: Array,
    rate_hz: float,
    random: np.random.Generator,
) -> Array:
    """Forces of strikes, shape (frames,); `turns` of the high-speed shaft, `speed` and `torque` over the rated ones."""
    force = np.zeros(len(turns))
    if fault == OUTER:
        _strike(force, turns, HIGH_SPEED_BEARING.outer_race_order, BEARING_FORCE * size, random)
    elif fault == INNER:
        _strike(force, turns, HIGH_SPEED_BEARING.inner_race_order, BEARING_FORCE * size, random)
        force *= 0.3 + 0.35 * (1 + np.cos(2 * np.pi * turns))  # through the loaded zone once a turn
    elif fault == MAIN:
        _strike(force, turns, ROTOR * MAIN_BEARING.outer_race_order, MAIN_FORCE * size, random)
        soft = signal.windows.hann(max(3, round(SOFT_S * rate_hz)))
        force = np.convolve(force, soft / soft.sum(), mode="same")
    elif fault == TOOTH:
        _strike(force, turns, 1.0, TOOTH_FORCE * size, random, slip=0.0)
    elif fault == LOOSENESS:
        _strike(force, turns, 1.0, RATTLE_FORCE * size, random, slip=0.05)
    return np.asarray(force * speed * (0.4 + 0.6 * torque) * (rate_hz / STRIKE_HZ))


def tooth(fault: str, size: float, turns: Array) -> Array:
    """0 to `size`: how much the cracked tooth of the high-speed pinion carries of the mesh, once a turn; else 0."""
    if fault != TOOTH:
        return np.zeros(len(turns))
    return np.asarray(size * np.exp(-0.5 * ((turns % 1 - 0.5) / 0.03) ** 2))


def motion(
    fault: str, size: float, turns: Array, speed: Array, torque: Array, random: np.random.Generator
) -> Array:
    """Of a housing that is loose: halves and multiples of the shaft's speed, which waver; shape (frames,)."""
    total = np.zeros(len(turns))
    if fault == LOOSENESS:
        for half in range(1, 13):
            waver = random.normal(1, 0.3) / np.sqrt(half)
            total += waver * np.cos(2 * np.pi * (half / 2 * turns + random.uniform()))
    return np.asarray(1.2 * size * total * speed**2 * (0.6 + 0.4 * torque))


def sway(fault: str, size: float) -> float:
    """Of speed and torque, once a turn of the rotor, as a share."""
    return 0.01 * size if fault == ROTOR_IMBALANCE else 0.0


def unbalance(fault: str, size: float) -> float:
    """Of the nacelle, at the rotor's speed when that is rated, in m/s²."""
    return UNBALANCE * size if fault == ROTOR_IMBALANCE else 0.0


def _strike(
    force: Array,
    turns: Array,
    order: float,
    strength: float,
    random: np.random.Generator,
    slip: float = SLIP,
) -> None:
    """Add strikes of one sample, `order` a turn, each a little early or late and more or less strong."""
    count = int((turns[-1] - turns[0]) * order)
    places = turns[0] + (np.arange(count) + random.uniform()) / order
    places += np.cumsum(random.normal(0, slip, count)) / order
    places = np.sort(places[(places > turns[0]) & (places < turns[-1])])
    np.add.at(force, np.searchsorted(turns, places), strength * random.normal(1, 0.15, len(places)))
