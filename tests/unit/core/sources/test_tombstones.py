"""Null values, as compacted topics have them: no event of any format, and no fault of anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.core.sources.support import FakeRegistry, batch, reader, row_by_row
from tidemill.sources import SET_ASIDE

FORMATS = ("avro", "json", "json-schema", "protobuf", "debezium")


@pytest.mark.parametrize("form", FORMATS)
def test_a_null_value_is_a_tombstone_and_a_value_of_no_bytes_is_bad(form: str) -> None:
    decoding = reader(form, FakeRegistry())
    decoded = decoding.decode(batch(None, b""))

    assert [(b.position, b.error_class) for b in decoded.bad] == [(0, "Tombstone"), (1, "EmptyValue")]
    assert row_by_row(decoding, batch(None, b"")) == ([], [(0, "Tombstone"), (1, "EmptyValue")])
    assert decoded.bad[0].error_class in SET_ASIDE
    assert decoded.bad[1].error_class not in SET_ASIDE


def test_json_null_is_a_tombstone_too() -> None:
    assert [b.error_class for b in reader("json").decode(batch(b"null")).bad] == ["Tombstone"]


def test_a_bare_protobuf_message_may_have_no_bytes_and_is_no_tombstone(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    text = 'syntax = "proto3"; message Pay { double amount = 1; }'
    (tmp_path / "models" / "pay.proto").write_text(text)
    source = {"schema": "pay.proto", "event_id": "coordinates", "event_time": "record"}
    decoded = reader("protobuf", None, tmp_path, **source).decode(batch(b"", None))

    assert decoded.index.tolist() == [0]
    assert [(b.position, b.error_class) for b in decoded.bad] == [(1, "Tombstone")]
