"""What Terraform says of a made-up account is an overlay in which every pod has its role and its secrets, no more."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate
import pytest

from tests.contract.kubernetes.test_schemas import NATIVE, NEWER
from tests.support.kubernetes.custom_resources import problems
from tests.support.kubernetes.rendering import (
    Manifest,
    Workload,
    config_maps,
    of_kind,
    ours,
    references,
    rendered,
    workloads,
)
from tests.support.terraform import FOLDER, MODULES, local_values
from tidemill_operations.provision.rights import SERVICES

pytestmark = pytest.mark.needs("kubectl", "openssl")

ROLE = {
    "aws": ("eks.amazonaws.com/role-arn", "arn:aws:iam::123456789012:role/tidemill-production-{}"),
    "gcp": ("iam.gke.io/gcp-service-account", "tidemill-prod-{}@tidemill-example.iam.gserviceaccount.com"),
}
"""The annotation by which a ServiceAccount has a role, and what it says of the made-up one."""
ALSO = {"backup", "keda-credentials"}
"""Roles of accounts that production does not have by itself."""
CHANGE = {"trainer": {"artifacts", "tables"}, "mlflow": {"runs"}, "backup": {"backups"}}
"""Who alone may change what in the store."""


def pods(cloud: str) -> list[Workload]:
    """All that runs pods, what the CronJob of backups makes too."""
    (cron,) = of_kind(cloud, "CronJob").values()
    backup = {"kind": "Job", "metadata": cron["metadata"], "spec": cron["spec"]["jobTemplate"]["spec"]}
    return [*workloads(cloud), Workload(backup)]


@pytest.mark.parametrize("cloud", MODULES)
def test_every_service_has_a_role_that_reads_what_it_uses_and_changes_what_it_makes(cloud: str) -> None:
    services = local_values(cloud)["services"]
    accounts = set(of_kind("production", "ServiceAccount"))
    assert services.keys() - ALSO == accounts - ALSO
    assert {name: set(of["changes"]) for name, of in services.items() if of["changes"]} == CHANGE
    users = {workload.pod["serviceAccountName"] for workload in workloads("production") if "store" in workload.uses}
    assert {name for name, of in services.items() if of["reads"] or of["changes"]} == users | {"backup"}


@pytest.mark.parametrize("cloud", MODULES)
def test_every_account_has_its_own_role_and_no_pod_a_key_to_the_store(cloud: str) -> None:
    for name, account in of_kind(cloud, "ServiceAccount").items():
        annotation, role = ROLE[cloud]
        assert account["metadata"]["annotations"] == {annotation: role.format(name)}
    for workload in pods(cloud):
        names = {entry["name"] for entry in workload.container.get("env", [])}
        assert not {name for name in names if re.search(r"ACCESS_KEY|SHARED_CREDENTIALS", name)}, workload.name
    before = {
        workload.name: len(workload.container["env"]) for workload in ours("production") if "store" in workload.uses
    }
    assert {one.name: len(one.container["env"]) + 2 for one in ours(cloud) if one.name in before} == before


@pytest.mark.parametrize("cloud", MODULES)
def test_every_image_is_one_of_the_cloud_s_own_registry_in_the_version_of_production(cloud: str) -> None:
    version = {workload.container["image"].rpartition(":")[2] for workload in ours("production")}
    found = {workload.container["image"].rpartition(":") for workload in pods(cloud)}
    assert {tag for _, _, tag in found} == version
    addresses = {address.rpartition("/") for address, _, _ in found}
    assert len({registry for registry, _, _ in addresses}) == 1 and "example.com" not in str(addresses)
    assert {image for _, _, image in addresses} == {workload.image for workload in workloads("production")}


@pytest.mark.parametrize("cloud", MODULES)
def test_every_object_is_one_that_its_reader_takes(cloud: str) -> None:
    kinds = set()
    for manifest in rendered(cloud):
        kinds.add(manifest["kind"])
        if manifest["apiVersion"] in NATIVE:
            kubernetes_validate.validate(manifest, NEWER, strict=True)
        else:
            assert problems(manifest) == []
    assert {"ExternalSecret", "SecretStore"} <= kinds


@pytest.mark.parametrize("cloud", MODULES)
def test_every_secret_of_a_pod_is_brought_by_an_account_of_this_platform(cloud: str) -> None:
    stores = {name: store["spec"]["provider"] for name, store in of_kind(cloud, "SecretStore").items()}
    brought = {one["spec"]["target"]["name"]: one for one in of_kind(cloud, "ExternalSecret").values()}
    needed = {(name, workload.pod["serviceAccountName"]) for workload in pods(cloud)
              for kind, name, _ in references([workload.pod]) if kind == "secret"}  # fmt: skip
    for name, account in needed:
        store = brought[name]["spec"]["secretStoreRef"]["name"]
        assert store == account, "a secret is read by the role of whoever uses it"
        assert f"'name': '{account}'" in str(stores[store]) and account in of_kind(cloud, "ServiceAccount")
    assert brought.keys() - {name for name, _ in needed} == {"tidemill-keda"}


@pytest.mark.parametrize("cloud", MODULES)
def test_pods_may_talk_to_kafka_where_it_is(cloud: str) -> None:
    bootstrap = config_maps(cloud)["tidemill-settings"]["TIDEMILL_KAFKA_BOOTSTRAP"]
    ports = {urlsplit(f"//{broker}").port for broker in bootstrap.split(",")}
    (egress,) = of_kind(cloud, "NetworkPolicy")["to-kafka"]["spec"]["egress"]
    assert ports <= {entry["port"] for entry in egress["ports"]}


@pytest.mark.parametrize("cloud", MODULES)
def test_every_file_that_a_pod_reads_is_in_its_secret(cloud: str, tmp_path: Path) -> None:
    made = secrets_made(cloud, tmp_path)
    for workload in pods(cloud):
        has = made[f"services/{workload.pod['serviceAccountName']}.json"]
        for file in files_read(cloud, workload):
            assert has.get(file), f"{workload.name} reads {file}"
    keda = {entry["key"] for one in of_kind(cloud, "TriggerAuthentication").values()
            for entry in one["spec"]["secretTargetRef"]}  # fmt: skip
    assert keda == made["services/keda-credentials.json"].keys()
    url = urlsplit(made["services/trainer.json"]["database-url"])
    assert (url.username, url.hostname, url.path) == ("tidemill_trainer", "database.example.com", "/tidemill")
    assert parse_qs(url.query) == {"sslmode": ["verify-full"], "sslrootcert": ["/run/secrets/tidemill/database-ca.crt"]}
    assert made["kafka/inference.json"]["password"] == made["services/stream.json"]["kafka-password"]


@pytest.mark.parametrize("cloud", MODULES)
def test_a_password_is_made_once_and_read_by_its_owner_alone(cloud: str, tmp_path: Path) -> None:
    first = secrets_made(cloud, tmp_path)
    assert secrets_made(cloud, tmp_path) == first
    passwords = [path.read_text() for path in (tmp_path / "made/passwords").iterdir()]
    assert len(set(passwords)) == len(passwords) and all(len(one) == 48 for one in passwords)
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "made").rglob("*")} == {0}


def test_every_principal_of_kafka_is_a_user_there_and_gets_its_rights() -> None:
    users = set(re.findall(r'"(\w+)"', local_values("aws")["kafka_users"]))
    assert users == {*SERVICES, "keda"}
    steps = (FOLDER.parents[1] / "docs/clouds.md").read_text()
    assert set(re.findall(r"--principal (\w+)=User:tidemill-\1\b", steps)) == set(SERVICES)


def secrets_made(cloud: str, folder: Path) -> dict[str, dict[str, str]]:
    """What deploy/terraform/make_secrets.py writes of outputs as the module has them, file by file."""
    services = local_values(cloud)["services"]
    named = {f"services/{name}.json": name for name in services} | {
        "kafka/inference.json": "x",
        "signing-key.json": "y",
    }
    places = {
        "database": "database.example.com:5432",
        "redis": "redis.example.com:6379",
        "runs": "s3://made-up/artifacts",
    }
    outputs = {"endpoints": places, "secrets": named}
    (folder / "outputs.json").write_text(json.dumps(outputs))
    for name in ("database.pem", "kafka.pem"):
        (folder / name).write_text(f"certificates of {name}\n")
    command = [sys.executable, str(FOLDER / "make_secrets.py"), str(folder / "outputs.json"), str(folder / "made")]
    command += ["--database-ca", str(folder / "database.pem"), "--kafka-ca", str(folder / "kafka.pem")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return {name: json.loads((folder / "made" / name).read_text()) for name in outputs["secrets"]}


def files_read(cloud: str, workload: Workload) -> set[str]:
    """Keys of its Secret that a workload asks for: files by its settings, and entries of its environment."""
    maps = config_maps(cloud)["tidemill-settings"] if workload.ours else {}
    env = workload.container.get("env", [])
    paths = [*maps.values(), *(entry["value"] for entry in env if "value" in entry)]
    read = {value.rsplit("/", 1)[1] for value in paths if value.startswith("/run/secrets/")}
    read |= {entry["valueFrom"]["secretKeyRef"]["key"] for entry in env if "secretKeyRef" in entry.get("valueFrom", {})}
    return read | {item["key"] for one in workload.pod["volumes"] for item in one.get("secret", {}).get("items", [])}


def test_a_secret_of_another_release_is_refused(tmp_path: Path) -> None:
    outputs: Manifest = {
        "endpoints": {"database": "d:1", "redis": "r:1", "runs": "s3://x"},
        "secrets": {"services/new.json": "n"},
    }
    (tmp_path / "outputs.json").write_text(json.dumps(outputs))
    (tmp_path / "ca.pem").write_text("x")
    command = [sys.executable, str(FOLDER / "make_secrets.py"), str(tmp_path / "outputs.json"), str(tmp_path / "made")]
    command += ["--database-ca", str(tmp_path / "ca.pem"), "--kafka-ca", str(tmp_path / "ca.pem")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "services/new.json" in done.stderr
