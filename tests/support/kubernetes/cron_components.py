"""A component that brings a CronJob, beside production, as a team's overlay takes it in."""

from __future__ import annotations

import shutil
from functools import cache

import yaml

from tests.support.kubernetes.rendering import Manifest, Workload, copied, render
from tests.support.run_folder import run_folder


@cache
def beside_production(component: str) -> tuple[Manifest, ...]:
    """All objects of production with this one of `deploy/kubernetes/components`."""
    checkout = run_folder(f"{component}-component") / "checkout"
    shutil.copytree(copied(), checkout)
    overlay = checkout / "deploy/kubernetes/overlays/team"
    overlay.mkdir()
    said = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "tidemill",
        "resources": ["../production"], "components": [f"../../components/{component}"],
    }  # fmt: skip
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(said))
    return render(overlay)


def cron_job(component: str) -> Manifest:
    """The one that it brings."""
    (job,) = (one for one in beside_production(component) if one["kind"] == "CronJob")
    return job


def workload(component: str) -> Workload:
    """What the CronJob makes."""
    job = cron_job(component)
    return Workload({"kind": "Job", "metadata": job["metadata"], "spec": job["spec"]["jobTemplate"]["spec"]})


def account(component: str) -> Manifest:
    """The ServiceAccount of its pods, which has the component's name."""
    accounts = (one for one in beside_production(component) if one["kind"] == "ServiceAccount")
    (found,) = (one for one in accounts if one["metadata"]["name"] == component)
    return found
