"""Accelerometers simulated register by register, on a simulated SPI or I2C bus and a clock of their own.

Written from the makers' data sheets, apart from the drivers: neither imports a constant of the other. A chip samples an
acceleration (`source`: frame number -> g on each axis) at its own rate, a few per cent off if told so, and holds it in
its FIFO until it is read. Runs on CPython and MicroPython.

- time.py: the clock, virtual or real; wire.py: ``machine.SPI``, ``machine.I2C`` and pins, with the bus clock's time
- chip.py: what all chips share; one file a chip, st_tagged.py for what three of ST's share
- probe.py: a speed probe at a toothed wheel, on an interrupt or a counter
- recordings.py: sources: numbered frames, noise, files
"""
