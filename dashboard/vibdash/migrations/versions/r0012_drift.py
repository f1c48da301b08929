"""How each machine moves slowly away from its baseline, as it was judged last."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "drift",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("quantity", sa.Text, primary_key=True),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("days", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Float) for name in ("slope", "slope_low", "slope_high", "noise", "level")),
        sa.Column("limit_steps", sa.Integer),
        *(sa.Column(name, BIG) for name in ("reach_at_ms", "earliest_at_ms", "latest_at_ms")),
    )
