"""A version as the member of a mixture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidemill.artifact import GOLDEN_FILE, MODEL_FILE, REFERENCE_FILE, Artifact, Manifest

FILES = (MODEL_FILE, REFERENCE_FILE, GOLDEN_FILE)
"""What of a member's artifact is asked for."""


class MixtureError(ValueError):
    """These versions cannot be one; the message says which of them, and why."""


@dataclass(frozen=True, slots=True)
class Member:
    """A version and its `weight`. `graph`: ONNX bytes; `reference`: as `training_reference` gives it; `tolerance`: by
    how much its golden rows may differ elsewhere, None where they state none.
    """

    weight: float
    graph: bytes
    manifest: Manifest
    reference: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float | None = None

    @classmethod
    def of(cls, artifact: Artifact, weight: float) -> Member:
        """From an artifact with `FILES`."""
        files = artifact.files
        tolerance = json.loads(files[GOLDEN_FILE]).get("tolerance")
        return cls(weight, files[MODEL_FILE], artifact.manifest, json.loads(files[REFERENCE_FILE]), tolerance)

    @property
    def version(self) -> int:
        """Its number."""
        return self.manifest.version

    @property
    def learned(self) -> tuple[int, int]:
        """Event times of the first and of the last row that it has learned, epoch ms."""
        first, last = self.reference["event_time"]
        return int(first), int(last)
