"""Versions that have learned from rows of an entity: artifacts are signed, and are never changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tidemill.artifact import GOLDEN_FILE, MODEL_FILE, REFERENCE_FILE, ArtifactError, ArtifactStore
from tidemill_operations.erase.acts import Erasure, rows_in
from tidemill_operations.erase.report import Holding, State

if TYPE_CHECKING:
    from collections.abc import Collection

    from tidemill.artifact import Manifest
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.references.uses import ArtifactUse

FILES = (REFERENCE_FILE, GOLDEN_FILE, MODEL_FILE)


def versions_that_hold(
    platform: PlatformView, spec: ModelSpec, rows: Collection[Erasure], texts: Collection[str]
) -> Iterator[Holding]:
    """Of each version that anything refers to: how many rows of these erasures lie in its data set, and where the
    entity is a feature, which of its files name it. Raises RetryLater, ConfigError as `read_references`.
    """
    from tidemill_operations.references.reading import read_references

    store = ArtifactStore.of(platform.settings)
    artifacts = read_references(platform).artifacts.values()
    for use in sorted((one for one in artifacts if one.model == spec.name), key=lambda one: one.version):
        yield from _version(platform, store, spec, use, rows, texts)


def _version(
    platform: PlatformView, store: ArtifactStore, spec: ModelSpec, use: ArtifactUse, rows: Collection[Erasure],
    texts: Collection[str],
) -> Iterator[Holding]:  # fmt: skip
    where = f"version {use.version}" if use.version else f"the artifact {use.uri}, which waits to be imported"
    is_feature = any(feature.name == spec.entity for feature in spec.features)
    try:
        found = store.fetch(spec.name, use.uri, use.digest, only=None if is_feature else ())
    except (ArtifactError, OSError) as error:
        cure = "bring its store back (TIDEMILL_ARTIFACTS) and run it again; where it is gone for good, so are its files"
        yield Holding(where=where, state=State.REMAINS, count=1, what="artifacts", why=f"unread: {error}", cure=cure)
        return
    learned = rows_in(rows, found.manifest.data_set)
    naming = [name for name in FILES if is_feature and _names(found.files.get(name, b""), texts)]
    if learned or naming:
        yield Holding(
            where=where, state=State.REMAINS, count=learned, what="rows", why=_why(naming), cure=_cure(spec.name)
        )
        yield from _mlflow(platform, use, found.manifest)


def _names(data: bytes, texts: Collection[str]) -> bool:
    import json

    return any(text.encode() in data or json.dumps(text).encode() in data for text in texts)


def _why(naming: list[str]) -> str:
    told = "it may have learned from them, and its golden rows may be among them: what is signed is never changed"
    return f"{told}; its {', '.join(naming)} name the entity" if naming else told


def _cure(model: str) -> str:
    return (
        f"`tidemill retrain {model} --reason TEXT` makes a version without them; once this one has not served for as "
        "long as predictions are kept, `tidemill tidy --superseded-after D --rollback 1 --apply` takes its artifact"
    )


def _mlflow(platform: PlatformView, use: ArtifactUse, manifest: Manifest) -> Iterator[Holding]:
    if platform.settings.mlflow_tracking_uri and manifest.tracking_run:
        yield Holding(
            where=f"MLflow, run {manifest.tracking_run}", state=State.REMAINS, count=1, what="models",
            why=f"it has a copy of version {use.version}, with golden and example rows",
            cure="delete the run in MLflow and let `mlflow gc` take its files, together with the version",
        )  # fmt: skip
