from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.unit.validator.conftest import AT_MS, DAY_MS, MODEL, NOW_MS, Desk, by_topic, reasons
from tidemill.codec import Codec
from tidemill.contracts.model_file import ExpectationSpec, load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError, RetryLater
from tidemill.kafka.batch import Batch
from tidemill.kafka.headers import ORIGIN
from tidemill_validator.checks.flood import Flooded, FloodGuard
from tidemill_validator.worker import build_validators

CLEAN, DEAD = "p-flight-delay-clean", "p-flight-delay-raw-dlq"


def test_a_good_record_keeps_its_bytes_key_headers_and_partition(desk: Desk) -> None:
    values = [desk.event("a"), desk.event("b")]
    headers = [[("h", b"1"), ("n", None)], None]
    clean = desk.events.validate(desk.batch(values, partitions=[3, 1], keys=[b"odd", b""], headers=headers))[0]
    assert (clean.topic, clean.values, clean.keys, clean.partitions) == (CLEAN, values, [b"odd", b""], [3, 1])
    assert clean.headers == [
        [("h", b"1"), ("n", None), (ORIGIN, b"p-flight-delay-raw/3/0")],
        [(ORIGIN, b"p-flight-delay-raw/1/1")],
    ]


def test_a_missing_key_is_filled_and_no_other_is_touched(desk: Desk) -> None:
    values = [desk.event("a", tail_number="Nü"), desk.event("b", tail_number=None), desk.event("c")]
    clean = desk.events.validate(desk.batch(values, keys=[None, None, b"other"]))[0]
    assert clean.keys == ["Nü".encode(), b"b", b"other"]


def test_every_reason_is_in_the_message_and_the_first_is_the_class(desk: Desk) -> None:
    outputs = desk.events.validate(desk.batch([desk.event("", carrier="toolong", distance=9e9, origin=None)]))
    assert reasons(by_topic(outputs, DEAD)) == [
        (
            "expect_column_value_lengths_to_be_between",
            "event_id is empty; carrier is 'TOOLONG', which does not match '^[A-Z0-9]{2}$'; "
            "distance is 9000000000.0, above 6000",
        )
    ]
    assert by_topic(outputs, CLEAN) is None


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"temperature": math.inf}, "expect_column_values_to_be_finite"),
        ({"temperature": -1e39}, "expect_column_values_to_be_finite"),
        ({"distance": math.nan}, "expect_column_values_to_not_be_null"),
        ({"scheduled_at": 2**62}, "expect_column_values_to_be_between"),
        ({"scheduled_at": -(2**62)}, "expect_column_values_to_be_between"),
        ({"scheduled_at": NOW_MS + DAY_MS + 1}, "event_time_ahead"),
        ({"event_id": "x" * 257}, "expect_column_value_lengths_to_be_between"),
        ({"dest": None}, "expect_column_values_to_not_be_null"),
    ],
)
def test_values_that_nothing_can_compute_with_are_set_aside(desk: Desk, fields: dict[str, Any], name: str) -> None:
    outputs = desk.events.validate(desk.batch([desk.event(**{"event_id": "a", **fields}), desk.event("good")]))
    assert [found for found, _ in reasons(by_topic(outputs, DEAD))] == [name]
    assert desk.ids(outputs) == ["good"]


def test_a_time_at_the_limit_and_a_missing_feature_pass(desk: Desk) -> None:
    values = [
        desk.event("a", scheduled_at=NOW_MS + DAY_MS),
        desk.event("b", temperature=math.nan, wind_gust=None),
    ]
    assert desk.ids(desk.events.validate(desk.batch(values))) == ["a", "b"]


def test_without_a_time_of_the_broker_no_event_is_too_new(desk: Desk) -> None:
    outputs = desk.events.validate(desk.batch([desk.event("a", scheduled_at=NOW_MS)], timestamps_ms=[-1]))
    assert desk.ids(outputs) == ["a"]


def test_what_is_not_a_record_is_set_aside_byte_for_byte(desk: Desk) -> None:
    values = [b"", None, b"{}", desk.event("a")[:-3], desk.label("a"), desk.event("good")]
    dead = by_topic(desk.events.validate(desk.batch(values)), DEAD)
    assert dead is not None
    assert dead.values == values[:5]
    assert [name for name, _ in reasons(dead)] == [
        "EmptyValue",
        "Tombstone",
        "UnknownFormat",
        "MalformedRecord",
        "IncompatibleSchema",
    ]


def test_a_topic_full_of_tombstones_is_no_flood(desk: Desk) -> None:
    desk.events.flood = FloodGuard("raw", 0.5, 10)
    dead = by_topic(desk.events.validate(desk.batch([None] * 100)), DEAD)
    assert dead is not None
    assert {name for name, _ in reasons(dead)} == {"Tombstone"}
    with pytest.raises(Flooded):
        desk.events.validate(desk.batch([b""] * 100, offset=100))


def test_the_first_of_each_id_in_a_partition_stays(desk: Desk) -> None:
    ids = ["a", "b", "a", "a", "b", "c"]
    partitions = [0, 0, 0, 1, 0, 1]
    outputs = desk.events.validate(desk.batch([desk.event(i) for i in ids], partitions=partitions))
    assert desk.ids(outputs) == ["a", "b", "a", "c"]
    dead = by_topic(outputs, DEAD)
    assert dead is not None
    assert dead.partitions == [0, 0]
    assert reasons(dead)[0] == ("expect_column_values_to_be_unique", "event_id 'a' came before")


def test_a_record_that_was_set_aside_does_not_use_up_its_id(desk: Desk) -> None:
    outputs = desk.events.validate(desk.batch([desk.event("a", origin="XXX"), desk.event("a")]))
    assert desk.ids(outputs) == ["a"]


def test_records_that_come_again_after_an_abort_are_judged_the_same(desk: Desk) -> None:
    desk.events.validate(desk.batch([desk.event("0")], offset=9))
    batch = desk.batch([desk.event(i) for i in ["a", "0", "a", "b"]], offset=10)
    once, again = desk.events.validate(batch), desk.events.validate(batch)
    assert once == again
    assert desk.ids(again) == ["a", "b"]
    assert desk.ids(desk.events.validate(desk.batch([desk.event("b"), desk.event("c")], offset=14))) == ["c"]


def test_an_abort_may_come_back_in_smaller_batches(desk: Desk) -> None:
    values = [desk.event(f"e{k}") for k in range(10)]
    desk.events.validate(desk.batch(values, offset=100))
    found = [desk.ids(desk.events.validate(desk.batch(values[k : k + 2], offset=100 + k))) for k in range(0, 10, 2)]
    assert [i for ids in found for i in ids] == [f"e{k}" for k in range(10)]


def test_ids_read_back_from_clean_count_as_seen(desk: Desk) -> None:
    desk.events.drop(0)
    desk.events.take(0, [(["a", "b"], [AT_MS, AT_MS]), (["c"], [AT_MS])])
    assert desk.ids(desk.events.validate(desk.batch([desk.event(i) for i in "abcd"], offset=0))) == ["d"]


def test_an_id_may_return_when_the_window_has_passed(desk: Desk) -> None:
    desk.events.validate(desk.batch([desk.event("a")]))
    later = desk.event("b", scheduled_at=AT_MS + 2 * DAY_MS + 1)
    desk.events.validate(desk.batch([later], offset=1))
    assert desk.ids(desk.events.validate(desk.batch([desk.event("a"), desk.event("b")], offset=2))) == ["a"]


def test_reports_count_each_partition_and_do_not_change_when_repeated(desk: Desk) -> None:
    values = [desk.event("a"), desk.event("b", carrier=None), b"?", desk.event("a"), desk.event("c")]
    batch = desk.batch(values, offset=7, partitions=[0, 0, 1, 0, 1])
    first, second = desk.reports(desk.events.validate(batch)), desk.reports(desk.events.validate(batch))
    assert first == second
    zero, one = first
    assert (zero.report_id, zero.first_offset, zero.last_offset) == ("p-flight-delay-raw/0/7", 7, 10)
    assert (zero.rows, zero.clean, zero.dead, zero.at, zero.model) == (3, 1, 2, NOW_MS, MODEL)
    assert {(e.expectation, e.column, e.failed) for e in zero.expectations} == {
        ("expect_column_values_to_not_be_null", "carrier", 1),
        ("expect_column_values_to_be_unique", "event_id", 1),
    }
    assert (one.rows, one.clean, one.dead) == (2, 1, 1)
    assert [(e.expectation, e.column, e.failed) for e in one.expectations] == [("UnknownFormat", "", 1)]


def test_labels_are_unique_and_complete(desk: Desk) -> None:
    values = [
        desk.label("a"),
        desk.label("a", label=False),
        desk.label("b", observed_at=2**60),
        desk.label("c"),
    ]
    outputs = desk.labels.validate(desk.batch(values, topic=desk.labels.stream.topic, keys=[None] * 4))
    clean, dead = outputs[0], outputs[1]
    assert (clean.topic, clean.keys) == ("p-flight-delay-labels", [b"a", b"c"])
    assert dead.topic == "p-flight-delay-labels-raw-dlq"
    assert [name for name, _ in reasons(dead)] == [
        "expect_compound_columns_to_be_unique",
        "expect_column_values_to_be_between",
    ]
    assert "a label of event_id 'a' observed at 2013-01-31T17:05:00" in reasons(dead)[0][1]


def test_a_correction_passes_before_and_behind_what_it_corrects_and_its_repeat_does_not(desk: Desk) -> None:
    def judged(offset: int, *values: bytes) -> list[str]:
        batch = desk.batch(values, topic=desk.labels.stream.topic, offset=offset, keys=[b"N1"] * len(values))
        outputs = desk.labels.validate(batch)
        dead = by_topic(outputs, desk.labels.stream.dead)
        return [name for name, _ in reasons(dead)]

    first, newer = desk.label("a"), desk.label("a", label=False, observed_at=AT_MS + 1)
    older = desk.label("a", label=False, observed_at=AT_MS - 1)
    assert judged(0, first, newer) == []
    assert judged(2, older) == []
    repeat = "expect_compound_columns_to_be_unique"
    assert judged(3, first, newer, older) == [repeat] * 3
    assert judged(3, first, newer, older) == [repeat] * 3, "and again, if the transaction aborted"


def test_a_label_observed_in_the_future_is_set_aside_since_it_would_win_for_ever(desk: Desk) -> None:
    values = [desk.label("a", observed_at=NOW_MS + DAY_MS), desk.label("b", observed_at=NOW_MS + DAY_MS + 1)]
    outputs = desk.labels.validate(desk.batch(values, topic=desk.labels.stream.topic, keys=[b"N1"] * 2))
    ((name, message),) = reasons(by_topic(outputs, desk.labels.stream.dead))
    assert name == "event_time_ahead" and message.startswith("observed_at is 2023-11-15")


def test_an_earlier_failure_of_the_registry_does_not_use_up_ids(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = desk.batch([desk.event("a")])

    def away(*_: object) -> bytes:
        raise RetryLater("the registry is away")

    with monkeypatch.context() as patch:
        patch.setattr(desk.codec, "encode_one", away)
        with pytest.raises(RetryLater):
            desk.events.validate(batch)
    assert desk.ids(desk.events.validate(batch)) == ["a"]


def test_a_model_file_that_says_nothing_of_repeats_has_its_ids_unique_and_a_bounded_memory(
    desk: Desk, root: Any
) -> None:
    spec = dataclasses.replace(load_models(root / "models", (MODEL,))[MODEL], expectations=())
    topics = TopicCatalog.load(root / "schemas", "p-")
    events, _ = build_validators([spec], topics, desk.schemas, desk.codec, max_ahead_ms=0, max_seen_ids=2_000_000)
    assert (events.stream.limit(2_000_000), events.stream.limit(1_000)) == (500_000, 1_000)
    events.take(0)
    year = 360 * DAY_MS
    first = [desk.event("a"), desk.event("b", scheduled_at=AT_MS + year)]
    assert desk.ids(events.validate(desk.batch(first))) == ["a", "b"]
    again = events.validate(desk.batch([*first, desk.event("c")], offset=2))
    assert desk.ids(again) == ["c"]
    assert [message for _, message in reasons(by_topic(again, events.stream.dead))] == [
        "event_id 'a' came before",
        "event_id 'b' came before",
    ]


def test_a_warning_is_counted_and_nothing_is_set_aside(desk: Desk, root: Any) -> None:
    spec = load_models(root / "models", (MODEL,))[MODEL]
    warning = ExpectationSpec(
        "expect_column_values_to_be_between", {"column": "distance", "max_value": 1000}, severity="warning"
    )
    spec = dataclasses.replace(spec, expectations=(warning,), unique=False)
    topics = TopicCatalog.load(root / "schemas", "p-")
    events, _ = build_validators([spec], topics, desk.schemas, desk.codec, max_ahead_ms=0, max_seen_ids=1000)
    outputs = events.validate(desk.batch([desk.event("a"), desk.event("a"), desk.event("b", distance=10.0)]))
    assert desk.ids(outputs) == ["a", "a", "b"]
    (report,) = desk.reports(outputs)
    assert [(e.column, e.failed) for e in report.expectations] == [("distance", 2)]


def test_a_model_file_that_does_not_fit_its_schema_is_said_at_start(desk: Desk, root: Any) -> None:
    spec = load_models(root / "models", (MODEL,))[MODEL]
    wrong = ExpectationSpec("expect_column_values_to_be_between", {"column": "carrier", "max_value": 1})
    spec = dataclasses.replace(spec, expectations=(wrong,))
    topics = TopicCatalog.load(root / "schemas", "p-")
    with pytest.raises(ConfigError, match="is not for column 'carrier'"):
        build_validators([spec], topics, desk.schemas, desk.codec, max_ahead_ms=0, max_seen_ids=1000)


def test_a_boolean_may_be_a_feature_of_kind_number(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "schemas", tmp_path / "schemas")
    (tmp_path / "models").mkdir()
    fields = [
        {"name": "event_id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "who", "type": "string"}, {"name": "online", "type": ["null", "boolean"], "default": None},
    ]  # fmt: skip
    document = {"type": "record", "name": "Loan", "fields": fields}
    (tmp_path / "schemas" / "models" / "loan.avsc").write_text(json.dumps(document))
    (tmp_path / "models" / "loan.yaml").write_text(
        "model: loan\nschema: loan.avsc\nentity: who\nevent_time: at\ntarget: {label: bad, task: binary}\n"
        "features: {online: number}\n"
    )
    models = load_models(tmp_path / "models")
    topics = TopicCatalog.load(tmp_path / "schemas", "", models)
    schemas = SchemaCatalog.load(tmp_path / "schemas", models)
    codec = Codec(schemas)
    events = build_validators(models.values(), topics, schemas, codec, max_ahead_ms=1, max_seen_ids=10)[0]
    events.take(0)
    flags = (True, False, None)
    rows = [{"event_id": str(k), "at": AT_MS, "who": "w", "online": value} for k, value in enumerate(flags)]
    values = [codec.encode_one(row, schemas.record("loan")) for row in rows]
    outputs = events.validate(Batch("loan-raw", [0] * 3, [0, 1, 2], [NOW_MS] * 3, [None] * 3, values, [None] * 3))

    clean = by_topic(outputs, "loan-clean")
    assert clean is not None
    assert clean.values == values
