"""What a manifest says, and what readers of before and after make of it."""

from __future__ import annotations

import json

from tests.unit.core.artifact.models import manifest
from tidemill.artifact import Lineage, Manifest


def test_lineage_survives_the_bytes() -> None:
    lineage = Lineage(
        cause="drift", parent=3, content="ab" * 32, rows=12, cut_off=5, since=7, known_by=9, topic_ids={"t": "id"},
        trials=4, tried_windows=True, recipe={"seed": 7, "features": [{"name": "x"}]}, environment={"python": "3.11.2"},
    )  # fmt: skip
    made = manifest(lineage=lineage)
    assert Manifest.from_bytes(made.to_bytes()) == made


def test_a_manifest_of_before_lineage_was_recorded_is_read_and_says_so() -> None:
    old = json.loads(manifest().to_bytes())
    del old["lineage"]
    assert Manifest.from_bytes(json.dumps(old).encode()).lineage is None


def test_what_a_later_release_adds_is_left_out_by_a_reader_of_today() -> None:
    later = json.loads(manifest(lineage=Lineage(cause="manual")).to_bytes())
    later["mood"] = later["lineage"]["mood"] = "good"
    found = Manifest.from_bytes(json.dumps(later).encode())
    assert found.lineage == Lineage(cause="manual") and not found.lineage.trained_here
