"""Alarms of label time, for the topic of drift events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("event_id", sa.String(64), nullable=False, unique=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("event", sa.JSON, nullable=False),
        sa.Column("sent_at", sa.BigInteger),
    )
    op.create_index("alarms_unsent", "alarms", ["sent_at", "id"])


def downgrade() -> None:
    op.drop_table("alarms")
