"""What the sensor on a gearbox hears: gears, shafts, rolling, tower, electrical lines, events, and a fault."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

from vibtrain.data.windfarm import faults
from vibtrain.data.windfarm.course import RATED_RPM, Course
from vibtrain.data.windfarm.machine import (
    CONVERTER_HZ,
    GRID_HZ,
    OIL_C,
    ROTOR,
    SOFTER_PER_K,
    STAGES,
    Array,
    Machine,
)
from vibtrain.data.windfarm.weather import Weather
from vibtrain.recordings import STANDARD_GRAVITY

UG_PER_COUNT = 488  # of the recorder: 16 bits, 16 g
NOISE_UG_RTHZ = 25.0  # of the recorder
RING_S = 0.15  # after which a mode is still
TONE_SHARE = 0.45  # tones over this share of the sample rate are left out, not folded back

Counts = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Frames:
    """The course at each frame: turns of the high-speed shaft, its speed over the rated one, torque as a share;
    shapes (frames,)."""

    rate_hz: float
    turns: Array
    speed: Array
    torque: Array

    @property
    def time_s(self) -> Array:
        return np.arange(len(self.turns)) / self.rate_hz


def counts(
    machine: Machine,
    weather: Weather,
    course: Course,
    fault: str,
    size: float,
    *,
    seconds: float,
    rate_hz: float,
    random: np.random.Generator,
) -> Counts:
    """A recording of three axes, int16 counts of UG_PER_COUNT, shape (frames, 3).

    Args:
        fault: one of `faults.FAULTS`, or empty.
        size: of the fault, 0 none to 1 severe.
    """
    frames = _frames(machine, course, fault, size, round(seconds * rate_hz), rate_hz, random)
    force = _mesh(machine, frames, fault, size) + _rolling(machine, weather, frames, random)
    force += faults.impacts(fault, size, frames.turns, frames.speed, frames.torque, rate_hz, random)
    force += _event_knocks(weather.event, frames, random)
    heard = _through_housing(force, machine, weather.oil_c, rate_hz)
    heard += _shaft(machine, frames)[:, None] * (1.0, 0.8, 0.4)
    heard += faults.motion(fault, size, frames.turns, frames.speed, frames.torque, random)[:, None] * (
        1.0,
        0.9,
        0.5,
    )
    heard += _tower(machine, weather, course, frames, fault, size, random)
    heard += _electrical(machine, weather, frames, random)[:, None] * (0.6, 0.8, 0.5)
    heard = heard @ machine.mounting.T
    heard += random.standard_normal(heard.shape) * (
        NOISE_UG_RTHZ * 1e-6 * STANDARD_GRAVITY * np.sqrt(rate_hz / 2)
    )
    heard[:, 2] += STANDARD_GRAVITY
    return np.clip(np.rint(heard / (UG_PER_COUNT * 1e-6 * STANDARD_GRAVITY)), -32768, 32767).astype(np.int16)


def _frames(
    machine: Machine,
    course: Course,
    fault: str,
    size: float,
    count: int,
    rate_hz: float,
    random: np.random.Generator,
) -> Frames:
    """The course, finer: blades passing the tower, and a rotor out of balance, make speed and torque sway."""
    time_s = np.arange(count) / rate_hz
    rpm = np.interp(time_s, course.times_s, course.speed_rpm)
    torque = np.interp(time_s, course.times_s, course.torque)
    rotor = (random.uniform() + np.cumsum(rpm / 60) / rate_hz) * ROTOR
    once = 0.002 + faults.sway(fault, size)
    sway = once * np.cos(2 * np.pi * rotor) + 0.003 * np.cos(2 * np.pi * (3 * rotor + machine.phases[0]))
    turns = random.uniform() + np.cumsum(rpm / 60 * (1 + sway)) / rate_hz
    return Frames(rate_hz, turns, rpm / RATED_RPM, np.maximum(0, torque * (1 + 6 * sway)))


def _mesh(machine: Machine, frames: Frames, fault: str, size: float) -> Array:
    """Harmonics of the three meshes, with side bands of both shafts of each; louder with torque and speed."""
    force = np.zeros(len(frames.turns))
    common = (0.15 + 0.85 * frames.torque**0.7) * frames.speed
    crack = faults.tooth(fault, size, frames.turns)
    for number, (mesh, shafts, full) in enumerate(STAGES):
        depth = 1.0 + sum(
            machine.eccentric[number, shaft]
            * np.cos(2 * np.pi * (order * frames.turns + machine.phases[1 + shaft]))
            for shaft, order in enumerate(shafts)
        )
        late = np.zeros(1)  # turns of the mesh that the cracked tooth gives way by
        if number == 0:
            depth, late = depth * (1 - 0.6 * crack), 0.08 * crack
        for harmonic in (1, 2, 3):
            if mesh * harmonic * frames.speed.max() * RATED_RPM / 60 > TONE_SHARE * frames.rate_hz:
                continue
            phase = harmonic * (mesh * frames.turns - late) + machine.phases[4 + 3 * number + harmonic - 1]
            force += full * machine.mesh[number, harmonic - 1] * common * depth * np.cos(2 * np.pi * phase)
    return force


def _rolling(machine: Machine, weather: Weather, frames: Frames, random: np.random.Generator) -> Array:
    """Noise of bearings and teeth; thin oil lets more through."""
    heat = 1 + 0.006 * (weather.oil_c - OIL_C)
    level = machine.noise * heat * frames.speed**1.5 * (0.25 + 0.5 * frames.torque)
    return np.asarray(level * random.standard_normal(len(level)) * np.sqrt(frames.rate_hz / 6667))


def _shaft(machine: Machine, frames: Frames) -> Array:
    """1x to 3x of the high-speed shaft; forces grow with the square of the speed."""
    tones = sum(
        level * np.cos(2 * np.pi * (order * frames.turns + machine.phases[12 + order]))
        for order, level in enumerate(machine.shaft, start=1)
    )
    return np.asarray(tones * frames.speed**2)


def _tower(
    machine: Machine,
    weather: Weather,
    course: Course,
    frames: Frames,
    fault: str,
    size: float,
    random: np.random.Generator,
) -> Array:
    """Slow motion of nacelle and tower on three axes: its first bending, blades passing, a rotor out of balance."""
    time_s = frames.time_s
    pushed = weather.turbulence * float(course.wind_m_s.mean()) ** 1.5 / 30
    bending = 0.1 * pushed * np.cos(2 * np.pi * (machine.tower_hz * time_s + random.uniform()))
    rotor = ROTOR * frames.turns
    passing = (0.01 + 0.02 * frames.torque) * np.cos(2 * np.pi * 3 * rotor)
    unbalance = (0.01 + faults.unbalance(fault, size)) * frames.speed**2 * np.cos(2 * np.pi * rotor)
    return np.stack([bending * 0.4 + unbalance, bending + passing, 0.1 * bending], axis=1)


def _electrical(machine: Machine, weather: Weather, frames: Frames, random: np.random.Generator) -> Array:
    """Multiples of the grid's frequency with the load, the converter with side bands, a fan when it is warm."""
    grid_hz = GRID_HZ * (1 + 4e-4 * random.standard_normal())
    time_s = frames.time_s
    tones = 0.06 * np.cos(4 * np.pi * grid_hz * time_s) + 0.02 * np.cos(12 * np.pi * grid_hz * time_s)
    carrier = 2 * np.pi * CONVERTER_HZ * time_s
    if TONE_SHARE * frames.rate_hz > CONVERTER_HZ:
        tones += 0.05 * np.cos(carrier) * (1 + 0.8 * np.cos(4 * np.pi * (frames.turns * 2)))
    heard = machine.electrical * frames.torque * tones
    if weather.oil_c > OIL_C:
        heard = heard + 0.04 * np.cos(2 * np.pi * (24.3 * time_s + random.uniform()))
    return np.asarray(heard)


def _event_knocks(event: str, frames: Frames, random: np.random.Generator) -> Array:
    """Forces of yawing, pitching, connecting to the grid, and braking."""
    force, time_s = np.zeros(len(frames.turns)), frames.time_s
    begin_s = random.uniform(0, 0.7) * time_s[-1]
    since_s = time_s - begin_s
    if event == "yaw":  # motors, the ring's teeth, and the brake's chatter, for some seconds
        on = (since_s >= 0) & (since_s < random.uniform(2, 8))
        force += on * (0.5 * np.cos(2 * np.pi * 47 * time_s) + 0.4 * np.cos(2 * np.pi * 141 * time_s))
        force += (
            on * (random.uniform(size=len(force)) < 12 / frames.rate_hz) * random.normal(0, 8, len(force))
        )
    elif event == "pitch":  # a pump, for one to three
        on = (since_s >= 0) & (since_s < random.uniform(1, 3))
        force += on * (0.4 * np.cos(2 * np.pi * 118 * time_s) + 0.3 * random.standard_normal(len(force)))
    elif event in ("start", "stop"):  # one blow, and what follows it
        force += np.where(
            since_s >= 0, 2.0 * np.exp(-np.maximum(since_s, 0) / 0.3), 0
        ) * random.standard_normal(len(force))
        force[int(begin_s * frames.rate_hz)] += 60
    return force


def _through_housing(force: Array, machine: Machine, oil_c: float, rate_hz: float) -> Array:
    """The force on three axes: directly, and by the modes that it rings; shape (frames, 3)."""
    time_s = np.arange(round(RING_S * rate_hz)) / rate_hz
    modes = 2 * np.pi * machine.modes_hz * (1 - SOFTER_PER_K * (oil_c - OIL_C))
    below = modes < 2 * np.pi * TONE_SHARE * rate_hz
    ringing = (
        np.exp(-np.outer(time_s, machine.damping * modes)) * np.sin(np.outer(time_s, modes)) * modes / rate_hz
    )
    response = ringing[:, below] @ machine.shapes[below]
    response[0] += machine.rigid
    return np.stack([signal.oaconvolve(force, response[:, axis])[: len(force)] for axis in range(3)], axis=1)
