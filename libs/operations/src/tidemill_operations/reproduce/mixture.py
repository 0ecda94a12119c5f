"""Composes a mixture again from its members' artifacts, which its manifest names by their digests."""

from __future__ import annotations

import pyarrow as pa

from tidemill.artifact import ArtifactError, ArtifactStore
from tidemill.artifact.manifest import sha256
from tidemill.contracts.model_file import ModelSpec
from tidemill_learning.mixture.graph import compose
from tidemill_learning.mixture.member import FILES, Member
from tidemill_learning.mixture.mix import mix
from tidemill_learning.reference import reference_bytes
from tidemill_operations.errors import NotPossible
from tidemill_operations.platform import PlatformView
from tidemill_operations.reproduce.recorded import Recorded


def members_of(platform: PlatformView, found: Recorded) -> list[Member]:
    """The very versions that it was made of. Raises NotPossible where one cannot be read any more."""
    manifest, members = found.manifest, []
    store = ArtifactStore.of(platform.settings)
    for one in manifest.mixture or ():
        try:
            artifact = store.fetch_member(manifest.model, one, FILES)
        except ArtifactError as error:
            raise NotPossible(
                f"version {manifest.version} of {manifest.model} is a mixture, and its member version {one.version} "
                f"cannot be read any more: {error}. Bring its artifact back"
            ) from None
        except OSError as error:
            raise NotPossible(f"the artifact store does not answer: {error}") from None
        members.append(Member.of(artifact, one.weight))
    return members


def composed_again(members: list[Member]) -> str:
    """The hash of the graph. Raises ValueError where they make none."""
    return sha256(compose(members).graph)


def mixed_again(
    spec: ModelSpec, rows: pa.Table, cut_off_ms: int, members: list[Member]
) -> tuple[str, str, float | None]:
    """Hashes of graph and reference, and the threshold, of the same rows. Raises ValueError where they make none."""
    made = mix(spec, rows, cut_off_ms, members)
    return sha256(made.composed.graph), sha256(reference_bytes(made.reference)), made.threshold
