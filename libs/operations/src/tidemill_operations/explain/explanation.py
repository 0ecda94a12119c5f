"""Puts together what can be said of one prediction: where it comes from, that it comes out again, and why it is so."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidemill.artifact import GOLDEN_FILE, MODEL_FILE, ArtifactError, ArtifactStore, Golden, Manifest, OnnxModel
from tidemill.artifact.manifest import sha256
from tidemill.artifact.outputs import LABEL, OUTPUTS, SCORES, output_row
from tidemill.rows.features import feature_inputs
from tidemill_operations.errors import NotPossible
from tidemill_operations.explain.contributions import Contributions, NotTold, contributions
from tidemill_operations.explain.mixture import MemberGraph, mixture_contributions
from tidemill_operations.explain.prediction import Predicted, find_prediction
from tidemill_operations.explain.written import writer_of
from tidemill_operations.platform import PlatformView
from tidemill_operations.predict.version import reference_of
from tidemill_operations.trace.lookup import Record

ROUNDING = 1e-9
"""Relative: rows that were scored together may be added up in another order than one row alone."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """One record on the way: `stage` is raw, clean, input (over REST) or prediction."""

    stage: str
    place: str
    size: int
    sha256: str
    schema: str


@dataclass(frozen=True, slots=True)
class Again:
    """What was answered and what comes out now. `equal`: to the last bit; `apart`: the largest difference, 0 then."""

    recorded: dict[str, Any]
    found: dict[str, Any]
    equal: bool
    apart: float

    @property
    def holds(self) -> bool:
        """Whether it is the same answer but for rounding."""
        return self.equal or self.apart <= ROUNDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`prediction`: the record's own fields but its input. `features`: the graph's inputs as the model saw them; a
    number that is missing is None. `contributions` is None where the graph's form does not allow them: `untold` says
    why. `manifest_digest`: of the version's manifest.
    """

    model: str
    prediction: dict[str, Any]
    bytes: tuple[Bytes, ...]
    traces: tuple[str, ...]
    manifest: Manifest
    manifest_digest: str
    artifact_uri: str
    features: dict[str, str | float | None]
    again: Again
    contributions: Contributions | None
    untold: str


def explain(platform: PlatformView, prediction_id: str, model: str | None = None) -> Explanation:
    """Raises WrongUse, NotPossible (see `find_prediction`; where the version cannot be had; where contributions do not
    add up).
    """
    found = find_prediction(platform, prediction_id, model)
    datum = found.record.datum or {}
    reference, _ = reference_of(platform, found.model, datum["version"])
    graph, golden, manifest = _artifact(platform, found.model, reference)
    row = _inputs(platform, found, manifest)
    told, untold, loaded = None, "", OnnxModel.load(graph, manifest)
    try:
        if manifest.mixture is None:
            told = contributions(graph, manifest, row, golden.inputs)
        else:
            told = mixture_contributions(loaded, _members(platform, manifest), row, golden.inputs)
    except NotTold as error:
        untold = str(error)
    return Explanation(
        model=found.model, prediction={name: value for name, value in datum.items() if name != "input"},
        bytes=tuple(_bytes(platform, found)), traces=tuple(found.traces), manifest=manifest,
        manifest_digest=reference["manifest_digest"], artifact_uri=reference["artifact_uri"],
        features={name: _plain(values) for name, values in row.items()},
        again=_again(loaded, row, datum), contributions=told, untold=untold,
    )  # fmt: skip


def _artifact(platform: PlatformView, model: str, reference: dict[str, Any]) -> tuple[bytes, Golden, Manifest]:
    try:
        store = ArtifactStore.of(platform.settings)
        files = (MODEL_FILE, GOLDEN_FILE)
        artifact = store.fetch(model, reference["artifact_uri"], reference["manifest_digest"], only=files)
        golden = Golden.from_bytes(artifact.files[GOLDEN_FILE], artifact.manifest)
    except ArtifactError as error:
        raise NotPossible(f"version {reference['version']} of {model} is not fit to be used: {error}") from None
    except OSError as error:
        raise NotPossible(f"the artifact store does not answer: {error}") from None
    return artifact.files[MODEL_FILE], golden, artifact.manifest


def _members(platform: PlatformView, manifest: Manifest) -> list[MemberGraph]:
    """Raises NotTold where an artifact is not there any more, or is not what the mixture was made of."""
    store, found = ArtifactStore.of(platform.settings), []
    for one in manifest.mixture or ():
        try:
            member = store.fetch_member(manifest.model, one, (MODEL_FILE,))
        except ArtifactError as error:
            raise NotTold(f"its member version {one.version} cannot be read: {error}") from None
        except OSError as error:
            raise NotPossible(f"the artifact store does not answer: {error}") from None
        found.append(MemberGraph(member.files[MODEL_FILE], member.manifest, one.weight))
    return found


def _inputs(platform: PlatformView, found: Predicted, manifest: Manifest) -> dict[str, NDArray[Any]]:
    decoded = platform.codec.decode([found.input], platform.schemas.record(found.model))
    if decoded.bad:
        raise NotPossible(f"the record that it was made from cannot be read: {decoded.bad[0].message}")
    try:
        return feature_inputs(pa.Table.from_batches([decoded.rows]), manifest.features)
    except KeyError as error:
        raise NotPossible(
            f"{error.args[0]} any more: check out the schemas of the version's code revision "
            f"({manifest.git_sha or 'not recorded'}), and try again there"
        ) from None


def _bytes(platform: PlatformView, found: Predicted) -> list[Bytes]:
    record, own = platform.schemas.record(found.model), platform.schemas.prediction(found.model)
    told = [_one(platform, stage, one, record) for stage, one in (("raw", found.raw), ("clean", found.clean)) if one]
    if found.clean is None:
        schema = writer_of(found.input, platform.schemas, record)
        told.append(Bytes("input", found.record.place, len(found.input), sha256(found.input), schema))
    return [*told, _one(platform, "prediction", found.record, own)]


def _one(platform: PlatformView, stage: str, record: Record, current: Any) -> Bytes:
    value = record.value or b""
    schema = writer_of(value, platform.schemas, current)
    return Bytes(stage, record.place, len(value), sha256(value), schema)


def _again(model: OnnxModel, row: dict[str, NDArray[Any]], datum: dict[str, Any]) -> Again:
    """Labels of a binary model are compared where the record has one: those of before had none."""
    manifest = model.manifest
    found = output_row(manifest.task, model.score(row)[0], manifest.classes, manifest.decides_at)
    recorded = {name: datum[name] for name in OUTPUTS[manifest.task] if datum.get(name) is not None}
    pairs = list(zip(_numbers(recorded), _numbers(found), strict=True))
    equal = all(struct.pack("<d", one) == struct.pack("<d", other) for one, other in pairs)
    apart = max((abs(one - other) / max(1.0, abs(one)) for one, other in pairs), default=0.0)
    same_class = recorded.get(LABEL, found.get(LABEL)) == found.get(LABEL)
    return Again(recorded, found, equal and same_class, apart if same_class else math.inf)


def _numbers(outputs: dict[str, Any]) -> list[float]:
    """All scores of an answer; of classes in the order of their names."""
    scores = next(outputs[name] for name in SCORES.values() if name in outputs)
    return [float(scores[name]) for name in sorted(scores)] if isinstance(scores, dict) else [float(scores)]


def _plain(values: NDArray[Any]) -> str | float | None:
    value = values.ravel()[0]
    if isinstance(value, str):
        return value
    return None if np.isnan(value) else float(value)
