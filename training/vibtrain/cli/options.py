"""What the commands of `vibtrain` share: options, how recordings are named and read, errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from vibtrain.cli.progress import reading
from vibtrain.errors import ConversionError, DataError

if TYPE_CHECKING:
    from vibtrain.features.config import TrainingConfig
    from vibtrain.features.extraction import Windows
    from vibtrain.recordings import Entry
    from vibtrain.workers import Workers

DEFAULT_CONFIG, DEFAULT_SENSOR = "adi-motor", "adxl345"
output = Console(width=None if sys.stdout.isatty() else 120)
errors = Console(stderr=True)

Recordings = Annotated[
    Path | None,
    typer.Option("--recordings", help="A manifest (CSV or TOML) in place of the configuration's data set."),
]
Sensor = Annotated[
    str | None,
    typer.Option(
        "--sensor",
        help="With --recordings and no --config: the accelerometer that will run the model.  \\[default: adxl345]",
    ),
]
Package = Annotated[Path, typer.Argument(help="A model package, a folder that `vibtrain fit` made.")]
Baseline = Annotated[
    float | None,
    typer.Option(
        "--baseline",
        min=0.0,
        help="Seconds of healthy running to learn first, 0 for none.  "
        "\\[default: half of the first recording, up to 300]",
    ),
]
Untold = Annotated[
    bool,
    typer.Option("--untold", help="Tell the device no speed and load, though recordings state them."),
]
LearnSpeed = Annotated[
    list[float] | None,
    typer.Option(
        "--learn-speed",
        help="The device learns the healthy recordings of this speed in rpm, and is judged on the others; may be given "
        "again.",
    ),
]
LearnLoad = Annotated[
    list[str] | None,
    typer.Option("--learn-load", help="The same of a load, in the recordings' own words."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@dataclass(frozen=True)
class Source:
    """Which recordings, and with which configuration."""

    config_name: Annotated[
        str | None,
        typer.Option(
            "--config",
            help="A built-in configuration's name or a .toml file.  "
            "\\[default: adi-motor; with --recordings one of its own]",
        ),
    ] = None
    recordings: Recordings = None
    sensor: Sensor = None
    settle_s: Annotated[
        float | None,
        typer.Option(
            "--settle",
            min=0.0,
            help="With --recordings and no --config: seconds to leave out of each one's beginning; see `data check`.  "
            "\\[default: 0]",
        ),
    ] = None
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Use the built-in simulator in place of recordings.")
    ] = False

    def read(self, or_simulate: bool = False) -> tuple[TrainingConfig, list[Entry]]:
        """The configuration and the catalogue that these options name. Raises `DataError`."""
        if self.simulate and self.recordings is not None:
            raise DataError(f"--simulate and --recordings {self.recordings}; accepted: one of them")
        from vibtrain.data import manifest
        from vibtrain.data.registry import DataUnavailable
        from vibtrain.features import config

        if self.recordings is not None and self.config_name is None:
            from vibtrain.workflows import pipeline

            entries = manifest.catalogue(self.recordings)
            sensor = self.sensor or DEFAULT_SENSOR
            return pipeline.general(self.recordings, entries, sensor, self.settle_s or 0.0), entries
        self._refuse_without_recordings()
        chosen = config.load(self.config_name or DEFAULT_CONFIG)
        _say_other_rate(chosen)
        if self.recordings is not None or not self.simulate:
            try:
                return chosen, entries_of(chosen, self.recordings)
            except DataUnavailable as error:
                if not or_simulate:
                    raise
                errors.print(f"{error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
        errors.print("SIMULATED data: these figures say nothing about a real machine.", style="bold yellow")
        from vibtrain.workflows import pipeline

        chosen = pipeline.simulated(chosen)
        return chosen, pipeline.entries_of(chosen)

    def _refuse_without_recordings(self) -> None:
        """Nothing that was asked for is passed over: a configuration has a sensor, and what settles, of its own."""
        of = f"the configuration {self.config_name or DEFAULT_CONFIG}"
        for option, value in (("--sensor", self.sensor), ("--settle", self.settle_s)):
            if value is not None:
                raise DataError(
                    f"{option} {value}: {of} has its own; accepted: {option} with --recordings and without --config"
                )


@dataclass(frozen=True)
class Readers:
    """Who reads recordings, and how many at a time."""

    jobs: Annotated[
        int | None,
        typer.Option("--jobs", help="Recordings to read at a time.  \\[default: one a processor]"),
    ] = None
    backend: Annotated[
        str, typer.Option("--backend", help="Who computes features: threads, processes or dask.")
    ] = "threads"
    scheduler: Annotated[
        str, typer.Option("--scheduler", help="With --backend dask: the address of your cluster's scheduler.")
    ] = ""

    def workers(self) -> Workers:
        """Raises `DataError` where these options contradict each other."""
        from vibtrain.workers import Workers

        return Workers(self.backend, self.jobs, self.scheduler)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Errors of the data or the model end the program with one line and exit code 1."""
    try:
        yield
    except (DataError, ConversionError, OSError) as error:
        errors.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def announce(step: str) -> None:
    """Say what begins."""
    errors.print(f"{step} ...", style="dim", markup=False)


def _say_other_rate(chosen: TrainingConfig) -> None:
    """A configuration may ask for a rate that its chip has not, to study what is in a band."""
    chip = chosen.chip()
    if chip.rate_hz not in chip.rates_hz:
        has = ", ".join(f"{rate:g}" for rate in chip.rates_hz)
        errors.print(
            f"note: for {chip.rate_hz:g} Hz, as the configuration asks; no device takes the model: the rates of its "
            f"{chip.name} are {has} Hz",
            markup=False,
            soft_wrap=True,
        )


def entries_of(chosen: TrainingConfig, recordings: Path | None) -> list[Entry]:
    """The recordings of a manifest, or of the configuration's data set. Raises `DataError`."""
    if recordings is not None:
        from vibtrain.data import manifest

        return manifest.catalogue(recordings)
    from vibtrain.workflows import pipeline

    return pipeline.entries_of(chosen, announce=lambda line: errors.print(line, markup=False))


@dataclass(frozen=True)
class Opened:
    """Recordings that were read. `entries`: their catalogue; `workers`: who read them."""

    chosen: TrainingConfig
    entries: list[Entry]
    windows: list[Windows]
    workers: Workers


def opened(source: Source, readers: Readers, or_simulate: bool = False) -> Opened:
    """What `source` names, read by `readers`. Raises `DataError`."""
    workers = readers.workers()
    chosen, entries = source.read(or_simulate)
    return Opened(chosen, entries, windows_of(chosen, entries, workers), workers)


def windows_of(chosen: TrainingConfig, entries: list[Entry], workers: Workers) -> list[Windows]:
    """Features of all recordings, with a bar that shows the time left. Raises `DataError`."""
    from vibtrain.workflows import pipeline

    with reading(entries, workers, errors) as (watched, done):
        return pipeline.windows_of(chosen, watched, done, workers)
