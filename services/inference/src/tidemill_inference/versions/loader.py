"""From an event to a model that may serve: fetch, verify, prove, load, warm up, check the golden rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    ArtifactError,
    ArtifactStore,
    CheckedGraph,
    Golden,
    Manifest,
    OnnxModel,
    Prover,
    Reason,
    check_golden,
    fetch_artifact,
)
from tidemill.artifact.place import check_place
from tidemill.contracts.events.platform import ModelVersion
from tidemill.contracts.schemas.catalog import Schema
from tidemill_inference.versions.fetcher import Fetch


class Records(Protocol):
    """The record of each model, as it is known now."""

    def record(self, model: str) -> Schema: ...


def loader(
    schemas: Records,
    tasks: Mapping[str, str],
    threads: int = 1,
    fetch: Fetch = fetch_artifact,
    on_loaded: Callable[[int], object] = lambda size: None,
    prover: Prover | None = None,
    store: ArtifactStore | None = None,
) -> Callable[[ModelVersion], OnnxModel]:
    """A function that loads the champion of an event. `tasks`: the task of each model, as its file says. `on_loaded`
    is told the bytes of each graph. `store`: nothing that lies elsewhere is fetched.

    It raises ArtifactError where the version must not serve, OSError where the artifact store is away. Before a model
    is loaded here, `prover` (default: none) proves it in a process that may die. The golden rows warm the graph up: as
    a whole, in batches, and one alone, the shape of a REST request.
    """

    def fetched(event: ModelVersion) -> tuple[Manifest, CheckedGraph, Golden]:
        """Checked, and without the fetched bytes: they go before the graph is loaded."""
        reference = event.champion
        if store is not None:
            check_place(reference.artifact_uri, store.root, event.model)
        artifact = fetch(reference.artifact_uri, reference.manifest_digest, only=(MODEL_FILE, GOLDEN_FILE))
        fields = schemas.record(event.model).field_names
        check_manifest(artifact.manifest, event, tasks[event.model], fields)
        golden = Golden.from_bytes(artifact.files[GOLDEN_FILE], artifact.manifest)
        return artifact.manifest, CheckedGraph(artifact.files[MODEL_FILE]), golden

    def load(event: ModelVersion) -> OnnxModel:
        manifest, graph, golden = fetched(event)
        if prover is not None:
            prover.prove(graph, manifest, golden, name=event.champion.manifest_digest)
        model = OnnxModel.of(graph, manifest, threads)
        check_golden(model, golden)
        model.warm_up(golden.inputs)
        on_loaded(graph.size)
        return model

    return load


def check_manifest(manifest: Manifest, event: ModelVersion, task: str, fields: list[str]) -> None:
    """Raise ArtifactError unless the manifest is about the event's version and fits the model as it is known
    here.
    """
    if manifest.version < 1:
        raise ArtifactError("it is an import that has become no version yet", Reason.MANIFEST)
    found = (manifest.model, manifest.version)
    wanted = (event.model, event.champion.version)
    if found != wanted:
        raise ArtifactError(f"the manifest is of {found}, the event of {wanted}", Reason.MANIFEST)
    if manifest.task != task:
        raise ArtifactError(f"the model answers {manifest.task}, its file says {task}", Reason.MANIFEST)
    missing = sorted({feature.name for feature in manifest.features} - set(fields))
    if missing:
        lacks = ", ".join(missing)
        raise ArtifactError(f"the record has no field {lacks}, which this version needs", Reason.MANIFEST)
