"""Is it time for a new version by the calendar of the stream? Asked after every commit."""

from __future__ import annotations

from tidemill_trainer.admission.admission import Admission
from tidemill_trainer.collect.row_buffer import ModelRows
from tidemill_trainer.runs.store import RunStore


class Calendar:
    """Watches the stream time of models that have a version: the first one is asked for by label time."""

    def __init__(self, admission: Admission, store: RunStore) -> None:
        self._admission = admission
        self._store = store
        self._has_version: set[str] = set()

    def after_commit(self, model: ModelRows) -> None:
        """Ask for a version by schedule where it is time. Raises RetryLater where the database is full or away:
        nothing has been asked then, and the next call does it.
        """
        name, newest_ms = model.spec.name, model.committed.newest_ms
        if newest_ms is None or model.spec.retrain.every is None:
            return
        if name in self._has_version or self._store.has_version(name):
            self._has_version.add(name)
            self._admission.ask_by_schedule(name, newest_ms)
