"""The device configuration, device.json: what may stand in it, and errors that name file, field, value and remedy."""

import json

REQUIRED = object()
NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789-"
CHIPS = ("adxl345", "iis3dwb", "ism330dhcx", "kx134", "lis2dw12", "lis3dh", "lsm6dso", "mpu6050")
DRIVERS = ("replay",) + CHIPS  # noqa: RUF005 - MicroPython knows no star in a tuple


class ConfigError(Exception):
    """Something in a configuration is not acceptable. Its text is one line for the user."""


def name(value) -> "str | None":
    """Check a site or device name; a check returns what is accepted, or None when `value` is."""
    ok = isinstance(value, str) and 1 <= len(value) <= 32 and value[0] != "-"
    if ok and all(c in NAME_CHARACTERS for c in value):
        return None
    return "1 to 32 of a-z, 0-9 and '-', not beginning with '-'"


def text(longest: int):
    """A check for a text of 1 to `longest` bytes."""

    def check(value):
        if isinstance(value, str) and 1 <= len(value.encode()) <= longest:
            return None
        return f"a text of 1 to {longest} bytes"

    return check


def whole(low: int, high: int):
    """A check for an integer."""

    def check(value):
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return None
        return f"a whole number from {low} to {high}"

    return check


def number(low: float, high: float):
    """A check for an integer or a float."""

    def check(value):
        if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
            return None
        return f"a number from {low:g} to {high:g}"

    return check


def one_of(choices):
    """A check for one of some texts."""

    def check(value):
        return None if value in choices else "one of: " + ", ".join(choices)

    return check


def optional(check):
    """The same check, but null is accepted too."""

    def check_or_null(value):
        accepted = None if value is None else check(value)
        return accepted and accepted + ", or null"

    return check_or_null


def table(value):
    """A check for an object in braces."""
    return None if isinstance(value, dict) else "an object in braces"


def limits(value):
    """A check for [warning, alarm]."""
    if isinstance(value, list) and len(value) == 2 and all(number(0.001, 1000)(v) is None for v in value):
        return None if value[0] < value[1] else "[warning, alarm] with warning under alarm"
    return "[warning, alarm], two numbers from 0.001 to 1000"


# key: (default or REQUIRED, check)
DEVICE_FIELDS = {
    "site": (REQUIRED, name),
    "device": (REQUIRED, name),
    "machine": ("", optional(text(64))),
    "sensor": (REQUIRED, table),
    "mqtt": (REQUIRED, table),
    "model": (None, optional(text(256))),
    "learn_windows": (30, whole(0, 500)),
    "velocity_limits_mm_s": (None, optional(limits)),
    "status_interval_s": (3600, whole(1, 86400)),
    "data_dir": ("state", text(256)),
    "outbox_bytes": (65536, whole(4096, 16777216)),
}
DRIVER_FIELD = {"driver": (REQUIRED, one_of(DRIVERS))}
REPLAY_FIELDS = {
    "driver": DRIVER_FIELD["driver"],
    "playlist": (REQUIRED, text(256)),
    "pace": (1.0, number(0, 1000)),
}
MQTT_FIELDS = {
    "host": (REQUIRED, text(253)),
    "port": (1883, whole(1, 65535)),
    "user": (None, optional(text(128))),
    "password": (None, optional(text(128))),
    "keepalive_s": (30, whole(2, 3600)),
}


def read_json(path: str) -> dict:
    """The object in the JSON file `path`. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from None
    try:
        value, end = json.loads(
            "[" + raw.decode() + ",0]"
        )  # MicroPython alone would take an object cut short
        if end != 0:
            raise ValueError("cut short")
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: holds {type(value).__name__}; accepted: an object in braces")
    return value


def fill(path: str, section: str, given: dict, fields: dict) -> dict:
    """`given` checked against `fields`, with defaults filled in. Raises ConfigError for the first fault."""
    for key in given:
        if key not in fields:
            accepted = ", ".join(sorted(fields))
            raise ConfigError(f"{path}: {section}{key}: no such field; accepted: {accepted}")
    filled = {}
    for key, (default, check) in fields.items():
        if key not in given and default is not REQUIRED:
            filled[key] = default
            continue
        if key not in given:
            raise ConfigError(f"{path}: {section}{key}: is missing; accepted: {check(None)}")
        accepted = check(given[key])
        if accepted:
            raise ConfigError(f"{path}: {section}{key}: {given[key]!r}; accepted: {accepted}")
        filled[key] = given[key]
    return filled


def beside(path: str, relative: str) -> str:
    """`relative` as seen from the folder of the file `path`."""
    if relative.startswith("/") or "/" not in path:
        return relative
    return path.rpartition("/")[0] + "/" + relative


def load(path: str) -> dict:
    """The checked device configuration, defaults filled in, paths seen from here. Raises ConfigError."""
    device = fill(path, "", read_json(path), DEVICE_FIELDS)
    device["sensor"] = _sensor(path, device["sensor"])
    device["mqtt"] = fill(path, "mqtt.", device["mqtt"], MQTT_FIELDS)
    device["machine"] = device["machine"] or device["device"]
    device["data_dir"] = beside(path, device["data_dir"])
    if device["model"]:
        device["model"] = beside(path, device["model"])
    return device


def _sensor(path: str, given: dict) -> dict:
    named = {key: given[key] for key in given if key == "driver"}
    driver = fill(path, "sensor.", named, DRIVER_FIELD)["driver"]
    if driver in CHIPS:
        from .drivers import chips  # which needs the checks above

        return chips.check(path, given)
    sensor = fill(path, "sensor.", given, REPLAY_FIELDS)
    sensor["playlist"] = beside(path, sensor["playlist"])
    return sensor
