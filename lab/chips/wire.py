"""``machine.SPI``, ``machine.I2C`` and ``machine.Pin`` with a simulated chip at the other end.

Each byte takes its time on the bus clock, each call a fixed time more, as an interpreter does.
"""

import io

CALL_PS = 15000000  # 15 us, a guess at MicroPython's way into machine.SPI on an ESP32
PS_PER_S = 1000000000000
EIO = 5
ENODEV = 19


def fill(buf, data) -> None:
    """Put `data` into the writable buffer `buf` of whatever type."""
    io.BytesIO(bytes(data)).readinto(buf)


class Bus:
    """What SPI and I2C share: the clock, and how long it was busy."""

    def __init__(self, time, hz: int, call_ps: int = CALL_PS) -> None:
        self.time = time
        self.hz = hz
        self.busy_ps = 0
        self._call_ps = call_ps

    def clock(self, cycles: int) -> None:
        """Let `cycles` of the bus clock pass."""
        ps = cycles * PS_PER_S // self.hz
        self.busy_ps += ps
        self.time.advance_ps(ps)

    def called(self) -> None:
        """Let the time of a call pass."""
        self.time.advance_ps(self._call_ps)


class Spi(Bus):
    """One chip on an SPI. A bus too fast or of another mode reads ones, as does one without the chip.

    The clock line is low until the first transfer, as on the ESP32. In a mode in which it should be high, a chip that
    is selected by then takes its rise for a bit, and understands nothing of that transfer.
    """

    def __init__(self, chip, time, hz: int, mode=(1, 1), call_ps: int = CALL_PS) -> None:
        super().__init__(time, hz, call_ps)
        self._chip = chip
        self._understood = hz <= chip.SPI_MAX_HZ and mode in chip.SPI_MODES
        self._selected = False
        self._command = -1
        self._clock_idles = not mode[0]  # at its level between transfers
        self._in_step = True

    def chip_select(self, level: int) -> None:
        """The pin: low begins a transfer, high ends it."""
        if self._selected and level:
            self._chip.end()
        self._selected = not level
        self._in_step = self._clock_idles
        self._command = -1

    def write(self, data) -> None:
        """Shift `data` out; to nobody while the chip is not selected."""
        self.called()
        self._clock_idles = True
        if not self._selected:
            self.clock(8 * len(data))
            return
        for byte in data:
            self.clock(8)
            if not self._hears():
                continue
            if self._command < 0:
                self._command = byte
                self._chip.spi_command(byte)
            else:
                self._chip.write_next(byte)

    def readinto(self, buf) -> None:
        """Shift as many bytes in as `buf` has."""
        assert self._selected, "SPI transfer without chip select"
        self.called()
        self._clock_idles = True
        data = bytearray(len(bytes(buf)))
        for i in range(len(data)):
            self.clock(8)
            data[i] = self._chip.read_next() if self._hears() and self._command >= 0 else 0xFF
        fill(buf, data)

    def _hears(self) -> bool:
        return self._understood and self._in_step and self._chip.plugged


class I2c(Bus):
    """One chip at `address` on an I2C. Raises OSError where no one acknowledges."""

    def __init__(self, chip, time, hz: int, address: int, call_ps: int = CALL_PS) -> None:
        super().__init__(time, hz, call_ps)
        self._chip = chip
        self._address = address

    def readfrom_mem_into(self, address: int, register: int, buf) -> None:
        """Read registers from `register` on."""
        self._begin(address, register)
        self.clock(9 + 1)
        data = bytearray(len(bytes(buf)))
        for i in range(len(data)):
            self.clock(9)
            data[i] = self._chip.read_next()
        self._chip.end()
        fill(buf, data)

    def writeto_mem(self, address: int, register: int, data) -> None:
        """Write registers from `register` on."""
        self._begin(address, register)
        for byte in data:
            self.clock(9)
            self._chip.write_next(byte)
        self._chip.end()

    def _begin(self, address: int, register: int) -> None:
        self.called()
        self.clock(1 + 9)
        if address != self._address or not self._chip.plugged:
            raise OSError(ENODEV)
        if self.hz > self._chip.I2C_MAX_HZ:
            raise OSError(EIO)
        self.clock(9 + 1)
        self._chip.i2c_register(register)


class Machine:
    """In the place of MicroPython's module ``machine``: one chip on whatever bus is opened."""

    def __init__(self, chip, time) -> None:
        self.opened = []  # what was asked for
        machine = self

        class Pin:
            """A pin is the interrupt line when read, the chip select when written."""

            IN = "in"
            OUT = "out"

            def __init__(self, number, mode=None, value=None) -> None:
                self.number = number
                machine.opened.append(("pin", number, mode))

            def __call__(self, level=None):
                if level is None:
                    return chip.int1()
                machine.bus.chip_select(level)
                return None

        def spi(number, baudrate, polarity, phase, sck, mosi, miso):
            machine.opened.append(("spi", number, baudrate, sck.number, mosi.number, miso.number))
            machine.bus = Spi(chip, time, baudrate, (polarity, phase))
            return machine.bus

        def i2c(number, scl, sda, freq):
            machine.opened.append(("i2c", number, freq, scl.number, sda.number))
            machine.bus = I2c(chip, time, freq, chip.I2C_ADDRESS)
            return machine.bus

        self.Pin = Pin
        self.SPI = spi
        self.I2C = i2c
