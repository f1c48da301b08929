"""`--version`, the same of `vibtrain`, `vibdash` and `vibnode`."""

from __future__ import annotations

from typing import Annotated

import typer


def _show(wanted: bool) -> None:
    if wanted:
        from vibnode import __version__

        print(__version__)
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_show, help="Print the version, and end.")
]


def version_only(version: Version = False) -> None:
    """The callback of a command line that has no other options of its own."""
