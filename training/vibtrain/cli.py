"""`vibtrain`: recordings to a model package, and what it is worth."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from vibtrain import cli_data, config, evaluate, manifest, package, pipeline, replay
from vibtrain.config import TrainingConfig
from vibtrain.features import Windows
from vibtrain.proof import ConversionError
from vibtrain.recordings import DataError, Entry
from vibtrain.registry import DataUnavailable

app = typer.Typer(
    help="Train a vibration anomaly model from recordings, for the sensor that will run it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_data.app, name="data")
app.command("scan")(cli_data.scan_folder)
_console = Console(width=None if sys.stdout.isatty() else 120)
_errors = Console(stderr=True)

Config = Annotated[str, typer.Option("--config", help="A built-in configuration's name, or a .toml file.")]
Recordings = Annotated[
    Path | None,
    typer.Option("--recordings", help="A manifest (CSV or TOML) in place of the configuration's data set."),
]
Simulate = Annotated[
    bool, typer.Option("--simulate", help="Use the built-in simulator in place of recordings.")
]
Package = Annotated[Path, typer.Argument(help="A model package, a folder that `vibtrain fit` made.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Errors of the data or the model end the program with one line and exit code 1."""
    try:
        yield
    except (DataError, ConversionError, OSError) as error:
        _errors.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


@app.command()
def fit(
    out: Annotated[Path, typer.Option("--out", help="Folder of the package to write.")],
    config_name: Config = "adi-motor",
    recordings: Recordings = None,
    simulate: Simulate = False,
    or_simulate: Annotated[
        bool,
        typer.Option("--or-simulate", help="Use the simulator if the data set is not to be had, and say so."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Train, convert through emlearn, prove the conversion on every window, and write a model package."""
    with one_line_errors():
        chosen, entries = _source(config_name, recordings, simulate, or_simulate)
        windows = _windows(chosen, entries)
        outcome = pipeline.make_package(
            out, chosen, windows, lambda step: _errors.print(f"{step} ...", style="dim")
        )
        if as_json:
            print(json.dumps({"package": str(out), "digest": outcome.digest} | outcome.evaluation))
            return
        _print_evaluation(outcome.evaluation)
        _console.print(
            f"Proved on {outcome.proof.windows} windows: {outcome.proof.class_differences} classes differ, "
            f"scores within {outcome.proof.score_error_steps:.2f} step of the float model."
        )
        _console.print(
            f"Package {out}, digest {outcome.digest}, warning from score {outcome.warning}.", soft_wrap=True
        )


@app.command("evaluate")
def evaluate_package(
    path: Package,
    config_name: Config = "adi-motor",
    recordings: Recordings = None,
    simulate: Simulate = False,
    as_json: Json = False,
) -> None:
    """Window-level figures of a package, for each machine, speed and load; held-out ones are those not trained on."""
    with one_line_errors():
        model, description = package.read(path)
        chosen, entries = _source(config_name, recordings, simulate)
        if chosen.core_config() != model.config():
            raise DataError(
                f"{path}: made for {model.config()}, the configuration {config_name} says {chosen.core_config()}"
            )
        conditions = evaluate.evaluate(model, _windows(chosen, entries), package.selection(description))
        summary = evaluate.summary(conditions)
        if as_json:
            print(json.dumps(summary))
        else:
            _print_evaluation(summary)


@app.command("replay")
def write_replay(
    items: Annotated[list[str], typer.Argument(help="Recordings in order, each NAME:SECONDS.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the samples and playlist.json.")],
    config_name: Config = "adi-motor",
    recordings: Recordings = None,
    simulate: Simulate = False,
) -> None:
    """Write recordings as the sensor would have sampled them, for a virtual sensor to play."""
    with one_line_errors():
        chosen, entries = _source(config_name, recordings, simulate)
        by_name = {entry.name: entry for entry in entries}
        playlist = [_playlist_item(text, by_name) for text in items]
        _console.print(f"Wrote {replay.write_playlist(out, playlist, chosen)}", soft_wrap=True)


def _playlist_item(text: str, by_name: dict[str, Entry]) -> replay.Item:
    name, _, seconds = text.rpartition(":")
    if name not in by_name:
        raise DataError(
            f"{text!r}: no recording {name!r}, accepted: NAME:SECONDS with a name such as {min(by_name)}"
        )
    try:
        return replay.Item(by_name[name], float(seconds))
    except ValueError:
        raise DataError(f"{text!r}: seconds {seconds!r}, accepted: a number") from None


def _source(
    config_name: str, recordings: Path | None, simulate: bool, or_simulate: bool = False
) -> tuple[TrainingConfig, list[Entry]]:
    chosen = config.load(config_name)
    if recordings is not None:
        return chosen, manifest.catalogue(recordings)
    if not simulate:
        try:
            return chosen, pipeline.entries_of(
                chosen, announce=lambda line: _errors.print(line, markup=False)
            )
        except DataUnavailable as error:
            if not or_simulate:
                raise
            _errors.print(f"{error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    _errors.print("SIMULATED data: these figures say nothing about a real machine.", style="bold yellow")
    chosen = pipeline.simulated(chosen)
    return chosen, pipeline.entries_of(chosen)


def _windows(chosen: TrainingConfig, entries: list[Entry]) -> list[Windows]:
    with Progress(console=_errors, transient=True) as bar:
        task = bar.add_task("recordings", total=len(entries))
        return pipeline.windows_of(chosen, entries, lambda name: bar.advance(task))


def _print_evaluation(summary: dict[str, Any]) -> None:
    table = Table(
        "machine", "rpm", "load", "", "AUC", "AUC", "false alarms", "recall", "class acc.", "windows"
    )
    table.add_row(
        "", "", "", "", "plain", "baseline", "baseline", "baseline", "baseline", "h / f", style="dim"
    )
    for c in summary["conditions"]:
        plain, learnt = c["without_baseline"], c["with_baseline"] or {}
        table.add_row(
            c["machine"],
            "" if c["speed_rpm"] is None else f"{c['speed_rpm']:g}",
            c["load"],
            "trained" if c["trained"] else "held out",
            _figure(plain["window_auc"]),
            *(_figure(learnt.get(k)) for k in ("window_auc", "false_alarm_rate", "recall", "class_accuracy")),
            f"{plain['healthy_windows']} / {plain['fault_windows']}",
        )
    plain, learnt = summary["without_baseline"], summary["with_baseline"]
    table.add_section()
    table.add_row(
        "mean", "", "", "held out", _figure(plain["window_auc"]),
        *(_figure(learnt[k]) for k in ("window_auc", "false_alarm_rate", "recall", "class_accuracy")), "",
    )  # fmt: skip
    _console.print(table)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> None:
    """Entry point of the command."""
    app()


if __name__ == "__main__":
    main()
