from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.support.metric_values import value_of
from tests.support.polling import until
from tests.unit.inference.fakes import FEATURE, MODEL, NOW_MS, PRIVACY_KEY, ROUTE, codec, endpoint, warm_predictor
from tidemill.breaker import CircuitBreaker
from tidemill.contracts.model_file import PrivacyRule
from tidemill.kafka.client.partitioner import partition_of
from tidemill.rows.field_rules import privacy_rule
from tidemill_inference import metrics
from tidemill_inference.entrypoints.serve import log_into
from tidemill_inference.predictions.entry import Entry
from tidemill_inference.predictions.log import PredictionLog
from tidemill_inference.predictions.records import RequestContext
from tidemill_inference.settings import ServeSettings

PARTITIONS = 7
PATIENCE_S = 60.0
"""For the log's thread, which shares the interpreter with whoever waits and may get no processor for seconds."""
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


class Broker:
    """A producer whose deliveries succeed when it is polled, or fail, or that refuses at once."""

    def __init__(self, *, error: str | None = None, raises: Exception | None = None) -> None:
        self.records: list[tuple[str, bytes, dict[str, Any]]] = []
        self.error, self._raises = error, raises
        self._reports: list[Callable[[Any, Any], None]] = []

    def produce(self, topic: str, value: bytes, *, on_delivery: Callable[[Any, Any], None], **options: Any) -> None:
        if self._raises is not None:
            raise self._raises
        self.records.append((topic, value, options))
        self._reports.append(on_delivery)

    def list_topics(self, topic: str, timeout: float) -> Any:
        found = SimpleNamespace(error=None, partitions=range(PARTITIONS))
        return SimpleNamespace(topics={topic: found})

    def poll(self, timeout: float) -> int:
        reports, self._reports = self._reports, []
        for report in reports:
            report(self.error, None)
        return len(reports)

    def flush(self, timeout: float) -> int:
        self.poll(timeout)
        return 0


class Only:
    """One producer, or one and then another one."""

    def __init__(self, now: Broker, then: Broker | None = None) -> None:
        self.now, self._then = now, then or now

    def renewed(self) -> Broker:
        return self._then


def entry(*distances: float) -> Entry:
    one = endpoint(warm_predictor())
    instances = [{"event_id": f"e{d}", "tail_number": "N1", FEATURE: d} for d in distances]
    return Entry(one, one.predict(instances), [RequestContext(TRACE)] * len(instances))


def private_entry(rule: PrivacyRule, tail: str | None = "N14228") -> Entry:
    one = endpoint(warm_predictor(), privacy={"tail_number": rule})
    return Entry(one, one.predict([{"event_id": "e1", "tail_number": tail, FEATURE: 5.0}]), [RequestContext(TRACE)])


def log_over(broker: Broker, size: int = 100) -> PredictionLog:
    return PredictionLog(Only(broker), codec(), {MODEL: ROUTE}, size)


def lost(reason: str) -> float:
    return value_of(metrics.LOG_LOST.labels(MODEL, reason))


def test_what_is_put_is_written_with_its_input_its_key_and_its_trace() -> None:
    broker = Broker()
    log = log_over(broker)
    log.start()
    assert log.put(entry(100.0, 200.0))
    until(lambda: len(broker.records) == 2, PATIENCE_S, "both are written")
    log.close(PATIENCE_S)
    topic, value, options = broker.records[1]
    assert topic == ROUTE.predictions_topic
    assert options == {"key": b"N1", "headers": [("traceparent", TRACE)]}
    (row,) = codec().decode([value], ROUTE.prediction).rows.to_pylist()
    assert (row["source"], row["event_id"], row["input_partition"]) == ("rest", "e200.0", None)
    assert row["probability"] == pytest.approx(0.2, abs=1e-6)
    datum = codec().decode_one(row["input"], ROUTE.record)
    assert (datum[FEATURE], datum["scheduled_at"]) == (200.0, NOW_MS)


def test_calls_that_are_written_together_keep_each_its_own_caller() -> None:
    broker = Broker()
    log = log_over(broker)
    one = endpoint(warm_predictor())

    def of(caller: str | None, *distances: float) -> Entry:
        answered = one.predict([{"event_id": f"{caller} {d}", "tail_number": "N1", FEATURE: d} for d in distances])
        return Entry(one, answered, [RequestContext(TRACE, caller)] * len(distances))

    callers = ["key:000000000001", None, "token:ada", "key:000000000002", "key:000000000001"]
    for caller in callers:  # before it runs: it takes all of them at once
        log.put(of(caller, 1.0, 2.0))
    log.start()
    until(lambda: len(broker.records) == 2 * len(callers), PATIENCE_S, "all are written")
    log.close(PATIENCE_S)
    rows = codec().decode([value for _, value, _ in broker.records], ROUTE.prediction).rows.to_pylist()
    assert [row["caller"] for row in rows] == [caller for caller in callers for _ in range(2)]
    assert all(row["event_id"].startswith(f"{row['caller']} ") for row in rows)
    assert len({row["prediction_id"] for row in rows}) == len(rows)


@pytest.mark.parametrize("kind", ["hash", "drop", "mask"])
def test_a_private_field_reaches_neither_the_logged_input_nor_the_key_and_the_partition_stays(kind: Any) -> None:
    broker = Broker()
    log = log_over(broker)
    rule = PrivacyRule(kind, keep_last=4 if kind == "mask" else 0)
    log.start()
    assert log.put(private_entry(rule))
    until(lambda: len(broker.records) == 1, PATIENCE_S, "it is written")
    log.close(PATIENCE_S)

    _, value, options = broker.records[0]
    shown = {"hash": privacy_rule(rule, PRIVACY_KEY)("N14228"), "drop": None, "mask": "**4228"}[kind]
    assert b"N14228" not in value
    assert options["key"] == (b"e1" if shown is None else shown.encode())
    assert options["partition"] == partition_of(b"N14228", PARTITIONS)
    (row,) = codec().decode([value], ROUTE.prediction).rows.to_pylist()
    assert codec().decode_one(row["input"], ROUTE.record)["tail_number"] == shown
    assert row["probability"] == pytest.approx(0.005, abs=1e-6)


def test_without_a_rule_the_key_chooses_the_partition_itself() -> None:
    broker = Broker()
    log = log_over(broker)
    log.start()
    log.put(entry(1.0))
    until(lambda: len(broker.records) == 1, PATIENCE_S, "it is written")
    log.close(PATIENCE_S)

    assert "partition" not in broker.records[0][2]


def test_a_full_queue_loses_and_counts_and_never_waits() -> None:
    before = lost("queue_full")
    log = log_over(Broker(), size=2)
    assert log.put(entry(1.0, 2.0))
    assert not log.put(entry(3.0))
    assert lost("queue_full") - before == 1


def test_closing_writes_what_waits() -> None:
    broker = Broker()
    log = log_over(broker)
    for _ in range(5):
        log.put(entry(1.0))
    log.start()
    log.close(PATIENCE_S)
    assert len(broker.records) == 5


@pytest.mark.parametrize(
    ("broker", "reason"),
    [
        (Broker(error="timed out"), "not_delivered"),
        (Broker(raises=BufferError("queue full")), "producer_full"),
        (Broker(raises=KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))), "not_delivered"),
    ],
)
def test_what_the_broker_does_not_take_is_counted(broker: Broker, reason: str) -> None:
    before = lost(reason)
    log = log_over(broker)
    log.start()
    log.put(entry(1.0))
    until(lambda: lost(reason) - before == 1, PATIENCE_S, "the loss is counted")
    log.close(PATIENCE_S)


def test_while_the_broker_is_away_for_long_nothing_is_queued_and_one_at_a_time_tries() -> None:
    before = lost("broker_away")
    now = 0.0
    breaker = CircuitBreaker("broker", failures=2, rest_s=1.0, monotonic_s=lambda: now)
    broker = Broker(error="timed out")
    log = PredictionLog(Only(broker), codec(), {MODEL: ROUTE}, 100, breaker=breaker)
    log.start()
    assert log.put(entry(1.0, 2.0))
    until(lambda: breaker.is_open, PATIENCE_S, "two deliveries have failed")
    assert not log.put(entry(3.0))
    assert lost("broker_away") - before == 1
    now, broker.error = 1.0, None
    assert log.put(entry(4.0))
    until(lambda: not breaker.is_open, PATIENCE_S, "the broker is back")
    assert log.put(entry(5.0))
    log.close(PATIENCE_S)


def test_after_a_failed_delivery_the_log_goes_on_with_the_producer_that_it_is_given() -> None:
    lost_broker, another = Broker(error="timed out"), Broker()
    log = PredictionLog(Only(lost_broker, another), codec(), {MODEL: ROUTE}, 100)
    log.start()
    log.put(entry(1.0))
    until(lambda: lost_broker.records, PATIENCE_S, "the first was sent")
    more = entry(2.0)  # made once: its endpoint reads a model file, which no look needs to do again
    until(lambda: log.put(more) and another.records, PATIENCE_S, "the other one is used")
    log.close(PATIENCE_S)


@pytest.mark.parametrize(("switch", "written"), [("on", 1), ("off", 0)])
def test_the_log_can_be_switched_off(switch: Any, written: int) -> None:
    broker = Broker()
    log = log_over(broker)
    put = log_into(log, ServeSettings(prediction_log=switch))
    one = entry(1.0)
    log.start()
    put(one.endpoint, one.answered, [RequestContext(TRACE)])
    log.close(PATIENCE_S)
    assert len(broker.records) == written
