"""How a version answered on rows that it was not fitted on, as buckets of scores: from its training reference."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from tidemill.artifact import REFERENCE_FILE, ArtifactError, fetch_artifact
from tidemill.contracts.events import ModelRef
from tidemill.errors import RetryLater
from tidemill.score_buckets import score_buckets

log = logging.getLogger(__name__)

MOST = 10_000


def expected_scores(reference: Mapping[str, Any], task: str) -> Counter[int]:
    """Buckets (`tidemill.score_buckets`) to counts, as many as held-out rows; none for classes, whose order is that of
    both arms, and where the reference says nothing.
    """
    predictions = reference.get("predictions", {})
    quantiles = predictions.get("quantiles", [])
    if task == "multiclass" or not quantiles:
        return Counter()
    n = min(MOST, int(predictions.get("count", reference.get("held_out_rows", 0))))
    if n < 1:
        return Counter()
    places = (np.arange(n) + 0.5) / n
    values = np.interp(places, np.linspace(0.0, 1.0, len(quantiles)), np.asarray(quantiles, dtype=np.float64))
    return Counter(score_buckets(task, values).tolist())


def fetch_expected(version: ModelRef, task: str) -> Counter[int]:
    """The same of a published version; none where its artifact cannot be read. Raises RetryLater where the store is
    away.
    """
    try:
        artifact = fetch_artifact(version.artifact_uri, version.manifest_digest, only=[REFERENCE_FILE])
        return expected_scores(json.loads(artifact.files[REFERENCE_FILE]), task)
    except (ArtifactError, ValueError) as error:
        log.error("version %d: its reference cannot be had: %s", version.version, error)
        return Counter()
    except OSError as error:
        raise RetryLater(f"the artifact store is away: {error}") from error
