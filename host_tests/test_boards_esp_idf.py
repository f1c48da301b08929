"""The firmware as ESP-IDF would build it, as far as that goes without ESP-IDF: its CMake, its options, its call."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
from collections import defaultdict
from pathlib import Path

from lab.rigs.boards import ROOT

TREE = ROOT / "build" / "micropython"
VIB = ROOT / "firmware" / "cmodules" / "vib"
PACKAGE = ROOT / "build" / "models" / "default"
CORE = sorted(VIB.glob("vib_*.c"))
BINDING = VIB / "modvib.c"
FEED = VIB / "feed_esp32.c"
CHIP_OPTION = (
    "-mno-such-flaw"  # what ESP-IDF asks of every file; no compiler knows it, so it is only configured with
)


def done(*command: object) -> str:
    """What a command said; it has to end well."""
    ran = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout + ran.stderr


def configured(folder: Path, *settings: str) -> str:
    """The port's stand-in with our module and the default model, configured in `folder`; what CMake said."""
    headers = [TREE, TREE / "ports/unix", ROOT / "boards/UNIX", ROOT / "build/firmware/UNIX"]
    given: dict[str, object] = {"TREE": TREE, "MODULE": VIB / "micropython.cmake", "MODEL": PACKAGE}
    given |= {
        "HEADERS": ";".join(map(str, headers)),
        "EMLEARN": importlib.import_module("emlearn").includedir,
    }
    told = [f"-D{name}={value}" for name, value in given.items()]
    port = ROOT / "host_tests" / "esp32_port"
    return done("cmake", "-S", port, "-B", folder, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *told, *settings)


def optimisations(folder: Path) -> dict[Path, list[str]]:
    """For each source its level of optimisation, once for each time that it is compiled."""
    found = defaultdict(list)
    for entry in json.loads((folder / "compile_commands.json").read_text()):
        levels = [word for word in shlex.split(entry["command"]) if re.fullmatch("-O.?", word)]
        found[Path(entry["file"])].append(levels[-1] if levels else "-O0")
    return found


def test_each_source_is_compiled_once_and_the_core_for_speed(tmp_path: Path) -> None:
    told = configured(tmp_path)
    assert "Found User C Module(s): usermod_vib" in told
    levels = optimisations(tmp_path)
    assert len(CORE) > 10
    for path in [*CORE, PACKAGE / "model.c"]:
        assert levels[path] == ["-O2"], path
    for path in (BINDING, FEED):
        assert levels[path] == ["-Os"], "the component's own"
    assert str(BINDING) in (tmp_path / "names_are_sought_in.txt").read_text()


def test_all_of_it_is_in_the_program(tmp_path: Path) -> None:
    configured(tmp_path)
    done("cmake", "--build", tmp_path, "-j2")
    symbols = done("nm", tmp_path / "micropython.elf")
    for name in (
        "vib_module",
        "vib_linked_model",
        "vib_core_features",
        "vib_model_score",
        "vib_feed_start",
        "vib_ring_fill",
    ):
        assert re.search(rf" [TtRrDd] {name}\n", symbols), name


def test_what_a_chip_needs_reaches_the_core(tmp_path: Path) -> None:
    configured(tmp_path, f"-DCHIP_OPTIONS={CHIP_OPTION}")
    for entry in json.loads((tmp_path / "compile_commands.json").read_text()):
        if Path(entry["file"]) in CORE:
            assert CHIP_OPTION in shlex.split(entry["command"])


def test_the_core_compiles_for_an_esp32_c3(tmp_path: Path) -> None:
    """By Debian's compiler for that instruction set, every file but the binding, with the port's options."""
    configured(tmp_path, f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'host_tests/esp32_port/rv32imc.cmake'}")
    levels = optimisations(tmp_path)
    assert all(levels[path] == ["-O2"] for path in CORE)
    done("cmake", "--build", tmp_path, "--target", "vib_core", "-j2")
    [library] = tmp_path.rglob("libvib_core.a")
    heads = done("riscv64-unknown-elf-readelf", "-h", library)
    assert heads.count("Class:                             ELF32") == len(CORE) + 1
    assert heads.count("RVC, soft-float ABI") == len(CORE) + 1


def test_what_reads_the_sensor_outside_of_python_compiles_for_an_esp32_c3(tmp_path: Path) -> None:
    """Against the interface of ESP-IDF as esp32_port/idf has it."""
    compiler = [
        "riscv64-unknown-elf-gcc",
        "-march=rv32imc",
        "-mabi=ilp32",
        "--specs=picolibc.specs",
        "-std=gnu17",
        "-Os",
        "-Wall",
        "-Wextra",
        "-Werror",
    ]
    interface = ROOT / "host_tests/esp32_port/idf"
    done(*compiler, f"-I{interface}", f"-I{VIB}", "-c", FEED, "-o", tmp_path / "feed.o")
    symbols = done("riscv64-unknown-elf-nm", tmp_path / "feed.o")
    assert not re.search(r" [bBdDC] ", symbols), "it keeps nothing outside of what it allocates"
    assert not re.search(r"\bm_malloc|\bgc_alloc|\bmp_obj_new", symbols), (
        "it does not touch MicroPython's heap"
    )


def test_the_make_target_tells_cmake_what_it_needs(tmp_path: Path) -> None:
    """`make -n` prints the port's own call of idf.py; CMake and make know micropython-lib by different names."""
    log = ROOT / "build" / "firmware" / "VIBNODE_ESP32C3.log"
    kept = log.read_bytes() if log.exists() else None
    try:
        done("make", "-n", "-C", ROOT, "firmware", "BOARD=VIBNODE_ESP32C3", f"MODEL={PACKAGE}")
        [call] = [
            line for line in log.read_text().splitlines() if line.startswith("idf.py") and "build" in line
        ]
    finally:
        if kept is None:
            log.unlink(missing_ok=True)
        else:
            log.write_bytes(kept)
    given = dict(re.findall(r"-D ?(\w+)=\"?([^\s\"]*)", call))
    rules = (TREE / "py" / "mkrules.cmake").read_text()
    [wanted] = re.findall(r"NOT EXISTS \$\{(\w+)\}/README\.md", rules)
    assert (Path(given[wanted]) / "README.md").is_file()
    assert Path(given["MICROPY_BOARD_DIR"]) == ROOT / "boards" / "VIBNODE_ESP32C3"
    assert Path(given["USER_C_MODULES"]) == VIB / "micropython.cmake"
    assert (
        Path(given["VIB_MODEL_DIR"]) == PACKAGE and (Path(given["EMLEARN_INCLUDE"]) / "eml_trees.h").is_file()
    )
