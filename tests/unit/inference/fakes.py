"""What unit tests put in the place of models, topics and brokers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.support.models.toy_models import toy_manifest
from tidemill.artifact import Manifest
from tidemill.codec import Codec
from tidemill.codec.layout import layout_of
from tidemill.contracts.events.platform import DataSet, ModelRef, ModelVersion
from tidemill.contracts.model_file import PrivacyRule, load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill_inference.rest.dataplane import ModelEndpoint
from tidemill_inference.rest.request_checks import RecordRules
from tidemill_inference.serving.serving import Predictor, Serving
from tidemill_inference.stream.process import Route

MODEL = "flight-delay"
FEATURE = "distance"
ROOT = Path(__file__).resolve().parents[3]
NOW_MS = 1_700_000_000_000
PRIVACY_KEY = b"0123456789abcdef"

SPECS = load_models(ROOT / "models", only=[MODEL])
SCHEMAS = SchemaCatalog.load(ROOT / "schemas", SPECS)
TOPICS = TopicCatalog.load(ROOT / "schemas", "unit-")
ROUTE = Route(
    model=MODEL,
    predictions_topic=TOPICS.name("predictions", MODEL),
    record=SCHEMAS.record(MODEL),
    prediction=SCHEMAS.prediction(MODEL),
    event_id="event_id",
    event_time="scheduled_at",
)


class ToyModel:
    """Answers distance / 1000 times its version, capped to a probability."""

    def __init__(self, version: int, manifest: Manifest | None = None) -> None:
        self._manifest = manifest or toy_manifest(MODEL, version, FEATURE)
        self.version = version
        self.gains_by_batches = True

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    def score(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.clip(inputs[FEATURE].ravel().astype(np.float64) / 1_000 * self.version, None, 1.0)


def event(epoch: int, version: int | None = None, model: str = MODEL) -> ModelVersion:
    """An event of model-versions; version = epoch if nothing else is said."""
    number = epoch if version is None else version
    reference = ModelRef(
        version=number,
        artifact_uri=f"memory://{model}/{number}",
        manifest_digest="0" * 64,
        run_id=f"run{number}",
        tracking_run="",
        data_set=DataSet(table_uri="", table_version=0, offsets=()),
    )
    return ModelVersion(
        model=model,
        epoch=epoch,
        mode="direct",
        champion=reference,
        challenger_share=0.0,
        start_offsets=(0, 0),
        published_at=NOW_MS,
    )


def warm_predictor(version: int = 1) -> Predictor:
    """A predictor that serves ToyModel(version)."""
    predictor = Predictor(MODEL)
    predictor.switch(Serving(event(version), ToyModel(version), NOW_MS - 250), NOW_MS, live=True)
    return predictor


def codec() -> Codec:
    """A codec over the repository's schemas."""
    return Codec(SCHEMAS)


def clean_values(distances: list[float | None]) -> list[bytes]:
    """Clean records `e0`, `e1`, … with these distances."""
    rows = pa.record_batch(
        {
            "event_id": [f"e{n}" for n in range(len(distances))],
            "scheduled_at": pa.array([NOW_MS + n for n in range(len(distances))], pa.timestamp("ms", tz="UTC")),
            FEATURE: pa.array(distances, pa.float64()),
        }
    )
    return codec().encode(rows, ROUTE.record)


def endpoint(
    predictor: Predictor, *, checked: bool = False, privacy: Mapping[str, PrivacyRule] | None = None
) -> ModelEndpoint:
    """The flight model's endpoint over `predictor`; only if `checked` with what the model file expects."""
    layout = layout_of(ROUTE.record.json)
    assert layout is not None
    spec = SPECS[MODEL] if checked else replace(SPECS[MODEL], expectations=())
    rules = RecordRules(replace(spec, privacy=privacy or {}), ROUTE.record, privacy_key=PRIVACY_KEY)
    return ModelEndpoint(spec, ROUTE.record, layout.arrow, predictor, lambda: NOW_MS, rules)
