"""The real KEDA beside the control plane: its own manifests applied, and operator, adapter and webhooks as processes.

What KEDA's release would run as Deployments runs here as processes under KEDA's own service account and its rights. The
API server reaches them by Services of the type ExternalName, which lead to this machine.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from pathlib import Path
from typing import Any

from tests.kubernetes.cluster.control_plane import Cluster, write_kubeconfig
from tests.support.kubernetes.custom_resources import KEDA, source_folder

ADAPTER_PORT, WEBHOOK_PORT, SERVICE_PORT = 16444, 19443, 19666
METRICS = "keda-metrics-apiserver"
WEBHOOKS = "keda-admission-webhooks"
NAMES = ("localhost", "127.0.0.1", *(f"{name}.keda.svc" for name in ("keda-operator", METRICS, WEBHOOKS)))
HEALTH = 18081


def start_keda(cluster: Cluster) -> None:
    """Gives when the metrics API answers and ScaledObjects can be applied."""
    config = cluster.folder / "keda-config"
    shutil.copytree(source_folder(KEDA) / "config", config)  # kubectl wants to write beside what it renders
    cluster.apply(cluster.render(config / "default"))
    cluster.kubectl("-n", "keda", "scale", "deployment", "--all", "--replicas=0")
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    certificates = _certificates(cluster)
    _lead_here(cluster)
    _start(cluster, certificates)
    cluster.kubectl("wait", "--for=condition=Available", "apiservice/v1beta1.external.metrics.k8s.io", "--timeout=90s")


def _certificates(cluster: Cluster) -> Path:
    folder = cluster.folder / "keda-certificates"
    folder.mkdir(exist_ok=True)
    certificate, key = cluster.authority.issue("keda", "keda", names=NAMES)
    for source, name in ((certificate, "tls.crt"), (key, "tls.key"), (cluster.authority.certificate, "ca.crt")):
        shutil.copy(source, folder / name)
    return folder


def _lead_here(cluster: Cluster) -> None:
    trusted = base64.b64encode(cluster.authority.certificate.read_bytes()).decode()
    for service in (METRICS, WEBHOOKS):
        cluster.kubectl("-n", "keda", "delete", "service", service)
        cluster.kubectl(
            "-n", "keda", "create", "service", "externalname", service, "--external-name=localhost", "--tcp=443"
        )
    here = {"caBundle": trusted, "insecureSkipTLSVerify": False, "service": {"port": ADAPTER_PORT}}
    cluster.kubectl(
        "patch", "apiservice", "v1beta1.external.metrics.k8s.io", "--type=merge", "-p", json.dumps({"spec": here})
    )
    hooks: Any = cluster.get("validatingwebhookconfiguration", "keda-admission")
    for hook in hooks["webhooks"]:
        hook["failurePolicy"] = "Fail"  # here a webhook that is away is a fault of ours, and is to be seen
        hook["clientConfig"]["caBundle"] = trusted
        hook["clientConfig"]["service"]["port"] = WEBHOOK_PORT
    cluster.kubectl("replace", "-f", "-", given=json.dumps(hooks))


def _start(cluster: Cluster, certificates: Path) -> None:
    token = cluster.kubectl("-n", "keda", "create", "token", "keda-operator", "--duration=12h").strip()
    config = str(write_kubeconfig(cluster.authority, cluster.folder / "keda.kubeconfig", {"token": token}))
    env = {**os.environ, "KUBECONFIG": config, "POD_NAMESPACE": "keda", "WATCH_NAMESPACE": ""}
    env["KEDA_CLUSTER_OBJECT_NAMESPACE"] = "keda"
    common = [f"--cert-dir={certificates}", "--zap-log-level=info"]
    tools, children = cluster.tools, cluster.children
    operator = [f"--metrics-service-bind-address=127.0.0.1:{SERVICE_PORT}", "--metrics-bind-address=127.0.0.1:18080"]
    operator.append(f"--health-probe-bind-address=127.0.0.1:{HEALTH}")
    children.start("keda-operator", [tools.path("keda-operator"), *common, *operator], env)
    webhooks = [f"--port={WEBHOOK_PORT}", "--metrics-bind-address=127.0.0.1:18082"]
    webhooks.append("--health-probe-bind-address=127.0.0.1:18083")
    children.start("keda-webhooks", [tools.path("keda-webhooks"), *common, *webhooks], env)
    files = {f"{kind}-kubeconfig": config for kind in ("lister", "authentication", "authorization")}
    files |= {"client-ca-file": str(cluster.authority.certificate), "tls-cert-file": str(certificates / "tls.crt")}
    files |= {"tls-private-key-file": str(certificates / "tls.key"), "secure-port": str(ADAPTER_PORT), "port": "18084"}
    files |= {"bind-address": "127.0.0.1", "metrics-service-address": f"127.0.0.1:{SERVICE_PORT}"}
    files |= {"metrics-service-grpc-authority": "keda-operator.keda.svc"}
    adapter = [f"--{name}={value}" for name, value in files.items()]
    children.start("keda-adapter", [tools.path("keda-adapter"), *common, *adapter], env)
