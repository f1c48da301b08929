"""The application onto a stock MicroPython: what differs is copied, what is out of date goes.

Where the firmware has a ROMFS the modules go there and run in place; then only main.py is a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vibtool import facts
from vibtool.errors import ToolError
from vibtool.facts import Facts
from vibtool.sets import LIBRARY, MpySet

if TYPE_CHECKING:
    from vibtool.board import Board

MAIN = "main.py"
ROM = "/rom/"  # where the firmware mounts its ROMFS
FOREIGN_MAIN = "main.py: is another program's; move it away, or replace it with --force"
ROOM_BYTES = 16384  # of the file system that must be left for outbox and baseline
BLOCK_BYTES = 4096  # of which files take whole ones


@dataclass(frozen=True)
class Plan:
    """What a deployment does: paths on the board. `image`: the ROMFS to be written, None where there is none."""

    write: list[str]
    keep: list[str]
    remove: list[str]
    image: bytes | None = None


def rom_image(chosen: MpySet) -> bytes:
    """A ROMFS of all of the set but main.py."""
    from mpremote.romfs import make_romfs

    with tempfile.TemporaryDirectory() as folder:
        for path, source in chosen.files.items():
            if path != MAIN:
                copy = Path(folder, path)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(source.read_bytes())
        with contextlib.redirect_stdout(io.StringIO()):
            return bytes(make_romfs(folder, mpy_cross=False))


def plan(board: Board, chosen: MpySet, force: bool = False, image: bytes | None = None) -> Plan:
    """Compare board and set. `image`: the set's, if it goes into a ROMFS. Raises ToolError where another program is.

    A module in the file system stands before one in a ROMFS, so none may be left there.
    """
    names = {ROM + path if image and path != MAIN else path: path for path in chosen.files}
    there = board.digests(list(names))
    wanted = {path: _digest(chosen.files[name].read_bytes()) for path, name in names.items()}
    write = [path for path, digest in wanted.items() if there.get(path) != digest]
    if MAIN in there and MAIN in write and not force and not _is_ours(board):
        raise ToolError(f"{board.port}: {FOREIGN_MAIN}")
    stale = [said["path"] for said in board.run("list_files", folder=f"{LIBRARY}/vibnode")]
    stale += [path for path in board.digests(list(chosen.files)) if path not in stale] if image else []
    stale = [path for path in stale if path not in names]
    if not [path for path in write if path.startswith(ROM)]:
        image = None
    elif image:  # which is written as a whole
        write = list(names)
    # main.py last: a deployment that was cut short must not look like a whole one.
    write.sort(key=lambda path: (path == MAIN, path))
    return Plan(write, [path for path in wanted if path not in write], sorted(stale), image)


def check_room(port: str, known: Facts, chosen: MpySet, planned: Plan) -> None:
    """Raise ToolError unless what is to be written fits."""
    sizes = [chosen.files[path].stat().st_size for path in planned.write if not path.startswith(ROM)]
    needed = sum(-(-size // BLOCK_BYTES) * BLOCK_BYTES for size in sizes) + ROOM_BYTES
    free = known.said["flash_free"]
    if planned.write and free is not None and free < needed:
        raise ToolError(
            f"{port}: {free} bytes of flash are free; accepted: {needed} or more; remove files, or flash a firmware "
            "with the application inside (make firmware)"
        )


def refuse_frozen(port: str, known: Facts) -> None:
    """Raise ToolError where the firmware has the application inside, which then stands before any file."""
    if known.is_frozen:
        raise ToolError(
            f"{port}: vibnode {known.said['fw']} is part of this board's firmware: flash a newer one in place of "
            "deploying, or go on with: vibnode provision"
        )


def carry_out(board: Board, chosen: MpySet, planned: Plan, progress: Callable[[str], None]) -> None:
    """Do it; `progress` is told of each file when it is there."""
    for path in planned.remove:
        board.remove(path)
    if planned.image:
        # A folder left behind would be imported in place of the module of that name in the ROMFS.
        folders = {path.rpartition("/")[0] for path in chosen.files} - {"", LIBRARY}
        for folder in sorted(folders, reverse=True):
            board.remove_empty_folder(folder)
        _write_rom(board, planned.image)
    sources = {path: chosen.files[path.removeprefix(ROM)].read_bytes() for path in planned.write}
    for path, data in sources.items():
        if not path.startswith(ROM):
            board.write(path, data)
        progress(path)
    there = board.digests(planned.write)
    wrong = [path for path, data in sources.items() if there.get(path) != _digest(data)]
    if wrong:
        raise ToolError(
            f"{board.port}: {wrong[0]}: what was written reads differently: the flash may be worn"
        )


def make_ready(board: Board) -> Facts:
    """Make sure of a place for modules, and take the facts. Raises ToolError."""
    known = facts.ask(board)
    if not any(path.strip("/") == LIBRARY for path in known.said["path"]):
        raise ToolError(
            f"{board.port}: this MicroPython imports nothing from /{LIBRARY}: {known.said['path']}"
        )
    return known


def _write_rom(board: Board, image: bytes) -> None:
    """Without a main.py meanwhile: a board whose power is cut in between has half an image, and must not run it."""
    if board.digests([MAIN]):
        board.remove(MAIN)
    board.renew()  # the facts were taken with modules that may run in what is now erased
    board.write_rom(image)
    board.renew()  # which mounts it


def _is_ours(board: Board) -> bool:
    return b"vibnode" in (board.read("main.py") or b"")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
