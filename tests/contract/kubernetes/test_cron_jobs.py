"""The components `backup` and `tidy` beside production: a CronJob each that Kubernetes takes, confined as every pod of
ours is, whose command is one that there is.
"""

from __future__ import annotations

import click
import kubernetes_validate
import pytest

from tests.support.kubernetes.cron_components import account, beside_production, cron_job, workload
from tests.support.kubernetes.rendering import Workload, of_kind, without_hash
from tidemill.secret_files import STORE_KEYS
from tidemill.settings import CommonSettings
from tidemill_cli.commands.models.tidy import tidy
from tidemill_cli.commands.platform.backup import backup

pytestmark = pytest.mark.needs("kubectl", "openssl")
COMPONENTS = ("backup", "tidy")


def given(component: str, command: click.Command) -> click.Context:
    """The command of the CronJob as the command line takes it."""
    name, *arguments = workload(component).container["args"]
    assert name == command.name
    context = click.Context(command)
    command.parse_args(context, arguments)
    return context


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("version", ["1.31", "1.34"])
def test_kubernetes_takes_every_object_of_it(component: str, version: str) -> None:
    kubernetes_validate.validate(cron_job(component), version, strict=True)
    kubernetes_validate.validate(account(component), version, strict=True)
    assert account(component)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("component", COMPONENTS)
def test_its_pod_is_confined_as_that_of_the_job_release_and_reaches_stores_as_well(component: str) -> None:
    mine, release = workload(component), Workload(of_kind("production", "Job")["release"])
    own = {"args", "env", "resources"}
    assert {k: v for k, v in mine.container.items() if k not in own | {"image", "volumeMounts"}} == {
        k: v for k, v in release.container.items() if k not in own | {"image", "volumeMounts"}
    }
    for key in ("securityContext", "automountServiceAccountToken", "enableServiceLinks"):
        assert mine.pod[key] == release.pod[key]
    assert mine.uses == release.uses | {"store"}
    assert mine.pod["serviceAccountName"] == component
    assert mine.image == release.image == "cli"


def test_backups_mount_what_the_job_release_does() -> None:
    mine, release = workload("backup"), Workload(of_kind("production", "Job")["release"])
    assert sorted(mine.container["volumeMounts"], key=str) == sorted(release.container["volumeMounts"], key=str)


@pytest.mark.parametrize("component", COMPONENTS)
def test_it_is_told_by_settings_that_there_are(component: str) -> None:
    fields = {f"TIDEMILL_{name}".upper() for name in CommonSettings.model_fields}
    own = {"BACKUP_TO"} if component == "backup" else set()
    named = {entry["name"].removesuffix("_FILE") for entry in workload(component).container["env"]} - own
    assert named <= fields | {*STORE_KEYS}
    assert "TIDEMILL_DATABASE_URL" in named


def test_backups_go_to_a_place_and_old_ones_expire() -> None:
    context = given("backup", backup)
    assert context.params["url"] == "$(BACKUP_TO)"
    assert context.params["expire"] is True
    (place,) = (
        one["data"]["to"] for one in beside_production("backup")
        if one["kind"] == "ConfigMap" and without_hash(one["metadata"]["name"]) == "tidemill-backup"
    )  # fmt: skip
    assert place.startswith("s3://")


def test_tidying_deletes_but_no_version_that_has_served() -> None:
    context = given("tidy", tidy)
    assert context.params["apply"] is True and context.params["superseded_after"] is None


@pytest.mark.parametrize("component", COMPONENTS)
def test_none_is_begun_before_the_one_before_has_ended(component: str) -> None:
    spec = cron_job(component)["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 24 * 3_600
