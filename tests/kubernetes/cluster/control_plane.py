"""Kubernetes' control plane on loopback: etcd, API server, controller manager and scheduler as plain processes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.kubernetes.cluster.pki import Authority
from tests.kubernetes.cluster.tools import Tools
from tests.support.kubernetes.custom_resources import OTHERS, definitions
from tests.support.polling import until
from tests.support.processes.children import Children

API_PORT, ETCD_PORT, PEER_PORT = 16443, 12379, 12380
API = f"https://127.0.0.1:{API_PORT}"
READY_S = 90.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A control plane at work. `kubeconfig`: of its administrator; `authority`: who signs in it."""

    tools: Tools
    folder: Path
    children: Children
    authority: Authority
    kubeconfig: Path

    def kubectl(self, *arguments: str, given: str | None = None, fails: bool = False, timeout_s: float = 120) -> str:
        """Runs kubectl; what it printed. `given`: its standard input. Raises RuntimeError where it fails, or with
        `fails` where it does not, and then gives what it complained of.
        """
        command = [self.tools.path("kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=timeout_s, check=False)
        if (done.returncode != 0) is not fails:
            raise RuntimeError(
                f"kubectl {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"[-6000:]
            )
        return done.stderr if fails else done.stdout

    def apply(self, manifests: str) -> str:
        """Server-side, with strict fields: what the API does not know is refused."""
        return self.kubectl(
            "apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-", given=manifests
        )

    def render(self, folder: Path) -> str:
        """What `kubectl kustomize` makes of a folder."""
        return self.kubectl("kustomize", str(folder))

    def get(self, *arguments: str) -> Any:
        """`kubectl get ... -o json`, read."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))


def start(tools: Tools, folder: Path) -> Cluster:
    """Starts all of it in a network that this process is in; gives it when it answers."""
    authority = Authority(folder / "pki")
    children = Children(folder / "logs")
    config = {user: _kubeconfig(authority, folder, user, *who) for user, who in _USERS.items()}
    cluster = Cluster(tools, folder, children, authority, config["admin"])
    etcd = {f"{kind}-urls": f"http://127.0.0.1:{ETCD_PORT}" for kind in ("listen-client", "advertise-client")}
    etcd |= {f"{kind}-urls": f"http://127.0.0.1:{PEER_PORT}" for kind in ("listen-peer", "initial-advertise-peer")}
    etcd |= {"initial-cluster": f"default=http://127.0.0.1:{PEER_PORT}", "data-dir": str(folder / "etcd")}
    children.start("etcd", [tools.path("etcd"), *_flags(etcd), "--unsafe-no-fsync"])
    children.start("kube-apiserver", [tools.path("kube-apiserver"), *_flags(_api_flags(authority, folder))])
    _await(cluster, "the API server is ready", lambda: "ok" in cluster.kubectl("get", "--raw", "/readyz"))
    for part, more in _CONTROLLERS.items():
        own = {
            **dict.fromkeys(("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"), str(config[part]))
        }
        if part == "kube-controller-manager":
            own |= {"service-account-private-key-file": str(folder / "pki/sa.key")}
            own |= {"root-ca-file": str(authority.certificate)}
        children.start(part, [tools.path(part), *_flags({**own, "bind-address": "127.0.0.1", **more})])
    _await(cluster, "service accounts are made", lambda: bool(cluster.kubectl("get", "serviceaccount", "default")))
    return cluster


def know_foreign_kinds(cluster: Cluster) -> None:
    """Gives the API the kinds of others that overlays use: Gateway API's, Prometheus operator's."""
    for source in OTHERS:
        cluster.apply(yaml.safe_dump_all(definitions(source)))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


_USERS = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
}
_CONTROLLERS = {
    "kube-controller-manager": {
        "leader-elect": "false", "use-service-account-credentials": "true",
        "horizontal-pod-autoscaler-sync-period": "2s", "node-monitor-grace-period": "60s",
    },
    "kube-scheduler": {"leader-elect": "false"},
}  # fmt: skip


def _api_flags(authority: Authority, folder: Path) -> Mapping[str, str]:
    certificate, key = authority.issue(
        "apiserver", "kube-apiserver", names=["localhost", "127.0.0.1", "10.96.0.1", "kubernetes.default.svc"]
    )
    public, private = authority.key_pair("sa")
    front = authority.issue("front", "front-proxy")
    return {
        "etcd-servers": f"http://127.0.0.1:{ETCD_PORT}", "bind-address": "127.0.0.1", "secure-port": str(API_PORT),
        "advertise-address": "127.0.0.1", "endpoint-reconciler-type": "none", "authorization-mode": "Node,RBAC",
        "service-cluster-ip-range": "10.96.0.0/16", "client-ca-file": str(authority.certificate),
        "tls-cert-file": str(certificate), "tls-private-key-file": str(key), "profiling": "false",
        "service-account-key-file": str(public), "service-account-signing-key-file": str(private),
        "service-account-issuer": "https://kubernetes.default.svc", "enable-admission-plugins": "NodeRestriction",
        # how the API server says to an aggregated API, KEDA's metrics, who is asking
        "requestheader-client-ca-file": str(authority.certificate), "requestheader-allowed-names": "front-proxy",
        "requestheader-username-headers": "X-Remote-User", "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-", "proxy-client-cert-file": str(front[0]),
        "proxy-client-key-file": str(front[1]),
    }  # fmt: skip


def _kubeconfig(authority: Authority, folder: Path, user: str, common_name: str, organisation: str) -> Path:
    certificate, key = authority.issue(user, common_name, organisation)
    credentials = {"client-certificate": str(certificate), "client-key": str(key)}
    return write_kubeconfig(authority, folder / f"{user}.kubeconfig", credentials)


def write_kubeconfig(authority: Authority, path: Path, user: Mapping[str, str]) -> Path:
    """A file by which a program is known to the API server as `user`."""
    server = {"server": API, "certificate-authority": str(authority.certificate)}
    path.write_text(
        yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "here", "cluster": server}], "users": [{"name": "me", "user": dict(user)}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        })
    )  # fmt: skip
    return path


def _await(cluster: Cluster, what: str, holds: Any) -> None:
    def tried() -> bool:
        cluster.children.check()
        try:
            return bool(holds())
        except RuntimeError:  # not yet
            return False

    until(tried, READY_S, what)


def _flags(named: Mapping[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in named.items()]
