"""Accelerometers, one a file.

A driver has `rate_hz`, `axes`, `lsb_nm_s2` (acceleration of one count), `full_scale_counts`, and:

- ``readinto(buf)``: fill `buf`, an array('h'), with whole frames; returns how many, 0 while none are due. Raises
  OSError when the sensor does not answer; the next call tries again.
- ``gap``: after a read, True if samples were lost right before what it returned.
- ``poll_ms``: how long to wait after a read that returned 0.
"""

from .. import config
from .replay import Replay


def open_sensor(sensor: dict):
    """The driver that the `sensor` section of the device configuration asks for. Raises config.ConfigError."""
    if sensor["driver"] == "replay":
        return Replay(sensor["playlist"], sensor["pace"])
    raise config.ConfigError(
        "sensor.driver: {!r}; accepted: {}".format(sensor["driver"], ", ".join(config.DRIVERS))
    )
