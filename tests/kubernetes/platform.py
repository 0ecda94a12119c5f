"""The platform of an overlay, with the addresses of this run and times that a test can wait for."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.broker.security.secured import PASSWORD
from tests.kubernetes.beside import Beside
from tests.kubernetes.cluster.control_plane import Cluster
from tests.kubernetes.workload import MODEL
from tests.support.kubernetes.rendering import copied

DATABASES = {"ingest": "ingest", "serve": "inference", "trainer": "trainer", "release": "operator"}
WORKLOADS = ("ingest", "serve", "trainer", "release", "validator", "stream", "drift-profile", "drift-detect")
QUICK = {"pollingInterval": 2, "cooldownPeriod": 10}
"""Of ScaledObjects: KEDA looks every 15 s and waits for five minutes in a real cluster."""
FIRST = ("Namespace", "ConfigMap", "ServiceAccount", "NetworkPolicy", "Job")
RELEASE_S = 900
WITHOUT = ("mlflow",)
"""Workloads that are left out: MLflow's own server is no process of ours, and the trainer does without."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """An overlay as it is applied. `namespace`: its own."""

    cluster: Cluster
    beside: Beside
    root: Path
    overlay: str
    namespace: str

    def kubectl(self, *arguments: str, **options: Any) -> str:
        """In its namespace."""
        return self.cluster.kubectl("-n", self.namespace, *arguments, **options)

    def get(self, *arguments: str) -> Any:
        """`kubectl get`, in its namespace."""
        return self.cluster.get("-n", self.namespace, *arguments)


def deploy(cluster: Cluster, beside: Beside, root: Path, overlay: str) -> Deployed:
    """Applies an overlay of `deploy/kubernetes` with the settings of this run: first what its Job `release` needs,
    then, as tools for releases do, the rest.
    """
    documents = list(rendered(cluster, overlay))
    namespace = next(one for one in documents if one["kind"] == "Namespace")
    deployed = Deployed(cluster, beside, root, overlay, namespace["metadata"]["name"])
    adapted = [document for one in documents if (document := _adapted(one, beside)) is not None]
    cluster.apply(yaml.safe_dump(namespace))
    cluster.apply(yaml.safe_dump_all(_secrets(deployed)))
    cluster.apply(yaml.safe_dump_all([one for one in adapted if one["kind"] in FIRST]))
    deployed.kubectl("wait", "--for=condition=complete", "job/release", f"--timeout={RELEASE_S}s", timeout_s=RELEASE_S)
    cluster.apply(yaml.safe_dump_all([one for one in adapted if one["kind"] not in FIRST]))
    return deployed


def set_threshold(deployed: Deployed, name: str, lag: int) -> None:
    """How much of lag asks for a replica, in the ScaledObject of a worker."""
    scaled = deployed.get("scaledobject", name)
    for trigger in scaled["spec"]["triggers"]:
        if trigger["type"] == "kafka":
            trigger["metadata"]["lagThreshold"] = str(lag)
    deployed.kubectl("replace", "-f", "-", given=json.dumps(scaled))


def rendered(cluster: Cluster, overlay: str) -> Iterator[dict[str, Any]]:
    """The documents of an overlay as `kubectl kustomize` gives them; dev has passwords of its own."""
    yield from yaml.load_all(cluster.render(copied() / "deploy/kubernetes/overlays" / overlay), Loader=yaml.CSafeLoader)


def client(beside: Beside, user: str) -> dict[str, str]:
    """librdkafka's settings of a user."""
    return {
        "bootstrap.servers": beside.kafka.scram, "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user, "sasl.password": PASSWORD,
        "ssl.ca.location": str(beside.kafka.certificates.ca),
    }  # fmt: skip


def settings(beside: Beside) -> dict[str, str]:
    """What the overlay's ConfigMap says of addresses, for this run. No registry: values have Avro's own frame."""
    return {
        "TIDEMILL_KAFKA_BOOTSTRAP": beside.kafka.scram, "TIDEMILL_SCHEMA_REGISTRY_URL": "",
        "TIDEMILL_ARTIFACTS": str(beside.store / "artifacts"), "TIDEMILL_TABLES": str(beside.store / "tables"),
        "TIDEMILL_MLFLOW_TRACKING_URI": "", "TIDEMILL_RATE_LIMIT": "", "TIDEMILL_PARTITIONS": "6",
        "TIDEMILL_REPLICATION_FACTOR": "1", "TIDEMILL_MODELS": MODEL,
    }  # fmt: skip


def _adapted(document: dict[str, Any], beside: Beside) -> dict[str, Any] | None:
    kind, name = document["kind"], document["metadata"]["name"]
    if name in WITHOUT:
        return None
    if kind == "ConfigMap" and name.startswith("tidemill-settings"):
        document["data"] |= settings(beside)
    if kind == "ScaledObject":
        document["spec"] |= QUICK
        behaviour = document["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        behaviour["scaleDown"]["stabilizationWindowSeconds"] = 5
        triggers = document["spec"]["triggers"]
        document["spec"]["triggers"] = [one for one in triggers if _is_of_this_run(one)]
    if kind == "ScaledJob":
        document["spec"]["pollingInterval"] = 2
    return document


def _is_of_this_run(trigger: Mapping[str, Any]) -> bool:
    """Whether its topic is of a model that is here (`settings`)."""
    return not trigger["metadata"].get("topic", MODEL).startswith("telecom-churn")


def _secrets(deployed: Deployed) -> Iterator[dict[str, Any]]:
    """What a team makes by hand: passwords, keys, certificates."""
    beside = deployed.beside
    authority = beside.kafka.certificates.ca.read_text()
    kafka = {"kafka-username": "platform", "kafka-password": PASSWORD, "kafka-ca.crt": authority}
    for name in WORKLOADS:
        data = {**kafka, "aws-access-key-id": "none", "aws-secret-access-key": "none", "redis-url": beside.redis}
        if name in DATABASES:
            data["database-url"] = beside.database_url(DATABASES[name])
        yield _object(deployed, "Secret", f"tidemill-{name}", data)
    keda = {"kafka-username": "keda", "kafka-sasl": "scram_sha512", "kafka-tls": "enable"}
    keda |= {"database-connection": beside.keda_connection}
    yield _object(deployed, "Secret", "tidemill-keda", {**kafka, **keda})
    signing, trusted = (Path(os.environ[f"TIDEMILL_{kind}"]).read_text() for kind in ("SIGNING_KEY", "TRUSTED_KEYS"))
    yield _object(deployed, "Secret", "tidemill-signing-key", {"signing.pem": signing})
    yield _object(deployed, "ConfigMap", "tidemill-trusted-keys", {"trusted.pem": trusted})


def _object(deployed: Deployed, kind: str, name: str, data: Mapping[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"apiVersion": "v1", "kind": kind}
    made["metadata"] = {"name": name, "namespace": deployed.namespace}
    if kind == "Secret":
        made["data"] = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    else:
        made["data"] = dict(data)
    return made
