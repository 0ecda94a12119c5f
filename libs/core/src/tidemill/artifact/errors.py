"""The one error of an artifact."""

from __future__ import annotations

from tidemill.errors import TidemillError


class ArtifactError(TidemillError):
    """The artifact is not what its event says, or not fit to be served: refuse it; trying again changes
    nothing.
    """
