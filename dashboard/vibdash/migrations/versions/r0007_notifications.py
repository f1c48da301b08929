"""What is to be told to whom, until it has been."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "notification",
        sa.Column("id", BIG, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("rule", "channel", "reason")),
        sa.Column("alert_id", BIG, nullable=False),
        sa.Column("occurrence_id", BIG, nullable=False),
        sa.Column("planned_at_ms", BIG, nullable=False),
        sa.Column("due_at_ms", BIG, nullable=False),
        sa.Column("ended_at_ms", BIG),
        sa.Column("delivered", sa.Boolean),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_failure", sa.Text),
        sa.UniqueConstraint("rule", "channel", "reason", "alert_id", name="notification_identity"),
    )
    op.create_index("notification_of_occurrence", "notification", ["occurrence_id", "reason"])
    op.create_index("notification_to_do", "notification", ["channel", "ended_at_ms", "due_at_ms"])
    op.create_table(
        "notified_up_to",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("alert_id", BIG, nullable=False),
    )
