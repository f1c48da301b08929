"""`make firmware`: what is missing is named in one line; with everything there, ESP-IDF gets our board and core.

ESP-IDF itself is not here: idf.py is a stand-in that notes how it was called.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.rigs.boards import ROOT

STAND_IN = """#!/bin/sh
for word in "$@"; do echo "$word"; done > "$NOTES"
echo the stand-in builds nothing
exit 7
"""


@pytest.fixture
def esp_idf(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "tools" / "setup"))
    return importlib.import_module("esp_idf")


def make_idf(folder: Path, version: str) -> Path:
    """A folder that says that it is an ESP-IDF of `version`."""
    (folder / "tools" / "cmake").mkdir(parents=True)
    parts = zip(("MAJOR", "MINOR", "PATCH"), version.split("."), strict=True)
    text = "".join(f"set(IDF_VERSION_{name} {value})\n" for name, value in parts)
    (folder / "tools" / "cmake" / "version.cmake").write_text(text)
    return folder


def make_firmware(*variables: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the target alone: what it needs of our own counts as built."""
    built = ["micropython", "frozen", "build/models/default", str(ROOT / "build/mpy-cross/mpy-cross")]
    command = ["make", "-C", str(ROOT), "--no-print-directory", "firmware", *variables]
    inherited = {
        key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "IDF_PATH")
    }
    return subprocess.run(
        [*command, *(word for name in built for word in ("-o", name))],
        capture_output=True,
        text=True,
        env=inherited | environment,
    )


def test_a_board_has_to_be_named() -> None:
    done = make_firmware()
    assert done.returncode and "BOARD=: name one of VIBNODE_ESP32 " in done.stderr
    assert "BOARD=ESP8266: name one of" in make_firmware("BOARD=ESP8266").stderr


def test_a_missing_or_wrong_esp_idf_is_one_line(esp_idf: Any, tmp_path: Path) -> None:
    done = make_firmware("BOARD=VIBNODE_ESP32C3")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert (
        len(errors) == 1
        and "IDF_PATH is not set: install ESP-IDF" in errors[0]
        and "vibnode deploy" in errors[0]
    )
    done = make_firmware("BOARD=VIBNODE_ESP32C3", IDF_PATH=str(tmp_path / "none"))
    assert "there is no ESP-IDF" in done.stderr
    old = make_idf(tmp_path / "old", "4.4.7")
    assert (
        "ESP-IDF 4.4.7; accepted: 5.2, 5.3, 5.4"
        in make_firmware("BOARD=VIBNODE_ESP32C3", IDF_PATH=str(old)).stderr
    )
    right = make_idf(tmp_path / "right", "5.2.2")
    assert (
        f"source {right}/export.sh first"
        in make_firmware("BOARD=VIBNODE_ESP32C3", IDF_PATH=str(right)).stderr
    )


def test_a_source_tree_without_its_submodules_is_named(esp_idf: Any, tmp_path: Path) -> None:
    with pytest.raises(
        esp_idf.SetupError, match=r"lib/berkeley-db-1.xx is empty, .* set MICROPYTHON_DIR to a git clone"
    ):
        esp_idf.check_tree(tmp_path)


def test_esp_idf_gets_the_board_the_core_and_the_model(tmp_path: Path) -> None:
    idf = make_idf(tmp_path / "idf", "5.3.1")
    tree = tmp_path / "micropython"
    for folder in ("lib/berkeley-db-1.xx", "lib/tinyusb"):
        (tree / folder).mkdir(parents=True)
        (tree / folder / "README").touch()
    (tree / "ports").symlink_to(ROOT / "build" / "micropython" / "ports")
    program = tmp_path / "bin" / "idf.py"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    notes = tmp_path / "notes"
    done = make_firmware(
        "BOARD=VIBNODE_ESP32S3",
        f"MICROPYTHON_DIR={tree}",
        PATH=f"{program.parent}:{os.environ['PATH']}",
        IDF_PATH=str(idf),
        NOTES=str(notes),
    )
    assert (
        done.returncode
        and "the stand-in builds nothing" in done.stdout
        and "error: failed, see" in done.stdout
    )
    words = notes.read_text().splitlines()
    for word in (
        f"MICROPY_BOARD_DIR={ROOT}/boards/VIBNODE_ESP32S3",
        f"USER_C_MODULES={ROOT}/firmware/cmodules/vib/micropython.cmake",
        f"VIB_MODEL_DIR={ROOT}/build/models/default",
    ):
        assert any(given in (word, f"-D{word}") for given in words), (word, words)
    assert any(given.startswith("EMLEARN_INCLUDE=") for given in words)
    assert words[words.index("-B") + 1] == f"{ROOT}/build/firmware/VIBNODE_ESP32S3"


def test_the_accepted_versions_are_those_of_micropython(esp_idf: Any) -> None:
    tree = ROOT / "build" / "micropython"
    pin = esp_idf.load_pins()["esp-idf"]
    readme = (tree / "ports" / "esp32" / "README.md").read_text()
    supported = re.search(r"Currently MicroPython supports (.+)\.", readme)
    assert supported and set(re.findall(r"v(5\.\d)", supported.group(1))) == set(pin["accepted"])
    used = re.search(r"^IDF_VER=v(\S+)", (tree / "tools" / "ci.sh").read_text(), re.MULTILINE)
    assert used and used.group(1) == pin["version"]
    assert pin["container"].endswith(f":v{pin['version']}")
