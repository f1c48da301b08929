"""The bench's comparison with the committed figures, and that counting finds what is known beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import vib

from lab.bench import counting, inputs, report
from lab.bench.numpy_peer import NumpyPeer
from lab.bench.targets import TARGETS, Target

COMPILERS = {"rv32": "gcc 12", "cortexm3": "gcc 13"}
COMMITTED = report.Measured(
    COMPILERS,
    {
        "rv32.rfft1024.instructions": 1000,
        "rv32.core.flash_bytes": 2000,
        "rv32.window3x1024_float_peer.instructions": 100,
        "cortexm3.rfft1024.instructions": 1000,
        "rv32.ratio_to_float_peer": 20.0,
    },
)

NOPS = 1001
KNOWN_PROGRAM = f"""
#include "stage.h"
static void nothing(void) {{ }}
static void nops(void) {{ __asm volatile(".rept {NOPS}\\n nop\\n .endr"); }}
int main(void)
{{
    counting_starts();
    stage("nothing", nothing);
    stage("nops", nops);
    return 0;
}}
"""


def measured(changed: dict[str, float], compilers: dict[str, str] = COMPILERS) -> report.Measured:
    return report.Measured(compilers, COMMITTED.figures | changed)


def test_up_to_five_per_cent_pass() -> None:
    assert report.regressions(measured({"rv32.rfft1024.instructions": 1050}), COMMITTED) == []


@pytest.mark.parametrize(
    ("name", "value"), [("rv32.rfft1024.instructions", 1051), ("rv32.core.flash_bytes", 2101)]
)
def test_more_is_named(name: str, value: float) -> None:
    (line,) = report.regressions(measured({name: value}), COMMITTED)
    assert line.startswith(name)


def test_a_figure_that_is_gone_is_named() -> None:
    now = measured({})
    del now.figures["rv32.core.flash_bytes"]
    (line,) = report.regressions(now, COMMITTED)
    assert "rv32.core.flash_bytes" in line


def test_peers_and_ratios_are_not_held() -> None:
    worse = {"rv32.window3x1024_float_peer.instructions": 200, "rv32.ratio_to_float_peer": 1.0}
    assert report.regressions(measured(worse), COMMITTED) == []


def test_another_compiler_is_named_and_not_compared() -> None:
    now = measured({"cortexm3.rfft1024.instructions": 2000}, COMPILERS | {"cortexm3": "gcc 14"})
    assert report.regressions(now, COMMITTED) == []
    (line,) = report.other_compilers(now, COMMITTED)
    assert line.startswith("cortexm3") and "gcc 14" in line


def test_the_committed_table_is_of_the_committed_figures() -> None:
    committed = json.loads(report.BASELINE.read_text())["figures"]
    made = report.DOCUMENT.read_text().split(report.BEGIN)[1]
    for name in (
        "rv32.rfft1024.instructions",
        "cortexm3.window3x1024.instructions",
        "x86_64.core.flash_bytes",
    ):
        assert f" {committed[name]:,} |" in made


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_known_instructions_are_counted_to_the_last(target: Target, tmp_path: Path) -> None:
    (tmp_path / "known.c").write_text(KNOWN_PROGRAM)
    objects = []
    for source in (tmp_path / "known.c", counting.BENCH / "stage.c"):
        objects.append(tmp_path / f"{source.stem}.o")
        flags = [*target.flags, "-O2", "-I", str(counting.BENCH), "-c"]
        counting.command([target.cc, *flags, source, "-o", objects[-1]])
    assert counting.count(target, objects, tmp_path)["nops"] == NOPS


def test_the_numpy_peer_computes_the_same_features() -> None:
    """On another machine than the bench's own, envelope included."""
    work = inputs.workload()
    samples = inputs.machine(5, impacts=0.3, imbalance=0.2, frames=8 * inputs.HOP)
    apart = np.abs(
        vib.extract(samples, work.envelope).astype(int) - NumpyPeer(work.envelope).extract(samples)
    )
    assert apart.max() <= 3
