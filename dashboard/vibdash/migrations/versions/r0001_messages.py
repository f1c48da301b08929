"""What sensors say: their latest word, their history, their alerts, and what was refused."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _sensor(*, primary_key: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=primary_key, nullable=False) for name in ("site", "device")]


def upgrade() -> None:
    _create_device_tables()
    _create_alert_tables()
    _create_host_tables()


def _create_device_tables() -> None:
    op.create_table(
        "device",
        *_sensor(primary_key=True),
        sa.Column("heard_at_ms", BIG),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("state_since_ms", BIG, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("boot", BIG, nullable=False),
        sa.Column("uptime_ms", BIG),
        sa.Column("fw", sa.Text),
        sa.Column("core", sa.Integer),
        sa.Column("model_name", sa.Text),
        sa.Column("model_digest", sa.Text),
        sa.Column("machine", sa.Text),
        sa.Column("instrument", sa.Text),
        sa.Column("score", sa.Integer),
        sa.Column("class_name", sa.Text),
        *(sa.Column(name, BIG) for name in ("velocity_um_s", "rms_mm_s2", "windows")),
        *(sa.Column(name, BIG) for name in ("queued", "dropped", "gaps")),
        sa.Column("active", sa.JSON),
    )
    op.create_table(
        "boot",
        *_sensor(primary_key=True),
        sa.Column("boot", BIG, primary_key=True, autoincrement=False),
        sa.Column("clock_offset_ms", BIG),
        sa.Column("clock_from", sa.Text),
        sa.Column("bytes_sampled", BIG, nullable=False),
        sa.Column("bytes_sent", BIG, nullable=False),
    )
    op.create_table(
        "status_history",
        sa.Column("id", BIG, primary_key=True),
        *_sensor(),
        sa.Column("received_at_ms", BIG, nullable=False),
        sa.Column("boot", BIG, nullable=False),
        sa.Column("uptime_ms", BIG),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("machine", sa.Text),
        sa.Column("instrument", sa.Text),
        sa.Column("score", sa.Integer),
        sa.Column("class_name", sa.Text),
        sa.Column("velocity_um_s", BIG),
        sa.Column("rms_mm_s2", BIG),
    )
    op.create_index("status_history_of_device", "status_history", ["site", "device", "id"])


def _create_alert_tables() -> None:
    op.create_table(
        "alert",
        sa.Column("id", BIG, primary_key=True),
        *_sensor(),
        *(sa.Column(name, BIG, nullable=False) for name in ("boot", "seq", "oldest")),
        sa.Column("received_at_ms", BIG, nullable=False),
        sa.Column("occurred_at_ms", BIG, nullable=False),
        sa.Column("occurred_from", sa.Text, nullable=False),
        sa.Column("replay", sa.Boolean, nullable=False),
        sa.Column("uptime_ms", BIG, nullable=False),
        sa.Column("time_s", BIG),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("time_quality", "event", "level", "cause")),
        sa.Column("score", BIG),
        sa.Column("threshold", BIG),
        sa.Column("class_name", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("features", sa.JSON, nullable=False),
        sa.Column("spectrum", sa.JSON),
        sa.UniqueConstraint("site", "device", "boot", "seq", name="alert_identity"),
    )
    op.create_index("alert_by_seq", "alert", ["site", "device", "seq"])
    op.create_table(
        "cause",
        *_sensor(primary_key=True),
        sa.Column("cause", sa.Text, primary_key=True),
        sa.Column("boot", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
    )
    op.create_table(
        "threshold",
        *_sensor(primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("level", sa.Text, primary_key=True),
        sa.Column("score", BIG, nullable=False),
    )


def _create_host_tables() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("first_at_ms", BIG, nullable=False),
        sa.Column("last_at_ms", BIG, nullable=False),
        sa.Column("site", sa.Text),
        sa.Column("device", sa.Text),
        sa.Column("boot", BIG),
        sa.Column("seq", BIG),
        sa.UniqueConstraint("topic", "digest", name="quarantine_identity"),
    )
    op.create_index("quarantine_by_seq", "quarantine", ["site", "device", "seq"])
    op.create_table(
        "ingest_link",
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("broker", sa.Text, nullable=False),
        sa.Column("connected", sa.Boolean, nullable=False),
        sa.Column("since_ms", BIG, nullable=False),
        sa.Column("heartbeat_at_ms", BIG, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
