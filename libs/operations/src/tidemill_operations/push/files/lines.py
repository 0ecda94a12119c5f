"""The lines of a text file, packed or not, each by itself: one that cannot be read does not stop the others."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

PACKED: Final = (".gz", ".zst")
LONGEST_LINE: Final = 16 << 20
"""Bytes of one line. No record may be larger, and a file without line breaks must not fill the memory."""
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_WIDE_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class UnreadableFile(ValueError):
    """The file as a whole cannot be read; the message says what is expected."""


@dataclass(frozen=True, slots=True)
class Line:
    """`text` without its line break, which is `end`; or None, and `problem` says why it cannot be read."""

    number: int
    text: str | None
    end: str = ""
    problem: str = ""


def kind_of(path: Path) -> str:
    """The ending of a file that says what it holds, in lower case, behind which it may be packed: .csv of a.csv.gz."""
    inner = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return inner.suffix.lower()


def read_lines(path: Path, encoding: str) -> Iterator[Line]:
    """All lines, numbered from 1. Raises UnreadableFile for a file that breaks off, or is of another encoding as a
    whole.
    """
    with open_bytes(path) as file:
        lines = _wide_lines(file, path, encoding) if _is_wide(encoding) else _narrow_lines(file, path, encoding)
        number = 0
        while True:
            try:
                line = next(lines, None)
            except (EOFError, OSError, zlib.error) as error:
                raise UnreadableFile(f"{path.name} breaks off or is damaged behind line {number}: {error}") from error
            if line is None:
                return
            number = line.number
            yield line


def count_lines(path: Path) -> int:
    """How many lines there are; 0 where a packed file is too large to be unpacked just for that."""
    if _packing(path):
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where it begins as a packed one does, whatever it is called."""
    packing = _packing(path)
    if packing == "gzip":
        packed: Any = gzip.open(path, "rb")  # noqa: SIM115 - the caller closes it
        return packed  # type: ignore[no-any-return]
    if packing == "zstd":
        import pyarrow as pa

        stream: Any = pa.input_stream(str(path), compression="zstd")
        return io.BufferedReader(stream, 1 << 20)
    return path.open("rb")


def _packing(path: Path) -> str | None:
    with path.open("rb") as file:
        first = file.read(4)
    return "gzip" if first.startswith(_GZIP) else "zstd" if first == _ZSTD else None


def _is_wide(encoding: str) -> bool:
    """Whether a line break is not the one byte that it is in ASCII."""
    return "\n,".encode(encoding) != b"\n,"


def _narrow_lines(file: IO[bytes], path: Path, encoding: str) -> Iterator[Line]:
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        if number == 1:
            _refuse_wide(raw, path)
            raw = raw.removeprefix(b"\xef\xbb\xbf") if encoding == "utf-8" else raw
        if len(raw) > LONGEST_LINE:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(LONGEST_LINE)
            yield Line(number, None, problem=f"is longer than {LONGEST_LINE >> 20} MiB: is a line break missing?")
            continue
        yield _decoded(raw, number, encoding)


def _decoded(raw: bytes, number: int, encoding: str) -> Line:
    end = "\r\n" if raw.endswith(b"\r\n") else "\n" if raw.endswith(b"\n") else ""
    try:
        return Line(number, raw[: len(raw) - len(end)].decode(encoding), end)
    except UnicodeDecodeError as error:
        at = f"byte 0x{raw[error.start]:02x} at place {error.start + 1} of the line"
        other = "latin-1" if encoding == "utf-8" else "utf-8"
        return Line(number, None, problem=f"is not {encoding.upper()} ({at}): say --encoding, such as {other}")


def _refuse_wide(raw: bytes, path: Path) -> None:
    found = _WIDE_MARKS.get(raw[:2])
    if found:
        raise UnreadableFile(f"{path.name} is in {found.upper()}: say --encoding {found}")


def _wide_lines(file: IO[bytes], path: Path, encoding: str) -> Iterator[Line]:
    """Here a line begins where the text says so; what is not of the encoding shows as U+FFFD."""
    with io.TextIOWrapper(file, encoding, errors="replace", newline="\n") as text:
        for number, line in enumerate(iter(lambda: text.readline(LONGEST_LINE), ""), start=1):
            end = "\r\n" if line.endswith("\r\n") else "\n" if line.endswith("\n") else ""
            body = line[: len(line) - len(end)]
            if number == 1:
                body = body.removeprefix("\ufeff")
            if "\ufffd" in body:
                yield Line(number, None, problem=f"is not {encoding.upper()}: say --encoding, such as utf-8")
            else:
                yield Line(number, body, end)
