"""The application onto a stock MicroPython: what differs is copied, what is out of date goes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from vibtool import facts
from vibtool.board import Board
from vibtool.errors import ToolError
from vibtool.facts import Facts
from vibtool.sets import LIBRARY, MpySet

FOREIGN_MAIN = "main.py: is another program's; move it away, or replace it with --force"
ROOM_BYTES = 16384  # of the file system that must be left for outbox and baseline
BLOCK_BYTES = 4096  # of which files take whole ones


@dataclass(frozen=True)
class Plan:
    """What a deployment does: paths on the board."""

    write: list[str]
    keep: list[str]
    remove: list[str]


def plan(board: Board, chosen: MpySet, force: bool = False) -> Plan:
    """Compare board and set. Raises ToolError where another program is in the way."""
    there = board.digests(list(chosen.files))
    wanted = {path: _digest(source.read_bytes()) for path, source in chosen.files.items()}
    write = [path for path, digest in wanted.items() if there.get(path) != digest]
    if "main.py" in there and "main.py" in write and not force and not _is_ours(board):
        raise ToolError(f"{board.port}: {FOREIGN_MAIN}")
    listed = [said["path"] for said in board.run("list_files", folder=f"{LIBRARY}/vibnode")]
    stale = [path for path in listed if path not in chosen.files]
    # main.py last: a deployment that was cut short must not look like a whole one.
    write.sort(key=lambda path: (path == "main.py", path))
    return Plan(write, [path for path in wanted if path not in write], sorted(stale))


def check_room(port: str, known: Facts, chosen: MpySet, planned: Plan) -> None:
    """Raise ToolError unless what is to be written fits."""
    sizes = [chosen.files[path].stat().st_size for path in planned.write]
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
    for path in planned.write:
        board.write(path, chosen.files[path].read_bytes())
        progress(path)
    there = board.digests(planned.write)
    wrong = [path for path in planned.write if there.get(path) != _digest(chosen.files[path].read_bytes())]
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


def _is_ours(board: Board) -> bool:
    return b"vibnode" in (board.read("main.py") or b"")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
