"""Compile the measuring program for a target, run it, and read instructions, stack and flash."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from vibtrain.models.emlearn_code import INCLUDE

from .inputs import MODELS
from .targets import CORE_FLAGS, Target

BENCH = Path(__file__).parent
CORE = BENCH.parents[1] / "firmware" / "cmodules" / "vib"
CORE_SOURCES = sorted(CORE.glob("vib_*.c"))
EMLEARN = Path(INCLUDE)
BENCH_SOURCES = ("measure", "stage", "stack", "peer")
UNLINKED = (
    "mixture_model",
    "isolation_model",
)  # compiled for their size only: as data all three are in the program
TIMEOUT_S = 300

Figures = dict[str, int]


class BenchFailure(Exception):
    """A step that did not work; the message says which command, and what it printed."""


def command(arguments: Sequence[str | Path], folder: Path | None = None) -> str:
    """Run a command and return what it printed. Raises `BenchFailure`."""
    line = " ".join(str(a) for a in arguments)
    try:
        done = subprocess.run(
            arguments, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except FileNotFoundError:
        raise BenchFailure(f"{arguments[0]} is not installed; make packages-bench installs it") from None
    except subprocess.TimeoutExpired:
        raise BenchFailure(f"not finished after {TIMEOUT_S} s: {line}") from None
    if done.returncode:
        raise BenchFailure(f"exit code {done.returncode}: {line}\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def compiler_version(target: Target) -> str:
    return command([target.cc, "--version"]).splitlines()[0]


def compile_all(target: Target, level: str, generated: Path, folder: Path) -> list[Path]:
    """Objects of the core, the models, the float peer and the measuring program."""
    folder.mkdir(parents=True, exist_ok=True)
    includes: list[str | Path] = ["-I", CORE, "-I", BENCH, "-I", generated, "-isystem", EMLEARN]
    # emlearn's headers leave parameters unused; the peer uses M_PI, which is not C99's.
    ours = [*CORE_FLAGS, "-Wconversion", "-Wno-sign-conversion"]
    flags = {"peer": [*CORE_FLAGS, "-std=gnu99"]}
    flags |= {"measure": list(CORE_FLAGS), "stage": list(CORE_FLAGS), "stack": list(CORE_FLAGS)}
    flags |= {f"{name}_model": [*CORE_FLAGS, "-Wno-unused-parameter"] for name in MODELS}
    models = [generated / f"{name}_model.c" for name in MODELS]
    objects = []
    for source in [*CORE_SOURCES, *models, *(BENCH / f"{name}.c" for name in BENCH_SOURCES)]:
        out = folder / f"{source.stem}.o"
        options = flags.get(source.stem, ours)
        command([target.cc, *target.flags, *options, level, *includes, "-c", source, "-o", out])
        objects.append(out)
    return objects


def count(target: Target, objects: list[Path], folder: Path) -> Figures:
    """Instructions of every stage, without those of counting itself, and the other figures that the program prints."""
    program = folder / "measure"
    linked = [o for o in objects if o.stem not in UNLINKED]
    command([target.cc, *target.flags, *linked, *target.link, "-lm", "-o", program])
    if target.bare_metal:
        figures = _printed(command([*target.run, program]))
    else:
        figures = _printed(under_callgrind([program], folder)) | callgrind_dumps(folder)
    if "nothing" not in figures:
        raise BenchFailure(f"{program} counted nothing")
    nothing = figures.pop("nothing")
    uncounted = ("memory", "stack.", "peer_differs")
    return {name: n if name.startswith(uncounted) else n - nothing for name, n in figures.items()}


def _printed(output: str) -> Figures:
    lines = [line.split() for line in output.splitlines()]
    if any(len(line) != 2 or not line[1].isdigit() for line in lines):
        raise BenchFailure(f"the measuring program printed: {output}")
    return {name: int(number) for name, number in lines}


def under_callgrind(program: Sequence[str | Path], folder: Path, *options: str) -> str:
    """Run a program under valgrind's callgrind, its dumps into `folder`; returns what the program printed."""
    for old in folder.glob("callgrind.*"):
        old.unlink()
    tool = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={folder}/callgrind.out"]
    return command([*tool, *(options or ("--collect-atstart=no",)), *program], folder)


def callgrind_dumps(folder: Path) -> Figures:
    """Instructions by the names given to CALLGRIND_DUMP_STATS_AT."""
    figures = {}
    for dump in folder.glob("callgrind.out.*"):
        text = dump.read_text()
        name, total = (
            re.search(r"Client Request: (\S+)", text),
            re.search(r"^(?:totals|summary): (\d+)", text, re.M),
        )
        if name and total:
            figures[name[1]] = int(total[1])
    return figures


def sections(target: Target, object_file: Path) -> Figures:
    """Bytes of every section of an object."""
    rows = [line.split() for line in command([target.size, "-A", object_file]).splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[1].isdigit()}


def flash_bytes(found: Figures, *, of: str = r"\.s?(text|rodata|data)") -> int:
    """Bytes of code and constants among sections; initialised data counts too, as it is copied from flash."""
    return sum(size for name, size in found.items() if re.match(of, name))


def sizes(target: Target, objects: list[Path]) -> Figures:
    """Flash of the core and of each kind of model, and static RAM of the core (which must be none)."""
    core = [sections(target, o) for o in objects if re.match(r"vib_(?!model)", o.stem)]
    models = [sections(target, o) for o in objects if o.stem.startswith("vib_model")]
    tables = [sections(target, o) for o in objects if o.stem == "vib_tables"]
    made = {name: next(sections(target, o) for o in objects if o.stem == f"{name}_model") for name in MODELS}
    anomaly = r"\.s?rodata\.(centre|inputs|means|offsets|whiten|path_)"
    forest = r"\.text|\.s?rodata\.(tree_inputs|eml|vib_forest)"
    return {
        "core.flash_bytes": sum(map(flash_bytes, core)),
        "core.tables.flash_bytes": sum(map(flash_bytes, tables)),
        "models.flash_bytes": sum(map(flash_bytes, models)),
        "core.static_ram_bytes": sum(flash_bytes(c, of=r"\.s?(data|bss)") for c in core + models),
        "forest_inline.flash_bytes": flash_bytes(made["mahalanobis"], of=forest),
    } | {f"{name}.flash_bytes": flash_bytes(model, of=anomaly) for name, model in made.items()}
