"""The sets of .mpy files, one for each instruction set: in the wheel, or as `make deploy` built them in a checkout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from vibtool.errors import ToolError

_HERE = Path(__file__).resolve().parent
PLACES = (_HERE / "mpy", _HERE.parents[1] / "build" / "mpy")
LIBRARY = "lib"


@dataclass(frozen=True)
class MpySet:
    """What goes onto a board. `files`: path there, and the file here."""

    arch: str
    version: str
    files: dict[str, Path]

    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files.values())


def find(arch: str, folder: Path | None = None) -> MpySet:
    """The set for `arch` of `folder`, or of the first place that has sets. Raises ToolError."""
    places = [folder] if folder else [place for place in PLACES if place.is_dir()]
    if not places:
        raise ToolError("no .mpy files here: in a checkout build them with: make natmod mpy")
    place = places[0]
    home = place / arch
    if not (home / "package.json").is_file():
        have = ", ".join(sorted(path.parent.name for path in place.glob("*/package.json"))) or "none"
        raise ToolError(f"{place}: no set for {arch}; accepted: {have}")
    package = json.loads((home / "package.json").read_text())
    files = {f"{LIBRARY}/{name}": home / source for name, source in package["urls"]}
    files["main.py"] = home / "main.py"
    return MpySet(arch, package["version"], files)
