"""`vibtrain data`: the published data sets, and a look at recordings before training on them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, track
from rich.table import Column, Table

from vibtrain import dataset_loaders, manifest, registry, scan, simulator
from vibtrain.recordings import DataError, Entry
from vibtrain.survey import Figures, survey

app = typer.Typer(help="Published data sets and recordings.", no_args_is_help=True)
_WIDTH_IN_A_FILE = 160
_console = Console(width=None if sys.stdout.isatty() else _WIDTH_IN_A_FILE)
_to_stderr = Console(stderr=True)
_HEADS = ("recording", "label", "rpm", "load", "s", "rms x y z, m/s²", "peak, m/s²", "kurtosis", "findings")

Name = Annotated[str, typer.Argument(help="Name of a data set, as `list` shows it.")]


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        _to_stderr.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


@app.command("list")
def list_datasets() -> None:
    """List the data sets, their licences, and which are on this machine."""
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
    with _one_line_errors():
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
    to: Annotated[Path | None, typer.Option(help="Folder to put the files in [default: the cache].")] = None,
) -> None:
    """Download a data set; every file is checked against its SHA-256. Files already here are checked too."""
    with _one_line_errors():
        data = registry.dataset(name)
        _say(data.licence_notice())
        present, missing = registry.find(data)
        if not data.files:
            raise registry.DataUnavailable(f"{name}: nothing to download here; get it from {data.source}")
        for file in data.files:
            if file.name in present:
                registry.read_verified(present[file.name], file)
        folder = to or registry.cache_folder() / name
        wanted = data.files if to else missing
        if wanted:
            _download(data, wanted, folder)
        _say(f"{len(present)} files were here, {len(wanted)} were downloaded; all checksums are right")


@app.command()
def check(
    recordings: Annotated[
        str, typer.Argument(help="Name of a data set, a manifest (.csv, .toml), or `simulated`.")
    ],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
) -> None:
    """Measure every recording and name those that look clipped, stuck or duplicated."""
    with _one_line_errors():
        entries = _catalogue(recordings)
        progress = track(entries, description="reading", console=_to_stderr, transient=True)
        figures = list(survey(entry.read() for entry in progress))
    rows = [_cells(figure) for figure in figures]
    if markdown:
        for row in (_HEADS, ("---",) * len(_HEADS), *rows):
            print("| " + " | ".join(row) + " |")
        return
    table = Table(*_HEADS)
    for row in rows:
        table.add_row(*row)
    _console.print(table)


def scan_folder(
    folder: Annotated[Path, typer.Argument(help="Folder of recordings; folders in it are looked into too.")],
    out: Annotated[
        Path | None, typer.Option(help="Manifest to write [default: manifest.csv in that folder].")
    ] = None,
) -> None:
    """Guess a manifest for a folder of recordings: correct it, above all where it says `?`, then train on it."""
    target = out or folder / "manifest.csv"
    with _one_line_errors():
        progress = track(scan.find(folder), description="reading", console=_to_stderr, transient=True)
        guesses = [scan.guess(file, target.parent) for file in progress]
        scan.write_manifest(target, guesses)
    table = Table(Column("file", overflow="fold"), "rate, Hz", "columns", "unit", "label")
    for guess in guesses:
        if guess.trouble:
            _to_stderr.print(f"left out: {guess.trouble}", markup=False, highlight=False, soft_wrap=True)
        else:
            table.add_row(
                guess.fields["file"], *(_guessed(guess, f) for f in ("rate_hz", "columns", "unit", "label"))
            )
    _console.print(table)
    unknown = sum("?" in guess.fields.values() for guess in guesses)
    _say(
        f"Wrote {target}: {len(guesses)} files"
        + (f"; {unknown} have a `?` to be filled in" if unknown else "")
    )


def _guessed(guess: scan.Guess, field: str) -> str:
    value = guess.fields[field]
    if field == "unit" and guess.fields["scale"]:
        value += f" x {guess.fields['scale']}"
    return f"{value} ({guess.reasons[field]})"


def _catalogue(recordings: str) -> list[Entry]:
    if recordings == "simulated":
        return simulator.catalogue()
    if recordings.endswith((".csv", ".toml")):
        return manifest.catalogue(Path(recordings))
    return dataset_loaders.catalogue(recordings, announce=_say)


def _cells(figures: Figures) -> tuple[str, ...]:
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
        "; ".join(figures.findings),
    )


def _download(data: registry.Dataset, files: tuple[registry.DataFile, ...], folder: Path) -> None:
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
