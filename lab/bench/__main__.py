"""`make bench`: measure, print the table, write build/bench.json, and fail where a figure has grown over 5 %.

With --accept the committed table becomes what was measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from lab.device import counting as device
from lab.device import simulation
from lab.device.chips import CHIPS

from . import counting, host, python_peer, report
from .inputs import MODELS, Workload, workload, write_headers
from .targets import LEVEL, RV32, TARGETS, Target

BUILD = Path(__file__).parents[2] / "build"
FOLDER = BUILD / "bench"


def target_figures(target: Target, work: Workload, level: str = LEVEL) -> dict[str, int]:
    """Every figure of a target, by its name without the target's."""
    folder = FOLDER / target.name / level.strip("-")
    objects = counting.compile_all(target, level, FOLDER / "generated", folder)
    raw = counting.count(target, objects, folder)
    differs = max(raw["peer_differs"], raw["peer_differs_envelope"]) / 1000
    if differs > host.STEPS_APART:
        message = f"{differs} steps off the core's features; accepted: {host.STEPS_APART}"
        raise counting.BenchFailure(f"{target.name}: the float peer is {message}")
    names = (
        "push",
        "block",
        "rfft1024",
        "envelope",
        *MODELS,
        "forest_inline",
        "forest_table",
        "float_fft1024",
        "course",
    )
    figures = {f"{name}.instructions": raw[name] for name in names}
    figures["bearing.instructions"] = raw["envelope_bearing"] - raw["envelope"]
    figures["spectrum.instructions"] = raw["features3x1024"] // 3 - raw["block"] - raw["rfft1024"]
    stacks = {name.removeprefix("stack."): n for name, n in raw.items() if name.startswith("stack.")}
    figures |= {f"{name}.stack_bytes": n for name, n in stacks.items()}
    apart_from_features = raw["push"] + raw["mahalanobis"] + raw["forest_inline"]
    figures["turn.instructions"] = raw["scan_turn"] - raw["scan"]
    more = (
        raw["features3x1024_by_angle"] - raw["features3x1024_envelope"] - 3 * figures["bearing.instructions"]
    )
    figures["by_angle.instructions"] = more // 3 - figures["turn.instructions"]
    figures["window3x1024_by_angle.instructions"] = (
        raw["features3x1024_by_angle"] + raw["course"] + apart_from_features
    )
    for kind in ("", "_envelope"):
        figures[f"window3x1024{kind}.instructions"] = raw[f"features3x1024{kind}"] + apart_from_features
        figures[f"window3x1024{kind}_float_peer.instructions"] = raw[f"float_peer3x1024{kind}"]
        if stacks:
            figures[f"window3x1024{kind}.ram_bytes"] = raw[f"memory{kind}"] + max(stacks.values())
    return figures | counting.sizes(target, objects) | {"forest_table.flash_bytes": work.table_bytes}


def measure() -> report.Measured:
    """Everything that the table has. Raises `BenchFailure`."""
    work = workload()
    write_headers(work, FOLDER / "generated")
    figures: dict[str, float] = {}
    for target in TARGETS:
        print(f"{target.title}: counting", flush=True)
        found = target_figures(target, work)
        figures |= {f"{target.name}.{name}": n for name, n in found.items()}
        for kind in ("", "_envelope"):
            peer, core = (found[f"window3x1024{kind}{who}.instructions"] for who in ("_float_peer", ""))
            figures[f"{target.name}.ratio_to_float_peer{kind}"] = round(peer / core, 2)
    small = target_figures(RV32, work, "-Os")
    figures["rv32.window3x1024_os.instructions"] = small["window3x1024.instructions"]
    figures["rv32.core_os.flash_bytes"] = small["core.flash_bytes"]
    print("plain Python on MicroPython: counting", flush=True)
    plain_python = python_peer.instructions(work, FOLDER / "plain_python")
    figures["x86_64.window3x1024_plain_python.instructions"] = plain_python
    figures["x86_64.ratio_to_plain_python"] = round(
        plain_python / figures["x86_64.window3x1024.instructions"], 1
    )
    for chip in CHIPS.values():
        print(f"the application on a {chip.name}: counting", flush=True)
        figures |= device.figures(chip, BUILD / "bench" / "device")
    print("ten minutes of each on a clock that is charged with that", flush=True)
    figures["device.gaps_per_hour.c3_cpi13"] = simulation.per_hour(figures, 600)
    print("accuracy, and batches on this computer", flush=True)
    host_cc = TARGETS[-1].cc
    figures["rfft1024.snr_db"] = host.rfft_snr_db(host_cc, FOLDER / "host", 0)
    figures["rfft1024_minus40dbfs.snr_db"] = host.rfft_snr_db(host_cc, FOLDER / "host", -40)
    figures |= host.extraction(work.envelope)
    compilers = {t.name: counting.compiler_version(t) for t in TARGETS}
    return report.Measured(compilers | {"device": compilers["rv32"]}, figures)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="commit to what is measured now")
    accept = parser.parse_args().accept
    try:
        measured = measure()
    except counting.BenchFailure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    (BUILD / "bench.json").write_text(json.dumps(measured.figures, indent=1, sort_keys=True) + "\n")
    made = report.table(measured)
    print(f"\n{made}\n")
    if accept:
        report.write(measured, report.BASELINE)
        report.DOCUMENT.write_text(report.into_document(report.DOCUMENT.read_text(), made))
        print(f"accepted: {report.BASELINE.name} and {report.DOCUMENT.name} are rewritten")
        return 0
    committed = report.read(report.BASELINE)
    for line in report.other_compilers(measured, committed):
        print(line)
    worse = report.regressions(measured, committed)
    for line in worse:
        print(f"error: {line}", file=sys.stderr)
    return 1 if worse else 0


sys.exit(main())
