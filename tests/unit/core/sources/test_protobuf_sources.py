"""Protobuf messages whose schema is .proto text, as records of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.sources.support import AT_MS, FakeRegistry, batch, data, path, reader, row_by_row
from tidemill.codec.registry.client import Entry
from tidemill.errors import ConfigError
from tidemill.sources.formats.proto_schema import SchemaProblem, from_texts

MONEY = 'syntax = "proto3"; package shop; message Money { double amount = 1; optional int64 items = 2; }'
CHARGE = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "shop/money.proto";
message Other { string x = 1; }
message Charge {
  enum Channel { SHOP = 0; WEB = 1; }
  uint64 id = 1;
  google.protobuf.Timestamp at = 2;
  google.protobuf.StringValue who = 3;
  Money money = 4;
  bool online = 5;
  Channel channel = 6;
  map<string, double> tags = 7;
  message Inner { string id = 1; }
}
"""
FIELDS = {
    "event_id": path("id"), "customer": path("who"), "amount": path("money.amount"), "items": path("money.items"),
}  # fmt: skip
SCHEMA = from_texts({"charge.proto": CHARGE, "shop/money.proto": MONEY}, "charge.proto")
REGISTRY = FakeRegistry(
    {7: Entry("PROTOBUF", CHARGE, (("shop/money.proto", "money", 2),)), 8: Entry("PROTOBUF", "message {")},
    {("money", 2): Entry("PROTOBUF", MONEY)},
)
SECOND = b"\0\0\0\0\7\x02\x02"  # one index, the second message: zigzag varints


def charge(number: int, **over: Any) -> bytes:
    kind = SCHEMA.message((1,))
    message = kind(id=number, money={"amount": number / 2}, channel=1, tags={"x": 2.5}, **over)
    message.at.FromMilliseconds(AT_MS)
    if number % 2:
        message.who.value = "w"
    return bytes(message.SerializeToString())


def test_messages_of_a_registrys_proto_text_are_read_with_its_imports() -> None:
    values = [SECOND + charge(k) for k in range(30)]
    decoding = reader("protobuf", REGISTRY, fields=FIELDS)
    decoded = decoding.decode(batch(*values))

    assert decoded.bad == []
    assert data(decoded)[3] == {
        "event_id": "3", "at": AT_MS, "customer": "w", "amount": 1.5, "items": None, "online": False
    }  # fmt: skip
    assert data(decoded)[4]["customer"] is None
    assert row_by_row(decoding, batch(*values)) == (data(decoded), [])


@pytest.mark.parametrize(("place", "value"), [("channel", "WEB"), ("id", "3")])
def test_an_enum_is_the_name_of_its_value_and_a_number_may_be_an_id(place: str, value: str) -> None:
    fields = {**FIELDS, "customer": path(place)}
    decoded = reader("protobuf", REGISTRY, fields=fields).decode(batch(SECOND + charge(3)))

    assert data(decoded)[0]["customer"] == value


def test_a_map_is_read_row_by_row() -> None:
    decoded = reader("protobuf", REGISTRY, fields={**FIELDS, "amount": path("tags.x")}).decode(
        batch(SECOND + charge(3))
    )

    assert data(decoded)[0]["amount"] == 2.5


def test_what_is_no_message_of_a_known_schema_is_bad() -> None:
    values = [
        SECOND + b"\xff", b"\0\0\0\0\x08\0", b"\0\0\0\0\x09\0", b"\0\0\0\0\7\x02\x20abc", b"\0\0\0\0\7\x02", b"{}", None
    ]  # fmt: skip
    decoded = reader("protobuf", REGISTRY, fields=FIELDS).decode(batch(*values))

    assert [b.error_class for b in decoded.bad] == [
        "MalformedRecord", "UnknownSchema", "UnknownSchema", "UnknownSchema", "UnknownFormat", "UnknownFormat",
        "Tombstone",
    ]  # fmt: skip


def test_bare_messages_are_read_by_the_schema_file_of_the_source(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "shop").mkdir(parents=True)
    (folder / "money.proto").write_text(MONEY)
    (folder / "charge.proto").write_text(CHARGE.replace("shop/money.proto", "money.proto"))
    source = {"fields": FIELDS, "schema": "charge.proto", "message": "shop.Charge"}
    decoded = reader("protobuf", None, tmp_path, **source).decode(batch(charge(5)))

    assert [row["event_id"] for row in data(decoded)] == ["5"]
    with pytest.raises(ConfigError, match=r"charge\.proto"):
        reader("protobuf", None, tmp_path, fields=FIELDS, schema="charge.proto")


def test_text_that_leads_out_of_its_folder_is_refused() -> None:
    with pytest.raises(SchemaProblem, match="lead out"):
        from_texts({"../x.proto": MONEY}, "../x.proto")
