"""Wires the trainer's parts together: the one place that knows all of them."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from opentelemetry.trace import Tracer

from tidemill.access.migrate import migrate_access
from tidemill.artifact import ArtifactStore, Bounds
from tidemill.clock import SystemClock
from tidemill.codec.layout import layout_of
from tidemill.contracts.events.platform import ModelRef
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError, RetryLater
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import ExclusiveWriter, Publisher
from tidemill.kafka.client.topics import partition_counts
from tidemill.service import Health, Heartbeat
from tidemill.service.contract import Contract
from tidemill.service.patience import patiently
from tidemill.service.server import HealthServer
from tidemill.telemetry.logs import configure_logging
from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing
from tidemill_learning.data_set.table_rows import table_schema
from tidemill_trainer.admission.admission import Admission
from tidemill_trainer.admission.request_reader import RequestReader
from tidemill_trainer.assess.answers import Versions
from tidemill_trainer.assess.assessment import Assessment, AssessmentContext
from tidemill_trainer.assess.loop import Assess
from tidemill_trainer.assess.state import LabelTimeStore
from tidemill_trainer.assess.table_steps import TableSteps
from tidemill_trainer.collect.calendar import Calendar
from tidemill_trainer.collect.collector import ROLES, Collector, CollectorContext
from tidemill_trainer.collect.row_buffer import ModelRows
from tidemill_trainer.collect.training_table import TrainingTable
from tidemill_trainer.footprint import share_one_heap
from tidemill_trainer.part_threads import Parts
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
from tidemill_trainer.training.orders import Orders, Place
from tidemill_trainer.training.process import TrainingChild, child_environment
from tidemill_trainer.training.run_loop import Trainer, TrainerContext

_log = logging.getLogger(__name__)

SERVICE = "trainer"

STUCK_AFTER_S = 180.0
"""Longer than any single step that does not beat: a commit to the table, the training process's start."""

PLATFORM_TOPICS = (
    "retrain_requests", "retrain_runs", "release_commands", "arm_reports", "profiles", "model_versions",
    "model_releases", "drift_events",
)  # fmt: skip


def serve(settings: TrainerSettings, stop: threading.Event) -> None:
    """Run all parts until `stop` is set. Raises what ended them otherwise."""
    configure_logging(SERVICE, settings.log_level, settings.log_file)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every revision, at every start
    settings = with_absolute_places(settings)
    contract = Contract.load(settings)
    health = Health()
    hosts = settings.allowed_hosts
    with HealthServer(health, host=settings.host, port=settings.port, allowed_hosts=hosts) as server:
        print(f"trainer: {server.address}/metrics", file=sys.stderr)
        health.add_ready("starting", lambda: "the trainer is starting")
        try:
            loops = build(settings, contract, health, configure_tracing(SERVICE, settings), stop)
            if loops is not None:
                Parts(loops, stop).run()
        finally:
            shutdown_tracing()


def build(
    settings: TrainerSettings, contract: Contract, health: Health, tracer: Tracer, stop: threading.Event
) -> dict[str, Callable[[], None]] | None:
    """The loops of all parts by name, ready to run as threads. None if stopped while waiting for Kafka or a store."""
    specs, catalog, schemas = contract.models, contract.topics, contract.schemas
    share_one_heap()
    counts = patiently(lambda: topic_partitions(settings, contract), stop)
    if counts is None:
        return None
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
    models = open_tables(settings, contract, counts, stop)
    if models is None:
        return None
    places = {model.spec.name: place_of(settings, model, catalog) for model in models}
    admission = Admission(store, specs, contract.codec(), schemas, clock)
    label_times = LabelTimeStore(engine, clock)
    child = TrainingChild(child_environment(settings), stop)
    published = Published(
        settings,
        catalog.name("model_versions"),
        catalog.name("model_releases"),
        contract.codec(),
        schemas,
    )
    collecting = CollectorContext(
        settings=settings, group=catalog.group("trainer-collect"), models=models, partitions=counts,
        after_commit=Calendar(admission, store).after_commit, stop=stop,
        heartbeat=_heartbeat(health, settings, "collect"), count=partial(topic_partitions, settings, contract),
        grown=lambda model: places.update({model.spec.name: place_of(settings, model, catalog)}),
    )  # fmt: skip
    collector = Collector(collecting)
    requests = RequestReader(
        TopicReader(settings, catalog.group("trainer-admit"), _named(catalog, counts, "retrain_requests")),
        admission, settings.poll_s, stop, _heartbeat(health, settings, "admit"),
    )  # fmt: skip
    watched = _named(catalog, counts, "retrain_runs", "release_commands")
    releasing = ReleaserContext(
        catalog=catalog, codec=contract.codec(), schemas=schemas,
        reader=TopicReader(settings, catalog.group("trainer-release"), watched), specs=specs,
        writers={name: ExclusiveWriter(settings, catalog.transactional_id(f"release-{name}")) for name in specs},
        published=published, evaluator=_trial_evaluator(settings, contract, published), store=store,
        takeovers=label_times, audit=ReleaseAudit(engine), clock=clock, tracer=tracer, poll_s=settings.poll_s,
        stop=stop, heartbeat=_heartbeat(health, settings, "release"),
    )  # fmt: skip
    releaser = Releaser(releasing)
    publishing = OutboxContext(
        store=store, publisher=Publisher(settings, name="trainer-runs"), codec=contract.codec(),
        schemas=schemas, topic=catalog.name("retrain_runs"), poll_s=settings.poll_s, stop=stop,
        alarms=label_times, alarms_topic=catalog.name("drift_events"),
        heartbeat=_heartbeat(health, settings, "publish"),
    )  # fmt: skip
    outbox = Outbox(publishing)
    training = TrainerContext(
        settings=settings, store=store, child=child, champion_known=releaser.caught_up, tracer=tracer, stop=stop,
        orders=Orders(places, published.current, label_times.basis, partial(find_version, store, published)),
        heartbeat=_heartbeat(health, settings, "train"),
    )  # fmt: skip
    trainer = Trainer(training)
    assessed = partial(_assessment, settings, store, label_times, admission, published, tracer)
    assessments = [assessed(model.spec) for model in models]
    assess = Assess(assessments, releaser.caught_up, stop, _heartbeat(health, settings, "assess"))
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
        "assess": (assess.run, lambda: None),
        "publish": (outbox.run, lambda: None),
    }
    for part in settings.parts:
        health.add_ready(part, loops[part][1])
    return {part: loop for part, (loop, _) in loops.items() if part in settings.parts}


def _assessment(
    settings: TrainerSettings, store: RunStore, label_times: LabelTimeStore, admission: Admission,
    published: Published, tracer: Tracer, spec: ModelSpec,
) -> Assessment:  # fmt: skip
    find = partial(find_version, store, published, spec.name)
    steps = TableSteps(_table_uri(settings, spec.name))
    versions = Versions(spec.name, spec.target.task, ArtifactStore.of(settings), find)
    context = AssessmentContext(
        spec=spec, steps=steps, versions=versions, store=label_times, admission=admission,
        published=published.current, has_version=store.has_version, clock=SystemClock(),
        tracer=tracer,
    )  # fmt: skip
    return Assessment(context)


def find_version(store: RunStore, published: Published, model: str, version: int) -> ModelRef | None:
    """Where a version lies that a run made, or that was published."""
    found = store.artifact(model, version) or published.reference(model, version)
    return found[0] if found else None


def _table_uri(settings: TrainerSettings, model: str) -> str:
    return f"{settings.tables}/{settings.prefix}{model}"


def _trial_evaluator(settings: TrainerSettings, contract: Contract, published: Published) -> TrialEvaluator:
    def follow(trial: Trial) -> TrialFollower:
        return TrialFollower(settings, contract.topics, contract.codec(), contract.schemas, trial)

    store = ArtifactStore.of(settings)
    bounds = Bounds(settings.proof_timeout_s, settings.proof_memory_mb << 20)
    vets = {name: partial(vetted, model=name, store=store, bounds=bounds) for name in contract.models}
    return TrialEvaluator(contract.models, published, follow, SystemClock(), vets)


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
    catalog, schemas = contract.topics, contract.schemas
    topics = {catalog.name(role, spec.name): role for role in ROLES}
    record = layout_of(schemas.record(spec.name).json)
    if record is None:
        raise ConfigError(f"the schema of {spec.name} has a type that a table cannot hold")
    schema = table_schema(spec, record.arrow)
    partitions = [(topic, number) for topic in topics for number in range(counts[topic])]
    table = TrainingTable(_table_uri(settings, spec.name), schema, partitions)
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
    return Place(_table_uri(settings, name), catalog.name("clean", name), model.table.partitions)


def _named(catalog: TopicCatalog, counts: Mapping[str, int], *roles: str) -> dict[str, int]:
    return {catalog.name(role): counts[catalog.name(role)] for role in roles}


def _heartbeat(health: Health, settings: TrainerSettings, part: Part) -> Heartbeat:
    """What the part's loop beats, and liveness asks after where that part runs in this process."""
    beat = Heartbeat(STUCK_AFTER_S)
    if part in settings.parts:
        health.add_live(part, beat)
    return beat


def with_absolute_places(settings: TrainerSettings) -> TrainerSettings:
    """Artifacts and tables as URIs that mean the same in every process: events carry them."""
    return settings.model_copy(update={"artifacts": as_uri(settings.artifacts), "tables": as_uri(settings.tables)})


def as_uri(place: str) -> str:
    """A folder as `file://` URI; a URI as it is, without a slash at its end."""
    return place.rstrip("/") if "://" in place else Path(place).resolve().as_uri()
