"""`vibtrain search`: the best model that fits a budget, and the frontier of size against detection."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from vibtrain.cli.option_groups import flattened
from vibtrain.cli.options import Json, Readers, Source, errors, one_line_errors, opened, output
from vibtrain.errors import DataError
from vibtrain.plain_words import number

if TYPE_CHECKING:
    from vibtrain.packaging.costs import Budget
    from vibtrain.workflows.search import Candidate, Found


@dataclass(frozen=True)
class Limits:
    """What a model may take on the device."""

    max_flash: Annotated[
        int | None,
        typer.Option("--max-flash", help="Bytes that model.bin may take.  \\[default: any number]"),
    ] = None
    max_instructions: Annotated[
        int | None,
        typer.Option(
            "--max-instructions",
            help="Instructions of an ESP32-C3 that a window may take, features and model.  "
            "\\[default: any number]",
        ),
    ] = None

    def budget(self) -> Budget:
        """The same, with no limit for none."""
        from vibtrain.packaging.costs import Budget

        return Budget(
            float("inf") if self.max_flash is None else self.max_flash,
            float("inf") if self.max_instructions is None else self.max_instructions,
        )


@flattened
def find_model(
    *,
    source: Source,
    limits: Limits,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="What is left out in turn: machine, session, speed or load.  \\[default: the first]",
        ),
    ] = None,
    write_config: Annotated[
        Path | None,
        typer.Option(
            "--write-config", help="Write the configuration found, a .toml for `vibtrain fit --config`."
        ),
    ] = None,
    as_json: Json = False,
    readers: Readers,
) -> None:
    """Try kinds, feature subsets and sizes on the training recordings alone, and name the best within a budget."""
    with one_line_errors():
        read = opened(source, readers)
        from rich.progress import Progress

        from vibtrain.features import config
        from vibtrain.workflows import search

        with Progress(console=errors, transient=True) as bar:
            task = bar.add_task("models", total=None)
            found = search.search(
                read.windows,
                read.chosen,
                limits.budget(),
                by,
                lambda name: bar.update(task, advance=1, description=name),
                read.workers,
            )
        if write_config:
            config.write(write_config, found.chosen)
        if as_json:
            print(json.dumps(as_data(found)))
        else:
            _print(found, write_config)


def as_data(found: Found) -> dict[str, Any]:
    """Everything as plain data for JSON."""
    return {
        "by": found.by,
        "healthy_windows": found.best.healthy_windows,
        "instructions_of": "RV32IMC, estimated from counts (costs.toml)",
        "frontier": [_facts(c, found) for c in found.frontier],
        "anomaly": [_facts(c, found) for c in found.anomaly],
        "classifiers": [_facts(c, found) for c in found.classifiers],
        "chosen": _facts(found.best, found)
        | {"classifier": found.best_classifier and _facts(found.best_classifier, found)},
    }


def read(path: Path) -> dict[str, Any]:
    """What `search --json` printed into a file. Raises `DataError` where it is something else."""
    try:
        found = json.loads(path.read_text())
    except (ValueError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict) or not {"frontier", "anomaly", "chosen"} <= set(found):
        raise DataError(f"{path}: holds something else; accepted: what `vibtrain search --json` prints")
    return found


def _facts(candidate: Candidate, found: Found) -> dict[str, Any]:
    names = ("name", "inputs", "flash_bytes", "instructions", "window_auc", "recall", "false_alarm_rate")
    return {name: getattr(candidate, name) for name in (*names, "class_accuracy")} | {
        "within_budget": candidate.judged,
        "on_frontier": candidate in found.frontier,
    }


def _print(found: Found, written: Path | None) -> None:
    table = Table("", "anomaly model", "features", "bytes", "instructions", "AUC", "recall", "windows over")
    _rows(table, found.anomaly, found)
    output.print(table)
    if found.classifiers:
        table = Table("", "classifier", "features", "bytes", "instructions", "class acc.")
        _rows(table, found.classifiers, found)
        output.print(table)
    output.print(
        f"Left out in turn: each {found.by} of the training recordings. * chosen, + on the frontier of size against "
        "detection, x over budget. Bytes: model.bin with the classifier of that row, the smallest in the first table. "
        "Instructions: of a window on RV32IMC (ESP32-C3), estimated from counts.",
        highlight=False,
    )
    equal = [c for c in found.anomaly if c.judged and c.detection >= found.best.detection]
    if len(equal) > 1:
        output.print(
            f"{len(equal)} anomaly models detect alike on {found.best.healthy_windows} healthy windows, which cannot "
            "part them: the smallest was chosen.",
            highlight=False,
        )
    if written:
        output.print(f"Wrote {written}: vibtrain fit --config {written} --out PACKAGE", soft_wrap=True)


def _rows(table: Table, candidates: Iterable[Candidate], found: Found) -> None:
    for c in candidates:
        mark = "*" if c in (found.best, found.best_classifier) else "+" if c in found.frontier else ""
        figures = (
            [number(c.class_accuracy)]
            if len(table.columns) == 6
            else [number(v) for v in (c.window_auc, c.recall, c.false_alarm_rate)]
        )
        mark = mark if c.judged else "x"
        table.add_row(mark, c.name, " ".join(c.inputs), f"{c.flash_bytes:,}", f"{c.instructions:,}", *figures)
