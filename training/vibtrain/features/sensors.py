"""The accelerometers that a model can be trained for: rate, band, range, noise and counts of each."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vibtrain.recordings import STANDARD_GRAVITY, DataError

SENSORS = Path(__file__).parent / "sensors.toml"


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """One accelerometer with its range and rate chosen.

    Attributes:
        rate_hz: samples a second on each axis.
        rates_hz: those that the chip itself has, highest first; a study may choose another one.
        bandwidth_hz: -3 dB bandwidth, at most half the rate.
        range_g: largest acceleration in g; beyond it the output is clipped.
        lsb_nm_s2: acceleration of one count in nm/s².
        noise_ug_rthz: noise density of each axis in ug/sqrt(Hz).
        bits: of the signed output.
        step_counts: smallest step of the output in counts.
    """

    name: str
    rate_hz: float
    rates_hz: tuple[float, ...]
    bandwidth_hz: float
    range_g: int
    lsb_nm_s2: int
    noise_ug_rthz: tuple[float, ...]
    bits: int
    step_counts: int = 1

    @property
    def noise_um_s2(self) -> float:
        """RMS in um/s² of the noisiest axis at rest: white noise over half the rate, and rounding to steps."""
        noise = max(self.noise_ug_rthz) * STANDARD_GRAVITY * math.sqrt(self.rate_hz / 2)
        return math.hypot(noise, self.lsb_nm_s2 * self.step_counts / 1e3 / math.sqrt(12))

    @property
    def full_scale_counts(self) -> int:
        """Largest count the sensor puts out: one step short of its range, and within its bits."""
        of_range = round(self.range_g * STANDARD_GRAVITY * 1e9 / self.lsb_nm_s2) - self.step_counts
        return min(of_range, (1 << (self.bits - 1)) - 1)


def names() -> tuple[str, ...]:
    """Names of the known sensors, sorted."""
    return tuple(sorted(_table()))


def sensor(name: str, *, rate_hz: float | None = None, range_g: int | None = None) -> Sensor:
    """A known sensor; `rate_hz` may be lower than its highest, `range_g` one of its ranges.

    Raises `DataError` naming the field, the value and what is accepted.
    """
    table = _table()
    if name not in table:
        raise DataError(f"sensor {name!r} is unknown; accepted: {', '.join(sorted(table))}")
    chip = table[name]
    highest_hz = chip["rates_hz"][0]
    rate_hz = highest_hz if rate_hz is None else rate_hz
    range_g = chip["range_g"] if range_g is None else range_g
    ug_per_count = {int(g): ug for g, ug in chip["ug_per_count"].items()}
    if not 0 < rate_hz <= highest_hz:
        raise DataError(f"sensor {name}: rate_hz {rate_hz:g}; accepted: rates up to {highest_hz} Hz")
    if range_g not in ug_per_count:
        ranges = ", ".join(str(g) for g in ug_per_count)
        raise DataError(f"sensor {name}: range_g {range_g}; accepted: {ranges}")
    return Sensor(
        name=name,
        rate_hz=rate_hz,
        rates_hz=tuple(chip["rates_hz"]),
        bandwidth_hz=min(chip["bandwidth_hz"], rate_hz / 2),
        range_g=range_g,
        lsb_nm_s2=round(ug_per_count[range_g] * STANDARD_GRAVITY * 1e3),
        noise_ug_rthz=tuple(chip["noise_ug_rthz"]),
        bits=chip["bits"],
        step_counts=chip.get("step_counts", 1),
    )


@cache
def _table() -> dict[str, dict[str, Any]]:
    with SENSORS.open("rb") as stream:
        return tomllib.load(stream)
