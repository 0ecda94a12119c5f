"""`tidemill-trainer train --once`: one run claimed under its lease, trained, and the end. What a Job does for each run
where no trainer shall wait for them.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from opentelemetry.trace import Tracer

from tidemill.clock import SystemClock
from tidemill.errors import FatalError, RetryLater
from tidemill.service import Health, Heartbeat
from tidemill.service.contract import Contract
from tidemill.service.patience import patiently
from tidemill.service.server import HealthServer
from tidemill.telemetry.logs import configure_logging
from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing
from tidemill_trainer.assess.state import LabelTimeStore
from tidemill_trainer.collect.opening import open_tables, place_of, topic_partitions, with_absolute_places
from tidemill_trainer.footprint import share_one_heap
from tidemill_trainer.release.published import Published
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.store import LeaseLost, RunStore
from tidemill_trainer.settings import TrainerSettings
from tidemill_trainer.training.orders import Orders
from tidemill_trainer.training.process import ChildDied, Interrupted, TrainingChild, child_environment
from tidemill_trainer.training.run_loop import Trainer, TrainerContext
from tidemill_trainer.wiring import SERVICE, STUCK_AFTER_S, find_version

_log = logging.getLogger(__name__)

CATCH_UP_S = 30.0
"""For reading what serves: two topics of a few records."""


def train_once(settings: TrainerSettings, stop: threading.Event) -> None:
    """Do one run; at once done where none waits. A stop gives the run back unharmed. The process is ready when it has
    claimed its run: whoever starts such processes then knows that this one is not counted on for another.

    Raises FatalError where the attempt came to nothing: the run waits for the next one, and the attempt counts.
    """
    configure_logging(SERVICE, settings.log_level, settings.log_file)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = with_absolute_places(settings)
    contract, health, heartbeat = Contract.load(settings), Health(), Heartbeat(STUCK_AFTER_S)
    health.add_live("train", heartbeat)
    claimed = threading.Event()
    health.add_ready("run", lambda: None if claimed.is_set() else "no run is claimed yet")
    share_one_heap()
    with HealthServer.of(health, settings):
        tracer = configure_tracing(SERVICE, settings)
        try:
            with _trainer(settings, contract, tracer, heartbeat, stop) as trainer:
                if trainer is not None and not trainer.once(claimed.set):
                    _log.info("no run waits")
        except Interrupted:
            _log.info("stopped: the run is given back")
        except (ChildDied, LeaseLost, RetryLater) as error:
            raise FatalError(f"the run came to nothing and waits for another attempt: {error}") from error
        finally:
            shutdown_tracing()


@contextmanager
def _trainer(
    settings: TrainerSettings, contract: Contract, tracer: Tracer, heartbeat: Heartbeat, stop: threading.Event
) -> Iterator[Trainer | None]:
    """A trainer that knows what serves; None if stopped while waiting for Kafka or a store."""
    counts = patiently(lambda: topic_partitions(settings, contract), stop)
    models = open_tables(settings, contract, counts, stop) if counts is not None else None
    if models is None:
        yield None
        return
    topics, schemas, clock = contract.topics, contract.schemas, SystemClock()
    engine = connect(settings.database_url)
    migrate(engine)
    owner = f"{settings.prefix}trainer-once-{uuid.uuid4().hex}"  # no life before this one: what others hold is theirs
    store = RunStore(engine, clock, owner, settings.lease_s, settings.max_attempts)
    published = Published(
        settings, topics.name("model_versions"), topics.name("model_releases"), contract.codec(), schemas
    )
    known = threading.Event()
    try:
        if patiently(partial(_caught_up, published), stop, "reading what serves") is None:
            yield None
            return
        known.set()
        places = {model.spec.name: place_of(settings, model, topics) for model in models}
        basis = LabelTimeStore(engine, clock).basis
        yield Trainer(
            TrainerContext(
                settings=settings, store=store, child=TrainingChild(child_environment(settings), stop),
                orders=Orders(places, published.current, basis, partial(find_version, store, published)),
                champion_known=known, tracer=tracer, stop=stop, heartbeat=heartbeat,
            )
        )  # fmt: skip
    finally:
        published.close()
        engine.dispose()


def _caught_up(published: Published) -> bool:
    published.catch_up(CATCH_UP_S)
    return True
