"""Jars are taken only where their hash is the lock's."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tidemill_embedded.broker import jars
from tidemill_embedded.broker.jars import JarLock, class_path, relative_path
from tidemill_embedded.errors import PlatformError

NAME = "org.example:thing:1.2"


def lock_of(content: bytes) -> JarLock:
    return JarLock("4.1.1", {NAME: hashlib.sha256(content).hexdigest()})


def put(repository: Path, content: bytes) -> Path:
    path = repository / relative_path(NAME)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


@pytest.fixture(autouse=True)
def maven_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "m2"
    monkeypatch.setenv("M2_REPO", str(home))
    return home


def test_the_lock_has_kafka_itself_and_its_clients_in_one_version() -> None:
    lock = JarLock.load()
    assert f"org.apache.kafka:kafka_2.13:{lock.kafka}" in lock.sha256
    assert f"org.apache.kafka:kafka-clients:{lock.kafka}" in lock.sha256
    assert all(len(digest) == 64 for digest in lock.sha256.values())


def test_a_jar_in_the_cache_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "fetch", refuse)
    path = put(tmp_path / "cache", b"jar")
    assert class_path(lock_of(b"jar"), tmp_path / "cache") == [path]


def test_a_jar_in_the_users_maven_repository_is_used(tmp_path: Path, maven_home: Path) -> None:
    path = put(maven_home, b"jar")
    assert class_path(lock_of(b"jar"), tmp_path / "cache") == [path]


def test_a_changed_jar_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "cache", b"something else")

    def fetch(name: str, digest: str, cache: Path) -> None:
        path.write_bytes(b"jar")

    monkeypatch.setattr(jars, "fetch", fetch)
    assert class_path(lock_of(b"jar"), tmp_path / "cache") == [path]
    assert path.read_bytes() == b"jar"


def test_a_fetched_jar_with_another_hash_is_refused_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jgo.maven import Artifact

    target = tmp_path / "cache" / relative_path(NAME)

    def resolve(artifact: Artifact) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"something else")
        return target

    monkeypatch.setattr(Artifact, "resolve", resolve)
    with pytest.raises(PlatformError, match="SHA-256 differs"):
        class_path(lock_of(b"jar"), tmp_path / "cache")
    assert not target.exists()


def test_a_repository_out_of_reach_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jgo.maven import Artifact

    def resolve(artifact: Artifact) -> Path:
        raise ConnectionRefusedError("connection refused")

    monkeypatch.setattr(Artifact, "resolve", resolve)
    with pytest.raises(PlatformError, match=r"cannot be fetched.*refused.*KAFKA=HOST:PORT"):
        class_path(lock_of(b"jar"), tmp_path / "cache")


def refuse(name: str, digest: str, cache: Path) -> None:
    raise AssertionError(f"fetched {name}")
