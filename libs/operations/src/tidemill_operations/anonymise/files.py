"""The files of a copy, as `tidemill push` takes them, and the one that says that it is whole: it is written last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tidemill_operations.backup.places import below, files_below, write
from tidemill_operations.errors import NotPossible, WrongUse

Form = Literal["parquet", "jsonl"]
WHOLE = "copy.json"
ROWS_AT_A_TIME = 10_000


class Target:
    """Where a copy goes: a folder, or a URL of any store that fsspec knows."""

    def __init__(self, url: str, form: Form) -> None:
        self.url = (url if "://" in url else str(Path(url).absolute())).rstrip("/")
        self.form = form

    @property
    def names(self) -> tuple[str, str]:
        """Of the files of events and of labels."""
        return f"events.{self.form}", f"labels.{self.form}"

    def must_be_free(self) -> None:
        """Raises WrongUse where anything is there, NotPossible where the store is away."""
        there = files_below(self.url)
        if WHOLE in there:
            raise WrongUse(f"there is a copy at {self.url} already: name another place, or remove it", "--to")
        if there:
            some = ", ".join(sorted(there)[:3])
            raise WrongUse(
                f"{self.url} is not empty ({some}): a copy that was broken off has no {WHOLE}; remove it, or name "
                "another place",
                "--to",
            )

    def write(self, events: pa.Table, labels: pa.Table, facts: dict[str, Any]) -> None:
        """The rows, then what tells that they are all there. Raises NotPossible."""
        made = []
        for name, table in zip(self.names, (events, labels), strict=True):
            data = self.bytes_of(name, table)
            self._put(name, data)
            made.append({
                "name": name, "rows": table.num_rows, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
            })  # fmt: skip
        self._put(WHOLE, json.dumps(facts | {"files": made}, indent=2, ensure_ascii=False).encode() + b"\n")

    def _put(self, name: str, data: bytes) -> None:
        write(below(self.url, name), data)

    def bytes_of(self, name: str, table: pa.Table) -> bytes:
        """A file of this name. Raises NotPossible for what its form has no word for."""
        if self.form == "jsonl":
            return b"".join(_lines(name, table))
        out = pa.BufferOutputStream()
        pq.write_table(table.replace_schema_metadata(None), out, compression="zstd")
        return bytes(out.getvalue().to_pybytes())


def _lines(name: str, table: pa.Table) -> Iterator[bytes]:
    """One object a line. Raises NotPossible for what JSON has no word for: it would be null without a word."""
    import base64

    for field in table.schema:
        if not pa.types.is_floating(field.type):
            continue
        if not pc.all(pc.is_finite(table.column(field.name)), min_count=0).as_py():
            raise NotPossible(f"{name}: {field.name} has NaN or infinite values, which JSON cannot write: say parquet")
    blobs = [field.name for field in table.schema if pa.types.is_binary(field.type)]
    for batch in table.to_batches(ROWS_AT_A_TIME):
        for row in batch.to_pylist():
            for blob in blobs:
                row[blob] = None if row[blob] is None else base64.b64encode(row[blob]).decode()
            yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
