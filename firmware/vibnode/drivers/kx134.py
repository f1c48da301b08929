"""KX134-1211, SPI or I2C. From Kionix's technical reference manual KX134-1211 rev. 1.0 (31 July 2019).

Its buffer holds 86 frames: 3.4 ms at 25.6 kHz, so nothing may keep the processor that long.
Not checked: the self-test limits, which stand in the specification (here half to one and a half times 0.5 g, said to be
typical); noise; bandwidth; silicon.
"""

from .fifo import FifoSensor, plan

WHO_AM_I = 0x13
CNTL1 = 0x1B
CNTL2 = 0x1C
ODCNTL = 0x21
INC1 = 0x22
INC4 = 0x25
SELF_TEST = 0x5D
BUF_CNTL1 = 0x5E
BUF_CNTL2 = 0x5F
BUF_STATUS_1 = 0x60
BUF_READ = 0x63

IDENTITY = 0x46
RUN_HIGH_RESOLUTION = 0xC0
SOFT_RESET = 0x80
HALF_RATE_FILTER = 0x40  # low pass at half the rate in place of a ninth
INT1_ACTIVE_HIGH = 0x30
WATERMARK_ON_INT1 = 0x20
SELF_TEST_ON = 0xCA
STREAM_16_BITS = 0xC1
RESERVED = 0x7C  # of BUF_STATUS_2: a bus without a chip reads all ones
RESET_MS = 2


class Kx134(FifoSensor):
    """High-performance mode, 16 bits."""

    RATES_HZ = {25600: 15, 12800: 14, 6400: 13, 3200: 12, 1600: 11, 800: 10, 400: 9, 200: 8, 100: 7}
    RANGES_G = {64: (3, 19153613), 32: (2, 9576807), 16: (1, 4788403), 8: (0, 2394202)}  # 1/4096 g at 8 g
    RAW_FORMAT = (16, 2, False, False, 0)
    FIFO_FRAMES = 86
    FIFO = plan(
        level=(BUF_STATUS_1, 2, 0x3FF, 6),
        never=RESERVED << 8,
        lost_level=85,  # it does not say whether it is full or was: counted as lost
        data=(BUF_READ, 0),
    )
    NOISE_UG_RTHZ = 300
    SPI_MODE = (0, 0)
    I2C_ADDRESSES = (0x1E, 0x1F)
    SELF_TEST = (400, 8, 100, 20)
    SELF_TEST_MG = ((250, 750), (250, 750), (250, 750))

    def bandwidth_hz(self) -> float:
        """-3 dB bandwidth at this rate, typical, of the slowest axis."""
        return min(5600, self.rate_hz / 2)

    def _identify(self) -> None:
        self._expect(WHO_AM_I, IDENTITY)

    def _reset(self) -> None:
        self._bus.write(CNTL1, 0)
        self._bus.write(CNTL2, SOFT_RESET)
        self._time.pause_ms(RESET_MS)

    def _configure(self, rate_hz, range_g, watermark: int, self_test: bool) -> None:
        write = self._bus.write  # all of it in stand-by, as the manual asks
        write(ODCNTL, HALF_RATE_FILTER | self.RATES_HZ[rate_hz])
        write(INC1, INT1_ACTIVE_HIGH)
        write(INC4, WATERMARK_ON_INT1)
        write(SELF_TEST, SELF_TEST_ON if self_test else 0)
        write(BUF_CNTL1, watermark)
        write(BUF_CNTL2, STREAM_16_BITS)
        write(CNTL1, RUN_HIGH_RESOLUTION | self.RANGES_G[range_g][0] << 3)
