"""Commands to devices, their replies, and what an engineer says of the machines."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_machine()
    _create_commands()
    op.create_table(
        "feature_vectors",
        *_sensor_key(primary_key=True),
        sa.Column("boot", BIG, primary_key=True, autoincrement=False),
        sa.Column("uptime_ms", BIG, primary_key=True, autoincrement=False),
        sa.Column("time", BIG, nullable=False),
        sa.Column("features", sa.LargeBinary, nullable=False),
        sa.Column("score", sa.Integer),
        sa.Column("model", sa.Text, nullable=False),
    )


def _create_machine() -> None:
    op.create_table(
        "machine",
        *_sensor_key(primary_key=True),
        sa.Column("component_class", sa.Text),
        sa.Column("shaft_rpm", sa.Float),
        sa.Column("balls", sa.Integer),
        sa.Column("ball_mm", sa.Float),
        sa.Column("pitch_mm", sa.Float),
        sa.Column("contact_deg", sa.Float),
        sa.Column("reference_command_id", BIG),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("changed_at_ms", BIG, nullable=False),
    )


def _create_commands() -> None:
    op.create_table(
        "command_key",
        *_sensor_key(primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("last_n", BIG, nullable=False),
        sa.Column("created_at_ms", BIG, nullable=False),
    )
    op.create_table(
        "command",
        sa.Column("id", BIG, primary_key=True),
        *_sensor_key(),
        sa.Column("cmd", sa.Text, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("asked_at_ms", BIG, nullable=False),
        sa.Column("sent_at_ms", BIG),
        sa.Column("answered_at_ms", BIG),
        sa.Column("ok", sa.Boolean),
        sa.Column("error", sa.Text),
    )
    op.create_index("command_of_device", "command", ["site", "device", "id"])
    op.create_table(
        "reply_part",
        sa.Column("command_id", BIG, primary_key=True, autoincrement=False),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("received_at_ms", BIG, nullable=False),
        sa.Column("boot", BIG, nullable=False),
        sa.Column("uptime_ms", BIG, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )


def _sensor_key(primary_key: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False, primary_key=primary_key) for name in ("site", "device")]
