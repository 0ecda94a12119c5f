"""Topics that get more partitions while rows are collected from them."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from confluent_kafka.cimpl import NewPartitions

from tests.broker.trainer.world import MODEL, PARTITIONS, World
from tests.support.polling import until
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.service import Heartbeat
from tidemill.service.contract import Contract
from tidemill_trainer.collect import collector, opening
from tidemill_trainer.settings import TrainerSettings


def test_rows_of_partitions_that_were_added_are_collected_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "COUNT_EVERY_S", 0.3)
    settings = TrainerSettings(
        kafka_bootstrap=world.settings.kafka_bootstrap, prefix=world.settings.prefix, collect_every_s=0.1,
        tables=str(world.folder / "tables"), models_dir=world.folder / "models", schemas=world.folder / "schemas",
    )  # fmt: skip
    contract = Contract(settings, world.specs, world.catalog, world.schemas)
    count = partial(opening.topic_partitions, settings, contract)
    rows = opening.model_rows(settings, world.specs[MODEL], contract, count())
    stop, grown = threading.Event(), []
    context = collector.CollectorContext(
        settings=settings, group="collect", models=[rows], partitions=count(), after_commit=lambda model: None,
        stop=stop, heartbeat=Heartbeat(60), count=count, grown=grown.append,
    )  # fmt: skip
    collecting = collector.Collector(context)
    thread = threading.Thread(target=collecting.run)
    thread.start()
    try:
        world.push_events(0, 20)
        until(lambda: rows.committed.events == 20, 60, "what came before")
        clean = world.catalog.name("clean", MODEL)
        client = admin(world.settings)
        client.create_partitions([NewPartitions(clean, PARTITIONS + 2)])[clean].result()
        until(lambda: bool(grown), 60, "the growth is seen")
        value = world.codec.encode_one(
            {"event_id": "new", "seen_at": 1_700_000_000_000, "gauge": None, "wind": 1.0}, world.schemas.record(MODEL)
        )
        with Publisher(world.settings) as publisher:  # one that knows the topic as it is now
            publisher.publish_all([Output(clean, [value], [b"new"], [PARTITIONS + 1])])
        world.push_events(20, 20)
        until(lambda: rows.committed.events >= 41, 60, "what came after")
    finally:
        stop.set()
        thread.join(60)
    assert rows.committed.events == 41
    assert rows.table.ends()[clean, PARTITIONS + 1] == 1
    assert (clean, PARTITIONS + 1) in rows.table.partitions
