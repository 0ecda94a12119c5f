"""A model from elsewhere on its way to become a version: an artifact without reference, put down for the trainer.

`<artifacts>/<model>/import-<id>/` holds model.onnx, golden.json, rows in sample.arrow and a manifest of version 0. A
request to retrain whose first evidence is of the detector `import` names the place and the manifest's digest.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tidemill.artifact.errors import ArtifactError
from tidemill.contracts.events.platform import Evidence
from tidemill.rows.arrow_messages import check_messages
from tidemill.stores import absolute, join

IMPORT_DETECTOR = "import"
SAMPLE_FILE = "sample.arrow"


@dataclass(frozen=True, slots=True)
class Staged:
    """Where a staged artifact lies, and the digest of its manifest."""

    uri: str
    digest: str


def staging_uri(root: str, model: str, import_id: str) -> str:
    """Where an import is put down, whoever asks."""
    return join(absolute(root), model, f"import-{import_id}")


def is_staging(uri: str, root: str, model: str) -> bool:
    """Whether a URI is a place for imports of a model below `root`, and nothing that climbs out of it."""
    start = staging_uri(root, model, "")
    return uri.startswith(start) and "/" not in uri.removeprefix(start)


def staged_in(evidence: Sequence[Evidence]) -> Staged | None:
    """What a request asks to import; None where it asks for a training."""
    if not evidence or evidence[0].detector != IMPORT_DETECTOR:
        return None
    return Staged(evidence[0].subject, evidence[0].detail)


def write_sample(rows: pa.RecordBatch) -> bytes:
    """Rows as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return bytes(sink.getvalue().to_pybytes())


def read_sample(data: bytes) -> pa.Table:
    """The rows. Raises ArtifactError for other bytes, and for rows that are packed: `write_sample` packs none, and a
    small file could fill the memory with them.
    """
    try:
        check_messages(data)
        with pa.ipc.open_stream(data) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, struct.error, IndexError, ValueError) as error:
        raise ArtifactError(f"the sample cannot be read: {error}") from error
    return table
