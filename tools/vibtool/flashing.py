"""Firmware onto an ESP32, by esptool: first what chip and flash there are, then the image, if it is for them."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from vibtool.errors import ToolError

MAGIC = 0xE9
# Of an image's header (ESP-IDF, esp_image_header_t): chip ids, flash sizes; and where an image begins in flash.
CHIPS = {0: "ESP32", 2: "ESP32-S2", 5: "ESP32-C3", 9: "ESP32-S3", 13: "ESP32-C6"}
FLASH_MB = {0: 1, 1: 2, 2: 4, 3: 8, 4: 16, 5: 32}
OFFSETS = {"ESP32": 0x1000, "ESP32-S2": 0x1000}
HEADER_BYTES = 24
BAUD = 460800
TIMEOUT_S = 600


@dataclass(frozen=True)
class Image:
    """A firmware image and what it says that it is for."""

    path: Path
    chip: str
    flash_mb: int

    @property
    def offset(self) -> int:
        """Where it goes."""
        return OFFSETS.get(self.chip, 0)


@dataclass(frozen=True)
class Target:
    """What esptool found at the port."""

    chip: str
    flash_mb: int


@dataclass(frozen=True)
class Esptool:
    """How to reach the chip's loader. `stub`: load esptool's own faster one; `reset`: by the port's control lines."""

    port: str
    stub: bool = True
    reset: bool = True

    def probe(self) -> Target:
        """Chip and flash. Raises ToolError."""
        said = self._run("flash-id")
        chip = re.search(r"^(?:Chip type|Connected to):?\s*(ESP32(?:-[A-Z]\d+)?)\b", said, re.MULTILINE)
        size = re.search(r"flash size:\s*(\d+)MB", said)
        if not chip or not size:
            raise ToolError(f"{self.port}: esptool does not tell which chip and flash are there")
        return Target(chip.group(1), int(size.group(1)))

    def write(self, image: Image, erase: bool) -> None:
        """Write `image`, over an erased flash if so wanted; esptool compares what was written. Raises ToolError."""
        options = ["--erase-all"] if erase else []
        self._run("write-flash", *options, f"{image.offset:#x}", str(image.path))

    def _run(self, *words: str) -> str:
        options = ["--port", self.port, "--baud", str(BAUD)]
        options += [] if self.stub else ["--no-stub"]
        options += [] if self.reset else ["--before", "no-reset", "--after", "no-reset"]
        command = [sys.executable, "-m", "esptool", *options, *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise ToolError(f"{self.port}: esptool did not end within {TIMEOUT_S} s") from None
        if done.returncode:
            raise ToolError(f"{self.port}: {_reason(done.stdout + done.stderr)}")
        return done.stdout


def read_image(path: Path) -> Image:
    """The image in a file, as MicroPython's site and `make firmware` give it. Raises ToolError."""
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
    except OSError as error:
        raise ToolError(f"{path}: cannot be read ({error.strerror})") from None
    if len(head) < HEADER_BYTES or head[0] != MAGIC:
        raise ToolError(
            f"{path}: is no firmware for an ESP32; accepted: the whole .bin, not .app-bin, .uf2 or .elf"
        )
    chip, size = int.from_bytes(head[12:14], "little"), head[3] >> 4
    if chip not in CHIPS or size not in FLASH_MB:
        raise ToolError(f"{path}: is for chip {chip}; accepted: {', '.join(CHIPS.values())}")
    return Image(path, CHIPS[chip], FLASH_MB[size])


def check(port: str, image: Image, target: Target) -> None:
    """Raise ToolError where the image is not for what is there."""
    if image.chip != target.chip:
        raise ToolError(
            f"{port}: is an {target.chip}; accepted: an {image.chip}, which {image.path.name} is for"
        )
    if image.flash_mb > target.flash_mb:
        raise ToolError(
            f"{port}: flash of {target.flash_mb} MB; accepted: {image.flash_mb} MB or more, for {image.path.name}"
        )


def _reason(said: str) -> str:
    """esptool's words in one line, and what to do."""
    fatal = [
        line
        for line in said.splitlines()
        if "fatal error" in line.lower() or "could not open" in line.lower()
    ]
    words = (fatal or said.strip().splitlines() or ["esptool failed"])[-1].strip()
    if "ermission" in words:
        return "you may not use this port: sudo usermod -a -G dialout $USER, then log out and in again"
    if "onnect" in words or "sync" in words or "No serial data" in words:
        return "the chip does not answer: hold BOOT, press and release RESET, release BOOT, and try with --no-reset"
    return words.removeprefix("A fatal error occurred: ")
