"""Schemas of objects that are not Kubernetes' own: from the Go modules of those who read them, pinned by hash.

Go fetches a module's archive and says its hash; nothing is built. Nothing of them is kept in this repository.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from tests.support.kubernetes.rendering import Manifest
from tests.support.processes.programs import program


@dataclass(frozen=True)
class Source:
    """A module at a version, the hash of its archive (`h1:`, as in go.sum), and where its definitions are."""

    module: str
    version: str
    archive: str
    paths: str


KEDA = Source(
    "github.com/kedacore/keda/v2",
    "v2.21.0",
    "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
    "config/crd/bases/keda.sh_*.yaml",
)
OTHERS = (
    Source(
        "sigs.k8s.io/gateway-api",
        "v1.4.0",
        "h1:ZwlNM6zOHq0h3WUX2gfByPs2yAEsy/EenYJB78jpQfQ=",
        "config/crd/standard/*.yaml",
    ),
    Source(
        "github.com/prometheus-operator/prometheus-operator",
        "v0.86.1",
        "h1:pHUuiRErcFb3nFDox7RxoxpEN0FyT24GtYOkr2GBu04=",
        "example/prometheus-operator-crd/monitoring.coreos.com_p*.yaml",
    ),
    Source(
        "github.com/external-secrets/external-secrets",
        "v1.3.2",
        "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
        "config/crds/bases/external-secrets.io_*.yaml",
    ),
    Source(
        "github.com/argoproj/argo-cd/v3",
        "v3.5.7",
        "h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=",
        "manifests/crds/app*-crd.yaml",
    ),
)
SOURCES = (KEDA, *OTHERS)


def definitions(source: Source) -> Iterator[dict[str, Any]]:
    """The custom resource definitions of a module."""
    for path in sorted(source_folder(source).glob(source.paths)):
        for definition in yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
            if definition and definition["kind"] == "CustomResourceDefinition":
                yield definition


@cache
def schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """JSON Schema of each served version, by apiVersion and kind; a field that it does not name is a mistake."""
    found = {}
    for source in SOURCES:
        for definition in definitions(source):
            spec = definition["spec"]
            for version in spec["versions"]:
                key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                found[key] = _strict(version["schema"]["openAPIV3Schema"], top=True)
    return found


def problems(manifest: Manifest) -> list[str]:
    """What an API server would say against a custom object, with the place."""
    schema = schemas()[manifest["apiVersion"], manifest["kind"]]
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(manifest)]


def source_folder(source: Source) -> Path:
    """Where Go has unpacked the module. Fails the test where it is another than the one that is pinned."""
    command = [program("go"), "mod", "download", "-json", f"{source.module}@{source.version}"]
    environment = os.environ | {"GOFLAGS": "-mod=mod", "GO111MODULE": "on", "GOTOOLCHAIN": "local", "GOSUMDB": "off"}
    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr or done.stdout
    said = json.loads(done.stdout)
    assert said["Sum"] == source.archive, f"{source.module} {source.version} is another one: {said['Sum']}"
    return Path(said["Dir"])


def _strict(schema: Any, *, top: bool = False) -> Any:
    """A structural schema as a JSON Schema that an unknown field does not pass."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) if key != "properties" else {n: _strict(s) for n, s in value.items()}
              for key, value in schema.items() if key != "description"}  # fmt: skip
    if schema.get("x-kubernetes-int-or-string"):
        strict.pop("type", None)
        strict["type"] = ["integer", "string"]
    if schema.get("nullable"):
        strict["type"] = [*([strict["type"]] if isinstance(strict.get("type"), str) else []), "null"]
    closed = "properties" in schema and "additionalProperties" not in schema
    if closed and not schema.get("x-kubernetes-preserve-unknown-fields"):
        strict["additionalProperties"] = False
    if top:
        strict["properties"]["metadata"] = {"type": "object"}
    return strict
