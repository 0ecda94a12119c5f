from __future__ import annotations

import pytest

from tests.support.metric_values import value_of
from tests.unit.inference.fakes import MODEL, NOW_MS, ROUTE, clean_values, codec, warm_predictor
from tidemill.errors import FatalError
from tidemill.kafka.batch import Batch, Output
from tidemill_inference import metrics
from tidemill_inference.serving.serving import NoVersion, Predictor
from tidemill_inference.stream.process import StreamProcess

CLEAN = "unit-flight-delay-clean"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def process(predictor: Predictor) -> StreamProcess:
    return StreamProcess({CLEAN: ROUTE}, {MODEL: predictor}, codec(), lambda: NOW_MS)


def batch(values: list[bytes | None]) -> Batch:
    n = len(values)
    return Batch(
        topic=CLEAN,
        partitions=[i % 2 for i in range(n)],
        offsets=[100 + i for i in range(n)],
        timestamps_ms=[0] * n,
        keys=[f"k{i}".encode() for i in range(n)],
        values=values,
        headers=[[("traceparent", TRACE), ("tidemill.origin", b"raw/0/1")] if i % 2 else None for i in range(n)],
    )


def decoded(output: Output) -> list[dict[str, object]]:
    result = codec().decode(output.values, ROUTE.prediction)
    assert not result.bad
    return list(result.rows.to_pylist())


def test_each_record_becomes_a_prediction_on_its_partition_under_its_key() -> None:
    (output,) = process(warm_predictor())([batch(list(clean_values([100.0, 200.0, 300.0])))])
    assert output.topic == "unit-flight-delay-predictions"
    assert output.partitions == [0, 1, 0]
    assert output.keys == [b"k0", b"k1", b"k2"]
    rows = decoded(output)
    assert [row["probability"] for row in rows] == pytest.approx([0.1, 0.2, 0.3], abs=1e-6)
    assert [row["event_id"] for row in rows] == ["e0", "e1", "e2"]
    assert [(row["input_partition"], row["input_offset"]) for row in rows] == [(0, 100), (1, 101), (0, 102)]


def test_the_trace_context_goes_on_and_the_origin_is_the_clean_position() -> None:
    (output,) = process(warm_predictor())([batch(list(clean_values([100.0, 200.0])))])
    assert output.headers == [
        [("tidemill.origin", f"{CLEAN}/0/100".encode())],
        [("traceparent", TRACE), ("tidemill.origin", f"{CLEAN}/1/101".encode())],
    ]


def test_prediction_ids_are_unique_and_carry_the_time() -> None:
    (output,) = process(warm_predictor())([batch(list(clean_values([1.0] * 50)))])
    ids = [str(row["prediction_id"]) for row in decoded(output)]
    assert len(set(ids)) == 50
    assert ids == sorted(ids)


def test_a_record_that_is_none_is_counted_and_the_others_keep_their_places() -> None:
    lost = value_of(metrics.UNDECODABLE.labels(MODEL))
    good = clean_values([100.0, 200.0])
    (output,) = process(warm_predictor())([batch([None, good[0], good[1][:-3], good[1]])])
    assert value_of(metrics.UNDECODABLE.labels(MODEL)) - lost == 2
    assert [(row["input_partition"], row["input_offset"]) for row in decoded(output)] == [(1, 101), (1, 103)]
    assert output.keys == [b"k1", b"k3"]
    assert output.partitions == [1, 1]


def test_a_batch_without_a_record_gives_nothing() -> None:
    assert process(warm_predictor())([batch([None])]) == []
    assert process(warm_predictor())([]) == []


def test_records_of_a_schema_that_the_worker_does_not_know_stop_it() -> None:
    unknown = b"\xc3\x01" + b"12345678" + b"payload"
    with pytest.raises(FatalError, match=r"clean/0/100.*schemas"):
        process(warm_predictor())([batch([unknown])])


def test_without_a_version_nothing_is_predicted() -> None:
    with pytest.raises(NoVersion):
        process(Predictor(MODEL))([batch(list(clean_values([1.0])))])
