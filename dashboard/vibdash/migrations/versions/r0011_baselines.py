"""When a baseline was learnt and how it stands; what was done to a machine."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("device", sa.Column("baseline_time_s", BIG))
    op.add_column("device", sa.Column("baseline_state", sa.Text))
    op.create_table(
        "machine_record",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("cmd", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("command_id", BIG, nullable=False),
    )
    op.create_index("machine_record_of_device", "machine_record", ["site", "device", "id"])
