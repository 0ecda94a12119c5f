"""The codec alone: a batch of framed 15-field records to columns and back, one core, beside fastavro."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastavro import schemaless_reader, schemaless_writer

from benchmarks.events import MODEL, payments
from benchmarks.harness.result import Goal, Result, rotated
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import contract
from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog

BOUND = 500_000
LEAST_S = 1.0
FASTAVRO_ROWS = 2_000
HEADER = 10


def decode(sizes: Sizes) -> Result:
    """Checked: cut-short records, left-over bytes and text that is not UTF-8 would be found."""
    codec, schema = _codec()
    values = codec.encode(payments(sizes.batch_rows), schema)
    few = values[: min(FASTAVRO_ROWS, sizes.batch_rows)]
    work: dict[str, tuple[int, Callable[[], Any]]] = {
        "ours": (len(values), lambda: codec.decode(values, schema)),
        "fastavro": (
            len(few),
            lambda: [schemaless_reader(io.BytesIO(value[HEADER:]), schema.parsed, None) for value in few],
        ),
    }
    return _bench("decode", sizes, work)


def encode(sizes: Sizes) -> Result:
    """Columns to framed records, byte for byte as fastavro writes them."""
    codec, schema = _codec()
    rows = payments(sizes.batch_rows)
    few = rows.slice(0, FASTAVRO_ROWS).to_pylist()
    work: dict[str, tuple[int, Callable[[], Any]]] = {
        "ours": (rows.num_rows, lambda: codec.encode(rows, schema)),
        "fastavro": (len(few), lambda: [_one(schema, row) for row in few]),
    }
    return _bench("encode", sizes, work)


def _codec() -> tuple[Codec, Schema]:
    with tempfile.TemporaryDirectory() as folder:
        contract(Path(folder), 1)
        schemas = SchemaCatalog.load(Path(folder) / "schemas", load_models(Path(folder) / "models"))
    return Codec(schemas), schemas.record(MODEL)


def _one(schema: Schema, row: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    schemaless_writer(stream, schema.parsed, row)
    return stream.getvalue()


def _bench(name: str, sizes: Sizes, work: dict[str, tuple[int, Callable[[], Any]]]) -> Result:
    runs = [
        {who: _rate(*work[who], LEAST_S if sizes.runs > 1 else 0.0) for who in rotated(list(work), number)}
        for number in range(sizes.runs)
    ]
    result = Result.of_runs(name, "records/s a core", runs)
    result.goals = [Goal("records/s", result.ours, BOUND)]
    return result


def _rate(size: int, call: Callable[[], Any], least_s: float) -> float:
    """Records a second of processor time: another process on the core does not count."""
    call()
    rounds, started = 0, time.process_time()
    while not rounds or time.process_time() - started < least_s:
        call()
        rounds += 1
    return rounds * size / max(1e-9, time.process_time() - started)
