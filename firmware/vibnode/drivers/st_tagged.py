"""What ST's chips with a tagged FIFO share: seven bytes a word, the first of which says what the other six are.

Registers as in the data sheets of IIS3DWB, ISM330DHCX and LSM6DSO, named in their files. Only acceleration is batched,
so each word is a frame.
"""

from .fifo import FifoSensor, plan

FIFO_CTRL1 = 0x07
FIFO_CTRL2 = 0x08
FIFO_CTRL3 = 0x09
FIFO_CTRL4 = 0x0A
INT1_CTRL = 0x0D
WHO_AM_I = 0x0F
CTRL1_XL = 0x10
CTRL3_C = 0x12
CTRL5_C = 0x14
FIFO_STATUS1 = 0x3A
FIFO_DATA_OUT_TAG = 0x78

SW_RESET = 0x01
BDU_IF_INC = 0x44
CONTINUOUS = 0x06
INT1_FIFO_TH = 0x08
SELF_TEST_POSITIVE = 0x01
OVERRUN_LATCHED = 0x08  # of FIFO_STATUS2: cleared by reading it
ALWAYS_ZERO = 0x04  # of FIFO_STATUS2: a bus without a chip reads all ones
TAG_ACCELEROMETER = 0x02
BOOT_MS = 10


class StTaggedFifo(FifoSensor):
    """Base of those chips' classes, which add ``IDENTITY`` and ``BDR_XL`` (what stands for a rate in FIFO_CTRL3)."""

    RANGES_G = {16: (1, 4785645), 8: (3, 2392823), 4: (2, 1196411), 2: (0, 598206)}  # 0.061 mg at 2 g
    RAW_FORMAT = (16, 2, False, False, 1)
    FIFO_FRAMES = 512
    FIFO = plan(
        level=(FIFO_STATUS1, 2, 0x3FF, 1),
        never=ALWAYS_ZERO << 8,
        overrun=(OVERRUN_LATCHED << 8, 0, 1),
        data=(FIFO_DATA_OUT_TAG, 0),
        tag=(0xF8, TAG_ACCELEROMETER << 3),
    )

    def _identify(self) -> None:
        self._expect(WHO_AM_I, self.IDENTITY)

    def _reset(self) -> None:
        self._bus.write(CTRL3_C, SW_RESET)
        self._time.pause_ms(BOOT_MS)

    def _configure(self, rate_hz, range_g, watermark: int, self_test: bool) -> None:
        write = self._bus.write
        write(CTRL3_C, BDU_IF_INC)
        self._configure_chip()
        write(FIFO_CTRL1, watermark & 0xFF)
        write(FIFO_CTRL2, watermark >> 8)
        write(FIFO_CTRL3, self.BDR_XL[rate_hz])
        write(INT1_CTRL, INT1_FIFO_TH)
        write(CTRL5_C, SELF_TEST_POSITIVE if self_test else 0)
        write(CTRL1_XL, self.RATES_HZ[rate_hz] << 4 | self.RANGES_G[range_g][0] << 2)
        write(FIFO_CTRL4, CONTINUOUS)

    def _configure_chip(self) -> None:
        """What only one of the chips needs."""
