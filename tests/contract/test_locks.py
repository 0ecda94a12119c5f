"""Lock files say what to install by hash, and nowhere where it comes from."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)( ; [^\\]+)? \\$")
JAR = re.compile(r"^[A-Za-z0-9._-]+:[A-Za-z0-9._-]+:[A-Za-z0-9._-]+$")
ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted([*ROOT.glob("requirements/*.txt"), *ROOT.glob("*/*/requirements.txt")])


def pins(lock: Path) -> dict[str, set[str]]:
    """Locked versions by name; more than one where the versions of Python differ."""
    found: dict[str, set[str]] = {}
    for line in lock.read_text().splitlines():
        if match := PIN.match(line):
            found.setdefault(match[1], set()).add(match[2])
    return found


def what_projects_need(package: str) -> set[str]:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import lock
    finally:
        sys.path.pop(0)
    ours = lock.projects()
    names = [lock.everything(name, project) for name, project in ours.items() if package in ("", name)]
    return {lock.canonical(lock.NAME.match(line)[1]) for line in lock.third_party(names, ours)}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_has_versions_and_hashes_and_nothing_else(path: Path) -> None:
    head, *lines = path.read_text().splitlines()
    assert head.startswith("# Written by `make lock`")
    assert [line for line in lines if not (PIN.match(line) or HASH.match(line))] == []
    assert pins(path)


def test_the_development_lock_has_all_that_the_packages_need() -> None:
    assert what_projects_need("") - pins(ROOT / "requirements" / "dev.txt").keys() == set()


@pytest.mark.parametrize("service", sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml")))
def test_a_services_lock_has_all_that_it_needs(service: str) -> None:
    lock = pins(ROOT / "services" / service / "requirements.txt")
    assert what_projects_need(f"tidemill-{service}") - lock.keys() == set()


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_lock_has_a_version_that_is_not_tested(path: Path) -> None:
    tested = pins(ROOT / "requirements" / "dev.txt")
    assert {name for name, versions in pins(path).items() if not versions <= tested.get(name, set())} == set()


def test_the_jars_are_locked_by_coordinates_and_hash() -> None:
    text = (ROOT / "libs/embedded/src/tidemill_embedded/broker/kafka.lock.toml").read_text()
    jars = tomllib.loads(text)["sha256"]
    assert [name for name in jars if not JAR.match(name)] == []
    assert [digest for digest in jars.values() if not re.fullmatch(r"[0-9a-f]{64}", digest)] == []
    assert "://" not in text
