"""Run a MicroPython script on a board's firmware: in QEMU, or as a process for the unix port.

    from qemu_fixtures import QEMU_BOARDS, run

    @pytest.mark.parametrize("board", QEMU_BOARDS)
    def test_features(board):
        done = run(board, SCRIPT, files={"windows.i16": samples.tobytes()})
        features = np.frombuffer(done.files["features.i16"], "<i2")

The script sees the given files in its current folder through open() and import, and may write files there,
both at memory speed (1 MB in a few milliseconds). The same script runs on every board. The QEMU boards have
1 MB of heap and the module `time`; they have no sub-folders, sockets or asyncio.
"""

import subprocess
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT_NAME = "main.py"
QEMU_DEVICES = ["-display", "none", "-monitor", "none", "-serial", "stdio"]
QEMU_HOST_FILES = ["-semihosting-config", "enable=on,target=native"]


class BoardFailure(AssertionError):
    """The script did not end as expected; the message holds what it printed."""


@dataclass(frozen=True)
class Run:
    """A script that has ended."""

    stdout: str
    """All it printed, with plain newlines."""
    exit_code: int
    """0 at its end, sys.exit's argument, 1 after an uncaught exception."""
    files: Mapping[str, bytes]
    """What its folder held at the end, by file name, the script itself left out."""


def _board_data(board: str) -> dict[str, object]:
    with (ROOT / "boards" / board / "board.toml").open("rb") as file:
        return tomllib.load(file)


_BOARDS = sorted(path.parent.name for path in (ROOT / "boards").glob("*/board.toml"))
ALL_BOARDS = [board for board in _BOARDS if not _board_data(board).get("counting")]
QEMU_BOARDS = [board for board in ALL_BOARDS if _board_data(board)["port"] == "qemu"]


def firmware_path(board: str) -> Path:
    """Return the board's built firmware; BoardFailure naming the make target when it is not built."""
    data = _board_data(board)
    path = ROOT / "build" / "firmware" / board / str(data["firmware"])
    if not path.exists():
        place = path.relative_to(ROOT)
        raise BoardFailure(f"{board}: no firmware at {place}; build it with: make {data['make']}")
    return path


def board_command(board: str) -> list[str]:
    """Return the command that runs SCRIPT_NAME of the current folder on a board; BoardFailure if it is not built."""
    emulator = _board_data(board).get("emulator")
    firmware = str(firmware_path(board))
    if not isinstance(emulator, list):
        return [firmware, SCRIPT_NAME]
    return [*emulator, *QEMU_DEVICES, *QEMU_HOST_FILES, "-kernel", firmware]


def _execute(board: str, command: list[str], folder: Path, timeout_s: float) -> tuple[str, int]:
    try:
        done = subprocess.run(
            command, cwd=folder, timeout=timeout_s, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired as expired:
        printed = (expired.stdout or b"").decode(errors="replace")
        problem = f"{board}: not finished after {timeout_s:g} s; it printed:\n{printed[-2000:]}"
        raise BoardFailure(problem) from None
    except FileNotFoundError:
        problem = f"{board}: {command[0]} is not installed; make packages-test installs it"
        raise BoardFailure(problem) from None
    return done.stdout.decode(errors="replace").replace("\r\n", "\n"), done.returncode


def run(
    board: str,
    script: str,
    files: Mapping[str, bytes] | None = None,
    timeout_s: float = 120,
    exit_code: int = 0,
) -> Run:
    """Run `script` on `board` (a folder name under boards/) and return what came of it.

    `files` are put beside the script, by plain name. Raises BoardFailure when the firmware is not built, the
    script is still running after `timeout_s` seconds, or its exit code is not the expected `exit_code`.
    """
    return run_command(board, board_command(board), script, files, timeout_s, exit_code)


def run_command(
    name: str,
    command: list[str],
    script: str,
    files: Mapping[str, bytes] | None = None,
    timeout_s: float = 120,
    exit_code: int = 0,
) -> Run:
    """Run `script` as run() does, by a command that runs SCRIPT_NAME of its folder; `name` stands in messages."""
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder_name:
        folder = Path(folder_name)
        for file_name, content in (files or {}).items():
            (folder / file_name).write_bytes(content)
        (folder / SCRIPT_NAME).write_text(script)
        stdout, code = _execute(name, command, folder, timeout_s)
        left = {
            path.name: path.read_bytes()
            for path in folder.iterdir()
            if path.is_file() and path.name != SCRIPT_NAME
        }
    if code != exit_code:
        raise BoardFailure(f"{name}: exit code {code}, expected {exit_code}; it printed:\n{stdout[-2000:]}")
    return Run(stdout, code, left)
