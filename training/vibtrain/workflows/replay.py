"""Recordings as a virtual sensor plays them: files of raw int16 frames and a playlist, SPEC.md 4.2."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vibtrain.features.config import TrainingConfig
from vibtrain.features.resample import count_blocks
from vibtrain.recordings import DataError, Entry


@dataclass(frozen=True)
class Item:
    """One stretch of a playlist: a recording, or `part` of it (first and last share, 0 to 1), for `seconds`."""

    entry: Entry
    seconds: float
    part: tuple[float, float] = (0.0, 1.0)


def write_playlist(
    folder: Path,
    items: list[Item],
    config: TrainingConfig,
    progress: Callable[[str], None] = lambda name: None,
) -> Path:
    """Write the counts that the configured sensor would have given, and playlist.json; returns its path. `progress` is
    told the name of each recording that is done.

    Raises `DataError` for a recording that cannot be read or a part shorter than one window.
    """
    chip, core = config.chip(), config.core_config()
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for number, item in enumerate(items):
        counts = np.concatenate(list(count_blocks(item.entry, item.entry.blocks(), chip)))
        first, last = (round(share * len(counts)) for share in item.part)
        if last - first < core["window"]:
            raise DataError(
                f"{item.entry.name}: {last - first} frames to play; accepted: at least {core['window']}"
            )
        file = folder / f"{number:02d}-{item.entry.fine_label}.i16"
        file.write_bytes(np.ascontiguousarray(counts[first:last], dtype="<i2").tobytes())
        listed.append({"file": file.name, "seconds": item.seconds, "label": item.entry.fine_label})
        progress(item.entry.name)
    playlist = {
        "rate_hz": chip.rate_hz,
        "axes": core["axes"],
        "lsb_nm_s2": core["lsb_nm_s2"],
        "items": listed,
    }
    path = folder / "playlist.json"
    path.write_text(json.dumps(playlist, indent=1) + "\n")
    return path
