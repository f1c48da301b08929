"""The figures as a table, and their comparison with the committed ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .targets import TARGETS

Figures = dict[str, float]

BASELINE = Path(__file__).with_name("baseline.json")
DOCUMENT = Path(__file__).parents[2] / "docs" / "BENCH.md"
BEGIN, END = "<!-- made by make bench ACCEPT=1: begin -->", "<!-- end -->"

TOLERANCE = 0.05
# What is ours to keep small; the peers' figures and those that depend on the clock are only shown.
COMPARED = (".instructions", "_bytes", "_instructions", ".instructions_per_s", "_a_window")
PEERS = ("float_", "plain_python")

ROWS = {
    "Window of 3 x 1024, instructions": {
        "window3x1024.instructions": "whole window, no envelope",
        "window3x1024_envelope.instructions": "whole window with envelope",
        "window3x1024_by_angle.instructions": "whole window with envelope and all by angle",
        "window3x1024_os.instructions": "whole window, no envelope, at -Os",
        "window3x1024_float_peer.instructions": "float peer, no envelope",
        "window3x1024_envelope_float_peer.instructions": "float peer with envelope",
        "window3x1024_plain_python.instructions": "plain Python, no envelope",
        "ratio_to_float_peer": "float peer / core",
        "ratio_to_float_peer_envelope": "float peer / core, with envelope",
        "ratio_to_plain_python": "plain Python / core",
    },
    "Stages, instructions": {
        "push.instructions": "push 512 frames",
        "block.instructions": "block, moments and Hann, an axis",
        "rfft1024.instructions": "transform of 1024 real points",
        "float_fft1024.instructions": "the same by eml_fft",
        "spectrum.instructions": "features of the spectrum, an axis",
        "envelope.instructions": "envelope, an axis",
        "bearing.instructions": "a bearing's four frequencies, an axis",
        "course.instructions": "a course of five speeds told",
        "turn.instructions": "resampling by angle, an axis",
        "by_angle.instructions": "all by angle besides, an axis",
        "mahalanobis.instructions": "Mahalanobis of 21 features",
        "mixture.instructions": "mixture of 2 Gaussians",
        "isolation.instructions": "isolation forest of 64 trees",
        "forest_inline.instructions": "10 trees as inline code",
        "forest_table.instructions": "10 trees as a table",
    },
    "Flash, bytes": {
        "core.flash_bytes": "core without models",
        "core.tables.flash_bytes": "of it tables",
        "core_os.flash_bytes": "core without models, at -Os",
        "models.flash_bytes": "code of the models",
        "mahalanobis.flash_bytes": "Mahalanobis of 21 features",
        "mixture.flash_bytes": "mixture of 2 Gaussians",
        "isolation.flash_bytes": "isolation forest of 64 trees",
        "forest_inline.flash_bytes": "10 trees as inline code",
        "forest_table.flash_bytes": "10 trees as a table",
    },
    "RAM, bytes": {
        "window3x1024.ram_bytes": "core's memory and deepest stack, no envelope",
        "window3x1024_envelope.ram_bytes": "core's memory and deepest stack with envelope",
        "core.static_ram_bytes": "of it static",
        "features.stack_bytes": "stack of the features",
        "mahalanobis.stack_bytes": "stack of Mahalanobis",
        "mixture.stack_bytes": "stack of the mixture",
        "isolation.stack_bytes": "stack of the isolation forest",
        "forest_inline.stack_bytes": "stack of the inline trees",
        "forest_table.stack_bytes": "stack of the table's trees",
    },
}

ONCE = {
    "rfft1024.snr_db": "transform of 1024 points, full scale: signal over error, dB",
    "rfft1024_minus40dbfs.snr_db": "the same at -40 dBFS",
    "host.extract.windows_per_s": "batch on one host core, with envelope: windows a second",
    "host.extract_scipy.windows_per_s": "NumPy and SciPy, float64, a window of 3 axes at a time: the same",
    "host.extract_scipy_batch_float32.windows_per_s": "NumPy and SciPy, float32, 16 windows at a time: the same",
    "host.extract.ratio_to_scipy": "batch / NumPy, float64, a window at a time",
    "host.extract.ratio_to_scipy_batch": "batch / NumPy, float64, 16 windows at a time",
    "host.extract.ratio_to_scipy_batch_float32": "batch / NumPy, float32, 16 windows at a time",
    "host.extract.ratio_to_reference": "batch / NumPy, float64, an axis of a window at a time",
    "host.extract.ratio_to_one_by_one": "batch / the core a window at a time",
}

GOALS = {
    "rv32.rfft1024.instructions": ("<=", 60_000),
    "rv32.window3x1024.instructions": ("<=", 600_000),
    "rv32.window3x1024_envelope.instructions": ("<=", 1_000_000),
    "rv32.ratio_to_float_peer": (">=", 25),
    "rv32.core.flash_bytes": ("<=", 20_480),
    "rv32.window3x1024.ram_bytes": ("<=", 24_576),
    "rfft1024.snr_db": (">=", 90),
    "rfft1024_minus40dbfs.snr_db": (">=", 70),
    "host.extract.ratio_to_scipy": (">=", 20),
    "device.adxl345.frozen.instructions_per_s": ("<=", 25_000_000),
    "device.ism330dhcx.frozen.instructions_per_s": ("<=", 23_000_000),
    "device.iis3dwb.frozen.instructions_per_s": ("<=", 90_000_000),
    "device.kx134.frozen.instructions_per_s": ("<=", 90_000_000),
    "device.adxl345.frozen.heap_bytes": ("<=", 61_440),
    "device.gaps_per_hour.c3_cpi13": ("<=", 0),
}
DEVICE_ROWS = {
    "instructions_per_s": "instructions a second of signal",
    "bus.instructions_per_s": "of it the bus",
    "push.instructions_per_s": "of it frames into the core",
    "features.instructions_per_s": "of it features",
    "node.instructions_per_s": "of it the node",
    "longest_stretch_instructions": "longest stretch without a look at the FIFO",
    "longest_step_instructions": "longest step of the features",
    "collect.instructions": "a collection",
    "status.instructions": "a status",
    "alert.instructions": "an alert",
    "outbox_append.instructions": "an alert into the outbox",
    "learn_window.instructions": "a window learnt",
    "baseline.instructions": "the baseline of 30",
    "heap_bytes": "heap after start, bytes",
    "allocated_bytes_a_window": "allocated a window, bytes",
}


@dataclass(frozen=True)
class Measured:
    """One run: the compilers by target, and every figure by its full name."""

    compilers: dict[str, str]
    figures: Figures


def read(path: Path) -> Measured:
    """Read a committed run."""
    data = json.loads(path.read_text())
    return Measured(data["compilers"], data["figures"])


def write(measured: Measured, path: Path) -> None:
    """Write a run to be committed: what does not depend on the computer's clock."""
    steady = {name: value for name, value in measured.figures.items() if not name.startswith("host.")}
    data = {"compilers": measured.compilers, "figures": steady}
    path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")


def regressions(now: Measured, committed: Measured) -> list[str]:
    """A line for each figure over 5 % worse than committed.

    Another compiler makes other code, through no fault of a change under test: only targets whose compiler is the
    committed one are compared.
    """
    lines = []
    for name, before in sorted(committed.figures.items()):
        target = name.split(".")[0]
        if not name.endswith(COMPARED) or any(peer in name for peer in PEERS):
            continue
        if now.compilers.get(target) != committed.compilers.get(target):
            continue
        if name not in now.figures:
            lines.append(f"{name}: {before:,} in the committed table, not measured now")
        elif now.figures[name] > before * (1 + TOLERANCE):
            lines.append(
                f"{name}: {now.figures[name]:,}, {now.figures[name] / before - 1:+.1%} on {before:,}"
            )
    return lines


def other_compilers(now: Measured, committed: Measured) -> list[str]:
    """A line for each target that cannot be compared."""
    return [
        f"{target}: not compared, {version!r} here and {committed.compilers.get(target)!r} in the committed table"
        for target, version in now.compilers.items()
        if version != committed.compilers.get(target)
    ]


def table(measured: Measured) -> str:
    """All figures, in Markdown that reads well as it is."""
    parts = []
    for title, rows in ROWS.items():
        head = [title, *(target.title for target in TARGETS)]
        body = []
        for name, label in rows.items():
            cells = [measured.figures.get(f"{target.name}.{name}") for target in TARGETS]
            if any(cell is not None for cell in cells):
                body.append([label, *("-" if cell is None else f"{cell:,}" for cell in cells)])
        parts.append(_markdown(head, body))
    parts.append(_device_table(measured))
    once = [
        [label, f"{measured.figures[name]:,}"] for name, label in ONCE.items() if name in measured.figures
    ]
    parts.append(_markdown(["Once", ""], once))
    goals = [
        [
            f"`{name}`",
            f"{sign} {limit:,}",
            f"{measured.figures[name]:,}",
            "yes" if _met(measured, name) else "no",
        ]
        for name, (sign, limit) in GOALS.items()
        if name in measured.figures
    ]
    parts.append(_markdown(["Goal", "limit", "measured", "met"], goals))
    compilers = sorted(set(measured.compilers.values()))
    return "\n\n".join([*parts, "Compiled by " + "; ".join(compilers) + "."])


def _device_table(measured: Measured) -> str:
    chips = sorted({name.split(".")[1] for name in measured.figures if ".frozen." in name})
    body = []
    for name, label in DEVICE_ROWS.items():
        cells = [measured.figures.get(f"device.{chip}.frozen.{name}") for chip in chips]
        body.append([label, *("-" if cell is None else f"{cell:,}" for cell in cells)])
    return _markdown(["The application, frozen in", *chips], body)


def _met(measured: Measured, name: str) -> bool:
    sign, limit = GOALS[name]
    value = measured.figures[name]
    return value <= limit if sign == "<=" else value >= limit


def _markdown(head: list[str], body: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    lines = []
    for row in [head, rule, *body]:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def into_document(document: str, made: str) -> str:
    """The document with `made` between its marks."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"
