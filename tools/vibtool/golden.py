"""The golden vectors: windows, and the features that every build of the core must answer, to the bit."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vibtool.board import Board

_HEAD = "<18I"  # the configuration's 16 fields, the shaft's speed, the number of features


@dataclass(frozen=True)
class GoldenWindow:
    """`config` of the core, `samples` and right `features` as i16 little-endian."""

    config: dict[str, int]
    shaft_millihz: int
    samples: bytes
    features: bytes


def windows() -> Iterator[GoldenWindow]:
    """All of them: they are part of the package `vib`."""
    import vib

    data = files(vib).joinpath("golden", "windows.bin").read_bytes()
    at = 0
    while at < len(data):
        head = struct.unpack_from(_HEAD, data, at)
        config = dict(zip(vib.CONFIG_FIELDS[:16], head[:16], strict=True))
        begin = at + struct.calcsize(_HEAD)
        middle = begin + 2 * config["window"] * config["axes"]
        at = middle + 2 * head[17]
        yield GoldenWindow(config, head[16], data[begin:middle], data[middle:at])


def check(board: Board, most: int | None = None) -> tuple[int, list[str]]:
    """How many windows the board answered, all or the first `most`, and what was wrong, in words."""
    count, wrong = 0, []
    for count, window in enumerate(islice(windows(), most), start=1):
        said = board.run(
            "golden",
            head=window.config,
            samples=base64.b64encode(window.samples),
            shaft_millihz=window.shaft_millihz,
            features=base64.b64encode(window.features),
        )
        if said[0]["differing"]:
            wrong.append(f"window {count}: {', '.join(said[0]['differing'])}")
    return count, wrong
