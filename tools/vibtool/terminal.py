"""How the commands speak: a terminal, errors of one line, and the options that they share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vibtool.errors import ToolError

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
_errors = Console(stderr=True)

Port = Annotated[
    str | None,
    typer.Option("--port", "-p", help="The board's serial port.  \\[default: the only board on USB]"),
]
Start = Annotated[bool, typer.Option("--start/--no-start", help="Start the sensor when done.")]
Site = Annotated[Path, typer.Argument(help="The site file, a TOML that lists the site's sensors.")]
Device = Annotated[
    str | None, typer.Argument(help="Which of them.  \\[default: the only one there]", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Errors end the program with one line and exit code 1."""
    try:
        yield
    except (ToolError, OSError) as error:
        _errors.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
