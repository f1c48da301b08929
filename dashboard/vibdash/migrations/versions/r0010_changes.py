"""The number of the last change of each sensor, so that whoever keeps what was read reads only what is new."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("device", sa.Column("changed_n", BIG, nullable=False, server_default="0"))
    op.create_index("device_by_change", "device", ["changed_n"])
