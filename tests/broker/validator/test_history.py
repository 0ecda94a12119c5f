from __future__ import annotations

import pytest
from confluent_kafka import Producer

from tests.broker.validator.conftest import AT_MS, MODEL, Bench
from tests.support.polling import until
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Batch
from tidemill.kafka.client.clients import producer_config
from tidemill_validator.adapters.history import CleanHistory
from tidemill_validator.checks.stream_validator import StreamValidator
from tidemill_validator.worker import build_validators


def test_ids_behind_an_open_transaction_are_waited_for(bench: Bench) -> None:
    """A killed owner's transaction hides what the next owner has committed behind it, until it times out."""
    from tidemill.contracts.model_file import load_models

    spec = load_models(bench.settings.models_dir, (MODEL,))[MODEL]
    events, _ = build_validators([spec], bench.topics, bench.schemas, bench.codec, max_ahead_ms=0, max_seen_ids=1_000)
    clean = bench.topics.name("clean", MODEL)
    history = CleanHistory(bench.settings, bench.codec, 1_000)
    killed = Producer(producer_config(bench.settings, bench.topics.transactional_id("killed")))
    killed.init_transactions(20)
    killed.begin_transaction()
    killed.produce(clean, bench.event("lost"), partition=1)
    killed.flush(20)
    bench.push("clean", bench.output("clean", [bench.event("kept")], partitions=1))
    history.restore(events, [0, 2])
    with pytest.raises(RetryLater, match=r"open in \[1\]"):
        history.restore(events, [0, 1])
    killed.abort_transaction(20)
    until(lambda: _restored(history, events), 60, "the abort's marker is there, so the partition can be read back")
    values = [bench.event("lost"), bench.event("kept")]
    raw = bench.topics.name("raw", MODEL)
    written = events.validate(Batch(raw, [1, 1], [0, 1], [AT_MS, AT_MS], [b"k", b"k"], list(values), [None, None]))
    assert [list(output.values) for output in written if output.topic == clean] == [values[:1]]


def _restored(history: CleanHistory, events: StreamValidator) -> bool:
    """An abort is answered before its marker is written: until then the runner would wait and try again."""
    try:
        history.restore(events, [1])
    except RetryLater:
        return False
    return True
