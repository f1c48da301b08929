"""When a status was said, beside when it arrived: one that waited in the broker belongs where it was said."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("status_history", sa.Column("said_at_ms", BIG, nullable=False, server_default="0"))
    op.execute("UPDATE status_history SET said_at_ms = received_at_ms")
    op.create_index("status_history_by_time", "status_history", ["site", "device", "said_at_ms"])
