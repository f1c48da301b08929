"""What `vibnode` says when something is not as it should be: one line, and what to do."""

from __future__ import annotations

import errno
import os
import pty
import socket
from types import SimpleNamespace
from typing import Any

import pytest
import serial
from board_on_pty import UnixBoard
from serial.tools import list_ports
from typer.testing import CliRunner
from vibnode_fixtures import stock_board as stock_board
from vibnode_fixtures import vibnode
from vibtool import board, cli, ports
from vibtool.board import Board
from vibtool.commands import Access, Commander
from vibtool.errors import ToolError

NOBODY = 65534


def usb(path: str, vendor: int | None = 0x303A) -> Any:
    """A port as pyserial lists it."""
    return SimpleNamespace(
        device=path, vid=vendor, description="USB device", serial_number="84F7", pid=0x1001
    )


def plug_in(monkeypatch: pytest.MonkeyPatch, *found: Any) -> None:
    monkeypatch.setattr(list_ports, "comports", lambda: list(found))


def test_no_board(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, usb("/dev/ttyS0", vendor=None))  # the computer's own serial port is no board
    with pytest.raises(ToolError, match="no board found on USB: plug it in with a cable that carries data"):
        ports.choose(None)
    assert "No board on USB" in CliRunner().invoke(cli.app, ["list"]).output


def test_one_board_is_taken_and_several_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, usb("/dev/ttyACM0"))
    assert ports.choose(None) == "/dev/ttyACM0"
    plug_in(monkeypatch, usb("/dev/ttyUSB3", vendor=0x1234), usb("/dev/ttyACM1"), usb("/dev/ttyACM0"))
    with pytest.raises(
        ToolError,
        match=r"3 boards found; accepted: one, named with --port: /dev/ttyACM0, /dev/ttyACM1, /dev/ttyUSB3",
    ):
        ports.choose(None)
    assert ports.choose("/dev/ttyACM1") == "/dev/ttyACM1"


def test_list_asks_each_board_what_it_is(monkeypatch: pytest.MonkeyPatch, stock_board: UnixBoard) -> None:
    plug_in(monkeypatch, usb(stock_board.port), usb("/dev/ttyNONE"))
    plain = CliRunner().invoke(cli.app, ["list"])
    assert "Espressif's own USB" in plain.output and stock_board.starts == 1
    asked = CliRunner().invoke(cli.app, ["list", "--ask"])
    assert asked.exit_code == 0
    assert "linux" in asked.output and "1.29.0" in asked.output and "no such port" in asked.output


@pytest.mark.parametrize(
    ("number", "text", "words"),
    [
        (errno.ENOENT, "none", "there is no such port: is the board plugged in?"),
        (errno.EBUSY, "busy", "another program has this port open: close it"),
    ],
)
def test_a_port_that_cannot_be_opened(
    number: int, text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reasons as the system gives them to pyserial."""

    def refuse(*arguments: object, **options: object) -> None:
        raise serial.SerialException(number, text)

    monkeypatch.setattr(serial, "Serial", refuse)
    monkeypatch.setattr(serial, "serial_for_url", refuse)
    with pytest.raises(ToolError, match=f"/dev/ttyACM0: {words}"):
        Board("/dev/ttyACM0")


def test_a_port_that_this_user_may_not_open() -> None:
    own, other = pty.openpty()
    port = os.ttyname(other)
    os.chmod(port, 0)
    user = os.geteuid()
    try:
        if user == 0:  # who is denied nothing
            os.seteuid(NOBODY)
        with pytest.raises(ToolError, match=f"{port}: you may not use this port: sudo usermod -a -G dialout"):
            Board(port)
    finally:
        os.seteuid(user)
        os.close(own)
        os.close(other)


def test_the_help_shows_what_is_taken_by_default() -> None:
    """In brackets, which the help's own markup would leave out."""
    for command, said in (
        ("flash", "[default: the only board on USB]"),
        ("deploy", "[default: this package's, or the checkout's build/mpy]"),
        ("provision", "[default: the only one there]"),
        ("record", "[default: the model's]"),
    ):
        shown = CliRunner().invoke(cli.app, [command, "--help"], env={"COLUMNS": "160"}).output
        assert said in shown, shown


def test_a_port_that_is_in_use(stock_board: UnixBoard) -> None:
    with serial.Serial(stock_board.port, exclusive=True):
        done = vibnode("deploy", "--port", stock_board.port)
    assert done.code == 1 and "another program has this port open" in done.err


def test_something_that_is_no_micropython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "REPL_TIMEOUT_S", 0.5)
    monkeypatch.setattr(board, "READ_TIMEOUT_S", 0.2)
    own, other = pty.openpty()
    try:
        with pytest.raises(ToolError, match=r"nothing there answers as MicroPython does: is it flashed\?"):
            Board(os.ttyname(other))
    finally:
        os.close(own)
        os.close(other)


def test_a_board_that_is_unplugged_on_the_way(stock_board: UnixBoard) -> None:
    with Board(stock_board.port) as plugged:
        stock_board.stop()
        with pytest.raises(ToolError, match=f"{stock_board.port}: the connection was lost"):
            plugged.run("facts")


def test_a_broker_that_is_not_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(
        ToolError, match=rf"broker 127\.0\.0\.1:{port}: cannot be reached \(Connection refused\)"
    ):
        Commander(Access("127.0.0.1", port), "demo", "motor-1", bytes(32))
