"""Every name in the manifests is one of the code's: images, ports, settings, topics, groups, metrics, tables."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.contract.checks.metric_names import named
from tests.contract.contract import topics
from tests.contract.test_deploy import IMAGES, stage
from tests.support.kubernetes.rendering import OVERLAYS, ROOT, Workload, config_maps, environment, of_kind, ours
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import read_history
from tidemill.contracts.schemas.history import check_history
from tidemill.contracts.topics import TopicCatalog
from tidemill.secret_files import STORE_KEYS
from tidemill.settings import CommonSettings
from tidemill.web.metrics import SECONDS
from tidemill_drift.settings import DriftSettings
from tidemill_inference.settings import ServeSettings, StreamSettings
from tidemill_ingest.settings import IngestSettings
from tidemill_trainer.runs.tables import runs
from tidemill_trainer.settings import TrainerSettings
from tidemill_validator.settings import ValidatorSettings

sys.path.insert(0, str(ROOT / "scripts"))
import manifests

pytestmark = pytest.mark.needs("kubectl", "openssl")

SETTINGS: dict[str, type[CommonSettings]] = {
    "ingest": IngestSettings,
    "validator": ValidatorSettings,
    "serve": ServeSettings,
    "stream": StreamSettings,
    "drift-profile": DriftSettings,
    "drift-detect": DriftSettings,
    "trainer": TrainerSettings,
    "train": TrainerSettings,
    "release": CommonSettings,
    "keys": CommonSettings,
}
"""What each workload of ours is told by."""
GROUPS: dict[str, Callable[[], str]] = {
    "validator": lambda: f"validator-{ValidatorSettings().worker_set}",
    "stream": lambda: f"inference-{StreamSettings().worker_set}",
    "drift-profile": lambda: f"drift-profile-{DriftSettings().worker_set}",
}
SERVICES = {"validator": "validator", "stream": "inference", "drift-profile": "drift"}
"""Whom topics.yaml means."""


def test_what_follows_from_models_schemas_and_alerts_has_been_written() -> None:
    stale = [str(path) for path, text in manifests.written(ROOT).items() if (ROOT / path).read_text() != text]
    assert stale == [], "run `make manifests`"


def test_a_new_model_changes_what_is_written(tmp_path: Path) -> None:
    for folder in ("models", "schemas", "deploy"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "models").unlink()
    (tmp_path / "models").mkdir()
    for path in (ROOT / "models").glob("*.yaml"):
        (tmp_path / "models" / path.name).write_text(path.read_text())
    text = (ROOT / "examples/bank_churn/models/bank-churn.yaml").read_text()
    (tmp_path / "models" / "bank-churn.yaml").write_text(text)
    written = manifests.written(tmp_path)
    assert "bank-churn.yaml" in written[Path("models/Kustomization")]
    assert "topic: bank-churn-clean\n" in written[Path("deploy/kubernetes/components/autoscaling/stream.yaml")]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_workload_of_ours_runs_an_image_that_is_built_on_the_port_that_it_names(overlay: str) -> None:
    assert {workload.name for workload in ours(overlay)} >= SETTINGS.keys() - {"train", "keys"}
    for workload in ours(overlay):
        text = stage(workload.image)  # fails where there is no such target
        assert f"tidemill/{workload.image}:" in workload.container["image"]
        if workload.kind == "Job":
            continue
        (port,) = workload.container["ports"]
        built = re.search(r"^ENV TIDEMILL_PORT=(\d+)", text, flags=re.MULTILINE)
        told = environment(overlay, workload)["TIDEMILL_PORT"]
        assert (port["name"], str(port["containerPort"])) == ("http", told)
        assert built is not None and (told == built[1] or workload.name in ("stream", "drift-detect"))


def test_mlflow_listens_where_its_service_points() -> None:
    (mlflow,) = [Workload(one) for one in of_kind("production", "Deployment").values() if "mlflow" in str(one["spec"])
                 and one["metadata"]["name"] == "mlflow"]  # fmt: skip
    (port,) = mlflow.container["ports"]
    assert f'"--port", "{port["containerPort"]}"' in stage("mlflow")
    assert mlflow.container["startupProbe"]["httpGet"]["httpHeaders"][0]["value"] in stage("mlflow")
    assert config_maps("production")["tidemill-settings"]["TIDEMILL_MLFLOW_TRACKING_URI"] == "http://mlflow:5000"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_setting_is_one_of_the_service_that_it_is_given_and_is_taken(
    overlay: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("TIDEMILL_")]:
        monkeypatch.delenv(name)
    common = config_maps(overlay)["tidemill-settings"]
    everywhere = {f"TIDEMILL_{name}".upper() for of in SETTINGS.values() for name in of.model_fields}
    client = re.compile(r"TIDEMILL_KAFKA_(SECURITY|SASL|SSL)_\w+")
    for name in common:
        assert name in everywhere or client.fullmatch(name) or name.startswith("AWS_"), name
    for workload in ours(overlay):
        given = environment(overlay, workload)
        fields = {f"TIDEMILL_{name}".upper() for name in SETTINGS[workload.name].model_fields}
        for name in given.keys() - common.keys():
            assert name.removesuffix("_FILE") in fields or name.removesuffix("_FILE") in STORE_KEYS, (
                workload.name,
                name,
            )
        with monkeypatch.context() as patched:
            for name, value in given.items():
                patched.setenv(name, in_a_file(tmp_path, name) if name.endswith("_FILE") else value)
            settings = SETTINGS[workload.name]()
        assert settings.kafka_bootstrap == given["TIDEMILL_KAFKA_BOOTSTRAP"]
        if "TIDEMILL_DATABASE_URL_FILE" in given:
            assert settings.database_url == "what TIDEMILL_DATABASE_URL_FILE holds"


def in_a_file(folder: Path, name: str) -> str:
    """A file as a Secret mounts it."""
    held = "redis://redis:6379/0" if name == "TIDEMILL_REDIS_URL_FILE" else f"what {name} holds"
    (folder / name).write_text(f"{held}\n")
    return str(folder / name)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_number_of_replicas_has_an_ordinal_where_a_transaction_is_named_by_it(overlay: str) -> None:
    for workload in ours(overlay):
        named = [entry for entry in workload.container.get("env", []) if entry["name"] == "TIDEMILL_INSTANCE"]
        assert bool(named) == (workload.kind == "StatefulSet"), workload.name
        for entry in named:
            assert entry["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['apps.kubernetes.io/pod-index']"
            assert workload.manifest["spec"]["podManagementPolicy"] == "Parallel"


def test_a_worker_is_scaled_by_the_lag_of_its_own_group_on_every_topic_of_every_model_that_it_reads() -> None:
    specs = load_models(ROOT / "models")
    catalog = TopicCatalog.load(ROOT / "schemas", models=specs)
    for name, group in GROUPS.items():
        (scaled,) = [one for key, one in of_kind("production", "ScaledObject").items() if key == name]
        reads = [spec.role for spec in topics().specs if spec.per_model and SERVICES[name] in spec.consumers]
        wanted = {(group(), catalog.name(role, model)) for role in reads for model in specs}
        triggers = [one for one in scaled["spec"]["triggers"] if one["type"] == "kafka"]
        asked = {(one["metadata"]["consumerGroup"], one["metadata"]["topic"]) for one in triggers}
        assert asked == wanted, name
        target = scaled["spec"]["scaleTargetRef"]
        workload = Workload(of_kind("production", target["kind"])[target["name"]])
        assert target["envSourceContainerName"] == workload.container["name"]
        for trigger in triggers:
            assert trigger["metadata"]["bootstrapServersFromEnv"] in environment("production", workload)
            assert trigger["authenticationRef"]["name"] in of_kind("production", "TriggerAuthentication")


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_no_group_may_have_more_members_than_its_topics_have_partitions(overlay: str) -> None:
    partitions = int(config_maps(overlay)["tidemill-settings"]["TIDEMILL_PARTITIONS"])
    for name in GROUPS:
        assert of_kind(overlay, "ScaledObject")[name]["spec"]["maxReplicaCount"] <= partitions
        assert "replicas" not in of_kind(overlay, "StatefulSet")[name]["spec"], "an apply would undo what KEDA did"


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_serve_grows_by_metrics_that_it_has(overlay: str) -> None:
    scaled = of_kind(overlay, "ScaledObject")["serve"]
    namespace = scaled["metadata"]["namespace"]
    queries = [one["metadata"]["query"] for one in scaled["spec"]["triggers"] if one["type"] == "prometheus"]
    assert len(queries) == 1
    for query in queries:
        assert f'namespace="{namespace}"' in query and 'pod=~"serve-.*"' in query
        (family,) = SECONDS.describe()
        assert named(query) == {f"{family.name}_bucket"}


def test_a_training_is_started_for_what_the_table_of_runs_says() -> None:
    (trigger,) = of_kind("production", "ScaledJob")["train"]["spec"]["triggers"]
    words = set(re.findall(r"\w+", trigger["metadata"]["query"])) - {"SELECT", "FROM", "WHERE", "OR", "AND", "count"}
    assert words == {"runs", "state", "accepted", "started", "lease_until", "extract", "epoch", "now", "1000"}
    assert {"state", "lease_until"} <= set(runs.c.keys()) and runs.name == "runs"


def test_a_training_that_starts_counts_for_a_run_until_it_has_claimed_one() -> None:
    """A Job takes longer to claim than KEDA takes to look again: it would start another for the same run each time."""
    job = of_kind("production", "ScaledJob")["train"]
    assert job["spec"]["scalingStrategy"] == {"strategy": "accurate", "pendingPodConditions": ["Ready"]}
    assert Workload(job).container["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_the_pod_of_a_training_is_that_of_the_trainer() -> None:
    trainer = Workload(of_kind("production", "Deployment")["trainer"])
    train = Workload(of_kind("production", "ScaledJob")["train"])
    assert train.container["args"] == ["train", "--once"]
    own = {"args", "resources", "lifecycle", "startupProbe", "readinessProbe", "livenessProbe"}
    theirs, mine = ({k: v for k, v in one.container.items() if k not in own} for one in (trainer, train))
    parts = [entry for entry in theirs["env"] if entry["name"] == "TIDEMILL_PARTS"]
    assert "train" not in parts[0]["value"].split(",")
    theirs["env"] = [entry for entry in theirs["env"] if entry not in parts]
    for one in (theirs, mine):
        for key in ("env", "volumeMounts"):
            one[key] = sorted(one[key], key=str)
    assert mine == theirs
    assert sorted(train.pod["volumes"], key=str) == sorted(trainer.pod["volumes"], key=str)
    assert train.pod["securityContext"] == trainer.pod["securityContext"]
    assert train.uses == trainer.uses


def test_the_images_are_those_of_one_file() -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", IMAGES, flags=re.MULTILINE))
    for overlay in OVERLAYS:
        text = (ROOT / "deploy/kubernetes/overlays" / overlay / "kustomization.yaml").read_text()
        named = {one["name"].removeprefix("tidemill/") for one in yaml.safe_load(text)["images"]}
        assert named <= targets
        assert named == {workload.image for workload in ours(overlay)} | {"mlflow"}
        assert len({one["newTag"] for one in yaml.safe_load(text)["images"]}) == 1


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_model_files_and_records_reach_pods_that_run(overlay: str) -> None:
    """As the ConfigMaps of these names, mounted whole: the kubelet renews what has no `subPath`."""
    wanted = {"tidemill-models": "/app/models", "tidemill-records": "/app/schemas/models"}
    assert wanted.keys() <= of_kind(overlay, "ConfigMap").keys()
    for workload in (one for one in ours(overlay) if one.name != "keys"):  # which makes a key and reads no model
        volumes = {one["name"]: one["configMap"] for one in workload.pod["volumes"] if "configMap" in one}
        mounts = {one["name"]: one for one in workload.container["volumeMounts"]}
        names = {one["name"]: volume for volume, one in volumes.items() if one["name"] in wanted}
        assert names.keys() == wanted.keys(), workload.name
        for name, volume in names.items():
            assert volumes[volume].keys() == {"name"}, workload.name
            assert mounts[volume]["mountPath"] == wanted[name]
            assert "subPath" not in mounts[volume]


def test_a_record_whose_history_lies_flat_is_read_as_from_folders(tmp_path: Path) -> None:
    """A ConfigMap has no folders."""
    for key, path in manifests.records(ROOT):
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / key).write_bytes((ROOT / "schemas" / "models" / path).read_bytes())
    specs = load_models(ROOT / "models")
    assert check_history(tmp_path, specs) == []
    for name in specs:
        assert [one.text for one in read_history(tmp_path, name)] == [
            one.text for one in read_history(ROOT / "schemas", name)
        ]
    lost = next((tmp_path / "models").glob("history.flight-delay.*"))
    lost.rename(lost.with_name("history.flight-delay.0000000000000000.avsc"))
    problems = " ".join(check_history(tmp_path, specs))
    assert "is not in its history" in problems
    assert "what was in use is never changed" in problems
