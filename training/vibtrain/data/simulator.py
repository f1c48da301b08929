"""A seeded rotating machine, for tests and for people without recordings; all it makes says `simulated`.

One shaft with rotors, a gear, and one rolling bearing, measured on three axes near the bearing: shaft
harmonics, gear mesh with side bands, and for a damaged bearing a train of impulses that rings the housing.
The catalogue has the same speeds, loads and fault classes as the `adi-motor` data set.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from vibtrain.recordings import HEALTHY, STANDARD_GRAVITY, DataError, Entry, Reading, Samples

SOURCE = "simulated drivetrain"
AXES = ("x", "y", "z")
SPEEDS_RPM = (600.0, 1800.0, 3000.0)
LOADS = {"0 lb": 0.0, "11 lb": 1.0}  # name, and share of full load

# Fault, severity, and size of the defect that stands for it (1 is severe).
FAULTS = (
    (HEALTHY, "", 0.0),
    ("bent-shaft", "", 0.6),
    ("misalignment", "", 0.6),
    ("imbalance", "very-light", 0.15),
    ("imbalance", "light", 0.3),
    ("imbalance", "heavy", 0.6),
    ("imbalance", "very-heavy", 1.0),
    ("inner-race", "light", 0.3),
    ("inner-race", "heavy", 1.0),
    ("outer-race", "light", 0.3),
    ("outer-race", "heavy", 1.0),
    ("ball", "light", 0.3),
    ("ball", "heavy", 1.0),
)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bearing:
    """Geometry of a rolling bearing: number of balls, ball over pitch diameter, contact angle zero."""

    balls: int = 8
    diameter_ratio: float = 0.2379

    @property
    def cage_order(self) -> float:
        """FTF over shaft speed."""
        return (1 - self.diameter_ratio) / 2

    @property
    def outer_race_order(self) -> float:
        """BPFO over shaft speed."""
        return self.balls * self.cage_order

    @property
    def inner_race_order(self) -> float:
        """BPFI over shaft speed."""
        return self.balls * (1 + self.diameter_ratio) / 2

    @property
    def ball_order(self) -> float:
        """Impacts of a ball defect over shaft speed: twice BSF, for it strikes both races."""
        return (1 - self.diameter_ratio**2) / self.diameter_ratio


@dataclass(frozen=True)
class Drivetrain:
    """The simulated machine and the sensor on it.

    Attributes:
        gear_teeth: mesh order.
        resonances_hz: structural resonances that impulses excite.
        damping: share of critical damping of each.
        speed_wander: standard deviation of the slow speed variation, as a share of the speed.
        noise_ug_rthz: noise density of the sensor.
        range_g: the sensor clips beyond it.
    """

    bearing: Bearing = Bearing()
    gear_teeth: int = 18
    resonances_hz: tuple[float, ...] = (1150.0, 2650.0, 4900.0)
    damping: float = 0.03
    speed_wander: float = 0.002
    noise_ug_rthz: float = 80.0
    range_g: float = 40.0


DRIVETRAIN = Drivetrain()


def catalogue(*, seed: int = 1, seconds: float = 2.0, rate_hz: float = 20_000.0) -> list[Entry]:
    """All speeds, loads and faults, one recording each; samples are computed on reading, the same every time.

    Raises `DataError` for a duration or rate that the machine cannot be simulated at.
    """
    least_hz = 2.5 * max(DRIVETRAIN.resonances_hz)
    if rate_hz < least_hz or seconds <= 0:
        raise DataError(
            f"{SOURCE}: rate_hz {rate_hz:g} and seconds {seconds:g}; "
            f"accepted: rates of at least {least_hz:g} Hz and positive durations"
        )
    return [
        _entry(label, severity, size, speed_rpm, load, seed=seed, seconds=seconds, rate_hz=rate_hz)
        for speed_rpm in SPEEDS_RPM
        for label, severity, size in FAULTS
        for load in LOADS
    ]


def simulate(
    label: str,
    size: float,
    *,
    speed_rpm: float | Array,
    load: float,
    seconds: float,
    rate_hz: float,
    random: np.random.Generator,
    machine: Drivetrain = DRIVETRAIN,
) -> Samples:
    """Acceleration in m/s², shape (frames, 3), of one run.

    Args:
        label: `healthy` or a fault named in FAULTS.
        size: of the defect, 0 none to 1 severe.
        speed_rpm: one for all frames, or of each frame.
        load: share of full load, 0 to 1.
    """
    frames = round(seconds * rate_hz)
    speed_rpm = np.broadcast_to(np.asarray(speed_rpm, np.float64), frames)
    turns = _shaft_turns(frames, speed_rpm / 60, rate_hz, machine.speed_wander, random)
    # Mounting and path differ a little between runs, and the load stiffens the path.
    gain = random.normal(1.0, 0.04, (4, 3)) * (1 + 0.1 * load)
    shaft = _shaft_harmonics(label, size, turns, speed_rpm) * gain[0]
    mesh = _gear_mesh(turns, machine.gear_teeth, load, speed_rpm)[:, None] * (gain[1] * (0.7, 0.5, 1.0))
    impacts = _bearing_impacts(label, size, turns, speed_rpm, machine.bearing, random)
    hiss = random.standard_normal(frames) * 0.5 * (speed_rpm / 1800)
    ringing = _ring(impacts + 0.05 * hiss, machine, rate_hz)[:, None] * (gain[2] * (0.8, 0.5, 1.0))
    sensor = random.standard_normal((frames, 3)) * (
        machine.noise_ug_rthz * 1e-6 * STANDARD_GRAVITY * np.sqrt(rate_hz / 2)
    )
    total = shaft + mesh + ringing + hiss[:, None] * gain[3] * 0.6 + sensor
    limit = machine.range_g * STANDARD_GRAVITY
    return np.asarray(np.clip(total, -limit, limit), dtype=np.float32)


def _entry(
    label: str,
    severity: str,
    size: float,
    speed_rpm: float,
    load: str,
    *,
    seed: int,
    seconds: float,
    rate_hz: float,
) -> Entry:
    fault = f"{label}-{severity}" if severity else label
    name = f"simulated_{speed_rpm:04.0f}_{fault}_{load.replace(' ', '')}"
    run = partial(
        _run, name, seed, label, size, speed_rpm=speed_rpm, load=LOADS[load], seconds=seconds, rate_hz=rate_hz
    )
    return Entry(
        name=name,
        machine="simulated",
        session=f"simulated_{fault}_{load.replace(' ', '')}",
        label=label,
        severity=severity,
        speed_rpm=speed_rpm,
        load=load,
        rate_hz=rate_hz,
        axes=AXES,
        source=SOURCE,
        reader=run,
    )


def _run(name: str, seed: int, label: str, size: float, **run: Any) -> Reading:
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    return Reading([simulate(label, size, random=random, **run)], f"simulated, seed {seed}")


def _shaft_turns(
    frames: int, shaft_hz: Array, rate_hz: float, wander: float, random: np.random.Generator
) -> Array:
    """Shaft angle in turns; the speed wanders over about a second."""
    knots = max(2, round(frames / rate_hz * 2) + 1)
    slow = np.interp(np.arange(frames), np.linspace(0, frames, knots), random.standard_normal(knots))
    return random.uniform() + np.cumsum(shaft_hz * (1 + wander * slow)) / rate_hz


def _shaft_harmonics(label: str, size: float, turns: Array, speed_rpm: Array) -> Array:
    """1x, 2x and 3x on each axis; the forces grow with the square of the speed."""
    force = np.array([[0.30, 0.25, 0.10], [0.10, 0.10, 0.05], [0.05, 0.04, 0.03]])  # harmonic, axis; m/s²
    if label == "imbalance":
        force[0] += np.array([3.0, 2.6, 0.3]) * size  # radial 1x
    elif label == "bent-shaft":
        force[0] += np.array([0.8, 0.8, 2.0]) * size
        force[1] += np.array([0.4, 0.4, 1.2]) * size
    elif label == "misalignment":
        force[1] += np.array([2.0, 1.6, 1.8]) * size
        force[2] += np.array([0.8, 0.7, 0.6]) * size
    lag = np.array([0.0, 0.25, 0.4])  # turns between the axes
    orders = np.arange(1, 4)
    phase = orders[:, None, None] * (turns[None, :, None] - lag)
    waves: Array = (force[:, None, :] * np.cos(2 * np.pi * phase)).sum(axis=0)
    return waves * ((speed_rpm / 1800) ** 2)[:, None]


def _gear_mesh(turns: Array, teeth: int, load: float, speed_rpm: Array) -> Array:
    """Mesh frequency and its harmonics, modulated once a turn: side bands at plus and minus shaft speed."""
    modulation = 1 + 0.3 * np.cos(2 * np.pi * turns)
    angle = 2 * np.pi * teeth * turns
    wave: Array = modulation * (np.cos(angle) + 0.5 * np.cos(2 * angle) + 0.2 * np.cos(3 * angle))
    return wave * (0.4 + 0.4 * load) * speed_rpm / 1800


def _bearing_impacts(
    label: str, size: float, turns: Array, speed_rpm: Array, bearing: Bearing, random: np.random.Generator
) -> Array:
    """Force impulses of a bearing defect, one sample long each."""
    orders = {
        "outer-race": bearing.outer_race_order,
        "inner-race": bearing.inner_race_order,
        "ball": bearing.ball_order,
    }
    impacts = np.zeros(len(turns))
    if label not in orders:
        return impacts
    turns_apart = 1 / orders[label]
    count = int((turns[-1] - turns[0]) / turns_apart)
    # The rolling elements slip: each distance varies by one per cent.
    strikes = turns[0] + np.cumsum(turns_apart * random.normal(1, 0.01, count))
    strikes = strikes[strikes < turns[-1]]
    strength = random.normal(1, 0.1, len(strikes))
    if label == "inner-race":  # the defect passes through the loaded zone once a turn
        strength *= 0.3 + 0.7 * (1 + np.cos(2 * np.pi * strikes)) / 2
    elif label == "ball":  # and a ball defect once a turn of the cage
        strength *= 0.2 + 0.8 * (1 + np.cos(2 * np.pi * bearing.cage_order * strikes)) / 2
    np.add.at(impacts, np.searchsorted(turns, strikes), strength)
    return impacts * size * 40 * speed_rpm / 1800


def _ring(force: Array, machine: Drivetrain, rate_hz: float) -> Array:
    """Response of the housing: each resonance decays as exp(-2 pi damping f t)."""
    time_s = np.arange(round(0.02 * rate_hz)) / rate_hz
    decay = sum(
        np.exp(-2 * np.pi * machine.damping * f * time_s) * np.sin(2 * np.pi * f * time_s)
        for f in machine.resonances_hz
    )
    from scipy import signal

    response: Array = signal.fftconvolve(force, decay)[: len(force)]
    return response
