"""What a version's manifest says of where it comes from."""

from __future__ import annotations

from tidemill.artifact import Lineage
from tidemill.contracts.events.platform import ModelRef
from tidemill.contracts.model_file import ModelSpec
from tidemill_learning.data_set.content import content_hash
from tidemill_learning.lineage.environment import environment
from tidemill_learning.lineage.recipe import recipe_of
from tidemill_learning.training.train import Trained
from tidemill_trainer.training.data_set import Loaded

MOST_NAMED_BYTES = 300_000
"""Of ids in a manifest, which may have 1 MiB."""


def lineage_of(
    spec: ModelSpec, loaded: Loaded, cause: str, champion: ModelRef | None, trained: Trained | None = None
) -> Lineage:  # fmt: skip
    """All that it takes to make the version again, beside what else stands in its manifest. `champion`: who served;
    `trained`: None for a mixture, of which nothing is trained.
    """
    named = loaded.left_out if sum(len(one.encode()) + 3 for one in loaded.left_out) <= MOST_NAMED_BYTES else ()
    return Lineage(
        cause=cause, parent=champion.version if champion else None, left_out=len(loaded.left_out), without=list(named),
        content=content_hash(loaded.rows), rows=loaded.rows.num_rows, cut_off=loaded.cut_off_ms,
        since=loaded.reach.since, known_by=loaded.reach.known_by, topic_ids=dict(loaded.topic_ids),
        trials=len(trained.search.attempts) if trained else 0, tried_windows=bool(trained and trained.tried_windows),
        recipe=recipe_of(spec), environment=environment(),
    )  # fmt: skip
