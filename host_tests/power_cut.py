"""Cuts the power at any byte that `vibnode.flash` writes, and before and after any file is renamed or removed."""

import os

from vibnode import flash


class PowerCut(BaseException):
    """The power went. No code under test catches this."""


class _File:
    """An open file that takes only as many bytes as the power lasts for."""

    def __init__(self, file, supply):
        self._file = file
        self._supply = supply

    def write(self, data):
        lasts = self._supply.draw(len(data))
        self._file.write(bytes(data)[:lasts])
        if lasts < len(data):
            self._file.close()
            raise PowerCut
        return len(data)

    def flush(self):
        self._file.flush()

    def fileno(self):
        return self._file.fileno()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self._file.close()


class _System:
    """The module os, with a unit of power for each change of a name."""

    def __init__(self, supply):
        self._supply = supply

    def rename(self, old, new):
        self._supply.change()
        os.rename(old, new)

    def remove(self, path):
        self._supply.change()
        os.remove(path)

    def fsync(self, number):
        """The file need not outlast this computer's power."""

    def stat(self, path):
        return os.stat(path)

    def mkdir(self, path):
        os.mkdir(path)


class Supply:
    """Power for so many bytes written and names changed; ``with Supply(n) as supply:`` cuts it after `n`."""

    def __init__(self, units: int) -> None:
        self.left = units
        self.is_cut = False

    def __enter__(self) -> "Supply":
        flash.open = self._open
        flash.os = _System(self)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        del flash.open
        flash.os = os
        self.is_cut = kind is PowerCut
        return self.is_cut

    def _open(self, path, mode):
        return _File(open(path, mode), self)

    def draw(self, wanted: int) -> int:
        given = min(wanted, self.left)
        self.left -= given
        return given

    def change(self) -> None:
        if not self.draw(1):
            raise PowerCut


def every_cut(scene: "Callable[[Supply], None]") -> "Iterator[Supply]":  # noqa: F821
    """Call ``scene(supply)`` with power for 0, 1, 2... units until it is enough; gives the supply after each.

    `scene` does under ``with supply:`` what is to be cut, after it has set the stage.
    """
    units = 0
    while True:
        supply = Supply(units)
        scene(supply)
        yield supply
        if not supply.is_cut:
            return
        units += 1
