"""What reading a sensor leaves on the heap, for test_firmware_on_micropython.py: CPython does not tell."""

import gc

from vibnode.drivers.adxl345 import Adxl345
from vibnode.drivers.lis2dw12 import Lis2dw12
from vibnode.drivers.lis3dh import Lis3dh

READS = 1000


class QuietBus:
    """Answers at once and takes no memory: `answers` by register, 0 for others. Leaves buffers as they are."""

    def __init__(self, answers):
        self._answers = answers

    def read(self, register, buf):
        pass

    def read_entries(self, register, buf, entry_bytes):
        pass

    def read_byte(self, register):
        return self._answers.get(register, 0)

    def write(self, register, value):
        pass


def test_reading_takes_no_memory():
    for driver in (
        Adxl345(QuietBus({0x00: 0xE5, 0x39: 16}), 3200, 16),
        Lis2dw12(QuietBus({0x0F: 0x44, 0x2F: 16}), 1600, 16),
        Lis3dh(QuietBus({0x0F: 0x33, 0x2F: 16}), 1344, 8),
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
    bus = QuietBus({0x00: 0xE5, 0x39: 16})
    bus.read_entries = lambda register, buf, entry_bytes: bytes(1)
    driver = Adxl345(bus, 3200, 16)
    buf = bytearray(16 * driver.frame_bytes)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(READS):
        driver.readinto(buf)
    taken = gc.mem_alloc() - before
    gc.enable()
    assert taken >= 16 * READS, taken
