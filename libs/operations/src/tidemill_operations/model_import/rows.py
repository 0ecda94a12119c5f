"""The rows by which an import is checked: a sample, and golden rows with what the model must say of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tidemill.artifact import ArtifactError, Golden, OnnxModel, check_golden
from tidemill.rows.features import feature_inputs

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.platform import PlatformView

SAMPLE_ROWS = 5_000
GOLDEN_ROWS = 200
EXPECTED = "expected"


def sample_of_file(platform: PlatformView, spec: ModelSpec, file: Path) -> tuple[pa.RecordBatch, pa.Table]:
    """Rows of a file as the stream would have them, and the file's own columns of the same rows. Raises ValueError
    where a row is no record of the model.
    """
    import polars as pl

    from tidemill.rows.field_rules import FieldRules
    from tidemill_operations.predict.files import batch_of
    from tidemill_operations.push.checkpoint import file_digest
    from tidemill_operations.push.files.reading import read_chunks
    from tidemill_operations.push.naming import roles_of
    from tidemill_operations.push.records import RecordMaker, RowOptions, TimeLine

    chunk = next(iter(read_chunks(file, SAMPLE_ROWS)), None)
    if chunk is None:
        raise ValueError(f"{file.name} has no rows")
    roles = roles_of(spec, platform.schemas, labels=False)
    times = TimeLine.parse("2000-01-01T00:00:00Z/1s")  # for a file that says none
    options = RowOptions(times=times, make_ids=True)
    maker = RecordMaker(platform.codec, platform.schemas.record(spec.name), roles, file_digest(file), options)
    if missing := maker.missing_fields(chunk.frame.columns):
        raise ValueError(f"{file.name} has no column for {', '.join(missing)}")
    frame, lines, errors = maker.records(chunk, 0)
    if errors:
        raise ValueError(f"{file.name}, line {errors[0].line}: {errors[0].field or 'row'}: {errors[0].reason}")
    rows, _ = FieldRules.normalising(spec.normalise).apply(batch_of(frame))
    own = chunk.frame.filter(pl.Series(chunk.lines).is_in(lines))
    return rows, pa.table({name: own[name].to_list() for name in own.columns if name.startswith(EXPECTED)})


def sample_of_topic(platform: PlatformView, spec: ModelSpec) -> pa.RecordBatch:
    """The newest records of the clean topic. Raises ValueError where there are none."""
    from tidemill.kafka.client.scan import bounds, scan

    clean = platform.topics.name("clean", spec.name)
    ends = bounds(platform.settings, clean)
    each = SAMPLE_ROWS // max(1, len(ends))
    start = {n: max(low, high - each) for n, (low, high) in ends.items()}
    values = [value for batch in scan(platform.settings, clean, start=start) for value in batch.values]
    rows = platform.codec.decode(values, platform.schemas.record(spec.name)).rows
    if not rows.num_rows:
        raise ValueError(f"{clean} has no records yet: give rows of the model with --sample FILE")
    return rows


def golden_rows(model: OnnxModel, rows: pa.RecordBatch, expected: pa.Table | None) -> Golden:
    """Golden rows: with what a file says that the model answered where it was trained, else with what it answers here.
    Raises ArtifactError where it gives no number, or another one than the file says.
    """
    inputs = feature_inputs(rows.slice(0, GOLDEN_ROWS), model.manifest.features)
    found = model.score(inputs)
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found.reshape(len(found), -1)).all(axis=1))[0])
        raise ArtifactError(
            f"the model gives no number for row {row + 1} of the sample: has the graph something for missing values? "
            "(Inputs of whole numbers have none, and none for fractions: export it with float inputs, or fill in there)"
        )
    if expected is None:
        return Golden(inputs, found)
    golden = Golden(inputs, _expected(expected.slice(0, GOLDEN_ROWS), model))
    try:
        check_golden(model, golden)
    except ArtifactError as error:
        raise ArtifactError(f"{error}{_hint(model, golden, found)}", error.reason) from error
    return golden


def _hint(model: OnnxModel, golden: Golden, found: np.ndarray[Any, Any]) -> str:
    """Where the golden rows are those of the other class, that is what is said."""
    manifest = model.manifest
    if manifest.task != "binary" or not np.allclose(1 - found, golden.scores, rtol=1e-3, atol=1e-4):
        return ""
    return f". They fit the other class: say --classes {','.join(reversed(manifest.classes))}"


def _expected(table: pa.Table, model: OnnxModel) -> np.ndarray[Any, Any]:
    classes = model.manifest.classes if model.manifest.task == "multiclass" else ()
    names = [f"{EXPECTED}_{name}" for name in classes] or [EXPECTED]
    if missing := [name for name in names if name not in table.column_names]:
        raise ArtifactError(f"the golden rows have no column {', '.join(missing)}")
    try:
        columns = [np.array([float(value) for value in table.column(name).to_pylist()]) for name in names]
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"what the golden rows expect is not a number: {error}") from error
    return np.stack(columns, axis=1) if classes else columns[0]
