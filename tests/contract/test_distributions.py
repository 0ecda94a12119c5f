"""What is released names itself, its version and its siblings the same way everywhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tidemill import __version__

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = {
    path.parent.relative_to(ROOT).as_posix(): tomllib.loads(path.read_text())["project"]
    for path in sorted(ROOT.glob("*/*/pyproject.toml"))
}
NAMES = {project["name"] for project in PROJECTS.values()}
RELEASED = [folder for folder in PROJECTS if not folder.startswith("examples/")]


def requirements(project: dict[str, Any]) -> list[Requirement]:
    extras = project.get("optional-dependencies", {}).values()
    return [Requirement(line) for group in (project["dependencies"], *extras) for line in group]


@pytest.mark.parametrize("folder", PROJECTS)
def test_every_package_has_the_version_of_all_and_pins_its_siblings_to_it(folder: str) -> None:
    project = PROJECTS[folder]
    ours = [one for one in requirements(project) if one.name in NAMES]
    assert project["version"] == __version__
    assert {str(one.specifier) for one in ours} <= {f"=={__version__}"}


def test_images_of_the_overlays_have_the_version_of_all() -> None:
    tags = {
        image["newTag"]
        for path in ROOT.glob("deploy/kubernetes/overlays/*/kustomization.yaml")
        for image in yaml.safe_load(path.read_text()).get("images", ())  # of the overlay below, where it stands on one
        if "tidemill/" in image["name"]
    }
    assert tags == {__version__}
    assert re.findall(r"tidemill/\$target:(\S+)", (ROOT / "docs/kubernetes.md").read_text()) == [__version__]


@pytest.mark.parametrize("folder", RELEASED)
def test_what_is_released_says_what_it_is_and_where_it_runs(folder: str) -> None:
    project = PROJECTS[folder]
    assert (ROOT / folder / project["readme"]).read_text().strip()
    assert project["license"] == "Apache-2.0" and project["description"] and project["authors"]
    assert "urls" not in project  # none exists
    classified = {line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: 3." in line}
    assert classified == set(SpecifierSet(project["requires-python"]).filter(f"3.{minor}" for minor in range(30)))


@pytest.mark.parametrize("folder", PROJECTS)
def test_all_packages_run_on_the_same_pythons(folder: str) -> None:
    assert PROJECTS[folder]["requires-python"] == PROJECTS["libs/core"]["requires-python"]


def test_the_whole_platform_is_one_extra_of_what_a_person_installs() -> None:
    command = PROJECTS["libs/cli"]
    assert command["name"] == "tidemill" and command["scripts"].keys() == {"tidemill"}
    brought = {Requirement(line).name for line in command["optional-dependencies"]["embedded"]}
    services = {project["name"] for folder, project in PROJECTS.items() if folder.startswith("services/")}
    assert brought == services | {"tidemill-embedded"}
