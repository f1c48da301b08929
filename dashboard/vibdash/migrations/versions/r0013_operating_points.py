"""The operating point of a sensor's last window, of each status, and at an alert."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    for table in ("device", "status_history", "alert"):
        op.add_column(table, sa.Column("speed_millihz", BIG))
        op.add_column(table, sa.Column("load_permille", sa.Integer))
    for table in ("device", "alert"):
        op.add_column(table, sa.Column("point_source", sa.Text))
    op.add_column("device", sa.Column("pulse", sa.Text))
