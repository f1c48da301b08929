"""How well `vibtrain data check` finds what is wrong: faults are planted into the recordings of adi-motor, and counted.

Each row is the mean of ten draws of eight recordings of 78; found are recordings that have a finding of that kind.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator

import numpy as np
from vibtrain.data.survey import survey
from vibtrain.features import config, extraction
from vibtrain.features.extraction import Windows
from vibtrain.judging.valuation import valuations
from vibtrain.recordings import Entry, Reading, Samples
from vibtrain.workflows import pipeline, quality

PLANTED, DRAWS = 8, 10
Edit = Callable[[Samples, np.random.Generator], Samples]


def main() -> int:
    """Print a Markdown table."""
    chosen = config.load("adi-motor")
    entries = [held(entry) for entry in pipeline.entries_of(chosen, announce=lambda line: None)]
    windows = extraction.extract(entries, chosen)
    inputs = quality.compared(chosen)
    print("| planted | finding | found of 80 | others with that finding |")
    print("| --- | --- | --- | --- |")
    for title, relabel in (
        ("healthy called faulty, faulty called healthy", swapped),
        ("another fault's name", renamed),
    ):
        hits = others = 0
        for wrong, random in draws(len(windows)):
            planted = [relabel(r, windows, random) if i in wrong else r for i, r in enumerate(windows)]
            found = {i for i, v in enumerate(valuations(planted, inputs)) if v.finding}
            hits, others = hits + len(found & wrong), others + len(found - wrong)
        print(f"| {title} | out of family | {hits} | {others} |")
    for title, finding, edit in EDITS:
        hits = others = 0
        for wrong, random in draws(len(entries)):
            changed = [edited(e, edit, random) if i in wrong else e for i, e in enumerate(entries)]
            figures = survey(changed)
            found = {i for i, f in enumerate(figures) if any(w.startswith(finding) for w in f.findings)}
            hits, others = hits + len(found & wrong), others + len(found - wrong)
        print(f"| {title} | {finding} | {hits} | {others} |", flush=True)
    return 0


def draws(count: int) -> Iterator[tuple[set[int], np.random.Generator]]:
    for seed in range(DRAWS):
        random = np.random.default_rng(seed)
        yield set(random.choice(count, PLANTED, replace=False).tolist()), random


def held(entry: Entry) -> Entry:
    """The same, its samples in memory."""
    data = entry.read().data
    return dataclasses.replace(entry, reader=lambda: Reading([data]))


def edited(entry: Entry, edit: Edit, random: np.random.Generator) -> Entry:
    data = edit(entry.read().data, random)
    return dataclasses.replace(entry, reader=lambda: Reading([data]))


def swapped(r: Windows, known: list[Windows], random: np.random.Generator) -> Windows:
    return dataclasses.replace(r, label="imbalance" if r.is_healthy else "healthy", severity="")


def renamed(r: Windows, known: list[Windows], random: np.random.Generator) -> Windows:
    """A fault gets the name of another, a healthy recording that of any."""
    others = sorted({o.label for o in known if o.is_fault} - {r.label})
    return dataclasses.replace(r, label=str(random.choice(others)), severity="")


def clipped(data: Samples, random: np.random.Generator) -> Samples:
    """At 70 % of the largest deviation, as too small a range does."""
    limit = 0.7 * np.abs(data).max(axis=0)
    return np.asarray(np.clip(data, -limit, limit), np.float32)


def stuck(data: Samples, random: np.random.Generator) -> Samples:
    """One axis for 50 ms."""
    at, axis = int(random.integers(0, len(data) - 1000)), int(random.integers(0, data.shape[1]))
    changed = data.copy()
    changed[at : at + 1000, axis] = changed[at, axis]
    return changed


def in_g(data: Samples, random: np.random.Generator) -> Samples:
    return np.asarray(data / 9.80665, np.float32)


def in_thousandths(data: Samples, random: np.random.Generator) -> Samples:
    return np.asarray(data * 1000, np.float32)


LABELS = (("healthy called faulty, faulty called healthy", swapped), ("another fault's name", renamed))
EDITS: tuple[tuple[str, str, Edit], ...] = (
    ("clipped at 70 % of the peak", "clipped", clipped),
    ("one axis stuck for 50 ms", "stuck", stuck),
    ("g taken for m/s²", "mis-scaled", in_g),
    ("thousandths taken for whole", "mis-scaled", in_thousandths),
)

if __name__ == "__main__":
    sys.exit(main())
