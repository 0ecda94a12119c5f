"""What a training tells of itself to whoever keeps track of experiments, and a version as it is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tidemill.artifact import REFERENCE_FILE, Manifest
from tidemill.contracts.events.platform import DataSet
from tidemill.contracts.model_file import ModelSpec
from tidemill_trainer.training.model_card import model_card


@dataclass(frozen=True, slots=True)
class Logged:
    """A version as it is told: its artifact (manifest with the files' digests, files, place, digest of the manifest),
    and one sentence on how it came to be.
    """

    spec: ModelSpec
    manifest: Manifest
    files: Mapping[str, bytes]
    uri: str
    digest: str
    how: str

    @property
    def reference(self) -> dict[str, Any]:
        """What drift is measured against."""
        found: dict[str, Any] = json.loads(self.files[REFERENCE_FILE])
        return found

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return model_card(self.spec, self.manifest, self.reference, self.how)


class Tracker(Protocol):
    """Keeps track of runs. Nothing of it fails or holds up a training: what cannot be told is told later, or not."""

    def begin(self, model: str, run_id: str, tags: Mapping[str, str], name: str) -> str:
        """The tracker's id of the run; empty without a tracker, and then the calls below do nothing."""

    def record(
        self, run: str, params: Mapping[str, object], metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None:
        """Parameters, metrics and tags of a run, added to what it has."""

    def learned_from(self, run: str, model: str, data_set: DataSet, rows: int, schema: Mapping[str, str]) -> None:
        """The rows that a run learned from: the data set by name and version, its types by column."""

    def log_version(self, logged: Logged) -> None:
        """The version that the run made."""

    def end(self, run: str, *, failed: bool = False, name: str = "") -> None:
        """The run is over; `name`: what it is called from now on."""
