"""Where the C sources of the core are: inside the package, or in the checkout that it is installed from."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent
_PLACES = (_HERE / "core", _HERE.parents[1] / "firmware" / "cmodules" / "vib")


def folder() -> Path:
    """The folder of `vib.h`, with all that it includes and the sources of the functions it declares."""
    return next(place for place in _PLACES if (place / "vib.h").is_file())
