"""Which processes make a platform, and what each is told through its environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tidemill_embedded.ports import HOST


@dataclass(frozen=True, slots=True)
class Service:
    """A process of the platform: `python -m module arguments`, serving on the port in TIDEMILL_PORT."""

    name: str
    module: str
    arguments: tuple[str, ...]
    port: int
    """The preferred one."""
    serves: str
    """What a person finds at its address."""


SERVICES = (
    Service("ingest", "tidemill_ingest", (), 8081, "push events and labels: POST /v1/events/MODEL"),
    Service("validator", "tidemill_validator", (), 9101, "metrics"),
    Service("serve", "tidemill_inference", ("serve",), 8082, "predict: POST /v1/models/MODEL/predict"),
    Service("stream", "tidemill_inference", ("stream",), 9102, "metrics"),
    Service("trainer", "tidemill_trainer", (), 9103, "metrics"),
    Service("profile", "tidemill_drift", ("profile",), 9104, "metrics"),
    Service("detect", "tidemill_drift", ("detect",), 9105, "metrics"),
)
MLFLOW_PORT = 5000
BROKER_PORT = 9092

# Nine processes share the machine: each keeps its libraries' thread pools and memory arenas small.
FRUGAL = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "2",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUNBUFFERED": "1",
    # nothing calls home
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
TLS_FILES = ("TIDEMILL_TLS_CERTIFICATE", "TIDEMILL_TLS_KEY", "TIDEMILL_TLS_KEY_PASSWORD_FILE")
# The pages alone: its job runners would be more processes, for evaluations that nobody asks of it here.
MLFLOW_ENV = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def platform_settings(
    root: Path, var: Path, models: tuple[str, ...], bootstrap: str, prefix: str, partitions: int
) -> dict[str, str]:
    """The TIDEMILL_* variables that all services of one platform share."""
    return {
        "TIDEMILL_KAFKA_BOOTSTRAP": bootstrap,
        "TIDEMILL_PREFIX": prefix,
        "TIDEMILL_PARTITIONS": str(partitions),
        "TIDEMILL_SCHEMAS": str(root / "schemas"),
        "TIDEMILL_MODELS_DIR": str(root / "models"),
        "TIDEMILL_MODELS": ",".join(models),
        "TIDEMILL_HOST": HOST,
        "TIDEMILL_AUTH": os.environ.get("TIDEMILL_AUTH", "off"),  # by name: nobody else reaches a loopback address
        "TIDEMILL_SPANS_DIR": str(var / "spans"),
        "TIDEMILL_ARTIFACTS": (var / "artifacts").as_uri(),
        "TIDEMILL_SIGNATURES": os.environ.get("TIDEMILL_SIGNATURES", "required"),
        "TIDEMILL_SIGNING_KEY": str(var / "keys" / "signing.pem"),
        "TIDEMILL_TRUSTED_KEYS": str(var / "keys" / "trusted.pem"),
        "TIDEMILL_TABLES": (var / "tables").as_uri(),
        "TIDEMILL_DATABASE_URL": f"sqlite:///{var / 'tidemill.db'}",
        "TIDEMILL_MLFLOW_TRACKING_URI": f"sqlite:///{var / 'mlflow.db'}",
    } | tls_settings(root)


def service_environment(shared: Mapping[str, str], port: int, overrides: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of one service: this process's own, frugal defaults where nothing is set,
    settings, overrides.
    """
    return FRUGAL | dict(os.environ) | dict(shared) | {"TIDEMILL_PORT": str(port)} | dict(overrides)


def tls_settings(folder: Path) -> dict[str, str]:
    """What this process's environment says of the certificate of all services, with paths as they are in `folder`."""
    named = {name: os.environ.get(name) for name in TLS_FILES}
    return {name: str(folder / path) for name, path in named.items() if path}


def certificate_in(environment: Mapping[str, str], folder: Path) -> Path | None:
    """The file of the certificate that a service of this environment, run in `folder`, serves with; None where it
    speaks plain HTTP.
    """
    named = environment.get("TIDEMILL_TLS_CERTIFICATE")
    return folder / named if named else None


def service_command(service: Service) -> list[str]:
    return [sys.executable, "-m", service.module, *service.arguments]


def mlflow_command(var: Path, port: int) -> list[str]:
    """MLflow's own server, for looking at runs; it is not on the platform's path."""
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        HOST,
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += ["--backend-store-uri", f"sqlite:///{var / 'mlflow.db'}"]
    return [*command, "--artifacts-destination", (var / "mlflow-artifacts").as_uri()]
