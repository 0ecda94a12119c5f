"""Writes what of deploy/kubernetes follows from the contract: by model, by topic, by alert. `make manifests` runs it,
where a model, a record schema or an alert is new; a contract test says where it was forgotten.

Kustomize reads no file outside of the folder that it is in, so models/ and schemas/ have a Kustomization each. Their
ConfigMaps keep their names and are mounted whole: what changes in them reaches pods that run.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from tidemill.contracts.model_file import ModelSpec, load_models
from tidemill.contracts.topics import TopicCatalog

ROOT = Path(__file__).resolve().parent.parent
KUBERNETES = Path("deploy/kubernetes")
WRITTEN = "# Written by scripts/manifests.py (`make manifests`); do not edit.\n"

READERS = {
    "validator": ("validator-all", ("raw", "labels_raw"), 20_000),
    "stream": ("inference-default", ("clean",), 20_000),
    "drift-profile": ("drift-profile-all", ("clean", "predictions", "labels"), 50_000),
}
"""By workload: its consumer group, the roles of the topics that it reads, and the lag that one replica may have: four
batches, a fraction of a second's work (docs/adr/0014-speed.md); drift-profile's group always lags by what its open
windows hold.
"""
BUSY = "600m"
"""Processor time of a replica above which one more is wanted. A worker that lags takes a core and more."""


def main() -> int:
    """Writes what differs, and names it."""
    for path, text in written(ROOT).items():
        target = ROOT / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
            print(f"manifests: wrote {path}")
    return 0


def written(root: Path) -> dict[Path, str]:
    """Every file that follows from the contract in `root`, by its path there."""
    specs = load_models(root / "models")
    topics = TopicCatalog.load(root / "schemas", models=specs)
    autoscaling = KUBERNETES / "components" / "autoscaling"
    files = {
        Path("models/Kustomization"): _folder("tidemill-models", [(p.name, p.name) for p in _model_files(root)]),
        Path("schemas/Kustomization"): _folder("tidemill-records", records(root)),
        KUBERNETES / "base" / "contract.yaml": _pods(),
        KUBERNETES / "components" / "monitoring" / "rules.yaml": _rules(root),
    }
    for name in READERS:
        files[autoscaling / f"{name}.yaml"] = WRITTEN + dumped(scaled_object(name, topics, specs))
    return files


def scaled_object(name: str, topics: TopicCatalog, specs: dict[str, ModelSpec]) -> dict[str, Any]:
    """How many replicas of a consumer group, by the lag of each of its topics: at most one for each partition. Lag says
    when there are too few and nothing of whether fewer would do: processor time keeps those that a steady load needs.
    """
    triggers = [_trigger(name, topics.name(role, model)) for model in specs for role in READERS[name][1]]
    triggers.append({"type": "cpu", "metricType": "AverageValue", "metadata": {"value": BUSY}})
    down = {"stabilizationWindowSeconds": 300, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
    up = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15},
          {"type": "Pods", "value": 4, "periodSeconds": 15}]}  # fmt: skip
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "tidemill"}},
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "envSourceContainerName": "service",
            },
            "minReplicaCount": 1,
            "maxReplicaCount": 6,
            "pollingInterval": 15,
            "cooldownPeriod": 300,
            "fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"},
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": up, "scaleDown": down}}},
            "triggers": triggers,
        },
    }  # fmt: skip


def _trigger(name: str, topic: str) -> dict[str, Any]:
    """`earliest`: a group that has never committed lags by all that its topic holds, so that it is begun."""
    group, _, lag = READERS[name]
    return {
        "type": "kafka",
        "metricType": "AverageValue",
        "authenticationRef": {"name": "tidemill-kafka"},
        "metadata": {
            "bootstrapServersFromEnv": "TIDEMILL_KAFKA_BOOTSTRAP",
            "consumerGroup": group,
            "topic": topic,
            "lagThreshold": str(lag),
            "activationLagThreshold": "0",
            "offsetResetPolicy": "earliest",
        },
    }


def _model_files(root: Path) -> list[Path]:
    return sorted([*(root / "models").glob("*.yaml"), *(root / "models").glob("*.yml")])


def records(root: Path) -> list[tuple[str, str]]:
    """Key in the ConfigMap (which has no folders) and path below schemas/models of every record schema."""
    folder = root / "schemas" / "models"
    paths = sorted(path.relative_to(folder) for path in folder.rglob("*.avsc"))
    return [(".".join(path.parts), path.as_posix()) for path in paths]


def _folder(name: str, files: list[tuple[str, str]]) -> str:
    below = "models/" if name == "tidemill-records" else ""
    sources = [key if key == below + path else f"{key}={below}{path}" for key, path in files]
    return WRITTEN + dumped(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "configMapGenerator": [{"name": name, "files": sources, "options": {"disableNameSuffixHash": True}}],
        }
    )


def _pods() -> str:
    volumes = [
        {"name": "models", "configMap": {"name": "tidemill-models"}},
        {"name": "records", "configMap": {"name": "tidemill-records"}},
    ]
    pod = {"spec": {"template": {"spec": {"volumes": volumes}}}}
    return WRITTEN + dumped({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "every-pod"}, **pod})


def _rules(root: Path) -> str:
    paths = sorted((root / "deploy" / "prometheus" / "rules").glob("*.yml"))
    groups = [group for path in paths for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    return WRITTEN + dumped(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "tidemill", "labels": {"app.kubernetes.io/part-of": "tidemill"}},
            "spec": {"groups": groups},
        }
    )


def dumped(document: dict[str, Any]) -> str:
    """YAML in the order given."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    sys.exit(main())
