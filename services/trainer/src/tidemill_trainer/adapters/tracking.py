"""MLflow as a library: runs with their parameters, metrics, data set and model, and the registry's versions.

MLflow tells people what happened, and a version loads by MLflow's own API; nothing of the platform reads it back. The
aliases ``champion`` and ``challenger`` are a projection of ``model-versions``.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidemill.artifact import REFERENCE_FILE, Manifest
from tidemill.artifact.manifest import sha256
from tidemill.contracts.events import DataSet
from tidemill.contracts.model_file import ModelSpec
from tidemill_trainer.model_card import model_card

log = logging.getLogger(__name__)

LONGEST_VALUE = 500
"""MLflow refuses longer parameters."""

LONGEST_PROFILE = 16_000

CHAMPION, CHALLENGER = "champion", "challenger"
MODEL_FOLDER = "model"
"""Where a run keeps its model, as MLflow's own functions name it."""

RUN_TAG, VERSION_TAG = "tidemill.run_id", "tidemill.version"


class Tracking:
    """One tracking store. Import and first connection take seconds: made when the training process
    warms up."""

    def __init__(self, tracking_uri: str, files: str | None = None) -> None:
        """``files``: where experiments that are made here keep their files; not needed where a server says it."""
        from mlflow.tracking import MlflowClient

        self._files = files
        self._client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        self._client.search_experiments(max_results=1)

    def begin(self, model: str, run_id: str, tags: Mapping[str, str], name: str) -> str:
        """Begin a run in the model's experiment; runs that an earlier attempt left open are closed. Gives its id."""
        experiment = self._experiment(model)
        for left in self._client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{run_id}' and status = 'RUNNING'"):
            self._client.set_terminated(left.info.run_id, "KILLED")
        run = self._client.create_run(experiment, tags={RUN_TAG: run_id, **tags}, run_name=name)
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

    def learned_from(
        self, tracking_run: str, model: str, data_set: DataSet, rows: int, schema: Mapping[str, str]
    ) -> None:
        """Tell the run's data set: a version of a Delta table, and the offsets behind it."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = {
            "path": data_set.table_uri, "delta_table_name": None, "delta_table_version": data_set.table_version,
            "is_databricks_uc_table": False,
        }  # fmt: skip
        offsets = [one.to_dict() for one in data_set.offsets]
        columns = [{"name": name, "type": kind, "required": False} for name, kind in schema.items()]
        told = Dataset(
            name=f"{model} rows, table version {data_set.table_version}",
            digest=sha256(json.dumps([source, offsets], sort_keys=True).encode())[:16],
            source_type="delta_table", source=json.dumps(source), schema=json.dumps({"mlflow_colspec": columns}),
            profile=json.dumps({"num_rows": rows, "offsets": offsets})[:LONGEST_PROFILE],
        )  # fmt: skip
        self._client.log_inputs(tracking_run, [DatasetInput(told, [InputTag("mlflow.data.context", "training")])])

    def end(self, tracking_run: str, *, failed: bool = False, name: str = "") -> None:
        """Close the run; ``name``: what it is called now that it is known what it led to."""
        if name:
            self._client.update_run(tracking_run, name=name)
        self._client.set_terminated(tracking_run, "FAILED" if failed else "FINISHED")

    def log_version(
        self, spec: ModelSpec, manifest: Manifest, files: Mapping[str, bytes], uri: str, how: str, now_ms: int
    ) -> None:
        """Put the model in MLflow's own form into its run, and register it as a version, once."""
        from tidemill_trainer.adapters.mlflow_model import write_model

        card = model_card(spec, manifest, json.loads(files[REFERENCE_FILE]), how)
        with tempfile.TemporaryDirectory() as folder:
            write_model(Path(folder), manifest, files, card, manifest.tracking_run, now_ms)
            self._client.log_artifacts(manifest.tracking_run, folder, MODEL_FOLDER)
        number = str(manifest.version)
        if number in self._known(manifest.model):
            return
        source = f"{self._client.get_run(manifest.tracking_run).info.artifact_uri}/{MODEL_FOLDER}"
        self._client.create_model_version(
            manifest.model, source=source, run_id=manifest.tracking_run, description=card,
            tags={VERSION_TAG: number, "tidemill.artifact": uri, "tidemill.code": manifest.git_sha},
        )  # fmt: skip

    def _known(self, model: str) -> dict[str | None, Any]:
        """MLflow's entries by our version; the model is registered first where it is not."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.get_registered_model(model)
        except MlflowException:
            self._client.create_registered_model(model)
        return {found.tags.get(VERSION_TAG): found for found in self._client.search_model_versions(f"name = '{model}'")}

    def reconcile_aliases(self, model: str, arms: Mapping[str, Mapping[str, Any]]) -> None:
        """Let the registry's aliases name the arms; registers a version first where it is not known.

        `arms`: alias (champion, challenger) to version, artifact_uri and tracking_run; an alias without an arm is
        taken away. Setting what is set already changes nothing, so it may be done again at any time.
        """
        known = self._known(model)
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
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(model, f"{self._files}/{model}" if self._files else None))
