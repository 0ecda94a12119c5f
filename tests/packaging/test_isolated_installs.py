"""Each service installs alone, imports, and answers --help; importing does nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.conftest import PACKAGES, run_in

PROBE = Path(__file__).with_name("import_probe.py")
ENTRY_POINTS = [
    ("services/ingest", ()),
    ("services/validator", ()),
    ("services/trainer", ()),
    ("services/inference", ("serve",)),
    ("services/inference", ("stream",)),
    ("services/drift", ("profile",)),
    ("services/drift", ("detect",)),
]

pytestmark = pytest.mark.timeout(600)


def import_name(package: str) -> str:
    return f"tidemill_{package.rpartition('/')[2]}"


def command_of(package: str) -> str:
    return "tidemill" if package == "libs/cli" else f"tidemill-{package.rpartition('/')[2]}"


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_alone_connects_nowhere_and_reads_no_environment(
    package: str, isolated: Callable[[str], Path], tmp_path: Path
) -> None:
    answer = run_in(isolated(package), str(PROBE), import_name(package), cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout.splitlines()[-1])
    assert report["found"] == []
    assert len(report["modules"]) > 1


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_alone_answers_help(package: str, isolated: Callable[[str], Path], tmp_path: Path) -> None:
    python = isolated(package)
    for command in ([str(python.with_name(command_of(package)))], [str(python), "-m", import_name(package)]):
        answer = subprocess.run([*command, "--help"], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert answer.returncode == 0, answer.stderr
        assert "usage" in answer.stdout.lower()


@pytest.mark.parametrize(
    ("package", "arguments"),
    ENTRY_POINTS,
    ids=lambda value: value if isinstance(value, str) else " ".join(value) or "main",
)
def test_a_services_help_names_the_settings_that_it_reads(
    package: str, arguments: tuple[str, ...], isolated: Callable[[str], Path], tmp_path: Path
) -> None:
    answer = run_in(isolated(package), "-m", import_name(package), *arguments, "--help", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "TIDEMILL_KAFKA_BOOTSTRAP" in answer.stdout


def test_inference_has_neither_scikit_learn_nor_mlflow_nor_polars(
    isolated: Callable[[str], Path], tmp_path: Path
) -> None:
    code = "import importlib.util as u; print([m for m in ('sklearn', 'mlflow', 'polars') if u.find_spec(m)])"
    assert run_in(isolated("services/inference"), "-c", code, cwd=tmp_path).stdout.strip() == "[]"


def test_the_validator_has_no_polars(isolated: Callable[[str], Path], tmp_path: Path) -> None:
    code = "import importlib.util as u; print(u.find_spec('polars'))"
    assert run_in(isolated("services/validator"), "-c", code, cwd=tmp_path).stdout.strip() == "None"


def test_the_import_probe_sees_what_it_is_there_to_see(tmp_path: Path) -> None:
    package = tmp_path / "tidemill_bad"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import os, socket\n"
        "home = os.environ.get('HOME'), os.getenv('LANG')\n"
        "probe = socket.socket(); probe.connect_ex(('127.0.0.1', 9))\n"
    )
    answer = run_in(Path(sys.executable), str(PROBE), "tidemill_bad", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    found = json.loads(answer.stdout.splitlines()[-1])["found"]
    assert [line.split(" ", 1)[0] for line in found] == ["tidemill_bad", "tidemill_bad", "socket.connect"]


def test_a_package_alone_has_the_platforms_topics_schemas_and_their_history(
    isolated: Callable[[str], Path], tmp_path: Path
) -> None:
    code = (
        "from pathlib import Path; from tidemill.contracts.schemas.catalog import SchemaCatalog, read_platform_history;"
        "catalog = SchemaCatalog.load(Path('schemas'), {});"
        "print(catalog.platform('profile').name, len(read_platform_history(Path('schemas'))) > 0)"
    )
    assert run_in(isolated("services/validator"), "-c", code, cwd=tmp_path).stdout.strip() == "profile True"
