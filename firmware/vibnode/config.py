"""The device configuration, device.json: what may stand in it, and errors that name file, field, value and remedy."""

from . import contradictions
from .checks import (
    REQUIRED,
    ConfigError,
    beside,
    boolean,
    fill,
    hex_digits,
    limits,
    name,
    number,
    one_of,
    optional,
    read_json,
    table,
    text,
    whole,
)
from .component_class import CLASSES

CHIPS = ("adxl345", "iis3dwb", "ism330dhcx", "kx134", "lis2dw12", "lis3dh", "lsm6dso", "mpu6050")
# Waits in which nothing is judged, as for the goodbye or a TLS handshake, are shorter.
LEAST_WATCHDOG_S, LONGEST_WATCHDOG_S = 10, 3600
DRIVERS = ("replay",) + CHIPS  # noqa: RUF005 - MicroPython knows no star in a tuple


def watchdog_seconds(value):
    """A check for the time after which a watchdog bites, 0 for none."""
    accepted = whole(LEAST_WATCHDOG_S, LONGEST_WATCHDOG_S, "seconds")(value)
    return None if value == 0 and not isinstance(value, bool) else accepted and "0, or " + accepted


# key: (default or REQUIRED, check)
DEVICE_FIELDS = {
    "site": (REQUIRED, name),
    "device": (REQUIRED, name),
    "machine": ("", optional(text(64))),
    "sensor": (REQUIRED, table),
    "mqtt": (REQUIRED, table),
    "model": (None, optional(text(256))),
    "learn_windows": (30, whole(0, 500)),
    "component_class": (None, optional(one_of(tuple(sorted(CLASSES))))),
    "velocity_limits_mm_s": (None, optional(limits)),
    "shaft_rpm": (None, optional(number(1, 1000000, "revolutions a minute"))),
    "pulse": (None, optional(table)),
    "point_told": (False, boolean),
    "status_interval_s": (3600, whole(1, 86400, "seconds")),
    "data_dir": ("state", text(256)),
    "outbox_bytes": (65536, whole(4096, 16777216)),
    "command_key": (None, optional(hex_digits(64))),
    "ntp_host": (None, optional(text(253))),
    "watchdog_s": (0, watchdog_seconds),
    "duty": (None, optional(table)),
    "battery": (None, optional(table)),
    "wifi": (None, optional(table)),
}
DRIVER_FIELD = {"driver": (REQUIRED, one_of(DRIVERS))}
REPLAY_FIELDS = {
    "driver": DRIVER_FIELD["driver"],
    "playlist": (REQUIRED, text(256)),
    "pace": (1.0, number(0, 1000)),
}
MQTT_FIELDS = {
    "host": (REQUIRED, text(253)),
    "port": (None, optional(whole(1, 65535))),
    "user": (None, optional(text(128))),
    "password": (None, optional(text(128))),
    "keepalive_s": (600, whole(2, 3600, "seconds")),
    "tls": (None, optional(table)),
}
TLS_FIELDS = {
    "ca": (REQUIRED, text(256)),
    "cert": (None, optional(text(256))),
    "key": (None, optional(text(256))),
    "server_name": (None, optional(text(253))),
}
DUTY_FIELDS = {
    "every_s": (REQUIRED, whole(2, 86400, "seconds")),
    "for_s": (REQUIRED, whole(1, 3600, "seconds")),
}
BATTERY_FIELDS = {
    "adc_pin": (REQUIRED, whole(0, 255)),
    "ratio": (2, number(1, 100)),
}
PULSE_FIELDS = {
    "pin": (REQUIRED, whole(0, 255)),
    "per_turn": (1, whole(1, 1024, "pulses")),
    "edge": ("rising", one_of(("rising", "falling"))),
    "ratio": (1, number(0.001, 1000, "turns of the shaft for one of the probe's")),
    "highest_rpm": (6000, whole(1, 30000, "revolutions a minute of the probe's shaft")),
}
WIFI_FIELDS = {
    "ssid": (REQUIRED, text(32)),
    "password": (None, optional(text(63, 8))),
}
PLAIN_PORT, TLS_PORT = 1883, 8883


def load(path: str) -> dict:
    """The checked device configuration, defaults filled in, paths seen from here. Raises ConfigError."""
    device = fill(path, "", read_json(path), DEVICE_FIELDS)
    device["sensor"] = _sensor(path, device["sensor"])
    device["mqtt"] = mqtt_section(path, device["mqtt"])
    if device["duty"] is not None:
        device["duty"] = fill(path, "duty.", device["duty"], DUTY_FIELDS)
    if device["battery"] is not None:
        device["battery"] = fill(path, "battery.", device["battery"], BATTERY_FIELDS)
    if device["pulse"] is not None:
        device["pulse"] = fill(path, "pulse.", device["pulse"], PULSE_FIELDS)
    if device["wifi"] is not None:
        device["wifi"] = fill(path, "wifi.", device["wifi"], WIFI_FIELDS)
    contradictions.check(path, device)
    if device["component_class"] and not device["velocity_limits_mm_s"]:
        device["velocity_limits_mm_s"] = list(CLASSES[device["component_class"]])
    device["machine"] = device["machine"] or device["device"]
    device["data_dir"] = beside(path, device["data_dir"])
    if device["model"]:
        device["model"] = beside(path, device["model"])
    return device


def mqtt_section(path: str, given: dict) -> dict:
    """`given`, the section ``mqtt`` of the file `path`, checked, its files seen from here. Raises ConfigError."""
    mqtt = fill(path, "mqtt.", given, MQTT_FIELDS)
    mqtt["port"] = mqtt["port"] or (PLAIN_PORT if mqtt["tls"] is None else TLS_PORT)
    if mqtt["tls"] is not None:
        mqtt["tls"] = tls = fill(path, "mqtt.tls.", mqtt["tls"], TLS_FIELDS)
        for one, other in (("cert", "key"), ("key", "cert")):
            if tls[one] and not tls[other]:
                raise ConfigError(f"{path}: mqtt.tls.{other}: None; accepted: a file, as {one} is given")
        for key in ("ca", "cert", "key"):
            tls[key] = tls[key] and beside(path, tls[key])
    return mqtt


def salvage(path: str) -> "dict | None":
    """What a faulty configuration still says: faulty fields get their default. None where it does not tell the broker.

    No commands are taken, and no sensor is described.
    """
    try:
        given = read_json(path)
        device = {}
        for key, (default, check) in DEVICE_FIELDS.items():
            value = given.get(key, default)
            device[key] = default if value is REQUIRED or check(value) else value
        if REQUIRED in (device["site"], device["device"], device["mqtt"]):
            return None
        device["mqtt"] = mqtt_section(path, _known(device["mqtt"], MQTT_FIELDS))
        if device["wifi"] is not None:
            device["wifi"] = fill(path, "wifi.", _known(device["wifi"], WIFI_FIELDS), WIFI_FIELDS)
    except ConfigError:
        return None
    device["data_dir"] = beside(path, device["data_dir"])
    device["command_key"] = None
    return device


def _known(given: dict, fields: dict) -> dict:
    return {key: value for key, value in given.items() if key in fields}


def data_folder(path: str) -> str:
    """The folder for what the device keeps, as far as the file `path` tells."""
    device = salvage(path)
    return device["data_dir"] if device else beside(path, DEVICE_FIELDS["data_dir"][0])


def _sensor(path: str, given: dict) -> dict:
    named = {key: given[key] for key in given if key == "driver"}
    driver = fill(path, "sensor.", named, DRIVER_FIELD)["driver"]
    if driver in CHIPS:
        from .drivers import chips  # which a virtual sensor does without

        return chips.check(path, given)
    sensor = fill(path, "sensor.", given, REPLAY_FIELDS)
    sensor["playlist"] = beside(path, sensor["playlist"])
    return sensor
