"""The components `tls` and `tls-behind-gateway` on an overlay: every door, and whoever asks there, speaks TLS."""

from __future__ import annotations

from functools import cache
from typing import Any

import kubernetes_validate
import pytest

from tests.contract.kubernetes.test_schemas import NATIVE, NEWER
from tests.support.kubernetes.custom_resources import problems, schemas
from tests.support.kubernetes.rendering import ROOT, WORKLOADS, Manifest, Workload, copied, render, without_hash

KUSTOMIZATION = """apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../staging]
components: [../../components/tls, ../../components/tls-behind-gateway]
"""
PROBES = {"startupProbe", "livenessProbe", "readinessProbe"}


@cache
def rendered() -> tuple[Manifest, ...]:
    folder = copied() / "deploy/kubernetes/overlays/staging-tls"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(KUSTOMIZATION)
    return render(folder)


def doors() -> list[Workload]:
    """Those with a port of ours."""
    found = [Workload(one) for one in rendered() if one["kind"] in WORKLOADS]
    return [one for one in found if one.ours and one.container.get("ports")]


def of_kind(kind: str) -> dict[str, Manifest]:
    return {str(one["metadata"]["name"]): one for one in rendered() if one["kind"] == kind}


@pytest.mark.needs("kubectl", "openssl")
def test_every_door_has_the_certificate_and_is_probed_by_tls() -> None:
    assert {door.name for door in doors()} == {
        "ingest", "serve", "validator", "stream", "trainer", "train", "drift-profile", "drift-detect",
    }  # fmt: skip
    for door in doors():
        probes = {name: door.container[name] for name in PROBES & door.container.keys()}
        assert {"livenessProbe", "readinessProbe"} <= probes.keys(), door.name
        assert {probe["httpGet"]["scheme"] for probe in probes.values()} == {"HTTPS"}, door.name
        assert {probe["httpGet"]["path"] for probe in probes.values()} == {"/health/live", "/health/ready"}, door.name
        (mount,) = [one for one in door.container["volumeMounts"] if one["name"] == "tls"]
        assert mount == {"name": "tls", "mountPath": "/run/tls", "readOnly": True}, "a folder, which is renewed"
        (volume,) = [one for one in door.pod["volumes"] if one["name"] == "tls"]
        assert volume["secret"] == {"secretName": "tidemill-doors", "defaultMode": 0o440}
        (source,) = door.container["envFrom"]
        settings = {without_hash(name): one["data"] for name, one in of_kind("ConfigMap").items()}
        given: dict[str, Any] = settings[without_hash(source["configMapRef"]["name"])]
        assert given["TIDEMILL_TLS_CERTIFICATE"] == "/run/tls/tls.crt"
        assert given["TIDEMILL_TLS_KEY"] == "/run/tls/tls.key"


@pytest.mark.needs("kubectl", "openssl")
def test_prometheus_and_the_gateway_ask_by_tls_under_the_name_of_the_certificate() -> None:
    for name, monitor in of_kind("PodMonitor").items():
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["scheme"] == "https", name
        assert endpoint["tlsConfig"] == {
            "serverName": "tidemill",
            "ca": {"secret": {"name": "tidemill-doors", "key": "ca.crt"}},
        }
    (policy,) = of_kind("BackendTLSPolicy").values()
    asked = {back["name"] for route in of_kind("HTTPRoute").values() for back in _backends(route)}
    assert {target["name"] for target in policy["spec"]["targetRefs"]} == asked
    assert policy["spec"]["validation"]["hostname"] == "tidemill"


@pytest.mark.needs("kubectl", "openssl", "go")
def test_every_object_is_one_that_whoever_reads_it_takes() -> None:
    for manifest in rendered():
        if manifest["apiVersion"] in NATIVE:
            kubernetes_validate.validate(manifest, NEWER, strict=True)
        else:
            assert (manifest["apiVersion"], manifest["kind"]) in schemas()
            assert problems(manifest) == []


def test_the_page_on_tls_names_what_a_team_makes() -> None:
    page = (ROOT / "docs/tls.md").read_text()
    assert "`tidemill-doors`" in page and "`tidemill-doors-ca`" in page


def _backends(route: Manifest) -> list[dict[str, Any]]:
    return [back for rule in route["spec"]["rules"] for back in rule.get("backendRefs", [])]
