"""The wheel, installed into an environment of its own outside the checkout: all that it needs travels with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from board_on_pty import UnixBoard
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_tool_dist import dist as dist
from test_tool_dist import make_dist as make_dist
from vibnode_fixtures import stock_board as stock_board

from lab.rigs.boards import ROOT
from lab.rigs.firmware_model import CONFIG, model_bin

LIBRARIES = Path(sys.executable).parents[1] / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"


class Installed:
    """An environment with the wheel in it. `bare`: nothing else but what the wheel requires without an extra."""

    def __init__(self, home: Path, wheel: Path) -> None:
        self.home = home
        self.elsewhere = home / "elsewhere"
        run([sys.executable, "-m", "venv", "--without-pip", str(home)])
        self.elsewhere.mkdir()
        python = str(home / "bin" / "python")
        run([sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", str(wheel)])
        (packages,) = home.glob("lib/python*/site-packages")
        # The libraries of this environment, but not its own editable vibnode: a path alone runs no .pth file there.
        (packages / "libraries.pth").write_text(f"{LIBRARIES}\n")

    def __call__(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}"
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIBNODE"))}
        return subprocess.run(
            [str(self.home / "bin" / command[0]), *command[1:]],
            cwd=self.elsewhere, env=clean | {"PATH": path} | environment, capture_output=True, text=True, timeout=280,
        )  # fmt: skip


def run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def wheel_of(dist: Path) -> Path:
    (wheel,) = dist.glob(f"vibnode-*-cp3{sys.version_info[1]}-*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("wheel") / "env", wheel_of(dist))


def test_what_is_imported_is_what_was_installed(installed: Installed) -> None:
    said = installed("python", "-c", "import vib, vibtrain, vibdash, vibnode, vibtool as t; print(vib, t)")
    assert str(ROOT) not in said.stdout and said.stdout.count(str(installed.home)) == 2, said.stderr


def test_a_model_is_trained_and_proved_and_judged(installed: Installed) -> None:
    """With the headers that a converted model includes, and the core's sources, whose hash is in the package."""
    fitted = installed("vibtrain", "fit", "--simulate", "--out", "model")
    assert fitted.returncode == 0, fitted.stderr
    assert "0 classes differ" in fitted.stdout
    described = tomllib.loads((installed.elsewhere / "model" / "model.toml").read_text())
    sources = "from vibtrain.packaging.package import core_hash; print(core_hash())"
    here = subprocess.run([sys.executable, "-c", sources], capture_output=True, text=True, check=True)
    assert described["core_hash"] == here.stdout.strip()
    judged = installed("vibtrain", "evaluate", "model")
    assert judged.returncode == 0 and "AUC" in judged.stdout, judged.stderr


def test_without_a_compiler_it_says_so_at_once(installed: Installed) -> None:
    refused = installed("vibtrain", "fit", "--simulate", "--out", "none", CC="no-such-compiler")
    assert refused.returncode == 1 and "no C compiler 'no-such-compiler'" in refused.stderr
    assert "SIMULATED" not in refused.stderr  # which is said when recordings are chosen
    assert not (installed.elsewhere / "none").exists()


def test_it_deploys_onto_a_board(installed: Installed, stock_board: UnixBoard, dist: Path) -> None:
    done = installed("vibnode", "deploy", "--port", stock_board.port, "--no-start")
    assert done.returncode == 0, done.stderr
    assert (stock_board.folder / "lib" / "vib.mpy").read_bytes() == (dist / "mpy/x64/vib.mpy").read_bytes()


def commands_of(guide: str, program: str) -> list[str]:
    """The commands of `program` in a guide of docs/, as they stand there."""
    return re.findall(rf"^    \$ {program} (.+)$", (ROOT / "docs" / guide).read_text(), re.M)


def test_the_training_guide_runs_as_it_stands(installed: Installed) -> None:
    """From nothing to a model and a report; but for `search`, a minute long, which test_training_search.py runs."""
    commands = commands_of("TRAINING.md", "vibtrain")
    ran = [command for command in commands if "search " not in command and "mine.toml" not in command]
    assert len(ran) == len(commands) - 2 >= 6
    before = {path.name for path in installed.elsewhere.iterdir()}
    for command in ran:
        done = installed("vibtrain", *command.split(), VIBNODE_DATA=str(installed.elsewhere))
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    made = {path.name for path in installed.elsewhere.iterdir()} - before
    assert {"plant", "guessed.csv", "report.html", "report.json"} <= made


SITE = """
site = "plant"
[mqtt]
host = "127.0.0.1"
[devices.motor-1]
machine = "Pump motor"
component_class = "iso20816-3-group2-rigid"
sensor = { driver = "replay", playlist = "playlist.json" }
command_key = { file = "motor-1.key" }
package = "model.bin"
"""


def test_the_guide_of_a_board_runs_and_prints_what_it_shows(
    installed: Installed, stock_board: UnixBoard
) -> None:
    """Its commands from `deploy` to `selftest`, on a board that plays a recording in place of an accelerometer."""
    guide = commands_of("GETTING_STARTED.md", "vibnode")
    begin, end = guide.index("deploy"), guide.index("selftest")
    playlist = {"rate_hz": 5000, "axes": 3, "lsb_nm_s2": CONFIG["lsb_nm_s2"]}
    noise = [(i * 7919 + (i * i) // 7) % 4001 - 2000 for i in range(3 * 5000)]
    raw = b"".join(value.to_bytes(2, "little", signed=True) for value in noise)
    (stock_board.folder / "a.i16").write_bytes(raw)
    items = {"items": [{"file": "a.i16", "seconds": 60}]}
    (stock_board.folder / "playlist.json").write_text(json.dumps(playlist | items))
    (installed.elsewhere / "model.bin").write_bytes(model_bin())
    (installed.elsewhere / "site.toml").write_text(SITE)
    said = ""
    for command in guide[begin : end + 1]:
        quick = ["--seconds", "1"] if command == "selftest" else ["--no-start"]
        done = installed("vibnode", *command.split(), "--port", stock_board.port, *quick)
        assert done.returncode == 0 or command == "selftest", f"{command}\n{done.stdout}{done.stderr}"
        said += done.stdout
    text = shapes((ROOT / "docs" / "GETTING_STARTED.md").read_text())
    for shown in (
        "ok     arithmetic     20 of 20 golden windows to the bit",
        'component_class: null -> "iso20816-3-group2-rigid"',
        "motor-1: all 2 files are as they should be.",
        "model.bin: written, 332 bytes",
        "command_key: set (not shown)",
        "ok     configuration  plant/motor-1, Pump motor",
        "ok     model          tiny, digest 00112233aabbccdd",
        "... files written, 0 were there, 0 out of date removed.",
    ):
        assert shapes(shown) in text and shapes(shown) in shapes(said), said


def shapes(text: str) -> str:
    """`text` with every number, and what the guide leaves out, as one sign."""
    return re.sub(r"\d+|\.\.\.", "#", text)


def test_a_wheel_holds_what_is_not_python(dist: Path) -> None:
    """Sets of every instruction set, golden windows, pins, the page, descriptions of data sets; no object file."""
    with zipfile.ZipFile(wheel_of(dist)) as archive:
        names = set(archive.namelist())
    for arch in ("armv6m", "armv7m", "armv7emsp", "rv32imc", "x64", "xtensawin"):
        assert f"vibtool/mpy/{arch}/vib.mpy" in names
    for folder, inside in (
        ("dashboard/vibdash/static", "vibdash/static"),
        ("training/vib/golden", "vib/golden"),
        ("training/vibtrain/features/configs", "vibtrain/features/configs"),
        ("training/vibtrain/data/datasets", "vibtrain/data/datasets"),
    ):
        assert {f"{inside}/{path.name}" for path in (ROOT / folder).iterdir() if path.is_file()} <= names
    for pins in (ROOT / "boards").glob("*/pins.csv"):
        assert f"vibtool/boards/{pins.parent.name}/pins.csv" in names
    assert not [name for name in names if name.endswith((".o", ".pyc"))]
    assert sum(name.endswith(".so") for name in names) == 1


def test_the_source_distribution_makes_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    """As on a system for which there is no wheel; with the compiler's usual warnings and none of them an error."""
    (sdist,) = dist.glob("vibnode-*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert {member.uid for member in archive} == {0} and len({member.mtime for member in archive}) == 1
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            str(tmp_path),
            str(sdist),
        ]
    )
    (made,) = tmp_path.glob("*.whl")

    def named(wheel: Path) -> set[str]:
        with zipfile.ZipFile(wheel) as archive:
            return {
                name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/")
            }

    assert named(made) == named(wheel_of(dist))


def test_a_wheel_is_for_many_linuxes_or_for_this_system(dist: Path) -> None:
    names = [path.name for path in dist.glob("*.whl")]
    assert names and all(re.search(r"-cp3(1[1-4])-cp3\1-", name) for name in names)
    if sys.platform == "linux":
        assert all("manylinux" in name for name in names)


def test_a_missing_instruction_set_stops_the_release(
    make_dist: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_dist, "architectures", lambda: ["rv32imc", "x64"])
    with pytest.raises(make_dist.SetError, match=r"no native module for armv6m, .*xtensawin"):  # type: ignore[attr-defined]
        make_dist.make_dist(tmp_path / "dist", ROOT / "build/models/default", ROOT)  # type: ignore[attr-defined]
    assert not (tmp_path / "dist").exists()


def test_every_requirement_is_a_range_and_the_lock_is_within_it() -> None:
    """A library must not pin what another one needs too; `make` installs what was tested."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    locked = {
        canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)
    }
    extras = {name: listed for name, listed in project["optional-dependencies"].items() if name != "dev"}
    frozen = {"aiomqttc"}  # the firmware's own, patched
    for listed in (project["dependencies"], *extras.values()):
        for requirement in map(Requirement, listed):
            if requirement.name == "vibnode":
                assert requirement.extras <= set(extras)
                continue
            assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement
            pinned = any(one.operator == "==" for one in requirement.specifier)
            assert not pinned or requirement.name in frozen, requirement
