"""Files that can only be read whole: refused in one line where free memory would not hold them."""

from __future__ import annotations

from pathlib import Path

from vibtrain.recordings import DataError

_MEMINFO = Path("/proc/meminfo")


def refuse_beyond_memory(path: Path, needed_bytes: int, remedy: str) -> None:
    """Raise `DataError` if reading `path` takes more than is free; `remedy` says what would be read in blocks."""
    free = free_bytes()
    if free is not None and needed_bytes > free:
        raise DataError(
            f"{path}: is read whole, which takes {needed_bytes / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are "
            f"free; accepted: {remedy}"
        )


def free_bytes() -> int | None:
    """Memory to be had without swapping, as Linux states it; None where nothing does."""
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
