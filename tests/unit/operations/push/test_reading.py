"""Files are read chunk by chunk, every row with its line."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tidemill_operations.push.files.reading import UnreadableFile, count_rows, read_chunks


def test_csv_rows_keep_their_lines_and_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,n\na,1\n"two\nlines",2\nc,3\n')
    chunks = list(read_chunks(path, 2))
    assert [chunk.lines for chunk in chunks] == [[2, 4], [5]]
    assert chunks[0].frame.rows() == [("a", "1"), ("two\nlines", "2")]


def test_a_csv_row_of_another_width_is_an_error_of_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,n\na,1\nb\nc,3\n")
    (chunk,) = read_chunks(path, 10)
    assert chunk.rows == 3
    assert chunk.lines == [2, 4]
    assert [(error.line, error.reason) for error in chunk.errors] == [(3, "has 1 columns where the first line has 2")]


def test_a_csv_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,id\n1,2\n")
    with pytest.raises(UnreadableFile, match="twice"):
        list(read_chunks(path, 10))


def test_json_lines_need_not_have_the_same_fields_and_bad_ones_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "n": 1}\nnot json\n\n{"id": "b"}\n[1]\n')
    (chunk,) = read_chunks(path, 10)
    assert chunk.lines == [1, 4]
    assert chunk.frame["n"].to_list() == [1, None]
    assert [error.line for error in chunk.errors] == [2, 5]
    assert count_rows(path) == 5


def test_a_json_line_that_has_a_key_twice_is_an_error_of_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "n": 1}\n{"id": "b", "n": 1, "n" : 2}\n')
    (chunk,) = read_chunks(path, 10)
    assert chunk.lines == [1]
    (error,) = chunk.errors
    assert (error.line, error.reason) == (2, "is not JSON: the key 'n' stands twice in one object at column 21")


def test_parquet_rows_are_numbered_over_chunks(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"n": range(5)}).write_parquet(path)
    chunks = list(read_chunks(path, 2))
    assert [chunk.lines for chunk in chunks] == [[1, 2], [3, 4], [5]]
    assert count_rows(path) == 5


def test_an_unknown_ending_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"\.csv"):
        read_chunks(tmp_path / "a.xlsx", 10)


def test_a_file_that_only_calls_itself_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_text("id\n")
    with pytest.raises(UnreadableFile, match="not a Parquet file"):
        list(read_chunks(path, 10))
