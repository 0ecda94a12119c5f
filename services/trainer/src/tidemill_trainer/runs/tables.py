"""Tables of the trainer's relational state, as SQLAlchemy sees them; Alembic makes them (`migrations/`)."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("request_id", String(200), nullable=False, unique=True),
    Column("model", String(200), nullable=False),
    Column("cause", String(32), nullable=False),
    Column("fingerprint", String(400), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("requested_by", String(200), nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("event_time", BigInteger, nullable=False),
    Column("traceparent", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_owner", String(200)),
    Column("lease_token", String(64)),
    Column("lease_until", BigInteger),
    Column("version", Integer),
    Column("artifact", JSON),
    Column("gate", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("start_offsets", JSON, nullable=False),
    Column("change_point", JSON(none_as_null=True)),
    Column("cut_off", BigInteger),
    Column("outcome", String(16)),
    Column("contest", JSON(none_as_null=True)),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Index("runs_by_model", "model", "created_at"),
    Index("runs_by_state", "state", "created_at"),
)
"""One row per request, refused ones too. Times are epoch ms; `event_time` and `cut_off` are the stream's, the others
the wall's. `outcome`: what the gate said; `contest`: what its hold-out told against the champion (`wealth`, `labels`,
`spread`, `against`).
"""

versions = Table(
    "versions",
    metadata,
    Column("model", String(200), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("run_id", String(64), nullable=False),
    UniqueConstraint("run_id", name="versions_one_per_run"),
)
"""The integers that versions are: 1, 2, 3 within a model. A run that is begun again keeps its own."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("event_id", String(200), nullable=False, unique=True),
    Column("model", String(200), nullable=False),
    Column("event", JSON, nullable=False),
    Column("traceparent", String(64), nullable=False),
    Column("sent_at", BigInteger),
    Index("outbox_unsent", "sent_at", "id"),
)
"""Run events that are written in one transaction with the change that they tell of, and sent afterwards."""

label_time = Table(
    "label_time",
    metadata,
    Column("model", String(200), primary_key=True),
    Column("state", JSON, nullable=False),
    Column("table_version", BigInteger, nullable=False),
    Column("taken", Integer, nullable=False),
    Column("request_id", String(200)),
    Column("revision", Integer, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
"""Where each model's label time is. `state`: `LabelTime.to_state`; `table_version`: of the training table, all of whose
newly labelled rows were taken; `taken`: rows of the next one that were, too; `request_id`: of the fit that is awaited;
`revision` grows with every change.
"""

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("notice_id", String(64), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("model", String(200), nullable=False),
    Column("notice", JSON, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent_at", BigInteger),
    UniqueConstraint("notice_id", "channel", name="notices_once_by_channel"),
    Index("notices_waiting", "channel", "sent_at", "kind", "id"),
)
"""What people are told, once for each channel; `sent_at`: when it was taken, alone or in a digest. `next_at`: one that
was refused is not tried again before.
"""

notice_positions = Table(
    "notice_positions",
    metadata,
    Column("topic", String(249), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("topic_id", String(64), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
)
"""How far the topics have been taken for notices: written with these, in one transaction."""

notice_rates = Table(
    "notice_rates",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("full_at", BigInteger, nullable=False),
)
"""When a channel's token bucket for a kind is full again (ms): a restart does not fill it."""

takeovers = Table(
    "takeovers",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("takeover_id", String(64), nullable=False, unique=True),
    Column("model", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("over", Integer, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("outcome", Text),
    Index("takeovers_by_outcome", "outcome", "id"),
)
"""Versions that take over in label time, for *release*; `outcome`: what came of it, null until then."""

alarms = Table(
    "alarms",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("event_id", String(64), nullable=False, unique=True),
    Column("model", String(200), nullable=False),
    Column("event", JSON, nullable=False),
    Column("sent_at", BigInteger),
    Index("alarms_unsent", "sent_at", "id"),
)
"""Drift events that label time has found: written in one transaction with the step that found them, sent afterwards."""
