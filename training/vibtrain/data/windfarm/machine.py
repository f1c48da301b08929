"""One turbine of the farm: the type's gears and bearings, and what is this one's alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibtrain.data.simulator import Bearing

Array = npt.NDArray[np.float64]

# Tooth numbers of a three-stage gearbox, ratio 81.5: planetary (ring, sun), intermediate, high-speed (wheel, pinion).
RING, SUN = 99, 21
INTERMEDIATE_WHEEL, INTERMEDIATE_PINION = 82, 23
HIGH_SPEED_WHEEL, HIGH_SPEED_PINION = 88, 22

# Orders: frequencies over that of the high-speed shaft.
INTERMEDIATE = HIGH_SPEED_PINION / HIGH_SPEED_WHEEL
SUN_SHAFT = INTERMEDIATE * INTERMEDIATE_PINION / INTERMEDIATE_WHEEL
ROTOR = SUN_SHAFT / (1 + RING / SUN)
HIGH_SPEED_MESH = float(HIGH_SPEED_PINION)
INTERMEDIATE_MESH = INTERMEDIATE * INTERMEDIATE_PINION
PLANET_MESH = ROTOR * RING
# Mesh order, the orders of its two shafts, and its force at full load in m/s².
STAGES = (
    (HIGH_SPEED_MESH, (1.0, INTERMEDIATE), 1.0),
    (INTERMEDIATE_MESH, (INTERMEDIATE, SUN_SHAFT), 0.6),
    (PLANET_MESH, (3 * ROTOR, SUN_SHAFT), 0.25),
)
HIGH_SPEED_BEARING = Bearing(balls=20, diameter_ratio=0.16)
MAIN_BEARING = Bearing(balls=28, diameter_ratio=0.09)

MODES_HZ = (140.0, 410.0, 860.0, 1500.0, 2150.0, 2800.0)  # of the type; each turbine's are up to 15 % off
SOFTER_PER_K = 4e-4  # of a mode's frequency, with the oil's temperature
OIL_C = 50.0  # at which MODES_HZ hold
GRID_HZ = 50.0
CONVERTER_HZ = 2450.0


@dataclass(frozen=True)
class Machine:
    """What no two turbines have alike.

    Attributes:
        modes_hz, damping: of the housing, shape (modes,); damping as a share of the critical one.
        shapes: how much of a mode each axis hears, shape (modes, 3).
        rigid: how much of a force each axis hears without a mode, shape (3,).
        mounting: turns and scales the three axes, shape (3, 3).
        shaft: 1x to 3x of the high-speed shaft at rated speed in m/s², shape (3,).
        mesh: harmonics of each stage, shape (3, 3).
        eccentric: modulation depth of each stage by its two shafts, shape (3, 2).
        phases: shape (16,), in turns.
        noise: of rolling and sliding; electrical: of lines; tower_hz: of its first bending.
    """

    modes_hz: Array
    damping: Array
    shapes: Array
    rigid: Array
    mounting: Array
    shaft: Array
    mesh: Array
    eccentric: Array
    phases: Array
    noise: float
    electrical: float
    tower_hz: float


def machine(seed: int, turbine: int) -> Machine:
    """The same again for a seed and a turbine."""
    random = np.random.default_rng([seed, 2, turbine])
    modes = len(MODES_HZ)
    tilt = random.normal(0, 0.08, (3, 3))  # radians: the sensor sits askew
    return Machine(
        modes_hz=np.array(MODES_HZ) * random.uniform(0.85, 1.15, modes),
        damping=random.uniform(0.02, 0.06, modes),
        shapes=random.choice([-1.0, 1.0], (modes, 3)) * random.uniform(0.05, 0.35, (modes, 3)),
        rigid=random.uniform(0.3, 0.8, 3),
        mounting=(np.eye(3) + tilt - tilt.T) * random.lognormal(0, 0.15),
        shaft=np.array([0.25, 0.1, 0.05]) * random.lognormal(0, 0.4, 3),
        mesh=np.array([1.0, 0.5, 0.2]) * random.lognormal(0, 0.25, (3, 3)),
        eccentric=random.uniform(0.05, 0.2, (3, 2)),
        phases=random.uniform(0, 1, 16),
        noise=float(random.lognormal(0, 0.15)),
        electrical=float(random.lognormal(0, 0.4)),
        tower_hz=float(random.uniform(0.28, 0.36)),
    )
