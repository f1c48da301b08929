"""From a bare board to a sensor at work, with the files that are given to people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from board_on_pty import QemuBoard, UnixBoard
from vibnode_fixtures import mpy_sets as mpy_sets
from vibnode_fixtures import stock_board as stock_board
from vibnode_fixtures import vibnode
from vibtool import deploying, facts, golden, sets
from vibtool.board import Board

from lab.rigs.boards import ROOT
from lab.rigs.firmware import Host, Listening, wait_for
from lab.rigs.firmware_model import CONFIG, model_bin

FRAMES = 2500
SITE = """
site = "demo"
[mqtt]
host = "127.0.0.1"
port = {port}
[devices.motor-1]
sensor = {{ driver = "replay", playlist = "playlist.json" }}
package = "model.bin"
learn_windows = 3
"""


def test_a_stock_micropython_becomes_a_sensor(
    stock_board: UnixBoard, broker: Listening, mpy_sets: Path, tmp_path: Path
) -> None:
    """Deploy, provision, selftest; then it runs by itself. What it lacks of a board is the accelerometer: it plays."""
    playlist: dict[str, object] = {"rate_hz": 5000, "axes": 3, "lsb_nm_s2": CONFIG["lsb_nm_s2"]}
    playlist["items"] = [{"file": "a.i16", "seconds": 60}]
    frames = [(i * 7919 + (i * i) // 7) % 4001 - 2000 for i in range(3 * FRAMES)]
    (stock_board.folder / "a.i16").write_bytes(b"".join(v.to_bytes(2, "little", signed=True) for v in frames))
    (stock_board.folder / "playlist.json").write_text(json.dumps(playlist))
    (tmp_path / "model.bin").write_bytes(model_bin())
    site = tmp_path / "site.toml"
    site.write_text(SITE.format(port=broker.port))

    host = Host(broker, acks=True)
    wait_for("subscribed", host.subscribed.is_set)
    for command in (
        ["deploy", "--from", mpy_sets],
        ["provision", site, "motor-1"],
        ["selftest", "--seconds", 1],
    ):
        done = vibnode(*command, "--port", stock_board.port)
        assert done.code == 0, done.out + done.err
    assert "20 of 20 golden windows to the bit" in done.out and "a recording in its place" in done.out
    try:
        wait_for("the sensor runs", lambda: bool(host.statuses) and _is_running(host.statuses[-1]))
        assert host.statuses[-1]["model"]["name"] == "tiny"
        assert vibnode("deploy", "--from", mpy_sets, "--port", stock_board.port, "--no-start").code == 0
        wait_for("it says goodbye when it is interrupted", lambda: host.statuses[-1]["state"] == "offline")
        assert host.statuses[-1]["why"] == "shutdown"
    finally:
        host.stop()


def _is_running(status: dict[str, Any]) -> bool:
    return (status["state"], status.get("machine")) == ("online", "running")


@pytest.mark.parametrize(("qemu", "arch"), [("QEMU_VIRT_RV32", "rv32imc"), ("QEMU_MPS2_AN385", "armv7m")])
def test_the_deployed_native_module_is_right_on_another_chip(qemu: str, arch: str, mpy_sets: Path) -> None:
    """The file that deploy copies, loaded from the board's file system in place of the firmware's own module."""
    machine = QemuBoard(qemu)
    try:
        with Board(machine.port, fresh=False) as board:
            _mount_files(board)
            known = deploying.make_ready(board)
            assert facts.set_for(board.port, known) == arch
            chosen = sets.find(arch, mpy_sets)
            native = deploying.Plan(write=["lib/vib.mpy"], keep=[], remove=[])
            deploying.carry_out(board, chosen, native, lambda path: None)
            assert "lib/vib.mpy" in deploying.plan(board, chosen).keep
            # The firmware has a `vib` of its own, which an import by name would find.
            board._transport.exec("os.rename('lib/vib.mpy', 'lib/native_vib.mpy')")
            board._transport.exec("import sys, native_vib\nsys.modules['vib'] = native_vib")
            assert facts.ask(board).said["core_file"] == "lib/native_vib.mpy"
            assert golden.check(board, most=4) == (4, [])  # all of them: test_golden.py
    finally:
        machine.stop()


def _mount_files(board: Board) -> None:
    board._transport.exec((ROOT / "host_tests" / "memory_files.py").read_text())
