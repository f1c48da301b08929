"""What reading a sensor leaves on the heap, for test_firmware_on_micropython.py: CPython does not tell."""

import gc

from vibnode.drivers.adxl345 import Adxl345
from vibnode.drivers.bus import SpiBus
from vibnode.drivers.lis2dw12 import Lis2dw12
from vibnode.drivers.lis3dh import Lis3dh

READS = 1000


class QuietSpi:
    """Answers at once and takes no memory: `answers` by register, 0 for others. Leaves longer buffers as they are."""

    def __init__(self, answers):
        self._answers = answers
        self._register = 0

    def write(self, data):
        self._register = data[0] & 0x3F

    def readinto(self, buf):
        if len(buf) == 1:
            buf[0] = self._answers.get(self._register, 0)


def select(level):
    pass


def quiet_bus(answers):
    return SpiBus(QuietSpi(answers), select)


def test_reading_takes_no_memory():
    for driver in (
        Adxl345(quiet_bus({0x00: 0xE5, 0x39: 16}), 3200, 16),
        Lis2dw12(quiet_bus({0x0F: 0x44, 0x2F: 16}), 1600, 16),
        Lis3dh(quiet_bus({0x0F: 0x33, 0x2F: 16}), 1344, 8),
    ):
        buf = bytearray(16 * driver.frame_bytes)
        for _ in range(2):
            driver.readinto(buf)
        gc.collect()
        gc.disable()  # or a collection on the way would hide what the reads took
        before = gc.mem_alloc()
        for _ in range(READS):
            assert driver.readinto(buf) == 16
        taken = gc.mem_alloc() - before
        gc.enable()
        assert taken < READS, (driver, taken)  # less than a byte each


def test_memory_that_a_read_takes_is_seen():
    spi = QuietSpi({0x00: 0xE5, 0x39: 16})
    quietly = spi.readinto
    spi.readinto = lambda buf: (bytes(1), quietly(buf))
    driver = Adxl345(SpiBus(spi, select), 3200, 16)
    buf = bytearray(16 * driver.frame_bytes)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(READS):
        driver.readinto(buf)
    taken = gc.mem_alloc() - before
    gc.enable()
    assert taken >= 16 * READS, taken
