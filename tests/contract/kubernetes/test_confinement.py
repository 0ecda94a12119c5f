"""Pods may do what they must and nothing more; they start, stop and move without loss; who talks to whom is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.contract import topics
from tests.support.kubernetes.rendering import (
    OVERLAYS,
    ROOT,
    Workload,
    config_maps,
    environment,
    of_kind,
    ours,
    references,
    rendered,
    workloads,
)
from tidemill_inference.entrypoints.serve import LOG_FLUSH_S
from tidemill_inference.settings import ServeSettings
from tidemill_ingest.settings import IngestSettings
from tidemill_trainer.part_threads import GRACE_S

pytestmark = pytest.mark.needs("kubectl", "openssl")

LONGEST_STOP_S = 20
"""Of a worker on Kafka, whatever it does (docs/fault-report.md, "SIGTERM drain")."""
SERVICE_OF = {"serve": "inference", "stream": "inference", "drift-profile": "drift", "drift-detect": "drift",
              "train": "trainer", "release": "cli", "keys": "cli"}  # fmt: skip
"""Whom topics.yaml means, where the names differ."""


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_restricted_and_has_no_token(overlay: str) -> None:
    for workload in workloads(overlay):
        pod, container = workload.pod, workload.container
        assert pod["automountServiceAccountToken"] is False, workload.name
        assert pod["enableServiceLinks"] is False, "a Service's variables would be settings"
        assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
        assert {key for volume in pod.get("volumes", []) for key in volume if key != "name"} <= {
            "configMap", "secret", "emptyDir",
        }  # fmt: skip
    (namespace,) = of_kind(overlay, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_of_ours_writes_to_named_volumes_alone_and_is_its_own_account(overlay: str) -> None:
    accounts = of_kind(overlay, "ServiceAccount")
    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())
    for workload in ours(overlay):
        assert workload.container["securityContext"]["readOnlyRootFilesystem"] is True
        assert workload.pod["securityContext"]["runAsUser"] == 10001, "as in the image"
        empty = {volume["name"] for volume in workload.pod["volumes"] if "emptyDir" in volume}
        for mount in workload.container["volumeMounts"]:
            assert mount["name"] in empty or mount["readOnly"] is True, (workload.name, mount)
        assert all("sizeLimit" in volume["emptyDir"] for volume in workload.pod["volumes"] if "emptyDir" in volume)
        account = {"train": "trainer", "keys": "release"}.get(workload.name, workload.name)
        assert workload.pod["serviceAccountName"] == account and account in accounts


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_says_what_it_needs(overlay: str) -> None:
    for workload in workloads(overlay):
        needs = workload.container["resources"]
        assert set(needs["requests"]) == {"cpu", "memory"} and "memory" in needs["limits"], workload.name
        assert "cpu" not in needs["limits"], "a limit on processor time stalls a process that could go on"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_stays_up_is_probed_and_ends_after_what_is_under_way(overlay: str) -> None:
    drains = {
        "ingest": IngestSettings.model_fields["drain_s"].default + LONGEST_STOP_S,
        "serve": ServeSettings.model_fields["drain_s"].default + LOG_FLUSH_S,
        "trainer": GRACE_S,
    }
    for workload in ours(overlay):
        if workload.kind in ("Job", "ScaledJob"):
            continue
        container = workload.container
        for kind, path in (("startup", "live"), ("liveness", "live"), ("readiness", "ready")):
            assert container[f"{kind}Probe"]["httpGet"] == {"path": f"/health/{path}", "port": "http"}
        before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        drain = drains.get(workload.name, LONGEST_STOP_S)
        assert workload.pod["terminationGracePeriodSeconds"] >= before + drain, workload.name
        assert before >= 5 or workload.name not in ("ingest", "serve"), "gateways go on sending for some seconds"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_release_takes_nothing_away_before_there_is_more(overlay: str) -> None:
    for workload in ours(overlay):
        spec = workload.manifest["spec"]
        if workload.kind == "Deployment" and workload.name in ("ingest", "serve"):
            assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        elif workload.kind == "Deployment":
            assert spec["strategy"] == {"type": "Recreate"} and spec["replicas"] == 1, workload.name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_budget_blocks_the_drain_of_a_node_and_replicas_stand_apart(overlay: str) -> None:
    budgets = of_kind(overlay, "PodDisruptionBudget")
    for budget in budgets.values():
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow", "a worker without a model is not ready"
    for workload in ours(overlay):
        many = workload.template["metadata"]["labels"]["tidemill.dev/replicas"] == "many"
        assert many == (workload.name in budgets), workload.name
        assert many == ("topologySpreadConstraints" in workload.pod) == ("affinity" in workload.pod)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_pod_may_reach_is_what_its_settings_name(overlay: str) -> None:
    """Kafka by topics.yaml: who writes or reads any."""
    on_kafka = {who for spec in topics().specs for who in (spec.owner, *spec.producers, *spec.consumers)}
    for workload in ours(overlay):
        given = environment(overlay, workload)
        told = {
            "kafka": SERVICE_OF.get(workload.name, workload.name) in on_kafka,
            "registry": "TIDEMILL_SCHEMA_REGISTRY_URL" in given,
            "database": "TIDEMILL_DATABASE_URL_FILE" in given,
            "redis": "TIDEMILL_REDIS_URL_FILE" in given,
            "store": {"AWS_ACCESS_KEY_ID_FILE", "AWS_SECRET_ACCESS_KEY_FILE"} <= given.keys(),
            "mlflow": workload.image == "trainer",
        }
        assert workload.uses == {name for name, yes in told.items() if yes}, workload.name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_is_denied_but_what_is_named_and_every_address_is_among_that(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    denial = policies["deny-all"]["spec"]
    assert denial == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    used = {use for workload in workloads(overlay) for use in workload.uses}
    assert {f"to-{use}" for use in used} <= policies.keys()
    settings = config_maps(overlay)["tidemill-settings"]
    addresses = {
        "kafka": settings["TIDEMILL_KAFKA_BOOTSTRAP"],
        "registry": settings["TIDEMILL_SCHEMA_REGISTRY_URL"],
        "store": settings.get("AWS_ENDPOINT_URL", "https://s3"),
        "mlflow": settings["TIDEMILL_MLFLOW_TRACKING_URI"],
    }
    for use, address in addresses.items():
        assert port_of(address) in set(ports(policies[f"to-{use}"])), (use, address)


def test_the_dev_overlay_lets_those_in_who_may_go_there() -> None:
    policies = of_kind("dev", "NetworkPolicy")
    for name, use in (("kafka", "kafka"), ("registry", "registry"), ("postgres", "database"), ("redis", "redis"),
                      ("s3", "store")):  # fmt: skip
        spec = policies[f"{name}-from-users"]["spec"]
        (opening,) = spec["ingress"]
        assert opening["from"] == [{"podSelector": {"matchLabels": {f"tidemill.dev/uses-{use}": "true"}}}]
        assert {entry["port"] for entry in opening["ports"]} <= set(ports(policies[f"to-{use}"]))
        (service,) = [one for key, one in of_kind("dev", "Service").items() if key == name]
        assert {entry["port"] for entry in opening["ports"]} <= {entry["port"] for entry in service["spec"]["ports"]}


def ports(policy: dict[str, Any]) -> Iterator[int]:
    """Every port that a policy opens to the outside."""
    for rule in policy["spec"]["egress"]:
        yield from (entry["port"] for entry in rule["ports"])


def port_of(address: str) -> int:
    """Of a URL, or of HOST:PORT."""
    url = urlsplit(address if "://" in address else f"kafka://{address}")
    return url.port or {"http": 80, "https": 443}[url.scheme]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_stands_in_a_manifest_and_each_that_is_named_is_there_or_documented(overlay: str) -> None:
    page = (ROOT / "docs/kubernetes.md").read_text()
    there = {(one["kind"], one["metadata"]["name"]) for one in rendered(overlay)}
    for workload in workloads(overlay):
        for kind, name, optional in references(workload.pod):
            made = ("ConfigMap" if kind == "configMap" else "Secret", name) in there
            assert made or optional or f"`{name}`" in page, (workload.name, name)
        for entry in workload.container.get("env", []):
            value = str(entry.get("value", ""))
            assert "@" not in value.replace("1@localhost:9093", "") or "://" not in value, (
                workload.name,
                entry["name"],
            )
    if overlay != "dev":
        assert "Secret" not in {kind for kind, _ in there}, "a team makes its own"


def test_what_is_asked_from_outside_comes_by_tls_and_stays_there() -> None:
    routes = of_kind("production", "HTTPRoute")
    gateway = of_kind("production", "Gateway")["tidemill"]
    assert {one["name"]: one["protocol"] for one in gateway["spec"]["listeners"]} == {"http": "HTTP", "https": "HTTPS"}
    for name in ("ingest", "serve"):
        spec = routes[name]["spec"]
        assert [parent["sectionName"] for parent in spec["parentRefs"]] == ["https"]
        (rule,) = spec["rules"]
        (header,) = rule["filters"][0]["responseHeaderModifier"]["set"]
        assert header["name"] == "Strict-Transport-Security" and "max-age=31536000" in header["value"]
        assert {match["path"]["value"] for match in rule["matches"]} <= {"/v1", "/v2"}, "neither metrics nor health"
        (behind,) = rule["backendRefs"]
        service = of_kind("production", "Service")[behind["name"]]
        assert behind["port"] in {entry["port"] for entry in service["spec"]["ports"]}
    (redirect,) = routes["to-https"]["spec"]["rules"]
    assert redirect["filters"][0]["requestRedirect"]["scheme"] == "https"
    assert set(routes["to-https"]["spec"]["hostnames"]) == {
        host for name in ("ingest", "serve") for host in routes[name]["spec"]["hostnames"]
    }


def test_a_selector_finds_the_pods_that_it_means() -> None:
    for overlay in OVERLAYS:
        for service in of_kind(overlay, "Service").values():
            wanted = service["spec"]["selector"].items()
            found = [one for one in workloads(overlay) if wanted <= one.template["metadata"]["labels"].items()]
            assert len(found) == 1, service["metadata"]["name"]
            named = {entry["name"] for entry in Workload(found[0].manifest).container["ports"]}
            for entry in service["spec"]["ports"]:
                assert entry.get("targetPort", entry["name"]) in named
