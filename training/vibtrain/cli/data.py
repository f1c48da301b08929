"""`vibtrain data`: the published data sets, and a look at recordings before training on them."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from vibtrain.cli.option_groups import flattened
from vibtrain.cli.options import DEFAULT_SENSOR, Json, Readers, Sensor, one_line_errors, windows_of
from vibtrain.cli.progress import reading
from vibtrain.errors import DataError

if TYPE_CHECKING:
    from vibtrain.data import registry, scan
    from vibtrain.data.survey import Figures
    from vibtrain.features.config import TrainingConfig
    from vibtrain.recordings import Entry

app = typer.Typer(help="Published data sets and recordings.", no_args_is_help=True)
_WIDTH_IN_A_FILE = 160
_console = Console(width=None if sys.stdout.isatty() else _WIDTH_IN_A_FILE)
_to_stderr = Console(stderr=True)
_HEADS = ("recording", "label", "rpm", "load", "s", "rms x y z, m/s²", "peak, m/s²", "kurtosis", "findings")

Name = Annotated[str, typer.Argument(help="Name of a data set, as `list` shows it.")]


@app.command("list")
def list_datasets() -> None:
    """List the data sets, their licences, and which are on this machine."""
    from vibtrain.data import registry

    table = Table("name", "what", "files", "MB", "licence", "commercial use", "here")
    for name in registry.names():
        data = registry.dataset(name)
        present, _ = registry.find(data)
        here = f"{len(present)} of {len(data.files)}" if data.files else "information only"
        table.add_row(
            name,
            data.title,
            str(len(data.files) or ""),
            f"{data.bytes / 1e6:.0f}" if data.files else "",
            data.licence_spdx,
            data.commercial_use,
            here,
        )
    _console.print(table)


@app.command()
def info(name: Name) -> None:
    """Show where a data set comes from, its licence, and where its files were found."""
    from vibtrain.data import registry

    with one_line_errors():
        data = registry.dataset(name)
    _say(data.licence_notice())
    rows = {
        "machine": data.machine,
        "sensor": data.sensor,
        "rate": f"{data.rate_hz:g} Hz",
        "conditions": data.conditions,
        "commit": data.commit,
        "URL": data.base_url,
        "URL status": data.url_status,
        "note": data.note,
    }
    for label, text in rows.items():
        if text:
            _say(f"  {label}: {text}")
    present, missing = registry.find(data)
    if data.files:
        _say(f"  files: {len(present)} found, {len(missing)} missing, {data.bytes / 1e6:.0f} MB in all")
    for folder in sorted({path.parent for path in present.values()}):
        _say(f"  found in: {folder}")


@app.command()
def get(
    name: Name,
    to: Annotated[
        Path | None, typer.Option(help="Folder to put the files in.  \\[default: the cache]")
    ] = None,
) -> None:
    """Download a data set; every file is checked against its SHA-256. Files already here are checked too."""
    from vibtrain.data import registry

    with one_line_errors():
        data = registry.dataset(name)
        _say(data.licence_notice())
        present, missing = registry.find(data)
        if not data.files:
            raise registry.DataUnavailable(f"{name}: nothing to download here; get it from {data.source}")
        for file in data.files:
            if file.name in present:
                registry.verify(present[file.name], file)
        folder = to or registry.cache_folder() / name
        wanted = data.files if to else missing
        if wanted:
            _download(data, wanted, folder)
        _say(f"{len(present)} files were here, {len(wanted)} were downloaded; all checksums are right")


@app.command()
@flattened
def check(
    *,
    recordings: Annotated[
        str, typer.Argument(help="Name of a data set, a manifest (.csv, .toml), or `simulated`.")
    ],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    as_json: Json = False,
    sensor: Sensor = None,
    readers: Readers,
) -> None:
    """Measure every recording and name those that look clipped, stuck, gapped, duplicated, mis-scaled, or out of
    family with their label."""
    with one_line_errors():
        workers = readers.workers()
        if sensor is not None and _has_configuration(recordings):
            raise DataError(
                f"--sensor {sensor}: the configuration {recordings} has its own; accepted: --sensor with a manifest"
            )
        entries = _catalogue(recordings)
        from vibtrain.data.survey import survey
        from vibtrain.workflows import quality

        with reading(entries, workers, _to_stderr, "checking") as (watched, done):
            figures = survey(watched, done, workers)
        chosen = _configuration(recordings, entries, sensor)
        windows = windows_of(chosen, entries, workers)
        found = quality.findings(figures, windows, chosen)
        run_ups = quality.run_ups(windows, chosen)
    if as_json:
        print(json.dumps([_facts(figure, found) | _run_up(figure, run_ups) for figure in figures]))
        return
    for name, seconds in run_ups.items():
        found[name] = (*found[name], f"runs up ({seconds + chosen.settle_s:.0f} s)")
    rows = [_cells(figure, found) for figure in figures]
    if markdown:
        for row in (_HEADS, ("---",) * len(_HEADS), *rows):
            print("| " + " | ".join(row) + " |")
        return
    table = Table(*_HEADS)
    for row in rows:
        table.add_row(*row)
    _console.print(table)
    if run_ups:
        longest_s = math.ceil(max(run_ups.values()) + chosen.settle_s)
        _say(
            f"{len(run_ups)} healthy recordings begin otherwise than they go on, as a machine that runs up. "
            f"To leave that out: settle_s = {longest_s} in a configuration, or --settle {longest_s}"
        )


def scan_folder(
    folder: Annotated[Path, typer.Argument(help="Folder of recordings; folders in it are looked into too.")],
    out: Annotated[
        Path | None, typer.Option(help="Manifest to write.  \\[default: manifest.csv in that folder]")
    ] = None,
) -> None:
    """Guess a manifest for a folder of recordings: correct it, above all where it says `?`, then train on it."""
    from rich.progress import track

    from vibtrain.data import scan

    target = out or folder / "manifest.csv"
    with one_line_errors():
        progress = track(scan.find(folder), description="reading", console=_to_stderr, transient=True)
        guesses = [scan.guess(file, target.parent) for file in progress]
        scan.write_manifest(target, guesses)
    table = Table(Column("file", overflow="fold"), "rate, Hz", "columns", "unit", "label")
    for guess in guesses:
        if guess.trouble:
            _to_stderr.print(f"left out: {guess.trouble}", markup=False, highlight=False, soft_wrap=True)
        else:
            cells = (_guessed(guess, f) for f in ("rate_hz", "columns", "unit", "label"))
            table.add_row(escape(guess.fields["file"]), *map(escape, cells))
    _console.print(table)
    listed = [guess for guess in guesses if not guess.trouble]
    unknown = sum("?" in guess.fields.values() for guess in listed)
    _say(
        f"Wrote {target}: {len(listed)} of {len(guesses)} files"
        + (f"; {unknown} have a `?` to be filled in" if unknown else "")
    )


def simulate_fleet(
    folder: Annotated[
        Path, typer.Argument(help="New folder for the recordings and simulated.csv, their manifest.")
    ],
    turbines: Annotated[int, typer.Option(help="Every other one, from the first on, gets a defect.")] = 2,
    days: Annotated[int, typer.Option(help="Days of recordings.")] = 28,
    defect_day: Annotated[
        int | None,
        typer.Option(
            help="Day on which the defect begins.  \\[default: 14; --harder: drawn for each turbine]"
        ),
    ] = None,
    a_day: Annotated[int, typer.Option(help="Recordings of a turbine a day.")] = 4,
    seconds: Annotated[float, typer.Option(help="Seconds of each.")] = 10.0,
    rate_hz: Annotated[
        float | None, typer.Option("--rate", help="Samples a second.  \\[default: 20000; --harder: 6667]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed is another fleet.")] = 1,
    harder: Annotated[
        bool,
        typer.Option(
            "--harder",
            help="Turbulent wind, torque apart from speed, three gear stages, events, turbines unlike each other, six "
            "faults; the true speed beside each recording.",
        ),
    ] = False,
    axes: Annotated[int, typer.Option(help="With --harder: 1 or 3. The other simulator has 3.")] = 3,
) -> None:
    """Simulate wind turbines over weeks, for trying things: wind-driven speed, gear mesh, a growing bearing defect."""
    from rich.progress import track

    from vibtrain.data import turbine

    with one_line_errors():
        if axes != 3 and not harder:
            raise DataError(f"--axes {axes}; accepted: 3, or --harder with it")
        runs: Iterable[object]
        if harder:
            from vibtrain.data.windfarm import fleet as windfarm

            farm = windfarm.Farm(
                turbines, days, defect_day, a_day, seconds, 6667.0 if rate_hz is None else rate_hz, seed, axes
            )
            runs = windfarm.write(folder, farm)
        else:
            begin = 14 if defect_day is None else defect_day
            rate_hz = 20_000.0 if rate_hz is None else rate_hz
            runs = turbine.write(folder, turbine.Fleet(turbines, days, begin, a_day, seconds, rate_hz, seed))
        total = turbines * days * a_day
        made = list(track(runs, "simulating", total, console=_to_stderr, transient=True))
    _say(
        f"Wrote {len(made)} SIMULATED recordings and {folder / 'simulated.csv'}: they say nothing about a real machine."
    )


def _guessed(guess: scan.Guess, field: str) -> str:
    value = guess.fields[field]
    if field == "unit" and guess.fields["scale"]:
        value += f" x {guess.fields['scale']}"
    return f"{value} ({guess.reasons[field]})"


def _catalogue(recordings: str) -> list[Entry]:
    if recordings == "simulated":
        from vibtrain.data import simulator

        return simulator.catalogue()
    if recordings.endswith((".csv", ".toml")):
        from vibtrain.data import manifest

        return manifest.catalogue(Path(recordings))
    from vibtrain.data import dataset_loaders

    return dataset_loaders.catalogue(recordings, announce=_say)


def _has_configuration(recordings: str) -> bool:
    from vibtrain.features import config

    return (config.CONFIGS / f"{recordings}.toml").exists()


def _configuration(recordings: str, entries: list[Entry], sensor: str | None) -> TrainingConfig:
    """The built-in configuration of a data set, else a general one: only its features are used."""
    if _has_configuration(recordings):
        from vibtrain.features import config

        return config.load(recordings)
    from vibtrain.workflows import pipeline

    return pipeline.general(Path(recordings), entries, sensor or DEFAULT_SENSOR)


def _facts(figures: Figures, found: dict[str, tuple[str, ...]]) -> dict[str, object]:
    facts = {name: getattr(figures.condition, name) for name in ("name", "label", "speed_rpm", "load")}
    measured = {name: getattr(figures, name) for name in ("seconds", "rms", "peak", "kurtosis", "clipped")}
    return facts | measured | {"findings": found[figures.condition.name]}


def _run_up(figures: Figures, run_ups: dict[str, float]) -> dict[str, float | None]:
    return {"run_up_s": run_ups.get(figures.condition.name)}


def _cells(figures: Figures, found: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    condition = figures.condition
    return (
        condition.name,
        condition.fine_label,
        "" if condition.speed_rpm is None else f"{condition.speed_rpm:g}",
        condition.load,
        f"{figures.seconds:g}",
        " ".join(f"{value:.3g}" for value in figures.rms),
        f"{figures.peak:.3g}",
        f"{figures.kurtosis:.1f}",
        "; ".join(found[condition.name]),
    )


def _download(data: registry.Dataset, files: tuple[registry.DataFile, ...], folder: Path) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from vibtrain.data import registry

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_to_stderr, transient=True) as bar:
        task = bar.add_task(data.name, total=sum(file.bytes for file in files))
        registry.download(
            data,
            files,
            folder,
            progress=lambda file, count: bar.update(task, advance=count, description=file),
        )


def _say(text: str) -> None:
    _console.print(text, markup=False, highlight=False, soft_wrap=True)
