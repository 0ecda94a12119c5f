"""The node: known to the API as ready, and at work on the pods that are bound to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.kubernetes.cluster.api import Api
from tests.kubernetes.node.runner import PodRunner

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
POLL_S = 0.25
HEARTBEAT_S = 10.0
CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "250", "ephemeral-storage": "500Gi"}
"""What the scheduler may give it. Requests are those of a real cluster: a machine that runs a test has less."""


class Node:
    """`name`: as the API knows it; `number`: the third part of its pods' addresses, so that nodes share none."""

    def __init__(self, api: Api, name: str, folder: Path, root: Path, number: int = 0) -> None:
        self.name = name
        self._api, self._folder, self._root, self._number = api, folder, root, number
        self._runners: dict[str, PodRunner] = {}
        self._next_address = 1
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"node {name}", daemon=True)
        self.failed: Exception | None = None

    def start(self) -> None:
        """Registers it, ready, and begins to run pods."""
        labels = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux"}
        labels["topology.kubernetes.io/zone"] = f"zone-{self._number % 3}"
        self._api.create(
            "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name, "labels": labels}}
        )
        self._heartbeat()
        self._thread.start()

    def stop(self) -> None:
        """Ends every process that it runs."""
        self._stopped.set()
        self._thread.join(10)
        for runner in self._runners.values():
            runner.end(10.0)
        for runner in self._runners.values():
            runner.join(30)

    def check(self) -> None:
        """Raises what went wrong in it since it was started."""
        if self.failed is not None:
            raise RuntimeError(f"{self.name} has failed") from self.failed

    def pids(self, pod: str) -> list[int]:
        """Of a pod's processes, by its name."""
        return [pid for runner in list(self._runners.values()) if runner.name == pod for pid in runner.pids]

    def _work(self) -> None:
        beaten = 0.0
        try:
            while not self._stopped.wait(POLL_S):
                if time.monotonic() - beaten > HEARTBEAT_S:
                    self._heartbeat()
                    beaten = time.monotonic()
                self._look()
        except Exception as error:  # noqa: BLE001  the test that uses this node reads and raises it
            self.failed = error

    def _look(self) -> None:
        pods = self._api.get("/api/v1/pods", fieldSelector=f"spec.nodeName={self.name}")["items"]
        known = {pod["metadata"]["uid"]: pod for pod in pods}
        for uid, pod in known.items():
            if uid not in self._runners and pod["status"].get("phase") not in ("Succeeded", "Failed"):
                self._runners[uid] = self._run(pod)
            if "deletionTimestamp" in pod["metadata"]:
                self._end(uid, pod)
        for runner in self._runners.values():
            if runner.failed is not None:
                raise runner.failed
        for uid in [uid for uid in self._runners if uid not in known]:
            self._runners[uid].end(1.0)
            if not self._runners[uid].is_alive():
                del self._runners[uid]

    def _run(self, pod: Mapping[str, Any]) -> PodRunner:
        address = f"10.88.{self._number}.{self._next_address}"
        self._next_address = self._next_address % 250 + 1
        runner = PodRunner(self._api, pod, self._folder, self._root, address)
        runner.start()
        return runner

    def _end(self, uid: str, pod: Mapping[str, Any]) -> None:
        runner = self._runners.get(uid)
        if runner is not None and runner.is_alive():
            runner.end(float(pod["metadata"].get("deletionGracePeriodSeconds", 30)))
        else:  # one that has ended by itself, and is taken away now
            meta = pod["metadata"]
            self._api.delete(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}", {"gracePeriodSeconds": 0})

    def _heartbeat(self) -> None:
        now = datetime.now(UTC)
        said = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        ready = {"type": "Ready", "status": "True", "reason": "StandIn", "lastHeartbeatTime": said}
        status = {"capacity": CAPACITY, "allocatable": CAPACITY, "conditions": [ready]}
        self._api.patch(f"/api/v1/nodes/{self.name}/status", {"status": status})
        spec = {
            "holderIdentity": self.name,
            "leaseDurationSeconds": 40,
            "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        if not self._api.patch(f"{LEASES}/{self.name}", {"spec": spec}):
            lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self.name},
                "spec": spec,
            }
            self._api.create(LEASES, lease)
