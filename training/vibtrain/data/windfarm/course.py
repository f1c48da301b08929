"""Speed and torque of a turbine within a recording: turbulent wind, the rotor's inertia, the controller, events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

from vibtrain.data.windfarm.weather import CUT_IN_M_S, Weather

Array = npt.NDArray[np.float64]

COURSE_HZ = 20.0
LEAD_S = 60.0  # of wind before the recording begins
SLOWEST_RPM, RATED_RPM = 900.0, 1800.0  # of the high-speed shaft
FULL_SPEED_M_S, FULL_POWER_M_S = 9.0, 11.5
GUSTS_S = ((12.0, 0.8), (2.0, 0.6))  # time constant, and share of the turbulence
ROTOR_S, TORQUE_S = 4.0, 1.0  # time constants
START_RPM_S, STOP_RPM_S = 70.0, 130.0  # changes of speed
RAMP = 0.3  # of the wind within the recording


@dataclass(frozen=True)
class Course:
    """At `times_s`: of the high-speed shaft in rpm, torque as a share of the rated one, wind in m/s; shapes (n,)."""

    times_s: Array
    speed_rpm: Array
    torque: Array
    wind_m_s: Array


def course(weather: Weather, seconds: float, random: np.random.Generator) -> Course:
    """What happens in a recording of so many seconds."""
    lead, points = round(LEAD_S * COURSE_HZ), int(np.ceil(seconds * COURSE_HZ)) + 1
    times_s = np.arange(points) / COURSE_HZ
    gusts = sum(share * _wandering(random, lead + points, tau_s) for tau_s, share in GUSTS_S)
    wind = weather.wind_m_s * np.maximum(0.1, 1 + weather.turbulence * gusts)
    if weather.event == "ramp":
        wind[lead:] *= 1 + random.choice([-RAMP, RAMP]) * times_s / times_s[-1]
    if not weather.runs:
        return Course(times_s, _idling(points, random), np.zeros(points), wind[lead:])
    target = np.interp(wind, (CUT_IN_M_S, FULL_SPEED_M_S), (SLOWEST_RPM, RATED_RPM))
    speed = _lagging(target, ROTOR_S) * (1 + 0.004 * _wandering(random, lead + points, 3.0))
    # Aerodynamic power, as the controller and the grid's operator let it through: torque goes its own way.
    power = np.minimum((wind / FULL_POWER_M_S) ** 3, weather.power_limit)
    torque = _lagging(power, TORQUE_S) / (speed / RATED_RPM)
    torque = np.clip(torque + 0.02 * _wandering(random, lead + points, 0.3), 0.01, 1.15)
    speed, torque, wind = speed[lead:], torque[lead:], wind[lead:]
    if weather.event == "start":
        speed, torque = _start(times_s, speed, torque, random)
    elif weather.event == "stop":
        speed, torque = _stop(times_s, speed, torque, random)
    return Course(times_s, speed, torque, wind)


def _start(times_s: Array, speed: Array, torque: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """Running up without load; connected to the grid where the slowest speed is reached."""
    rising = random.uniform(0.2, 0.8) * SLOWEST_RPM + START_RPM_S * times_s
    connected_s = (SLOWEST_RPM - rising[0]) / START_RPM_S
    loaded = np.clip((times_s - connected_s) / 5, 0, 1)
    return np.minimum(rising, speed), torque * loaded


def _stop(times_s: Array, speed: Array, torque: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """Blades feather at some moment: the torque goes at once, then the speed."""
    since_s = np.maximum(0, times_s - random.uniform(0.1, 0.6) * times_s[-1])
    return np.maximum(20.0, speed - STOP_RPM_S * since_s), torque * np.exp(-since_s / 0.4)


def _idling(points: int, random: np.random.Generator) -> Array:
    """Standing still, or turning slowly."""
    return np.full(points, random.choice([0.0, random.uniform(10, 120)]))


def _wandering(random: np.random.Generator, points: int, tau_s: float) -> Array:
    """Standard normal values that forget themselves in `tau_s`."""
    kept = np.exp(-1 / (COURSE_HZ * tau_s))
    steps = random.standard_normal(points) * np.sqrt(1 - kept**2)
    steps[0] /= np.sqrt(1 - kept**2)
    values: Array = signal.lfilter([1.0], [1.0, -kept], steps)
    return values


def _lagging(values: Array, tau_s: float) -> Array:
    """Behind a time constant, settled at the beginning."""
    kept = np.exp(-1 / (COURSE_HZ * tau_s))
    lagged: Array = signal.lfilter([1 - kept], [1.0, -kept], values, zi=[kept * values[0]])[0]
    return lagged
