"""What was on the screen when an action began, as the browser says it with the action (page.js)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vibdash.read.chatter import Seen

SEEN_JS = "() => emit(window.vibSeen())"


@dataclass(frozen=True)
class OnScreen:
    """The alert that was open, those that were drawn, and the latest event that was known of."""

    open: Seen | None = None
    rows: dict[int, Seen] = field(default_factory=dict)
    upto: int = 0


def on_screen(said: Any) -> OnScreen:
    """Return what a browser says; nothing of what cannot be."""
    if not isinstance(said, dict):
        return OnScreen()
    listed = said.get("rows")
    rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    seen = {one.id: one for one in map(_seen, rows) if one is not None}
    upto = said.get("upto")
    return OnScreen(_seen(said.get("open")), seen, upto if type(upto) is int else 0)


def _seen(said: Any) -> Seen | None:
    if not isinstance(said, dict):
        return None
    id, newest_id, level = said.get("id"), said.get("newest_id"), said.get("level")
    if type(id) is not int or type(newest_id) is not int or level not in ("warning", "alarm"):
        return None
    return Seen(id, newest_id, level)
