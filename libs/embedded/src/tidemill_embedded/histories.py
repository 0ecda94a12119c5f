"""The history of the models' records at a start: drafted until records are there, then kept for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import history_files
from tidemill.contracts.schemas.history import draft_history, keep_for_good, unsent
from tidemill.contracts.topics import TopicCatalog
from tidemill.settings import KafkaSettings

__all__ = ["keep_histories"]


def keep_histories(
    settings: KafkaSettings, topics: TopicCatalog, models: Mapping[str, ModelSpec], schemas: Path,
    progress: Callable[[str], None],
) -> None:  # fmt: skip
    """Drafts the history of a model that has none, and keeps a draft for good where a record is, or was, on one of the
    model's topics: their ends say so. A history that was recorded before stays as it is.

    Raises ConfigError where the current schema cannot read what was sent.
    """
    for name, spec in models.items():
        drafted = unsent(schemas, name)
        if not drafted and history_files(schemas, name):
            continue
        try:
            if drafted and _was_sent(settings, topics, name):
                keep_for_good(schemas, spec)
            else:
                draft_history(schemas, {name: spec})
        except OSError as error:
            progress(f"the history of {name} cannot be written: {error}")


def _was_sent(settings: KafkaSettings, topics: TopicCatalog, model: str) -> bool:
    from tidemill.kafka.client.scan import bounds

    own = [topics.name(role, model) for role in ("raw", "clean") if not topics.is_external(role, model)]
    return any(end > 0 for topic in own for _, end in bounds(settings, topic).values())
