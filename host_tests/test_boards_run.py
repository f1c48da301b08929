"""Every board's firmware boots, holds the numeric module, and exchanges data with the tests."""

import random

import pytest

from lab.rigs.boards import ALL_BOARDS, QEMU_BOARDS, BoardFailure, firmware_path, run

MACHINES = {
    "QEMU_MPS2_AN385": "Cortex-M3",
    "QEMU_MPS2_AN386": "Cortex-M4F",
    "QEMU_VIRT_RV32": "rv32imac",
}

# Takes 1 MB in, 64 kB at a time, and gives it back with every byte inverted.
INVERT = """
block = bytearray(65536)
with open("in.bin", "rb") as source, open("out.bin", "wb") as sink:
    while True:
        count = source.readinto(block)
        if not count:
            break
        for i in range(count):
            block[i] ^= 0xFF
        sink.write(memoryview(block)[:count])
"""


def test_boards_cover_fpu_and_instruction_sets() -> None:
    assert set(MACHINES) == set(QEMU_BOARDS)
    assert set(ALL_BOARDS) == {"UNIX", *MACHINES}


@pytest.mark.parametrize("board", QEMU_BOARDS)
def test_runs_on_the_chip_it_says(board: str) -> None:
    done = run(board, "import sys; print(sys.platform, sys.implementation._machine)")
    assert done.stdout.startswith("qemu ")
    assert MACHINES[board] in done.stdout


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_has_the_numeric_module(board: str) -> None:
    script = "import vib; print(vib.CORE_VERSION >= 1, vib.FEATURE_VERSION >= 1, sorted(dir(vib.Core))[-1])"
    assert run(board, script).stdout.startswith("True True ")


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_a_megabyte_in_and_out(board: str) -> None:
    data = random.Random(1).randbytes(1_000_000 + 7)
    done = run(board, INVERT, files={"in.bin": data})
    assert done.files["out.bin"] == bytes(byte ^ 0xFF for byte in data)


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_files_seek_append_and_text(board: str) -> None:
    script = """
with open("log.txt", "w") as f:
    f.write("one\\n")
with open("log.txt", "a") as f:
    f.write("two\\n")
with open("log.txt") as f:
    print([line for line in f])
with open("log.txt", "r+b") as f:
    f.seek(-4, 2)
    f.write(b"TWO")
    print(f.tell(), f.seek(0), f.read())
"""
    done = run(board, script)
    assert done.stdout == "['one\\n', 'two\\n']\n7 0 b'one\\nTWO\\n'\n"
    assert done.files == {"log.txt": b"one\nTWO\n"}


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_script_imports_a_file_given_with_it(board: str) -> None:
    done = run(board, "import dsp; print(dsp.half(84))", files={"dsp.py": b"def half(x): return x // 2\n"})
    assert done.stdout == "42\n"


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_missing_file_is_enoent(board: str) -> None:
    script = """
import errno
try:
    open("none.bin", "rb")
except OSError as error:
    print(error.errno == errno.ENOENT)
"""
    assert run(board, script).stdout == "True\n"


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_clock_advances_by_what_was_slept(board: str) -> None:
    script = """
import time
start = time.ticks_ms()
time.sleep_ms(50)
print(time.ticks_diff(time.ticks_ms(), start) >= 50)
"""
    assert run(board, script).stdout == "True\n"


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_exit_codes(board: str) -> None:
    assert run(board, "import sys; print('done'); sys.exit(7)", exit_code=7).stdout == "done\n"
    assert run(board, "import sys; sys.exit()").stdout == ""
    done = run(board, "x = 1\nraise ValueError('no such sensor')", exit_code=1)
    assert "line 2" in done.stdout
    assert done.stdout.endswith("ValueError: no such sensor\n")


@pytest.mark.parametrize("board", ALL_BOARDS)
def test_failures_say_what_the_script_printed(board: str) -> None:
    with pytest.raises(BoardFailure, match=f"{board}: exit code 1, expected 0(.|\n)*KeyError: gain"):
        run(board, "raise KeyError('gain')")
    with pytest.raises(BoardFailure, match=f"{board}: not finished after 3 s(.|\n)*before the loop"):
        run(board, "print('before the loop')\nwhile True:\n    pass", timeout_s=3)


def test_floats_work_with_and_without_fpu() -> None:
    script = "import math; print([round(math.sqrt(x) * 1.5 * 4096) for x in (2.0, 3.0, 5.0)])"
    assert {run(board, script).stdout for board in QEMU_BOARDS} == {"[8689, 10642, 13738]\n"}


def test_virtual_sensor_holds_the_application_and_tls() -> None:
    # The frozen client must know TimeoutError, which MicroPython has no built-in for.
    script = """
import aiomqttc, asyncio, tls, vibnode
print(vibnode.__file__.startswith("vibnode/"), aiomqttc.TimeoutError is asyncio.TimeoutError, tls.SSLContext)
"""
    assert run("UNIX", script).stdout == "True True <class 'SSLContext'>\n"


def test_firmware_not_built_names_the_make_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathlib.Path.exists", lambda _path: False)
    with pytest.raises(BoardFailure, match="make firmware-qemu-m3"):
        firmware_path("QEMU_MPS2_AN385")
