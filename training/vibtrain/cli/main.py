"""`vibtrain`: recordings to a model package, and what it is worth."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vibtrain.cli import data, search
from vibtrain.cli.extras import is_installed, needs_extra
from vibtrain.cli.option_groups import flattened
from vibtrain.cli.options import (
    Baseline,
    Json,
    LearnLoad,
    LearnSpeed,
    Package,
    Readers,
    Recordings,
    Source,
    Untold,
    announce,
    entries_of,
    errors,
    one_line_errors,
    opened,
    output,
    windows_of,
)
from vibtrain.cli.progress import reading
from vibtrain.cli.search import Limits
from vibtrain.cli.version import version_only
from vibtrain.errors import DataError

if TYPE_CHECKING:
    from vibtrain.recordings import Entry
    from vibtrain.workflows import replay

app = typer.Typer(
    help="Train a vibration anomaly model from recordings, for the sensor that will run it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.callback()(version_only)
app.add_typer(data.app, name="data")
app.command("scan")(data.scan_folder)
app.command("simulate")(data.simulate_fleet)
app.command("search")(search.find_model)


@app.command()
@flattened
def fit(
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder of the package to write.")],
    source: Source,
    or_simulate: Annotated[
        bool,
        typer.Option("--or-simulate", help="Use the simulator if the data set is not to be had, and say so."),
    ] = False,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            "--drop", help="A recording to leave out, or `flagged`: all that `data check` has findings on."
        ),
    ] = None,
    least_machines: Annotated[
        int,
        typer.Option(
            "--least-machines",
            min=1,
            help="Keep out what fewer machines than this contributed: rare leaves, faults, Gaussians, extremes.",
        ),
    ] = 1,
    limits: Limits,
    as_json: Json = False,
    readers: Readers,
) -> None:
    """Train, convert through emlearn, prove the conversion on every window, and write a model package."""
    with one_line_errors():
        from vibtrain.packaging import compiler
        from vibtrain.packaging.package import refuse_other_folder

        refuse_other_folder(out)
        compiler.command()  # before minutes of training
        read = opened(source, readers, or_simulate)
        from vibtrain.judging.evaluation_table import print_dropped, print_evaluation
        from vibtrain.packaging import costs
        from vibtrain.workflows import pipeline, quality

        windows = read.windows
        chosen = dataclasses.replace(read.chosen, least_machines=least_machines)
        facts: dict[str, Any] = {"package": str(out), "dropped": {}}
        if drop:
            with reading(read.entries, read.workers, errors, "checking") as (watched, done):
                dropped = quality.drop(drop, watched, windows, read.chosen, read.workers, done)
            facts |= {"dropped": dropped.reasons, "change": quality.change(dropped, windows, read.chosen)}
            windows = dropped.kept
        costs.refuse_over(limits.budget(), windows, chosen)
        outcome = pipeline.make_package(out, chosen, windows, announce, facts["dropped"])
        if as_json:
            print(json.dumps(facts | {"digest": outcome.digest} | outcome.evaluation))
            return
        if drop:
            print_dropped(output, facts["dropped"], facts["change"])
        print_evaluation(output, outcome.evaluation)
        output.print(
            f"Proved on {outcome.proof.windows} windows: {outcome.proof.class_differences} classes differ, "
            f"scores within {outcome.proof.score_error_steps:.2f} step of the float model."
        )
        output.print(
            f"Package {out}, digest {outcome.digest}, warning from score {outcome.warning}.", soft_wrap=True
        )


@app.command("evaluate")
@flattened
def evaluate_package(
    *,
    path: Package,
    recordings: Recordings = None,
    baseline_s: Baseline = None,
    learn_speed: LearnSpeed = None,
    learn_load: LearnLoad = None,
    untold: Untold = False,
    as_json: Json = False,
    readers: Readers,
) -> None:
    """What a package is worth, window by window and alert by alert, on the data set that it was trained on or on
    --recordings; held-out groups are those of machine, speed and load not trained on."""
    with one_line_errors():
        workers = readers.workers()
        from vibtrain.packaging import package

        model, description = package.read(path)
        made_for = package.configuration(description)
        windows = windows_of(made_for, entries_of(made_for, recordings), workers)
        from vibtrain.features.config import Selection
        from vibtrain.judging import evaluate
        from vibtrain.judging.evaluation_table import print_evaluation

        learn = Selection(speed_rpm=tuple(learn_speed or ()), load=tuple(learn_load or ()))
        trained = package.trained_on(description)
        summary = evaluate.summary(
            evaluate.evaluate(
                model,
                windows,
                trained,
                baseline_s,
                learn=learn if learn != Selection() else None,
                told=not untold,
            )
        )
        if as_json:
            print(json.dumps(summary))
        else:
            print_evaluation(output, summary)


@app.command("report")
@flattened
def write_report(
    *,
    path: Package,
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")],
    recordings: Recordings = None,
    baseline_s: Baseline = None,
    searched: Annotated[
        Path | None,
        typer.Option("--search", help="What `vibtrain search --json` printed: shows its frontier."),
    ] = None,
    readers: Readers,
) -> None:
    """Write what a package is worth, with plots, into one HTML file that needs nothing else, and the same as JSON."""
    with one_line_errors():
        _refuse_without_plots()
        workers = readers.workers()
        from vibtrain.packaging import package

        model, description = package.read(path)
        made_for = package.configuration(description)
        entries = entries_of(made_for, recordings)
        windows = windows_of(made_for, entries, workers)
        from vibtrain.data.survey import survey
        from vibtrain.judging import evaluate
        from vibtrain.report import report
        from vibtrain.workflows import quality

        judged = evaluate.evaluate(model, windows, package.trained_on(description), baseline_s)
        with reading(entries, workers, errors, "checking") as (watched, done):
            found = quality.findings(survey(watched, done, workers), windows, made_for)
            material = report.gather(model, judged, description, watched, found, workers)
        if searched:
            material = dataclasses.replace(material, search=search.read(searched))
        beside = report.write(out, material)
        output.print(f"Wrote {out} and {beside}", soft_wrap=True)


def _refuse_without_plots() -> None:
    """Before minutes of reading."""
    if not is_installed("matplotlib"):
        raise DataError(
            "a report needs matplotlib, which is not installed; install it: pip install 'vibnode[report]'"
        )


@app.command("crossval")
@flattened
def cross_validate(
    *,
    by: Annotated[str, typer.Option("--by", help="What is left out: machine, session, speed or load.")],
    source: Source,
    baselines_s: Annotated[
        list[float] | None,
        typer.Option(
            "--baseline",
            min=0.0,
            help="Seconds of healthy running to learn first; may be given again. 0: none.",
        ),
    ] = None,
    untold: Untold = False,
    as_json: Json = False,
    readers: Readers,
) -> None:
    """Leave each machine, session, speed or load out in turn, train on the rest, and judge on what was left out."""
    with one_line_errors():
        read = opened(source, readers)
        from vibtrain.judging.evaluation_table import print_cross_validation
        from vibtrain.workflows import crossval

        results = crossval.cross_validate(
            read.windows, read.chosen, by, baselines_s or crossval.BASELINES_S, announce, told=not untold
        )
        summary = crossval.summary(results, by)
        if as_json:
            print(json.dumps(summary))
        else:
            print_cross_validation(output, summary)


@app.command("replay")
@flattened
def write_replay(
    *,
    items: Annotated[list[str], typer.Argument(help="Recordings in order, each NAME:SECONDS.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the samples and playlist.json.")],
    source: Source,
) -> None:
    """Write recordings as the sensor would have sampled them, for a virtual sensor to play."""
    with one_line_errors():
        chosen, entries = source.read()
        from vibtrain.workers import HERE
        from vibtrain.workflows import replay

        by_name = {entry.name: entry for entry in entries}
        playlist = [_playlist_item(text, by_name) for text in items]
        with reading([item.entry for item in playlist], HERE, errors) as (watched, done):
            played = [dataclasses.replace(item, entry=w) for item, w in zip(playlist, watched, strict=True)]
            written = replay.write_playlist(out, played, chosen, done)
        output.print(f"Wrote {written}", soft_wrap=True)


def _playlist_item(text: str, by_name: dict[str, Entry]) -> replay.Item:
    from vibtrain.workflows import replay

    name, _, seconds = text.rpartition(":")
    if name not in by_name:
        raise DataError(
            f"{text!r}: no recording {name!r}; accepted: NAME:SECONDS with a name such as {min(by_name)}"
        )
    try:
        duration_s = float(seconds)
    except ValueError:
        duration_s = 0.0
    if not 0 < duration_s < math.inf:
        raise DataError(f"{text!r}: seconds {seconds!r}; accepted: a number above 0")
    return replay.Item(by_name[name], duration_s)


def main() -> None:
    """Entry point of the command."""
    with needs_extra("vibtrain", "train"):
        app()


if __name__ == "__main__":
    main()
