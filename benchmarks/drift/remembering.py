"""Resident memory of *profile*'s logic over many predictions and their labels: said on stdout, in MB, as it goes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil

from benchmarks.drift.events import MODEL, ROLES, encoded
from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.batch import Batch
from tidemill_drift.profiling import Profiling

CHUNK = 5_000
APPENDED = 2**50
LOOKS = 20


def run(folder: str, predictions: str) -> None:
    """Fold so many predictions of one partition, with their events and labels, as the service does."""
    specs = load_models(Path(folder) / "models")
    schemas = SchemaCatalog.load(Path(folder) / "schemas", specs)
    topics, codec = TopicCatalog.load(Path(folder) / "schemas"), Codec(schemas)
    profiling = Profiling(specs.values(), topics, schemas, codec)
    at, profiles, total = dict.fromkeys(ROLES, 0), 0, int(predictions)
    for first in range(0, total, CHUNK):
        made = encoded(first, min(CHUNK, total - first), 0, codec, schemas)
        for role in ROLES:
            values = made.values[role]
            count = len(values)
            offsets = [*range(at[role], at[role] + count)]
            at[role] += count
            unkeyed = [None] * count
            topic = topics.name(role, MODEL)  # type: ignore[arg-type]
            batch = Batch(topic, [0] * count, offsets, [APPENDED] * count, unkeyed, values, unkeyed)  # type: ignore[arg-type]
            profiles += len(profiling.fold(batch))
        profiling.places()
        if (first + CHUNK) * LOOKS // total > first * LOOKS // total:
            rss = psutil.Process().memory_info().rss / 2**20
            print(json.dumps({"predictions": first + CHUNK, "MB": rss, "profiles": profiles}), flush=True)


if __name__ == "__main__":
    run(*sys.argv[1:])
