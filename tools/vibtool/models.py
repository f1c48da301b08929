"""A new model for a sensor, from a package of `vibtrain fit`: by cable or over the air, on trial first (SPEC 2.2)."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vibtool import model_fit
from vibtool.errors import ToolError
from vibtool.facts import DEVICE_FILE

if TYPE_CHECKING:
    from vibtool.board import Board, Message
    from vibtool.commands import Commander

OTA_FILE = "model.ota"
CHUNK_BYTES = 2048  # as SPEC 3.4 has it
CHECK_BYTES = 4  # at the end of model.ota: CRC-32 of the rest


def read_ota(package: Path) -> bytes:
    """model.ota of the package (a folder) or file `package`. Raises ToolError."""
    path = package / OTA_FILE if package.is_dir() else package
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ToolError(
            f"{path}: cannot be read ({error.strerror}); accepted: a model package of `vibtrain fit`"
        ) from None
    if data[:4] != b"VIBO":
        raise ToolError(f"{path}: is no model.ota; accepted: a model package of `vibtrain fit`")
    if zlib.crc32(data[:-CHECK_BYTES]) != int.from_bytes(data[-CHECK_BYTES:], "little"):
        raise ToolError(f"{path}: is damaged; accepted: a model.ota as `vibtrain fit` wrote it")
    return data


def info(board: Board) -> Message:
    """What the board says of its model. Raises ToolError."""
    said = board.run("model_info", path=DEVICE_FILE)
    if not said:
        raise ToolError(f"{board.port}: does not say which model it has")
    return said[0]


def push_by_cable(board: Board, ota: bytes) -> None:
    """Copy, and have the board try it from its next start on. Raises ToolError, before it copies where the model is not
    for the board's sensor."""
    sensor = model_fit.sensor_of(board.read(DEVICE_FILE))
    if sensor is not None:
        model_fit.refuse_unfit(board.port, sensor, model_fit.binary_of(ota))
    board.write(OTA_FILE, ota)
    said = board.run("model_take", path=DEVICE_FILE, ota=OTA_FILE, timeout_s=60)
    if not said or said[0]["error"]:
        reason = said[0]["error"] if said else "no answer"
        raise ToolError(f"{board.port}: refuses the model: {reason}; the one before it stays")


def push_over_the_air(commander: Commander, ota: bytes, progress: Callable[[int], None]) -> None:
    """Send it in signed commands; the device restarts into the trial. Raises ToolError."""
    commander.send("model-begin", bytes=len(ota), sha256=hashlib.sha256(ota).hexdigest())
    for at in range(0, len(ota), CHUNK_BYTES):
        commander.send_data("model-chunk", ota[at : at + CHUNK_BYTES], at=at)
        progress(min(at + CHUNK_BYTES, len(ota)))
    commander.send("model-commit")
