"""Argo CD gets what its own schema takes, follows what the workflow moves, and may make what overlays have."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import yaml

from tests.support.kubernetes.custom_resources import problems
from tests.support.kubernetes.rendering import ROOT, Manifest, of_kind, render, rendered

pytestmark = pytest.mark.needs("kubectl", "openssl", "go")

OVERLAYS = ("staging", "production", "aws")
"""Of which the project may make what they have."""


def argocd() -> dict[str, Manifest]:
    return {one["kind"]: one for one in render(ROOT / "deploy/argocd")}


def environments() -> list[dict[str, str]]:
    (generator,) = argocd()["ApplicationSet"]["spec"]["generators"]
    found: list[dict[str, str]] = generator["list"]["elements"]
    return found


def application(environment: dict[str, str]) -> Manifest:
    """What the controller makes of the template for one environment."""
    text = yaml.safe_dump(argocd()["ApplicationSet"]["spec"]["template"])
    filled = re.sub(r"\{\{ \.(\w+) \}\}", lambda match: environment[match[1]], text)
    made: Manifest = yaml.safe_load(filled)
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **made}


def test_its_objects_and_what_it_makes_of_them_are_valid_and_a_misspelt_field_is_found() -> None:
    made = [application(environment) for environment in environments()]
    assert [problems(one) for one in [*argocd().values(), *made]] == [[]] * (2 + len(made))
    wrong = copy.deepcopy(made[0])
    wrong["spec"]["syncPolicy"]["automatic"] = wrong["spec"]["syncPolicy"].pop("automated")
    assert len(problems(wrong)) == 1


def test_each_environment_is_an_overlay_in_the_namespace_that_it_names_from_the_project_s_repository() -> None:
    project = argocd()["AppProject"]["spec"]
    for environment in environments():
        spec = application(environment)["spec"]
        assert (ROOT / spec["source"]["path"] / "kustomization.yaml").is_file()
        assert spec["source"]["repoURL"] in project["sourceRepos"]
        assert spec["destination"] in project["destinations"]
        assert list(of_kind(environment["overlay"], "Namespace")) == [spec["destination"]["namespace"]]
        assert spec["project"] == argocd()["AppProject"]["metadata"]["name"]


def test_the_project_may_make_every_kind_that_overlays_have_and_no_other() -> None:
    def kinds(namespaced: bool) -> set[tuple[str, str]]:
        every = (one for overlay in OVERLAYS for one in rendered(overlay))
        return {
            (one["apiVersion"].rpartition("/")[0], one["kind"])
            for one in every
            if (one["kind"] != "Namespace") == namespaced
        }

    def may(entry: str) -> set[tuple[str, str]]:
        listed: list[dict[str, Any]] = argocd()["AppProject"]["spec"][entry]
        return {(one["group"], one["kind"]) for one in listed}

    assert may("namespaceResourceWhitelist") == kinds(namespaced=True)
    assert may("clusterResourceWhitelist") == kinds(namespaced=False)


def test_the_job_of_a_release_is_made_anew_at_each_sync() -> None:
    for environment in environments():
        annotations = of_kind(environment["overlay"], "Job")["release"]["metadata"]["annotations"]
        assert annotations["argocd.argoproj.io/hook"] == "Sync"
        assert annotations["argocd.argoproj.io/hook-delete-policy"] == "BeforeHookCreation"


def test_the_workflow_moves_the_branches_that_are_followed_each_in_an_environment_of_its_own_staging_first() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/promote.yml").read_text())["jobs"]
    names = [environment["environment"] for environment in environments()]
    assert list(jobs) == names == ["staging", "production"]
    assert jobs["production"]["needs"] == "staging"
    for name, job in jobs.items():
        assert job["environment"] == name, "whose reviewers approve"
        assert f'promote.sh "$VERSION" {name} ' in job["steps"][-1]["run"]
    followed = {application(one)["spec"]["source"]["targetRevision"] for one in environments()}
    assert followed == {f"deployed/{name}" for name in names}
    assert '"$refs/refs/heads/deployed/$environment"' in (ROOT / "scripts/delivery/promote.sh").read_text()
