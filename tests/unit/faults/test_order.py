"""The order by key that the faults hold results to."""

from __future__ import annotations

from tests.faults.harness.order import Position, Step, follow

RAW: dict[Position, bytes | None] = {(0, 0): b"a", (0, 1): b"b", (0, 2): b"a", (1, 0): b"c"}


def wrong(*steps: Step) -> int:
    return follow(steps, RAW)[1]


def test_each_key_in_its_order_is_right_whatever_others_do() -> None:
    assert wrong((b"b", (0, 0), (0, 1)), (b"a", (0, 1), (0, 0)), (b"c", (1, 0), (1, 0)), (b"a", (0, 2), (0, 2))) == 0


def test_a_later_record_of_a_key_before_an_earlier_one_is_out_of_order() -> None:
    assert wrong((b"a", (0, 0), (0, 2)), (b"a", (0, 1), (0, 0))) == 1


def test_a_key_that_moves_to_another_partition_or_changes_has_lost_its_order() -> None:
    assert wrong((b"a", (0, 0), (0, 0)), (b"a", (1, 0), (0, 2))) == 1
    assert wrong((b"z", (0, 0), (0, 0))) == 1
    assert wrong((None, (0, 0), (0, 0))) == 1
