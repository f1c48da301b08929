"""The silences between statuses outlive the thinning of them.

An earlier version thinned without noting them. A status that is alone in its hour, and comes less than two hours after
the one before, is taken for one that was thinned: nothing is known of a silence there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008_20261130"
down_revision = "0007"

_THINNED = """
UPDATE status_history SET quiet_ms = 0 WHERE id IN (
    SELECT id FROM (
        SELECT id, said_at_ms / 3600000 AS hour,
               said_at_ms - lag(said_at_ms) OVER of_sensor AS since_ms,
               lag(said_at_ms) OVER of_sensor / 3600000 AS hour_before,
               lead(said_at_ms) OVER of_sensor / 3600000 AS hour_after
        FROM status_history WINDOW of_sensor AS (PARTITION BY site, device ORDER BY said_at_ms, id)
    ) AS beside
    WHERE since_ms < 7200000 AND hour_before < hour AND (hour_after IS NULL OR hour_after > hour)
)
"""


def upgrade() -> None:
    op.add_column("status_history", sa.Column("quiet_ms", sa.BigInteger().with_variant(sa.Integer, "sqlite")))
    op.execute(_THINNED)
