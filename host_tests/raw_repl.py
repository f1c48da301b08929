"""MicroPython's raw REPL in Python: the unix port has none of its own (shared/runtime/pyexec.c is the real one).

``micropython raw_repl.py [--raw] SETUP``: runs SETUP (a script, or "" for none), then main.py of the current folder
unless --raw, then obeys what mpremote sends. A soft reset ends the process: with code SOFT_RESET, or
RAW_SOFT_RESET where it is to come back in raw mode.
"""

import io
import os
import sys

import micropython

SOFT_RESET, RAW_SOFT_RESET = 64, 65
CTRL_A, CTRL_B, CTRL_D, CTRL_E = 1, 2, 4, 5
WINDOW_BYTES = 64  # of raw paste mode: below 128, so that it prints as a byte
RAW_BANNER = "raw REPL; CTRL-B to exit\r\n"

stdin = sys.stdin.buffer


def say(text: str) -> None:
    sys.stdout.write(text)


def read_byte() -> int:
    """The next byte; an interrupt is none."""
    while True:
        try:
            data = stdin.read(1)
        except KeyboardInterrupt:
            continue
        if not data:
            sys.exit(0)
        return data[0]


def friendly() -> None:
    """Wait for Ctrl-A; what else is typed is thrown away."""
    say("\r\n>>> ")
    while True:
        byte = read_byte()
        if byte == CTRL_A:
            return
        if byte == CTRL_D:
            say("\r\nMPY: soft reboot\r\n")
            sys.exit(SOFT_RESET)


def raw(scope: dict) -> None:
    """Obey until Ctrl-B."""
    say(RAW_BANNER)
    while True:
        say(">")
        code = read_code()
        if code is None:
            return
        if not code:
            say("\r\nMPY: soft reboot\r\n")
            sys.exit(RAW_SOFT_RESET)
        execute(code, scope)


def read_code() -> "bytes | None":
    """What comes up to Ctrl-D; None at Ctrl-B."""
    code = bytearray()
    while True:
        byte = read_byte()
        if byte == CTRL_D:
            say("OK")
            return bytes(code)
        if byte == CTRL_B:
            return None
        if byte == CTRL_A:
            code = bytearray()
            say(RAW_BANNER + ">")
        elif byte == CTRL_E and not code:  # followed by A and Ctrl-A it asks for raw paste mode
            stdin.read(2)
            return read_paste()
        else:
            code.append(byte)


def read_paste() -> bytes:
    """What comes up to Ctrl-D, a window at a time, each allowed by a byte 1."""
    say("R\x01" + chr(WINDOW_BYTES & 0xFF) + chr(WINDOW_BYTES >> 8) + "\x01")
    code = bytearray()
    while True:
        byte = read_byte()
        if byte == CTRL_D:
            say("\x04")
            return bytes(code)
        code.append(byte)
        if len(code) % WINDOW_BYTES == 0:
            say("\x01")


def execute(code: bytes, scope: dict) -> None:
    """Run `code`; what it printed, what went wrong, each ended by Ctrl-D."""
    trace = io.StringIO()
    try:
        exec(code, scope)
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        sys.print_exception(error, trace)
    say("\x04" + trace.getvalue().replace("\n", "\r\n") + "\x04")


def run_file(path: str, scope: dict) -> None:
    """Run a script as at power-on."""
    try:
        with open(path) as file:
            exec(file.read(), scope)
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        sys.print_exception(error)


def main(arguments: "list[str]") -> None:
    """See the top of the file."""
    micropython.kbd_intr(3)
    scope = {"__name__": "__main__"}
    setup = arguments[-1]
    if setup:
        run_file(setup, scope)
    in_raw_mode = arguments[0] == "--raw"
    if not in_raw_mode and "main.py" in os.listdir():
        run_file("main.py", scope)
    while True:
        if not in_raw_mode:
            friendly()
        in_raw_mode = False
        raw(scope)


main(sys.argv[1:])
