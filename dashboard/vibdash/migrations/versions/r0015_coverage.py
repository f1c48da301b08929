"""The operating points that a sensor has learnt of its machine."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("device", sa.Column("coverage_over", sa.Text))
    op.add_column("device", sa.Column("coverage", sa.Text))
