"""One pod, run as a kubelet would: its containers as processes, their probes, its status, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.kubernetes.cluster.api import Api
from tests.kubernetes.node.image import image
from tests.kubernetes.node.probes import Probe
from tests.kubernetes.node.volumes import Missing, PodFiles, led_into
from tests.support.processes.children import TIED

Spec = Mapping[str, Any]
TICK_S = 0.2
BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 15.0)


@dataclass(slots=True)
class Container:
    """A container's process and what is known of it."""

    spec: Spec
    process: subprocess.Popen[bytes] | None = None
    started: str = ""
    restarts: int = 0
    wait_until: float = 0.0
    ended: dict[str, Any] | None = None
    probes: dict[str, Probe] = field(default_factory=dict)
    ready: bool = False


class PodRunner(threading.Thread):
    """Runs a pod until it has ended or is deleted. `root`: the checkout; `address`: the pod's, on this machine."""

    def __init__(self, api: Api, pod: Spec, folder: Path, root: Path, address: str) -> None:
        super().__init__(name=pod["metadata"]["name"], daemon=True)
        self._api, self._pod, self._root, self.address = api, pod, root, address
        meta = pod["metadata"]
        self._path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        self._folder = folder / meta["namespace"] / f"{meta['name']}-{meta['uid'][:8]}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._files = PodFiles(api, pod, self._folder)
        self._asked_to_end = threading.Event()
        self._grace_s = 30.0
        self._told: Any = None
        self._began = _now()
        self.failed: Exception | None = None
        self.containers = [Container(spec) for spec in pod["spec"]["containers"]]

    @property
    def pids(self) -> list[int]:
        """Of the processes that run now."""
        return [one.process.pid for one in self.containers if one.process and one.process.poll() is None]

    def end(self, grace_s: float) -> None:
        """The pod has been deleted."""
        self._grace_s = grace_s
        self._asked_to_end.set()

    def run(self) -> None:
        """Until the end; the API knows it then. What goes wrong here, and not in the pod, is kept in `failed`."""
        try:
            if not self._prepared():
                self._gone()
                return
            while not self._asked_to_end.is_set() and self._step():
                self._asked_to_end.wait(TICK_S)
            if self._asked_to_end.is_set():
                self._end_all()
                self._gone()
        except Exception as error:  # noqa: BLE001  the node raises it
            self.failed = error

    def _prepared(self) -> bool:
        """Volumes are there, init containers have run; False where the pod was deleted before."""
        while not self._asked_to_end.is_set():
            try:
                self._files.write()
                for spec in self._pod["spec"].get("initContainers", []):
                    self._run_to_end(spec)
                return True
            except Missing as missing:
                self._tell("Pending", str(missing))
                self._asked_to_end.wait(1.0)
        return False

    def _run_to_end(self, spec: Spec) -> None:
        container = Container(spec)
        while not self._asked_to_end.is_set():
            self._start(container)
            assert container.process is not None
            while container.process.poll() is None and not self._asked_to_end.wait(TICK_S):
                pass
            if container.process.poll() == 0:
                return
            container.process.terminate()
            self._asked_to_end.wait(2.0)

    def _step(self) -> bool:
        """Starts what is to run, probes, tells. False once all have ended for good."""
        for container in self.containers:
            self._attend(container)
        policy = self._pod["spec"].get("restartPolicy", "Always")
        if all(one.ended is not None for one in self.containers) and policy != "Always":
            well = all(one.ended and one.ended["exitCode"] == 0 for one in self.containers)
            self._tell("Succeeded" if well else "Failed")
            return False
        self._tell("Running")
        return True

    def _attend(self, container: Container) -> None:
        if container.ended is not None:
            return
        if container.process is None:
            if time.monotonic() >= container.wait_until:
                self._start(container)
            return
        code = container.process.poll()
        if code is None:
            container.ready = self._probed(container)
            return
        container.process, container.ready = None, False
        policy = self._pod["spec"].get("restartPolicy", "Always")
        if policy == "Never" or (policy == "OnFailure" and code == 0):
            container.ended = {"exitCode": code if code >= 0 else 128 - code, "finishedAt": _now()}
            return
        container.wait_until = time.monotonic() + BACK_OFF_S[min(container.restarts, len(BACK_OFF_S) - 1)]
        container.restarts += 1

    def _probed(self, container: Container) -> bool:
        """Whether it is ready; ends it where it does not live."""
        probes = container.probes
        if not probes["startupProbe"].holds():
            if probes["startupProbe"].failed:
                self._kill(container)
            return False
        if probes["livenessProbe"].failed_when_asked():
            self._kill(container)
            return False
        return probes["readinessProbe"].holds()

    def _start(self, container: Container) -> None:
        spec = container.spec
        made = image(self._root / "deploy/Dockerfile", spec["image"])
        place = self._files.mount(spec, self._root)
        # paths of this machine lie below /tmp, too: TMPDIR says where a container's own is
        mounts = [mount["mountPath"] for mount in spec.get("volumeMounts", []) if mount["mountPath"] != "/tmp"]
        given = self._files.environment(spec, self.address)
        env = {**_plain_environment(), **made.env, "TIDEMILL_HOST": self.address, "TMPDIR": str(place / "tmp")}
        env |= {name: led_into(place, value, mounts) for name, value in given.items() if name != "TIDEMILL_HOST"}
        entry = [led_into(place, part, mounts) for part in spec.get("command", ())] or made.entry
        arguments = spec.get("args") or ([] if spec.get("command") else made.command)
        command = [*entry, *(led_into(place, part, mounts) for part in arguments)]
        with (self._folder / f"{spec['name']}.log").open("ab") as log:
            container.process = subprocess.Popen(
                [*TIED, *command], cwd=place / "app", env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        container.started = _now()
        container.probes = {name: Probe(spec.get(name), spec, self.address) for name in _PROBES}

    def _kill(self, container: Container) -> None:
        assert container.process is not None
        container.process.terminate()
        try:
            container.process.wait(self._grace_s)
        except subprocess.TimeoutExpired:
            container.process.kill()

    def _end_all(self) -> None:
        """preStop, SIGTERM, and after the grace SIGKILL."""
        deadline = time.monotonic() + self._grace_s
        self._tell("Running", ready=False)
        running = [one for one in self.containers if one.process is not None and one.process.poll() is None]
        for container in running:
            before = container.spec.get("lifecycle", {}).get("preStop", {})
            seconds = before.get("sleep", {}).get("seconds", 0)
            time.sleep(min(seconds, max(0.0, deadline - time.monotonic())))
            assert container.process is not None
            container.process.send_signal(signal.SIGTERM)
        for container in running:
            assert container.process is not None
            try:
                container.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                container.process.kill()
                container.process.wait()

    def _gone(self) -> None:
        self._api.delete(self._path, {"gracePeriodSeconds": 0, "preconditions": {"uid": self._pod["metadata"]["uid"]}})

    def _tell(self, phase: str, message: str = "", ready: bool = True) -> None:
        """Writes the pod's status where it has changed."""
        all_ready = ready and phase == "Running" and all(one.ready for one in self.containers)
        status = {
            "phase": phase, "podIP": self.address, "podIPs": [{"ip": self.address}], "startTime": self._began,
            "message": message or None, "containerStatuses": [_status(one) for one in self.containers],
            "conditions": [_condition(name, held) for name, held in (
                ("Initialized", phase != "Pending"), ("ContainersReady", all_ready), ("Ready", all_ready)
            )],
        }  # fmt: skip
        if status != self._told:
            self._api.patch(self._path + "/status", {"status": status})
            self._told = status


_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def _plain_environment() -> dict[str, str]:
    """What a process needs of this one, without the settings of a platform of one's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TIDEMILL_")}


def _status(container: Container) -> dict[str, Any]:
    spec = container.spec
    state: dict[str, Any] = {"waiting": {"reason": "CrashLoopBackOff" if container.restarts else "ContainerCreating"}}
    if container.ended is not None:
        state = {"terminated": {**container.ended, "reason": "Error" if container.ended["exitCode"] else "Completed"}}
    elif container.process is not None:
        state = {"running": {"startedAt": container.started}}
    return {
        "name": spec["name"], "image": spec["image"], "imageID": "", "ready": container.ready, "state": state,
        "restartCount": container.restarts, "started": container.process is not None,
    }  # fmt: skip


def _condition(name: str, held: bool) -> dict[str, Any]:
    return {"type": name, "status": "True" if held else "False"}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
