"""The scripts that prepare a machine: what is missing is named, what is fetched is checked."""

import importlib
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETUP = ROOT / "tools" / "setup"
OTHER_VERSION = "9.8.7"


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script of tools/setup as a module."""
    monkeypatch.syspath_prepend(str(SETUP))
    return importlib.import_module(name)


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def write_tree(tree: Path, version: str = OTHER_VERSION) -> None:
    """Write as much of a MicroPython tree as says its version."""
    (tree / "py").mkdir(parents=True)
    names = ("MAJOR", "MINOR", "MICRO")
    lines = [
        f"#define MICROPY_VERSION_{name} {number}\n"
        for name, number in zip(names, version.split("."), strict=True)
    ]
    (tree / "py" / "mpconfig.h").write_text("".join(lines))


# ---- System packages ----


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with no program at all on its PATH; returns the folder that is its PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["packages.py", "demo"])
    packages = load("packages", monkeypatch)
    monkeypatch.setattr(packages, "SEARCH_PATH", str(tmp_path))
    return tmp_path


def test_without_apt_the_missing_programs_are_named(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="please install these"):
        load("packages", monkeypatch).main()
    line = capfd.readouterr().out
    assert line.count("\n") == 1
    assert "gcc (C compiler)" in line
    assert "mosquitto (MQTT broker)" in line


def test_without_root_the_command_is_named(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = load("packages", monkeypatch)
    write_program(bare_machine / "apt-get", "exit 1")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match=r"run: .*sudo apt-get install gcc .*mosquitto"):
        packages.main()


def test_as_root_what_is_missing_is_installed(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    packages = load("packages", monkeypatch)
    # An apt-get that notes what it is told and, asked to install, brings the broker.
    write_program(bare_machine / "env", 'while [ "${1#*=}" != "$1" ]; do shift; done; exec "$@"')
    write_program(
        bare_machine / "apt-get",
        'echo "$@" >> "${0%/*}/calls"; case "$*" in *install*) '
        'echo "#!/bin/sh" > "${0%/*}/mosquitto"; /bin/chmod +x "${0%/*}/mosquitto";; esac',
    )
    broker = [{"probe": {"program": "mosquitto"}, "debian": "mosquitto", "why": "MQTT broker"}]
    monkeypatch.setattr(packages, "packages_of", lambda _groups, _name: broker)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    packages.main()
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0].endswith("update")
    assert calls[1].endswith("--no-install-recommends mosquitto")

    packages.main()
    assert (tmp_path / "calls").read_text().splitlines() == calls, "apt-get was called although all was there"


def test_every_package_can_be_probed_and_explained() -> None:
    with (SETUP / "packages.toml").open("rb") as file:
        groups = tomllib.load(file)["group"]
    for group in groups.values():
        assert set(group["needs"]) <= set(groups)
        for package in group["package"]:
            kinds = set(package["probe"]) & {"program", "header", "python", "python_header"}
            assert len(kinds) == 1, package
            assert package["debian"]
            assert package["why"]


# ---- MicroPython's source ----


@pytest.fixture
def fetcher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """tools/setup/micropython.py with a build folder of its own, on a machine without a Debian mirror."""
    module = load("micropython", monkeypatch)
    monkeypatch.setattr(module, "BUILD", tmp_path)
    monkeypatch.setattr(module, "TREE", tmp_path / "micropython")
    monkeypatch.setattr(module, "DOWNLOADS", tmp_path / "downloads")
    monkeypatch.setattr(module, "mirrors", lambda: [])
    return module


def git_repository(folder: Path) -> None:
    """Make a git repository that holds a tree tagged as OTHER_VERSION."""
    write_tree(folder)
    author = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"], ["tag", f"v{OTHER_VERSION}"]):
        subprocess.run(["git", *author, *command], cwd=folder, check=True)


def test_git_is_taken_where_debian_has_nothing(fetcher: Any, tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    git_repository(origin)
    git = {"url": origin.as_uri(), "tag": f"v{OTHER_VERSION}", "submodules": []}
    tree = fetcher.provide({"version": OTHER_VERSION, "debian": {}, "git": git})
    assert fetcher.tree_version(tree) == OTHER_VERSION
    assert sorted(path.name for path in tmp_path.iterdir()) == ["micropython", "origin"]


def test_nothing_reachable_is_one_line_with_the_way_out(fetcher: Any, tmp_path: Path) -> None:
    git = {"url": (tmp_path / "none").as_uri(), "tag": "v1", "submodules": []}
    with pytest.raises(fetcher.SetupError) as failure:
        fetcher.provide({"version": OTHER_VERSION, "debian": {}, "git": git})
    message = str(failure.value)
    assert "\n" not in message
    assert "Debian: no Debian archive" in message
    assert "git: " in message
    assert "set MICROPYTHON_DIR" in message
    assert list(tmp_path.iterdir()) == []


def test_a_download_with_another_digest_is_refused_and_removed(
    fetcher: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "mirrors", lambda: ["http://127.0.0.1/none"])
    archive = tmp_path / "downloads" / "a.tar.xz"
    archive.parent.mkdir()
    archive.write_bytes(b"not what was pinned")
    pin = {"pool": "pool", "dsc": "a.dsc", "sha256": {"a.tar.xz": "0" * 64}}
    with pytest.raises(fetcher.SetupError, match=r"a\.tar\.xz: SHA-256 is .*, boards/pins\.toml says 0+$"):
        fetcher.from_debian(pin, tmp_path / "tree")
    assert not archive.exists()


def test_the_users_own_tree_is_used_where_it_lies(
    fetcher: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tree(tmp_path / "own")
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path / "own"))
    fetcher.main()
    printed = capsys.readouterr()
    assert printed.out == f"MicroPython {OTHER_VERSION}: {tmp_path}/own\n"
    assert "tested is" in printed.err


def test_a_folder_that_is_no_tree_is_refused(
    fetcher: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path))
    with pytest.raises(fetcher.SetupError, match="not a MicroPython source tree"):
        fetcher.main()


def test_another_tree_forgets_what_was_built_from_the_last(fetcher: Any, tmp_path: Path) -> None:
    binary = tmp_path / "firmware" / "UNIX" / "micropython"
    binary.parent.mkdir(parents=True)
    fetcher.forget_other_builds(tmp_path, "1.0.0")
    binary.parent.mkdir(parents=True)
    binary.touch()
    fetcher.forget_other_builds(tmp_path, "1.0.0")
    assert binary.exists()
    fetcher.forget_other_builds(tmp_path, "1.0.1")
    assert not binary.exists()


# ---- Frozen modules ----


def test_the_client_is_patched_once_and_only_if_known(monkeypatch: pytest.MonkeyPatch) -> None:
    freeze = load("freeze", monkeypatch)
    patched = freeze.patch_aiomqttc("import asyncio\nimport sys\n")
    assert patched == "import asyncio\nfrom asyncio import TimeoutError\nimport sys\n"
    with pytest.raises(freeze.SetupError, match=r"aiomqttc\.py"):
        freeze.patch_aiomqttc("import sys\n")


# ---- The Makefile ----


def test_help_lists_the_targets_of_the_makefile_and_of_every_board() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "help"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    listed = {line.split()[0] for line in done.stdout.splitlines()}
    boards = [tomllib.loads(path.read_text())["make"] for path in (ROOT / "boards").glob("*/board.toml")]
    assert {"demo", "test", "venv", "lint", "clean", *boards} <= listed
