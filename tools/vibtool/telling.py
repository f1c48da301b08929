"""How the commands speak: a terminal, errors of one line, and the options that they share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from vibtool.errors import ToolError

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
_errors = Console(stderr=True)

Port = Annotated[
    str | None, typer.Option("--port", "-p", help="The board's serial port [default: the only board on USB].")
]
Start = Annotated[bool, typer.Option("--start/--no-start", help="Start the sensor when done.")]


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
