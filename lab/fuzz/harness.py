"""Build a harness and run it: the number of executions is given, the first one that fails ends it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vib import sources

from .seeds import SEEDS

CORE = sources.folder()

NAMES = tuple(SEEDS)
LANES = CORE.parents[2] / "training" / "vib"
SOURCES = {"lanes": [LANES / "lanes.c"]}  # besides the harness and the core
MAX_BYTES = 2048  # of an input
SECONDS_A_RUN = 10  # one execution that takes longer is a fault
FLAGS = ["-std=c99", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fno-omit-frame-pointer"]
SANITIZERS = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]


class FuzzFailure(Exception):
    """An execution failed, or the harness could not be built; the message holds what was printed."""


@dataclass(frozen=True)
class Figures:
    """What a run did. `edges`: branches of the program reached; `inputs`: those kept, as each reached something new."""

    executions: int
    per_second: int
    edges: int
    inputs: int


def build(name: str, folder: Path, core_sources: Sequence[Path] = ()) -> Path:
    """Compile a harness with the core (or with other sources in its place). Raises `FuzzFailure`."""
    compiler = os.environ.get("CLANG", "clang")
    if shutil.which(compiler) is None:
        raise FuzzFailure(f"no {compiler}: make packages-fuzz installs it")
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / f"fuzz-{name}"
    core = core_sources or sorted(CORE.glob("vib_*.c"))
    sources = [Path(__file__).with_name(f"{name}.c"), *SOURCES.get(name, []), *core]
    folders = ["-I", str(CORE), "-I", str(LANES)]
    command = [compiler, *FLAGS, *SANITIZERS, *folders, *map(str, sources), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise FuzzFailure(done.stderr)
    return program


def start(program: Path, name: str, folder: Path, runs: int, seed: int) -> subprocess.Popen[bytes]:
    """Start a run in `folder`, which keeps its corpus, log and failing inputs. seed 0: another one each time."""
    corpus, seeds = folder / "corpus", folder / "seeds"
    for place in (corpus, seeds):
        place.mkdir(parents=True, exist_ok=True)
    for seed_name, data in SEEDS[name]():
        (seeds / seed_name).write_bytes(data)
    options = [f"-runs={runs}", f"-seed={seed}", f"-max_len={MAX_BYTES}", f"-timeout={SECONDS_A_RUN}"]
    options += ["-print_final_stats=1", f"-artifact_prefix={folder}/"]
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen([program, *options, corpus, seeds], stdout=log, stderr=log)


def finish(run: subprocess.Popen[bytes], folder: Path) -> Figures:
    """Wait for a run's end. Raises `FuzzFailure` with the sanitizer's report and the input's path."""
    code = run.wait()
    log = (folder / "log.txt").read_text(errors="replace")
    if code:
        said = [
            line for line in log.splitlines() if re.search(r"ERROR: |runtime error|SUMMARY: |Test unit", line)
        ]
        raise FuzzFailure("\n".join([f"exit code {code}, all of it in {folder / 'log.txt'}:", *said]))
    return Figures(
        executions=_last(r"stat::number_of_executed_units: (\d+)", log),
        per_second=_last(r"stat::average_exec_per_sec: +(\d+)", log),
        edges=_last(r" cov: (\d+)", log),
        inputs=_last(r" corp: (\d+)", log),
    )


def _last(pattern: str, log: str) -> int:
    return int(re.findall(pattern, log)[-1])
