"""Wires the trainer's parts together: the one place that knows all of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from opentelemetry.trace import Tracer

from tidemill.access.migrate import migrate_access
from tidemill.artifact import ArtifactStore, Bounds
from tidemill.clock import SystemClock
from tidemill.codec import Codec
from tidemill.codec.layout import layout_of
from tidemill.codec.registry.client import open_registry
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError, RetryLater
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import ExclusiveWriter, Publisher
from tidemill.kafka.client.topics import partition_counts
from tidemill.service import Health, Heartbeat
from tidemill_trainer.admission.admission import Admission
from tidemill_trainer.admission.request_reader import RequestReader
from tidemill_trainer.collect.collector import ROLES, Collector, CollectorContext
from tidemill_trainer.collect.first_data import FirstData
from tidemill_trainer.collect.row_buffer import ModelRows
from tidemill_trainer.collect.rows import table_schema
from tidemill_trainer.collect.training_table import TrainingTable
from tidemill_trainer.footprint import share_one_heap
from tidemill_trainer.release.audit import ReleaseAudit
from tidemill_trainer.release.published import Published
from tidemill_trainer.release.releaser import Releaser, ReleaserContext
from tidemill_trainer.release.topic_reader import TopicReader
from tidemill_trainer.release.trial.evaluator import TrialEvaluator
from tidemill_trainer.release.trial.evidence import Trial
from tidemill_trainer.release.trial.follower import TrialFollower
from tidemill_trainer.release.trial.vetting import vetted
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.outbox import Outbox, OutboxContext
from tidemill_trainer.runs.store import RunStore
from tidemill_trainer.settings import Part, TrainerSettings
from tidemill_trainer.training.process import TrainingChild, child_environment
from tidemill_trainer.training.run_loop import Place, Trainer, TrainerContext

log = logging.getLogger(__name__)

T = TypeVar("T")

STUCK_AFTER_S = 180.0
"""Longer than any single step that does not beat: a commit to the table, the training process's start."""

PLATFORM_TOPICS = (
    "retrain_requests", "retrain_runs", "release_commands", "arm_reports", "profiles", "model_versions",
    "model_releases",
)  # fmt: skip


def build(
    settings: TrainerSettings,
    specs: Mapping[str, ModelSpec],
    catalog: TopicCatalog,
    health: Health,
    tracer: Tracer,
    stop: threading.Event,
) -> dict[str, Callable[[], None]] | None:
    """The loops of all parts by name, ready to run as threads. None if stopped while waiting for Kafka or a store."""
    share_one_heap()
    counts = patiently(lambda: _partitions(settings, specs, catalog), stop)
    if counts is None:
        return None
    schemas = SchemaCatalog.load(settings.schemas, specs)
    clock = SystemClock()
    engine = connect(settings.database_url)
    migrate(engine)
    migrate_access(engine)
    store = RunStore(
        engine,
        clock,
        f"{settings.prefix}trainer-{settings.instance}",
        settings.lease_s,
        settings.max_attempts,
    )
    patiently(store.release_own_leases, stop)
    models = _all_rows(settings, specs, catalog, schemas, counts, stop)
    if models is None:
        return None
    places = {model.spec.name: _place(settings, model, catalog) for model in models}
    admission = Admission(store, specs, _codec(settings, schemas), schemas, clock)
    child = TrainingChild(child_environment(settings), stop)
    published = Published(
        settings,
        catalog.name("model_versions"),
        catalog.name("model_releases"),
        _codec(settings, schemas),
        schemas,
    )
    collecting = CollectorContext(
        settings=settings, group=catalog.group("trainer-collect"), models=models, partitions=counts,
        after_commit=FirstData(admission, store).after_commit, stop=stop,
        heartbeat=_heartbeat(health, settings, "collect"), count=partial(_partitions, settings, specs, catalog),
        grown=lambda model: places.update({model.spec.name: _place(settings, model, catalog)}),
    )  # fmt: skip
    collector = Collector(collecting)
    requests = RequestReader(
        TopicReader(settings, catalog.group("trainer-admit"), _named(catalog, counts, "retrain_requests")),
        admission, settings.poll_s, stop, _heartbeat(health, settings, "admit"),
    )  # fmt: skip
    watched = _named(catalog, counts, "retrain_runs", "release_commands")
    releasing = ReleaserContext(
        catalog=catalog, codec=_codec(settings, schemas), schemas=schemas,
        reader=TopicReader(settings, catalog.group("trainer-release"), watched), specs=specs,
        writers={name: ExclusiveWriter(settings, catalog.transactional_id(f"release-{name}")) for name in specs},
        published=published, evaluator=_trial_evaluator(settings, specs, catalog, schemas, published), store=store,
        audit=ReleaseAudit(engine), clock=clock, tracer=tracer, poll_s=settings.poll_s, stop=stop,
        heartbeat=_heartbeat(health, settings, "release"),
    )  # fmt: skip
    releaser = Releaser(releasing)
    publishing = OutboxContext(
        store=store, publisher=Publisher(settings, name="trainer-runs"), codec=_codec(settings, schemas),
        schemas=schemas, topic=catalog.name("retrain_runs"), poll_s=settings.poll_s, stop=stop,
        heartbeat=_heartbeat(health, settings, "publish"),
    )  # fmt: skip
    outbox = Outbox(publishing)
    training = TrainerContext(
        settings=settings, store=store, child=child, places=places, champion=published.current,
        champion_known=releaser.caught_up, tracer=tracer, stop=stop, heartbeat=_heartbeat(health, settings, "train"),
    )  # fmt: skip
    trainer = Trainer(training)
    health.add_ready("starting", lambda: None)
    health.add_ready("database", store.ping)
    loops: dict[Part, tuple[Callable[[], None], Callable[[], str | None]]] = {
        "train": (trainer.run, lambda: None if child.ready else "the training process is not warm yet"),
        "release": (
            releaser.run,
            lambda: None if releaser.caught_up.is_set() else "release has not read its topics yet",
        ),
        "collect": (collector.run, collector.unready),
        "admit": (requests.run, lambda: None),
        "publish": (outbox.run, lambda: None),
    }
    for part in settings.parts:
        health.add_ready(part, loops[part][1])
    return {part: loop for part, (loop, _) in loops.items() if part in settings.parts}


def _trial_evaluator(
    settings: TrainerSettings,
    specs: Mapping[str, ModelSpec],
    catalog: TopicCatalog,
    schemas: SchemaCatalog,
    published: Published,
) -> TrialEvaluator:
    def follow(trial: Trial) -> TrialFollower:
        return TrialFollower(settings, catalog, _codec(settings, schemas), schemas, trial)

    store = ArtifactStore.of(settings)
    bounds = Bounds(settings.proof_timeout_s, settings.proof_memory_mb << 20)
    vets = {name: partial(vetted, model=name, store=store, bounds=bounds) for name in specs}
    return TrialEvaluator(specs, published, follow, SystemClock(), vets)


def patiently(work: Callable[[], T], stop: threading.Event) -> T | None:
    """Do ``work`` as soon as what it depends on is there; None if the process is stopped first."""
    while not stop.is_set():
        try:
            return work()
        except RetryLater as error:
            log.warning("waiting: %s", error)
            stop.wait(error.delay_s)
    return None


def _partitions(settings: TrainerSettings, specs: Mapping[str, ModelSpec], catalog: TopicCatalog) -> dict[str, int]:
    """Partition count of every topic that the trainer uses; 0 for those of models that wait for theirs: they are
    collected as soon as they are there. Raises ``RetryLater`` until the platform's and those of one model are there.
    """
    models = {model: [catalog.name(role, model) for role in ROLES] for model in specs}
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
            log.warning("%s waits, the others go on: no topics %s; `tidemill topics apply` creates them", model, told)
    return {**dict.fromkeys((name for names in absent.values() for name in names), 0), **counts}


def _all_rows(
    settings: TrainerSettings, specs: Mapping[str, ModelSpec], catalog: TopicCatalog, schemas: SchemaCatalog,
    counts: Mapping[str, int], stop: threading.Event,
) -> list[ModelRows] | None:  # fmt: skip
    """The rows of all models, with their tables open, as soon as the tables' store lets it; None if stopped first."""
    return patiently(lambda: [_model_rows(settings, spec, catalog, schemas, counts) for spec in specs.values()], stop)


def _model_rows(
    settings: TrainerSettings,
    spec: ModelSpec,
    catalog: TopicCatalog,
    schemas: SchemaCatalog,
    counts: Mapping[str, int],
) -> ModelRows:
    import time

    topics = {catalog.name(role, spec.name): role for role in ROLES}
    record = layout_of(schemas.record(spec.name).json)
    if record is None:
        raise ConfigError(f"the schema of {spec.name} has a type that a table cannot hold")
    schema = table_schema(spec, record.arrow)
    partitions = [(topic, number) for topic in topics for number in range(counts[topic])]
    table = TrainingTable(f"{settings.tables}/{settings.prefix}{spec.name}", schema, partitions)
    return ModelRows(
        spec,
        _codec(settings, schemas),
        schemas,
        topics,
        table,
        schema,
        time.monotonic,
        settings.compact_files,
    )


def _place(settings: TrainerSettings, model: ModelRows, catalog: TopicCatalog) -> Place:
    name = model.spec.name
    return Place(f"{settings.tables}/{settings.prefix}{name}", catalog.name("clean", name), model.table.partitions)


def _named(catalog: TopicCatalog, counts: Mapping[str, int], *roles: str) -> dict[str, int]:
    return {catalog.name(role): counts[catalog.name(role)] for role in roles}


def _codec(settings: TrainerSettings, schemas: SchemaCatalog) -> Codec:
    """One for each thread: a codec is not thread-safe."""
    return Codec(schemas, open_registry(settings))


def _heartbeat(health: Health, settings: TrainerSettings, part: Part) -> Heartbeat:
    """What the part's loop beats, and liveness asks after where that part runs in this process."""
    beat = Heartbeat(STUCK_AFTER_S)
    if part in settings.parts:
        health.add_live(part, beat)
    return beat
