"""A changed record schema leaves what is in flight readable: old bytes are read under the new schema."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.contract.contract import SCHEMAS, catalog, example, models
from tidemill.codec.codec import Codec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.schemas.history import check_history, record_history
from tidemill.json.rows import from_json

MODEL = "flight-delay"
NEW_FIELD: dict[str, Any] = {"name": "aircraft_type", "type": ["null", "string"], "default": None}


def changed(folder: Path) -> SchemaCatalog:
    """The contract with a field more, one wider and one less in the record of flights."""
    shutil.copytree(SCHEMAS, folder / "schemas")
    path = folder / "schemas" / "models" / "flight-delay.avsc"
    record = json.loads(path.read_text())
    record["fields"] = [field for field in record["fields"] if field["name"] != "wind_gust"]
    next(field for field in record["fields"] if field["name"] == "flight")["type"] = ["null", "long"]
    record["fields"].insert(3, NEW_FIELD)
    path.write_text(json.dumps(record))
    spec = models()[MODEL]  # the feature goes with its field
    kept = tuple(feature for feature in spec.features if feature.name != "wind_gust")
    record_history(folder / "schemas", {MODEL: replace(spec, features=kept)})
    return SchemaCatalog.load(folder / "schemas", {MODEL: replace(spec, features=kept)})


def test_old_records_are_read_under_the_new_schema_alone_and_among_new_ones(tmp_path: Path) -> None:
    old, new = catalog(), changed(tmp_path)
    datum = from_json(example(MODEL, "valid"), old.record(MODEL))
    old_bytes = Codec(old).encode_one(datum, old.record(MODEL))
    codec = Codec(new)
    new_datum = {key: value for key, value in datum.items() if key != "wind_gust"} | {"aircraft_type": "A320"}
    new_bytes = codec.encode_one(new_datum, new.record(MODEL))
    assert old_bytes[:10] != new_bytes[:10]

    assert codec.decode_one(old_bytes, new.record(MODEL)) == new_datum | {"aircraft_type": None}
    decoded = codec.decode([old_bytes, new_bytes, old_bytes], new.record(MODEL))
    assert decoded.bad == []
    assert decoded.rows.column("aircraft_type").to_pylist() == [None, "A320", None]
    assert decoded.rows.column("flight").to_pylist() == [1545, 1545, 1545]


def test_the_change_is_one_that_the_history_allows(tmp_path: Path) -> None:
    changed(tmp_path)
    assert check_history(tmp_path / "schemas", {MODEL: models()[MODEL]}) == []
    stored = list((tmp_path / "schemas" / "models" / "history" / MODEL).glob("*.avsc"))
    assert len(stored) == len(list((SCHEMAS / "models" / "history" / MODEL).glob("*.avsc"))) + 1
