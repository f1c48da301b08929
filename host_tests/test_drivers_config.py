"""The section `sensor` for chips: what is accepted, what is taken from the model, what is opened. Portable."""

import json
import sys

from vibnode import checks, config, drivers
from vibnode.drivers.bus import SpiBus

from lab.chips import wire
from lab.chips.adxl345 import Adxl345
from lab.chips.lis2dw12 import Lis2dw12
from lab.chips.recordings import Still
from lab.chips.time import VirtualTime

SPI_PINS = {"sck": 12, "mosi": 11, "miso": 13, "cs": 10}
DEVID = 0
I2C_PINS = {"scl": 22, "sda": 21}
MODEL = {"rate_millihz": 3200000, "lsb_nm_s2": 38307227, "axes": 3}


def load(tmp_path, **sensor):
    """The checked section of a device.json with `sensor`, and the file's path."""
    path = str(tmp_path) + "/device.json"
    device = {"site": "demo", "device": "m", "sensor": sensor, "mqtt": {"host": "127.0.0.1"}}
    with open(path, "w") as file:
        file.write(json.dumps(device))
    return config.load(path)["sensor"], path


def refusal(tmp_path, **sensor):
    """The error for a section `sensor`, after the file's name."""
    try:
        load(tmp_path, **sensor)
    except checks.ConfigError as error:
        path, _, text = str(error).partition(": ")
        assert path.endswith("/device.json") and "\n" not in text
        return text
    raise AssertionError("accepted")


def opened(chip, sensor, model=MODEL):
    """The driver for `sensor` on a board whose bus has `chip`, and what was opened for it."""
    time = VirtualTime()
    machine = wire.Machine(chip(time, Still()), time)
    before = sys.modules.get("machine")
    sys.modules["machine"] = machine
    try:
        driver = drivers.open_sensor(sensor, model)
    finally:
        if before is None:
            del sys.modules["machine"]
        else:
            sys.modules["machine"] = before
    driver._time = time
    return driver, machine.opened


def mismatch(chip, sensor, model=MODEL):
    try:
        opened(chip, sensor, model)
    except checks.ConfigError as error:
        return str(error)
    raise AssertionError("accepted")


def with_(pins, **fields):
    sensor = dict(pins)
    sensor.update(fields)
    return sensor


def test_defaults_are_the_chips_own(tmp_path):
    sensor, _ = load(tmp_path, **with_(SPI_PINS, driver="adxl345", bus="spi"))
    assert (sensor["bus_hz"], sensor["rate_hz"], sensor["range_g"], sensor["int1"]) == (
        5000000,
        None,
        None,
        None,
    )
    sensor, _ = load(tmp_path, **with_(I2C_PINS, driver="lis2dw12", bus="i2c"))
    assert (sensor["bus_hz"], sensor["address"]) == (400000, 0x19)


def test_each_bad_value_is_named_with_what_is_accepted(tmp_path):
    adxl = with_(SPI_PINS, driver="adxl345", bus="spi")
    for change, text in (
        (
            {"rate_hz": 3000},
            "sensor.rate_hz: 3000; accepted: one of: 100, 200, 400, 800, 1600, 3200, or null",
        ),
        ({"range_g": 3}, "sensor.range_g: 3; accepted: one of: 2, 4, 8, 16, or null"),
        ({"bus": "usb"}, "sensor.bus: 'usb'; accepted: one of: spi, i2c"),
        ({"bus_hz": 8000000}, "sensor.bus_hz: 8000000; accepted: a whole number from 10000 to 5000000"),
        ({"cs": "D5"}, "sensor.cs: 'D5'; accepted: a whole number from 0 to 255"),
        (
            {"sda": 21},
            "sensor.sda: no such field; accepted: bus, bus_hz, bus_id, cs, driver, int1, miso, mosi, ",
        ),
        ({"playlist": "x"}, "sensor.playlist: no such field"),
        ({"driver": "adxl346"}, "sensor.driver: 'adxl346'; accepted: one of: replay, adxl345"),
    ):
        assert refusal(tmp_path, **with_(adxl, **change)).startswith(text), refusal(
            tmp_path, **with_(adxl, **change)
        )
    assert refusal(tmp_path, driver="adxl345").startswith(
        "sensor.bus: is missing; accepted: one of: spi, i2c"
    )
    without = dict(adxl)
    del without["miso"]
    assert refusal(tmp_path, **without).startswith("sensor.miso: is missing; accepted: a whole number")


def test_only_buses_and_pins_that_the_chip_has(tmp_path):
    assert "accepted: one of: spi" in refusal(tmp_path, **with_(I2C_PINS, driver="iis3dwb", bus="i2c"))
    assert "accepted: one of: i2c" in refusal(tmp_path, **with_(SPI_PINS, driver="mpu6050", bus="spi"))
    text = refusal(tmp_path, **with_(I2C_PINS, driver="mpu6050", bus="i2c", int1=4))
    assert text.startswith("sensor.int1: no such field")
    text = refusal(tmp_path, **with_(I2C_PINS, driver="mpu6050", bus="i2c", address=0x1E))
    assert text.startswith("sensor.address: 30; accepted: one of: 104, 105")


def test_what_is_left_open_comes_from_the_model(tmp_path):
    sensor, _ = load(tmp_path, **with_(SPI_PINS, driver="adxl345", bus="spi", int1=9))
    driver, did = opened(Adxl345, sensor)
    assert (driver.rate_hz, driver.range_g, driver.lsb_nm_s2) == (3200, 16, 38307227)
    assert [what for what in did if what[0] == "spi"] == [("spi", 1, 5000000, 12, 11, 13)]
    assert ("pin", 10, "out") in did and ("pin", 9, "in") in did
    buf = bytearray(16 * 6)
    frames = 0
    for _ in range(20):
        driver._time.pause_ms(6)
        frames += driver.readinto(buf)
    assert frames > 0
    sensor, _ = load(tmp_path, **with_(I2C_PINS, driver="lis2dw12", bus="i2c", bus_id=1))
    model = {"rate_millihz": 800000, "lsb_nm_s2": 9571290, "axes": 3}
    driver, did = opened(Lis2dw12, sensor, model)
    assert (driver.rate_hz, driver.range_g) == (800, 8)
    assert did[-1] == ("i2c", 1, 400000, 22, 21)


def test_a_model_that_the_chip_cannot_serve_is_refused(tmp_path):
    sensor, _ = load(tmp_path, **with_(SPI_PINS, driver="adxl345", bus="spi"))
    model = dict(MODEL)
    model["rate_millihz"] = 5000000
    text = mismatch(Adxl345, sensor, model)
    assert "100, 200, 400, 800, 1600, 3200 Hz; the model was made for 5000 Hz" in text
    model = dict(MODEL)
    model["lsb_nm_s2"] = 598206
    assert "38307227 (16 g)" in mismatch(Adxl345, sensor, model)
    assert "the model was made for 598206" in mismatch(Adxl345, sensor, model)


def test_a_bus_too_slow_for_the_rate_is_refused(tmp_path):
    sensor, _ = load(tmp_path, **with_(SPI_PINS, driver="adxl345", bus="spi", bus_hz=150000))
    text = mismatch(Adxl345, sensor)
    assert text.startswith("sensor.bus_hz: 150000; accepted at 3200 Hz: ") and "or more" in text
    least = int(text.partition("3200 Hz: ")[2].split(" ")[0])
    sensor["bus_hz"] = least
    assert opened(Adxl345, sensor)
    sensor["bus_hz"] = least - 1000
    assert mismatch(Adxl345, sensor)
    sensor, _ = load(tmp_path, **with_(I2C_PINS, driver="adxl345", bus="i2c"))
    assert mismatch(Adxl345, sensor).startswith(
        "sensor.bus: 'i2c'; accepted at 3200 Hz: spi (adxl345 allows 800 Hz"
    )


def test_the_first_register_is_read_right():
    """Although SCK rises to its level between transfers with the first of them, as on the ESP32."""
    time = VirtualTime()
    spi = wire.Spi(Adxl345(time, Still()), time, 5000000)
    assert SpiBus(spi, spi.chip_select).read_byte(DEVID) == 0xE5


def test_a_board_without_the_bus_is_named(tmp_path):
    sensor, _ = load(tmp_path, **with_(SPI_PINS, driver="adxl345", bus="spi"))
    try:
        drivers.open_sensor(sensor, MODEL)  # this computer has none
    except checks.ConfigError as error:
        assert str(error) == "sensor.driver: 'adxl345' needs a board with spi; accepted here: replay"
    else:
        raise AssertionError("opened")
