"""The commands that look after a site: `vibdash backup`, `restore` and `check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vibdash.cli.options import DEFAULT_DATABASE, DatabaseUrl
from vibdash.site.folder import SETTINGS, SiteError, find_site

TargetUrl = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        help="An empty database for its content, of the same kind.  [default: as it was]",
    ),
]


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A new file; only its owner may read it.")],
    db: DatabaseUrl = DEFAULT_DATABASE,
) -> None:
    """Copy the whole site as it is at one moment, while everything goes on: for vibdash restore.

    Where there is no site, or with --db, the database alone: SQLite's file for --db, or pg_dump's for pg_restore.
    """
    from vibdash.database.backup import back_up
    from vibdash.site.archive import back_up_site

    folder = find_site(context.find_root().params.get("folder"))
    source = context.get_parameter_source("db")
    chosen = source is not None and source.name in ("COMMANDLINE", "ENVIRONMENT")
    if folder is None or chosen:
        back_up(db, file)
        print(f"the database is copied to {file}")
        return
    back_up_site(folder, db, file)
    print(f"the site {folder.path} is copied to {file}; whoever reads it can command the devices")


def restore(
    file: Annotated[Path, typer.Argument(help="What vibdash backup made of a site.")],
    place: Annotated[Path, typer.Argument(metavar="FOLDER", help="The new folder of the site.")],
    db: TargetUrl = None,
) -> None:
    """Make a site anew from its copy, here or on another computer. Its devices and users go on as before."""
    from vibdash.site.archive import restore_site

    folder = restore_site(file, place.absolute(), db)
    print(f"the site is in {folder.path}")
    print(f"next: vibdash check {place}; where devices reach this computer by another address, also:")
    print(f"vibdash --in {place} certificate --address NAME, and broker.for_devices in {SETTINGS}")


def check(
    context: typer.Context,
    place: Annotated[
        Path | None, typer.Argument(metavar="SITE", help="Folder of a site.  [default: as for --in]")
    ] = None,
) -> None:
    """Say what is wrong with a site, or will be soon. The exit code is 1 if anything is."""
    folder = find_site(place if place is not None else context.find_root().params.get("folder"))
    if folder is None:
        raise SiteError(
            "site: none is here; accepted: one that vibdash init made, here or as vibdash check FOLDER"
        )
    from vibdash.site.check import faults_of

    faults = list(faults_of(folder))
    for fault in faults:
        print(f"{folder.path.name}: {fault}")
    if faults:
        raise typer.Exit(1)
    print(f"{folder.path}: nothing is wrong")
