"""A row is given once: by the commit by which both the event and a label of it are in the table."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tests.unit.trainer.fixtures import CLEAN, LABELS, PARTS, PREDICTIONS, SCHEMA, SPEC, events, labels
from tidemill_learning.data_set.table_rows import REST
from tidemill_trainer.assess.joined import newly_labelled
from tidemill_trainer.assess.table_steps import TableSteps
from tidemill_trainer.collect.training_table import TrainingTable


class Table:
    """A table and whoever reads it commit by commit; offsets are told by how many rows went in."""

    def __init__(self, folder: Path) -> None:
        self.uri = (folder / "table").as_uri()
        self.table = TrainingTable(self.uri, SCHEMA, PARTS)
        self.ends = {CLEAN: 0, LABELS: 0, PREDICTIONS: 0}
        self.at = -1
        self.steps = TableSteps(self.uri)

    def put(self, *rows: pa.Table) -> None:
        together = pa.concat_tables(rows)
        topics = together.column("_topic").to_pylist()
        offsets = []
        for topic in topics:
            offsets.append(self.ends[topic])
            self.ends[topic] += 1
        at = together.schema.get_field_index("_offset")
        together = together.set_column(at, together.schema.field(at), pa.array(offsets, pa.int64()))
        self.table.append(together, {(topic, 0): end for topic, end in self.ends.items() if topic in topics})

    def given(self) -> list[list[str]]:
        """Event ids that each commit since the last call gave."""
        found = []
        while (step := self.steps.after(self.at)) is not None:
            self.at = step.version
            found.append(newly_labelled(step, SPEC.features).column("_event_id").to_pylist())
        return found


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def test_an_event_is_given_when_the_later_of_event_and_label_is_in(table: Table) -> None:
    table.put(events(0, 5))
    table.put(labels(0, 3))
    table.put(labels(5, 2))
    table.put(events(5, 3), labels(3, 2))
    assert table.given() == [[], [], ["e0", "e1", "e2"], [], ["e3", "e4", "e5", "e6"]]


def test_a_second_label_of_an_event_and_a_second_event_of_a_label_give_nothing(table: Table) -> None:
    table.put(events(0, 4), labels(0, 4))
    table.put(labels(1, 2))
    table.put(events(2, 2, topic=PREDICTIONS, kind=REST))
    assert table.given() == [[], ["e0", "e1", "e2", "e3"], [], []]


def test_a_label_that_came_with_its_event_is_known_at_once_and_is_not_corrected(table: Table) -> None:
    own = events(0, 2)
    at = own.schema.get_field_index("_label")
    table.put(own.set_column(at, own.schema.field(at), pa.array([True, None], pa.bool_())))
    table.put(labels(0, 2))
    assert table.given() == [[], ["e0"], ["e1"]]


def test_rows_come_in_the_order_in_which_they_became_known_with_their_features(table: Table) -> None:
    table.put(events(0, 4))
    table.put(labels(3, 1), labels(0, 3))
    step = table.steps.after(1)
    assert step is not None
    rows = newly_labelled(step, SPEC.features)
    assert rows.column("_event_id").to_pylist() == ["e0", "e1", "e2", "e3"]
    assert rows.column("_label").to_pylist() == [True, False, True, False]
    assert rows.column("wind").to_pylist() == [0.0, 1.0, 2.0, 3.0]
    assert rows.column("_offset").to_pylist() == [0, 1, 2, 3], "of the event"


def test_labels_of_one_moment_come_by_their_events_wherever_these_lie_and_none_is_known_before_its_event(
    table: Table,
) -> None:
    known = labels(0, 4)
    at = known.schema.get_field_index("_observed_at")
    early = pa.repeat(pa.scalar(60_000_000, pa.int64()), 4).cast(known.schema.field(at).type)
    late = pa.concat_tables([events(2, 2, partition=0), events(0, 2, partition=1)])
    table.put(late, known.set_column(at, known.schema.field(at), early))
    step = table.steps.after(0)
    assert step is not None
    rows = newly_labelled(step, ())
    assert rows.column("_event_id").to_pylist() == ["e0", "e1", "e2", "e3"]
    known_at = rows.column("_observed_at").cast(pa.int64()).to_pylist()
    assert [us // 60_000_000 for us in known_at] == [1, 1, 2, 3], "all were observed in minute 1"


def test_compaction_gives_nothing_and_what_it_moved_is_still_found(table: Table) -> None:
    for k in range(4):
        table.put(events(k, 1))
    table.put(labels(0, 2))
    table.table.compact()
    table.put(labels(2, 2))
    assert table.given() == [[], [], [], [], [], ["e0", "e1"], [], ["e2", "e3"]]


def test_a_reader_that_starts_again_gives_what_an_undisturbed_one_gives(table: Table, tmp_path: Path) -> None:
    for k in range(6):
        table.put(events(5 * k, 5), labels(max(0, 5 * k - 7), 5))
    undisturbed = table.given()
    table.at, again = -1, []
    for _ in undisturbed:
        table.steps = TableSteps(table.uri)
        step = table.steps.after(table.at)
        assert step is not None
        table.at = step.version
        again.append(newly_labelled(step, SPEC.features).column("_event_id").to_pylist())
    assert again == undisturbed and len(once := [one for ids in again for one in ids]) == len(set(once)) > 20


def test_where_the_log_does_not_go_back_so_far_it_goes_on_at_the_newest_commit_and_says_so(
    table: Table, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for k in range(55):
        table.put(events(k, 1), labels(k, 1))
    log = tmp_path / "table" / "_delta_log"
    for version in range(49):
        (log / f"{version:020d}.json").unlink()
    (rows,) = table.given()
    assert len(rows) == 55, "of a table of which nothing was read, all of it is one step"
    table.at, table.steps = 10, TableSteps(table.uri)
    assert table.given() == [[]]
    assert "rows that were labelled between are not assessed" in caplog.text
    table.put(events(55, 1), labels(55, 1))
    assert table.given() == [["e55"]]


def test_a_table_that_was_made_anew_is_begun_at_its_beginning(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    table.put(events(0, 3), labels(0, 3))
    table.at = 40
    assert table.given() == [[], ["e0", "e1", "e2"]]
    assert "is another table" in caplog.text
