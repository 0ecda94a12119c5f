"""A version by its number: found on the platform's topics, verified as a worker would, loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from tidemill.artifact import Manifest, OnnxModel
    from tidemill_operations.platform import PlatformView


@dataclass(frozen=True, slots=True)
class Version:
    """A loaded version. `epoch`: at which it last began to serve; 0 where it never did."""

    number: int
    epoch: int
    model: OnnxModel

    @property
    def manifest(self) -> Manifest:
        """What it is."""
        return self.model.manifest


def open_version(platform: PlatformView, model: str, number: int | None) -> Version:
    """The version that is named, else the one that serves. Raises NotPossible where there is none, or where
    its artifact is not what was published.
    """
    from tidemill.artifact import ArtifactError

    reference, epoch = reference_of(platform, model, number)
    try:
        return Version(reference["version"], epoch, _loaded(platform, model, reference))
    except ArtifactError as error:
        raise NotPossible(f"version {reference['version']} of {model} is not fit to be used: {error}") from None
    except OSError as error:
        raise NotPossible(f"the artifact store does not answer: {error}") from None


def reference_of(platform: PlatformView, model: str, number: int | None) -> tuple[dict[str, Any], int]:
    """The published `ModelRef` of the version that is named, else of the one that serves, as plain data; and the epoch
    at which it last began to serve, 0 where it never did. Raises NotPossible where there is none.
    """
    from tidemill_operations.feed import read_all

    epochs: dict[int, int] = {}
    known: dict[int, dict[str, Any]] = {}
    for release in read_all(platform, "model_releases", model):
        for arm in (release.datum["published"]["challenger"], release.datum["published"]["champion"]):
            if arm is not None:
                known[arm["version"]] = arm
    for run in read_all(platform, "retrain_runs", model):
        if run.datum["artifact"] is not None and run.datum["version"] is not None:
            known[run.datum["version"]] = run.datum["artifact"]
    for item in read_all(platform, "model_versions", model):
        champion = item.datum["champion"]
        known[champion["version"]] = champion
        epochs[champion["version"]] = max(item.datum["epoch"], epochs.get(champion["version"], 0))
    if number is None and epochs:
        number = max(epochs, key=lambda version: epochs[version])
    if number is None:
        raise NotPossible(f"no version of {model} serves yet; name one with --version")
    if number not in known:
        there = ", ".join(str(version) for version in sorted(known)) or "none"
        raise NotPossible(f"there is no version {number} of {model}; there are {there}")
    return known[number], epochs.get(number, 0)


def _loaded(platform: PlatformView, name: str, reference: dict[str, Any]) -> OnnxModel:
    from tidemill.artifact import GOLDEN_FILE, MODEL_FILE, ArtifactStore, Golden, OnnxModel, check_golden

    store = ArtifactStore.of(platform.settings)
    files = (MODEL_FILE, GOLDEN_FILE)
    artifact = store.fetch(name, reference["artifact_uri"], reference["manifest_digest"], only=files)
    model = OnnxModel.load(artifact.files[MODEL_FILE], artifact.manifest)
    check_golden(model, Golden.from_bytes(artifact.files[GOLDEN_FILE], artifact.manifest))
    return model
