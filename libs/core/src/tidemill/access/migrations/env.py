"""Alembic's entry: runs the revisions on the connection that is handed over."""

from __future__ import annotations

from alembic import context

from tidemill.access.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="access_revision",
    render_as_batch=True,
)
context.run_migrations()
