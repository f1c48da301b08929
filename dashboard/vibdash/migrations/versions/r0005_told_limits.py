"""A status tells the limits, the interval and how the device is: what alerts told of limits is no longer kept."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TOLD: dict[str, Any] = {
    "restarts": BIG,
    "interval_s": sa.Integer,
    "warning": sa.Integer,
    "alarm": sa.Integer,
    "model_origin": sa.Text,
    "baseline_windows": BIG,
    "reset_by": sa.Text,
    "refused": BIG,
    "heap_free": BIG,
    "battery_mv": sa.Integer,
    "note": sa.Text,
}


def upgrade() -> None:
    for name, kind in TOLD.items():
        op.add_column("device", sa.Column(name, kind))
    op.drop_table("threshold")
