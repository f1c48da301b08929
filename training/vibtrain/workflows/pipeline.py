"""Recordings to a proved model package: the steps of `vibtrain fit`, for it and for whoever else wants a model."""

from __future__ import annotations

import dataclasses
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import vib

from vibtrain.data import simulator
from vibtrain.data.dataset_loaders import catalogue
from vibtrain.features import automatic, extraction
from vibtrain.features.config import TrainingConfig
from vibtrain.features.extraction import Windows
from vibtrain.recordings import Condition, DataError, Entry, instant
from vibtrain.workers import HERE, Workers

if TYPE_CHECKING:
    from vibtrain.packaging.proof import Proof

MOST_MEASURED = 20  # recordings, spread over a manifest, whose length a configuration is made for
WATCHED_S = 2.0  # of the shortest recording of machines that were watched for long
LONG_S = 10.0  # what is longer needs no configuration of its own


@dataclass(frozen=True)
class Outcome:
    """What `make_package` made. `evaluation` is `evaluate.summary`'s."""

    digest: str
    warning: int
    proof: Proof
    evaluation: dict[str, Any]


def entries_of(config: TrainingConfig, announce: Callable[[str], None] = print) -> list[Entry]:
    """The catalogue that a configuration names. Raises `DataError`."""
    if config.dataset == "simulator":
        return simulator.catalogue()
    if not config.dataset:
        raise DataError(f"{config.name}: names no data set; accepted: a manifest of recordings")
    return catalogue(config.dataset, announce=announce)


def general(manifest: Path, entries: list[Entry], sensor_name: str, settle_s: float = 0.0) -> TrainingConfig:
    """A configuration for a manifest's recordings on a sensor: see `config.general`. Raises `DataError`."""
    name = re.sub(r"[^a-z0-9]+", "-", manifest.stem.lower()).strip("-") or "model"
    with_axes = {len(entry.axes): entry.name for entry in reversed(entries)}  # the first of each
    if len(with_axes) > 1:
        found = ", ".join(f"{axes} ({name})" for axes, name in sorted(with_axes.items()))
        raise DataError(f"{manifest}: recordings of {found} axes; accepted: one number of axes for all")
    rate_hz, axes = min(entry.rate_hz for entry in entries), len(entries[0].axes)
    lengths_s = sorted(map(_seconds, entries[:: -(-len(entries) // MOST_MEASURED)]))
    usual_s = lengths_s[
        len(lengths_s) // 2
    ]  # one that is far shorter is a fault of its own, and refused later
    shortest_s = min(s for s in lengths_s if 2 * s >= usual_s) - settle_s
    return automatic.general(
        name,
        sensor_name,
        rate_hz,
        axes,
        shortest_s=shortest_s,
        settle_s=settle_s,
        every_s=snapshots_every_s(entries) or automatic.SNAPSHOT_EVERY_S,
        watched=shortest_s >= WATCHED_S and _are_watched(entries),
    )


def _are_watched(entries: list[Entry]) -> bool:
    """Whether most healthy recordings are of machines with a dozen or more, whose times are stated, and of two such."""
    from vibtrain.models.operating_line import ROAMS_RECORDINGS

    healthy = Counter(entry.machine for entry in entries if entry.is_healthy and entry.time)
    many = [count for count in healthy.values() if count >= ROAMS_RECORDINGS]
    return len(many) > 1 and 2 * sum(many) > sum(entry.is_healthy for entry in entries)


def snapshots_every_s(entries: Iterable[Condition]) -> float | None:
    """Seconds from one recording of a machine's session to the next, the median; None where no times say so."""
    sessions: dict[tuple[str, str], list[datetime]] = {}
    for entry in entries:
        if entry.time:
            sessions.setdefault((entry.machine, entry.session), []).append(instant(entry.time))
    apart = [(b - a).total_seconds() for times in sessions.values() for a, b in pairwise(sorted(times))]
    return statistics.median(apart) if apart else None


def _seconds(entry: Entry) -> float:
    """How long a recording lasts, or some seconds if it lasts longer. Raises `DataError` where it cannot be read."""
    enough = round(LONG_S * entry.rate_hz)
    reading = entry.reader()
    if (
        reading.expected_frames is not None and reading.expected_frames >= 2 * enough
    ):  # of a text it is an estimate
        return LONG_S
    frames = 0
    for block in reading.blocks:
        frames += len(block)
        if frames >= enough:
            break
    return min(frames / entry.rate_hz, LONG_S)


def simulated(config: TrainingConfig) -> TrainingConfig:
    """The same configuration on the built-in simulator, and named so."""
    return dataclasses.replace(config, name=f"{config.name}-simulated", dataset="simulator")


def make_package(
    folder: Path,
    config: TrainingConfig,
    recordings: list[Windows],
    step: Callable[[str], None] = lambda name: None,
    dropped: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Fit, convert, prove, evaluate, write. `step` is told what begins; `dropped` are recordings left out beforehand,
    with the reason. Raises `DataError`, `proof.ConversionError`."""
    from vibtrain.judging import evaluate
    from vibtrain.models import fit
    from vibtrain.packaging import convert, package, proof

    step("fit")
    model = fit.fit(recordings, config)
    step("convert")
    converted = convert.convert(model)
    step("prove")
    learnt = fit.baselines(recordings)
    cases = [proof.Case(r.features, None) for r in recordings]
    cases += [proof.Case(r.features, learnt[r.regime]) for r in recordings if r.regime in learnt]
    proved = proof.prove(model, converted, cases)
    step("evaluate")
    summary = evaluate.summary(
        evaluate.evaluate(vib.Model(converted.binary), recordings, config.train.admits)
    )
    step("write")
    package.write(folder, model, converted, proved, config, recordings, summary, dropped)
    return Outcome(converted.digest, model.warning, proved, summary)


def windows_of(
    config: TrainingConfig,
    entries: list[Entry],
    progress: Callable[[str], None] = lambda name: None,
    workers: Workers = HERE,
) -> list[Windows]:
    """Features of all recordings, as the configured sensor would have seen them; short snapshots are put together."""
    windows = extraction.extract(entries, config, progress, workers)
    return extraction.pooled(windows, 2 * config.detector.average_windows)
