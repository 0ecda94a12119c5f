"""The platform on a real API server with the real KEDA: accepted, scaled by lag, killed at every step, drained."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import AdminClient
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from tests.kubernetes.beside import Beside
from tests.kubernetes.cluster.api import Api
from tests.kubernetes.cluster.control_plane import Cluster
from tests.kubernetes.lags import Lags
from tests.kubernetes.node.node import Node
from tests.kubernetes.platform import Deployed, client, deploy, rendered, set_threshold, settings
from tests.kubernetes.recording import Replicas
from tests.kubernetes.workload import MODEL, Bursts, files
from tests.support.kubernetes.rendering import OVERLAYS
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.contracts.topics import TopicCatalog

RECORDS = int(os.environ.get("TIDEMILL_K8S_RECORDS", "2_000_000"))
BURSTS = 2 if RECORDS >= 500_000 else 1
SCALED = ("validator", "stream")
CAP = 6
THRESHOLD = RECORDS // BURSTS // 50
"""Of lag, a replica: as shipped (20,000) with two million records, and as much less as there are fewer of them."""
WAIT_S = 900.0

pytestmark = pytest.mark.timeout(4 * WAIT_S)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_accepted_with_strict_fields_and_its_pods_by_pod_security(
    cluster: Cluster, overlay: str, report: dict[str, Any]
) -> None:
    documents = list(rendered(cluster, overlay))
    namespace = next(one for one in documents if one["kind"] == "Namespace")
    name = namespace["metadata"]["name"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    cluster.apply(yaml.safe_dump(namespace))
    try:
        cluster.apply(yaml.safe_dump_all(documents))
        wanted = {
            one["metadata"]["name"]: one["spec"].get("replicas", 1)
            for one in documents
            if one["kind"] in ("Deployment", "StatefulSet")
        }
        until(lambda: not wanted.keys() - _with_pods(cluster, name, wanted), 90, "every workload has a pod", every=1)
        events = cluster.get("-n", name, "events", "--field-selector=reason=FailedCreate")["items"]
        assert [event["message"] for event in events if "PodSecurity" in event["message"]] == []
    finally:
        cluster.kubectl("delete", "namespace", name, "--timeout=120s")
    report["overlays"].append(overlay)


def _with_pods(cluster: Cluster, namespace: str, wanted: dict[str, int]) -> set[str]:
    pods = cluster.get("-n", namespace, "pods")["items"]
    named = {pod["metadata"]["labels"].get("app.kubernetes.io/name") for pod in pods}
    return {name for name, replicas in wanted.items() if name in named or replicas == 0}


def test_a_mistake_in_a_manifest_is_refused(cluster: Cluster) -> None:
    wrong = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "dats": {"a": "b"}}
    said = cluster.kubectl(
        "apply", "--server-side", "--validate=strict", "-f", "-", given=yaml.safe_dump(wrong), fails=True
    )
    assert "dats" in said


@pytest.fixture(scope="module")
def platform(cluster: Cluster, beside: Beside, root: Path, nodes: list[Node]) -> Deployed:
    """The overlay `staging`, whose workers go to zero; its Job for topics and tables has been done."""
    return deploy(cluster, beside, root, "staging")


@pytest.fixture(scope="module")
def person(beside: Beside, root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody at the command line."""
    env = service_process.environment({}, inherit=False) | settings(beside) | beside.kafka.variables("person")
    env |= {
        name: value for name, value in os.environ.items() if name in ("TIDEMILL_SIGNING_KEY", "TIDEMILL_TRUSTED_KEYS")
    }
    env["TIDEMILL_DATABASE_URL"] = beside.database_url("operator")
    return {name: value for name, value in env.items() if value}


def test_a_training_is_a_job_and_one_that_is_killed_is_taken_up_once(
    platform: Deployed, person: dict[str, str], nodes: list[Node], beside: Beside, tmp_path: Path, root: Path
) -> None:
    assert _jobs(platform) == [], "an idle platform pays for no trainer"
    flights = files(tmp_path)
    _tidemill(person, root, "push", str(flights.events), "--model", MODEL)
    _tidemill(person, root, "push", str(flights.labels), "--model", MODEL, "--labels")
    until(lambda: _runs(beside, "started"), WAIT_S, "a Job has claimed a run", every=0.2)
    pod, pid = until(lambda: _training(platform, nodes), 20, "its process is there")
    os.kill(pid, signal.SIGKILL)
    (run,) = until(lambda: _runs(beside, "finished"), WAIT_S, lambda: f"the run ends: {_runs(beside)}", every=1)
    assert (run["attempts"], run["version"]) == (2, 1)
    until(lambda: not _active(platform), 120, "no Job is at work", every=1)
    ended = {job["metadata"]["name"]: job["status"] for job in _jobs(platform)}
    assert [name for name, status in ended.items() if status.get("failed")] == [pod.rpartition("-")[0]]
    assert sorted(status.get("succeeded", 0) for status in ended.values()) == [0, 1], "one Job a claim, and no more"


def test_workers_scale_by_real_lag_and_nothing_is_lost_though_one_dies_at_every_step(
    platform: Deployed, person: dict[str, str], nodes: list[Node], beside: Beside, api: Api, root: Path,
    tmp_path: Path, report: dict[str, Any],
) -> None:  # fmt: skip
    for name in SCALED:
        set_threshold(platform, name, THRESHOLD)
    until(lambda: _replicas(platform) == dict.fromkeys(SCALED, 0), WAIT_S, "idle workers are at zero", every=1)
    topics = TopicCatalog.load(root / "schemas")
    groups = {"validator": ("validator-all", topics.name("raw", MODEL))}
    groups["stream"] = ("inference-default", topics.name("clean", MODEL))
    bursts = Bursts(root, files(tmp_path), client(beside, "person"), groups["validator"][1])
    replicas = Replicas(api, platform.namespace, Lags(AdminClient(client(beside, "person")), groups), nodes)
    replicas.start()
    began = time.monotonic()
    for _ in range(BURSTS):
        _one_arch(bursts, replicas)
    report["seconds"] = round(time.monotonic() - began, 1)
    replicas.stop()
    proof = json.loads(_tidemill(person, root, "audit", MODEL, "--json"))
    report |= {"records": bursts.sent, "scaled": replicas.steps, "lags": replicas.lagged, "killed": replicas.killed}
    report |= {"threshold": THRESHOLD, "audit": proof, "lost": proof["lost"], "duplicated": proof["duplicated"]}
    assert proof["holds"] and (proof["lost"], proof["duplicated"], proof["waiting"]) == (0, 0, 0)
    assert proof["predictions"]["stream"] >= bursts.sent
    steps = sum(len(replicas.steps[name]) - 1 for name in SCALED)
    assert len(replicas.killed) >= steps - BURSTS * len(SCALED), "a step to zero may find none that runs"


def _one_arch(bursts: Bursts, replicas: Replicas) -> None:
    """A burst; from zero to the cap and back."""
    before = {name: len(replicas.steps.get(name, [])) for name in SCALED}
    bursts.send(RECORDS // BURSTS)
    until(
        lambda: all(replicas.most(name, before[name]) == CAP and replicas.now(name) == 0 for name in SCALED),
        WAIT_S,
        lambda: f"from zero to the cap and back: {replicas.steps}",
        every=1,
    )


def test_a_drain_of_a_node_takes_one_pod_of_a_kind_at_a_time(
    platform: Deployed, cluster: Cluster, nodes: list[Node], api: Api
) -> None:
    """All pods of *serve* and ingest are on one node, as after the other one's outage, and that one is drained."""
    empty, full = (node.name for node in nodes)
    kinds = ("serve", "ingest")
    cluster.kubectl("cordon", empty)
    for kind in kinds:
        platform.kubectl("rollout", "restart", f"deployment/{kind}")
    for kind in kinds:
        platform.kubectl("rollout", "status", f"deployment/{kind}", f"--timeout={WAIT_S:.0f}s", timeout_s=WAIT_S)
    cluster.kubectl("uncordon", empty)
    assert {kind: len(_ready(api, platform, kind, full)) for kind in kinds} == dict.fromkeys(kinds, 2)
    command = [cluster.tools.path("kubectl"), "--kubeconfig", str(cluster.kubeconfig), "drain", full]
    command += ["--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={WAIT_S:.0f}s"]
    lowest = dict.fromkeys(kinds, 2)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as drain:
        while drain.poll() is None:
            lowest = {kind: min(lowest[kind], len(_ready(api, platform, kind))) for kind in kinds}
            time.sleep(0.2)
        assert drain.returncode == 0, drain.communicate()[0]
    assert lowest == dict.fromkeys(kinds, 1)
    left = cluster.get("pods", "-A", f"--field-selector=spec.nodeName={full},status.phase=Running")["items"]
    assert [pod["metadata"]["name"] for pod in left] == []
    cluster.kubectl("uncordon", full)


def _replicas(platform: Deployed) -> dict[str, int]:
    found = platform.get("statefulset")["items"]
    return {
        one["metadata"]["name"]: one["spec"].get("replicas", 0) for one in found if one["metadata"]["name"] in SCALED
    }


def _ready(api: Api, platform: Deployed, name: str, node: str | None = None) -> list[str]:
    """Pods that are ready and stay, of a workload, on a node or on any."""
    path = f"/api/v1/namespaces/{platform.namespace}/pods"
    pods = api.get(path, labelSelector=f"app.kubernetes.io/name={name}")["items"]
    held = {"type": "Ready", "status": "True"}
    return [
        pod["metadata"]["name"]
        for pod in pods
        if any(held.items() <= one.items() for one in pod["status"].get("conditions", []))
        and "deletionTimestamp" not in pod["metadata"]
        and node in (None, pod["spec"].get("nodeName"))
    ]


def _jobs(platform: Deployed) -> list[Any]:
    return list(platform.get("jobs", "-l", "app.kubernetes.io/name=train")["items"])


def _active(platform: Deployed) -> list[str]:
    return [job["metadata"]["name"] for job in _jobs(platform) if job["status"].get("active")]


def _training(platform: Deployed, nodes: list[Node]) -> tuple[str, int] | None:
    """A pod that trains, and its process."""
    for pod in platform.get("pods", "-l", "app.kubernetes.io/name=train")["items"]:
        name = pod["metadata"]["name"]
        for node in nodes:
            for pid in node.pids(name):
                return name, pid
    return None


def _runs(beside: Beside, state: str | None = None) -> list[dict[str, Any]]:
    """The trainer's table of runs, those of a state or all."""
    engine = create_engine(beside.database_url("trainer"))
    try:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT run_id, state, attempts, version, reason FROM runs"))
            return [dict(row) for row in found.mappings() if state in (None, row["state"])]
    except ProgrammingError:  # the trainer has not made its tables yet
        return []
    finally:
        engine.dispose()


def _tidemill(person: dict[str, str], root: Path, *arguments: str) -> str:
    done = service_process.run(*arguments, env=person, timeout_s=900, cwd=root)
    assert done.returncode == 0, f"{arguments}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout
