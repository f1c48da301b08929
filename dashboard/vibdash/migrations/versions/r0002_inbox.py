"""Alert occurrences with what operators did about them, and a journal of it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    occurrence = op.create_table(
        "occurrence",
        sa.Column("id", BIG, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("site", "device", "cause")),
        *(sa.Column(name, BIG, nullable=False) for name in ("boot", "seq")),
        *(sa.Column(name, BIG) for name in ("raised_id", "escalated_id", "cleared_id")),
        sa.Column("level", sa.Text, nullable=False),
        *(sa.Column(name, BIG) for name in ("ended_at_ms", "acked_at_ms")),
        sa.Column("acked_by", sa.Text),
        sa.Column("acked_level", sa.Text),
        sa.Column("shelved_until_ms", BIG),
        sa.Column("shelved_by", sa.Text),
        sa.UniqueConstraint("site", "device", "cause", "boot", "seq", name="occurrence_identity"),
    )
    op.create_table(
        "journal",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("occurrence_id", BIG),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("journal_of_occurrence", "journal", ["occurrence_id", "id"])
    found = _occurrences_of_stored_alerts()
    if found:
        op.bulk_insert(occurrence, found)


def _occurrences_of_stored_alerts() -> list[dict[str, Any]]:
    """Return a row for each raise and what follows it up to the next one of the same cause."""
    order = "SELECT * FROM alert ORDER BY site, device, cause, boot, seq"
    found: list[dict[str, Any]] = []
    for event in op.get_bind().execute(sa.text(order)):
        key = {name: getattr(event, name) for name in ("site", "device", "cause")}
        follows = found and all(found[-1][name] == value for name, value in key.items())
        if event.event == "raise" or not follows:
            ids = {"raised_id": None, "escalated_id": None, "cleared_id": None}
            found.append({**key, "boot": event.boot, "seq": event.seq, "level": event.level, **ids})
        column = {"raise": "raised_id", "escalate": "escalated_id", "clear": "cleared_id"}[event.event]
        found[-1][column] = event.id
        if event.level == "alarm":
            found[-1]["level"] = "alarm"
    return found
