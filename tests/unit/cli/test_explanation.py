"""An explanation as a person reads it, and as JSON: nothing that is copied is cut, and what is not recorded is said."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.unit.core.artifact.models import manifest
from tidemill.artifact import Lineage
from tidemill_cli.rendering.explain.explanation import as_dict, lines
from tidemill_operations.explain.contributions import Contributions
from tidemill_operations.explain.explanation import Again, Bytes, Explanation

HASH = "ab" * 32
LINEAGE = Lineage(cause="drift", parent=3, content="cd" * 32, rows=1_200, cut_off=5, recipe={"seed": 7})
RANGE = {"topic": "toy-clean", "partition": 0, "first": 3, "last": 90}
FOUND = Explanation(
    model="toy",
    prediction={
        "prediction_id": "p1", "event_id": "e1", "source": "stream", "predicted_at": 0, "version": 4, "epoch": 6,
        "arm": "champion",
    },
    bytes=(Bytes("clean", "toy-clean/0/7", 31, HASH, "toy, as it is now, fingerprint 0011"),),
    traces=("ff" * 16,),
    manifest=manifest(
        version=4, files={"model.onnx": "ef" * 32}, lineage=LINEAGE, window="rows since the change",
        change_point={"event_time": 0},
        data_set={"table_uri": "file:///t", "table_version": 9, "offsets": [RANGE]},
    ),
    manifest_digest=HASH,
    artifact_uri="file:///a/4",
    features={"distance": 2.5, "carrier": "", "wind": None},
    again=Again({"value": 0.1}, {"value": 0.1}, equal=True, apart=0.0),
    contributions=Contributions(
        method="linear", towards="", unit="value", base=1.0, raw=-1.0,
        by_input={"distance": 0.5, "carrier": -2.5, "wind": 0.0},
    ),
    untold="",
)  # fmt: skip


def test_hashes_places_and_ids_stand_in_full_and_the_largest_share_comes_first() -> None:
    said = lines(FOUND)
    text = "\n".join(said)
    for part in (HASH, "cd" * 32, "ef" * 32, "ff" * 16, "toy-clean/0/7", "toy-clean/0/3-90", "version 3", "seed 7"):
        assert part in text
    assert "raw        not there any more" in text and "the same to the last bit" in text
    shares = [line.split() for line in said if line.startswith("  ") and line.split()[-1][0] in "+-"]
    assert [(one[0], one[-1]) for one in shares] == [
        ("base", "+1.000000"), ("carrier", "-2.500000"), ("distance", "+0.500000"), ("wind", "+0.000000"),
        ("raw", "-1.000000"),
    ]  # fmt: skip
    assert any(line.split()[:2] == ["wind", "missing"] for line in said)


def test_who_asked_over_rest_is_told() -> None:
    asked = replace(FOUND, prediction=FOUND.prediction | {"source": "rest", "caller": "key:3f2a9c01d4e7"})
    assert "  asked by  key:3f2a9c01d4e7" in lines(asked)
    assert as_dict(asked)["prediction"]["caller"] == "key:3f2a9c01d4e7"
    assert not any("asked by" in line for line in lines(FOUND))


def test_what_is_not_recorded_and_what_is_not_told_is_said() -> None:
    old = replace(FOUND, manifest=replace(FOUND.manifest, lineage=None), contributions=None, untold="it is a Loop")
    text = "\n".join(lines(old))
    assert text.count("not recorded") >= 3 and "contributions are not told: it is a Loop" in text
    assert json.loads(json.dumps(as_dict(old)))["version"]["lineage"] is None


def test_rounding_and_another_answer_are_told_apart() -> None:
    near = replace(FOUND, again=Again({"value": 0.1}, {"value": 0.1 + 1e-16}, equal=False, apart=1e-16))
    far = replace(FOUND, again=Again({"value": 0.1}, {"value": 0.2}, equal=False, apart=0.1))
    assert near.again.holds and "which is rounding" in "\n".join(lines(near))
    assert not far.again.holds and "differs by 0.1" in "\n".join(lines(far)) and "rounding" not in "\n".join(lines(far))
