"""Removed devices, devices of one name, notes struck out, how the work of each process goes, open alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008b_20261130"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
IS_OPEN = sa.text(
    "((cleared_id IS NULL AND ended_at_ms IS NULL) OR acked_level IS NULL"
    " OR (acked_level <> level AND acked_level <> 'alarm'))"
)


def upgrade() -> None:
    for name in ("removed_at_ms", "other_boot", "twin_at_ms"):
        op.add_column("device", sa.Column(name, BIG))
    op.add_column("journal", sa.Column("strikes_id", BIG))
    columns = ["site", "device", "cause", "id"]
    op.create_index("occurrence_open", "occurrence", columns, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)
    op.create_table(
        "work",
        sa.Column("process", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("failing", sa.Boolean, nullable=False),
        sa.Column("failures", BIG, nullable=False),
        sa.Column("last_failure", sa.Text),
        sa.Column("said_at_ms", BIG, nullable=False),
    )
