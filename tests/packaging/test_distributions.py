"""What `make dist` builds is whole, says what it is, and is the same each time."""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

import tidemill

VERSION = tidemill.__version__
SOURCES = {
    "tidemill": "libs/cli",
    **{f"tidemill_{name}": f"libs/{name}" for name in ("core", "embedded", "expectations", "learning", "operations")},
    **{f"tidemill_{name}": f"services/{name}" for name in ("drift", "inference", "ingest", "trainer", "validator")},
}
PACKAGES = {"tidemill": "tidemill_cli", "tidemill_core": "tidemill"}
"""Import names that are not that of the distribution."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, root: Path) -> tuple[Path, Path]:
    """All distributions, built twice."""
    sys.path.insert(0, str(root / "scripts"))
    try:
        import dist
    finally:
        sys.path.pop(0)
    folders = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    for folder in folders:
        dist.build(folder, root)
    return folders


def wheel(folder: Path, name: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(folder / f"{name}-{VERSION}-py3-none-any.whl")


def test_the_same_sources_give_the_same_bytes(built: tuple[Path, Path]) -> None:
    first, second = ({file.name: file.read_bytes() for file in folder.iterdir()} for folder in built)
    assert first == second
    kinds = [f"{name}-{VERSION}{end}" for name in SOURCES for end in (".tar.gz", "-py3-none-any.whl")]
    assert sorted(first) == sorted([*kinds, "SHA256SUMS"])


@pytest.mark.parametrize("name", SOURCES)
def test_a_wheel_has_every_file_of_its_package_and_nothing_else(
    built: tuple[Path, Path], root: Path, name: str
) -> None:
    package = PACKAGES.get(name, name)
    source = root / SOURCES[name] / "src"
    there = {str(file.relative_to(source)) for file in (source / package).rglob("*") if file.is_file()}
    inside = {entry for entry in wheel(built[0], name).namelist() if ".dist-info/" not in entry}
    shipped = {entry for entry in inside if entry.startswith("tidemill/platform_schemas/")}
    assert inside - shipped == {entry for entry in there if not entry.endswith(".pyc")}
    assert (f"{package}/py.typed" in inside) and bool(shipped) == (name == "tidemill_core")


@pytest.mark.parametrize("name", SOURCES)
def test_metadata_are_valid_and_can_be_read_outside_the_repository(built: tuple[Path, Path], name: str) -> None:
    with wheel(built[0], name) as archive:
        text = archive.read(f"{name}-{VERSION}.dist-info/METADATA")
        assert b"Apache License" in archive.read(f"{name}-{VERSION}.dist-info/licenses/LICENSE")
    found = Metadata.from_email(text, validate=True)
    assert found.description and found.description_content_type == "text/markdown"
    assert re.findall(r"\]\((?!\w+://)[^)]*\)", found.description) == []
    assert not found.project_urls and not found.home_page
    assert found.license_files == ["LICENSE"]


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_distribution_has_license_and_readme_and_no_test(built: tuple[Path, Path], name: str) -> None:
    with tarfile.open(built[0] / f"{name}-{VERSION}.tar.gz") as archive:
        inside = {entry.removeprefix(f"{name}-{VERSION}/") for entry in archive.getnames()}
    assert {"LICENSE", "README.md", "PKG-INFO", "pyproject.toml"} <= inside
    assert not [entry for entry in inside if "test" in entry.split("/")[0]]
