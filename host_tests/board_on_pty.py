"""MicroPython at a pseudo-terminal, as a board is at a serial port: what mpremote, and so `vibnode`, connects to."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import termios
import threading
import tty
from pathlib import Path

from lab.rigs.boards import QEMU_DEVICES, QEMU_HOST_FILES, ROOT, _board_data, firmware_path
from lab.rigs.firmware import MICROPYTHON, wait_for

SOFT_RESET, RAW_SOFT_RESET = 64, 65  # exit codes of raw_repl.py
STOCK_MICROPYTHON = Path(sys.executable).with_name("micropython")


class UnixBoard:
    """The unix port as a board: `folder` is its flash, `port` its serial port. Started again when it is reset.

    `printed`: all that it said so far.
    """

    def __init__(
        self,
        folder: Path,
        program: Path = MICROPYTHON,
        setup: str = "",
        path: str = ":.frozen",
        heap: str = "8M",
    ) -> None:
        """`setup`: a script that is run first at every start; `path`: where it imports from (MICROPYPATH)."""
        self.folder = folder
        self.printed = b""
        self.starts = 0
        self._setup = setup
        self._program = program
        self._heap = heap
        self._environment = {**os.environ, "MICROPYPATH": path}
        self._own, self._device = pty.openpty()
        self._host, self._port = pty.openpty()
        self.port = os.ttyname(self._port)
        tty.setraw(self._port)
        _set_raw_but_interrupts(self._device)
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None
        self._start([])
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._relay, self._power)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Pull the plug."""
        if self._stopping:
            return
        self._stopping = True
        assert self._process
        self._process.kill()
        for thread in self._threads:
            thread.join()
        for descriptor in (self._own, self._device, self._host, self._port):
            os.close(descriptor)

    def _start(self, options: list[str]) -> None:
        self.starts += 1
        command = [
            str(self._program),
            "-X",
            f"heapsize={self._heap}",
            str(ROOT / "host_tests" / "raw_repl.py"),
        ]
        self._process = subprocess.Popen(
            [*command, *options, self._setup],
            cwd=self.folder,
            env=self._environment,
            stdin=self._device,
            stdout=self._device,
            stderr=self._device,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )

    def _power(self) -> None:
        while not self._stopping:
            assert self._process
            code = self._process.wait()
            if self._stopping:
                return
            self._start(["--raw"] if code == RAW_SOFT_RESET else [])

    def _relay(self) -> None:
        while not self._stopping:
            ready, _, _ = select.select([self._own, self._host], [], [], 0.1)
            for end in ready:
                data = os.read(end, 4096)
                if end == self._own:
                    self.printed += data
                os.write(self._host if end == self._own else self._own, data)


class QemuBoard:
    """A QEMU board with MicroPython's own raw REPL; its file system is one in memory, lost at a reset."""

    def __init__(self, board: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        devices = [word if word != "stdio" else "pty" for word in QEMU_DEVICES]
        command = [*_board_data(board)["emulator"], *devices, *QEMU_HOST_FILES]  # type: ignore[misc]
        command += ["-kernel", str(firmware_path(board))]
        log = Path(self._folder.name) / "qemu.log"
        with log.open("w") as stream:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder.name,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        wait_for("QEMU names its terminal", lambda: "/dev/pts/" in log.read_text())
        named = re.search(r"/dev/pts/\d+", log.read_text())
        assert named
        self.port = named.group()

    def stop(self) -> None:
        """Pull the plug."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def _set_raw_but_interrupts(descriptor: int) -> None:
    """Like a board's line: bytes go through, and Ctrl-C interrupts."""
    tty.setraw(descriptor)
    settings = termios.tcgetattr(descriptor)
    settings[3] |= termios.ISIG
    settings[6][termios.VQUIT] = settings[6][termios.VSUSP] = b"\0"
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
