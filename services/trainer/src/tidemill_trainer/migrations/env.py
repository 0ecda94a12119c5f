"""Alembic's entry: runs the revisions on the connection that `database.migrate` hands over."""

from __future__ import annotations

from alembic import context

from tidemill_trainer.runs.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="trainer_revision",
    render_as_batch=True,
)
context.run_migrations()
