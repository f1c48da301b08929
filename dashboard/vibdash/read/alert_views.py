"""One alert event as the page and the API show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AlertView:
    """One alert event as stored; fields as in SPEC.md 3.2, times in milliseconds UTC."""

    id: int
    site: str
    device: str
    boot: int
    seq: int
    received_at_ms: int
    occurred_at_ms: int
    occurred_from: str
    replay: bool
    event: str
    level: str
    cause: str
    score: int | None
    threshold: int | None
    class_name: str | None
    model: str | None
    features: tuple[tuple[str, int, int], ...]
    spectrum: dict[str, Any] | None
    speed_millihz: int | None = None
    load_permille: int | None = None
    point_source: str | None = None
    trouble: str | None = None  # why the rest of its record cannot be shown


def cannot_be_shown(error: Exception) -> str:
    """Return what is shown in place of a record."""
    return f"this record cannot be shown ({type(error).__name__}: {str(error)[:120]})"


def alert_view(row: Any) -> AlertView:
    """Return a row of the table `alert` as the page and the API show it."""
    more = ("features", "spectrum", "trouble")
    values = {name: getattr(row, name) for name in AlertView.__dataclass_fields__ if name not in more}
    try:
        features = tuple((name, value, usual) for name, value, usual in row.features)
        return AlertView(**values, features=features, spectrum=_spectrum(row.spectrum))
    except Exception as error:
        return AlertView(**values, features=(), spectrum=None, trouble=cannot_be_shown(error))


def _spectrum(stored: Any) -> dict[str, Any] | None:
    return None if stored is None else dict(stored)
