"""The platform's schemas come with the package, where a project has none of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tidemill.contracts.schemas.catalog import SchemaCatalog, read_platform_history
from tidemill.contracts.shipped import platform_folder, shipped_folder
from tidemill.contracts.topics import TopicCatalog
from tidemill.contracts.usable import usable_models
from tidemill.errors import ConfigError

ROOT = Path(__file__).resolve().parents[4]


def test_a_folder_of_records_alone_is_a_whole_contract(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "schemas" / "models", tmp_path / "models")
    models, refused = usable_models(ROOT / "models", tmp_path)
    assert not refused
    alone, whole = SchemaCatalog.load(tmp_path, models), SchemaCatalog.load(ROOT / "schemas", models)
    assert list(alone) == list(whole)
    assert TopicCatalog.load(tmp_path).roles == TopicCatalog.load(ROOT / "schemas").roles
    assert read_platform_history(tmp_path) == read_platform_history(ROOT / "schemas") != []


def test_a_folder_with_topics_of_its_own_is_read_alone(tmp_path: Path) -> None:
    shutil.copy(ROOT / "schemas" / "topics.yaml", tmp_path)
    assert platform_folder(tmp_path) == tmp_path
    assert list(SchemaCatalog.load(tmp_path, {})) == []


def test_schemas_of_the_platform_without_topics_are_half_a_contract_and_refused(tmp_path: Path) -> None:
    shutil.copy(ROOT / "schemas" / "profile.avsc", tmp_path)
    with pytest.raises(ConfigError, match=r"has profile\.avsc and no topics\.yaml: add it, or remove"):
        TopicCatalog.load(tmp_path)


def test_an_editable_installation_reads_the_repositorys_own() -> None:
    assert shipped_folder() == ROOT / "schemas"


def test_a_wheel_has_all_that_the_platform_needs_and_no_model_of_the_repository(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT / "libs" / "core", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = "tidemill/platform_schemas/"
    has = {name.removeprefix(inside) for name in zipfile.ZipFile(wheel).namelist() if name.startswith(inside)}
    wanted = [ROOT / "schemas" / "topics.yaml", ROOT / "schemas" / "model-file.schema.json"]
    wanted += [*(ROOT / "schemas").glob("*.avsc"), *(ROOT / "schemas" / "history").rglob("*.avsc")]
    assert has == {str(path.relative_to(ROOT / "schemas")) for path in wanted}
