"""Until when a topic holds a record is told from its settings, and never too early."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidemill_operations.erase.report import Holding, State
from tidemill_operations.erase.topics import gone_by, is_compacted

DAY = 24 * 3_600_000
SLACK = 6 * 60_000


def test_a_record_is_gone_when_the_newest_that_may_be_in_its_segment_is_past_retention() -> None:
    assert gone_by(0, {"retention.ms": str(7 * DAY), "segment.ms": str(DAY)}) == 8 * DAY + SLACK
    assert gone_by(0, {"retention.ms": str(7 * DAY)}) == 14 * DAY + SLACK, "Kafka's own segment.ms is a week"


def test_a_topic_that_keeps_for_ever_names_no_day() -> None:
    assert gone_by(0, {"retention.ms": "-1"}) is None and gone_by(0, {}) is None


@given(st.integers(0, 10**12), st.integers(0, 10**10), st.integers(1, 10**10), st.integers(0, 10**10))
def test_no_day_is_named_before_which_brokers_may_hold_it_still(at: int, keeps: int, segment: int, later: int) -> None:
    named = gone_by(at, {"retention.ms": str(keeps), "segment.ms": str(segment)})
    newest_beside_it = at + min(later, segment)
    assert named is not None and named >= newest_beside_it + keeps


def test_a_day_is_told_to_the_minute_and_rounded_up() -> None:
    told = Holding(where="t", state=State.WAITS, count=1, what="records", until_ms=60_001)
    assert told.until == "1970-01-01 00:02 UTC"


def test_a_policy_may_be_both() -> None:
    assert is_compacted({"cleanup.policy": "compact,delete"}) and not is_compacted({"cleanup.policy": "delete"})
