"""`vibnode flash`, by the real esptool, against the loader of a simulated ESP32-C3."""

from __future__ import annotations

import os
import pty
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from esp_rom import EspRom
from vibnode_fixtures import Done, vibnode
from vibtool import flashing
from vibtool.errors import ToolError

MB = 1 << 20
SIMULATED = (
    "--no-stub",
    "--no-reset",
)  # the stub is code for the chip, and a pseudo-terminal has no control lines


@pytest.fixture
def chip() -> Iterator[EspRom]:
    made = EspRom(4 * MB)
    yield made
    made.stop()


def image(folder: Path, chip: int = 5, flash_size: int = 2, magic: int = 0xE9) -> Path:
    """A firmware image of 50 kB of anything, for that chip and flash."""
    head = bytes([magic, 1, 2, flash_size << 4]) + bytes(8) + chip.to_bytes(2, "little") + bytes(10)
    path = folder / "firmware.bin"
    path.write_bytes(head + random.Random(chip).randbytes(50_000))
    return path


def flash(path: Path, port: str) -> Done:
    return vibnode("flash", path, "--port", port, *SIMULATED)


def test_the_image_is_in_the_flash(chip: EspRom, tmp_path: Path) -> None:
    path = image(tmp_path)
    done = flash(path, chip.port)
    assert done.code == 0, done.err
    assert f"{chip.port}: ESP32-C3, 4 MB: firmware.bin written and compared." in done.out
    wanted = path.read_bytes()
    assert bytes(chip.flash[: len(wanted)]) == wanted


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"chip": 9}, "is an ESP32-C3; accepted: an ESP32-S3, which firmware.bin is for"),
        ({"flash_size": 3}, "flash of 4 MB; accepted: 8 MB or more, for firmware.bin"),
        ({"magic": 0x7F}, "is no firmware for an ESP32; accepted: the whole .bin"),
        ({"chip": 77}, "is for chip 77; accepted: ESP32, ESP32-S2"),
    ],
)
def test_an_image_for_something_else_is_not_written(
    chip: EspRom, tmp_path: Path, changed: dict[str, int], words: str
) -> None:
    done = flash(image(tmp_path, **changed), chip.port)
    assert done.code == 1 and words in done.err and done.err.count("\n") == 1
    assert set(chip.flash[: 64 * 1024]) == {0xFF}


def test_each_chips_image_goes_to_its_place(tmp_path: Path) -> None:
    places = {chip: flashing.read_image(image(tmp_path, chip)).offset for chip in (0, 5, 9, 13)}
    assert places == {0: 0x1000, 5: 0, 9: 0, 13: 0}


def test_a_chip_that_does_not_answer(tmp_path: Path) -> None:
    own, other = pty.openpty()
    try:
        done = flash(image(tmp_path), os.ttyname(other))
    finally:
        os.close(own)
        os.close(other)
    assert done.code == 1 and "the chip does not answer: hold BOOT, press and release RESET" in done.err


def test_a_missing_file_or_port_is_one_line(tmp_path: Path) -> None:
    done = vibnode("flash", tmp_path / "none.bin", "--port", "/dev/ttyNONE")
    assert done.code == 1 and "none.bin: cannot be read (No such file or directory)" in done.err
    done = flash(image(tmp_path), "/dev/ttyNONE")
    assert done.code == 1 and "/dev/ttyNONE" in done.err and done.err.count("\n") == 1


def test_a_wrong_chip_is_told_by_name() -> None:
    found = flashing.Image(Path("a.bin"), "ESP32-C6", 4)
    with pytest.raises(ToolError, match=r"is an ESP32; accepted: an ESP32-C6, which a.bin is for"):
        flashing.check("/dev/ttyUSB0", found, flashing.Target("ESP32", 4))
