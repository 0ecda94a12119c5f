"""The manifest: what an artifact is, and the SHA-256 of each of its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from tidemill.artifact.errors import ArtifactError, Reason
from tidemill.artifact.lineage import Lineage, MixtureMember, check_mixture
from tidemill.artifact.outputs import ONE_HALF
from tidemill.rows.features import FeatureLike, input_kinds

MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.onnx"
REFERENCE_FILE = "reference.json"
GOLDEN_FILE = "golden.json"

Task = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True, slots=True)
class FeatureColumn:
    """One feature as the graph was trained on it: a column of the record and how it becomes inputs.

    It is kept with the graph because the model file may have moved on while an older version still serves.
    """

    name: str
    kind: Literal["category", "number", "time"]
    parts: tuple[str, ...] = ()
    zone: str | None = None


def feature_columns(features: Iterable[FeatureLike]) -> tuple[FeatureColumn, ...]:
    """The features of a model file as a manifest keeps them."""
    return tuple(FeatureColumn(f.name, f.kind, tuple(f.parts), f.zone) for f in features)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an artifact is. Equal manifests have equal bytes (canonical JSON), so the digest names the content.

    model, version: as in ModelVersion. task: decides the shape of a score. output: the graph's output that holds the
    scores: probabilities [n, C] in the order of `classes`, or the value [n, 1] or [n] of a regression. classes: the
    class names as text, empty for a regression. positive_class: the one of `classes` whose probability a binary model
    answers, else None. features: see FeatureColumn; the graph's inputs follow from them. run_id is ours, tracking_run
    MLflow's. data_set: the DataSet of the ModelRef as a plain dict; window: which of its rows were learned from;
    change_point: since when they tell of one world (event_time in ms, earliest, latest, before, after, offsets), None
    where no change is known. threshold: from which probability on a binary model says true, None for one half.
    class_weights: class -> what a row of it counted when it was learned from, empty where all counted alike.
    created_at: ms since the epoch. files: name -> SHA-256 hex, filled in by `write_artifact`. git_sha: the code that
    made it, a commit or a package with its version. libraries: the versions that made the graph. lineage: what else it
    follows from; None in manifests of before it was recorded. mixture: the versions whose weighted scores are its own,
    heaviest first; None for a version of one learner.
    """

    model: str
    version: int
    task: Task
    output: str
    features: tuple[FeatureColumn, ...]
    classes: tuple[str, ...] = ()
    positive_class: str | None = None
    run_id: str = ""
    tracking_run: str = ""
    data_set: dict[str, Any] = field(default_factory=dict)
    window: str = ""
    change_point: dict[str, Any] | None = None
    threshold: float | None = None
    class_weights: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    created_at: int = 0
    git_sha: str = ""
    libraries: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    lineage: Lineage | None = None
    mixture: tuple[MixtureMember, ...] | None = None
    format: Literal[1] = 1

    def __post_init__(self) -> None:
        if self.task == "binary" and (len(self.classes) != 2 or self.positive_class not in self.classes):
            raise ValueError("a binary model has two classes, one of them positive")
        if self.task == "multiclass" and len(self.classes) < 2:
            raise ValueError("a multiclass model has two classes or more")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class stands twice")
        if len(input_kinds(self.features)) == 0:
            raise ValueError("a model needs a feature")
        if self.threshold is not None and (self.task != "binary" or not 0.0 <= self.threshold <= 1.0):
            raise ValueError("a threshold belongs to a binary model and lies between 0 and 1")
        if self.mixture is not None:
            check_mixture(self.shares, self.version)

    @property
    def decides_at(self) -> float:
        """From which probability on a binary model says true."""
        return ONE_HALF if self.threshold is None else self.threshold

    @property
    def shares(self) -> tuple[tuple[int, float], ...]:
        """Version and weight of each member of a mixture; nothing for a version of one learner."""
        return tuple((one.version, one.weight) for one in self.mixture or ())

    @property
    def inputs(self) -> Mapping[str, str]:
        """The graph's inputs, name -> `category` (tensor(string)) or `number` (tensor(double), or tensor(float)), each
        of shape [n, 1].
        """
        return input_kinds(self.features)

    def to_bytes(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, UTF-8. Raises ValueError for a NaN among the metrics."""
        document = _adapter().dump_python(self, mode="json")
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read a manifest. Raises ArtifactError that names what is wrong."""
        try:
            return _adapter().validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ArtifactError(f"manifest: {where or 'document'}: {first['msg']}", Reason.MANIFEST) from error


def sha256(data: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


@cache
def _adapter() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)
