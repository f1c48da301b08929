"""From the configuration to the driver of a chip on its bus."""

from .. import checks
from ..checks import REQUIRED, ConfigError, fill
from . import orientation
from .bus import I2cBus, SpiBus

CLASSES = {
    "adxl345": "Adxl345",
    "iis3dwb": "Iis3dwb",
    "ism330dhcx": "Ism330dhcx",
    "kx134": "Kx134",
    "lis2dw12": "Lis2dw12",
    "lis3dh": "Lis3dh",
    "lsm6dso": "Lsm6dso",
    "mpu6050": "Mpu6050",
}
PIN = checks.whole(0, 255)
COMMON_FIELDS = {
    "driver": (REQUIRED, checks.one_of(tuple(CLASSES))),
    "bus_id": (None, checks.optional(checks.whole(0, 7))),
    "orientation": (orientation.AS_THE_CHIP, orientation.check),
}
SPI_FIELDS = {
    "sck": (REQUIRED, PIN),
    "mosi": (REQUIRED, PIN),
    "miso": (REQUIRED, PIN),
    "cs": (REQUIRED, PIN),
}
I2C_FIELDS = {"scl": (REQUIRED, PIN), "sda": (REQUIRED, PIN)}
BUSES = {"spi": (SpiBus, SPI_FIELDS, 1), "i2c": (I2cBus, I2C_FIELDS, 0)}  # the last: usual number of the bus
RATE_TOLERANCE = 0.01  # between a chip's rate and the model's
HIGHEST_LOAD = 0.9  # of the bus


def chip_class(name: str):
    """The driver class of the chip `name`."""
    module = __import__("vibnode.drivers." + name, None, None, (CLASSES[name],))
    return getattr(module, CLASSES[name])


def check(path: str, given: dict) -> dict:
    """`given`, the section ``sensor`` of the file `path`, checked, with defaults. Raises ConfigError."""
    chip = chip_class(given["driver"])
    buses = [kind for kind, hz in (("spi", chip.SPI_HZ), ("i2c", chip.I2C_HZ)) if hz]
    bus_field = {"bus": (REQUIRED, checks.one_of(buses))}
    kind = fill(path, "sensor.", {key: given[key] for key in given if key == "bus"}, bus_field)["bus"]
    highest_hz = chip.SPI_HZ if kind == "spi" else chip.I2C_HZ
    fields = dict(COMMON_FIELDS)
    fields.update(bus_field)
    fields.update(BUSES[kind][1])
    fields["bus_hz"] = (highest_hz, checks.whole(10000, highest_hz))
    fields["rate_hz"] = (None, checks.optional(number_of(chip.RATES_HZ)))
    fields["range_g"] = (None, checks.optional(number_of(chip.RANGES_G)))
    if chip.HAS_WATERMARK_PIN:
        fields["int1"] = (None, checks.optional(PIN))
    if kind == "i2c":
        fields["address"] = (chip.I2C_ADDRESSES[0], number_of(chip.I2C_ADDRESSES))
    return fill(path, "sensor.", given, fields)


def number_of(choices):
    """A check for one of some numbers."""

    def check_number(value):
        if not isinstance(value, bool) and value in choices:
            return None
        return "one of: " + ", ".join([f"{choice:g}" for choice in sorted(choices)])

    return check_number


def settle(sensor: dict, core_config: dict) -> tuple:
    """The class of the chip that `sensor`, as `check` gave it, names, and its rate in Hz and range in g for a model.

    Raises ConfigError where chip and model do not fit. Asks nothing of the hardware: the host asks too.
    """
    chip = chip_class(sensor["driver"])
    rate_hz = sensor["rate_hz"] or model_rate_hz(sensor["driver"], chip, core_config["rate_millihz"] / 1000)
    range_g = sensor["range_g"] or model_range_g(sensor["driver"], chip, core_config["lsb_nm_s2"])
    check_rate(sensor, chip, rate_hz)
    return chip, rate_hz, range_g


def open_chip(sensor: dict, core_config: dict):
    """The driver for `sensor` as `check` gave it. Raises ConfigError where chip and model do not fit."""
    chip, rate_hz, range_g = settle(sensor, core_config)
    try:
        driver = chip(open_bus(sensor, chip), rate_hz, range_g, open_pin(sensor.get("int1")))
        driver.orientation = orientation.of(sensor["orientation"])
        driver.outside = bus_place(sensor, chip)
    except (ImportError, AttributeError):
        text = f"{sensor['driver']!r} needs a board with {sensor['bus']}; accepted here: replay"
        raise ConfigError("sensor.driver: " + text) from None
    except (ValueError, OSError) as error:
        raise ConfigError(f"sensor: this board refuses the bus or its pins ({error})") from None
    load = driver.bus_load(sensor["bus_hz"])
    if load > HIGHEST_LOAD:
        least_hz = int(sensor["bus_hz"] * load / HIGHEST_LOAD) + 1
        text = f"sensor.bus_hz: {sensor['bus_hz']}; accepted at {rate_hz} Hz: {least_hz} or more, or a lower rate_hz"
        raise ConfigError(text)
    return driver


def model_rate_hz(name: str, chip, needed_hz: float):
    """The rate of `chip` that a model made for `needed_hz` can take. Raises ConfigError."""
    for rate_hz in chip.RATES_HZ:
        if abs(rate_hz - needed_hz) <= RATE_TOLERANCE * needed_hz:
            return rate_hz
    has = ", ".join([f"{rate:g}" for rate in sorted(chip.RATES_HZ)])
    raise ConfigError(f"sensor.driver: {name}'s rates are {has} Hz; the model was made for {needed_hz:g} Hz")


def model_range_g(name: str, chip, lsb_nm_s2: int):
    """The range of `chip` whose count is `lsb_nm_s2`, the widest if several. Raises ConfigError."""
    for range_g in sorted(chip.RANGES_G, reverse=True):
        if chip.RANGES_G[range_g][1] == lsb_nm_s2:
            return range_g
    has = ", ".join([f"{lsb} ({range_g} g)" for range_g, (_, lsb) in chip.RANGES_G.items()])
    raise ConfigError(f"sensor.driver: {name}'s lsb_nm_s2 is {has}; the model was made for {lsb_nm_s2}")


def check_rate(sensor: dict, chip, rate_hz) -> None:
    """Raise ConfigError where the data sheet allows a lower rate only on I2C."""
    highest = getattr(chip, "I2C_MAX_RATE_HZ", rate_hz)
    if sensor["bus"] == "i2c" and rate_hz > highest:
        text = f"sensor.bus: 'i2c'; accepted at {rate_hz} Hz: spi ({sensor['driver']} allows {highest} Hz on i2c)"
        raise ConfigError(text)


def open_bus(sensor: dict, chip):
    """The bus that `sensor` names."""
    import machine

    bus_class, _, usual_id = BUSES[sensor["bus"]]
    number = usual_id if sensor["bus_id"] is None else sensor["bus_id"]
    if sensor["bus"] == "i2c":
        pins = {"scl": machine.Pin(sensor["scl"]), "sda": machine.Pin(sensor["sda"])}
        return bus_class(
            machine.I2C(number, freq=sensor["bus_hz"], **pins), sensor["address"], chip.I2C_BURST_BIT
        )
    polarity, phase = chip.SPI_MODE
    pins = {name: machine.Pin(sensor[name]) for name in ("sck", "mosi", "miso")}
    spi = machine.SPI(number, baudrate=sensor["bus_hz"], polarity=polarity, phase=phase, **pins)
    return bus_class(spi, machine.Pin(sensor["cs"], machine.Pin.OUT, value=1), chip.SPI_BURST_BIT)


def bus_place(sensor: dict, chip) -> tuple:
    """Where the bus that `sensor` names is, as ``vib.Fifo.feed`` takes it."""
    number = BUSES[sensor["bus"]][2] if sensor["bus_id"] is None else sensor["bus_id"]
    int1 = sensor.get("int1")
    polarity, phase = chip.SPI_MODE
    is_spi = sensor["bus"] == "spi"
    select = sensor["cs"] if is_spi else sensor["address"]
    return is_spi, number, select, -1 if int1 is None else int1, sensor["bus_hz"], polarity * 2 + phase


def open_pin(number):
    """The interrupt pin, to be called for its level, or None."""
    if number is None:
        return None
    import machine

    return machine.Pin(number, machine.Pin.IN)
