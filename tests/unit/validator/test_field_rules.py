"""Normalisation and privacy on the way from raw to clean; what does not change keeps its bytes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.unit.validator.conftest import MODEL, NOW_MS, Desk, by_topic, reasons
from tidemill.codec import Codec
from tidemill.contracts.model_file import ExpectationSpec, PrivacyRule, Step, load_models
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError
from tidemill.rows.field_rules import privacy_rule
from tidemill_validator.worker import build_validators

KEY = b"a key of at least sixteen bytes"
HASHED = privacy_rule(PrivacyRule("hash"), KEY)
HOUR_MS = 3_600_000


def hashed(text: str) -> bytes:
    made = HASHED(text)
    assert made is not None
    return made.encode()


def desk_with(desk: Desk, root: Any, key: bytes | None = KEY, **changes: Any) -> Desk:
    """The same desk, its model file changed."""
    spec = dataclasses.replace(load_models(root / "models", (MODEL,))[MODEL], **changes)
    topics = TopicCatalog.load(root / "schemas", "p-")
    codec = Codec(desk.schemas)
    events, labels = build_validators(
        [spec], topics, desk.schemas, codec, max_ahead_ms=NOW_MS, max_seen_ids=1_000, privacy_key=key
    )
    for partition in range(4):
        events.take(partition)
        labels.take(partition)
    return Desk(events, labels, codec, desk.schemas)


def clean(desk: Desk, values: list[bytes], **columns: Any) -> tuple[list[dict[str, Any]], Any]:
    output = by_topic(desk.events.validate(desk.batch(values, **columns)), desk.events.stream.clean)
    assert output is not None
    schema = desk.schemas.record(MODEL)
    return [desk.codec.decode_one(value, schema) for value in output.values], output


def test_a_record_that_is_normal_keeps_its_bytes_and_another_is_encoded_anew(desk: Desk, root: Any) -> None:
    changed = desk_with(desk, root, normalise={"carrier": (Step("trim"), Step("upper"))})
    values = [desk.event("a"), desk.event("b", carrier=" ua "), desk.event("c", carrier=None)]
    rows, output = clean(changed, values[:2])
    assert output.values[0] == values[0]
    assert output.values[1] == desk.event("b")
    assert [row["carrier"] for row in rows] == ["UA", "UA"]
    dead = changed.events.validate(desk.batch(values[2:], offset=2))
    assert reasons(by_topic(dead, changed.events.stream.dead))[0][1] == "carrier is missing"


def test_numbers_are_converted_before_they_are_checked(desk: Desk, root: Any) -> None:
    km = desk_with(desk, root, normalise={"distance": (Step("linear", factor=1.609344),)})
    outputs = km.events.validate(desk.batch([desk.event("a", distance=1000.0), desk.event("b", distance=5000.0)]))
    assert reasons(by_topic(outputs, km.events.stream.dead))[0][1] == "distance is 8046.72, above 6000"
    output = by_topic(outputs, km.events.stream.clean)
    assert output is not None
    assert desk.codec.decode_one(output.values[0], desk.schemas.record(MODEL))["distance"] == 1609.344


def test_a_hashed_entity_changes_value_and_key_of_events_and_the_key_of_labels(desk: Desk, root: Any) -> None:
    private = desk_with(desk, root, privacy={"tail_number": PrivacyRule("hash")})
    rows, output = clean(
        private, [desk.event("a"), desk.event("b", tail_number=None), desk.event("c")], keys=[b"N1", b"b", b"other"]
    )
    assert [row["tail_number"] for row in rows] == [hashed("N1").decode(), None, hashed("N1").decode()]
    assert output.keys == [hashed("N1"), b"b", hashed("N1")]
    assert output.partitions == [0, 0, 0]
    topic = private.labels.stream.topic
    labels = private.labels.validate(desk.batch([desk.label("a"), desk.label("b")], topic=topic, keys=[b"N1", b"b"]))
    assert labels[0].keys == [hashed("N1"), b"b"]


@pytest.mark.parametrize(
    ("rule", "value", "key"),
    [(PrivacyRule("mask", keep_last=2), "****28", b"****28"), (PrivacyRule("drop"), None, b"a")],
)
def test_other_rules_on_the_entity_change_its_key_too(
    desk: Desk, root: Any, rule: PrivacyRule, value: str | None, key: bytes
) -> None:
    private = desk_with(desk, root, key=None, privacy={"tail_number": rule})
    rows, output = clean(private, [desk.event("a", tail_number="N14228")], keys=[b"N14228"])
    assert (rows[0]["tail_number"], output.keys) == (value, [key])


def test_a_hash_without_a_key_is_refused_at_start(desk: Desk, root: Any) -> None:
    with pytest.raises(ConfigError, match="TIDEMILL_PRIVACY_KEY_FILE"):
        desk_with(desk, root, key=None, privacy={"tail_number": PrivacyRule("hash")})


def test_a_dead_letter_keeps_its_bytes_but_its_reason_tells_nothing_personal(desk: Desk, root: Any) -> None:
    rule = ExpectationSpec("expect_column_values_to_match_regex", {"column": "tail_number", "regex": "^N"})
    private = desk_with(desk, root, privacy={"tail_number": PrivacyRule("hash")}, expectations=(rule,))
    value = desk.event("a", tail_number="secret")
    dead = by_topic(private.events.validate(desk.batch([value])), private.events.stream.dead)
    assert dead is not None
    assert dead.values == [value]
    assert reasons(dead)[0][1] == "tail_number (personal, not shown) does not meet expect_column_values_to_match_regex"


def test_a_combination_may_come_once_and_what_is_set_aside_uses_nothing_up(desk: Desk, root: Any) -> None:
    spec = load_models(root / "models", (MODEL,))[MODEL]
    ids = next(stated for stated in spec.expectations if stated.within is not None)
    pair = dataclasses.replace(
        ids, name="expect_compound_columns_to_be_unique", kwargs={"column_list": ("carrier", "dest")}
    )
    twice = desk_with(desk, root, expectations=(pair, ids))
    values = [
        desk.event("a", dest="ATL"),
        desk.event("b", dest="ATL"),
        desk.event("a", dest="ORD"),
        desk.event("b", dest="ORD"),
        desk.event("c", carrier=None, dest=None),
        desk.event("d", carrier=None, dest=None),
    ]
    batch = desk.batch(values)
    once, again = twice.events.validate(batch), twice.events.validate(batch)
    assert once == again
    assert desk.ids(once) == ["a", "b", "c", "d"]
    assert [name for name, _ in reasons(by_topic(once, twice.events.stream.dead))] == [
        "expect_compound_columns_to_be_unique",
        "expect_column_values_to_be_unique",
    ]
    later = twice.events.validate(desk.batch([desk.event("e", dest="ATL")], offset=6))
    assert desk.ids(later) == []


def test_keys_read_back_from_clean_count_as_seen_by_every_rule(desk: Desk, root: Any) -> None:
    spec = load_models(root / "models", (MODEL,))[MODEL]
    ids = next(stated for stated in spec.expectations if stated.within is not None)
    pair = dataclasses.replace(
        ids, name="expect_compound_columns_to_be_unique", kwargs={"column_list": ("carrier", "dest")}
    )
    twice = desk_with(desk, root, expectations=(pair, ids))
    twice.events.take(0, [([("a", "('UA', 'ATL')")], [0])])
    values = [desk.event("a"), desk.event("b", dest="ATL"), desk.event("c")]
    assert desk.ids(twice.events.validate(desk.batch(values))) == ["c"]
