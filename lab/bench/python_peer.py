"""What the same window costs in plain Python on MicroPython's unix port, counted by callgrind like the core there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import vib

from .counting import BENCH, BenchFailure, under_callgrind
from .host import STEPS_APART
from .inputs import Workload

FIRMWARE = BENCH.parents[1] / "build" / "firmware" / "UNIX" / "micropython"


def instructions(work: Workload, folder: Path) -> int:
    """Instructions of one window without envelope. Raises `BenchFailure` where its features are not the core's."""
    if not FIRMWARE.exists():
        raise BenchFailure(f"no firmware at {FIRMWARE}; build it with: make firmware-unix")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(work.plain))
    work.frames.astype("<i2").tofile(folder / "window.i16")
    one, two = (_run(windows, work, folder) for windows in (1, 2))
    return two - one


def _run(windows: int, work: Workload, folder: Path) -> int:
    # Room enough that no garbage collection, which comes when it comes, falls into the count.
    program: list[str | Path] = [FIRMWARE, "-X", "heapsize=64m", BENCH / "plain_python.py", str(windows)]
    printed = under_callgrind(program, folder, "--collect-atstart=yes")
    apart = np.abs(np.array(json.loads(printed)) - vib.extract(work.frames, work.plain)[0]).max()
    if apart > STEPS_APART:
        raise BenchFailure(f"plain Python is {apart} steps off the core's features; accepted: {STEPS_APART}")
    total = re.search(r"^(?:totals|summary): (\d+)", (folder / "callgrind.out").read_text(), re.M)
    if total is None:
        raise BenchFailure(f"no total in {folder}/callgrind.out")
    return int(total[1])
