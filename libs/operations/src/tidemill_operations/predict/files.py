"""Scores the rows of a file: every row has a line in the output, with its prediction or with why it has none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from tidemill.rows.field_rules import FieldRules
from tidemill_expectations.columns import ColumnChecks
from tidemill_operations.predict.scoring import score

if TYPE_CHECKING:
    from tidemill_expectations import Expectation
    from tidemill_operations.predict.parts import Parts
    from tidemill_operations.predict.version import Version
    from tidemill_operations.push.files.reading import Chunk
    from tidemill_operations.push.records import RecordMaker

NO_NUMBER = "the model gives no number for these values"


class FilePredictor:
    """Scores chunks of a file as the stream would: normalised, checked, personal values hidden."""

    def __init__(
        self, maker: RecordMaker, version: Version, expectations: Sequence[Expectation], normalise: FieldRules,
        hide: FieldRules, event_id: str,
    ) -> None:  # fmt: skip
        self._maker = maker
        self._version = version
        self._expectations = [rule for rule in expectations if rule.severity == "critical"]
        self._normalise = normalise
        self._hide = hide
        self._event_id = event_id

    def score(self, chunk: Chunk, first_row: int) -> tuple[pl.DataFrame, int]:
        """`line`, `event_id`, `version`, the typed output, `error`; and how many rows have an error."""
        frame, lines, wrong = self._maker.records(chunk, first_row)
        errors: dict[int, list[str]] = defaultdict(list)
        for error in wrong:
            errors[error.line].append(f"{error.field}: {error.reason}" if error.field else error.reason)
        columns: dict[str, Any] = {}
        if len(frame):
            rows, _ = self._normalise.apply(batch_of(frame))
            self._check(rows, lines, errors)
            rows, _ = self._hide.apply(rows)
            columns = score(rows, self._version)
            self._note_unscored(columns, lines, errors)
        scored = pl.DataFrame({"line": lines, "event_id": frame[self._event_id].cast(pl.String)} | _series(columns))
        failed = pl.DataFrame(
            {"line": list(errors), "error": ["; ".join(reasons) for reasons in errors.values()]},
            schema={"line": pl.Int64, "error": pl.String},
        )
        made = scored.filter(~pl.col("line").is_in(list(errors))).with_columns(version=pl.lit(self._version.number))
        return _shaped(pl.concat([made, failed], how="diagonal").sort("line"), self._version), len(failed)

    def _check(self, rows: pa.RecordBatch, lines: list[int], errors: dict[int, list[str]]) -> None:
        checks = ColumnChecks(self._expectations, rows.schema)
        for rule, mask in zip(checks.expectations, checks.failures(rows), strict=True):
            if mask is None:
                continue
            failing = pl.DataFrame(pl.from_arrow(rows.select(rule.columns).filter(pa.array(mask))))
            for row, values in zip(np.flatnonzero(mask).tolist(), failing.iter_rows(named=True), strict=True):
                errors[lines[row]].append(rule.explain_row(values))

    @staticmethod
    def _note_unscored(columns: dict[str, pa.Array], lines: list[int], errors: dict[int, list[str]]) -> None:
        first = next(iter(columns.values()))
        for row in range(len(first)) if first.null_count else ():
            if not first[row].is_valid:
                errors[lines[row]].append(NO_NUMBER)


def score_file(
    chunks: Iterable[Chunk], predictor: FilePredictor, parts: Parts, advanced: Callable[[int], None]
) -> None:
    """Score what is not in whole parts yet. `advanced` is told the rows of the file that are done."""
    done = int(parts.next or 0)
    row = 0
    for chunk in chunks:
        row += chunk.rows
        if row <= done:
            continue
        frame, errors = predictor.score(chunk, row - chunk.rows)
        parts.add(frame, row, errors)
        advanced(row)


def batch_of(frame: pl.DataFrame) -> pa.RecordBatch:
    """A frame as one batch of plain Arrow types."""
    table = frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
    fields = [field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields)).to_batches()[0]


def _series(columns: dict[str, pa.Array]) -> dict[str, pl.Series]:
    return {name: pl.Series(name, column.to_pylist()) for name, column in columns.items()}


def _shaped(frame: pl.DataFrame, version: Version) -> pl.DataFrame:
    """The same columns and types in every part, whatever rows it has."""
    wanted: dict[str, Any] = {"line": pl.Int64, "event_id": pl.String, "version": pl.Int64}
    manifest = version.manifest
    if manifest.task == "multiclass":
        wanted |= {"label": pl.String} | {f"p_{name}": pl.Float64 for name in manifest.classes}
    elif manifest.task == "binary":
        wanted |= {"probability": pl.Float64, "label": pl.Boolean}
    else:
        wanted["value"] = pl.Float64
    wanted["error"] = pl.String
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None).alias(name)).cast(kind)
        for name, kind in wanted.items()
    )
