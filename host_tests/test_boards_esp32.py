"""The ESP32 boards' data: as MicroPython's own boards are, and as the chips and the flash allow."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from vibnode.drivers import orientation
from vibtool.wiring import read_orientation

from lab.rigs.boards import ROOT

BOARDS = ROOT / "boards"
PORT = ROOT / "build" / "micropython" / "ports" / "esp32"
CHIPS = tomllib.loads((BOARDS / "chips.toml").read_text())
OURS = sorted(path.parent for path in BOARDS.glob("*/board.json"))
UPSTREAM = sorted((PORT / "boards").glob("*/board.json"))
SECTOR, APP_ALIGNMENT = 0x1000, 0x10000
FLASH_BYTES = 4 << 20

each_board = pytest.mark.parametrize("board", OURS, ids=lambda board: board.name)


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script of tools/."""
    folder, _, module = name.rpartition("/")
    monkeypatch.syspath_prepend(str(ROOT / "tools" / folder))
    return importlib.import_module(module)


def said(board: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((board / "board.json").read_text())
    return found


def chip(board: Path) -> dict[str, Any]:
    found: dict[str, Any] = CHIPS[said(board)["mcu"]]
    return found


def pins(board: Path) -> dict[str, int]:
    rows = [line.split(",") for line in (board / "pins.csv").read_text().splitlines() if line[:1] != "#"]
    return {name: int(pin.removeprefix("GPIO")) for name, pin in rows}


def within(pin: int, ranges: list[list[int]]) -> bool:
    return any(low <= pin <= high for low, high in ranges)


SETTINGS = """
set(CMAKE_BINARY_DIR ${CMAKE_CURRENT_BINARY_DIR})
include(${MICROPY_BOARD_DIR}/mpconfigboard.cmake)
foreach(path ${SDKCONFIG_DEFAULTS})
    file(READ ${path} contents)
    file(APPEND ${CMAKE_BINARY_DIR}/sdkconfig.combined "${contents}")
endforeach()
"""


def settings(board: Path) -> dict[str, str]:
    """What a build's sdkconfig starts from: put together by CMake as the port does it, the later over the earlier."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "settings.cmake"
        script.write_text(SETTINGS.replace("${CMAKE_CURRENT_BINARY_DIR}", folder))
        command = ["cmake", f"-DMICROPY_BOARD_DIR={board}", "-P", str(script)]
        done = subprocess.run(command, cwd=PORT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = (Path(folder) / "sdkconfig.combined").read_text().splitlines()
    given = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return {name: value for name, _, value in given}


def test_there_is_a_board_for_each_chip() -> None:
    assert {said(board)["mcu"] for board in OURS} == set(CHIPS) == {"esp32", "esp32s3", "esp32c3", "esp32c6"}


@each_board
def test_board_json_is_as_upstreams_are(board: Path) -> None:
    others = [json.loads(path.read_text()) for path in UPSTREAM]
    assert len(others) > 20
    ours = said(board)
    assert set.intersection(*map(set, others)) <= set(ours) <= set.union(*map(set, others))
    for key, value in ours.items():
        assert type(value) in {type(other[key]) for other in others if key in other}, key
    assert set(ours["features"]) <= {feature for other in others for feature in other["features"]}
    assert ours["mcu"] in {other["mcu"] for other in others}
    offsets = {o["deploy_options"]["flash_offset"] for o in others if o["mcu"] == ours["mcu"]}
    assert {ours["deploy_options"]["flash_offset"]} == offsets
    assert int(ours["deploy_options"]["flash_offset"], 0) == chip(board)["flash_offset"]
    for name in (*ours["deploy"], *ours["images"]):
        assert (board / name).is_file()


@each_board
def test_its_files_are_those_of_upstreams_boards(board: Path) -> None:
    needed = {
        "board.json",
        "manifest.py",
        "mpconfigboard.cmake",
        "mpconfigboard.h",
        "pins.csv",
        "sdkconfig.board",
    }
    ours = {"deploy.md", "wiring.svg", "sensor.toml"}
    assert {path.name for path in board.iterdir()} == needed | ours
    cmake = (board / "mpconfigboard.cmake").read_text()
    target = re.search(r"set\(IDF_TARGET (\w+)\)", cmake)
    assert (target.group(1) if target else "esp32") == said(board)["mcu"]
    header = (board / "mpconfigboard.h").read_text()
    assert f'MICROPY_HW_MCU_NAME "{said(board)["mcu"].upper()}"' in header
    assert f'MICROPY_HW_BOARD_NAME "{said(board)["product"]}"' in header


@each_board
def test_every_pin_exists_and_is_free(board: Path) -> None:
    facts, used = chip(board), pins(board)
    assert {"SPI_SCK", "SPI_MOSI", "SPI_MISO", "SPI_CS", "INT1", "I2C_SCL", "I2C_SDA", "PULSE"} == set(used)
    assert len(set(used.values())) == len(used), "a pin twice"
    for name, pin in used.items():
        assert within(pin, facts["gpio"]), f"{name}: the chip has no GPIO{pin}"
        assert pin not in facts["strapping"] + facts["flash"] + facts["usb"] + facts["uart"], (
            f"{name}: GPIO{pin}"
        )
        if name not in ("SPI_MISO", "INT1", "PULSE"):
            assert not within(pin, facts["input_only"]), f"{name}: GPIO{pin} drives nothing"


@each_board
def test_its_orientation_is_one_that_a_device_takes(board: Path) -> None:
    sensor = tomllib.loads((board / "sensor.toml").read_text())
    assert set(sensor) == {"orientation"} and len(sensor["orientation"]) == 3
    assert orientation.check(sensor["orientation"]) is None
    assert read_orientation(board / "sensor.toml") == sensor["orientation"]


@each_board
def test_the_header_and_the_pin_list_agree(board: Path) -> None:
    header, used = (board / "mpconfigboard.h").read_text(), pins(board)
    defined = dict(re.findall(r"#define MICROPY_HW_(\w+)\s+\((\d+)\)", header))
    for name, pin in used.items():
        symbol = name.replace("SPI_", "SPI1_").replace("I2C_", "I2C0_")
        assert int(defined.get(symbol, pin)) == pin
    assert {"SPI1_SCK", "SPI1_MOSI", "SPI1_MISO", "I2C0_SCL", "I2C0_SDA"} <= set(defined)


@each_board
def test_micropython_takes_the_pin_list(board: Path, tmp_path: Path) -> None:
    """By the port's own generator."""
    command: list[str | Path] = [sys.executable, "boards/make-pins.py", "--board-csv", board / "pins.csv"]
    command += ["--prefix", "boards/pins_prefix.c", "--output-source", tmp_path / "pins.c"]
    command += ["--output-header", tmp_path / "pins.h"]
    done = subprocess.run(command, cwd=PORT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in pins(board):
        assert name in (tmp_path / "pins.c").read_text()


def partitions(board: Path) -> list[list[str]]:
    """The rows of the board's partition table."""
    chosen = settings(board)
    assert chosen["CONFIG_PARTITION_TABLE_CUSTOM"] == "y"
    table = PORT / chosen["CONFIG_PARTITION_TABLE_CUSTOM_FILENAME"].strip('"')
    lines = [line for line in table.read_text().splitlines() if line and not line.startswith("#")]
    return [[cell.strip() for cell in line.split(",")] for line in lines]


@each_board
def test_partitions_fit_and_align(board: Path) -> None:
    assert settings(board)["CONFIG_ESPTOOLPY_FLASHSIZE_4MB"] == "y"
    rows = partitions(board)
    end = 0x9000  # bootloader and the table itself
    for name, kind, _, offset, size, *_ in rows:
        start, length = int(offset, 0), int(size, 0)
        assert start >= end and start % SECTOR == length % SECTOR == 0, name
        assert kind != "app" or start % APP_ALIGNMENT == 0, name
        end = start + length
    assert end <= FLASH_BYTES
    slots = [int(row[4], 0) for row in rows if row[1] == "app"]
    assert len(slots) == 2 and len(set(slots)) == 1
    files = [int(row[4], 0) for row in rows if row[0] == "vfs"]
    assert files and files[0] >= 512 << 10


@each_board
def test_the_files_that_run_in_place_have_room(board: Path) -> None:
    """The port looks for a partition of this name, and at this setting of the board's."""
    assert '"romfs")' in (PORT / "esp32_partition.c").read_text()
    assert "MICROPY_VFS_ROM" in (ROOT / "build/micropython/py/mpconfig.h").read_text()
    assert re.search(
        r"^#define MICROPY_VFS_ROM \(1\)$", (board / "mpconfigboard.h").read_text(), re.MULTILINE
    )
    row = next(row for row in partitions(board) if row[0] == "romfs")
    assert row[1] == "data" and int(row[4], 0) >= 192 << 10  # a set of .mpy files is 140 kB


@each_board
def test_a_wait_is_as_long_as_it_is_asked_to_be(board: Path) -> None:
    """To a millisecond: a wait ends on a tick."""
    assert settings(board)["CONFIG_FREERTOS_HZ"] == "1000"


@each_board
def test_its_settings_are_ones_that_upstream_knows(board: Path) -> None:
    """A misspelt option would be passed over without a word."""
    known = {"CONFIG_BT_ENABLED", "CONFIG_FREERTOS_HZ"}  # of ESP-IDF; upstream has the first with y alone
    for path in (PORT / "boards").rglob("sdkconfig*"):
        known |= set(re.findall(r"^(CONFIG_\w+)=", path.read_text(), re.MULTILINE))
    assert set(settings(board)) <= known
    assert settings(board)["CONFIG_BT_ENABLED"] == "n"


@each_board
def test_what_is_frozen_compiles(board: Path, tmp_path: Path) -> None:
    """By MicroPython's own tool, as the ESP32's build calls it."""
    tree = ROOT / "build" / "micropython"
    genhdr = ROOT / "build" / "firmware" / "UNIX" / "genhdr" / "qstrdefs.preprocessed.h"
    (tmp_path / "genhdr").mkdir()
    (tmp_path / "genhdr" / "qstrdefs.preprocessed.h").write_bytes(genhdr.read_bytes())
    paths = {"MPY_DIR": tree, "PORT_DIR": PORT, "BOARD_DIR": board, "MPY_LIB_DIR": BOARDS}
    command: list[Any] = [sys.executable, tree / "tools" / "makemanifest.py", "-o", tmp_path / "frozen.c"]
    command += [word for name, path in paths.items() for word in ("-v", f"{name}={path}")]
    command += ["-b", tmp_path, board / "manifest.py"]
    environment = os.environ | {"MICROPY_MPYCROSS": str(ROOT / "build" / "mpy-cross" / "mpy-cross")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    frozen = (tmp_path / "frozen.c").read_text()
    for name in (
        "main.py",
        "vibnode/main.py",
        "vibnode/drivers/adxl345.py",
        "aiomqttc.py",
        "asyncio/core.py",
        "_boot.py",
    ):
        assert name in frozen, name


def test_a_turned_sensor_shows_in_picture_and_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    wiring = load("boards/wiring", monkeypatch)
    turned = dataclasses.replace(wiring.boards()[0], orientation=["+y", "-x", "+z"])
    named = re.findall(r">(-?[xyz])</text>", wiring.picture(turned))
    assert named == ["-y", "x", "z"], "along the sensor's x, y and z"
    assert "x is the accelerometer's +y, y its -x and z its +z" in wiring.notes(turned)


def test_pictures_and_notes_are_those_of_the_pin_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    written = load("boards/wiring", monkeypatch).written()
    assert len(written) == 2 * len(OURS)
    for path, text in written.items():
        assert path.read_text() == text, f"{path}: run tools/boards/wiring.py"
