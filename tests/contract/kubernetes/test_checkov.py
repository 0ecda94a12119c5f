"""checkov finds nothing in what we ship but what is meant, each with its reason; and a hole that was made is found."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.kubernetes.rendering import OVERLAYS, Manifest, copied, render, rendered
from tests.support.processes.venvs import interpreter

pytestmark = pytest.mark.needs("kubectl", "openssl")

MEANT = {
    "CKV_K8S_11": "a limit on processor time makes a consumer miss heartbeats and lose its partitions (ADR 32)",
    "CKV_K8S_15": "the tag of a release is never pushed twice: pulling each time makes starts hang on the registry",
    "CKV_K8S_43": "which digest a tag has is known to a team's registry alone; an overlay's `images` takes `digest`",
}
"""Checks that are off everywhere."""
FROM_ENVIRONMENT = "its image reads passwords from the environment alone"
WRITES_AROUND = "its image writes in more places than its volumes; it is in dev alone, for trying out"
READS_LOGS = "what pods write is root's on a node: it is root without a capability, and sees that folder alone"
OWN_USER = "its image is made for that user; it is in dev alone, for trying out"
MEANT_OF_ONE = {
    **{("CKV_K8S_35", f"Deployment.{space}.mlflow"): "MLflow reads the address of its database from no file"
       for space in ("tidemill", "tidemill-staging", "tidemill-dev")},
    **{("CKV_K8S_35", f"{kind}.tidemill-dev.{name}"): FROM_ENVIRONMENT for kind, name in (
        ("Deployment", "registry"), ("Job", "bucket"), ("StatefulSet", "postgres"), ("StatefulSet", "s3"))},
    **{("CKV_K8S_22", f"{kind}.tidemill-dev.{name}"): WRITES_AROUND for kind, name in (
        ("Deployment", "registry"), ("StatefulSet", "kafka"), ("StatefulSet", "postgres"), ("StatefulSet", "s3"))},
    **{("CKV_K8S_40", f"{kind}.tidemill-dev.{name}"): OWN_USER for kind, name in (
        ("Deployment", "redis"), ("Deployment", "registry"), ("Job", "bucket"), ("StatefulSet", "kafka"),
        ("StatefulSet", "postgres"), ("StatefulSet", "s3"))},
    **{(check, "DaemonSet.tidemill-logs.pod-logs"): READS_LOGS for check in ("CKV_K8S_23", "CKV_K8S_40")},
}  # fmt: skip


def test_nothing_is_found_but_what_is_meant_and_a_hole_that_was_made_is(tmp_path: Path) -> None:
    shipped = [one for overlay in OVERLAYS for one in rendered(overlay)]
    shipped += render(copied() / "deploy/kubernetes/observability")
    (hole,) = [
        copy.deepcopy(one)
        for one in rendered("production")
        if one["kind"] == "Deployment" and one["metadata"]["name"] == "serve"
    ]
    hole["metadata"]["name"] = "hole"
    hole["spec"]["template"]["spec"]["containers"][0]["securityContext"]["privileged"] = True
    found = checkov(tmp_path, [*shipped, hole])
    assert ("CKV_K8S_16", "Deployment.tidemill.hole") in found
    assert {one for one in found if not one[1].endswith(".hole")} - MEANT_OF_ONE.keys() == set()
    assert MEANT_OF_ONE.keys() <= found, "what is not found any more is no exception any more"


def checkov(folder: Path, manifests: list[Manifest]) -> set[tuple[str, str]]:
    """The checks that failed, each with what failed it."""
    path = folder / "manifests.yaml"
    path.write_text(yaml.safe_dump_all(manifests))
    program = interpreter(Path(__file__).parent / "checkov" / "lock.txt").with_name("checkov")
    command = [str(program), "--framework", "kubernetes", "-f", str(path), "--skip-check", ",".join(MEANT), "--quiet"]
    command += ["--skip-download", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=folder)
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0 and report["summary"]["passed"] > 500, done.stderr
    return {(one["check_id"], one["resource"]) for one in report["results"]["failed_checks"]}
