"""Opens what is collected into: which partitions there are, and the tables of models."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tidemill.codec.layout import layout_of
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError, RetryLater
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.topics import partition_counts
from tidemill.service.contract import Contract
from tidemill.service.patience import patiently
from tidemill_learning.data_set.table_rows import table_schema
from tidemill_trainer.collect.collector import ROLES
from tidemill_trainer.collect.row_buffer import ModelRows
from tidemill_trainer.collect.training_table import TrainingTable
from tidemill_trainer.settings import TrainerSettings
from tidemill_trainer.training.orders import Place

_log = logging.getLogger(__name__)

PLATFORM_TOPICS = (
    "retrain_requests", "retrain_runs", "release_commands", "arm_reports", "profiles", "model_versions",
    "model_releases", "drift_events",
)  # fmt: skip


def table_uri(settings: TrainerSettings, model: str) -> str:
    """Where the table of a model is."""
    return f"{settings.tables}/{settings.prefix}{model}"


def topic_partitions(settings: TrainerSettings, contract: Contract) -> dict[str, int]:
    """Partition count of every topic that the trainer uses; 0 for those of models that wait for theirs: they are
    collected as soon as they are there. Raises `RetryLater` until the platform's and those of one model are there.
    """
    catalog = contract.topics
    models = {model: [catalog.name(role, model) for role in ROLES] for model in contract.models}
    shared = [catalog.name(role) for role in PLATFORM_TOPICS]
    counts = partition_counts(admin(settings), [*shared, *(name for names in models.values() for name in names)])
    absent = {model: [name for name in names if name not in counts] for model, names in models.items()}
    missing = [name for name in shared if name not in counts]
    if missing or all(absent.values()):
        missing += [name for names in absent.values() for name in names]
        raise RetryLater(f"topics are not there yet: {', '.join(sorted(missing))}")
    for model, names in absent.items():
        if names:
            told = ", ".join(sorted(names))
            _log.warning("%s waits, the others go on: no topics %s; `tidemill topics apply` creates them", model, told)
    return {**dict.fromkeys((name for names in absent.values() for name in names), 0), **counts}


def open_tables(
    settings: TrainerSettings, contract: Contract, counts: Mapping[str, int], stop: threading.Event
) -> list[ModelRows] | None:
    """The rows of all models, with their tables open, as soon as the tables' store lets it; None if stopped first."""
    specs = contract.models.values()
    return patiently(lambda: [model_rows(settings, spec, contract, counts) for spec in specs], stop)


def model_rows(settings: TrainerSettings, spec: ModelSpec, contract: Contract, counts: Mapping[str, int]) -> ModelRows:
    """The rows of a model, with its table open. Raises ConfigError, RetryLater."""
    catalog, schemas = contract.topics, contract.schemas
    topics = {catalog.name(role, spec.name): role for role in ROLES}
    record = layout_of(schemas.record(spec.name).json)
    if record is None:
        raise ConfigError(f"the schema of {spec.name} has a type that a table cannot hold")
    schema = table_schema(spec, record.arrow)
    partitions = [(topic, number) for topic in topics for number in range(counts[topic])]
    table = TrainingTable(table_uri(settings, spec.name), schema, partitions)
    return ModelRows(
        spec,
        contract.codec(),
        schemas,
        topics,
        table,
        schema,
        time.monotonic,
        settings.compact_files,
    )


def place_of(settings: TrainerSettings, model: ModelRows, catalog: TopicCatalog) -> Place:
    """Where the rows of a model are."""
    name = model.spec.name
    return Place(table_uri(settings, name), catalog.name("clean", name), model.table.partitions)


def with_absolute_places(settings: TrainerSettings) -> TrainerSettings:
    """Artifacts and tables as URIs that mean the same in every process: events carry them."""
    return settings.model_copy(update={"artifacts": as_uri(settings.artifacts), "tables": as_uri(settings.tables)})


def as_uri(place: str) -> str:
    """A folder as `file://` URI; a URI as it is, without a slash at its end."""
    return place.rstrip("/") if "://" in place else Path(place).resolve().as_uri()
