"""Label time: where it is, what it asked for, and who takes over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("change_point", sa.JSON))
    op.add_column("runs", sa.Column("cut_off", sa.BigInteger))
    op.add_column("runs", sa.Column("outcome", sa.String(16)))
    op.add_column("runs", sa.Column("contest", sa.JSON))
    op.create_table(
        "label_time",
        sa.Column("model", sa.String(200), primary_key=True),
        sa.Column("state", sa.JSON, nullable=False),
        sa.Column("table_version", sa.BigInteger, nullable=False),
        sa.Column("taken", sa.Integer, nullable=False),
        sa.Column("request_id", sa.String(200)),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "takeovers",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("takeover_id", sa.String(64), nullable=False, unique=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("over", sa.Integer, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.Text),
    )
    op.create_index("takeovers_by_outcome", "takeovers", ["outcome", "id"])


def downgrade() -> None:
    op.drop_table("takeovers")
    op.drop_table("label_time")
    for name in ("contest", "outcome", "cut_off", "change_point"):
        op.drop_column("runs", name)
