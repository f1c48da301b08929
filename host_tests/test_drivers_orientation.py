"""Which way a sensor lies: what is accepted, and that features and samples are those of the device's axes. Portable."""

import struct

from driver_scenarios import Bench
from test_drivers_config import SPI_PINS, load, opened, refusal, with_
from test_drivers_sampler import Run, core_config, expected, first_kept
from vibnode import sampler
from vibnode.drivers import orientation
from vibnode.drivers.orientation import Orientation
from vibnode.drivers.raw import PLAIN
from vibnode.snapshot import Snapshot

from lab.chips.lsm6dso import Lsm6dso
from lab.chips.recordings import Still

KINDS = (
    "adxl345-spi",
    "iis3dwb-spi",
    "ism330dhcx-i2c",
    "kx134-spi",
    "lis2dw12-i2c",
    "lis3dh-spi",
    "mpu6050-i2c",
)
LSM6DSO = with_(SPI_PINS, driver="lsm6dso", bus="spi")


def turning(names):
    """What makes of the counts of a chip's frame those of a device whose axes are `names`."""

    def turn(counts):
        return [(-1 if name[0] == "-" else 1) * counts["xyz".index(name[1])] for name in names]

    return turn


def compared(kind, names, config=None):
    """(features of a sensor that lies as `names` say, of the source's counts turned and put straight into a core)."""
    bench = lying(kind, names)
    first = first_kept(bench.chip)
    run = Run(bench, config=config and dict(core_config(bench), **config))
    assert len(run.windows) == 4 and run.sampler.names[0] == "x.rms"
    return run.windows, expected(bench, 4, first[0], turning(names))


def farthest(windows, others):
    """The largest difference between two lists of feature vectors."""
    assert [len(window) for window in windows] == [len(other) for other in others]
    return max([abs(a - b) for one, other in zip(windows, others) for a, b in zip(one, other)])  # noqa: B905


def lying(kind, names):
    """A bench whose driver says that the chip lies so."""
    bench = Bench(kind)
    bench.driver.orientation = orientation.of(names)
    return bench


def test_half_of_the_signed_orders_are_turns():
    pairs = ("xyz", "xzy", "yxz", "yzx", "zxy", "zyx")
    signs = [(a, b, c) for a in "+-" for b in "+-" for c in "+-"]
    every = [[s + axis for s, axis in zip(sign, order)] for sign in signs for order in pairs]  # noqa: B905
    turns = [names for names in every if orientation.check(names) is None]
    assert (len(every), len(turns)) == (48, 24)
    for names in turns:  # a turn keeps the cross product of its first two axes at the third
        x, y, z = [[turning([name])(e)[0] for e in ((1, 0, 0), (0, 1, 0), (0, 0, 1))] for name in names]
        cross = [x[(i + 1) % 3] * y[(i + 2) % 3] - x[(i + 2) % 3] * y[(i + 1) % 3] for i in range(3)]
        assert cross == z, names


def test_what_is_no_orientation_is_named(tmp_path):
    sensor, _ = load(tmp_path, **LSM6DSO)
    assert tuple(sensor["orientation"]) == ("+x", "+y", "+z")
    for names in (["+y", "-x", "+z"], ["-z"]):
        assert load(tmp_path, **with_(LSM6DSO, orientation=names))[0]["orientation"] == names
    for given, said in (
        ("+x", "accepted: x, y and z, each with + or -, such as"),
        (["+x", "+y", "+z", "+x"], "accepted: x, y and z, each with + or -, such as"),
        (["x", "+y", "+z"], "accepted: of each axis one of: +x, -x, +y, -y, +z, -z (did you mean +x?)"),
        (["+X", "+y", "+z"], "(did you mean +x?)"),
        ([1, 2, 3], "accepted: of each axis one of: +x"),
        (["+x", "-x", "+z"], "accepted: no axis twice; x, y and z"),
        (
            ["+y", "+x", "+z"],
            'accepted: a turn of the sensor, not its mirror image: perhaps ["+y", "+x", "-z"]',
        ),
    ):
        text = refusal(tmp_path, **with_(LSM6DSO, orientation=given))
        assert text.startswith("sensor.orientation: ") and said in text, text
    assert "did you mean orientation?" in refusal(tmp_path, **with_(LSM6DSO, orientaton=["+x", "+y", "+z"]))


def test_features_are_those_of_the_devices_axes():
    for kind in KINDS:
        windows, wanted = compared(kind, ["+z", "+x", "+y"])
        assert windows == wanted and windows != compared(kind, ["+x", "+y", "+z"])[0], kind
        assert farthest(*compared(kind, ["+y", "-x", "+z"])) <= 1, kind  # a sign may change a rounding


def test_an_orientation_as_the_chips_costs_nothing(tmp_path):
    model = {"rate_millihz": 1667000, "lsb_nm_s2": 598206, "axes": 3}
    driver, _ = opened(Lsm6dso, load(tmp_path, **LSM6DSO)[0], model)
    assert driver.orientation is None
    sensor, _ = load(tmp_path, **with_(LSM6DSO, orientation=["+y", "-x", "+z"]))
    driver, _ = opened(Lsm6dso, sensor, model)
    assert (driver.orientation.places, driver.orientation.signs) == ((1, 0, 2), (1, -1, 1))


def test_a_model_of_fewer_axes_is_told_which():
    for names in (["-z"], ["+x"], ["+y"], ["+z", "-x"]):
        assert farthest(*compared("lsm6dso-spi", names, {"axes": len(names)})) <= 1, names
    bench = Bench("lsm6dso-spi")
    try:
        sampler.check_fit(bench.driver, dict(core_config(bench), axes=1))
    except sampler.SensorMismatch as error:
        assert "axes is 3; accepted: 1, for which the model was made; sensor.orientation names them" in str(
            error
        )
    else:
        raise AssertionError("accepted")


def test_samples_are_those_of_the_devices_axes():
    frames = [(i, -2 * i, 30000 + i) for i in range(63)] + [(-32768, 32767, -1)]
    for raw_format, head, byte_order in (
        (PLAIN, b"", "<"),
        ((16, 2, False, False, 1), b"\x11", "<"),
        ((16, 2, True, False, 0), b"", ">"),
    ):
        snapshot = Snapshot(64, raw_format, 3, Orientation(["+y", "-x", "+z"]))
        snapshot.take(b"".join([head + struct.pack(byte_order + "3h", *frame) for frame in frames]), 64)
        counts = struct.unpack("<192h", bytes(snapshot.counts(0, 64)))
        assert counts[:6] == (0, 0, 30000, -2, -1, 30001)
        assert counts[-3:] == (32767, 32767, -1), "there is no 32768"
    snapshot = Snapshot(64, PLAIN, 3, Orientation(["-z"]))
    snapshot.take(b"".join([struct.pack("<3h", *frame) for frame in frames]), 64)
    assert snapshot.axes == 1 and bytes(snapshot.counts(1, 2)) == struct.pack("<2h", -30001, -30002)


def test_the_self_test_keeps_the_chips_own_axes():
    own, bench = [Bench("adxl345-spi", source=Still()) for _ in range(2)]
    bench.driver.orientation = Orientation(["+y", "-x", "+z"])
    for one in (own, bench):
        one.chip.self_test_g = (0.6, -0.7, 1.2)
    assert bench.driver.self_test() == own.driver.self_test()
    assert [round(result[1], -1) for result in own.driver.self_test()] == [600, -700, 1200]


def test_turning_takes_no_memory():
    try:
        from gc import collect, mem_alloc
    except ImportError:
        return  # CPython does not tell
    made = Run(lying("lsm6dso-spi", ["+y", "-x", "+z"])).sampler
    collect()
    before = mem_alloc()
    for _ in range(1000):
        made._turn()
    assert mem_alloc() - before < 1000, mem_alloc() - before
