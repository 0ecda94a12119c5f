"""Whether a challenger is fit to be tried, and how it answered on rows that it was not fitted on, as buckets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    ArtifactStore,
    Bounds,
    CheckedGraph,
    Golden,
    OnnxModel,
    Prover,
    check_golden,
    fetch_artifact,
)
from tidemill.contracts.events.platform import ModelRef
from tidemill.errors import RetryLater
from tidemill.stats.score_bins import score_bins

MOST = 10_000


def expected_scores(reference: Mapping[str, Any], task: str) -> Counter[int]:
    """Bins (`tidemill.stats.score_bins`) to counts, as many as held-out rows; none for classes, whose order is
    that of both arms, and where the reference says nothing.
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
    return Counter(score_bins(task, values).tolist())


class Unfit(Exception):
    """The artifact is not what was published, or must not serve; the message says why."""


def vetted(
    version: ModelRef, task: str, model: str = "", store: ArtifactStore | None = None, bounds: Bounds | None = None
) -> Counter[int]:
    """The same of a published version, whose graph is held against its golden rows first, as every worker does: a
    challenger that nobody can serve would be waited for in vain. `store`: it must lie there as one of `model`, signed,
    and is proved in a process that may die within `bounds`; None: wherever it lies.

    Raises Unfit, and RetryLater where the store is away.
    """
    try:
        files = (MODEL_FILE, GOLDEN_FILE, REFERENCE_FILE)
        uri, digest = version.artifact_uri, version.manifest_digest
        artifact = fetch_artifact(uri, digest, files) if store is None else store.fetch(model, uri, digest, files)
        golden = Golden.from_bytes(artifact.files[GOLDEN_FILE], artifact.manifest)
        graph = CheckedGraph(artifact.files[MODEL_FILE])
        if store is not None:
            with Prover(bounds) as prover:
                prover.prove(graph, artifact.manifest, golden)
        check_golden(OnnxModel.of(graph, artifact.manifest), golden)
        return expected_scores(json.loads(artifact.files[REFERENCE_FILE]), task)
    except OSError as error:
        raise RetryLater(f"the artifact store is away: {error}") from error
    except Exception as error:
        raise Unfit(f"version {version.version} is unfit to serve: {error}") from error
