"""What ends a command with one line. Light to import, so that a command line can name them before it needs anything."""

from __future__ import annotations


class DataError(ValueError):
    """Data that cannot be used; the message says where, what was found and what would be accepted."""


class ConversionError(Exception):
    """The converted model differs from the fitted one, or could not be compiled; one line says how."""
