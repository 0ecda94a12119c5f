"""An ingest server on a real broker, as a process of its own."""

from __future__ import annotations

import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.scan import scan
from tidemill.kafka.client.topics import ensure_topics
from tidemill.settings import CommonSettings

MODEL = "flight-delay"


@dataclass
class Server:
    """One ingest process and the topics that it writes to."""

    settings: CommonSettings
    topics: TopicCatalog
    codec: Codec
    schemas: SchemaCatalog
    process: subprocess.Popen[bytes]
    url: str
    verify: ssl.SSLContext | bool = True

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", json=body, timeout=20, verify=self.verify, **options)

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5, verify=self.verify).status_code == 200
        except httpx.TransportError:
            return False

    def alive(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/live", timeout=5, verify=self.verify).status_code == 200
        except httpx.TransportError:
            return False

    def read(self, role: str) -> list[tuple[int, bytes | None, dict[str, Any], dict[str, bytes | None]]]:
        """(partition, key, datum, headers) of every record."""
        schema = self.schemas.for_topic(role, MODEL)
        return [
            (
                batch.partitions[k],
                batch.keys[k],
                self.codec.decode_one(batch.values[k], schema),
                dict(batch.headers[k] or ()),
            )
            for batch in scan(self.settings, self.topics.name(role, MODEL))
            for k in range(len(batch))
        ]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


Serve = Callable[..., Server]


@pytest.fixture
def serve(prefix: str, root: Path, tmp_path: Path) -> Iterator[Serve]:
    """Starts an ingest process on a broker: `serve(bootstrap, setting=value, ...)`; `ca`: by which its certificate is
    believed, where it has one.
    """
    from tidemill_embedded.ports import Ports

    running: list[subprocess.Popen[bytes]] = []

    def start(bootstrap: str, *, topics_exist: bool = True, ca: Path | None = None, **over: str) -> Server:
        settings = CommonSettings(
            kafka_bootstrap=bootstrap,
            prefix=prefix,
            schemas=root / "schemas",
            models_dir=root / "models",
            models=(MODEL,),
        )
        models = load_models(settings.models_dir, settings.models)
        topics = TopicCatalog.load(settings.schemas, prefix)
        schemas = SchemaCatalog.load(settings.schemas, models)
        if topics_exist:
            ensure_topics(admin(settings), topics, [MODEL], 4)
        port = Ports().take("ingest")
        given = {
            "kafka_bootstrap": bootstrap,
            "prefix": prefix,
            "schemas": str(settings.schemas),
            "models_dir": str(settings.models_dir),
            "models": MODEL,
            "port": str(port),
            "log_file": str(tmp_path / "ingest.log"),
            **over,
        }
        process = service_process.start("tidemill_ingest", env=service_process.environment(given))
        running.append(process)
        url = f"{'https' if ca else 'http'}://127.0.0.1:{port}"
        verify = ssl.create_default_context(cafile=ca) if ca else True
        server = Server(settings, topics, Codec(schemas), schemas, process, url, verify)
        until(server.alive, 60, "ingest answers")
        return server

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()
