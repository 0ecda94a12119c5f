"""The component `tidy` beside production: a CronJob that Kubernetes takes, confined as that of backups is, whose
command is one that there is.
"""

from __future__ import annotations

import shutil
from functools import cache

import click
import kubernetes_validate
import pytest
import yaml

from tests.support.kubernetes.rendering import Manifest, Workload, copied, of_kind, render
from tests.support.run_folder import run_folder
from tidemill.secret_files import STORE_KEYS
from tidemill.settings import CommonSettings
from tidemill_cli.commands.models.tidy import tidy

pytestmark = pytest.mark.needs("kubectl", "openssl")


@cache
def found() -> tuple[Manifest, ...]:
    """Production with the component, as a team's overlay takes it in."""
    checkout = run_folder("tidy-component") / "checkout"
    shutil.copytree(copied(), checkout)
    overlay = checkout / "deploy/kubernetes/overlays/team"
    overlay.mkdir()
    said = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "tidemill",
        "resources": ["../production"], "components": ["../../components/tidy"],
    }  # fmt: skip
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(said))
    return render(overlay)


def cron_job() -> Manifest:
    (job,) = (one for one in found() if one["kind"] == "CronJob")
    return job


def workload() -> Workload:
    """What the CronJob makes."""
    job = cron_job()
    return Workload({"kind": "Job", "metadata": job["metadata"], "spec": job["spec"]["jobTemplate"]["spec"]})


@pytest.mark.parametrize("version", ["1.31", "1.34"])
def test_kubernetes_takes_every_object_of_it(version: str) -> None:
    kubernetes_validate.validate(cron_job(), version, strict=True)
    (account,) = (one for one in found() if one["kind"] == "ServiceAccount" and one["metadata"]["name"] == "tidy")
    kubernetes_validate.validate(account, version, strict=True)
    assert account["automountServiceAccountToken"] is False


def test_its_pod_is_confined_as_that_of_the_job_release_and_reaches_stores_as_well() -> None:
    mine, release = workload(), Workload(of_kind("production", "Job")["release"])
    own = {"args", "env", "resources"}
    assert {k: v for k, v in mine.container.items() if k not in own | {"image", "volumeMounts"}} == {
        k: v for k, v in release.container.items() if k not in own | {"image", "volumeMounts"}
    }
    for key in ("securityContext", "automountServiceAccountToken", "enableServiceLinks"):
        assert mine.pod[key] == release.pod[key]
    assert mine.uses == release.uses | {"store"}
    assert mine.pod["serviceAccountName"] == "tidy"
    assert mine.image == release.image == "cli"


def test_it_is_told_by_settings_that_there_are_and_deletes_by_a_command_that_there_is() -> None:
    fields = {f"TIDEMILL_{name}".upper() for name in CommonSettings.model_fields}
    named = {entry["name"].removesuffix("_FILE") for entry in workload().container["env"]}
    assert named <= fields | {*STORE_KEYS}
    assert "TIDEMILL_DATABASE_URL" in named
    command, *arguments = workload().container["args"]
    assert command == tidy.name
    context = click.Context(tidy)
    tidy.parse_args(context, arguments)
    assert context.params["apply"] is True and context.params["superseded_after"] is None


def test_none_is_begun_before_the_one_before_has_ended() -> None:
    spec = cron_job()["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 24 * 3_600
