"""Is there enough labelled data for a first version? Cheap to ask after every commit."""

from __future__ import annotations

import numpy as np

from tidemill_learning.training.labelled import EVENT_ID
from tidemill_trainer.admission.admission import Admission
from tidemill_trainer.collect.row_buffer import ModelRows
from tidemill_trainer.collect.rows import EVENT, LABELLED, REST
from tidemill_trainer.runs.store import RunStore

LOOK_AGAIN_AFTER = 0.05
"""Share by which the labels must have grown before the ids are joined once more."""


class FirstData:
    """Watches the tables of models that have no version yet.

    The number of labels bounds the number of labelled rows from above and is known without reading anything;
    only when it is high enough are the two columns of ids joined, and again only after they have grown.
    """

    def __init__(self, admission: Admission, store: RunStore) -> None:
        self._admission = admission
        self._store = store
        self._looked_at: dict[str, int] = {}
        self._has_version: set[str] = set()

    def after_commit(self, model: ModelRows) -> None:
        """Ask for the first version where it is time, or for one by schedule. Raises RetryLater where the database or
        the table's store is full or away: nothing has been asked then, and the next call does it.
        """
        name, known = model.spec.name, model.committed
        if known.newest_ms is None:
            return
        if name in self._has_version or self._store.has_version(name):
            self._has_version.add(name)
            self._admission.ask_by_schedule(name, known.newest_ms)
            return
        wanted = model.spec.training.first_after
        if min(known.labels, known.events) < wanted or known.labels < self._looked_at.get(name, 0) * (
            1 + LOOK_AGAIN_AFTER
        ):
            return
        labelled = count_labelled(model)
        if labelled >= wanted:
            self._admission.ask_for_first(name, labelled, known.newest_ms)
        self._looked_at[name] = known.labels


def count_labelled(model: ModelRows) -> int:
    """Events in the table that have a label, by their ids."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks = [*model.table.column(EVENT, EVENT_ID).chunks, *model.table.column(REST, EVENT_ID).chunks]
    events = pa.chunked_array(chunks, pa.string())
    labels = model.table.column(LABELLED, EVENT_ID).unique()
    own = model.table.labelled_ids((EVENT, REST))
    joined = int(np.count_nonzero(pc.is_in(labels, value_set=events).to_numpy(zero_copy_only=False)))
    apart = int(np.count_nonzero(pc.is_in(own, value_set=labels).to_numpy(zero_copy_only=False))) if len(own) else 0
    return joined + len(own) - apart
