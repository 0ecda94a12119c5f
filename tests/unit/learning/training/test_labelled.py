"""Joining labels to events."""

from __future__ import annotations

import pyarrow as pa

from tidemill_learning.training.labelled import join_labels, newest

TIME = pa.timestamp("us", "UTC")


def events(ids: list[str], own: list[bool | None] | None = None) -> pa.Table:
    columns = {
        "_event_id": pa.array(ids, pa.string()),
        "_event_time": pa.array([k * 1000 for k in range(len(ids))], TIME),
        "x": pa.array(range(len(ids)), pa.int64()),
    }
    return pa.table(columns | ({"_label": pa.array(own, pa.bool_())} if own else {}))


def labels(rows: list[tuple[str, bool, int]]) -> pa.Table:
    return pa.table(
        {
            "_event_id": pa.array([row[0] for row in rows], pa.string()),
            "_label": pa.array([row[1] for row in rows], pa.bool_()),
            "_observed_at": pa.array([row[2] * 1000 for row in rows], TIME),
        }
    )


def test_an_event_without_a_label_and_a_label_without_an_event_are_left_out() -> None:
    joined = join_labels(events(["a", "b"]), labels([("b", True, 9), ("z", True, 9)]))
    assert joined.column("_event_id").to_pylist() == ["b"] and joined.column("x").to_pylist() == [1]


def test_the_label_observed_last_counts_whatever_the_order_they_came_in() -> None:
    joined = join_labels(events(["a"]), labels([("a", False, 9), ("a", True, 5)]))
    assert joined.column("_label").to_pylist() == [False]


def test_of_labels_observed_at_the_same_time_the_first_counts() -> None:
    joined = join_labels(events(["a"]), labels([("a", False, 5), ("a", True, 9), ("a", False, 9), ("a", False, 1)]))
    assert joined.column("_label").to_pylist() == [True]


def test_an_event_that_came_twice_counts_once_as_it_came_first() -> None:
    joined = join_labels(events(["a", "a"]), labels([("a", True, 9)]))
    assert joined.column("x").to_pylist() == [0]


def test_a_label_that_came_with_its_event_counts_until_another_comes() -> None:
    joined = join_labels(events(["a", "b", "c"], [True, True, None]), labels([("b", False, 9)]))
    assert joined.column("_label").to_pylist() == [True, False]
    assert [round(t.timestamp() * 1000) for t in joined.column("_observed_at").to_pylist()] == [0, 9]


def test_no_labels_at_all_give_no_rows() -> None:
    assert join_labels(events(["a"]), labels([])).num_rows == 0
    assert join_labels(events([]), labels([("a", True, 1)])).num_rows == 0


def test_the_newest_rows_are_kept_in_order_of_time() -> None:
    shuffled = events(["a", "b", "c"]).take(pa.array([2, 0, 1]))
    assert newest(shuffled, 2).column("_event_id").to_pylist() == ["b", "c"]
