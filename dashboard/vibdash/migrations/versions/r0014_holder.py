"""Which process has an ingest's client id, so that one that was evicted can say by whom."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("ingest_link", sa.Column("process", sa.Text))
