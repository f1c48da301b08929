"""LIS3DH, SPI or I2C. From ST's data sheet DS6839 (DocID17530 rev. 2) and application note AN3308.

Normal mode, 10 bits: the 12 bits of its high-resolution mode come with a ninth of the rate as bandwidth.
Not checked: noise, silicon.
"""

from .fifo import FifoSensor, plan

WHO_AM_I = 0x0F
CTRL_REG1 = 0x20
CTRL_REG2 = 0x21
CTRL_REG3 = 0x22
CTRL_REG4 = 0x23
CTRL_REG5 = 0x24
CTRL_REG6 = 0x25
OUT_X_L = 0x28
FIFO_CTRL_REG = 0x2E
FIFO_SRC_REG = 0x2F

IDENTITY = 0x33
XYZ_ON = 0x07
I1_WTM = 0x04
BDU = 0x80
SELF_TEST_POSITIVE = 0x02
FIFO_EN = 0x40
STREAM = 0x80
OVERRUN = 0x40
EMPTY = 0x20


class Lis3dh(FifoSensor):
    """10 bits, at the upper end of 16. A count is coarser than the noise: at rest it may well stand still."""

    RATES_HZ = {1344: 9, 400: 7, 200: 6, 100: 5, 50: 4}
    RANGES_G = {
        16: (3, 470719200),
        8: (2, 156906400),
        4: (1, 78453200),
        2: (0, 39226600),
    }  # 48, 16, 8 and 4 mg
    RAW_FORMAT = (10, 2, False, True, 0)
    FIFO_FRAMES = 32
    FIFO = plan(
        level=(FIFO_SRC_REG, 1, 0x1F, 1),
        empty=EMPTY,
        overrun=(OVERRUN, 1, 0),  # the 32nd does not fit into the field
        data=(OUT_X_L, 0),  # the address goes from the last byte of a frame back to the first
    )
    NOISE_UG_RTHZ = 220
    SPI_BURST_BIT = 0x40
    I2C_ADDRESSES = (0x18, 0x19)
    I2C_BURST_BIT = 0x80
    SELF_TEST = (50, 2, 90, 5)
    SELF_TEST_MG = ((68, 1440), (68, 1440), (68, 1440))  # 17 to 360 counts at 2 g

    def _identify(self) -> None:
        self._expect(WHO_AM_I, IDENTITY)

    def _reset(self) -> None:  # the chip has none
        for register in (CTRL_REG1, CTRL_REG2, CTRL_REG3, CTRL_REG4, CTRL_REG5, CTRL_REG6, FIFO_CTRL_REG):
            self._bus.write(register, 0)

    def _configure(self, rate_hz, range_g, watermark: int, self_test: bool) -> None:
        scale = self.RANGES_G[range_g][0] << 4
        self._bus.write(CTRL_REG4, BDU | scale | (SELF_TEST_POSITIVE if self_test else 0))
        self._bus.write(CTRL_REG3, I1_WTM)
        self._bus.write(CTRL_REG5, FIFO_EN)
        self._bus.write(FIFO_CTRL_REG, STREAM | (watermark - 1))  # the pin rises above this level
        self._bus.write(CTRL_REG1, self.RATES_HZ[rate_hz] << 4 | XYZ_ON)
