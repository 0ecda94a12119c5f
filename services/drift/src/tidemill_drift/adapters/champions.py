"""Which version is champion, and its training reference: from model-versions and the artifact store."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from tidemill.artifact import REFERENCE_FILE, ArtifactError, ArtifactStore
from tidemill.codec import Codec
from tidemill.contracts.events.platform import ModelVersion
from tidemill.contracts.schemas.catalog import Schema
from tidemill.errors import DeadLetter, RetryLater
from tidemill.kafka.batch import Batch
from tidemill.kafka.client.broadcast import BroadcastReader

_log = logging.getLogger(__name__)

CATCH_UP_S = 30.0
NewChampion = tuple[ModelVersion, Mapping[str, Any]]


class Champions:
    """Reads model-versions as a broadcast. Not thread-safe."""

    def __init__(self, reader: BroadcastReader, codec: Codec, schema: Schema, store: ArtifactStore) -> None:
        self._store = store
        self._reader = reader
        self._codec = codec
        self._schema = schema
        self._pending: dict[str, ModelVersion] = {}
        self._digests: dict[str, str] = {}

    def catch_up(self) -> list[NewChampion]:
        """The newest champion of each model. Raises RetryLater where brokers or the artifact store are away."""
        self._note(self._reader.catch_up(CATCH_UP_S))
        return self._fetch()

    def poll(self) -> list[NewChampion]:
        """Champions that are new since. Raises RetryLater where the artifact store is away."""
        self._note(self._reader.poll(0.0))
        return self._fetch()

    def again(self, models: Iterable[str]) -> None:
        """Tell the champions of these models once more; nobody wanted to know them before."""
        for model in models:
            self._digests.pop(model, None)
        self._reader.again()

    def close(self) -> None:
        """Release the consumer."""
        self._reader.close()

    def _note(self, batches: list[Batch]) -> None:
        for value in (value for batch in batches for value in batch.values if value is not None):
            try:
                published = ModelVersion.from_dict(self._codec.decode_one(value, self._schema))
            except DeadLetter as error:
                _log.error("a record of model-versions cannot be read and is left out: %s", error)
                continue
            if self._digests.get(published.model) != published.champion.manifest_digest:
                self._pending[published.model] = published

    def _fetch(self) -> list[NewChampion]:
        new = []
        for model, published in list(self._pending.items()):
            reference = _reference(published, self._store)
            del self._pending[model]
            self._digests[model] = published.champion.manifest_digest
            if reference is not None:
                new.append((published, reference))
        return new


def _reference(published: ModelVersion, store: ArtifactStore) -> Mapping[str, Any] | None:
    """The champion's training reference; None where the artifact is not what was published: then it cannot
    be watched.
    """
    champion = published.champion
    try:
        uri, digest = champion.artifact_uri, champion.manifest_digest
        artifact = store.fetch(published.model, uri, digest, only=[REFERENCE_FILE])
        document: Mapping[str, Any] = json.loads(artifact.files[REFERENCE_FILE])
        return document
    except (ArtifactError, ValueError) as error:
        extra = {"model": published.model, "model_version": f"{published.model}:{champion.version}"}
        _log.error("version %d is not watched, its reference cannot be had: %s", champion.version, error, extra=extra)
        return None
    except OSError as error:
        raise RetryLater(f"the artifact store is away: {error}") from error
