"""What a version says of where it comes from, and whether that is enough to make it again."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.artifact import ArtifactError, ArtifactStore, Lineage, Manifest
from tidemill_operations.errors import NotPossible
from tidemill_operations.platform import PlatformView
from tidemill_operations.predict.version import reference_of


@dataclass(frozen=True, slots=True)
class Recorded:
    """A version that can be tried again."""

    manifest: Manifest
    lineage: Lineage


def recorded(platform: PlatformView, model: str, number: int) -> Recorded:
    """Reads the manifest alone, verified as any artifact is. Raises NotPossible where there is no such version, where
    its artifact is not what was published, and where it was not trained here or does not say how.
    """
    reference, _ = reference_of(platform, model, number)
    try:
        store = ArtifactStore.of(platform.settings)
        manifest = store.fetch(model, reference["artifact_uri"], reference["manifest_digest"], only=()).manifest
    except ArtifactError as error:
        raise NotPossible(f"version {number} of {model} is not fit to be used: {error}") from None
    except OSError as error:
        raise NotPossible(f"the artifact store does not answer: {error}") from None
    if manifest.lineage is None:
        imported = not manifest.data_set.get("table_uri")
        raise NotPossible(_imported(model, number) if imported else _before_lineage(model, number))
    if not manifest.lineage.trained_here:
        raise NotPossible(_imported(model, number))
    if manifest.lineage.left_out != len(manifest.lineage.without):
        raise NotPossible(
            f"version {number} of {model} was learned in the midst of many labels of one moment: the "
            f"{manifest.lineage.left_out:,} rows that it had not taken are too many to be named in a manifest, and "
            "topics do not tell them. Make a version that is not of label time: `tidemill retrain`"
        )
    return Recorded(manifest, manifest.lineage)


def _imported(model: str, number: int) -> str:
    return (
        f"version {number} of {model} was trained elsewhere and imported: nothing here can train it again. Whoever "
        "made it has its data and its code"
    )


def _before_lineage(model: str, number: int) -> str:
    return (
        f"version {number} of {model} was made before manifests said how (content hash of the data set, recipe, "
        f"trials, environment: not recorded). Versions from now on say it: `tidemill retrain {model} --reason TEXT` "
        "makes one"
    )
