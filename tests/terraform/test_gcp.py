"""Variables and outputs of the module for Google Cloud, without its provider: resources are values made up here.

That its resources are as the provider wants them only `test_modules.py` can say, where the provider is.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.processes.programs import program
from tests.support.terraform import FOLDER
from tests.terraform.test_modules import PROGRAMS, said

OVERLAY = FOLDER.parent / "kubernetes/overlays/gcp/terraform"
GIVEN = {
    "name": "tidemill-prod",
    "region": "europe-west3",
    "kafka_bootstrap": "b-1.example.com:9094,b-2.example.com:9094",
}
MADE_UP = """
locals {
  project = "tidemill-example"
  google_container_cluster = { this = { name = var.name } }
  google_artifact_registry_repository = { this = { repository_id = var.name } }
  buckets = ["data", "mlflow", "backups"]
  secrets = concat(keys(local.services), ["signing-key"])
  google_storage_bucket = { this = { for one in local.buckets : one => { name = "${var.name}-${one}-1234567890" } } }
  google_service_account = { service = { for one in local.secrets : one => { account_id = "${var.name}-${one}" } } }
  google_secret_manager_secret = { this = { for one in local.secrets : one => { secret_id = "${var.name}-${one}" } } }
  google_sql_database_instance = {
    this = { private_ip_address = "10.60.0.3", server_ca_cert = [{ cert = "of PostgreSQL" }] }
  }
  google_redis_instance = {
    this = { host = "10.60.1.4", port = 6378, server_ca_certs = [{ cert = "of Redis" }] }
  }
}
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """Variables, locals and outputs as they stand, beside values in place of resources."""
    for file in ("variables.tf", "outputs.tf", "services.tf", "images.tf"):
        text = (FOLDER / "gcp" / file).read_text().split("\nresource ")[0]
        (tmp_path / file).write_text(re.sub(r"\b(google_\w+)\.", r"local.\1.", text))
    (tmp_path / "made_up.tf").write_text(MADE_UP)
    return tmp_path


def variables(given: dict[str, object]) -> list[str]:
    """As options; what is no text as JSON."""
    return [f"-var={key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in given.items()]


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_it_says_is_what_its_overlay_has(name: str, module: Path) -> None:
    said([program(name), "init", "-input=false"], module)
    said([program(name), "apply", "-auto-approve", *variables(dict(GIVEN))], module)
    outputs = {key: one["value"] for key, one in json.loads(said([program(name), "output", "-json"], module)).items()}
    assert outputs["kustomization"] == (OVERLAY / "kustomization.yaml").read_text()
    assert outputs["external_secrets"] == (OVERLAY / "secrets.yaml").read_text()
    assert outputs["endpoints"] == {"database": "10.60.0.3:5432", "sslmode": "verify-ca", "redis": "10.60.1.4:6378",
                                    "runs": "gs://tidemill-prod-mlflow-1234567890/artifacts"}  # fmt: skip
    assert outputs["secrets"]["services/keda-credentials.json"] == "tidemill-prod-keda-credentials"


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"api_allowed_cidrs": ["0.0.0.0/0"]}, "not everybody"),
        ({"name": "tidemill-production"}, "30 characters at most"),
        ({"name": "tidemill-"}, "no hyphen last"),
        ({"kafka_bootstrap": "b-1.example.com"}, "HOST:PORT"),
    ],
)
def test_what_is_wrong_is_refused(name: str, module: Path, changed: dict[str, object], why: str) -> None:
    said([program(name), "init", "-input=false"], module)
    command = [program(name), "plan", "-no-color", *variables({**GIVEN, **changed})]
    done = subprocess.run(command, cwd=module, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1 and why in re.sub(r"\s*\n[│ ]*", " ", done.stderr)
