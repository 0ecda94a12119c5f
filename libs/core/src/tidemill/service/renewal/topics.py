"""A new model is taken up when its topics are there: somebody else makes them."""

from __future__ import annotations

from collections.abc import Collection

from tidemill.errors import RetryLater
from tidemill.service.renewal.change import Change

__all__ = ["await_topics"]

DELAY_S = 2.0


def await_topics(change: Change, roles: Collection[str]) -> None:
    """Raises RetryLater, with what to do, while a new model lacks one of its topics in these roles, or brokers are
    away. (Those are the roles that the process may see.)
    """
    if not change.new:
        return
    from tidemill.kafka.client.clients import admin
    from tidemill.kafka.partitions.growth import partition_counts

    topics = change.contract.topics
    names = {topics.name(role, model): model for model in change.new for role in roles}
    present = partition_counts(admin(change.contract.settings), names)
    missing = sorted(names.keys() - present.keys())
    if missing:
        models = ", ".join(sorted({names[name] for name in missing}))
        told = f"topics of {models} are not there, or may not be seen: {', '.join(missing)}"
        raise RetryLater(f"{told}; `tidemill topics prepare` creates those of the platform", delay_s=DELAY_S)
