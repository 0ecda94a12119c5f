"""Terraform and OpenTofu take every module and example by the providers' own schemas, and run the modules' tests.
tflint finds nothing, and checkov nothing but what is meant.

Providers are fetched, or are in the folder that TIDEMILL_TERRAFORM_PLUGINS names (`-plugin-dir`). A cloud whose
provider is not in there is left out, and the run says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.processes.programs import BESIDE, how_to_have, program, program_or_none
from tests.support.processes.venvs import interpreter
from tests.support.terraform import FOLDER, MODULES

ROOT = FOLDER.parents[1]
PROVIDERS = {"aws": ("aws",), "gcp": ("google", "google-beta")}
"""Of HashiCorp, all that a module needs."""
PLUGINS = os.environ.get("TIDEMILL_TERRAFORM_PLUGINS")


def at_hand(cloud: str) -> bool:
    """Whether a cloud's providers can be had: all in the folder, or no folder is named and they are fetched."""
    return not PLUGINS or all(list(Path(PLUGINS).glob(f"*/hashicorp/{name}")) for name in PROVIDERS[cloud])


CLOUDS = [cloud for cloud in MODULES if at_hand(cloud)]
if left_out := sorted(set(MODULES) - set(CLOUDS)):
    print(f"left out: {', '.join(left_out)}: {PLUGINS} lacks a provider of it")
for missing in [name for name in BESIDE if program_or_none(name) is None]:
    print(f"left out: {how_to_have(missing)}")

PROGRAMS = [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("terraform", "tofu")]

OF_EACH = "checkov connects a for_each with one of its instances; tests/contract/terraform holds it of all"
OWN_KEY = 'in the policy of a key "*" is that key'
MEANT = {
    "CKV_AWS_18": OF_EACH,
    "CKV_AWS_21": OF_EACH,
    "CKV_AWS_145": OF_EACH,
    "CKV2_AWS_5": OF_EACH,
    "CKV2_AWS_6": OF_EACH,
    "CKV2_AWS_61": OF_EACH,
    "CKV_AWS_109": OWN_KEY,
    "CKV_AWS_111": OWN_KEY,
    "CKV_AWS_356": OWN_KEY,
    "CKV_AWS_31": "the token of Redis is set beside Terraform, so that it is in no state (docs/clouds.md)",
    "CKV_AWS_133": "days of backups are a variable: 14, and never none",
    "CKV_AWS_157": "a variable: on unless somebody turns it off",
    "CKV_AWS_144": "what is kept elsewhere is a backup's second place, not a copy of each object",
    "CKV2_AWS_57": "a password of Kafka changes in two places at once: by hand, as docs/clouds.md says",
    "CKV2_AWS_62": "nobody waits for events of buckets",
    "CKV_GCP_6": "`ssl_mode` says it, which checkov does not read",
    "CKV_GCP_12": "Dataplane V2 enforces network policies by itself",
    "CKV_GCP_21": "labels of all resources are the provider's `default_labels`",
    "CKV_GCP_62": "who asked for what is in the audit log of data access",
    "CKV_GCP_65": "Google Groups are a team's own",
    "CKV_GCP_66": "who signs images, and by what, is a team's own",
    "CKV_GCP_79": "a variable: 17, the version that the rest is tried with",
    "CKV2_GCP_18": "nothing listens to the internet, and a new network lets nothing in",
}
"""Checks that fail and may, each with its reason."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The modules and what their tests read, where programs may leave what they fetch."""
    shutil.copytree(FOLDER, tmp_path / "deploy/terraform", ignore=shutil.ignore_patterns(".terraform*"))
    shutil.copytree(
        ROOT / "deploy/kubernetes", tmp_path / "deploy/kubernetes", ignore=shutil.ignore_patterns("secrets")
    )
    return tmp_path / "deploy/terraform"


def said(command: list[str], folder: Path) -> str:
    """What a program prints. Fails the test where it ends with an error."""
    env = {key: value for key, value in os.environ.items() if key != "TF_CLI_CONFIG_FILE"} | {"CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def initialised(name: str, folder: Path) -> str:
    """The program's path, after its `init` in the folder."""
    path = program(name)
    said([path, "init", "-backend=false", "-input=false", *([f"-plugin-dir={PLUGINS}"] if PLUGINS else [])], folder)
    return path


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_an_example_is_valid(name: str, cloud: str, copy: Path) -> None:
    folder = copy / "examples" / cloud
    answer = json.loads(said([initialised(name, folder), "validate", "-json"], folder))
    assert answer["valid"] and answer["diagnostics"] == []


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_module_plans_whole_refuses_what_is_wrong_and_says_what_the_overlay_has(
    name: str, cloud: str, copy: Path
) -> None:
    folder = copy / cloud
    assert "0 failed" in said([initialised(name, folder), "test"], folder)


@pytest.mark.parametrize("name", PROGRAMS)
def test_files_are_formatted(name: str, copy: Path) -> None:
    assert said([program(name), "fmt", "-recursive", "-check"], copy) == ""


@pytest.mark.needs("tflint")
@pytest.mark.parametrize("folder", [*MODULES, *(f"examples/{cloud}" for cloud in MODULES)])
def test_tflint_finds_nothing(folder: str, copy: Path) -> None:
    assert json.loads(said([program("tflint"), "--format=json"], copy / folder))["issues"] == []


def test_checkov_finds_nothing_but_what_is_meant_and_a_hole_that_was_made(copy: Path) -> None:
    hole = 'resource "aws_db_instance" "hole" {\n  publicly_accessible = true\n}\n'
    (copy / "hole.tf").write_text(hole)
    program = interpreter(ROOT / "tests/contract/kubernetes/checkov/lock.txt").with_name("checkov")
    command = [str(program), "--framework", "terraform", "-d", ".", "--quiet", "--skip-download", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=copy)
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0 and report["summary"]["passed"] > 300, done.stderr
    found = {(one["check_id"], one["resource"]) for one in report["results"]["failed_checks"]}
    assert ("CKV_AWS_17", "aws_db_instance.hole") in found
    assert {one for one in found if not one[1].endswith(".hole") and one[0] not in MEANT} == set()
    assert MEANT.keys() <= {check for check, _ in found}, "what is not found any more is no exception any more"
