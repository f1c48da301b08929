"""The published data sets that Vibnode knows: origin, licence, and where their files are on this machine.

A data set is a TOML file in `datasets/`. Its files are looked for in `$VIBNODE_DATA/<name>/`, then in the
user's cache, and are else downloaded into that cache. Wherever a file comes from, its SHA-256 decides if it
is used.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tomllib
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from vibtrain.recordings import DataError

DATASETS = Path(__file__).parent / "datasets"
DOWNLOAD_TIMEOUT_S = 15
_CHUNK_BYTES = 1 << 16

Progress = Callable[[str, int], None]  # file name, bytes that have just arrived


class DataUnavailable(DataError):
    """The files of a data set are not to be had; the message names every place that was tried."""


class ChecksumMismatch(DataError):
    """A file is not the one that was published."""


@dataclass(frozen=True)
class DataFile:
    """One published file: size in bytes and SHA-256 of the uncompressed content.

    `path` is where it stands under `base_url`, where that is not its name.
    """

    name: str
    bytes: int
    sha256: str
    path: str = ""


@dataclass(frozen=True)
class Dataset:
    """One entry of the registry, as its TOML file has it. `files` is empty where it only informs."""

    name: str
    title: str
    machine: str
    sensor: str
    rate_hz: float
    conditions: str
    licence_spdx: str
    licence: str
    redistribution: str
    commercial_use: str
    source: str
    commit: str = ""
    base_url: str = ""
    url_status: str = ""
    note: str = ""
    seconds_per_file: float | None = None
    files: tuple[DataFile, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def licence_notice(self) -> str:
        """What a person must know before the files are fetched."""
        return (
            f"{self.title}, from {self.source}\n"
            f"  licence: {self.licence}\n"
            f"  redistribution: {self.redistribution}\n"
            f"  commercial use: {self.commercial_use}"
        )


def names() -> tuple[str, ...]:
    """Names of all data sets, sorted."""
    return tuple(sorted(path.stem for path in DATASETS.glob("*.toml")))


def dataset(name: str) -> Dataset:
    """Look up one data set. Raises `DataError` naming the known ones."""
    if name not in names():
        raise DataError(f"data set {name!r} is unknown; accepted: {', '.join(names())}")
    with (DATASETS / f"{name}.toml").open("rb") as stream:
        entry = tomllib.load(stream)
    files = tuple(DataFile(**file) for file in entry.pop("files", ()))
    return Dataset(name=name, files=files, **entry)


def cache_folder() -> Path:
    """Where downloads are kept."""
    return platformdirs.user_cache_path("vibnode") / "datasets"


def folders(name: str) -> tuple[Path, ...]:
    """Folders in which the files of data set `name` are looked for, in order."""
    own = os.environ.get("VIBNODE_DATA")
    return ((Path(own).expanduser() / name,) if own else ()) + (cache_folder() / name,)


def find(data: Dataset) -> tuple[dict[str, Path], tuple[DataFile, ...]]:
    """Files of `data` that are on this machine (each as published or with `.gz`), and those that are not."""
    present: dict[str, Path] = {}
    for file in data.files:
        candidates = (folder / (file.name + end) for folder in folders(data.name) for end in ("", ".gz"))
        found = next((path for path in candidates if path.is_file()), None)
        if found:
            present[file.name] = found
    return present, tuple(file for file in data.files if file.name not in present)


def locate(data: Dataset, *, announce: Callable[[str], None] = print) -> dict[str, Path]:
    """Paths of all files of `data` by published name; downloads those missing, licence said first.

    Raises `DataUnavailable` naming what was tried, `ChecksumMismatch` for a download unlike the published.
    """
    if not data.files:
        raise DataUnavailable(f"{data.name}: no files are registered, only where to get it: {data.source}")
    present, missing = find(data)
    if missing:
        announce(data.licence_notice())
        present |= download(data, missing, cache_folder() / data.name)
    return present


def download(
    data: Dataset, files: Iterable[DataFile], folder: Path, progress: Progress | None = None
) -> dict[str, Path]:
    """Fetch `files` into `folder`; each appears there only when complete and with the right SHA-256."""
    arrived: dict[str, Path] = {}
    for file in files:
        url = data.base_url + (file.path or file.name)
        try:
            arrived[file.name] = _download_file(url, file, folder, progress)
        except (urllib.error.URLError, OSError) as error:
            raise DataUnavailable(_tried(data, url, error)) from error
    return arrived


def read_verified(path: Path, file: DataFile) -> bytes:
    """Content of `path`, uncompressed. Raises `ChecksumMismatch` unless it is `file` as published."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    _verify(path, hashlib.sha256(content).hexdigest(), file)
    return content


def verify(path: Path, file: DataFile) -> None:
    """Check `path`, however large, without keeping it. Raises as `read_verified` does."""
    digest = hashlib.sha256()
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    _verify(path, digest.hexdigest(), file)


def _verify(where: Path | str, sha256: str, file: DataFile) -> None:
    if sha256 != file.sha256:
        raise ChecksumMismatch(
            f"{where}: SHA-256 is {sha256}; accepted: {file.sha256}: not the published {file.name}"
        )


def _download_file(url: str, file: DataFile, folder: Path, progress: Progress | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{file.name}.{os.getpid()}.part"
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_S) as answer, part.open("wb") as stream:
            while chunk := answer.read(_CHUNK_BYTES):
                digest.update(chunk)
                stream.write(chunk)
                if progress:
                    progress(file.name, len(chunk))
        _verify(url, digest.hexdigest(), file)
        return part.replace(folder / file.name)
    finally:
        part.unlink(missing_ok=True)


def _tried(data: Dataset, url: str, error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    places = [str(folder) for folder in folders(data.name)]
    if not os.environ.get("VIBNODE_DATA"):
        places.insert(0, "$VIBNODE_DATA (not set)")
    return f"{data.name}: files not found; tried {', '.join(places)}, and {url} ({reason})"
