"""What the log says of a file that is written anew keeps nobody from finding a row of it."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, write_deltalake
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidemill_learning.data_set.table_rows import KIND, TIME
from tidemill_operations.table_files.rewriting import Rewritten, commit, files_of, written
from tidemill_operations.table_files.statistics import statistics

TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.just("ÿ" * 90))
NUMBERS = st.one_of(st.none(), st.floats(allow_infinity=False))
TIMES = st.one_of(st.none(), st.integers(-(1 << 50), 1 << 50))
ROWS = st.lists(st.tuples(TEXTS, NUMBERS, st.one_of(st.none(), st.booleans()), TIMES), min_size=1, max_size=5)


@settings(max_examples=20, deadline=None)
@given(rows=ROWS, asked=st.sampled_from([None, "time", "time,number"]))
@example(rows=[("\U00020000", None, None, None)], asked=None)
@example(rows=[("ÿ" * 90, None, None, None), ("\U00020000" * 40, None, None, None)], asked=None)
def test_every_row_is_found_by_each_of_its_values(rows: list[tuple[Any, ...]], asked: str | None) -> None:
    """`asked`: of which columns the log of the table is to tell the range."""
    texts, numbers, flags, times = zip(*rows, strict=True)
    table = pa.table(
        {
            KIND: pa.repeat(pa.scalar("event"), len(rows)), "text": pa.array(texts, pa.string()),
            "number": pa.array(numbers, pa.float64()), "flag": pa.array(flags, pa.bool_()),
            "time": pa.array(times, pa.int64()).cast(TIME),
        }
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        uri = Path(folder).as_uri()
        wanted_of_log = None if asked is None else {"delta.dataSkippingStatsColumns": asked}
        write_deltalake(uri, table, partition_by=[KIND], configuration=wanted_of_log)
        opened = DeltaTable(uri)
        (file,) = files_of(opened)
        commit(opened, [Rewritten(file, 0, written(opened, "event", table.drop_columns([KIND])))])
        told = {name.removeprefix("null_count.") for name in DeltaTable(uri).get_add_actions(flatten=True).schema.names}
        assert {"text", "number", "flag", "time"} & told == set((asked or "text,number,flag,time").split(","))
        stored = DeltaTable(uri).to_pyarrow_dataset()
        for name in ("text", "number", "flag", "time"):
            column = table.column(name)
            for value in column.drop_null().unique():
                wanted = pc.sum(pc.equal(column, value)).as_py() or 0
                assert stored.to_table(filter=ds.field(name) == value).num_rows == wanted, (name, value)
            assert stored.to_table(filter=ds.field(name).is_null()).num_rows == column.null_count


def test_times_that_no_calendar_has_and_numbers_that_json_has_not_are_told_by_the_farthest_that_can_be() -> None:
    rows = pa.table({"time": pa.array([1 << 62, 0], pa.int64()).cast(TIME), "number": [float("inf"), 1.0]})
    told = statistics(rows)
    assert told["minValues"] == {"time": "1970-01-01T00:00:00.000000Z", "number": 1.0}
    assert told["maxValues"]["time"] == datetime.max.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert told["maxValues"]["number"] > 1e308
    nothing = statistics(pa.table({"text": pa.nulls(2, pa.string()), "bytes": [b"a", b"b"]}))
    assert nothing == {"numRecords": 2, "minValues": {}, "maxValues": {}, "nullCount": {"text": 2}}
