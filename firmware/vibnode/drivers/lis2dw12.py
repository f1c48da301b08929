"""LIS2DW12, SPI or I2C. From ST's data sheet DS11811 and application note AN5038.

At 1600 Hz the filter is as low as 400 Hz.
Not checked: that, and the self-test limits, taken from ST's example, against the data sheet; silicon.
"""

from .fifo import FifoSensor, plan

WHO_AM_I = 0x0F
CTRL1 = 0x20
CTRL2 = 0x21
CTRL3 = 0x22
CTRL4_INT1 = 0x23
CTRL6 = 0x25
OUT_X_L = 0x28
FIFO_CTRL = 0x2E
FIFO_SAMPLES = 0x2F

IDENTITY = 0x44
HIGH_PERFORMANCE = 0x04
SOFT_RESET = 0x40
BDU_IF_ADD_INC = 0x0C
SELF_TEST_POSITIVE = 0x40
INT1_FTH = 0x02
LOW_NOISE = 0x04
CONTINUOUS = 0xC0
OVERRUN = 0x40
BOOT_MS = 20


class Lis2dw12(FifoSensor):
    """High-performance, low-noise mode: 14 bits, at the upper end of 16."""

    RATES_HZ = {1600: 9, 800: 8, 400: 7, 200: 6, 100: 5, 50: 4}
    RANGES_G = {16: (3, 19142581), 8: (2, 9571290), 4: (1, 4785645), 2: (0, 2392823)}  # 0.244 mg at 2 g
    RAW_FORMAT = (14, 2, False, True, 0)
    FIFO_FRAMES = 32
    FIFO = plan(
        level=(FIFO_SAMPLES, 1, 0x3F, 1),
        most=32,
        overrun=(OVERRUN, 0, 0),
        data=(OUT_X_L, 0),  # the address goes from the last byte of a frame back to the first
    )
    NOISE_UG_RTHZ = 90
    I2C_ADDRESSES = (0x19, 0x18)
    SELF_TEST = (50, 4, 100, 5)
    SELF_TEST_MG = ((70, 1500), (70, 1500), (70, 1500))

    def bandwidth_hz(self) -> float:
        """-3 dB bandwidth at this rate, typical."""
        return min(400, self.rate_hz / 2)

    def _identify(self) -> None:
        self._expect(WHO_AM_I, IDENTITY)

    def _reset(self) -> None:
        self._bus.write(CTRL2, SOFT_RESET)
        self._time.pause_ms(BOOT_MS)

    def _configure(self, rate_hz, range_g, watermark: int, self_test: bool) -> None:
        self._bus.write(CTRL2, BDU_IF_ADD_INC)
        self._bus.write(CTRL3, SELF_TEST_POSITIVE if self_test else 0)
        self._bus.write(CTRL4_INT1, INT1_FTH)
        self._bus.write(CTRL6, self.RANGES_G[range_g][0] << 4 | LOW_NOISE)
        self._bus.write(FIFO_CTRL, CONTINUOUS | watermark)
        self._bus.write(CTRL1, self.RATES_HZ[rate_hz] << 4 | HIGH_PERFORMANCE)
