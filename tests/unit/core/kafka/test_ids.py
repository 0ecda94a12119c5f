from __future__ import annotations

import uuid
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.ids import deterministic_id, uuid7, uuid7_batch, uuid7_column, uuid7_time_ms


@given(st.integers(0, 300), st.integers(0, (1 << 48) - 1))
def test_a_batch_of_uuid7s_is_valid_increasing_and_carries_its_time(n: int, now_ms: int) -> None:
    ids = uuid7_batch(n, now_ms)
    assert len(ids) == n
    assert all(a < b for a, b in pairwise(ids))
    for text in ids:
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        assert uuid7_time_ms(text) == now_ms


def test_the_counter_runs_over_from_the_group_of_the_variant_into_that_of_the_version() -> None:
    ids = uuid7_batch(40_000, 1)
    assert ids == sorted(ids)
    assert len(set(ids)) == 40_000
    assert len({text[15:18] for text in ids}) > 1


def test_a_uuid7_of_now_has_the_present_time() -> None:
    first, second = uuid7_time_ms(uuid7()), uuid7_time_ms(uuid7())
    assert first is not None
    assert second is not None
    assert 0 <= second - first < 10_000


@pytest.mark.parametrize("text", ["", "abc", str(uuid.UUID(int=0)), "01a1fd52-38f9-7zzz-b3d7-003181029344"])
def test_other_text_carries_no_time(text: str) -> None:
    assert uuid7_time_ms(text) is None


@pytest.mark.parametrize(("n", "now_ms"), [(-1, 0), (1, -1), (1, 1 << 48), (1 << 26, 0)])
def test_what_does_not_fit_is_refused(n: int, now_ms: int) -> None:
    with pytest.raises(ValueError, match=r"ids|time"):
        uuid7_batch(n, now_ms)


@given(st.lists(st.text(max_size=4).filter(lambda t: "\x1f" not in t), min_size=1, max_size=4))
def test_a_deterministic_id_depends_on_its_parts_and_their_borders(parts: list[str]) -> None:
    assert deterministic_id(*parts) == deterministic_id(*parts)
    assert deterministic_id(*parts, "x") != deterministic_id(*parts)
    assert deterministic_id("a", "bc") != deterministic_id("ab", "c")
    assert deterministic_id("run", 1) == deterministic_id("run", "1")


def test_a_column_of_ids_is_as_a_batch_of_them() -> None:
    column = uuid7_column(3_000, 1_700_000_000_123).to_pylist()
    assert column == sorted(set(column))
    assert {uuid7_time_ms(text) for text in column} == {1_700_000_000_123}
    assert {(uuid.UUID(text).version, uuid.UUID(text).variant) for text in column} == {(7, uuid.RFC_4122)}
    assert [str(uuid.UUID(text)) for text in column] == column
    assert uuid7_column(0, 0).to_pylist() == []
    with pytest.raises(ValueError, match="not a time"):
        uuid7_column(1, 1 << 48)
