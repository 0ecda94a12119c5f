"""The Compose files that `tidemill init` writes are the repository's own, without what a project does not have."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidemill.web.tls.files import TlsFiles
from tidemill.web.tls.pair import load_pair
from tidemill_operations.project.starting import begin

ROOT = Path(__file__).parents[2]
OURS = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
OURS_BY_TLS = (ROOT / "docker-compose.tls.yml").read_text(encoding="utf-8")
WATCHES = set(
    re.findall(r"^  ([a-z-]+):", OURS.partition("# --- what watches")[2].partition("\nvolumes:")[0], re.MULTILINE)
)
PROJECTS_OWN = {"TIDEMILL_PARTITIONS", "TIDEMILL_LOG_LEVEL", "TIDEMILL_TRACE_RATIO", "TIDEMILL_OTLP_ENDPOINT"}
CONFIG = "./tidemill.yaml:/app/tidemill.yaml:ro"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun") / "Web.Shop"
    begin(folder)
    return folder


@pytest.fixture(scope="module")
def compose(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((project / "docker-compose.yml").read_text())
    return found


def test_what_comes_with_the_package_is_made_of_the_repositorys_own() -> None:
    path = ROOT / "scripts/project_compose.py"
    spec = importlib.util.spec_from_file_location("project_compose", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    stale = [
        name for name, text in made.files(ROOT).items()
        if not (made.TARGET / name).exists() or (made.TARGET / name).read_text(encoding="utf-8") != text
    ]  # fmt: skip
    assert stale == [], "run `make compose-files`"


def test_each_service_is_the_repositorys_but_for_its_image_and_what_is_the_projects_to_say(
    compose: dict[str, Any],
) -> None:  # fmt: skip
    ours = yaml.safe_load(OURS)["services"]
    assert {"otel-collector", "jaeger", "prometheus", "grafana"} <= WATCHES
    assert compose["services"].keys() == ours.keys() - WATCHES
    tag = importlib.metadata.version("tidemill-operations")
    for name, service in compose["services"].items():
        expected = ours[name]
        expected.pop("build", None)
        if expected["image"].startswith("tidemill/"):
            expected["image"] += f":${{TIDEMILL_TAG:-{tag}}}"
            expected["environment"] = {
                key: value for key, value in expected["environment"].items() if key not in PROJECTS_OWN
            }
        volumes = [volume for volume in service.get("volumes", []) if volume != CONFIG]
        assert volumes == [v.replace("./deploy/compose/", "./compose/") for v in expected.pop("volumes", [])], name
        rest = {key: value for key, value in service.items() if key != "volumes"}
        assert yaml.safe_load(yaml.safe_dump(rest)) == yaml.safe_load(
            yaml.safe_dump(expected).replace("deploy/compose/", "compose/")
        ), name


def test_all_that_it_mounts_is_in_the_folder_and_every_password_is_made(project: Path, compose: dict[str, Any]) -> None:
    text = (project / "docker-compose.yml").read_text()
    mounted = {volume.partition(":")[0] for one in compose["services"].values() for volume in one.get("volumes", [])}
    assert CONFIG.partition(":")[0] in mounted
    assert [path for path in sorted(mounted) if path.startswith("./") and not (project / path).exists()] == []
    assert {name for name in mounted if not name.startswith("./")} == set(compose["volumes"])
    subprocess.run(["sh", "compose/make-env.sh"], cwd=project, check=True, capture_output=True)
    made = dict(line.split("=") for line in (project / ".env").read_text().splitlines())
    assert set(re.findall(r"\$\{(\w+):\?", text)) == set(made) and all(made.values())
    assert ".env" in (project / ".gitignore").read_text().splitlines()


def test_by_tls_every_door_of_a_project_has_the_certificate_that_its_script_makes(
    project: Path, compose: dict[str, Any]
) -> None:
    beside = yaml.safe_load((project / "docker-compose.tls.yml").read_text())
    assert beside["services"] == {
        name: yaml.safe_load(yaml.safe_dump(one).replace("deploy/compose/", "compose/"))
        for name, one in yaml.safe_load(OURS_BY_TLS)["services"].items() if name not in WATCHES
    }  # fmt: skip
    for name, door in beside["services"].items():
        whole = by_compose(compose["services"][name], door)
        mounted = dict(volume.split(":")[1::-1] for volume in whole["volumes"])
        served = Path(whole["environment"]["TIDEMILL_TLS_CERTIFICATE"]).parent
        assert mounted.pop(str(served)) == "./compose/tls/served", name
        assert set(mounted) == {volume.split(":")[1] for volume in compose["services"][name].get("volumes", [])}
    assert "compose/tls/" in (project / ".gitignore").read_text().splitlines(), "a private key is nothing for git"


def by_compose(one: dict[str, Any], beside: dict[str, Any]) -> dict[str, Any]:
    """A service as Compose makes it of two files, of which the second has variables and mounts alone."""
    assert beside.keys() == {"environment", "volumes"}
    volumes = {volume.split(":")[1]: volume for volume in [*one.get("volumes", []), *beside["volumes"]]}
    environment = one["environment"] | beside["environment"]
    return one | {"environment": environment, "volumes": list(volumes.values())}


@pytest.mark.needs("openssl")
def test_a_projects_script_makes_the_certificate_where_the_file_mounts_it(project: Path, tmp_path: Path) -> None:
    script = tmp_path / "compose/make-certificate.sh"
    script.parent.mkdir()
    shutil.copy(project / "compose" / script.name, script)
    subprocess.run(["sh", "compose/make-certificate.sh"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    served = tmp_path / "compose/tls/served"
    assert {path.name for path in served.iterdir()} == {"ca.crt", "tls.crt", "tls.key"}
    assert load_pair(TlsFiles(served / "tls.crt", served / "tls.key")).names


def test_a_projects_name_is_one_that_compose_takes(compose: dict[str, Any]) -> None:
    assert compose["name"] == "web-shop"
    assert "@" not in compose["name"] + compose["services"]["ingest"]["image"]
