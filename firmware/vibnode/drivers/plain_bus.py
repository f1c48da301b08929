"""The two buses in Python, for an interpreter whose `vib` has none: CPython, where the chips are simulated ones."""

READ = 0x80  # the highest bit of an SPI address, on every chip here


class SpiBus:
    """A chip on a ``machine.SPI``-like `spi`, selected while the pin `cs` is low."""

    def __init__(self, spi, cs, burst_bit: int = 0) -> None:
        """`burst_bit`: what this chip wants to see in the address when more than one byte is read."""
        self._spi = spi
        self._cs = cs
        self._burst = READ | burst_bit
        self._command = bytearray(1)
        self._message = bytearray(2)
        self._byte = bytearray(1)
        cs(1)
        # Where SCK is high between transfers, in mode 3, the ESP32 makes it so with the first one only: a chip that was
        # selected before would count one edge too many. This one goes to nobody.
        spi.write(self._command)

    def read(self, register: int, buf) -> None:
        """Fill the bytearray `buf` from `register` on."""
        self._command[0] = register | (self._burst if len(buf) > 1 else READ)
        self._cs(0)
        try:
            self._spi.write(self._command)
            self._spi.readinto(buf)
        finally:
            self._cs(1)

    def read_byte(self, register: int) -> int:
        """The contents of one register."""
        self.read(register, self._byte)
        return self._byte[0]

    def write(self, register: int, value: int) -> None:
        """Set one register."""
        self._message[0] = register
        self._message[1] = value
        self._cs(0)
        try:
            self._spi.write(self._message)
        finally:
            self._cs(1)

    @staticmethod
    def clocks(n: int) -> int:
        """Cycles of the bus clock that a read of `n` bytes takes."""
        return 8 * (1 + n)


class I2cBus:
    """A chip at `address` on a ``machine.I2C``-like `i2c`."""

    def __init__(self, i2c, address: int, burst_bit: int = 0) -> None:
        """`burst_bit`: what this chip wants to see in the register number when more than one byte is read."""
        self._i2c = i2c
        self._address = address
        self._burst = burst_bit
        self._byte = bytearray(1)
        self._value = bytearray(1)

    def read(self, register: int, buf) -> None:
        """Fill the bytearray `buf` from `register` on."""
        self._i2c.readfrom_mem_into(self._address, register | (self._burst if len(buf) > 1 else 0), buf)

    def read_byte(self, register: int) -> int:
        """The contents of one register."""
        self._i2c.readfrom_mem_into(self._address, register, self._byte)
        return self._byte[0]

    def write(self, register: int, value: int) -> None:
        """Set one register."""
        self._value[0] = value
        self._i2c.writeto_mem(self._address, register, self._value)

    @staticmethod
    def clocks(n: int) -> int:
        """Cycles of the bus clock that a read of `n` bytes takes: address, register, address, bytes, start and stop."""
        return 9 * (3 + n) + 3
