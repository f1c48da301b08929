"""Building native modules: what is missing is named, and a record speaks of the file that is there."""

from __future__ import annotations

import importlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from machine_lacks import machine_needs
from natmod_fixtures import build_modules

from lab.rigs.boards import ROOT

MICROPYTHON = ROOT / "build" / "micropython"


def run_main(monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    monkeypatch.setattr("sys.argv", ["build_modules.py", "--micropython", str(MICROPYTHON), *options])
    build_modules.main()


@pytest.fixture
def own_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let the modules and their record go to an empty folder, which is returned."""
    monkeypatch.setattr(build_modules, "BUILD", tmp_path / "natmod")
    monkeypatch.setattr(build_modules, "RECORD", tmp_path / "natmod.json")
    return tmp_path


def test_an_unknown_instruction_set_is_refused_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch, own_build: Path
) -> None:
    with pytest.raises(build_modules.BuildError, match=r"ARCH=z80: .*xtensawin"):
        run_main(monkeypatch, "--arch", "z80")
    assert list(own_build.iterdir()) == []


@pytest.mark.parametrize("arch", build_modules.ARCHITECTURES)
def test_a_missing_compiler_is_named_with_where_it_comes_from(
    arch: str, monkeypatch: pytest.MonkeyPatch, own_build: Path
) -> None:
    monkeypatch.setenv("PATH", str(own_build))
    monkeypatch.setattr("shutil.which", lambda name: None)
    source = build_modules.ARCHITECTURES[arch].source
    with pytest.raises(build_modules.BuildError) as raised:
        run_main(monkeypatch, "--arch", arch)
    assert "gcc" in str(raised.value) and source in str(raised.value) and "\n" not in str(raised.value)
    assert list(own_build.iterdir()) == []


def test_without_compilers_the_table_says_what_each_needs(
    monkeypatch: pytest.MonkeyPatch, own_build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    run_main(monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(build_modules.ARCHITECTURES)
    assert all("needs" in line for line in lines[1:])
    assert build_modules.read_record() == {}


def test_a_record_of_a_run_goes_when_the_module_changes(
    monkeypatch: pytest.MonkeyPatch, own_build: Path
) -> None:
    run_main(monkeypatch, "--arch", "armv7m")
    module = own_build / "natmod" / "armv7m" / "vib.mpy"
    with build_modules.held_record() as record:
        assert record == {"armv7m": {"bytes": module.stat().st_size, "ran_in": None}}
        record["armv7m"]["ran_in"] = "a place"

    run_main(monkeypatch, "--arch", "armv7m")
    assert build_modules.read_record() == record

    module.write_bytes(module.read_bytes() + b"?")
    (own_build / "natmod" / "armv7m" / "objects" / "module.o").unlink()
    run_main(monkeypatch, "--arch", "armv7m")
    assert build_modules.read_record()["armv7m"] == {"bytes": module.stat().st_size, "ran_in": None}


def test_two_builds_give_the_same_bytes_wherever_they_are_made(
    monkeypatch: pytest.MonkeyPatch, own_build: Path
) -> None:
    run_main(monkeypatch, "--arch", "armv6m")  # the one that takes most from the compiler's library
    first = (own_build / "natmod" / "armv6m" / "vib.mpy").read_bytes()
    assert str(ROOT).encode() not in first
    monkeypatch.setattr(build_modules, "BUILD", own_build / "elsewhere")
    run_main(monkeypatch, "--arch", "armv6m")
    assert (own_build / "elsewhere" / "armv6m" / "vib.mpy").read_bytes() == first


def test_a_failing_compiler_leaves_its_words_and_no_record(
    monkeypatch: pytest.MonkeyPatch, own_build: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    compiler = own_build / "broken-gcc"
    compiler.write_text("#!/bin/sh\necho no such luck >&2\nexit 1\n")
    compiler.chmod(0o755)
    broken = build_modules.Architecture("none", (str(own_build / "broken-"),), "nowhere")
    monkeypatch.setitem(build_modules.ARCHITECTURES, "armv7m", broken)
    with pytest.raises(build_modules.BuildError, match=r"armv7m: vib.mpy not built, see .*build.log"):
        run_main(monkeypatch, "--arch", "armv7m")
    assert "no such luck" in capfd.readouterr().err
    assert build_modules.read_record() == {}


def load_xtensa(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import tools/setup/xtensa.py."""
    monkeypatch.syspath_prepend(str(ROOT / "tools" / "setup"))
    return importlib.import_module("xtensa")


def test_without_a_debian_archive_there_is_one_line_and_no_compiler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    xtensa = load_xtensa(monkeypatch)
    monkeypatch.setattr(xtensa, "mirrors", list)
    with pytest.raises(xtensa.SetupError, match="no Debian archive"):
        xtensa.download(tmp_path)


@machine_needs("a Debian system", there=shutil.which("apt-config") is not None)
def test_packages_are_fetched_with_lists_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    xtensa = load_xtensa(monkeypatch)
    settings = xtensa.apt_settings(tmp_path, ["http://archive.invalid/debian"])
    monkeypatch.setenv("APT_CONFIG", str(settings))
    names = [
        "Dir::State::lists/f",
        "Dir::Cache::archives/f",
        "Dir::Etc::sourcelist/f",
        "Dir::State::status/f",
    ]
    command = ["apt-config", "shell", *[word for i, name in enumerate(names) for word in (f"P{i}", name)]]
    paths = subprocess.run(command, text=True, capture_output=True, check=True).stdout.splitlines()
    assert len(paths) == len(names)
    assert all(f"='{tmp_path}/" in line for line in paths)
