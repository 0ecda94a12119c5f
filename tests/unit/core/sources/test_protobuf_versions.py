"""Several versions of a Protobuf message in one batch: each is read by its own schema, in whatever order they come."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.sources.support import AT_MS, FakeRegistry, batch, data, path, reader, row_by_row
from tidemill.codec.registry.client import Entry
from tidemill.sources.formats.proto_schema import ProtoSchema, from_texts

HEAD = 'syntax = "proto3"; package shop; '
VERSIONS = {
    1: HEAD + "message Pay { string id = 1; int64 at = 2; double amount = 3; }",
    2: HEAD + "message Pay { string id = 1; int64 at = 2; double amount = 3; optional string who = 4; }",
    3: HEAD + """
        message Pay {
          enum Channel { SHOP = 0; WEB = 1; APP = 7; }
          message Box { int64 items = 1; map<string, string> tags = 2; }
          string id = 1; int64 at = 2; float amount = 3; Channel who = 4; Box box = 5;
        }""",
    4: HEAD + """
        message Other { string x = 1; }
        message Pay {
          message Box { map<string, int64> tags = 2; uint32 items = 9; }
          string id = 1; int64 at = 2; double amount = 3;
          oneof person { string who = 4; int32 person_number = 6; } Box box = 5;
        }""",
}  # fmt: skip
SCHEMAS: dict[int, ProtoSchema] = {n: from_texts({"pay.proto": text}, "pay.proto") for n, text in VERSIONS.items()}
REGISTRY = FakeRegistry({n: Entry("PROTOBUF", text) for n, text in VERSIONS.items()})
INDEX = {1: b"\0", 2: b"\0", 3: b"\0", 4: b"\x02\x02"}
FIELDS = {"event_id": path("id"), "customer": path("who"), "items": path("box.items")}
OWN: dict[int, dict[str, Any]] = {
    1: {}, 2: {"who": "w2"}, 3: {"who": 7, "box": {"items": 5}}, 4: {"who": "w4", "box": {"items": 6}},
}  # fmt: skip
DECODING = reader("protobuf", REGISTRY, fields=FIELDS)
WANTED = {1: (None, None), 2: ("w2", None), 3: ("APP", 5), 4: ("w4", 6)}


def pay(version: int, number: int, **over: Any) -> bytes:
    kind = SCHEMAS[version].message("shop.Pay")
    given = {k: value for k, value in {**OWN[version], **over}.items() if value is not None}
    message = kind(id=f"e{number}", at=AT_MS, amount=number / 2, **given)
    return b"\0" + version.to_bytes(4, "big") + INDEX[version] + bytes(message.SerializeToString())


def expected(version: int, number: int) -> dict[str, Any]:
    who, items = WANTED[version]
    return {
        "event_id": f"e{number}", "at": AT_MS, "customer": who, "amount": number / 2, "items": items, "online": True,
    }  # fmt: skip


@pytest.mark.parametrize("order", list(itertools.permutations(VERSIONS)))
def test_every_version_keeps_its_own_fields_in_whatever_order_they_come(order: tuple[int, ...]) -> None:
    given_batch = batch(*[pay(version, k) for k in range(8) for version in order])
    decoded = DECODING.decode(given_batch)

    assert decoded.bad == []
    assert data(decoded) == [expected(version, k) for k in range(8) for version in order]
    assert row_by_row(DECODING, given_batch) == (data(decoded), [])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(sorted(VERSIONS)), min_size=1, max_size=30))
def test_columns_and_rows_agree_on_any_mixture(versions: list[int]) -> None:
    given_batch = batch(*[pay(version, k) for k, version in enumerate(versions)])
    decoded = DECODING.decode(given_batch)

    assert data(decoded) == [expected(version, k) for k, version in enumerate(versions)]
    assert row_by_row(DECODING, given_batch) == (data(decoded), [])


def test_a_map_whose_values_changed_their_type_is_read_by_each_versions_own() -> None:
    values = [pay(3, 1, box={"tags": {"k": "text"}}), pay(4, 2, box={"tags": {"k": 9}}), pay(1, 3)]
    fields = {"event_id": path("id"), "customer": path("box.tags.k")}
    decoded = reader("protobuf", REGISTRY, fields=fields).decode(batch(*values))

    assert [row["customer"] for row in data(decoded)] == ["text", "9", None]


def test_a_oneofs_other_member_leaves_the_field_missing() -> None:
    values = [pay(4, 1), pay(4, 2, who=None, person_number=3), pay(2, 3)]
    decoded = DECODING.decode(batch(*values))

    assert [row["customer"] for row in data(decoded)] == ["w4", None, "w2"]


def test_imports_of_one_name_may_differ_between_two_schemas() -> None:
    text = HEAD + 'import "source.proto"; message Pay { string id = 1; int64 at = 2; shop.Money money = 3; }'
    first = HEAD + "message Money { double amount = 1; }"
    second = HEAD + "message Money { string currency = 1; double amount = 2; }"
    registry = FakeRegistry(
        {n: Entry("PROTOBUF", text, (("source.proto", "money", n),)) for n in (1, 2)},
        {("money", 1): Entry("PROTOBUF", first), ("money", 2): Entry("PROTOBUF", second)},
    )
    values = []
    for number, money in ((1, first), (2, second)):
        kind = from_texts({"pay.proto": text, "source.proto": money}, "pay.proto").message("shop.Pay")
        message = kind(id=str(number), at=AT_MS, money={"amount": number + 0.5})
        values.append(b"\0" + number.to_bytes(4, "big") + b"\0" + bytes(message.SerializeToString()))
    fields = {"event_id": path("id"), "amount": path("money.amount")}
    decoded = reader("protobuf", registry, fields=fields).decode(batch(*values, *reversed(values)))

    assert [row["amount"] for row in data(decoded)] == [1.5, 2.5, 2.5, 1.5]


def test_a_value_that_no_column_holds_is_its_own_records_fault_alone() -> None:
    old = 'syntax = "proto2"; import "google/protobuf/timestamp.proto"; message Pay { optional string id = 1;' + (
        " optional google.protobuf.Timestamp at = 2; optional double amount = 3; }"
    )
    kind = from_texts({"pay.proto": old}, "pay.proto").message("Pay")
    good, late = kind(id="good", amount=1), kind(id="late", amount=1)
    good.at.FromMilliseconds(AT_MS)
    late.at.seconds = 2**62
    no_text = good.SerializeToString().replace(b"good", b"\xff\xfe\xff\xfe")
    frame = b"\0\0\0\0\7\0"
    values = [frame + bytes(m) for m in (good.SerializeToString(), no_text, late.SerializeToString())]
    registry = FakeRegistry({7: Entry("PROTOBUF", old)})
    decoded = reader("protobuf", registry, fields={"event_id": path("id")}).decode(batch(*values))

    assert [row["event_id"] for row in data(decoded)] == ["good"]
    assert [(b.position, b.error_class) for b in decoded.bad] == [(1, "UnfitRecord"), (2, "UnfitRecord")]


def test_a_text_that_does_not_compile_is_told_in_the_compilers_words() -> None:
    registry = FakeRegistry({7: Entry("PROTOBUF", HEAD + "message Pay { strin id = 1; }")})
    decoded = reader("protobuf", registry, fields=FIELDS).decode(batch(b"\0\0\0\0\7\0abc"))

    assert decoded.bad[0].error_class == "UnknownSchema"
    assert '"strin" is not defined' in decoded.bad[0].message
    assert "id 7" in decoded.bad[0].message
