"""The systemd unit of the dashboard, as systemd itself reads it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

UNIT = Path(__file__).parents[1] / "dashboard" / "service" / "vibdash.service"
MOST_EXPOSED = 20  # tenths; systemd rates it 1.3


def systemd(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is not installed"
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)


def test_the_unit_is_rated_as_little_exposed() -> None:
    rated = systemd("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", str(UNIT))
    assert rated.returncode == 0, rated.stdout[-300:] + rated.stderr


def test_systemd_understands_every_line_and_the_command_is_one(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8")
    command = re.search(r"(?m)^ExecStart=(\S+) (.*)$", text)
    assert command
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace(command[1], sys.executable), encoding="utf-8")
    verified = systemd("verify", "--man=no", str(unit))
    assert (verified.returncode, verified.stderr) == (0, "")
    arguments = command[2].replace("/var/lib/vibdash/plant", str(tmp_path)).split()
    ended = subprocess.run(
        [sys.executable, "-m", "vibdash", *arguments], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, "there is no vibdash.toml" in ended.stderr) == (1, True)
