"""Wires the part *notify*: one thread that reads, and one for each channel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine

from tidemill.clock import Clock
from tidemill.contracts.model_file import ModelSpec
from tidemill.notify.channels import open_channel
from tidemill.service import Heartbeat
from tidemill.service.contract import Contract
from tidemill_trainer.notify.events import Teller
from tidemill_trainer.notify.rate import Rate
from tidemill_trainer.notify.reader import NoticeReader, tells_of
from tidemill_trainer.notify.sender import Sender
from tidemill_trainer.notify.store import KNOWN_MS, NoticeStore
from tidemill_trainer.release.topic_reader import TopicReader
from tidemill_trainer.settings import TrainerSettings

ROLES = ("retrain_runs", "model_releases", "drift_events")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyContext:
    """What the part works with. `counts`: partitions by topic; `serves`: whether any version of a model does."""

    settings: TrainerSettings
    contract: Contract
    counts: Mapping[str, int]
    engine: Engine
    clock: Clock
    specs: Mapping[str, ModelSpec]
    serves: Callable[[str], bool]
    stop: threading.Event
    heartbeat: Heartbeat


def notify_loops(context: NotifyContext) -> dict[str, Callable[[], None]]:
    """The part's own loop, `notify`, and those of the channels that are on, `notify-CHANNEL`. A channel's thread is
    asked for no heartbeat: a server that is slow must not have the trainer restarted.
    """
    settings, topics = context.settings, context.contract.topics
    store = NoticeStore(context.engine, context.clock)
    names = {role: topics.name(role) for role in ROLES}
    partitions = {name: context.counts[name] for name in names.values()}
    reader = NoticeReader(
        reader=TopicReader(settings, topics.group("trainer-notify"), partitions), store=store,
        codec=context.contract.codec(), partitions=partitions,
        tells=tells_of(names, context.contract.schemas.platform, _teller(context)),
        channels={name: settings.kinds_of(name) for name in settings.channels}, poll_s=settings.poll_s,
        stop=context.stop, heartbeat=context.heartbeat,
    )  # fmt: skip
    rate = Rate(settings.notify_burst, max(1, int(settings.notify_every_s * 1000)))
    senders = {
        f"notify-{name}": Sender(
            name=name, channel=open_channel(name, settings), store=store, rate=rate,
            give_up_s=settings.notify_give_up_s, clock=context.clock, stop=context.stop,
        ).run
        for name in settings.channels
    }  # fmt: skip
    return {"notify": reader.run, **senders}


def _teller(context: NotifyContext) -> Teller:
    settings, specs = context.settings, context.specs
    links = {
        "status": settings.notify_status_url, "dashboard": settings.notify_dashboard_url,
        "trace": settings.notify_trace_url, "runbook": settings.notify_runbook_url,
    }  # fmt: skip
    return Teller(
        links=links,
        asks_approval=lambda model: model in specs and specs[model].release.approval,
        serves=context.serves,
        since=lambda: context.clock.now_ms() - KNOWN_MS,
    )
