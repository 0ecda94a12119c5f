"""MLflow as a library: runs with their parameters, metrics and data set, and the registry's aliases.

MLflow tells people what happened; nothing of the platform reads it back. The aliases ``champion`` and
``challenger`` are a projection of ``model-versions``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)

LONGEST_VALUE = 500
"""MLflow refuses longer parameters."""

CHAMPION, CHALLENGER = "champion", "challenger"
RUN_TAG, VERSION_TAG = "tidemill.run_id", "tidemill.version"


class Tracking:
    """One tracking store. Import and first connection take seconds: made when the training process
    warms up."""

    def __init__(self, tracking_uri: str) -> None:
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        self._client.search_experiments(max_results=1)

    def begin(self, model: str, run_id: str, tags: Mapping[str, str]) -> str:
        """Begin a run in the model's experiment; runs that an earlier attempt left open are closed. Gives
        MLflow's id.
        """
        experiment = self._experiment(model)
        for left in self._client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{run_id}' and status = 'RUNNING'"):
            self._client.set_terminated(left.info.run_id, "KILLED")
        run = self._client.create_run(experiment, tags={RUN_TAG: run_id, **tags}, run_name=run_id)
        return str(run.info.run_id)

    def record(
        self,
        tracking_run: str,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> None:
        """Write parameters, metrics and tags in one go."""
        import time

        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)
        self._client.log_batch(
            tracking_run,
            metrics=[Metric(name, float(value), now, 0) for name, value in metrics.items()],
            params=[Param(name, str(value)[:LONGEST_VALUE]) for name, value in params.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )

    def end(self, tracking_run: str, *, failed: bool = False) -> None:
        """Close the run."""
        self._client.set_terminated(tracking_run, "FAILED" if failed else "FINISHED")

    def reconcile_aliases(self, model: str, arms: Mapping[str, Mapping[str, Any]]) -> None:
        """Let the registry's aliases name the arms; registers a version first where it is not known.

        `arms`: alias (champion, challenger) to version, artifact_uri and tracking_run; an alias without an arm is
        taken away. Setting what is set already changes nothing, so it may be done again at any time.
        """
        from mlflow.exceptions import MlflowException

        try:
            self._client.get_registered_model(model)
        except MlflowException:
            self._client.create_registered_model(model)
        known = {
            found.tags.get(VERSION_TAG): found for found in self._client.search_model_versions(f"name = '{model}'")
        }
        for alias in (CHAMPION, CHALLENGER):
            arm = arms.get(alias)
            if arm is None:
                self._client.delete_registered_model_alias(model, alias)
                continue
            number = str(arm["version"])
            entry: Any = known.get(number) or self._client.create_model_version(
                model, source=arm["artifact_uri"], run_id=arm["tracking_run"], tags={VERSION_TAG: number}
            )
            self._client.set_registered_model_alias(model, alias, entry.version)

    def _experiment(self, model: str) -> str:
        found = self._client.get_experiment_by_name(model)
        return str(found.experiment_id) if found is not None else str(self._client.create_experiment(model))
