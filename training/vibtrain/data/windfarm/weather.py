"""What each recording of a turbine meets: mean wind, turbulence, temperatures, curtailment, events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

WIND_HOURS = 12.0  # over which the wind forgets itself
WIND_SCALE_M_S, WIND_SHAPE = 8.5, 2.0  # of the Weibull distribution
SITE_SHARE = 0.9  # of a turbine's wind that the whole farm has
CUT_IN_M_S = 3.5
CURTAILED_SHARE, CURTAILED_HOURS = 0.08, 10.0
AMBIENT_C, DAILY_C, WEATHER_C = 9.0, 4.0, 6.0
OIL_C, OIL_FULL_LOAD_C, OIL_HOURS = 18.0, 40.0, 2.0  # above ambient: standing by, at full load; time constant
# Shares of recordings in which something happens; the rest is plain running.
EVENTS = {"start": 0.02, "stop": 0.02, "yaw": 0.06, "pitch": 0.05, "ramp": 0.05}


@dataclass(frozen=True)
class Weather:
    """One recording's circumstances.

    Attributes:
        wind_m_s: mean over the recording; under CUT_IN_M_S the turbine stands still or idles.
        turbulence: standard deviation of the wind over its mean.
        power_limit: share of the rated power that the grid's operator allows.
        oil_c: of the gearbox.
        event: one of EVENTS, or empty.
    """

    wind_m_s: float
    turbulence: float
    power_limit: float
    oil_c: float
    event: str

    @property
    def runs(self) -> bool:
        """Whether there is wind enough."""
        return self.wind_m_s >= CUT_IN_M_S


def weather(seed: int, turbine: int, times: int, step_hours: float) -> Iterator[Weather]:
    """Of `times` recordings of a turbine, `step_hours` apart; the farm's turbines share most of their wind."""
    site, own = (np.random.default_rng([seed, 1, number]) for number in (0, turbine))
    site_wind, own_wind, heat = (
        _wandering(random, times, step_hours, hours) for random, hours in ((site, 12), (own, 12), (site, 72))
    )
    wind = SITE_SHARE * site_wind + np.sqrt(1 - SITE_SHARE**2) * own_wind
    mean_m_s = WIND_SCALE_M_S * (-np.log(stats.norm.sf(wind))) ** (1 / WIND_SHAPE)
    limit_score = _wandering(site, times, step_hours, CURTAILED_HOURS)
    limited = limit_score > stats.norm.isf(CURTAILED_SHARE)
    limits = np.where(limited, site.uniform(0.3, 0.8, times), 1.0)
    oil = OIL_C
    for number in range(times):
        hour = number * step_hours
        ambient = AMBIENT_C + DAILY_C * np.sin(2 * np.pi * (hour - 9) / 24) + WEATHER_C * heat[number]
        power = min((mean_m_s[number] / 11.5) ** 3, limits[number])
        settled = OIL_C + OIL_FULL_LOAD_C * power
        oil = settled + (oil - settled) * np.exp(-step_hours / OIL_HOURS)
        event = str(own.choice([*EVENTS, ""], p=[*EVENTS.values(), 1 - sum(EVENTS.values())]))
        if mean_m_s[number] < CUT_IN_M_S and event != "yaw":  # nothing to start, stop, pitch or ramp
            event = ""
        turbulence = float(own.uniform(0.08, 0.2))
        yield Weather(float(mean_m_s[number]), turbulence, float(limits[number]), float(ambient + oil), event)


def _wandering(random: np.random.Generator, times: int, step_hours: float, hours: float) -> np.ndarray:
    """Standard normal values that forget themselves in `hours`."""
    kept = np.exp(-step_hours / hours)
    values = random.standard_normal(times)
    for number in range(1, times):
        values[number] = kept * values[number - 1] + np.sqrt(1 - kept**2) * values[number]
    return values
