"""Events and labels are known by ids and entities that are told, under the platform's names or the model's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.orders import orders
from tidemill.clock import FixedClock
from tidemill.codec import Codec
from tidemill.contracts.topics import TopicCatalog
from tidemill_ingest.records import Converted, convert
from tidemill_ingest.service import build_targets

AT = "2026-11-01T10:00:00Z"
Take = Callable[..., Converted]


def taking(root: Path, folder: Path, role: str, **model: Any) -> tuple[Take, Callable[[bytes], dict[str, Any]]]:
    spec, schemas = orders(root, folder, **model)
    targets = {t.role: t for t in build_targets([spec], TopicCatalog.load(root / "schemas", ""), schemas)}
    codec, target = Codec(schemas), targets[role]

    def take(*items: Any, **how: Any) -> Converted:
        return convert(items, target, codec, FixedClock(7), **how)

    return take, lambda value: codec.decode_one(value, target.form.schema)


@pytest.fixture
def labels(root: Path, tmp_path: Path) -> tuple[Take, Callable[[bytes], dict[str, Any]]]:
    return taking(root, tmp_path, "labels_raw")


@pytest.fixture
def events(root: Path, tmp_path: Path) -> tuple[Take, Callable[[bytes], dict[str, Any]]]:
    return taking(root, tmp_path, "raw")


def refused(found: Converted) -> list[tuple[str, str]]:
    assert not found.records
    return [(refusal.field, refusal.reason.split(":")[0].split(";")[0]) for refusal in found.refusals]


def test_a_label_is_taken_under_the_names_of_the_model_file(labels: Any) -> None:
    take, read = labels
    own = {"order_id": "o1", "fraud": True, "placed_at": AT, "customer": "c1"}
    plain = {"event_id": "o1", "label": True, "event_time": AT, "entity": "c1"}
    both = own | plain
    found = take(own, plain, both)
    assert found.refusals == []
    assert [(r.event_id, r.key) for r in found.records] == [("o1", b"c1")] * 3
    assert len({r.value for r in found.records}) == 1 and read(found.records[0].value)["label"] is True


def test_names_that_contradict_each_other_are_refused(labels: Any) -> None:
    take, _ = labels
    good = {"event_id": "o1", "label": True, "event_time": AT, "entity": "c1"}
    assert refused(take(good | {"order_id": "o2"})) == [
        ("order_id", "is another name of event_id, which says something else")
    ]
    assert refused(take(good | {"fraud": 1}))[0][0] == "fraud"
    assert refused(take(good | {"customer": "c2"}))[0][0] == "entity"


@pytest.mark.parametrize("wrong", [{}, {"event_id": None}, {"evnt_id": "o1"}, {"orderid": "o1"}])
def test_a_label_whose_id_is_misspelt_or_missing_is_refused_whatever_is_asked_for(labels: Any, wrong: Any) -> None:
    take, _ = labels
    found = take({"label": True, "event_time": AT, "customer": "c1"} | wrong)
    assert refused(found)[0] == ("event_id", "is missing")
    misspelt = [name for name in wrong if name != "event_id"]
    assert [refusal.field for refusal in found.refusals[1:]] == misspelt


def test_a_label_needs_the_entity_of_its_event_or_null_where_that_has_none(labels: Any) -> None:
    take, _ = labels
    item = {"event_id": "o1", "label": True, "event_time": AT}
    assert refused(take(item)) == [("customer", "is missing")]
    keys = [
        take(item | {name: value}).records[0].key for name in ("customer", "entity") for value in (None, "", "c", 5)
    ]
    assert keys == [b"o1", b"o1", b"c", b"5"] * 2


def test_where_every_event_has_an_entity_a_label_without_one_is_refused(root: Path, tmp_path: Path) -> None:
    take, _ = taking(root, tmp_path, "labels_raw", entity_nullable=False)
    item = {"event_id": "o1", "label": True, "event_time": AT}
    for entity in ({}, {"customer": None}, {"entity": ""}):
        (refusal,) = take(item | entity).refusals
        assert refusal.field == "customer" and "null where" not in refusal.reason


def test_an_event_without_id_is_refused_unless_ids_are_asked_for(events: Any) -> None:
    take, read = events
    found = take({"placed_at": AT, "amount": "x"}, {"order_id": None, "placed_at": AT})
    assert refused(found) == [("order_id", "is missing"), ("amount", "'x' is not a number"), ("order_id", "is missing")]
    assert "?make_ids=true" in found.refusals[0].reason
    made = take({"placed_at": AT}, {"order_id": "o1", "placed_at": AT}, make_ids=True).records
    assert made[1].event_id == "o1" and len(made[0].event_id) == 36
    assert read(made[0].value)["order_id"] == made[0].event_id


def test_an_event_is_taken_under_the_platforms_name_of_its_id_and_keyed_by_it_where_the_entity_is_empty(
    events: Any,
) -> None:
    take, read = events
    found = take(*({"event_id": "o1", "placed_at": AT, "customer": customer} for customer in ("c1", "", None)))
    assert [r.key for r in found.records] == [b"c1", b"o1", b"o1"]
    assert read(found.records[0].value)["order_id"] == "o1"
    assert refused(take({"event_id": "o1", "order_id": "o2", "placed_at": AT}))[0][0] == "event_id"
