"""What makes a board one certain sensor: device.json, certificates, model. Written where they differ, never shown."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vibnode.checks import SECRETS, without_secrets

from vibtool.errors import ToolError
from vibtool.facts import DEVICE_FILE, Facts
from vibtool.site_file import MODEL_FILE, Sensor, encode
from vibtool.wiring import fill_in, pulse_pin

if TYPE_CHECKING:
    from vibtool.board import Board


@dataclass(frozen=True)
class Provision:
    """`files`: all that belongs on the board; `changed`: of these, what differs there; `fields`: in words."""

    files: dict[str, bytes]
    changed: list[str]
    fields: list[str]


def complete(sensor: Sensor, known: Facts) -> None:
    """Fill in what depends on the board: pins, orientation, and where the model is. Raises ToolError."""
    device = sensor.device
    if isinstance(device.get("sensor"), dict):
        device["sensor"] = fill_in(device["sensor"], known.chip)
    if isinstance(device.get("pulse"), dict):
        device["pulse"] = pulse_pin(device["pulse"], known.chip)
    if sensor.package is not None:
        sensor.files[MODEL_FILE] = read_model(sensor.package)
    elif "model" not in device and known.said["linked_model"] is None:
        device["model"] = MODEL_FILE


def read_model(package: Path) -> bytes:
    """model.bin of the package (a folder) or file `package`. Raises ToolError."""
    path = package / MODEL_FILE if package.is_dir() else package
    try:
        return path.read_bytes()
    except OSError as error:
        raise ToolError(
            f"{path}: cannot be read ({error.strerror}); accepted: a model package of `vibtrain fit`"
        ) from None


def compare(board: Board, sensor: Sensor) -> Provision:
    """What is to be done."""
    files = {**sensor.files, DEVICE_FILE: encode(sensor.device)}
    there = board.digests(list(files))
    changed = [path for path, data in files.items() if there.get(path) != hashlib.sha256(data).hexdigest()]
    fields = []
    if DEVICE_FILE in changed:
        fields = differences(_device_there(board), sensor.device)
    return Provision(files, changed, fields)


def write(board: Board, provision: Provision) -> None:
    """Do it; device.json last, so that it names nothing that is not there yet."""
    for path in sorted(provision.changed, key=lambda path: path == DEVICE_FILE):
        board.write(path, provision.files[path])


def keep_key(sensor: Sensor) -> None:
    """Write a key that was made up to its file, for nobody else's eyes."""
    if sensor.new_key is None:
        return
    path, key = sensor.new_key
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")


def differences(old: dict[str, Any], new: dict[str, Any], where: str = "") -> list[str]:
    """Field by field, what becomes of `old`; of secrets only that they change."""
    lines = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if key in SECRETS:
            done = "set" if before is None else "removed" if after is None else "changed"
            lines.append(f"{where}{key}: {done} (not shown)")
        elif (before or after) and isinstance(before, dict | None) and isinstance(after, dict | None):
            lines += differences(before or {}, after or {}, f"{where}{key}.")
        else:
            was, becomes = json.dumps(without_secrets(before)), json.dumps(without_secrets(after))
            lines.append(f"{where}{key}: {was} -> {becomes}")
    return lines


def _device_there(board: Board) -> dict[str, Any]:
    try:
        device = json.loads(board.read(DEVICE_FILE) or b"{}")
    except ValueError:
        return {}
    return device if isinstance(device, dict) else {}
