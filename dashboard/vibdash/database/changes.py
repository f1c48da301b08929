"""The number of the last change of each sensor: who keeps what was read asks for what was changed since.

Writers number their changes in the order in which they commit: there is one at a time (`opening.writing`).
"""

from __future__ import annotations

import sqlalchemy as sa

from vibdash.database.schema import device

_LAST = sa.select(sa.func.coalesce(sa.func.max(device.c.changed_n), 0))


def last_change(connection: sa.Connection) -> int:
    """Return the number of the last change to any sensor, 0 where there was none."""
    return int(connection.execute(_LAST).scalar_one())


def next_change(connection: sa.Connection) -> int:
    """Return the number for what a writer changes now; to be written with it, in the same transaction."""
    return last_change(connection) + 1
