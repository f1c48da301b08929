"""The counter of commands (SPEC 3.4), kept on flash, so that none is carried out twice."""

import struct

from . import checked_file

_MAGIC = b"VCN1"
_BODY = "<Q"


class Spent(Exception):
    """A command of that number, or of a later one, was taken already."""


class Counter:
    """`last`: the highest number spent; None where it is not known any more, and so no command can be taken."""

    def __init__(self, path: str) -> None:
        """Read the file `path`; without one, no command was ever taken."""
        self._path = path
        self.last: int | None = 0
        try:
            body = checked_file.load(path, _MAGIC)
            if body is not None:
                self.last = struct.unpack(_BODY, body)[0]
        except (checked_file.Damaged, ValueError) as error:
            self.last = None
            print(f"vibnode: no command is taken: {error}; delete it to take them again, and change the key")

    def is_spent(self, n: int) -> bool:
        """Whether a command of number `n` must not be carried out."""
        return self.last is None or n <= self.last

    def spend(self, n: int) -> None:
        """Have `n` and all below it spent; on return that is on the medium. Raises Spent, OSError."""
        if self.is_spent(n):
            raise Spent
        checked_file.save(self._path, _MAGIC, struct.pack(_BODY, n))
        self.last = n
