"""Wires the trainer's parts together: the one place that knows all of them."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial

from opentelemetry.trace import Tracer

from tidemill.access.migrate import migrate_access
from tidemill.artifact import ArtifactStore
from tidemill.clock import SystemClock
from tidemill.contracts.events.platform import ModelRef
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.client.publisher import ExclusiveWriter, Publisher
from tidemill.service import Health, Heartbeat
from tidemill.service.contract import Contract
from tidemill.service.patience import patiently
from tidemill.service.renewal.watch import ContractWatch
from tidemill.service.server import HealthServer
from tidemill.telemetry.logs import configure_logging
from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing
from tidemill_trainer.admission.admission import Admission
from tidemill_trainer.admission.request_reader import RequestReader
from tidemill_trainer.assess.answers import Versions
from tidemill_trainer.assess.assessment import Assessment, AssessmentContext
from tidemill_trainer.assess.loop import Assess
from tidemill_trainer.assess.state import LabelTimeStore
from tidemill_trainer.assess.table_steps import TableSteps
from tidemill_trainer.collect.calendar import Calendar
from tidemill_trainer.collect.collector import Collector, CollectorContext
from tidemill_trainer.collect.opening import open_tables, place_of, table_uri, topic_partitions, with_absolute_places
from tidemill_trainer.footprint import share_one_heap
from tidemill_trainer.notify.wiring import NotifyContext, notify_loops
from tidemill_trainer.part_threads import Parts
from tidemill_trainer.release.audit import ReleaseAudit
from tidemill_trainer.release.published import Published
from tidemill_trainer.release.releaser import Releaser, ReleaserContext
from tidemill_trainer.release.topic_reader import TopicReader
from tidemill_trainer.release.trial.evaluator import TrialEvaluator, Vet
from tidemill_trainer.release.trial.evidence import Trial
from tidemill_trainer.release.trial.follower import TrialFollower
from tidemill_trainer.renewal import Renewal, add_releasable
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.outbox import Outbox, OutboxContext
from tidemill_trainer.runs.store import RunStore
from tidemill_trainer.settings import Part, TrainerSettings
from tidemill_trainer.training.orders import Orders
from tidemill_trainer.training.process import TrainingChild, child_environment
from tidemill_trainer.training.run_loop import Trainer, TrainerContext

_log = logging.getLogger(__name__)

SERVICE = "trainer"

STUCK_AFTER_S = 180.0
"""Longer than any single step that does not beat: a commit to the table, the training process's start."""


def serve(settings: TrainerSettings, stop: threading.Event) -> None:
    """Run all parts until `stop` is set. Raises what ended them otherwise."""
    configure_logging(SERVICE, settings.log_level, settings.log_file)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every revision, at every start
    settings = with_absolute_places(settings)
    contract = Contract.load(settings)
    health = Health()
    with HealthServer.of(health, settings) as server:
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
    catalog, schemas = contract.topics, contract.schemas
    specs = dict(contract.models)  # by which the parts work; the contract that is at work adds to them
    renewal: Renewal  # made last: of all parts
    watch = ContractWatch(contract, lambda change: renewal.take_up(change), health)
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
    admission = Admission(store, specs, contract.codec(), schemas, clock, settings.manual_runs_a_day)
    label_times = LabelTimeStore(engine, clock)
    child = TrainingChild(child_environment(settings), stop, contract=lambda: watch.contract.digest)
    vets: dict[str, Vet] = {}
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
        heartbeat=_heartbeat(health, settings, "collect"), count=lambda: topic_partitions(settings, renewal.contract),
        grown=lambda model: places.update({model.spec.name: place_of(settings, model, catalog)}),
    )  # fmt: skip
    collector = Collector(collecting)
    requests = RequestReader(
        TopicReader(settings, catalog.group("trainer-admit"), _named(catalog, counts, "retrain_requests")),
        admission, settings.poll_s, stop, _heartbeat(health, settings, "admit"),
    )  # fmt: skip
    writers: dict[str, ExclusiveWriter] = {}
    watched = _named(catalog, counts, "retrain_runs", "release_commands")
    releasing = ReleaserContext(
        catalog=catalog, codec=contract.codec(), schemas=schemas,
        reader=TopicReader(settings, catalog.group("trainer-release"), watched), specs=specs,
        writers=writers,
        published=published, store=store,
        evaluator=_trial_evaluator(settings, specs, lambda: renewal.contract, published, vets),
        takeovers=label_times, audit=ReleaseAudit(engine), clock=clock, tracer=tracer, poll_s=settings.poll_s,
        stop=stop, heartbeat=_heartbeat(health, settings, "release"),
    )  # fmt: skip
    releasable = partial(add_releasable, settings, catalog, writers, vets)
    releasable(specs)
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
    notifying = notify_loops(
        NotifyContext(
            settings=settings, contract=contract, counts=counts, engine=engine, clock=clock, specs=specs,
            serves=lambda model: published.current(model) is not None, stop=stop,
            heartbeat=_heartbeat(health, settings, "notify"),
        )
    )  # fmt: skip
    renewal = Renewal(settings, contract, specs, collector, places, releasable, assess, assessed)
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
        "notify": (notifying.pop("notify"), lambda: None),
    }
    for part in settings.parts:
        health.add_ready(part, loops[part][1])
    running: dict[str, Callable[[], None]] = {part: loops[part][0] for part in loops if part in settings.parts}
    channels = notifying if "notify" in settings.parts else {}
    return running | channels | {"contract": partial(watch.run, stop)}


def _assessment(
    settings: TrainerSettings, store: RunStore, label_times: LabelTimeStore, admission: Admission,
    published: Published, tracer: Tracer, spec: ModelSpec,
) -> Assessment:  # fmt: skip
    find = partial(find_version, store, published, spec.name)
    steps = TableSteps(table_uri(settings, spec.name))
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


def _trial_evaluator(
    settings: TrainerSettings, specs: Mapping[str, ModelSpec], contract: Callable[[], Contract], published: Published,
    vets: Mapping[str, Vet],
) -> TrialEvaluator:  # fmt: skip
    def follow(trial: Trial) -> TrialFollower:
        now = contract()
        return TrialFollower(settings, now.topics, now.codec(), now.schemas, trial)

    return TrialEvaluator(specs, published, follow, SystemClock(), vets)


def _named(catalog: TopicCatalog, counts: Mapping[str, int], *roles: str) -> dict[str, int]:
    return {catalog.name(role): counts[catalog.name(role)] for role in roles}


def _heartbeat(health: Health, settings: TrainerSettings, part: Part) -> Heartbeat:
    """What the part's loop beats, and liveness asks after where that part runs in this process."""
    beat = Heartbeat(STUCK_AFTER_S)
    if part in settings.parts:
        health.add_live(part, beat)
    return beat
