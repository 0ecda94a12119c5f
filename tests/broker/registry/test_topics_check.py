"""`tidemill topics check` as a command, against the repository's history and against a real registry."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker.registry.apicurio import Apicurio
from tests.support.processes import service_process
from tidemill.codec.registry.http import HttpRegistry

MODEL = "flight-delay"
SUBJECT = f"{MODEL}-raw-value"
Field = dict[str, Any]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Apicurio]:
    """A registry in mode BACKWARD that knows the model's record as it is in this repository."""
    server = Apicurio(tmp_path_factory.mktemp("apicurio")).start()
    server.put("/config", b'{"compatibility": "BACKWARD"}')
    HttpRegistry(server.url).register(SUBJECT, (root / "schemas" / "models" / f"{MODEL}.avsc").read_text())
    yield server
    server.stop()


@pytest.fixture
def schemas(root: Path, tmp_path: Path) -> Path:
    """A copy of the contract, to be changed."""
    shutil.copytree(root / "schemas", tmp_path / "schemas")
    return tmp_path / "schemas"


@pytest.fixture
def check(root: Path, schemas: Path) -> Callable[[str | None], subprocess.CompletedProcess[str]]:
    """Runs the command where no Kafka is, nor a platform file."""

    def run(url: str | None) -> subprocess.CompletedProcess[str]:
        given = {"schemas": schemas, "models_dir": root / "models", "models": MODEL}
        given |= {"schema_registry_url": url} if url else {}
        env = service_process.environment(given, inherit=False)
        return service_process.run("topics", "check", env=env, cwd=schemas.parent)

    return run


def change(schemas: Path, *, forget: bool = False, **kinds: Any) -> None:
    """Gives fields of the model's record other types (new ones are appended); with `forget` without the history."""
    path = schemas / "models" / f"{MODEL}.avsc"
    document = json.loads(path.read_text())
    fields = {field["name"]: field for field in document["fields"]}
    for name, kind in kinds.items():
        fields[name] = {"name": name, "type": kind} | ({} if name in fields else {"default": None})
    document["fields"] = list(fields.values())
    path.write_text(json.dumps(document))
    if forget:
        shutil.rmtree(schemas / "models" / "history" / MODEL)
    command = [sys.executable, "-m", "tidemill.contracts.schemas.history", "--schemas", str(schemas)]
    subprocess.run([*command, "--models", str(Path("models").resolve())], capture_output=True, check=False)


def test_what_stands_in_the_repository_passes(registry: Apicurio, check: Any) -> None:
    for url in (None, registry.url):
        done = check(url)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert "reads all its earlier versions" in done.stdout


def test_a_change_that_both_can_read_passes(registry: Apicurio, check: Any, schemas: Path) -> None:
    change(schemas, flight=["null", "long"], aircraft=["null", "string"])
    done = check(registry.url)
    assert done.returncode == 0, done.stderr


def test_a_change_that_breaks_the_history_is_refused_without_a_registry(check: Any, schemas: Path) -> None:
    change(schemas, distance=["null", "long"])
    done = check(None)
    assert done.returncode == 1
    assert "distance" in done.stderr


def test_a_change_is_refused_by_the_registry_though_the_repository_has_forgotten_its_history(
    registry: Apicurio, check: Any, schemas: Path
) -> None:
    change(schemas, flight=["null", "string"], forget=True)
    assert check(None).returncode == 0
    done = check(registry.url)
    assert done.returncode == 1
    assert f"registry, {SUBJECT}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_registry_that_is_away_is_said_in_one_sentence_and_nothing_is_claimed(check: Any) -> None:
    done = check("http://127.0.0.1:9")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "cannot be reached" in done.stderr
    assert done.stdout == ""
