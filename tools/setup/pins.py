"""Read boards/pins.toml. Standard library only: this runs before any virtual environment exists."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
PINS = ROOT / "boards" / "pins.toml"


class SetupError(Exception):
    """Setup cannot go on; the message is one line that says what is wrong and what would help."""


def load_pins() -> dict[str, Any]:
    """Return the pinned sources as the tables of pins.toml."""
    with PINS.open("rb") as file:
        return tomllib.load(file)


def check_sha256(path: Path, expected: str) -> None:
    """Raise SetupError, and remove `path`, unless its SHA-256 is `expected` (hex)."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        path.unlink()
        raise SetupError(f"{path.name}: SHA-256 is {found}, {PINS.relative_to(ROOT)} says {expected}")
