"""Which way of putting the application on a board leaves it enough memory.

What it takes depends on where its code lies: frozen into the firmware or in a ROMFS it runs in place; a file in the
ordinary file system is copied to the heap first.
"""

from __future__ import annotations

from dataclasses import dataclass

from vibtool.errors import ToolError
from vibtool.facts import Facts

WORD_BYTES = 4  # of the chips on which the figures below were measured


@dataclass(frozen=True)
class Way:
    """`heap_bytes`: what the application with its default model and commands takes, on 32 bits."""

    name: str
    heap_bytes: int


# Measured on emulated RV32 with the model adi-motor; nothing else in the tool knows these figures. vib.mpy is native
# code, which is copied to memory wherever it lies. In a ROMFS the other modules take 19 kB more than frozen (59.0 kB
# imported, instead of 40.2), since their dictionaries are made at import.
VIB_MPY_BYTES = 25_000
FROZEN = Way("firmware with vibnode inside", 74_000)
ROM = Way(".mpy files in a ROMFS", 74_000 + 19_000 + VIB_MPY_BYTES)
FILES = Way(".mpy files", 145_000 + VIB_MPY_BYTES)
WAYS = (FROZEN, ROM, FILES)
PSRAM_BYTES = 1 << 20  # a region of memory so large is no chip's own


def choose(known: Facts, image_bytes: int) -> Way:
    """The way for a board as it is flashed now: in place where a ROMFS holds `image_bytes`, else as files."""
    rom_bytes = known.said["rom_bytes"]
    return ROM if rom_bytes is not None and rom_bytes >= image_bytes else FILES


def needed(way: Way, known: Facts) -> int:
    """Bytes of heap that `way` takes on this board: more where a pointer is longer."""
    return way.heap_bytes * int(known.said["word_bytes"]) // WORD_BYTES


def outlook(known: Facts) -> str:
    """What the board has, and what each way takes of it, for a person."""
    psram = known.said["psram_bytes"]
    has = f"{_kb(known.said['heap_free'])} of heap are free, {f'PSRAM of {_kb(psram)}' if psram else 'no PSRAM'}"
    takes = ", ".join(f"{way.name} {_kb(needed(way, known))}" for way in WAYS)
    return f"{has}; vibnode takes: {takes}"


def refuse_too_small(port: str, known: Facts, way: Way) -> None:
    """Raise ToolError, with what would fit, unless `way` does."""
    free = int(known.said["heap_free"])
    if free >= needed(way, known):
        return
    fitting = [other for other in WAYS if other is not way and free >= needed(other, known)]
    remedies = [_REMEDIES[other] for other in fitting] or ["take a board with PSRAM"]
    raise ToolError(
        f"{port}: heap too small for {way.name}: {outlook(known)}; {', or '.join(remedies)}; "
        "or try it with --no-heap-check"
    )


_REMEDIES = {
    FROZEN: "flash a firmware with the application inside (make firmware)",
    ROM: "flash a MicroPython with a ROMFS partition large enough",
    FILES: "deploy to the file system",
}


def _kb(count: int) -> str:
    return f"{count / 1000:.0f} kB"
