"""Fields of a configuration that are each right, and with which together no sensor would work.

Such a device would start, and then measure nothing, or restart, for ever. It is refused instead.
"""

from .checks import ConfigError
from .component_class import SLOW

_PINS = ("sck", "mosi", "miso", "cs", "scl", "sda", "int1")
ROUND_START_MS = 200  # within which a chip that slept gives samples


def check(path: str, device: dict) -> None:
    """Raise ConfigError unless the fields of `device`, of the file `path`, go together. All are filled in."""
    mqtt, duty = device["mqtt"], device["duty"]
    if duty and duty["for_s"] >= duty["every_s"]:
        _refuse(path, "duty.for_s", duty["for_s"], f"less than duty.every_s, {duty['every_s']}")
    if mqtt["password"] and not mqtt["user"]:
        _refuse(path, "mqtt.user", None, "a text, as mqtt.password is given: MQTT knows no password alone")
    if mqtt["tls"] and device["wifi"] and not device["ntp_host"]:
        accepted = (
            "a time server, as mqtt.tls is given: a board's clock is not set, and certificates have dates"
        )
        _refuse(path, "ntp_host", None, accepted)
    if device["point_told"] and device["command_key"] and device["wifi"] and not device["ntp_host"]:
        accepted = "a time server, as point_told and command_key are given: what is signed is taken by its time alone"
        _refuse(path, "ntp_host", None, accepted)
    if device["point_told"] and device["duty"]:
        _refuse(
            path, "point_told", True, "false, as duty is given: between its rounds a device hears nothing"
        )
    if device["pulse"] and device["shaft_rpm"]:
        _refuse(
            path, "shaft_rpm", device["shaft_rpm"], "null, as pulse is given: a speed is measured or constant"
        )
    _check_pins(path, device)


def check_model(device: dict, core_config: dict) -> None:
    """Raise ConfigError unless a window of the model's `core_config` fits the times that `device` states."""
    if device["component_class"] in SLOW and not core_config.get("slow_window"):
        accepted = "a class that is judged over 10 Hz, as the model has no slow_window"
        _refuse("", "component_class", device["component_class"], accepted)
    pace = device["sensor"].get("pace", 1)
    window_ms = pace and core_config["window"] * 1000000 / core_config["rate_millihz"] / pace
    watchdog_s, duty = device["watchdog_s"], device["duty"]
    takes = f": a window of the model takes {window_ms / 1000:.3g} s"
    if watchdog_s and watchdog_s * 1000 < 2 * window_ms:
        _refuse("", "watchdog_s", watchdog_s, f"0, or {_seconds(2 * window_ms)} or more{takes}")
    if duty and duty["for_s"] * 1000 < window_ms + ROUND_START_MS:
        least = _seconds(window_ms + ROUND_START_MS)
        _refuse("", "duty.for_s", duty["for_s"], f"{least} or more{takes}")


def _check_pins(path: str, device: dict) -> None:
    sensor = device["sensor"]
    pins = [("sensor." + key, sensor[key]) for key in _PINS if sensor.get(key) is not None]
    if device["battery"]:
        pins.append(("battery.adc_pin", device["battery"]["adc_pin"]))
    if device["pulse"]:
        pins.append(("pulse.pin", device["pulse"]["pin"]))
    for i, (field, pin) in enumerate(pins):
        for other, taken in pins[:i]:
            if pin == taken:
                _refuse(path, field, pin, f"another pin than that of {other}")


def _seconds(ms: float) -> int:
    """As many whole seconds as hold `ms`."""
    return -int(-ms // 1000)


def _refuse(path: str, field: str, value, accepted: str) -> None:
    where = path + ": " if path else ""
    raise ConfigError(f"{where}{field}: {value}; accepted: {accepted}")
