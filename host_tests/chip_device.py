"""The application on a simulated chip, in real time: ``chip_device.py CHIP RECORDING LSB_G ARGUMENTS...``

CHIP: a module and class of chips, such as ``lsm6dso.Lsm6dso``; `-missing` after it leaves it unplugged. RECORDING: raw
i16 frames of three axes of LSB_G g a count, with which it is shaken. ARGUMENTS: vibnode's.
"""

import sys
from array import array

from vibnode import clock, main

from lab.chips import wire
from lab.chips.recordings import Recording
from lab.chips.time import RealTime


def load(path: str) -> array:
    """The samples in the file `path`."""
    with open(path, "rb") as file:
        return array("h", file.read())


def run(name: str, path: str, lsb_g: str, arguments) -> int:
    """Put the chip where MicroPython has its buses, and start the application."""
    module, _, class_name = name.replace("-missing", "").partition(".")
    chip_class = getattr(__import__("lab.chips." + module, None, None, (class_name,)), class_name)
    time = RealTime(clock.ticks_ms)
    chip = chip_class(time, Recording(load(path), float(lsb_g)))
    chip.plugged = not name.endswith("-missing")
    sys.modules["machine"] = wire.Machine(chip, time)
    return main.main(arguments)


sys.exit(run(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
