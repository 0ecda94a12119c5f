"""A pod's volumes as folders, and its containers' environment: what ConfigMaps, Secrets and the pod itself say."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.kubernetes.cluster.api import Api

Spec = Mapping[str, Any]


class Missing(Exception):
    """A ConfigMap, a Secret or a key of one is not there, and is not said to be optional."""


class PodFiles:
    """The folders of one pod below `folder`."""

    def __init__(self, api: Api, pod: Spec, folder: Path) -> None:
        self._api, self._pod, self._folder = api, pod, folder
        self._namespace = pod["metadata"]["namespace"]

    def write(self) -> None:
        """Makes every volume anew from what stands in the API now. Raises Missing."""
        for volume in self._pod["spec"].get("volumes", []):
            path = self._folder / "volumes" / volume["name"]
            path.mkdir(parents=True, exist_ok=True)
            for source in (volume, *volume.get("projected", {}).get("sources", [])):
                for name, content in self._files(source).items():
                    (path / name).parent.mkdir(parents=True, exist_ok=True)
                    (path / name).write_bytes(content)
                    (path / name).chmod(_mode(volume))

    def mount(self, container: Spec, root: Path) -> Path:
        """`root` with this container's mounts in it, as links; gives it. `schemas` and `models` of the image are there
        where nothing is mounted over them.
        """
        place = self._folder / "containers" / container["name"]
        for mount in container.get("volumeMounts", []):
            target = place / mount["mountPath"].lstrip("/")
            source = self._folder / "volumes" / mount["name"] / mount.get("subPath", "")
            _link(target, source)
        for name in ("schemas", "models"):
            if not (place / "app" / name).exists():
                _link(place / "app" / name, root / name)
        (place / "app/var").mkdir(parents=True, exist_ok=True)
        return place

    def environment(self, container: Spec, address: str) -> dict[str, str]:
        """Every variable that the container's specification gives."""
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            for kind in ("configMapRef", "secretRef"):
                if kind in source:
                    data = self._data(kind.removesuffix("Ref"), source[kind])
                    found |= {source.get("prefix", "") + name: value.decode() for name, value in data.items()}
        for variable in container.get("env", []):
            value = variable.get("value", "")
            if "valueFrom" in variable:
                said = self._value(variable["valueFrom"], address)
                if said is None:
                    continue
                value = said
            found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda m: found.get(m[1], m[0]), value)
        return found

    def _value(self, source: Spec, address: str) -> str | None:
        for kind in ("configMap", "secret"):
            if reference := source.get(f"{kind}KeyRef"):
                data = self._data(kind, reference)
                if reference["key"] not in data and not reference.get("optional"):
                    raise Missing(f"{kind} {reference['name']} has no key {reference['key']}")
                return data[reference["key"]].decode() if reference["key"] in data else None
        path: str = source.get("fieldRef", {}).get("fieldPath", "")
        if path == "status.podIP":
            return address
        if named := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
            return str(self._pod["metadata"].get(named[1], {}).get(named[2], ""))
        if path.startswith("metadata."):
            return str(self._pod["metadata"][path.removeprefix("metadata.")])
        return None

    def _files(self, source: Spec) -> dict[str, bytes]:
        for kind, key in (("configMap", "name"), ("secret", "secretName")):
            if kind in source:
                one = source[kind]
                data = self._data(kind, {"name": one.get(key) or one.get("name"), "optional": one.get("optional")})
                chosen = {item["key"]: item["path"] for item in one.get("items", [])} or {name: name for name in data}
                return {path: data[name] for name, path in chosen.items() if name in data}
        return {}

    def _data(self, kind: str, reference: Spec) -> dict[str, bytes]:
        path = f"/api/v1/namespaces/{self._namespace}/{kind.lower()}s/{reference['name']}"
        found = self._api.find(path)
        if found is None:
            if reference.get("optional"):
                return {}
            raise Missing(f"{kind} {reference['name']} is not there")
        data = {name: base64.b64decode(value) for name, value in found.get("binaryData", {}).items()}
        if kind == "secret":
            return data | {name: base64.b64decode(value) for name, value in found.get("data", {}).items()}
        return data | {name: value.encode() for name, value in found.get("data", {}).items()}


def led_into(place: Path, value: str, mounts: list[str]) -> str:
    """A value in which paths of the container are those of `place`."""
    for mount in sorted({*mounts, "/app"}, key=len, reverse=True):
        value = re.sub(rf"(?<![\w./-]){re.escape(mount)}(?=/|$|[,:;])", str(place / mount.lstrip("/")), value)
    return value


def _mode(volume: Spec) -> int:
    """Of a volume's files: a signing key that everybody may read is refused."""
    kinds = ("secret", "configMap", "projected", "downwardAPI")
    return next((int(volume[kind].get("defaultMode", 0o644)) for kind in kinds if kind in volume), 0o644)


def _link(target: Path, source: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_symlink() and not target.exists():
        target.symlink_to(source)
