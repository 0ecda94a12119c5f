"""What the demo reads back of labels."""

from __future__ import annotations

from pathlib import Path

from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.kafka.batch import Batch
from tidemill_flights.proof.readback import Readback


def test_of_corrected_labels_the_one_observed_last_is_known(root: Path) -> None:
    schemas = SchemaCatalog.load(root / "schemas", load_models(root / "models", ("flight-delay",)))
    codec, label = Codec(schemas), schemas.label("flight-delay")
    said = [("a", True, 5), ("b", False, 1), ("a", False, 9), ("a", True, 7), ("b", True, 1)]
    rows = [{"event_id": i, "label": v, "event_time": 0, "observed_at": at} for i, v, at in said]
    values = [codec.encode_one(row, label) for row in rows]
    size = len(values)
    batch = Batch("l", [0] * size, [*range(size)], [0] * size, [None] * size, values, [None] * size)
    readback = Readback(codec, schemas.record("flight-delay"), "event_id", label)
    assert len(readback.known_labels.values) == 0
    readback("labels", batch, None)
    known = readback.known_labels
    assert dict(zip(known.ids.to_pylist(), known.values.tolist(), strict=True)) == {"a": False, "b": False}
