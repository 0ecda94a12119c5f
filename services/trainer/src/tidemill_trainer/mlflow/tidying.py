"""Old runs of a model leave MLflow: it would grow with every training, its server and its pages with it.

What MLflow loses is told nowhere else less: versions, evidence and data sets stand on topics and in artifacts.
"""

from __future__ import annotations

import time
from typing import Any

AT_ONCE = 20
"""Runs that one call takes away at most, so that it is short."""

DAY_MS = 86_400_000


def clear_away(client: Any, experiment: str, model: str, keep: int, now_ms: int | None = None) -> int:
    """Delete all but the newest `keep` runs with their versions and files, but never what an alias names; close runs
    that somebody left open a day ago. Gives how many were deleted.
    """
    since = (int(time.time() * 1000) if now_ms is None else now_ms) - DAY_MS
    newest_first = ["attributes.start_time DESC"]
    named = {int(number) for number in client.get_registered_model(model).aliases.values()}
    for left in client.search_runs([experiment], "attributes.status = 'RUNNING'", max_results=AT_ONCE):
        if left.info.start_time < since:
            client.set_terminated(left.info.run_id, "KILLED")
    deleted = 0
    for run in client.search_runs([experiment], max_results=keep + AT_ONCE, order_by=newest_first)[keep:]:
        entries = client.search_model_versions(f"run_id = '{run.info.run_id}'")
        if any(int(entry.version) in named for entry in entries):
            continue
        for entry in entries:
            client.delete_model_version(entry.name, entry.version)
        _delete_files(client, run)
        client.delete_run(run.info.run_id)
        deleted += 1
    return deleted


def _delete_files(client: Any, run: Any) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    for one in client.list_artifacts(run.info.run_id):
        repository: Any = get_artifact_repository(run.info.artifact_uri, client.tracking_uri)
        repository.delete_artifacts(one.path)
