"""The C compiler of this computer, with which a converted model is compiled to be proved."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from vibtrain.errors import ConversionError


def command() -> list[str]:
    """How it is called: $CC, or cc. Raises `ConversionError` where there is none, so ask before training."""
    words = shlex.split(os.environ.get("CC", "")) or ["cc"]
    if shutil.which(words[0]) is None:
        raise ConversionError(
            f"no C compiler {words[0]!r}, which proves that a converted model is the trained one: install one "
            "(Debian: apt-get install gcc), or name it in CC"
        )
    return words


def make_library(sources: dict[Path, list[str]], includes: list[str], library: Path) -> None:
    """Compile `sources`, each with its own flags, into one shared `library`. Raises `ConversionError`."""
    compiler, objects = command(), []
    for source, flags in sources.items():
        target = str(source.with_suffix(".o"))
        _run([*compiler, "-O2", "-fPIC", *flags, *includes, "-c", str(source), "-o", target])
        objects.append(target)
    _run([*compiler, "-shared", "-o", str(library), *objects, "-lm"])


def _run(arguments: list[str]) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        made = Path(arguments[arguments.index("-o") + 1]).name
        said = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        raise ConversionError(f"{made} could not be made: {(said or ['no reason given'])[0].strip()}")
