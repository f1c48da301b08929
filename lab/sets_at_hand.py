"""Manifests of recordings that no registry entry names, where a folder of $VIBNODE_DATA holds them."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path

HEALTHY_SHARE = 0.2  # of a bearing's life
WORN_SHARE = 0.03

Row = dict[str, str]


def manifests(into: Path) -> dict[str, Path]:
    """A manifest of each set that is there, by the set's name; written to the folder `into`."""
    root = Path(os.environ.get("VIBNODE_DATA", "."))
    found = {}
    for name, rows in (("gearbox", gearbox), ("pronostia", pronostia)):
        listed = list(rows(root / name))
        if listed:
            into.mkdir(parents=True, exist_ok=True)
            found[name] = into / f"{name}.csv"
            with found[name].open("w", newline="") as stream:
                writer = csv.DictWriter(stream, list(listed[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(listed)
    return found


def gearbox(folder: Path) -> Iterator[Row]:
    """SpectraQuest's gearbox simulator at 30 Hz: healthy, and with a broken tooth, under several loads."""
    for file in sorted(folder.glob("*.csv.gz")):
        named = re.fullmatch(r"([hb])30hz(\d+)\.csv\.gz", file.name)
        if named:
            yield {
                "file": str(file.resolve()),
                "machine": "gearbox",
                "session": file.name,
                "label": "healthy" if named[1] == "h" else "broken-tooth",
                "speed_rpm": "1800",
                "load": f"{named[2]} %",
                "rate_hz": "10000",
                "columns": "a1 a2 a3",
                "unit": "m/s2",
            }


def pronostia(folder: Path) -> Iterator[Row]:
    """PRONOSTIA's bearings: the first fifth of each life is called healthy, the end worn, what is between unknown."""
    for bearing in sorted(path for path in folder.glob("Bearing*") if path.is_dir()):
        files = sorted(bearing.glob("acc_*"))
        for i, file in enumerate(files):
            healthy, worn = i < HEALTHY_SHARE * len(files), i >= (1 - WORN_SHARE) * len(files)
            yield {
                "file": str(file.resolve()),
                "machine": bearing.name,
                "session": bearing.name,
                "label": "healthy" if healthy else "worn" if worn else "unknown",
                "speed_rpm": "",
                "load": "",
                "rate_hz": "25600",
                "columns": "4 5",
                "unit": "g",
            }
