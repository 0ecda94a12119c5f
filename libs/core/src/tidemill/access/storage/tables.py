"""Tables of keys and of the audit log, as SQLAlchemy sees them; Alembic makes them (`migrations/`)."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, MetaData, String, Table

metadata = MetaData()

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(12), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("previous_digest", String(64)),
    Column("previous_until", BigInteger),
    Column("rate", String(100)),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("rotated_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)
"""One row per key for ever; a revoked one stays, so that its id is never given again. Times are epoch ms."""

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("by", String(200), nullable=False),
    Column("act", String(100), nullable=False),
    Column("subject", String(400), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("audit_log_by_subject", "subject", "at"),
)
"""Every administrative act: who did what to which thing. Rows are only ever added."""
