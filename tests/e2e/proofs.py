"""`tidemill explain` and `tidemill models reproduce` on a running platform, and what must be true of what they say."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from tests.e2e.running import tidemill
from tidemill.kafka.client.scan import scan
from tidemill_embedded.platform import Platform
from tidemill_operations.platform import PlatformView


def proved(platform: Platform, *arguments: str) -> dict[str, Any]:
    """What a command says as JSON; fails the test unless it says that all agrees."""
    folder = Path(platform.settings["TIDEMILL_SCHEMAS"]).parent
    code, output = tidemill(folder, *arguments, "--json", settings=platform.settings, timeout_s=180)
    assert code == 0, output
    said: dict[str, Any] = json.loads(output[output.index("{") :])
    return said


def prediction_of(view: PlatformView, model: str, source: str, version: int) -> tuple[dict[str, Any], bytes] | None:
    """A prediction of that source by that version, and its bytes; None while there is none."""
    schema = view.schemas.for_topic("predictions", model)
    for batch in scan(view.settings, view.topics.name("predictions", model)):
        for value in batch.values:
            datum = view.codec.decode_one(value, schema)
            if value is not None and (datum["source"], datum["version"]) == (source, version):
                return datum, value
    return None


def is_explained(platform: Platform, view: PlatformView, model: str, source: str, version: int) -> None:
    """Bytes, lineage, the same answer to the last bit, and contributions that add up to it."""
    found = prediction_of(view, model, source, version)
    assert found is not None, f"there is no prediction of {model} version {version} from {source}"
    datum, value = found
    said = proved(platform, "explain", datum["prediction_id"])
    stages = {one["stage"]: one for one in said["bytes"]}
    assert list(stages) == (["raw", "clean", "prediction"] if source == "stream" else ["input", "prediction"])
    assert stages["prediction"]["sha256"] == hashlib.sha256(value).hexdigest()
    assert all("as it is now" in one["schema"] for one in said["bytes"])
    assert said["version"]["number"] == version and said["version"]["lineage"]["content"]
    assert said["version"]["lineage"]["parent"] == (version - 1 or None)
    again = said["scored_again"]
    assert again["equal"] and again["recorded"] == again["found"]
    assert again["found"] == {"probability": datum["probability"], "label": datum["label"]}
    told = said["contributions"]
    assert (told["towards"], told["unit"], set(told["by_input"])) == ("true", "log-odds", set(said["features"]))
    raw = told["base"] + sum(told["by_input"].values())
    assert abs(raw - told["raw"]) <= 1e-6 and abs(1 / (1 + math.exp(-raw)) - datum["probability"]) <= 1e-6


def is_reproduced(platform: Platform, model: str, version: int) -> dict[str, Any]:
    """The same rows, the same graph, the same reference; gives what is said."""
    said = proved(platform, "models", "reproduce", model, str(version))
    assert said["agrees"] and [one["what"] for one in said["compared"]] == ["data set", "model", "reference"]
    return said
