"""CSV, row by row: nothing that is wrong with one row reaches the next, and nothing is swallowed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill_operations.push.files.choices import Choices
from tidemill_operations.push.files.csv_rows import CsvRows
from tidemill_operations.push.files.lines import Line
from tidemill_operations.push.files.reading import Chunk, UnreadableFile, read_chunks

HEAD = "event_id,at,purpose\n"


def read(folder: Path, text: str | bytes, **choices: object) -> Chunk:
    path = folder / "a.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    (chunk,) = read_chunks(path, 1_000, Choices(**choices))  # type: ignore[arg-type]
    return chunk


def rows(text: str) -> CsvRows:
    lines = text.split("\n")
    numbered = (Line(n, line, "\n" if n < len(lines) else "") for n, line in enumerate(lines, start=1))
    return CsvRows(numbered, ",", multiline=True)


@settings(deadline=None)
@given(st.lists(st.lists(st.text(st.sampled_from('a",; \n'), max_size=4), min_size=2, max_size=2), max_size=5))
def test_whatever_pythons_writer_quotes_is_read_back(table: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["x", "y"], *table])
    found = rows(out.getvalue())
    assert found.read_header() == ["x", "y"]
    assert [row.cells for row in found] == table


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from('ab",'), max_size=6), max_size=8))
def test_every_line_is_a_row_a_part_of_one_or_is_named(lines: list[str]) -> None:
    found = rows("\n".join(["x,y", *lines]))
    found.read_header()
    covered: list[int] = []
    last = 1
    for row in found:
        named = [number for number, _, _ in row.problems]
        covered += named or range(last + 1, row.line + 1)
        last = max([row.line, *named]) if not row.problems else named[-1]
    wanted = [number for number, line in enumerate(lines, start=2) if line]
    assert [number for number in covered if lines[number - 2]] == wanted


def test_an_open_quote_costs_its_own_row_alone(tmp_path: Path) -> None:
    chunk = read(tmp_path, HEAD + 'a,1,"new car\nb,2,x\nc,3,"five" tall\nd,4,"y"\n')
    assert chunk.frame["event_id"].to_list() == ["b", "d"]
    assert [(e.line, e.field) for e in chunk.errors] == [(2, "purpose"), (4, "purpose")]
    assert "behind a closing quote" in chunk.errors[0].reason
    assert "write a quote inside of quoted text twice" in chunk.errors[1].reason


def test_rows_between_two_stray_quotes_are_refused_by_their_lines_unless_they_are_meant(tmp_path: Path) -> None:
    text = HEAD + 'a,1,"new car\nb,2,x\nc,3,blue"\nd,4,y\n'
    chunk = read(tmp_path, text)
    assert chunk.frame["event_id"].to_list() == ["d"]
    assert [e.line for e in chunk.errors] == [2, 3, 4]
    assert "lines 2 to 4 are one quoted cell" in chunk.errors[0].reason
    meant = read(tmp_path, text, multiline=True)
    assert meant.frame["purpose"].to_list() == ["new car\nb,2,x\nc,3,blue", "y"]


def test_text_over_lines_is_one_cell_and_keeps_its_line_breaks(tmp_path: Path) -> None:
    chunk = read(tmp_path, HEAD + 'a,1,"two ""odd""\r\nlines"\r\nb,2,x\r\n')
    assert chunk.frame["purpose"].to_list() == ['two "odd"\r\nlines', "x"]
    assert chunk.lines == [3, 4]


def test_an_open_quote_far_from_the_end_is_not_looked_for_for_ever(tmp_path: Path) -> None:
    chunk_rows = "".join(f"r{n},1,{'x' * 1_000}\n" for n in range(1_500))
    path = tmp_path / "a.csv"
    path.write_text(HEAD + 'a,1,"open\n' + chunk_rows)
    chunks = list(read_chunks(path, 1_000))
    assert sum(len(chunk.lines) for chunk in chunks) == 1_500
    assert [e.line for chunk in chunks for e in chunk.errors] == [2]


def test_empty_cells_are_missing_and_quoted_ones_are_text(tmp_path: Path) -> None:
    chunk = read(tmp_path, HEAD + 'a,,""\nb, ,"NA"\nc,NA,NA\n', null_words=frozenset({"NA"}))
    assert chunk.frame.rows() == [("a", None, ""), ("b", " ", "NA"), ("c", None, None)]


def test_bytes_that_are_no_text_and_nul_cost_their_own_row_at_most(tmp_path: Path) -> None:
    chunk = read(tmp_path, HEAD.encode() + b"a,1,caf\xe9\nb,2,x\x00y\n")
    assert chunk.frame.rows() == [("b", "2", "x\x00y")]
    assert "byte 0xe9 at place 8 of the line" in chunk.errors[0].reason
    assert read(tmp_path, HEAD.encode() + b"a,1,caf\xe9\n", encoding="latin-1").frame["purpose"][0] == "café"


def test_a_long_cell_is_a_cell(tmp_path: Path) -> None:
    assert read(tmp_path, HEAD + f"a,1,{'x' * 200_000}\n").frame["purpose"].str.len_chars().to_list() == [200_000]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_other_encodings_and_delimiters_are_read_where_they_are_named(tmp_path: Path, encoding: str) -> None:
    data = (HEAD + "a,1,café\n").replace(",", ";").encode(encoding)
    assert read(tmp_path, data, encoding=encoding, delimiter=";").frame.rows() == [("a", "1", "café")]


def test_a_file_that_is_read_by_the_wrong_choices_is_refused_with_the_right_ones(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="say --delimiter"):
        read(tmp_path, HEAD.replace(",", ";"))
    with pytest.raises(UnreadableFile, match="--encoding utf-16"):
        read(tmp_path, HEAD.encode("utf-16"))
    with pytest.raises(UnreadableFile, match="CR alone"):
        read(tmp_path, "a,b\r1,2\r")
