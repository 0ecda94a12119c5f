"""Arrow IPC streams as bodies: rows in, predictions out, both in columns."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pyarrow as pa

from tidemill.artifact.outputs import output_columns
from tidemill.rows.arrow_messages import check_messages
from tidemill_inference.rest.arrow_cast import check_columns
from tidemill_inference.rest.arrow_sizes import decoded_bytes
from tidemill_inference.rest.body import check_number
from tidemill_inference.rest.dataplane import Answered, InvalidInstances
from tidemill_inference.rest.problems import Problem

ARROW = "application/vnd.apache.arrow.stream"


def read_rows(body: bytes, most: int, columns: pa.Schema, most_bytes: int) -> pa.RecordBatch:
    """The rows of a stream, in one batch. `columns`: the fields of the record; `most_bytes`: of the rows when nothing
    in them is encoded any more, which is found out before anything is decoded.

    Raises Problem 400 for what is not such a stream, or has compressed buffers (a small body could fill the memory
    with them: send it gzipped), 413 for rows that are too large, 422 for more than `most` rows or none;
    InvalidInstances for columns that the record does not have or of a type that no column of it can be made of.
    """
    try:
        check_messages(body)
        with pa.ipc.open_stream(body) as reader:
            check_columns(reader.schema, columns)
            table = pa.Table.from_batches(list(_batches(reader, most, most_bytes)), reader.schema).combine_chunks()
    except InvalidInstances:
        raise
    except (pa.ArrowException, OSError, struct.error, IndexError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Problem(400, "malformed_arrow", f"the body is no Arrow stream: {reason}") from error
    if not table.num_rows:
        raise Problem(422, "invalid_body", "the stream has no rows")
    return table.to_batches()[0]


def _batches(reader: pa.RecordBatchStreamReader, most: int, most_bytes: int) -> Iterator[pa.RecordBatch]:
    """The batches, each measured before it is looked at value by value."""
    rows = size = 0
    for batch in reader:
        rows += batch.num_rows
        check_number(rows, most)
        batch.validate()
        size += decoded_bytes(batch)
        if size > most_bytes:
            message = f"the rows may have at most {most_bytes} bytes when dictionaries and views are written out"
            raise Problem(413, "body_too_large", f"{message}: send fewer at once")
        batch.validate(full=True)
        yield batch


def write_answers(answered: Answered) -> bytes:
    """Predictions as a stream: prediction_id, event_id, version, epoch, then the typed output as on the predictions
    topic; the model's name is in the schema's metadata.
    """
    serving = answered.predictions.serving
    n = len(answered)
    columns = {
        "prediction_id": pa.array(answered.prediction_ids, pa.string()),
        "event_id": pa.array(answered.event_ids, pa.string()),
        "version": pa.array(answered.predictions.versions, pa.int32()),
        "epoch": pa.repeat(pa.scalar(serving.epoch, pa.int64()), n),
        **output_columns(
            serving.model.manifest.task, answered.predictions.scores, serving.classes,
            threshold=answered.predictions.threshold,
        ),
    }  # fmt: skip
    rows = pa.record_batch(columns).replace_schema_metadata({"model": serving.event.model})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return bytes(sink.getvalue().to_pybytes())
