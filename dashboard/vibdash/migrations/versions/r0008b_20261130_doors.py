"""Browsers in which a user was logged in once."""

import sqlalchemy as sa
from alembic import op

revision = "0008b_20261130"
down_revision = "0008_20261130"


def upgrade() -> None:
    op.create_table(
        "known_browser",
        sa.Column("token_digest", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("since_ms", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
    )
