"""Kafka's jars: each of the lock file's Maven coordinates as a local file whose SHA-256 is the lock's.

Nothing is resolved: the lock is the class path. Jars are taken from the user's Maven repository where they
are there, else fetched with jgo into the user's cache, once; after that no network is needed. Every jar is
hashed at every start.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tidemill_embedded.errors import PlatformError

FETCHERS = 4
# jgo hands this to requests, for connecting and for each read: an address that swallows packets is given up
# after it.
HTTP_TIMEOUT_S = 8
ADVICE = (
    "Is Maven Central reachable from here? Behind a proxy set HTTPS_PROXY; a mirror of your own goes into "
    "~/.config/jgo.conf under [repositories] as `central = ADDRESS`. Or use a Kafka that runs already: "
    "KAFKA=HOST:PORT"
)


@dataclass(frozen=True, slots=True)
class JarLock:
    """The Kafka version and, by `group:artifact:version`, the SHA-256 (hex) of every jar on its class path."""

    kafka: str
    sha256: dict[str, str]

    @classmethod
    def load(cls) -> JarLock:
        """The lock that ships in this package."""
        table = tomllib.loads(files(__package__).joinpath("kafka.lock.toml").read_text())
        return cls(table["kafka"], table["sha256"])


def cache_dir() -> Path:
    """Where fetched jars are kept, shared by all checkouts of a user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tidemill" / "maven"


def class_path(lock: JarLock, cache: Path, progress: Callable[[str], None] = lambda _: None) -> list[Path]:
    """The verified jars of `lock`, in its order; those not on this machine yet are fetched into `cache`.

    Raises:
        PlatformError: a jar cannot be fetched (said within seconds), or is not what the lock says.
    """
    present = [_present(coordinate, digest, cache) for coordinate, digest in lock.sha256.items()]
    if all(present):
        return [path for path in present if path]
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / ".lock"):
        return _fetch_missing(lock, cache, progress)


def _present(coordinate: str, digest: str, cache: Path) -> Path | None:
    """The jar where a copy with the right hash is on this machine."""
    for repository in (cache, maven_home()):
        path = repository / relative_path(coordinate)
        if path.is_file() and sha256(path) == digest:
            return path
    return None


def _fetch_missing(lock: JarLock, cache: Path, progress: Callable[[str], None]) -> list[Path]:
    missing = [name for name, digest in lock.sha256.items() if not _present(name, digest, cache)]
    if missing:
        progress(f"fetching Apache Kafka {lock.kafka}: {len(missing)} jars, once")
        fetch(missing[0], lock.sha256[missing[0]], cache)  # one time-out tells all
    with ThreadPoolExecutor(FETCHERS) as pool:
        jobs = [pool.submit(fetch, name, lock.sha256[name], cache) for name in missing[1:]]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [path for name, digest in lock.sha256.items() if (path := _present(name, digest, cache))]


def fetch(coordinate: str, digest: str, cache: Path) -> None:
    """Take a jar from a repository. Raises PlatformError where it does not come, or with another hash."""
    import requests
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    target = cache / relative_path(coordinate)
    target.unlink(missing_ok=True)  # what an interrupted fetch left
    group, artifact, version = coordinate.split(":")
    repositories = GlobalSettings.load().repositories or None
    maven = MavenContext(repo_cache=cache, local_repos=[], remote_repos=repositories, timeout=HTTP_TIMEOUT_S)
    try:
        maven.project(group, artifact).at_version(version).artifact().resolve()
    except (requests.RequestException, OSError, RuntimeError) as error:
        raise PlatformError(f"{coordinate} cannot be fetched ({_shortly(error)}). {ADVICE}") from error
    if sha256(target) != digest:
        target.unlink()
        raise PlatformError(
            f"{coordinate} as fetched is not the jar that kafka.lock.toml names (SHA-256 differs). "
            "It was deleted. A proxy or mirror may have changed it: fetch it from another one."
        )


def _shortly(error: BaseException) -> str:
    text = str(error)
    return text if len(text) <= 200 else text[:200] + "..."


def relative_path(coordinate: str) -> Path:
    """Where a Maven repository keeps a jar."""
    group, artifact, version = coordinate.split(":")
    return Path(*group.split("."), artifact, version, f"{artifact}-{version}.jar")


def maven_home() -> Path:
    """The user's own Maven repository; only read."""
    return Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds other processes off while this one writes into the cache."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Fetches what is missing, so that later starts need no network: the last step of set-up."""
    try:
        class_path(JarLock.load(), cache_dir(), lambda text: print(f"setup: {text}", flush=True))
    except PlatformError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
