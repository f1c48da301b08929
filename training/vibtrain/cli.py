"""`vibtrain`: recordings to a model package, and what it is worth."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from vibtrain import cli_data, config, crossval, evaluate, manifest, package, pipeline, replay
from vibtrain.config import TrainingConfig
from vibtrain.evaluation_table import print_cross_validation, print_evaluation
from vibtrain.features import Windows
from vibtrain.proof import ConversionError
from vibtrain.recordings import DataError, Entry
from vibtrain.registry import DataUnavailable
from vibtrain.survey import survey

app = typer.Typer(
    help="Train a vibration anomaly model from recordings, for the sensor that will run it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_data.app, name="data")
app.command("scan")(cli_data.scan_folder)
DEFAULT_CONFIG, DEFAULT_SENSOR = "adi-motor", "adxl345"
_console = Console(width=None if sys.stdout.isatty() else 120)
_errors = Console(stderr=True)

Config = Annotated[
    str | None,
    typer.Option(
        "--config",
        help="A built-in configuration's name or a .toml file [default: adi-motor; with --recordings one of its own].",
    ),
]
Sensor = Annotated[
    str,
    typer.Option(
        "--sensor", help="With --recordings and no --config: the accelerometer that will run the model."
    ),
]
Recordings = Annotated[
    Path | None,
    typer.Option("--recordings", help="A manifest (CSV or TOML) in place of the configuration's data set."),
]
Simulate = Annotated[
    bool, typer.Option("--simulate", help="Use the built-in simulator in place of recordings.")
]
Package = Annotated[Path, typer.Argument(help="A model package, a folder that `vibtrain fit` made.")]
Baseline = Annotated[
    float | None,
    typer.Option(
        "--baseline",
        help="Seconds of healthy running to learn first, 0 for none [default: half of the first recording, up to 300].",
    ),
]
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
    config_name: Config = None,
    recordings: Recordings = None,
    sensor: Sensor = DEFAULT_SENSOR,
    simulate: Simulate = False,
    or_simulate: Annotated[
        bool,
        typer.Option("--or-simulate", help="Use the simulator if the data set is not to be had, and say so."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Train, convert through emlearn, prove the conversion on every window, and write a model package."""
    with one_line_errors():
        chosen, entries = _source(config_name, recordings, sensor, simulate, or_simulate)
        windows = _windows(chosen, entries)
        outcome = pipeline.make_package(out, chosen, windows, _announce)
        if as_json:
            print(json.dumps({"package": str(out), "digest": outcome.digest} | outcome.evaluation))
            return
        print_evaluation(_console, outcome.evaluation)
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
    recordings: Recordings = None,
    baseline_s: Baseline = None,
    as_json: Json = False,
) -> None:
    """What a package is worth, window by window and alert by alert, on the data set that it was trained on or on
    --recordings; held-out groups are those of machine, speed and load not trained on."""
    with one_line_errors():
        model, description = package.read(path)
        made_for = package.configuration(description)
        entries = _entries(made_for, recordings)
        judged = evaluate.evaluate(model, _windows(made_for, entries), made_for.train, baseline_s)
        summary = evaluate.summary(judged)
        if as_json:
            print(json.dumps(summary))
        else:
            print_evaluation(_console, summary)


@app.command("report")
def write_report(
    path: Package,
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")],
    recordings: Recordings = None,
    baseline_s: Baseline = None,
) -> None:
    """Write what a package is worth, with plots, into one HTML file that needs nothing else."""
    with one_line_errors():
        report = _report_module()
        model, description = package.read(path)
        made_for = package.configuration(description)
        entries = _entries(made_for, recordings)
        judged = evaluate.evaluate(model, _windows(made_for, entries), made_for.train, baseline_s)
        report.write(out, judged, description, list(survey(entry.read() for entry in entries)))
        _console.print(f"Wrote {out}", soft_wrap=True)


def _report_module() -> ModuleType:
    """Matplotlib takes a second to import and is an extra: only a report needs it."""
    try:
        return importlib.import_module("vibtrain.report")
    except ImportError as error:
        raise DataError(
            f"a report needs {error.name}, which is not installed; accepted after: pip install 'vibnode[report]'"
        ) from None


@app.command("crossval")
def cross_validate(
    by: Annotated[str, typer.Option("--by", help="What is left out: machine, session, speed or load.")],
    config_name: Config = None,
    recordings: Recordings = None,
    sensor: Sensor = DEFAULT_SENSOR,
    simulate: Simulate = False,
    baselines_s: Annotated[
        list[float] | None,
        typer.Option(
            "--baseline", help="Seconds of healthy running to learn first; may be given again. 0: none."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Leave each machine, session, speed or load out in turn, train on the rest, and judge on what was left out."""
    with one_line_errors():
        chosen, entries = _source(config_name, recordings, sensor, simulate)
        windows = _windows(chosen, entries)
        results = crossval.cross_validate(windows, chosen, by, baselines_s or crossval.BASELINES_S, _announce)
        summary = crossval.summary(results, by)
        if as_json:
            print(json.dumps(summary))
        else:
            print_cross_validation(_console, summary)


def _announce(step: str) -> None:
    _errors.print(f"{step} ...", style="dim", markup=False)


@app.command("replay")
def write_replay(
    items: Annotated[list[str], typer.Argument(help="Recordings in order, each NAME:SECONDS.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the samples and playlist.json.")],
    config_name: Config = None,
    recordings: Recordings = None,
    sensor: Sensor = DEFAULT_SENSOR,
    simulate: Simulate = False,
) -> None:
    """Write recordings as the sensor would have sampled them, for a virtual sensor to play."""
    with one_line_errors():
        chosen, entries = _source(config_name, recordings, sensor, simulate)
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
    config_name: str | None, recordings: Path | None, sensor: str, simulate: bool, or_simulate: bool = False
) -> tuple[TrainingConfig, list[Entry]]:
    if recordings is not None and config_name is None:
        entries = manifest.catalogue(recordings)
        return pipeline.general(recordings, entries, sensor), entries
    chosen = config.load(config_name or DEFAULT_CONFIG)
    if recordings is not None or not simulate:
        try:
            return chosen, _entries(chosen, recordings)
        except DataUnavailable as error:
            if not or_simulate:
                raise
            _errors.print(f"{error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    _errors.print("SIMULATED data: these figures say nothing about a real machine.", style="bold yellow")
    chosen = pipeline.simulated(chosen)
    return chosen, pipeline.entries_of(chosen)


def _entries(chosen: TrainingConfig, recordings: Path | None) -> list[Entry]:
    if recordings is not None:
        return manifest.catalogue(recordings)
    return pipeline.entries_of(chosen, announce=lambda line: _errors.print(line, markup=False))


def _windows(chosen: TrainingConfig, entries: list[Entry]) -> list[Windows]:
    with Progress(console=_errors, transient=True) as bar:
        task = bar.add_task("recordings", total=len(entries))
        return pipeline.windows_of(chosen, entries, lambda name: bar.advance(task))


def main() -> None:
    """Entry point of the command."""
    app()


if __name__ == "__main__":
    main()
