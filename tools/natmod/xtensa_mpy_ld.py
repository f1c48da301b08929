"""MicroPython's mpy_ld with two faults put right that wrong addresses come of on Xtensa, both of version 1.25.

There a literal that holds an address becomes an entry of the GOT, found again by a name. For a place in a table
(`table + 16`) the 16 is in the name and nowhere else, so the entry points to the table's beginning. For a place in a
section the name leaves out the file, so that the strings of two files are taken for one another
(micropython/micropython issue 19276, which tells of a third: literals are found by their file and place, so that a
file may have one section of them only. Here a second one is refused.)

Called as mpy_ld.py is, with the folder of the original in the environment as MPY_TOOLS.
"""

import os
import sys
from typing import Any

sys.path.insert(0, os.environ["MPY_TOOLS"])
import mpy_ld

AddresslessEntry = mpy_ld.GOTEntry
read_section = mpy_ld.Section.from_elfsec


class GOTEntry(AddresslessEntry):  # type: ignore[misc, valid-type]
    """An entry that points as far into its symbol as its name says; MicroPython's own tables are told by name alone."""

    def __init__(self, name: str, sym: Any, link_addr: int = 0) -> None:
        super().__init__(name, sym, link_addr)
        symbol, plus, offset = name.partition("+0x")
        if plus and symbol == sym.name and not symbol.startswith("mp_"):
            self.link_addr += int(offset, 16)


files_with_literals: set[str] = set()


def section_of_file(elf_section: Any, filename: str) -> Any:
    """Return the section under a name that no other file's has; what it is, is told by the beginning."""
    if elf_section.name.startswith(".literal"):
        if filename in files_with_literals:
            raise mpy_ld.LinkError(f"{filename}: has several sections of literals, mpy_ld can keep one apart")
        files_with_literals.add(filename)
    section = read_section(elf_section, filename)
    section.name = f"{section.name}@{filename}"
    return section


if __name__ == "__main__":
    mpy_ld.GOTEntry = GOTEntry
    mpy_ld.Section.from_elfsec = staticmethod(section_of_file)
    mpy_ld.main()
