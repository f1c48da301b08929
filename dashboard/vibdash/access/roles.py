"""Who may do what."""

from __future__ import annotations

import enum


class Role(enum.StrEnum):
    """What a user may do; each may do what those before it may."""

    VIEWER = "viewer"  # look
    OPERATOR = "operator"  # acknowledge, shelve, comment
    ENGINEER = "engineer"  # take data out
