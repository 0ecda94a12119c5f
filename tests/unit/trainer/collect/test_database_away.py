"""Rows are collected while the runs database is away, and what was to be asked there is asked once it is back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from tests.support.polling import until
from tests.unit.trainer.fixtures import CLEAN, LABELS, PARTS, SCHEMA, SPEC, events, labels, request
from tidemill.clock import FixedClock
from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.service import Heartbeat
from tidemill.service.contract import Contract
from tidemill_learning.admission import AdmissionDecision
from tidemill_trainer.admission.admission import Admission
from tidemill_trainer.collect import news
from tidemill_trainer.collect.calendar import Calendar
from tidemill_trainer.collect.collector import Collector, CollectorContext
from tidemill_trainer.collect.opening import open_tables
from tidemill_trainer.collect.row_buffer import ModelRows
from tidemill_trainer.collect.training_table import TrainingTable
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.store import Outcome, RunStore
from tidemill_trainer.settings import TrainerSettings

DAY = 24 * 60
"""Events of a day: one a minute."""


class Bench:
    """A model's collecting, a database in a folder that can be away, and a consumer without a broker."""

    def __init__(self, schemas: SchemaCatalog, folder: Path) -> None:
        self.database, self.elsewhere = folder / "database", folder / "elsewhere"
        self.database.mkdir()
        self.engine = connect(f"sqlite:///{self.database / 'trainer.db'}")
        migrate(self.engine)
        self.store = RunStore(self.engine, FixedClock(1), "trainer-0", 30, 2)
        admission = Admission(self.store, {"tide": SPEC}, Codec(schemas), schemas, FixedClock(1))
        topics = {CLEAN: "clean", LABELS: "labels"}
        self.table = TrainingTable((folder / "table").as_uri(), SCHEMA, PARTS)
        self.model = ModelRows(SPEC, Codec(schemas), schemas, topics, self.table, SCHEMA, lambda: 0.0)
        settings = TrainerSettings(kafka_bootstrap="127.0.0.1:1", collect_every_s=0.1, collect_rows=1, poll_s=0.01)
        after = Calendar(admission, self.store).after_commit
        partitions = dict.fromkeys(topics, 2)
        context = CollectorContext(
            settings=settings, group="g", models=[self.model], partitions=partitions, after_commit=after,
            stop=threading.Event(), heartbeat=Heartbeat(60),
        )  # fmt: skip
        self.collector = Collector(context)
        self.consumer = Consumer({"bootstrap.servers": "127.0.0.1:1", "group.id": "g"})

    def has_a_version(self) -> None:
        """One was made, at the beginning of the stream."""
        self.store.admit(request(), "", lambda past: AdmissionDecision(True, ""))
        claim = self.store.claim()
        assert claim is not None
        self.store.finish(claim, Outcome("gate passed", (), {}, (), self.store.version_of(claim)))

    def take_away(self) -> None:
        self.engine.dispose()
        self.database.rename(self.elsewhere)

    def bring_back(self) -> None:
        self.elsewhere.rename(self.database)

    def turn(self, first: int, count: int) -> None:
        """One turn of the loop, after these events and their labels have been read."""
        self.model.take(events(first, count), {(CLEAN, 0): first + count})
        self.model.take(labels(first, count), {(LABELS, 0): first + count})
        self.collector.turn(self.consumer)


@pytest.fixture
def bench(root: Path, tmp_path: Path) -> Bench:
    return Bench(SchemaCatalog.load(root / "schemas", {}), tmp_path)


def test_rows_go_on_into_the_table_while_the_database_is_away_and_a_version_is_asked_for_once_it_is_back(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "AGAIN_AFTER_S", 0.0)
    bench.has_a_version()
    bench.take_away()
    bench.turn(0, 12)
    assert "whether tide needs a version is asked again" in caplog.text
    bench.turn(8 * DAY, 1)
    assert bench.table.ends() == {(CLEAN, 0): 8 * DAY + 1, (LABELS, 0): 8 * DAY + 1}
    bench.bring_back()

    def asked() -> int:
        bench.collector.turn(bench.consumer)
        return len(bench.store.unsent())

    until(lambda: asked() == 4, 30, "a version is asked for, without another commit")
    assert bench.store.unsent()[-1].event.cause == "schedule"


def test_rows_that_cannot_be_committed_at_a_stop_do_not_end_the_others_with_a_failure(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench.model.take(events(0, 3), {(CLEAN, 0): 3})
    log = tmp_path / "table" / "_delta_log"
    log.rename(tmp_path / "log")
    log.write_text("no folder")  # the store cannot be written
    bench.collector.finish(bench.consumer)
    assert "3 rows are not in yet, and are read again" in caplog.text


def test_a_start_waits_for_the_store_of_the_tables_and_says_so(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    specs = load_models(root / "models")
    schemas, topics = SchemaCatalog.load(root / "schemas", specs), TopicCatalog.load(root / "schemas", "")
    counts = dict.fromkeys(topics.all_topics(specs), 1)
    store = tmp_path / "store"
    store.write_text("no folder")  # nothing can be written there, as on a full disk
    settings = TrainerSettings(tables=store.as_uri())
    contract = Contract(settings, specs, topics, schemas)
    opened: list[list[ModelRows] | None] = []
    work = threading.Thread(
        target=lambda: opened.append(open_tables(settings, contract, counts, threading.Event())),
        daemon=True,
    )
    work.start()
    until(lambda: "waiting: the training table cannot be written" in caplog.text, 60, "it says what it waits for")
    store.unlink()
    work.join(60)
    [rows] = opened
    assert rows is not None and [model.spec.name for model in rows] == list(specs)


def test_a_changed_model_goes_on_where_it_stood_and_what_waited_is_in(bench: Bench, tmp_path: Path) -> None:
    bench.turn(0, 5)
    bench.model.take(events(5, 3), {(CLEAN, 0): 8})  # read, and waits
    table = TrainingTable((tmp_path / "table").as_uri(), SCHEMA, PARTS)
    topics = {CLEAN: "clean", LABELS: "labels"}
    changed = ModelRows(SPEC, bench.model.codec, bench.model.schemas, topics, table, SCHEMA, lambda: 0.0)
    bench.collector.take_up([changed])
    assert table.ends() == {(CLEAN, 0): 8, (LABELS, 0): 5}
    assert changed.committed.events == 8
    changed.take(events(8, 2), {(CLEAN, 0): 10})
    bench.collector.turn(bench.consumer)
    assert table.ends()[CLEAN, 0] == 10
