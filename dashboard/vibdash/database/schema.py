"""The tables of the database. A change here needs a migration in `migrations/versions`, which a test compares.

Columns ending in `_ms` hold milliseconds; `..._at_ms` and `since_ms` are since 1970-01-01 UTC. Scores and
thresholds are in steps of 1/256 octave, as sent.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

BigInt = sa.BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER

metadata = MetaData()


def _sensor_key(**kwargs: Any) -> tuple[Column[str], Column[str]]:
    return Column("site", Text, nullable=False, **kwargs), Column("device", Text, nullable=False, **kwargs)


device = Table(  # the latest word of each sensor
    "device",
    metadata,
    *_sensor_key(primary_key=True),
    Column("heard_at_ms", BigInt),  # null: only ever known from a retained message without a clock
    Column("state", Text, nullable=False),  # online, offline, or unknown: alerts came, but no status
    Column("state_since_ms", BigInt, nullable=False),
    Column("why", Text, nullable=False),
    Column("boot", BigInt, nullable=False),
    Column("uptime_ms", BigInt),  # from here on: null until the device has said it once
    Column("fw", Text),
    Column("core", Integer),
    Column("model_name", Text),
    Column("model_digest", Text),
    Column("machine", Text),
    Column("instrument", Text),
    Column("score", Integer),
    Column("class_name", Text),
    Column("velocity_um_s", BigInt),
    Column("rms_mm_s2", BigInt),
    Column("windows", BigInt),
    Column("queued", BigInt),
    Column("dropped", BigInt),
    Column("gaps", BigInt),
    Column("active", sa.JSON),
    Column("restarts", BigInt),
    Column("interval_s", Integer),  # the longest that it is silent while it is well
    Column("warning", Integer),  # the scores from which it warns and alarms
    Column("alarm", Integer),
    Column("model_origin", Text),
    Column("baseline_windows", BigInt),
    Column("baseline_time_s", BigInt),
    Column("baseline_state", Text),  # learnt, or why there is none (SPEC.md 3.1)
    Column("reset_by", Text),
    Column("refused", BigInt),  # commands and acks that it did not take
    Column("heap_free", BigInt),
    Column("battery_mv", Integer),
    Column("speed_millihz", BigInt),  # of the shaft, at the last window
    Column("load_permille", Integer),
    Column("point_source", Text),  # who told the speed (SPEC.md 3.1)
    Column("pulse", Text),  # how its speed probe does
    Column("coverage_over", Text),
    Column("coverage", Text),  # operating points that it has learnt: `place:windows place:windows`
    Column("note", Text),
    Column("removed_at_ms", BigInt),  # by a person; until it is heard again it is shown nowhere
    Column("other_boot", BigInt),  # the last boot of another life of it, or of another device of its name
    Column("twin_at_ms", BigInt),  # when a status went back to that: two devices of one name
    Column("changed_n", BigInt, nullable=False),  # the number of the last change to what is shown of it
    Index("device_by_change", "changed_n"),
)

boot = Table(  # one row for each run of a device: its clock, and what it sampled and sent; -1: all that are put out
    "boot",
    metadata,
    *_sensor_key(primary_key=True),
    Column("boot", BigInt, primary_key=True, autoincrement=False),
    Column("clock_offset_ms", BigInt),  # add to uptime_ms to get the time
    Column("clock_from", Text),  # ntp, rtc, or received: taken from when a status arrived
    Column("bytes_sampled", BigInt, nullable=False, default=0),
    Column("bytes_sent", BigInt, nullable=False, default=0),
)

status_history = Table(
    "status_history",
    metadata,
    Column("id", BigInt, primary_key=True),
    *_sensor_key(),
    Column("received_at_ms", BigInt, nullable=False),
    Column("said_at_ms", BigInt, nullable=False),  # earlier, for one that waited in the broker
    # The longest silence since the row before, which others parted until they were thinned; null: the whole of it.
    Column("quiet_ms", BigInt),
    Column("boot", BigInt, nullable=False),
    Column("uptime_ms", BigInt),
    Column("state", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("machine", Text),
    Column("instrument", Text),
    Column("score", Integer),
    Column("class_name", Text),
    Column("velocity_um_s", BigInt),
    Column("rms_mm_s2", BigInt),
    Column("speed_millihz", BigInt),
    Column("load_permille", Integer),
    Index("status_history_of_device", "site", "device", "id"),
    Index("status_history_by_time", "site", "device", "said_at_ms"),
)

alert = Table(
    "alert",
    metadata,
    Column("id", BigInt, primary_key=True),
    *_sensor_key(),
    Column("boot", BigInt, nullable=False),
    Column("seq", BigInt, nullable=False),
    Column("oldest", BigInt, nullable=False),
    Column("received_at_ms", BigInt, nullable=False),
    Column("occurred_at_ms", BigInt, nullable=False),
    Column("occurred_from", Text, nullable=False),  # ntp, rtc, uptime: back-dated, received: at the latest
    Column("replay", Boolean, nullable=False),
    Column("uptime_ms", BigInt, nullable=False),
    Column("time_s", BigInt),
    Column("time_quality", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("score", BigInt),
    Column("threshold", BigInt),
    Column("class_name", Text),
    Column("model", Text),
    Column("features", sa.JSON, nullable=False),
    Column("spectrum", sa.JSON),
    Column("speed_millihz", BigInt),  # the operating point at the alert
    Column("load_permille", Integer),
    Column("point_source", Text),
    UniqueConstraint("site", "device", "boot", "seq", name="alert_identity"),
    Index("alert_by_seq", "site", "device", "seq"),
)

occurrence = Table(  # an alert from its raise to its clear, and what operators did about it
    "occurrence",
    metadata,
    Column("id", BigInt, primary_key=True),
    *_sensor_key(),
    Column("cause", Text, nullable=False),
    Column("boot", BigInt, nullable=False),  # these two are the identity of its first event
    Column("seq", BigInt, nullable=False),
    Column("raised_id", BigInt),  # the alerts that make it up; null: has not come
    Column("escalated_id", BigInt),
    Column("cleared_id", BigInt),
    Column("level", Text, nullable=False),  # the worst that it reached
    Column("ended_at_ms", BigInt),  # known to be over from elsewhere than its clear
    Column("acked_at_ms", BigInt),
    Column("acked_by", Text),
    Column("acked_level", Text),  # a warning that was acknowledged asks again when it becomes an alarm
    Column("shelved_until_ms", BigInt),
    Column("shelved_by", Text),
    UniqueConstraint("site", "device", "cause", "boot", "seq", name="occurrence_identity"),
)
# What asks for attention: it lasts, or nobody has acknowledged it at the level that it reached.
IS_OPEN = sa.text(
    "((cleared_id IS NULL AND ended_at_ms IS NULL) OR acked_level IS NULL"
    " OR (acked_level <> level AND acked_level <> 'alarm'))"
)
Index(
    "occurrence_open",
    occurrence.c.site,
    occurrence.c.device,
    occurrence.c.cause,
    occurrence.c.id,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)

journal = Table(  # everything that a person did, and when; rows are only ever added
    "journal",
    metadata,
    Column("id", BigInt, primary_key=True),
    Column("at_ms", BigInt, nullable=False),
    Column("author", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("occurrence_id", BigInt),
    Column("note", Text, nullable=False),
    Column("strikes_id", BigInt),  # the entry that this one strikes out
    Index("journal_of_occurrence", "occurrence_id", "id"),
)

account = Table(  # who may use the page
    "account",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),  # viewer, operator, engineer
    Column("password_hash", Text, nullable=False),  # argon2id
    Column("created_at_ms", BigInt, nullable=False),
)

login_session = Table(
    "login_session",
    metadata,
    Column("token_digest", Text, primary_key=True),  # SHA-256: who reads the database cannot log in with it
    Column("account", Text, nullable=False),
    Column("expires_at_ms", BigInt, nullable=False),
)

known_browser = Table(  # where a user was logged in once: there nobody else's guesses are held against them
    "known_browser",
    metadata,
    Column("token_digest", Text, primary_key=True),  # SHA-256
    Column("account", Text, nullable=False),
    Column("since_ms", BigInt, nullable=False),
)

cause = Table(  # the last event of each cause: what is raised now can be read without the whole history
    "cause",
    metadata,
    *_sensor_key(primary_key=True),
    Column("cause", Text, primary_key=True),
    Column("boot", BigInt, nullable=False),
    Column("seq", BigInt, nullable=False),
)

machine = Table(  # what an engineer said of the machine that a sensor is on
    "machine",
    metadata,
    *_sensor_key(primary_key=True),
    Column("component_class", Text),  # of ISO 20816-3 or VDI 3834-1, as in vibnode.component_class
    Column("shaft_rpm", sa.Float),
    Column(
        "balls", Integer
    ),  # the bearing: rolling elements, their and the pitch circle's diameter, contact angle
    Column("ball_mm", sa.Float),
    Column("pitch_mm", sa.Float),
    Column("contact_deg", sa.Float),
    Column("reference_command_id", BigInt),  # the snapshot that counts as healthy
    Column("changed_by", Text, nullable=False),
    Column("changed_at_ms", BigInt, nullable=False),
)

machine_record = Table(  # what was done to a machine or its baseline, by whom; rows are only ever added
    "machine_record",
    metadata,
    Column("id", BigInt, primary_key=True),
    *_sensor_key(),
    Column("at_ms", BigInt, nullable=False),
    Column("author", Text, nullable=False),
    Column("cmd", Text, nullable=False),  # repaired, learn or restore
    Column("note", Text, nullable=False),
    Column("command_id", BigInt, nullable=False),  # which tells what became of it
    Index("machine_record_of_device", "site", "device", "id"),
)

drift = Table(  # how a machine moves slowly, as it was judged last; slopes in steps a month, null: not known
    "drift",
    metadata,
    *_sensor_key(primary_key=True),
    Column("quantity", Text, primary_key=True),  # score, velocity, level
    Column("at_ms", BigInt, nullable=False),
    Column("days", Integer, nullable=False),
    Column("slope", sa.Float),
    Column("slope_low", sa.Float),
    Column("slope_high", sa.Float),
    Column("noise", sa.Float),
    Column("level", sa.Float),
    Column("limit_steps", Integer),
    Column("reach_at_ms", BigInt),
    Column("earliest_at_ms", BigInt),
    Column("latest_at_ms", BigInt),
)

command_key = Table(  # with which commands to a device are signed; never leaves this host
    "command_key",
    metadata,
    *_sensor_key(primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("last_n", BigInt, nullable=False),  # the counter of the last command
    Column("created_at_ms", BigInt, nullable=False),
)

command = Table(
    "command",
    metadata,
    Column("id", BigInt, primary_key=True),
    *_sensor_key(),
    Column("cmd", Text, nullable=False),
    Column("fields", sa.JSON, nullable=False),
    Column("author", Text, nullable=False),
    Column("asked_at_ms", BigInt, nullable=False),
    Column("sent_at_ms", BigInt),  # from here on: null until it is so
    Column("answered_at_ms", BigInt),  # all parts have come
    Column("ok", Boolean),
    Column("error", Text),  # why it was not sent, or what the device says
    Index("command_of_device", "site", "device", "id"),
)

reply_part = Table(
    "reply_part",
    metadata,
    Column("command_id", BigInt, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("parts", Integer, nullable=False),
    Column("received_at_ms", BigInt, nullable=False),
    Column("boot", BigInt, nullable=False),
    Column("uptime_ms", BigInt, nullable=False),
    Column("body", sa.JSON, nullable=False),
)

feature_vectors = Table(  # whole feature vectors, from replies to `spectrum`
    "feature_vectors",
    metadata,
    *_sensor_key(primary_key=True),
    Column("boot", BigInt, primary_key=True, autoincrement=False),
    Column("uptime_ms", BigInt, primary_key=True, autoincrement=False),
    Column("time", BigInt, nullable=False),  # seconds since 1970-01-01 UTC
    Column("features", LargeBinary, nullable=False),  # i16, little-endian, in the order of SPEC.md 1.2
    Column("score", Integer),
    Column("model", Text, nullable=False),  # digest of the model that it was judged with
)

notification = Table(  # what is to be told to whom
    "notification",
    metadata,
    Column("id", BigInt, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("reason", Text, nullable=False),  # event: the alert itself; unacknowledged: nobody has looked
    Column("alert_id", BigInt, nullable=False),
    Column("occurrence_id", BigInt, nullable=False),
    Column("planned_at_ms", BigInt, nullable=False),
    Column("due_at_ms", BigInt, nullable=False),  # after the quiet hours; later after each failure
    Column("ended_at_ms", BigInt),  # delivered, or given up
    Column("delivered", Boolean),
    Column("failures", Integer, nullable=False, default=0),
    Column("last_failure", Text),
    UniqueConstraint("rule", "channel", "reason", "alert_id", name="notification_identity"),
    Index("notification_of_occurrence", "occurrence_id", "reason"),
    Index("notification_to_do", "channel", "ended_at_ms", "due_at_ms"),
)

notified_up_to = Table(  # one row: the last alert that the rules have been asked about
    "notified_up_to",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("alert_id", BigInt, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInt, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("digest", Text, nullable=False),  # SHA-256 of the whole payload
    Column("payload", LargeBinary, nullable=False),  # its first 4096 bytes
    Column("reason", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("first_at_ms", BigInt, nullable=False),
    Column("last_at_ms", BigInt, nullable=False),
    Column("site", Text),  # these four are set when the alert's identity could still be read
    Column("device", Text),
    Column("boot", BigInt),
    Column("seq", BigInt),
    UniqueConstraint("topic", "digest", name="quarantine_identity"),
    Index("quarantine_by_seq", "site", "device", "seq"),
)

ingest_link = Table(  # how each ingest process stands with its broker
    "ingest_link",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("broker", Text, nullable=False),
    Column("connected", Boolean, nullable=False),
    Column("since_ms", BigInt, nullable=False),
    Column("heartbeat_at_ms", BigInt, nullable=False),
    Column("detail", Text, nullable=False),
    Column("process", Text),  # host and number of the process that has the client id, as it said last
)

work = Table(  # how the threads and tasks of each process go, said again and again
    "work",
    metadata,
    Column("process", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("failing", Boolean, nullable=False),
    Column("failures", BigInt, nullable=False),
    Column("last_failure", Text),
    Column("said_at_ms", BigInt, nullable=False),
)
