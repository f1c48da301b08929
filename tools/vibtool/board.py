"""A board at the other end of a serial line, over mpremote's transport: run scripts there, move files."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import tempfile
from collections.abc import Callable
from types import SimpleNamespace, TracebackType
from typing import Any

import serial
from mpremote import commands
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from vibtool import scripts
from vibtool.errors import ToolError

READ_TIMEOUT_S = 5.0  # of one read; mpremote sets none, and would then wait for ever
REPL_TIMEOUT_S = 10.0  # within which a board has to stop its program and answer
SCRIPT_TIMEOUT_S = 30.0  # of silence while a script runs
CHUNK_BYTES = 1024  # of a file for each line sent
FOR_PEOPLE = ("ConfigError", "StartError", "SensorMismatch", "ModelError")  # the application's own
INTERRUPT = b"\x03"
SOFT_RESET = b"\x04"

Message = dict[str, Any]


class Board:
    """A board that waits for scripts. Close it, or use it in a ``with``."""

    def __init__(self, port: str, fresh: bool = True) -> None:
        """Interrupt what runs on the board at `port` and take it over.

        `fresh`: start its interpreter anew, without the application. Raises ToolError.
        """
        self.port = port
        self._folders: set[str] = set()  # those known to be there
        self._transport = _open(port)
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # where it prints what it did not expect
                self._transport.enter_raw_repl(soft_reset=fresh, timeout_overall=REPL_TIMEOUT_S)
        except (TransportError, OSError):
            self._transport.close()
            raise ToolError(
                f"{port}: nothing there answers as MicroPython does: is it flashed? (vibnode flash FIRMWARE.bin)"
            ) from None
        if fresh:
            self.run("hold_watchdog")

    def __enter__(self) -> Board:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave the board at its prompt."""
        try:
            self._transport.exit_raw_repl()
            self._transport.close()
        except OSError:
            pass  # unplugged: there is nothing left to leave

    def restart(self) -> None:
        """Start the board anew, with its application."""
        try:
            self._transport.exit_raw_repl()
            self._transport.serial.write(SOFT_RESET)
            self._transport.serial.flush()
        except OSError as error:
            raise self._lost(error) from None

    def run(
        self,
        name: str,
        on_message: Callable[[Message], None] | None = None,
        timeout_s: float = SCRIPT_TIMEOUT_S,
        **arguments: object,
    ) -> list[Message]:
        """Run on_device/`name`.py; what it said, also handed to `on_message` as it comes.

        Lines that are no JSON are the application's own and left out. Ctrl-C ends the script. Raises ToolError when
        it fails or says nothing for `timeout_s`.
        """
        lines = _Lines(on_message)
        try:
            self._transport.exec_raw_no_follow(scripts.source(name, **arguments))
            try:
                _, error = self._transport.follow(timeout_s, lines.take)
            except KeyboardInterrupt:
                self._transport.serial.write(INTERRUPT)
                self._transport.follow(timeout_s, lines.take)
                raise
        except TransportError:
            raise ToolError(f"{self.port}: no answer within {timeout_s:g} s while running {name}") from None
        except OSError as problem:
            raise self._lost(problem) from None
        if error:
            raise ToolError(f"{self.port}: {_in_plain_words(error.decode(errors='replace'), name)}")
        return lines.messages

    def read(self, path: str) -> bytes | None:
        """The contents of a file; None where there is none."""
        try:
            return bytes(self._transport.fs_readfile(path, CHUNK_BYTES))
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise self._lost(error) from None
        except TransportError as error:
            raise self._failed(f"{path}: cannot be read", error) from None

    def write(self, path: str, data: bytes, progress: Callable[[int], None] | None = None) -> None:
        """Put `data` at `path`: a power cut leaves the old file or the new one.

        Folders are made; `progress` is told of the bytes written so far. Raises ToolError.
        """
        told = (lambda written, size: progress(written)) if progress else None
        try:
            self._make_folders(path)
            self._transport.fs_writefile(path + ".new", data, CHUNK_BYTES, told)
            self._transport.exec(f"import os\nos.rename({path + '.new'!r}, {path!r})")
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise ToolError(
                    f"{self.port}: {path}: the board's file system is full: erase it (vibnode flash --erase)"
                ) from None
            raise self._lost(error) from None
        except TransportError as error:
            raise self._failed(f"{path}: cannot be written", error) from None

    def write_rom(self, image: bytes) -> None:
        """Put the ROMFS `image` in place of the one that is there. Raises ToolError.

        Nothing of the old one may be in use: start the interpreter anew before. A power cut leaves half an image.
        """
        with tempfile.NamedTemporaryFile(suffix=".romfs") as file:
            file.write(image)
            file.flush()
            state = SimpleNamespace(
                transport=self._transport, ensure_raw_repl=lambda: None, did_action=lambda: None
            )
            wanted = SimpleNamespace(command=["deploy"], path=file.name, partition=0, mpy=False)
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    commands.do_romfs(state, wanted)
            except (TransportError, commands.CommandError) as error:
                raise self._failed("the ROMFS cannot be written", error) from None
            except OSError as error:
                raise self._lost(error) from None

    def renew(self) -> None:
        """Start the interpreter anew, without the application, and come back. Raises ToolError."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self._transport.enter_raw_repl(soft_reset=True, timeout_overall=REPL_TIMEOUT_S)
        except (TransportError, OSError) as error:
            raise ToolError(f"{self.port}: does not come back after a reset ({error})") from None
        self.run("hold_watchdog")

    def remove(self, path: str) -> None:
        """Remove the file at `path`."""
        try:
            self._transport.fs_rmfile(path)
        except TransportError as error:
            raise self._failed(f"{path}: cannot be removed", error) from None

    def remove_empty_folder(self, path: str) -> None:
        """Remove the folder at `path`, unless there is none or something is in it."""
        with contextlib.suppress(TransportError, OSError):
            self._transport.fs_rmdir(path)
        self._folders.discard(path)

    def digests(self, paths: list[str]) -> dict[str, str]:
        """The SHA-256 of each file of `paths` that is there, in hex."""
        return {said["path"]: said["sha256"] for said in self.run("digests", paths=paths)}

    def _make_folders(self, path: str) -> None:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if folder and folder not in self._folders and not self._transport.fs_exists(folder):
                self._transport.fs_mkdir(folder)
            self._folders.add(folder)

    def _lost(self, error: OSError) -> ToolError:
        return ToolError(
            f"{self.port}: the connection was lost ({error.strerror or error}): is the cable still in?"
        )

    def _failed(self, what: str, error: Exception) -> ToolError:
        return ToolError(f"{self.port}: {what} ({_last_line(str(error))})")


class _Lines:
    """Puts bytes together to lines, and those that are JSON to messages."""

    def __init__(self, on_message: Callable[[Message], None] | None) -> None:
        self.messages: list[Message] = []
        self._on_message = on_message
        self._line = bytearray()

    def take(self, data: bytes) -> None:
        for byte in data:
            if byte != ord("\n"):
                self._line.append(byte)
                continue
            line, self._line = bytes(self._line), bytearray()
            self._end(line)

    def _end(self, line: bytes) -> None:
        if not line.startswith(b"{"):
            return
        try:
            message = json.loads(line)
        except ValueError:
            return
        self.messages.append(message)
        if self._on_message:
            self._on_message(message)


def _open(port: str) -> SerialTransport:
    try:
        return SerialTransport(port, timeout=READ_TIMEOUT_S)
    except TransportError as error:  # it says of every failure "failed to access": try for the reason
        problem = str(error)
    try:
        serial.Serial(port, exclusive=True).close()
    except serial.SerialException as error:
        problem = _why(error)
    raise ToolError(f"{port}: {problem}")


def _why(error: serial.SerialException) -> str:
    if error.errno == errno.EACCES:
        return "you may not use this port: sudo usermod -a -G dialout $USER, then log out and in again"
    if error.errno == errno.ENOENT:
        return "there is no such port: is the board plugged in? (vibnode list)"
    if "exclusively lock" in str(error) or error.errno in (errno.EBUSY, errno.EAGAIN):
        return "another program has this port open: close it (a serial monitor, mpremote?)"
    return str(error)


def _in_plain_words(trace: str, name: str) -> str:
    """The last line of a traceback; what the application says for people without the name of its class."""
    kind, _, words = _last_line(trace).partition(": ")
    return words if kind in FOR_PEOPLE and words else f"{name}: {_last_line(trace)}"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"
