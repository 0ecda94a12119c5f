"""The component `backup` beside production: a CronJob that Kubernetes takes, confined as every pod of ours is, whose
command is one that there is.
"""

from __future__ import annotations

import shutil
from functools import cache

import click
import kubernetes_validate
import pytest
import yaml

from tests.support.kubernetes.rendering import Manifest, Workload, copied, of_kind, render, without_hash
from tests.support.run_folder import run_folder
from tidemill.secret_files import STORE_KEYS
from tidemill.settings import CommonSettings
from tidemill_cli.commands.platform.backup import backup

pytestmark = pytest.mark.needs("kubectl", "openssl")


@cache
def found() -> tuple[Manifest, ...]:
    """Production with the component, as a team's overlay takes it in."""
    checkout = run_folder("backup-component") / "checkout"
    shutil.copytree(copied(), checkout)
    overlay = checkout / "deploy/kubernetes/overlays/team"
    overlay.mkdir()
    said = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "tidemill",
        "resources": ["../production"], "components": ["../../components/backup"],
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
    (account,) = (one for one in found() if one["kind"] == "ServiceAccount" and one["metadata"]["name"] == "backup")
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
    assert sorted(mine.container["volumeMounts"], key=str) == sorted(release.container["volumeMounts"], key=str)
    assert mine.uses == release.uses | {"store"}
    assert mine.pod["serviceAccountName"] == "backup"
    assert mine.image == release.image == "cli"


def test_it_is_told_by_settings_that_there_are_and_runs_a_command_that_there_is() -> None:
    fields = {f"TIDEMILL_{name}".upper() for name in CommonSettings.model_fields}
    named = {entry["name"].removesuffix("_FILE") for entry in workload().container["env"]} - {"BACKUP_TO"}
    assert named <= fields | {*STORE_KEYS}
    assert "TIDEMILL_DATABASE_URL" in named
    command, *arguments = workload().container["args"]
    assert command == backup.name
    context = click.Context(backup)
    backup.parse_args(context, arguments)
    assert context.params["url"] == "$(BACKUP_TO)"
    assert context.params["expire"] is True
    (place,) = (
        one["data"]["to"] for one in found()
        if one["kind"] == "ConfigMap" and without_hash(one["metadata"]["name"]) == "tidemill-backup"
    )  # fmt: skip
    assert place.startswith("s3://")


def test_no_backup_is_begun_before_the_one_before_has_ended() -> None:
    spec = cron_job()["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 24 * 3_600
