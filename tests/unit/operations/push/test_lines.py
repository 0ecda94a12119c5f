"""Text files, packed or not: what breaks off is said."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tidemill_operations.push.files import lines
from tidemill_operations.push.files.choices import parse_delimiter, parse_encoding, parse_timezone
from tidemill_operations.push.files.reading import UnreadableFile, count_rows, read_chunks

TEXT = b"id,n\na,1\nb,2\n"


def packed(name: str) -> bytes:
    if name.endswith(".gz"):
        return gzip.compress(TEXT[:5]) + gzip.compress(TEXT[5:])
    return bytes(pa.compress(TEXT, "zstd", asbytes=True)) if name.endswith(".zst") else TEXT


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.CSV.zst"])
def test_a_file_is_read_packed_as_unpacked(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(packed(name))
    (chunk,) = read_chunks(path, 10)
    assert chunk.frame.rows() == [("a", "1"), ("b", "2")]
    assert count_rows(path) == (2 if name == "a.csv" else 0)


def test_a_packed_file_that_breaks_off_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    whole = gzip.compress(TEXT * 5_000)
    path.write_bytes(whole[: len(whole) - 20])
    with pytest.raises(UnreadableFile, match=r"breaks off or is damaged behind line"):
        list(read_chunks(path, 10))


def test_a_line_without_end_is_refused_and_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 64)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": "a"}\n{"id": "' + b"x" * 500 + b'"}\n{"id": "b"}\n')
    (chunk,) = read_chunks(path, 10)
    assert chunk.lines == [1, 3]
    assert "is longer than" in chunk.errors[0].reason


HOSTILE = [
    b"[" * 5_000, b'{"n": 1' + b"0" * 400 + b"}", b'{"n": 1' + b"0" * 5_000 + b"}", b'{"id": "\\ud83d"}',
    b'{"id": "\xe9"}', b'[{"id": "x"}]', b'{"id": "\x00"}', b"null", b"NaN", b'{"n": NaN}',
    b'"text"', b'{"n": 1', b"\xff\xfe",
    b"{" * 3_000,
]  # fmt: skip


@pytest.mark.parametrize("line", HOSTILE)
def test_one_hostile_line_is_one_refused_row_with_its_line(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": "a"}\n\n' + line + b'\n  \n{"id": "b"}\n')
    (chunk,) = read_chunks(path, 10)
    assert chunk.lines == [1, 5]
    assert chunk.places == [0, 4]
    assert [error.line for error in chunk.errors] == [3]


def test_a_parquet_file_with_a_name_twice_is_refused_with_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"]), path)
    with pytest.raises(UnreadableFile, match="more than one column 'n'"):
        list(read_chunks(path, 10))


def test_text_of_a_parquet_file_that_is_not_utf_8_costs_its_own_row(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = pa.array([b"a", b"\xff", b"c"], pa.binary())
    bad = pa.Array.from_buffers(pa.string(), 3, texts.buffers())
    pq.write_table(pa.table({"id": bad, "n": pa.array([1, 2, 3])}), path)
    (chunk,) = read_chunks(path, 10)
    assert chunk.frame["n"].to_list() == [1, 3]
    assert [(error.line, error.field) for error in chunk.errors] == [(2, "id")]


def test_a_parquet_file_is_not_unpacked_and_a_zone_of_any_spelling_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    at = pa.array([0], pa.timestamp("us", "+05:30"))
    pq.write_table(pa.table({"at": at}), path)
    (chunk,) = read_chunks(path, 10)
    assert chunk.frame["at"].dtype == pl.Datetime("us", "UTC")
    with pytest.raises(UnreadableFile, match="Known endings"):
        read_chunks(tmp_path / "a.parquet.gz", 10)


def test_choices_that_are_none_are_refused_with_examples() -> None:
    assert (parse_delimiter("\\t"), parse_encoding("latin-1"), str(parse_timezone("UTC"))) == ("\t", "iso8859-1", "UTC")
    for parse, text in ((parse_delimiter, ";;"), (parse_encoding, "klingon"), (parse_timezone, "Mars/Base")):
        with pytest.raises(ValueError, match="such as"):
            parse(text)
