"""Writing files so that a power cut at any byte leaves either the old contents or the new."""

import os


def exists(path: str) -> bool:
    """Whether there is a file or folder at `path`."""
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def remove(path: str) -> None:
    """Take the file `path` away, if it is there."""
    try:  # noqa: SIM105 - MicroPython has no contextlib
        os.remove(path)
    except OSError:
        pass


def rename(old: str, new: str) -> None:
    """Have the file `old` be `new`, in place of one that is there. Raises OSError."""
    os.rename(old, new)


def make_folder(path: str) -> None:
    """Make `path` and the folders above it. Raises OSError where that is not possible."""
    if not path or exists(path):
        return
    parent = path.rstrip("/").rpartition("/")[0]
    make_folder(parent)
    os.mkdir(path)


def sync(file) -> None:
    """Put what was written to `file` on the medium. MicroPython's flush does that by itself."""
    file.flush()
    if hasattr(os, "fsync"):
        os.fsync(file.fileno())


def append(path: str, data: bytes) -> None:
    """Add `data` to the end of `path`; on return it is on the medium."""
    with open(path, "ab") as file:
        file.write(data)
        sync(file)


def replace(path: str, chunks) -> None:
    """Write `chunks` (an iterable of bytes) to a new file and rename it over `path`: readers see all or nothing."""
    new = path + ".new"
    with open(new, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        sync(file)
    rename(new, path)
