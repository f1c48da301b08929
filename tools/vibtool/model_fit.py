"""Whether a model and a sensor go together: asked of the device's own code, before a byte of either is written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from vibtool.errors import ToolError

OTA_HEAD_BYTES = 12  # of model.ota, before model.bin (SPEC 2.2)


def binary_of(ota: bytes) -> bytes:
    """model.bin inside the model.ota `ota`."""
    size = int.from_bytes(ota[4:8], "little")
    return ota[OTA_HEAD_BYTES : OTA_HEAD_BYTES + size]


def refuse_unfit(where: str, sensor: dict[str, Any], model: bytes) -> None:
    """Raise ToolError, which begins with `where`, unless a model runs on a sensor.

    `sensor`: of a device's configuration as `vibnode.config.load` gives it; `model`: a model.bin. What plays recordings
    is asked on the board alone.
    """
    from vibnode import sampler
    from vibnode.checks import ConfigError
    from vibnode.drivers import chips, orientation

    if sensor["driver"] not in chips.CLASSES:
        return
    import vib

    try:
        needed = vib.Model(model).config()
        chip, rate_hz, range_g = chips.settle(sensor, needed)
        driver = chip(None, rate_hz, range_g)
        driver.orientation = orientation.of(sensor["orientation"])
        sampler.check_fit(driver, needed)
    except (ValueError, ConfigError, sampler.SensorMismatch) as error:
        raise ToolError(f"{where}: {error}") from None


def sensor_of(device: bytes | None) -> dict[str, Any] | None:
    """`sensor` of a board's device.json; None where it is faulty, which the board itself tells better."""
    from vibnode import config
    from vibnode.checks import ConfigError

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "device.json"
        path.write_bytes(device or b"")
        try:
            sensor: dict[str, Any] = config.load(str(path))["sensor"]
        except ConfigError:
            return None
    return sensor
