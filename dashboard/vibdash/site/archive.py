"""A whole site in one file, and back again on this computer or another.

The archive is a tar file: `site.json` (what it is, where the site was), `database` (a SQLite file, or pg_dump's
archive) and `files/...`, all of the site's folder but the database itself, logs, the demonstration, and what the
broker holds: a device keeps each alert until this program has it, and says it again.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import tarfile
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import Any

import sqlalchemy as sa

from vibdash.database.backup import BackupError, back_up, bring_back
from vibdash.database.opening import connect
from vibdash.site.folder import SETTINGS, SiteError, SiteFolder

FORMAT = 1
ABOUT, DATABASE, FILES = "site.json", "database", "files"
TRIES = 3
_LEFT_OUT = re.compile(r"(mosquitto/data|demo)(/.*)?|.*\.(log|new)|\..*")
Stamps = dict[str, tuple[int, int]]


def back_up_site(folder: SiteFolder, url: str, file: Path) -> None:
    """Write the whole site to a new file that only its owner may read. Raises BackupError, SiteError, DatabaseError."""
    if file.exists():
        raise BackupError(f"{file}: is there already; accepted: a new name")
    if not file.parent.is_dir():
        raise BackupError(f"{file}: its folder is not there; accepted: a folder that exists")
    if file.absolute().is_relative_to(folder.path):
        raise BackupError(f"{file}: is inside of the site; accepted: a place that is not lost with it")
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as place:
        copy = Path(place) / DATABASE
        for _ in range(TRIES):
            before = _stamps(folder, url)
            copy.unlink(missing_ok=True)
            back_up(url, copy)
            try:
                _write(part, folder, url, copy, list(before))
            except OSError as error:
                part.unlink(missing_ok=True)
                raise BackupError(
                    f"{file}: {error.strerror}; accepted: a folder that can be written"
                ) from None
            if _stamps(folder, url) == before:  # a device added meanwhile would be in one half only
                part.replace(file)
                return
        part.unlink(missing_ok=True)
    raise BackupError(
        f"{folder.path}: changes all the time; accepted: a moment in which no device is added or removed"
    )


def restore_site(file: Path, place: Path, url: str | None) -> SiteFolder:
    """Make a site's folder from a file of `back_up_site`, whole or not at all. Raises the same errors.

    `url`: the database to put its content into, an empty one of the same kind; None for the one it had.
    """
    if place.exists():
        raise SiteError(f"{place}: is there already; accepted: a folder that is not")
    part = place.with_name(f".{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    try:
        about = _unpack(file, part)
        inner = part / FILES
        _move_paths(inner, str(about["folder"]), str(place))
        if url is not None:
            _set_database(inner / SETTINGS, url)
        _restore_database(part / DATABASE, str(about["kind"]), inner, place, url)
        inner.replace(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return SiteFolder(place)


def _write(part: Path, folder: SiteFolder, url: str, copy: Path, names: list[str]) -> None:
    part.unlink(missing_ok=True)
    about = {
        "format": FORMAT,
        "folder": str(folder.path),
        "kind": connect(url).dialect.name,
        "made_at_s": int(time.time()),
    }
    with (
        open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream,
        tarfile.open(fileobj=stream, mode="w") as archive,
    ):
        described = copy.with_name(ABOUT)
        described.write_text(json.dumps(about))
        archive.add(described, ABOUT)
        archive.add(copy, DATABASE)
        for name in names:
            archive.add(folder.path / name, f"{FILES}/{name}")
        archive.close()
        stream.flush()
        os.fsync(stream.fileno())


def _stamps(folder: SiteFolder, url: str) -> Stamps:
    """Return the files of a site, by name seen from its folder, with what tells whether one was changed."""
    database = sa.make_url(url).database or ""
    stamps: Stamps = {}
    for one in sorted(folder.path.rglob("*")):
        name = one.relative_to(folder.path).as_posix()
        of_database = str(one).startswith(database) if connect(url).dialect.name == "sqlite" else False
        if one.is_file() and not one.is_symlink() and not of_database and not _LEFT_OUT.fullmatch(name):
            stamps[name] = (one.stat().st_mtime_ns, one.stat().st_size)
    return stamps


def _unpack(file: Path, part: Path) -> dict[str, Any]:
    """Unpack plain files only, each below `part` and its owner's alone."""
    needed = "accepted: a file that vibdash backup made of a site"
    try:
        with tarfile.open(file, mode="r:") as archive:
            for member in archive:
                parts = PurePosixPath(member.name).parts
                if not member.isfile() or ".." in parts or parts[0] not in (ABOUT, DATABASE, FILES):
                    raise BackupError(f"{file}: {member.name}: is no file of a site; {needed}")
                source = archive.extractfile(member)
                assert source is not None
                target = part.joinpath(*parts)
                for parent in reversed(target.relative_to(part).parents):
                    (part / parent).mkdir(mode=0o700, exist_ok=True)
                with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                    shutil.copyfileobj(source, stream)
        about: dict[str, Any] = json.loads((part / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise BackupError(f"{file}: format {about['format']}; accepted: {FORMAT}")
        if not (part / DATABASE).is_file() or not (part / FILES / SETTINGS).is_file():
            raise BackupError(f"{file}: {DATABASE} or {SETTINGS} is missing; {needed}")
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{file}: {error}; {needed}") from None
    return about


def _move_paths(inner: Path, old: str, new: str) -> None:
    """Write the site's new place wherever a setting names the old one; Mosquitto becomes whoever restores."""
    for name in (SETTINGS, "mosquitto/mosquitto.conf"):
        file = inner / name
        if file.is_file():
            text = re.sub(
                rf"{re.escape(old)}(?=[/\s,\"']|$)", lambda _: new, file.read_text(encoding="utf-8")
            )
            if name != SETTINGS:
                text = re.sub(r"(?m)^user .*$", lambda _: f"user {getpass.getuser()}", text)
            file.write_text(text, encoding="utf-8")
    for empty in ("mosquitto/data", "devices"):
        (inner / empty).mkdir(mode=0o700, parents=True, exist_ok=True)


def _set_database(settings: Path, url: str) -> None:
    line = f"database = {json.dumps(url)}"
    text = settings.read_text(encoding="utf-8")
    changed, count = re.subn(r"(?m)^database\s*=.*$", lambda _: line, text)
    settings.write_text(changed if count else f"{line}\n{text}", encoding="utf-8")


def _restore_database(copy: Path, kind: str, inner: Path, place: Path, url: str | None) -> None:
    """Put the database where the settings say; a SQLite file of the folder goes along with it."""
    chosen = url if url is not None else str(SiteFolder(inner).defaults().get("db", ""))
    engine = connect(chosen)
    if engine.dialect.name != kind:
        raise BackupError(
            f"--db {engine.url.render_as_string()}: the copy is of {kind}; accepted: a database of that kind"
        )
    target = Path(engine.url.database or "")
    if kind == "sqlite" and target.is_relative_to(place):
        chosen = f"sqlite:///{inner / target.relative_to(place)}"
    bring_back(chosen, copy)
