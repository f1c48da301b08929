"""What every driver has to do, with the chip simulated. Runs on CPython and MicroPython: see test_drivers_chips.py."""

from vibnode.drivers import chips as drivers
from vibnode.drivers.bus import I2cBus, SpiBus
from vibnode.drivers.raw import sample

from lab.chips import adxl345, iis3dwb, kx134, lis2dw12, lis3dh, lsm6dso, mpu6050, wire
from lab.chips.recordings import Numbered, Still
from lab.chips.time import VirtualTime

# name: driver, chip, bus, its clock, full rate, range in g, one count in g
KINDS = {
    "adxl345-spi": ("adxl345", adxl345.Adxl345, "spi", 5000000, 3200, 16, 1 / 256),
    "adxl345-i2c": ("adxl345", adxl345.Adxl345, "i2c", 400000, 800, 8, 1 / 256),
    "iis3dwb-spi": ("iis3dwb", iis3dwb.Iis3dwb, "spi", 10000000, 26667, 16, 0.000488),
    "ism330dhcx-spi": ("ism330dhcx", lsm6dso.Ism330dhcx, "spi", 10000000, 6667, 8, 0.000244),
    "ism330dhcx-i2c": ("ism330dhcx", lsm6dso.Ism330dhcx, "i2c", 400000, 3333, 8, 0.000244),
    "kx134-spi": ("kx134", kx134.Kx134, "spi", 10000000, 25600, 16, 16 / 32768),
    "kx134-i2c": ("kx134", kx134.Kx134, "i2c", 400000, 3200, 8, 8 / 32768),
    "lis2dw12-spi": ("lis2dw12", lis2dw12.Lis2dw12, "spi", 10000000, 1600, 16, 0.001952),
    "lis2dw12-i2c": ("lis2dw12", lis2dw12.Lis2dw12, "i2c", 400000, 1600, 2, 0.000244),
    "lis3dh-spi": ("lis3dh", lis3dh.Lis3dh, "spi", 10000000, 1344, 8, 0.016),
    "lis3dh-i2c": ("lis3dh", lis3dh.Lis3dh, "i2c", 400000, 1344, 4, 0.008),
    "lsm6dso-spi": ("lsm6dso", lsm6dso.Lsm6dso, "spi", 10000000, 6667, 4, 0.000122),
    "lsm6dso-i2c": ("lsm6dso", lsm6dso.Lsm6dso, "i2c", 400000, 3333, 16, 0.000488),
    "mpu6050-i2c": ("mpu6050", mpu6050.Mpu6050, "i2c", 400000, 1000, 8, 1 / 4096),
}
OTHER_TASKS_MS = 1  # what the rest of the application takes between two polls


class Bench:
    """One kind of chip on its bus, its driver, and a buffer to read into."""

    def __init__(self, kind: str, source=None, with_pin: bool = False, rate_hz=None, range_g=None) -> None:
        name, chip_class, bus, bus_hz, full_rate_hz, usual_range_g, lsb_g = KINDS[kind]
        self.driver_class = drivers.chip_class(name)
        self.time = VirtualTime()
        self.numbered = Numbered(lsb_g)
        self.chip = chip_class(self.time, source or self.numbered)
        if bus == "spi":
            mode = self.driver_class.SPI_MODE
            self.wire = wire.Spi(self.chip, self.time, bus_hz, mode)
            link = SpiBus(self.wire, self.wire.chip_select, self.driver_class.SPI_BURST_BIT)
        else:
            address = self.driver_class.I2C_ADDRESSES[0]
            self.wire = wire.I2c(self.chip, self.time, bus_hz, address)
            link = I2cBus(self.wire, address, self.driver_class.I2C_BURST_BIT)
        ready = self.chip.int1 if with_pin else None
        self.driver = self.driver_class(
            link, rate_hz or full_rate_hz, range_g or usual_range_g, ready, time=self.time
        )
        self.buf = bytearray(self.driver.burst_frames * self.driver.frame_bytes)

    def poll(self) -> int:
        """Read once, as the sampler does; the rest of the application takes its time."""
        frames = self.driver.readinto(self.buf)
        self.time.pause_ms(OTHER_TASKS_MS if frames else max(OTHER_TASKS_MS, self.driver.poll_ms))
        return frames

    def read(self) -> int:
        """Poll until a burst is there; how many frames it has."""
        for _ in range(1000):
            frames = self.poll()
            if frames:
                return frames
        raise AssertionError("no samples")

    def frames(self):
        """The frames in the buffer, in counts."""
        driver = self.driver
        return [
            tuple([sample(driver.raw_format, 3, self.buf, 3 * i + axis) for axis in range(3)])
            for i in range(driver.burst_frames)
        ]

    def refusal(self) -> str:
        """What the driver raises while it is polled for up to two seconds."""
        end_ms = self.time.ticks_ms() + 2000
        try:
            while self.time.ticks_ms() < end_ms:
                self.poll()
        except OSError as error:
            return str(error)
        raise AssertionError("no OSError")


def follows(bench: Bench, frame: tuple, number: int) -> int:
    """The number of `frame`, which has to be that of the source's frame `number`, or for -1 of whichever it is."""
    if number < 0:
        for candidate in range(Numbered.PERIOD):
            if bench.numbered.counts(candidate) == frame:
                return candidate
    assert bench.numbered.counts(number) == frame, (number, bench.numbered.counts(number), frame)
    return number


def names_what_is_not_the_chip(kind: str) -> None:
    bench = Bench(kind)
    assert bench.read() == bench.driver.burst_frames
    stranger = Bench(kind)
    stranger.chip.registers[stranger.chip.WHO_AM_I_AT] = 0x99
    assert "who am I: 0x99 instead of" in stranger.refusal()


def gives_the_rates_it_says(kind: str) -> None:
    rates = Bench(kind).driver_class.RATES_HZ
    assert rates
    for rate_hz in rates:
        bench = Bench(kind, rate_hz=rate_hz)
        bench.driver.readinto(bench.buf)
        assert abs(bench.chip.rate_hz() - rate_hz) < 0.002 * rate_hz, (rate_hz, bench.chip.rate_hz())


def gives_the_ranges_it_says(kind: str) -> None:
    for range_g in Bench(kind).driver_class.RANGES_G:
        bench = Bench(kind, source=lambda n: (0.5, -0.5, 99.0), range_g=range_g, with_pin=False)
        bench.read()
        x, y, z = bench.frames()[-1]
        um_s2 = bench.driver.lsb_nm_s2 / 1000
        for counts, g in ((x, 0.5), (y, -0.5)):
            assert abs(counts * um_s2 / 9806650 - g) <= um_s2 / 9806650 + 0.001, (range_g, counts, g)
        assert z >= bench.driver.full_scale_counts, (range_g, z, bench.driver.full_scale_counts)
        assert 0.98 * range_g < z * um_s2 / 9806650 < 1.6 * range_g


def reads_frames_in_order(kind: str) -> None:
    bench = Bench(kind)
    number = -1
    for burst in range(6):
        bench.read()
        assert not bench.driver.gap, burst
        for frame in bench.frames():
            number = follows(bench, frame, number) + 1
    assert bench.chip.lost == 0


def says_that_samples_were_overrun(kind: str) -> None:
    bench = Bench(kind)
    bench.read()
    last = follows(bench, bench.frames()[-1], -1)
    bench.time.pause_ms(int(3000 * bench.chip.DEPTH / bench.driver.rate_hz) + 400)
    assert bench.read() and bench.driver.gap
    number = follows(bench, bench.frames()[0], -1)
    assert number != (last + 1) % Numbered.PERIOD or "mpu6050" in kind
    gaps = 0
    for _ in range(4):
        bench.read()
        gaps += bench.driver.gap
    assert gaps == 0


def does_not_take_a_full_fifo_for_an_overrun(kind: str) -> None:
    bench = Bench(kind)
    if kind.split("-")[0] in ("kx134", "lis3dh", "mpu6050"):
        return  # they do not tell
    bench.read()
    period_ps = bench.chip.period_ps()
    on_the_way = 1 + 200000000 // period_ps  # frames that come before the first one is read
    while len(bench.chip.fifo) < bench.chip.DEPTH - on_the_way:
        bench.time.advance_ps(period_ps)
        bench.chip.catch_up()
    bench.read()
    assert bench.chip.lost == 0 and not bench.driver.gap


def takes_over_a_chip_in_any_state(kind: str) -> None:
    bench = Bench(kind, with_pin=Bench(kind).driver.HAS_WATERMARK_PIN)
    bench.chip.scramble()
    bench.time.pause_ms(100)
    number = -1
    for _ in range(3):
        bench.read()
        for frame in bench.frames():
            number = follows(bench, frame, number) + 1
    assert not bench.driver.gap


def passes_its_self_test_and_fails_it(kind: str) -> None:
    bench = Bench(kind, source=Still(0.001))
    results = bench.driver.self_test()
    assert [result[0] for result in results] == ["x", "y", "z"]
    assert all([result[4] for result in results]), results
    bench.chip.self_test_g = (bench.chip.self_test_g[0], 0.0, bench.chip.self_test_g[2])
    assert [result[4] for result in bench.driver.self_test()] == [True, False, True]
    bench.chip.self_test_g = (9.0, 9.0, 9.0)
    assert [result[4] for result in bench.driver.self_test()][:2] == [
        False,
        False,
    ]  # z may end at the range's limit
    assert bench.read()


def finds_a_chip_that_was_gone(kind: str) -> None:
    bench = Bench(kind)
    bench.read()
    bench.chip.plugged = False
    first = bench.refusal()
    assert first
    assert bench.refusal()
    bench.chip.plugged = True
    bench.chip.power_on()
    number = -1
    for _ in range(3):
        bench.read()
        for frame in bench.frames():
            number = follows(bench, frame, number) + 1


def starts_a_chip_anew_that_lost_its_settings(kind: str) -> None:
    bench = Bench(kind)
    bench.read()
    bench.chip.power_on()  # its supply went for a moment
    assert bench.refusal()
    assert bench.read()
    number = -1
    for frame in bench.frames():
        number = follows(bench, frame, number) + 1


def keeps_up_at_its_full_rate(kind: str) -> None:
    bench = Bench(kind)
    bench.read()
    start_ps, made, busy_ps, frames = bench.time.now_ps, bench.chip.made, bench.wire.busy_ps, 0
    while bench.time.now_ps - start_ps < 1000000000000:
        got = bench.poll()
        frames += got
        assert not (got and bench.driver.gap)
    assert bench.chip.lost == 0
    assert abs(frames - (bench.chip.made - made)) <= bench.driver.FIFO_FRAMES
    elapsed_ps = bench.time.now_ps - start_ps
    assert frames > bench.driver.rate_hz * elapsed_ps / 1e12 - bench.driver.FIFO_FRAMES
    share = (bench.wire.busy_ps - busy_ps) / elapsed_ps
    load = bench.driver.bus_load(bench.wire.hz)
    assert 0.9 * load < share < load + 0.1, (load, share)


def sleeps_and_wakes(kind: str) -> None:
    bench = Bench(kind, with_pin=Bench(kind).driver.HAS_WATERMARK_PIN)
    bench.read()
    bench.driver.sleep()
    bench.time.pause_ms(10)
    made = bench.chip.made
    bench.time.pause_ms(5000)
    bench.chip.catch_up()
    assert bench.chip.made == made
    number = -1
    for _ in range(3):
        bench.read()
        assert not bench.driver.gap  # that it slept is no loss
        for frame in bench.frames():
            number = follows(bench, frame, number) + 1


def waits_for_the_interrupt_pin(kind: str) -> None:
    bench = Bench(kind, with_pin=True)
    if not bench.driver.HAS_WATERMARK_PIN:
        return
    bench.read()
    while bench.chip.int1():
        bench.driver.readinto(bench.buf)
    quiet = looked = 0
    while True:
        busy_ps = bench.wire.busy_ps
        frames = bench.driver.readinto(bench.buf)
        if frames:
            break
        quiet += bench.wire.busy_ps == busy_ps
        looked += bench.wire.busy_ps != busy_ps
        bench.time.advance_ps(100000000)
    assert looked <= 1, (quiet, looked)
    assert quiet
    assert not bench.driver.gap


def polls_where_the_interrupt_pin_is_dead(kind: str) -> None:
    bench = Bench(kind, with_pin=True)
    if not bench.driver.HAS_WATERMARK_PIN:
        return
    bench.chip.interrupt = lambda: False
    assert bench.read()


SCENARIOS = (
    names_what_is_not_the_chip,
    gives_the_rates_it_says,
    gives_the_ranges_it_says,
    reads_frames_in_order,
    says_that_samples_were_overrun,
    does_not_take_a_full_fifo_for_an_overrun,
    takes_over_a_chip_in_any_state,
    passes_its_self_test_and_fails_it,
    finds_a_chip_that_was_gone,
    starts_a_chip_anew_that_lost_its_settings,
    keeps_up_at_its_full_rate,
    sleeps_and_wakes,
    waits_for_the_interrupt_pin,
    polls_where_the_interrupt_pin_is_dead,
)


def run(kind: str) -> int:
    """Run all of them for `kind`, with a line for each that passed; returns how many failed."""
    import sys

    failed = 0
    for scenario in SCENARIOS:
        try:
            scenario(kind)
            print("passed", scenario.__name__)
        except Exception as error:
            failed += 1
            print("FAILED", scenario.__name__)
            sys.print_exception(error)
    return failed
