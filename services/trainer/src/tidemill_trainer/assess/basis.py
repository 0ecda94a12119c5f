"""Which rows a fit that label time asked for may learn from: those that it had taken, and no other.

A time alone does not say it: labels of one moment come in numbers, and others are late. Who learned them as well would
be held against the champion on rows that it knows.
"""

from __future__ import annotations

from tidemill.errors import RetryLater
from tidemill_learning.training.labelled import EVENT_ID
from tidemill_trainer.assess.joined import newly_labelled
from tidemill_trainer.assess.table_steps import FilesGone, TableSteps


def rows_taken(uri: str, table_version: int, taken: int) -> tuple[int, tuple[str, ...]]:
    """The version of the table that holds what label time had taken (all that is labelled in `table_version`, and the
    first `taken` rows of those that the next one labels), and the ids of events labelled in it that it had not.

    Raises OSError where the table's store is away, ValueError where the table does not go so far, or its
    files not so far back.
    """
    if not taken:
        return table_version, ()
    try:
        step = TableSteps(uri).after(table_version)
        if step is None:
            raise ValueError(f"{uri} is another table by now: it has no version after {table_version}")
        ids = newly_labelled(step, ()).column(EVENT_ID).to_pylist()
    except FilesGone as error:
        raise ValueError(f"rows of version {table_version} of {uri} are gone since it was asked for") from error
    except RetryLater as error:
        raise OSError(str(error)) from error
    return step.version, tuple(ids[taken:])
