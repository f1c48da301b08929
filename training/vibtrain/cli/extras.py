"""What `vibtrain`, `vibdash` and `vibnode` say where an extra of the package `vibnode` is not installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_extra(command: str, extra: str) -> Iterator[None]:
    """A library that is not installed ends the program with one line that names the `extra` of `command`."""
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if not library or is_installed(library):  # a part of it is missing: no extra would bring that
            raise
        print(
            f"{command}: {library} is not installed; install it: pip install 'vibnode[{extra}]'",
            file=sys.stderr,
        )
        sys.exit(1)


def is_installed(library: str) -> bool:
    """Whether it can be imported, without doing so."""
    try:
        return importlib.util.find_spec(library) is not None
    except ModuleNotFoundError:
        return False
