"""Recordings to feature vectors, through the sensor model and the C core. No feature is computed anywhere else."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from vibtrain.features.config import TrainingConfig
from vibtrain.features.resample import count_blocks
from vibtrain.features.windowing import Windowing
from vibtrain.recordings import Condition, DataError, Entry, condition_fields, instant
from vibtrain.workers import HERE, Workers, each

Int16 = npt.NDArray[np.int16]
Float = npt.NDArray[np.float64]
Regime = tuple[str, float | None, str]


@dataclass(frozen=True, kw_only=True)
class Windows(Condition):
    """The windows of one recording, in order.

    Attributes:
        features: int16, shape (windows, features).
        first_window: the samples of the first window as the sensor would have given them, int16, shape (frames, axes).
        samples_digest: SHA-256 of all samples as the sensor would have given them.
        snapshots: names of the recordings that these are of, where they are several; see `pooled`.
        speeds_rpm, loads: of the shaft, and as a share of the rated load, at the middle of each window, shape
            (windows,); NaN where not known. Of the recording's course, else the speed that it states; None for windows
            made otherwise.
    """

    features: Int16
    first_window: Int16
    samples_digest: bytes
    snapshots: tuple[str, ...] = ()
    speeds_rpm: Float | None = None
    loads: Float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of all recordings that these windows are of."""
        return self.snapshots or (self.name,)

    @property
    def regime(self) -> Regime:
        """Machine, speed and load: the circumstances under which a baseline holds."""
        return self.machine, self.speed_rpm, self.load


def regimes_of(recordings: Iterable[Windows]) -> dict[Regime, list[Windows]]:
    """The recordings of each machine, speed and load, in order of time where all of them state one."""
    regimes: dict[Regime, list[Windows]] = {}
    for r in recordings:
        regimes.setdefault(r.regime, []).append(r)
    return {regime: in_order(members) for regime, members in regimes.items()}


def in_order(recordings: list[Windows]) -> list[Windows]:
    """In order of time where all of them state one, else as they are."""
    if not all(r.time for r in recordings):
        return recordings
    return sorted(recordings, key=lambda r: instant(r.time))


def pooled(recordings: Sequence[Windows], least: int) -> list[Windows]:
    """Snapshots too short to be judged alone, put together: those of one session, label, speed and load that follow
    each other become one recording of `least` windows at least, as a device that measures in rounds has them. It is
    named as the first of them. Recordings that are long enough, or whose session nobody stated, stay as they are.
    """
    short: dict[tuple[object, ...], list[Windows]] = {}
    result = []
    for r in recordings:
        if len(r.features) >= least or r.session == r.name:
            result.append(r)
        else:
            short.setdefault((r.source, r.regime, r.session, r.fine_label), []).append(r)
    for snapshots in short.values():
        waiting: list[Windows] = []
        together: list[list[Windows]] = []
        for r in in_order(snapshots):
            waiting.append(r)
            if sum(len(w.features) for w in waiting) >= least:
                together.append(waiting)
                waiting = []
        if waiting and together:  # what is left at the end is too little for one of its own
            together[-1] += waiting
        elif waiting:
            together.append(waiting)
        result += [_joined(parts) for parts in together]
    place = {r.name: i for i, r in enumerate(recordings)}
    return sorted(result, key=lambda r: place[r.name])


def _joined(snapshots: list[Windows]) -> Windows:
    if len(snapshots) == 1:
        return snapshots[0]
    digests = b"".join(r.samples_digest for r in snapshots)
    return dataclasses.replace(
        snapshots[0],
        features=np.concatenate([r.features for r in snapshots]),
        samples_digest=hashlib.sha256(digests).digest(),
        snapshots=tuple(r.name for r in snapshots),
        speeds_rpm=_all_of([r.speeds_rpm for r in snapshots]),
        loads=_all_of([r.loads for r in snapshots]),
    )


def _all_of(parts: list[Float | None]) -> Float | None:
    """One after the other; None where one is not there."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def extract(
    entries: Sequence[Entry],
    config: TrainingConfig,
    progress: Callable[[str], None] = lambda name: None,
    workers: Workers = HERE,
) -> list[Windows]:
    """Windows of every recording, in order. `progress` is told each name when it is done; `workers` do it.

    Raises `DataError` for a recording that cannot be read, has another number of axes, or is under one window.
    """
    result = []
    for windows in each(partial(windows_of, config=config), entries, workers):
        result.append(windows)
        progress(windows.name)
    return result


def windows_of(entry: Entry, config: TrainingConfig) -> Windows:
    """Windows of one recording, which is read in blocks and never held whole. Raises `DataError` as `extract` does."""
    chip, core = config.chip(), config.core_config()
    if len(entry.axes) != core["axes"]:
        raise DataError(f"{entry.source}: {entry.name}: {len(entry.axes)} axes; accepted: {core['axes']}")
    window = core["window"]
    to_skip = round(config.settle_s * chip.rate_hz)
    windowing = Windowing(entry, core, to_skip)
    first_window = np.empty((0, core["axes"]), np.int16)
    state, frames, parts = hashlib.sha256(), 0, []
    for counts in count_blocks(entry, entry.blocks(), chip):
        skipped = min(to_skip, len(counts))
        to_skip -= skipped
        counts = counts[skipped:]
        state.update(counts.tobytes())
        first_window = np.concatenate([first_window, counts[: window - len(first_window)]])
        frames += len(counts)
        parts.append(windowing.take(counts))
    if len(first_window) < window:
        raise DataError(
            f"{entry.source}: {entry.name}: {frames} frames at {chip.rate_hz:g} Hz; "
            f"accepted: at least {window} (one window)"
            + (f" after the first {config.settle_s:g} s (settle_s)" if config.settle_s else "")
        )
    if not sum(map(len, parts)):
        needed = "a speed that moves by 5/4 within a window at most" if core.get("by_angle") else ""
        slow = f"{1.05 * core['slow_window'] / 48:.0f} s for slow_window" if core.get("slow_window") else ""
        raise DataError(
            f"{entry.source}: {entry.name}: no window of {frames / chip.rate_hz:.1f} s has all features; "
            f"accepted: {' and '.join(filter(None, (needed, slow)))}"
        )
    features = np.concatenate(parts)
    speeds_rpm, loads = _points(entry, config.settle_s, windowing.kept(), core, chip.rate_hz)
    return Windows(
        **condition_fields(entry),
        features=features,
        first_window=first_window,
        samples_digest=state.digest(),
        speeds_rpm=speeds_rpm,
        loads=loads,
    )


def _points(
    entry: Entry, settle_s: float, windows: npt.NDArray[np.int64], core: dict[str, int], rate_hz: float
) -> tuple[Float, Float]:
    """Speed and load at the middle of each of these windows."""
    middles_s = np.asarray(settle_s + (windows * core["hop"] + core["window"] / 2) / rate_hz, np.float64)
    if entry.course is None:
        speed_rpm = np.nan if entry.speed_rpm is None else entry.speed_rpm
        return np.full(len(windows), speed_rpm), np.full(len(windows), np.nan)
    return entry.course().at(middles_s)


def digest(recordings: Iterable[Windows]) -> bytes:
    """SHA-256 over names, labels and samples: states what data a model was made from."""
    state = hashlib.sha256()
    for windows in recordings:
        state.update(f"{windows.source}/{windows.name}/{windows.fine_label}\n".encode())
        state.update(windows.samples_digest)
    return state.digest()
