"""See to it that what builds for the ESP32 is at hand; say in one line what is missing.

Without an argument: an ESP-IDF of a version that MicroPython builds with. With one, a folder: MicroPython's source,
with what its ESP32 port takes from elsewhere.
"""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from pins import SetupError, load_pins

DOCUMENT = "docs/HARDWARE.md"
VERSION_FILE = "tools/cmake/version.cmake"
FROM_ELSEWHERE = ("lib/berkeley-db-1.xx", "lib/tinyusb")
PARTS = ("MAJOR", "MINOR", "PATCH")


def version_of(idf: Path) -> str:
    """The version of the ESP-IDF in the folder `idf`. Raises SetupError."""
    try:
        text = (idf / VERSION_FILE).read_text()
    except OSError:
        raise SetupError(f"IDF_PATH={idf}: there is no ESP-IDF (no {VERSION_FILE})") from None
    found = [re.search(rf"set\(IDF_VERSION_{part} (\d+)\)", text) for part in PARTS]
    if None in found:
        raise SetupError(f"IDF_PATH={idf}: {VERSION_FILE} states no version")
    return ".".join(match.group(1) for match in found if match)


def check(pin: dict[str, Any]) -> str:
    """The version at hand. Raises SetupError: none, a wrong one, or not activated."""
    idf = os.environ.get("IDF_PATH")
    versions = ", ".join(pin["accepted"])
    if not idf:
        raise SetupError(
            f"IDF_PATH is not set: install ESP-IDF {pin['version']} and source its export.sh, or use the container of "
            f"{DOCUMENT}; without either: vibnode deploy onto a stock MicroPython"
        )
    version = version_of(Path(idf))
    if version.rpartition(".")[0] not in pin["accepted"]:
        raise SetupError(
            f"IDF_PATH={idf}: ESP-IDF {version}; accepted: {versions} (tried by MicroPython: {pin['version']})"
        )
    if shutil.which("idf.py") is None:
        raise SetupError(f"idf.py is not on the path: source {idf}/export.sh first")
    return version


def check_tree(tree: Path) -> None:
    """Raise SetupError where MicroPython's source is that of Debian, which leaves some of it out."""
    for folder in FROM_ELSEWHERE:
        if not any((tree / folder).glob("*")):
            raise SetupError(
                f"{tree}: {folder} is empty, as in Debian's source, which the ESP32 port needs: set MICROPYTHON_DIR to "
                "a git clone of MicroPython with its submodules"
            )


if __name__ == "__main__":
    try:
        if len(sys.argv) > 1:
            check_tree(Path(sys.argv[1]))
        else:
            print(f"ESP-IDF {check(load_pins()['esp-idf'])}")
    except SetupError as problem:
        sys.exit(f"error: {problem}")
