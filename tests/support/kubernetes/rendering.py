"""Overlays of deploy/kubernetes as `kubectl apply -k` sends them, and the parts of a manifest that tests ask for."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.processes.programs import program
from tests.support.run_folder import run_folder

ROOT = Path(__file__).resolve().parents[3]
OVERLAYS = ("dev", "staging", "production")
WORKLOADS = ("Deployment", "StatefulSet", "Job", "ScaledJob")

Manifest = dict[str, Any]


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """Every object of an overlay, by `kubectl kustomize` from a copy in which dev has passwords of its own."""
    return render(copied() / "deploy/kubernetes/overlays" / overlay)


@cache
def copied() -> Path:
    """A checkout's part that manifests are made of, with the secrets that `make-secrets.sh` writes."""
    folder = run_folder("manifests")
    for part in ("deploy", "models", "schemas"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("secrets"))
    make_secrets(folder)
    return folder


def make_secrets(checkout: Path) -> None:
    """What a person types before the dev overlay is applied."""
    command = ["sh", "deploy/kubernetes/make-secrets.sh"]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True, timeout=60)


def render(folder: Path) -> tuple[Manifest, ...]:
    """`kubectl kustomize` of a folder. Fails the test with what it says."""
    command = [program("kubectl"), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


@dataclass(frozen=True)
class Workload:
    """Something that runs pods."""

    manifest: Manifest

    @property
    def kind(self) -> str:
        """Deployment, StatefulSet, Job or ScaledJob."""
        return str(self.manifest["kind"])

    @property
    def name(self) -> str:
        """Its own."""
        return str(self.manifest["metadata"]["name"])

    @property
    def template(self) -> Manifest:
        """Metadata and spec of its pods."""
        spec = self.manifest["spec"]
        found: Manifest = (spec["jobTargetRef"] if self.kind == "ScaledJob" else spec)["template"]
        return found

    @property
    def pod(self) -> Manifest:
        """The spec of its pods."""
        spec: Manifest = self.template["spec"]
        return spec

    @property
    def container(self) -> Manifest:
        """The one container of its pods."""
        (only,) = self.pod["containers"]
        found: Manifest = only
        return found

    @property
    def image(self) -> str:
        """The last part of the image's name, without registry and tag."""
        return str(self.container["image"]).rsplit("/", 1)[-1].partition(":")[0]

    @property
    def ours(self) -> bool:
        """Whether a service of ours or its command runs in it."""
        return self.template["metadata"]["labels"].get("tidemill.dev/pod") == "ours"

    @property
    def uses(self) -> set[str]:
        """What its pods may reach, by their labels."""
        labels = self.template["metadata"]["labels"]
        return {label.removeprefix("tidemill.dev/uses-") for label in labels if label.startswith("tidemill.dev/uses-")}


def workloads(overlay: str) -> list[Workload]:
    """All of an overlay's, ours and others."""
    return [Workload(manifest) for manifest in rendered(overlay) if manifest["kind"] in WORKLOADS]


def ours(overlay: str) -> list[Workload]:
    """Those of an overlay that run our code."""
    return [workload for workload in workloads(overlay) if workload.ours]


def of_kind(overlay: str, kind: str) -> dict[str, Manifest]:
    """An overlay's objects of one kind, by name."""
    return {str(one["metadata"]["name"]): one for one in rendered(overlay) if one["kind"] == kind}


def config_maps(overlay: str) -> dict[str, dict[str, str]]:
    """Content by name, the hash behind it left out."""
    return {without_hash(name): one["data"] for name, one in of_kind(overlay, "ConfigMap").items()}


def without_hash(name: str) -> str:
    """A name without the hash of its content that Kustomize puts behind it; some have none."""
    return re.sub(r"-[0-9a-z]{10}$", "", name)


def environment(overlay: str, workload: Workload) -> dict[str, str]:
    """What a container is started with, but for what only a cluster can say."""
    maps = config_maps(overlay)
    found: dict[str, str] = {}
    for source in workload.container.get("envFrom", []):
        found |= maps[without_hash(source["configMapRef"]["name"])]
    return found | {entry["name"]: entry["value"] for entry in workload.container.get("env", []) if "value" in entry}


def references(node: Any, kinds: tuple[str, ...] = ("configMap", "secret")) -> Iterator[tuple[str, str, bool]]:
    """(kind, name, optional) of every ConfigMap and Secret that a pod's spec names."""
    keys = {
        "configMapRef": "configMap",
        "configMapKeyRef": "configMap",
        "secretRef": "secret",
        "secretKeyRef": "secret",
    }
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, dict) and (key in keys or key in kinds):
                name = value.get("secretName") or value.get("name")
                if name is not None:
                    yield keys.get(key, key), str(name), bool(value.get("optional"))
            yield from references(value)
