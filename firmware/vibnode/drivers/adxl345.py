"""ADXL345, SPI or I2C. From Analog Devices' data sheet ADXL345 rev. G (self-test: rev. E, page 22).

At 1600 and 3200 Hz the lowest bit is always 0. Each FIFO entry is a read of its own, and 5 us have to pass between two:
raising and lowering chip select and the start of a transfer take longer on an ESP32 (28 us by ESP-IDF's documentation).
Not checked: the self-test limits of rev. G, silicon.
"""

from .fifo import FifoSensor, plan

DEVID = 0x00
OFSX = 0x1E
OFSY = 0x1F
OFSZ = 0x20
BW_RATE = 0x2C
POWER_CTL = 0x2D
INT_ENABLE = 0x2E
INT_MAP = 0x2F
INT_SOURCE = 0x30
DATA_FORMAT = 0x31
DATAX0 = 0x32
FIFO_CTL = 0x38
FIFO_STATUS = 0x39

IDENTITY = 0xE5
MEASURE = 0x08
WATERMARK = 0x02
OVERRUN = 0x01
FULL_RES = 0x08
SELF_TEST = 0x80
STREAM = 0x80
MOST_ENTRIES = 33  # the FIFO and the output register
LSB_NM_S2 = 38307227  # 1/256 g


class Adxl345(FifoSensor):
    """Full resolution: 256 counts a g in every range."""

    RATES_HZ = {3200: 15, 1600: 14, 800: 13, 400: 12, 200: 11, 100: 10}
    RANGES_G = {16: (3, LSB_NM_S2), 8: (2, LSB_NM_S2), 4: (1, LSB_NM_S2), 2: (0, LSB_NM_S2)}
    RAW_FORMAT = (16, 2, False, False, 0)
    FIFO_FRAMES = 32
    STEP_COUNTS = 2
    NOISE_UG_RTHZ = 430
    SPI_HZ = 5000000
    SPI_BURST_BIT = 0x40
    I2C_ADDRESSES = (0x53, 0x1D)
    I2C_MAX_RATE_HZ = 800  # the data sheet's limit at 400 kHz
    SELF_TEST = (100, 16, 40, 10)
    # At 2.5 V, times the factors for 2.0 V (least) and 3.6 V (largest): the driver does not know the supply.
    SELF_TEST_MG = ((128, 4431), (-4431, -128), (240, 5746))
    SELF_TEST_SIGNED = True
    FIFO = plan(
        level=(FIFO_STATUS, 1, 0x7F, 1),
        most=MOST_ENTRIES,
        overrun_elsewhere=(INT_SOURCE, OVERRUN),
        data=(DATAX0, 1),
    )

    def _identify(self) -> None:
        self._expect(DEVID, IDENTITY)

    def _reset(self) -> None:
        for register in (POWER_CTL, INT_ENABLE, FIFO_CTL, DATA_FORMAT, OFSX, OFSY, OFSZ):  # it has no reset
            self._bus.write(register, 0)

    def _configure(self, rate_hz, range_g, watermark: int, self_test: bool) -> None:
        self._bus.write(BW_RATE, self.RATES_HZ[rate_hz])
        self._bus.write(DATA_FORMAT, FULL_RES | self.RANGES_G[range_g][0] | (SELF_TEST if self_test else 0))
        self._bus.write(FIFO_CTL, STREAM | watermark)
        self._bus.write(INT_MAP, 0)  # all on INT1
        self._bus.write(INT_ENABLE, WATERMARK)
        self._bus.write(POWER_CTL, MEASURE)

    def _burst_clocks(self, frames: int) -> int:
        return frames * self._bus.clocks(6)
