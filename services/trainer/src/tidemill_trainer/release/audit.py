"""Who commanded which release, when, and what came of it: the audit log of administrative acts, in SQL."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from tidemill.access.storage.audit import Act, acts, note
from tidemill.contracts.events.platform import ReleaseCommand
from tidemill.errors import RetryLater

LOOK_BACK = 100


class ReleaseAudit:
    """Adds an act for each command; one that is handled again after a crash is not added twice."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, command: ReleaseCommand, outcome: str) -> None:
        """Write the act before it is done: what serves never changes without it. Raises RetryLater without the
        database.
        """
        detail = {
            "command_id": command.command_id, "version": command.version, "reason": command.reason, "outcome": outcome,
        }  # fmt: skip
        try:
            if any(act.detail.get("command_id") == command.command_id for act in acts(
                self._engine, LOOK_BACK, command.model
            )):  # fmt: skip
                return
            with self._engine.begin() as connection:
                note(connection, Act(command.at, command.by, f"release.{command.action}", command.model, detail))
        except DBAPIError as error:
            raise RetryLater(f"the database does not answer: {error.orig}") from error
