"""Every object is one that Kubernetes takes: by its own schemas, KEDA's, Gateway API's, the Prometheus operator's."""

from __future__ import annotations

import copy

import kubernetes_validate
import pytest

from tests.support.kubernetes.custom_resources import SOURCES, problems, schemas
from tests.support.kubernetes.rendering import OVERLAYS, Manifest, of_kind, rendered

OLDEST, NEWER = "1.31", "1.34"
"""What the manifests are for (docs/kubernetes.md)."""
NATIVE = ("v1", "apps/v1", "batch/v1", "policy/v1", "networking.k8s.io/v1")


@pytest.mark.needs("kubectl", "openssl")
@pytest.mark.parametrize(("overlay", "version"), [("production", OLDEST), ("staging", NEWER), ("dev", NEWER)])
def test_every_native_object_is_valid_with_no_field_too_many(overlay: str, version: str) -> None:
    for manifest in rendered(overlay):
        if manifest["apiVersion"] in NATIVE:
            kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.needs("kubectl", "openssl")
def test_a_misspelt_field_is_found() -> None:
    wrong: Manifest = copy.deepcopy(of_kind("production", "Deployment")["serve"])
    wrong["spec"]["template"]["spec"]["terminationGracePeriod"] = 5
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, OLDEST, strict=True)


@pytest.mark.needs("kubectl", "openssl", "go")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_custom_object_is_valid_by_the_schema_of_whoever_reads_it(overlay: str) -> None:
    known = schemas()
    for manifest in rendered(overlay):
        if manifest["apiVersion"] not in NATIVE:
            key = (manifest["apiVersion"], manifest["kind"])
            assert key in known, f"{key} is of none of {', '.join(source.module for source in SOURCES)}"
            assert problems(manifest) == []


@pytest.mark.needs("kubectl", "openssl", "go")
@pytest.mark.parametrize(
    ("kind", "name", "path", "value"),
    [
        ("ScaledObject", "stream", ("spec", "minReplicas"), 1),
        ("ScaledObject", "stream", ("spec", "fallback", "behavior"), "asBefore"),
        ("ScaledJob", "train", ("spec", "jobTargetRef", "template", "spec", "containers", 0, "imagePolicy"), "Always"),
        ("HTTPRoute", "serve", ("spec", "rules", 0, "backendRefs", 0, "port"), 70_000),
        ("PodMonitor", "others", ("spec", "podMetricsEndpoints", 0, "every"), "5s"),
    ],
)
def test_a_mistake_in_a_custom_object_is_found(
    kind: str, name: str, path: tuple[str | int, ...], value: object
) -> None:
    wrong: Manifest = copy.deepcopy(of_kind("production", kind)[name])
    place = wrong
    for step in path[:-1]:
        place = place[step]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    assert len(problems(wrong)) == 1
