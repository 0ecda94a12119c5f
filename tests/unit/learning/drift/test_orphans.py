"""Labels that are about no event are counted as they come, and no longer once the event comes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.learning.drift.streams import logs, model, profiler
from tidemill_learning.drift.labels import orphans
from tidemill_learning.drift.labels.orphans import OrphanWatch
from tidemill_learning.drift.profiling.windows import LabelCounts


def test_a_label_whose_event_is_not_there_is_an_orphan_until_it_comes() -> None:
    watch = OrphanWatch()
    watch.events(["a", "b"], [1, 2])
    watch.labels(["a", "x", "y", "x"], [1, 1, 1, 1], [4, 5, 6, 9])
    assert watch.counts == LabelCounts(10, 4, 3, (6, 9))
    watch.events(["x", "x"], [3, 3])
    assert watch.counts == LabelCounts(10, 4, 1, (6,))


def test_labels_that_were_counted_before_a_restart_are_not_counted_again() -> None:
    watch = OrphanWatch(LabelCounts(6, 2, 1, (5,)))
    watch.labels(["a", "x", "z"], [1, 1, 1], [4, 5, 6])
    assert watch.counts == LabelCounts(7, 3, 2, (5, 6))


def test_labels_that_were_counted_before_a_restart_are_not_counted_once_their_event_comes() -> None:
    first = OrphanWatch()
    first.labels(["a", "x", "y", "x"], [1, 1, 1, 1], [4, 5, 6, 9])
    second = OrphanWatch(first.to_commit())
    assert second.counts == LabelCounts(10, 4, 4, (5, 6, 9))
    second.events(["x", "b"], [1, 1])
    assert second.counts == LabelCounts(10, 4, 2, (4, 6))
    third = OrphanWatch(second.to_commit())
    third.events(["x", "a", "y"], [1, 1, 1])
    assert third.counts == LabelCounts(10, 4, 0)


def test_of_very_many_labels_that_wait_a_restart_knows_the_newest() -> None:
    first = OrphanWatch()
    first.labels([f"x{n}" for n in range(1_000)], [1] * 1_000, range(1_000))
    second = OrphanWatch(first.to_commit())
    second.events([f"x{n}" for n in range(1_000)], [1] * 1_000)
    assert second.counts.orphans == 1_000 - orphans.MAX_KEPT


def test_a_label_about_a_time_before_all_known_events_is_not_judged() -> None:
    watch = OrphanWatch()
    watch.labels(["early", "x"], [10, 30], [0, 1])
    watch.know_since(20)
    watch.labels(["early", "y"], [20, 21], [2, 3])
    assert watch.counts == LabelCounts(4, 4, 2, (1, 3))


def test_memory_is_bounded_and_what_was_forgotten_is_not_called_an_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "MAX_EVENTS", 10)
    monkeypatch.setattr(orphans, "MAX_WAITING", 5)
    watch = OrphanWatch()
    for n in range(100):
        watch.events([f"e{n}"], [n])
        watch.labels([f"x{n}"], [n], [n])
    watch.labels(["e0", "e89", "e90"], [0, 89, 90], [100, 101, 102])
    assert watch.counts.orphans == 100
    watch.labels(["e90", "e89"], [99, 99], [103, 104])
    assert watch.counts.orphans == 101, "e90 is known, e89 no longer, though its label is about a time that is"
    watch.events([f"x{n}" for n in range(100)], range(100))
    assert watch.counts.orphans == 97, "x96 to x99 and e89 wait, the others no longer: they stay counted"


Turn = st.tuples(st.booleans(), st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6), st.booleans())
"""Events or labels, of whom, and whether the process is started again before."""


@given(st.lists(Turn, max_size=10))
@settings(max_examples=200, deadline=None)
def test_in_the_end_the_orphans_are_the_labels_without_an_event_whatever_came_first(turns: Any) -> None:
    watch, events, labels = OrphanWatch(), set(), []
    for is_events, ids, restarted in turns:
        if restarted:
            watch = OrphanWatch(watch.to_commit())
            watch.events(sorted(events), [1] * len(events))
        if is_events:
            watch.events(ids, [1] * len(ids))
            events.update(ids)
        else:
            watch.labels(ids, [1] * len(ids), range(len(labels), len(labels) + len(ids)))
            labels += ids
    wanted = [offset for offset, event_id in enumerate(labels) if event_id not in events]
    assert (watch.counts.labels, watch.counts.orphans) == (len(labels), len(wanted))
    assert set(watch.counts.newest) <= set(wanted)


def test_a_partition_counts_labels_of_no_event_before_there_is_any_version() -> None:
    made, reading = logs(200), profiler(model())
    for n, (_, row) in enumerate(made.rows["labels"]):
        row["event_id"] = row["event_id"] if n % 10 else f"misspelt-{n}"
    reading.labels(*made.batch("labels", 0, 150))
    reading.clean(*made.batch("clean", 0, 200))
    counts = reading.commits()["labels"].labels
    assert (counts.to, counts.labels, counts.orphans, counts.newest) == (150, 150, 15, (120, 130, 140))


def test_a_label_of_what_was_asked_over_rest_is_no_orphan() -> None:
    made, reading = logs(100), profiler(model())
    for _, row in made.rows["predictions"]:
        row["source"] = "rest"
    reading.labels(*made.batch("labels", 0, 90))
    assert reading.orphans.counts.orphans == 90
    reading.predictions(*made.batch("predictions", 0, 100))
    assert reading.orphans.counts.orphans == 0


def test_after_a_restart_events_before_the_commit_are_known_and_not_counted_in_windows_again() -> None:
    made, first = logs(200), profiler(model())
    whole = [p for start in range(0, 120, 20) for p in first.clean(*made.batch("clean", start, start + 20))]
    first.labels(*made.batch("labels", 0, 60))
    places = first.commits()
    assert places["clean"].offset == 100 and places["labels"].labels.orphans == 0
    second = profiler(model(), places=places)
    rest = second.clean(*made.batch("clean", 40, 200))
    straight = profiler(model()).clean(*made.batch("clean", 0, 200))
    assert whole + rest == straight
    second.labels(*made.batch("labels", 60, 190))
    counts = second.orphans.counts
    assert (counts.labels, counts.orphans) == (190, 0), "those about events before offset 40 are not judged"
