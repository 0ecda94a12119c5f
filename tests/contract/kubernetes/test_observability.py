"""The collector, Jaeger, Loki and the agents: valid, confined, reachable by whom they are for and by nobody else."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.contract.kubernetes.test_confinement import port_of
from tests.contract.kubernetes.test_schemas import NEWER, OLDEST
from tests.support.kubernetes.rendering import (
    OVERLAYS,
    ROOT,
    Manifest,
    config_maps,
    copied,
    of_kind,
    render,
    without_hash,
)

pytestmark = pytest.mark.needs("kubectl", "openssl")

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS, AGENTS = "tidemill-observability", "tidemill-logs"
AS_IN_COMPOSE = {"otel-collector": "otel-collector", "jaeger": "jaeger", "loki": "loki", "pod-logs": "logs"}


@pytest.fixture(scope="module")
def manifests() -> tuple[Manifest, ...]:
    return render(copied() / "deploy/kubernetes/observability")


def named(manifests: tuple[Manifest, ...], *kinds: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] in kinds}


def running(manifests: tuple[Manifest, ...]) -> dict[str, Manifest]:
    return named(manifests, "Deployment", "StatefulSet", "DaemonSet")


def pods(manifests: tuple[Manifest, ...]) -> dict[str, Any]:
    return {name: one["spec"]["template"]["spec"] for name, one in running(manifests).items()}


@pytest.mark.parametrize("version", [OLDEST, NEWER])
def test_every_object_is_valid_with_no_field_too_many(manifests: tuple[Manifest, ...], version: str) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_every_pod_may_do_what_it_must_and_only_the_agents_see_a_folder_of_the_node(
    manifests: tuple[Manifest, ...],
) -> None:
    for name, pod in pods(manifests).items():
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert {"cpu", "memory"} == set(container["resources"]["requests"]) and container["resources"]["limits"][
            "memory"
        ]
        host = {volume["name"]: volume["hostPath"] for volume in pod["volumes"] if "hostPath" in volume}
        if name != "pod-logs":
            assert pod["securityContext"]["runAsNonRoot"] is True and host == {}, name
            continue
        assert {one["path"] for one in host.values()} == {"/var/log/pods"}
        assert all(mount["readOnly"] for mount in container["volumeMounts"] if mount["name"] in host)


def test_images_and_settings_are_those_of_compose(manifests: tuple[Manifest, ...]) -> None:
    for name, pod in pods(manifests).items():
        assert pod["containers"][0]["image"] == COMPOSE[AS_IN_COMPOSE[name]]["image"], name
    held = {without_hash(name): one["data"] for name, one in named(manifests, "ConfigMap").items()}
    for name, path in (("otel-collector", "otel/collector.yaml"), ("loki", "loki/loki.yaml")):
        file = path.rpartition("/")[2]
        assert held[name][file] == (ROOT / "deploy" / path).read_text()


def test_namespaces_say_what_they_hold_and_only_that_of_the_agents_allows_what_agents_need(
    manifests: tuple[Manifest, ...],
) -> None:
    enforced = {
        name: one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for name, one in named(manifests, "Namespace").items()
    }
    assert enforced == {OURS: "restricted", AGENTS: "privileged"}
    assert {name for name, one in running(manifests).items() if one["metadata"]["namespace"] == AGENTS} == {"pod-logs"}
    denied = [one for one in manifests if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == "deny-all"]
    assert {one["metadata"]["namespace"] for one in denied} == {OURS, AGENTS}
    assert all(one["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} for one in denied)


def test_services_reach_the_collector_where_production_says_it_is(manifests: tuple[Manifest, ...]) -> None:
    endpoint = config_maps("production")["tidemill-settings"]["TIDEMILL_OTLP_ENDPOINT"]
    service = named(manifests, "Service")["otel-collector"]
    assert endpoint == f"http://otel-collector.{OURS}:{service['spec']['ports'][0]['port']}"
    (way,) = of_kind("production", "NetworkPolicy")["to-traces"]["spec"]["egress"]
    wanted = way["to"][0]["namespaceSelector"]["matchLabels"].items()
    assert wanted <= named(manifests, "Namespace")[OURS]["metadata"]["labels"].items()
    assert [entry["port"] for entry in way["ports"]] == [port_of(endpoint)]
    policy = named(manifests, "NetworkPolicy")["collector-from-services"]["spec"]["ingress"][0]["from"][0]
    (expression,) = policy["namespaceSelector"]["matchExpressions"]
    assert set(expression["values"]) == {name for overlay in OVERLAYS for name in of_kind(overlay, "Namespace")}


def test_every_service_finds_its_pods_and_every_way_in_is_a_port_that_is_there(
    manifests: tuple[Manifest, ...],
) -> None:
    ports = {
        name: {entry["name"]: entry["containerPort"] for entry in pod["containers"][0].get("ports", [])}
        for name, pod in pods(manifests).items()
    }
    for name, service in named(manifests, "Service").items():
        assert service["spec"]["selector"] == {"app.kubernetes.io/name": name}
        assert {entry["targetPort"]: entry["port"] for entry in service["spec"]["ports"]} == ports[name]
    for policy in named(manifests, "NetworkPolicy").values():
        for rule in policy["spec"].get("ingress", []):
            to = policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
            assert {entry["port"] for entry in rule["ports"]} <= ports[to].keys()
