"""What ends a command with one line. Light to import, so that a command line can name it before it needs anything."""

from __future__ import annotations


class OneLineError(Exception):
    """Somebody foresaw it; its text is one line for the user, with what is accepted."""
