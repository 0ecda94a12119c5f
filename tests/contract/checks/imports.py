"""Who may import whom.

A service imports libs and itself; a lib imports no service; libs/core imports no other lib. Inside a service,
logic is pure: it imports no Kafka, web, Redis or MLflow client. What is not logic, and may, is told by its
place:

- `main.py`, `__main__.py`, `settings.py`, `metrics.py`, `bootstrap.py` and the modules of ENTRY_POINTS wire;
- `adapters/` holds the thin adapters, `web/` the routes, `migrations/` those of the data base.

All of libs/expectations and libs/learning is pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.contract.checks.sources import Source, import_name, imports, sources

WIRING = {"main.py", "__main__.py", "settings.py", "metrics.py", "bootstrap.py"}
ENTRY_POINTS = {"inference": {"serve.py", "stream.py"}, "drift": {"profile.py", "detect.py"}}
EDGE_FOLDERS = {"adapters", "web", "migrations"}
PURE_LIBS = {"expectations", "learning"}

CLIENTS = {
    "confluent_kafka", "aiokafka", "faust", "mode", "tidemill.kafka", "tidemill.service.server",
    "fastapi", "starlette", "uvicorn", "httpx", "requests", "aiohttp",
    "redis", "limits", "mlflow",
}  # fmt: skip
VALUE_TYPES = {"tidemill.kafka.batch", "tidemill.kafka.headers", "tidemill.kafka.dead_letters", "tidemill.kafka.room"}
"""Batches, headers and dead letters are values, room is a rule: logic uses them, and they import no client."""

NEVER = {"inference": {"sklearn", "skl2onnx", "mlflow", "polars", "pandas"}}
"""What a service must not import anywhere, its image being kept small by it."""


def import_problems(root: Path) -> list[str]:
    """Every import in the tree that breaks a rule, with its place."""
    return [problem for source in sources(root) for problem in _problems(root, source)]


def is_pure(source: Source) -> bool:
    """True for a module that must not import a client."""
    if source.group == "libs":
        return source.package in PURE_LIBS
    if EDGE_FOLDERS.intersection(source.inside.parts[:-1]):
        return False
    return source.inside.name not in WIRING | ENTRY_POINTS.get(source.package, set())


def _problems(root: Path, source: Source) -> Iterator[str]:
    own = import_name(root, source.group, source.package)
    services = _import_names(root, "services") - {own}
    other_libs = _import_names(root, "libs") - {own}
    for line, name in imports(source, own):
        where = f"{source.where}:{line} imports {name}"
        if _within(name, services):
            yield f"{where}: no package imports another service"
        if (source.group, source.package) == ("libs", "core") and _within(name, other_libs):
            yield f"{where}: libs/core imports no other lib"
        if is_pure(source) and _within(name, CLIENTS) and not _within(name, VALUE_TYPES):
            yield f"{where}: logic imports no client; put it in adapters/ or wire it in main.py"
        if source.group == "services" and _within(name, NEVER.get(source.package, set())):
            yield f"{where}: it is not in this service's image"


def _import_names(root: Path, group: str) -> set[str]:
    return {import_name(root, group, path.parent.name) for path in (root / group).glob("*/src")}


def _within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)
