"""The sampler on simulated chips: samples that arrive, the rate that is measured, faults that are told. Portable."""

import asyncio
import math
from array import array

import vib
from driver_scenarios import Bench
from vibnode import rate_meter, sampler, window_loss
from vibnode.drivers.adxl345 import Adxl345
from vibnode.drivers.bus import SpiBus
from vibnode.drivers.lis2dw12 import Lis2dw12

from lab.chips.recordings import Numbered, Still

WINDOW = 256


class Enough(Exception):
    """The test has seen what it wanted."""


def core_config(bench, window=WINDOW):
    driver = bench.driver
    return {
        "rate_millihz": int(driver.rate_hz * 1000),
        "window": window,
        "hop": window,
        "axes": 3,
        "lsb_nm_s2": driver.lsb_nm_s2,
        "bands": 4,
        "band_lo_hz": max(10, int(2 * driver.rate_hz / window)),
        "band_hi_hz": int(driver.rate_hz / 2),
        "envelope_bands": 0,
        "envelope_lo_hz": 100,
        "envelope_hi_hz": 200,
        "orders": 0,
        "bpfo_milliorders": 0,
        "bpfi_milliorders": 0,
        "bsf_milliorders": 0,
        "ftf_milliorders": 0,
    }


class Run:
    """A sampler on a bench until `windows` windows or `faults` faults came.

    `at_window` and `at_fault` are called with the number of each.
    """

    def __init__(self, bench, windows=4, faults=3, at_window=None, at_fault=None, window=WINDOW, config=None):
        self.bench = bench
        self.windows, self.faults = [], []
        self._wanted = windows, faults
        self._at_window = at_window
        self._at_fault = at_fault
        config = config or core_config(bench, window)
        self.sampler = sampler.Sampler(bench.driver, vib.Core(config), config, time=bench.time)
        try:  # noqa: SIM105 - MicroPython has no contextlib
            asyncio.run(self.sampler.run(self._window, self._fault))
        except Enough:
            pass

    def _window(self, features):
        self.windows.append(list(features))
        if self._at_window:
            self._at_window(len(self.windows))
        return len(self.windows) >= self._wanted[0]

    def _fault(self, fault):
        self.faults.append(fault)
        if self._at_fault:
            self._at_fault(len(self.faults))
        if len(self.faults) >= self._wanted[1]:
            raise Enough


def sine(amplitude_g, frames=40.0):
    """A source: a sine on each axis, a period of `frames` frames."""

    def source(n):
        value = amplitude_g * math.sin(2 * math.pi * n / frames)
        return value, -value, 1.0 + value

    return source


def first_kept(chip):
    """A list that gets the number of the first frame that `chip` puts into its FIFO."""
    first = []
    sampled = chip.sampled

    def note(frame):
        sampled(frame)
        if chip.fifo and not first:
            first.append(chip.made - 1)

    chip.sampled = note
    return first


def expected(bench, windows, first=0, turn=lambda counts: counts):
    """Features of the source's counts from frame `first` on, straight into the core, but for a burst: it settles.

    `turn`: what the device makes of a frame's counts.
    """
    config = dict(core_config(bench), axes=len(turn((0, 0, 0))))
    core = vib.Core(config)
    out = array("h", [0] * core.n_features)
    burst = min(WINDOW // sampler.BURSTS_PER_HOP, bench.driver.burst_frames)
    vectors = []
    for n in range(first + burst, first + burst + windows * WINDOW):
        core.push(array("h", turn(bench.numbered.counts(n))))
        if core.ready():
            core.features(out)
            vectors.append(list(out))
    return vectors


def test_every_way_of_holding_samples_arrives_as_counts():
    for kind in ("adxl345-spi", "iis3dwb-spi", "lis2dw12-i2c", "lis3dh-spi", "mpu6050-i2c", "kx134-spi"):
        bench = Bench(kind)
        first = first_kept(bench.chip)
        run = Run(bench)
        assert len(run.windows) == 4, kind
        assert run.windows == expected(bench, 4, first[0]), kind
        assert (run.sampler.gaps, run.faults) == (0, [])


def test_the_rate_is_measured_in_ppm():
    for ppm in (-20000, 0, 12345):
        bench = Bench("lis2dw12-spi", rate_hz=400)
        bench.chip.ppm = ppm
        run = Run(bench, windows=30)
        assert run.sampler.rate.ppm is not None
        assert abs(run.sampler.rate.ppm - ppm) < 400, (ppm, run.sampler.rate.ppm)
        assert run.faults == []


def test_frequencies_are_those_of_the_measured_rate():
    """A line at 100 Hz stays at 100 Hz, whatever the chip's oscillator does."""
    lines = []
    for ppm in (0, 30000, -30000):
        rate_hz = 400 * (1 + ppm / 1000000)
        bench = Bench("lis2dw12-spi", rate_hz=400, source=sine(0.5, rate_hz / 100))
        bench.chip.ppm = ppm
        config = dict(core_config(bench), band_hi_hz=150)
        run = Run(bench, windows=12, config=config)
        name = run.sampler.names.index("x.line_freq")
        lines.append([window[name] for window in run.windows])
    expected_steps = 1701  # 256 * log2(100)
    assert all(abs(at_once - expected_steps) <= 2 for at_once in lines[0])
    for off in lines[1:]:
        assert abs(off[0] - expected_steps) > 8  # not measured yet: 3 % are 11 steps
        assert abs(off[-1] - expected_steps) <= 2


def test_the_rate_is_measured_across_gaps():
    """A gap every two seconds, so that no stretch is as long as a measurement takes."""
    bench = Bench("lis2dw12-spi", rate_hz=400)
    bench.chip.ppm = 12345

    def stall(number):
        if number % 3 == 0:
            bench.time.pause_ms(200)  # the FIFO lasts 80

    run = Run(bench, windows=60, at_window=stall)
    assert run.sampler.gaps > 10
    assert abs(run.sampler.rate.ppm - 12345) < 1500, run.sampler.rate.ppm


def test_windows_that_are_lost_are_told_with_what_kept_the_sensor_from_being_read():
    window_loss.BLOCK_MS = 30000
    for busy, cause in ((False, "processor"), (True, "link")):
        bench = Bench("lis2dw12-spi", rate_hz=400)

        def stall(number, bench=bench):
            if number % 5 == 0:
                bench.time.pause_ms(500)

        config = core_config(bench)
        made = sampler.Sampler(bench.driver, vib.Core(config), config, time=bench.time)
        made.link_busy = busy
        counted = []

        def on_window(features, counted=counted, stall=stall):
            counted.append(1)
            stall(len(counted))
            return len(counted) >= 60  # 38 s of signal

        asyncio.run(made.run(on_window, None))
        assert made.loss.cause == cause
    undisturbed = Run(Bench("lis2dw12-spi", rate_hz=400), windows=60)
    assert undisturbed.sampler.loss.cause is None


def test_a_loud_machine_is_heard_and_costs_no_more_than_another():
    """At 85 % of the range on every chip: no gap, no fault."""
    for kind in ("adxl345-spi", "ism330dhcx-spi", "iis3dwb-spi", "kx134-spi", "lsm6dso-spi", "lis2dw12-spi"):
        bench = Bench(kind)
        bench.chip.source = sine(0.85 * bench.driver.range_g - 1.0)
        run = Run(bench, windows=12)
        assert (len(run.windows), run.faults, run.sampler.gaps) == (12, [], 0), kind


class Pin:
    """An interrupt pin whose level stands in `level`."""

    IRQ_RISING = 1

    def __init__(self):
        self.level = 0

    def __call__(self):
        return self.level

    def irq(self, handler, trigger):
        self.fire = handler


def test_the_interrupt_wakes_it_and_a_dead_chip_is_looked_at():
    if not hasattr(asyncio, "ThreadSafeFlag"):
        return  # CPython's buses have no interrupts
    pin = Pin()
    driver = Adxl345(quiet_bus(), 3200, 16, pin)
    woken = []

    async def run():
        for _ in range(2):
            await driver.wait()
            woken.append(pin.level)

    async def all_of_it():
        task = asyncio.create_task(run())
        await asyncio.sleep_ms(20)
        assert woken == []
        pin.level = 1
        pin.fire(pin)
        await asyncio.sleep_ms(20)
        assert woken == [1]
        pin.level = 0
        await asyncio.sleep_ms(300)  # nobody fires it: the reminder
        assert woken == [1, 0]
        await task

    asyncio.run(all_of_it())


def test_polling_knows_the_tick():
    driver = Adxl345(quiet_bus(), 3200, 16)
    driver.know_tick(10)
    assert driver.poll_ms == 0  # the FIFO lasts as long as the tick: without rest
    slow = Lis2dw12(quiet_bus(), 100, 16)
    slow.know_tick(10)
    assert 1 <= slow.poll_ms <= 80


def test_a_stretch_in_which_samples_were_lost_does_not_count_for_the_rate():
    bench = Bench("lis2dw12-spi", rate_hz=400)

    def stall(number):
        if number == 8:
            bench.time.pause_ms(400)  # the FIFO lasts 80: of 10 s of samples 3 per cent are lost

    run = Run(bench, windows=28, at_window=stall)  # 18 s: the second measurement has the stall in it
    assert run.sampler.gaps == 1 and bench.chip.lost > 100
    assert run.sampler.rate.ppm is not None and abs(run.sampler.rate.ppm) < 400, run.sampler.rate.ppm


def test_a_rate_off_by_more_than_five_per_cent_is_a_fault():
    for ppm in (-60000, 60000):
        bench = Bench("lis2dw12-spi", rate_hz=400)
        bench.chip.ppm = ppm
        run = Run(bench, windows=1000)
        assert run.faults == ["rate"] * 3
        assert run.bench.time.ticks_ms() < 2 * rate_meter.MEASURE_MS


def test_a_stall_is_one_gap_which_breaks_the_window_only():
    bench = Bench("adxl345-spi")

    def stall(number):
        if number == 2:
            bench.time.pause_ms(50)  # the FIFO lasts 10

    run = Run(bench, windows=5, at_window=stall)
    assert (len(run.windows), run.sampler.gaps, run.faults) == (5, 1, [])
    whole = expected(bench, 2)
    assert run.windows[:2] == whole
    assert bench.chip.lost > 0


def test_stalls_that_let_no_window_through_are_a_fault():
    bench = Bench("adxl345-spi")
    poll = bench.driver.readinto

    def slow(buf):
        bench.time.pause_ms(15)
        return poll(buf)

    bench.driver.readinto = slow
    run = Run(bench)
    assert run.windows == [] and run.faults == ["gap"] * 3


def test_a_sensor_is_gone_until_it_is_back():
    for kind in ("ism330dhcx-spi", "mpu6050-i2c", "adxl345-spi", "kx134-i2c"):
        chip = (bench := Bench(kind)).chip

        def unplug(number, chip=chip):
            chip.plugged = number != 2

        def plug(number, chip=chip):
            if number == 3:
                chip.plugged = True
                chip.power_on()

        run = Run(bench, windows=4, faults=10, at_window=unplug, at_fault=plug)
        assert run.faults == ["gone"] * 3, kind
        assert (len(run.windows), run.sampler.gaps, run.sampler.fault) == (4, 1, "ok"), kind


def test_a_value_that_does_not_change_is_stuck():
    bench = Bench("adxl345-spi", source=Still(0.01))

    def freeze(number):
        bench.chip.stuck = number >= 2

    run = Run(bench, windows=100, at_window=freeze)
    assert len(run.windows) == 2
    assert (
        run.faults[0] in ("flat", "stuck") and run.faults[1:] == ["stuck"] * 2
    )  # the first still moved a little


def test_a_sensor_quieter_than_its_own_noise_is_flat():
    bench = Bench("adxl345-spi", source=lambda n: (0.0, 0.0, 1.0 if n % 50 else 1.01))
    bench.driver.noise_um_s2 *= 2
    run = Run(bench, windows=100)
    assert run.faults == ["stuck"] * 3  # x and y do not move at all
    bench = Bench("adxl345-spi", source=lambda n: (0.0, 0.0, 1.0) if n % 50 else (0.01, 0.01, 1.01))
    run = Run(bench, windows=100)
    assert run.faults == ["flat"] * 3


def test_a_coarse_sensor_may_stand_still():
    bench = Bench("lis3dh-spi", source=Still(), range_g=16)
    run = Run(bench)
    assert (len(run.windows), run.faults) == (4, [])


def test_white_noise_on_every_axis_is_a_fault_when_no_machine_is_so_loud():
    own_g = Bench("adxl345-spi").driver.noise_um_s2 / 9806650
    for rms_g in (own_g, 20 * own_g, 1.0):  # of its own; over a narrow band a machine's, too
        assert Run(Bench("adxl345-spi", source=Still(rms_g)), window=1024).faults == [], rms_g
    run = Run(Bench("adxl345-spi", source=Still(4.0)), windows=8, faults=8, window=1024)
    assert run.faults.count("noise") >= 7
    assert Run(Bench("adxl345-spi", source=sine(6.0)), window=1024).faults == []
    loud = Still(4.0)
    one_axis = Bench("adxl345-spi", source=lambda n: (loud(n)[0], 0.05 * (n % 2), 1.0 + 0.05 * (n % 3)))
    assert Run(one_axis, window=1024).faults == []


def test_samples_at_full_scale_are_clipped():
    for kind in ("adxl345-spi", "lis2dw12-spi", "iis3dwb-spi", "mpu6050-i2c"):
        run = Run(Bench(kind, source=sine(30.0)), windows=100)
        assert run.faults == ["clipped"] * 3, kind
        assert len(run.windows) <= 1, kind
    assert Run(Bench("adxl345-spi", source=sine(14.5))).faults == []


class QuietSpi:
    """Answers nothing but zeros."""

    def write(self, data):
        pass

    def readinto(self, buf):
        pass


def quiet_bus():
    return SpiBus(QuietSpi(), lambda level: None)


def test_numbered_frames_are_told_apart():
    numbered = Numbered(0.001)
    assert len({numbered.counts(n) for n in range(Numbered.PERIOD)}) == Numbered.PERIOD
