"""Who may import whom.

Libraries stand in layers (LAYERS): each imports those below it and none above; a service imports `core`, `expectations`
and `learning`, and never another service; nothing imports an example.

Inside a service, logic is pure: it imports no Kafka, web, Redis or MLflow client, and no module that does. What is not
logic is told by its place (EDGES): entry points, readers and writers of topics, routes, stores. All of
libs/expectations and libs/learning is pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.contract.checks.sources import Source, import_name, imports, sources

LAYERS = {
    "core": set(),
    "expectations": {"core"},
    "learning": {"core"},
    "operations": {"core", "expectations", "learning"},
    "embedded": {"core"},
    "cli": {"core", "expectations", "learning", "operations", "embedded"},
}
FOR_SERVICES = {"core", "expectations", "learning"}

WIRING = {"main.py", "__main__.py", "settings.py", "metrics.py", "wiring.py"}
EDGES = {
    "drift": ("adapters/*",),
    "ingest": ("adapters/*", "web/*"),
    "inference": (
        "entrypoints/*", "predictions/log.py", "versions/watcher.py", "rest/app.py", "rest/body.py", "rest/handler.py",
        "rest/problems.py", "rest/fast_path/*", "rest/protocols/v1.py", "rest/protocols/v2.py",
        "rest/protocols/arrow.py", "rest/protocols/describe.py", "rest/protocols/openapi.py",
        "rest/scheduling/middleware.py", "rest/score_cache/redis.py",
    ),
    "trainer": (
        "renewal.py", "single_run.py",
        "admission/request_reader.py", "collect/collector.py", "collect/opening.py", "collect/positions.py",
        "mlflow/*", "migrations/*", "notify/reader.py",
        "release/published.py", "release/releaser.py", "release/topic_reader.py", "release/trial/evaluator.py",
        "release/trial/follower.py", "runs/outbox.py", "training/process_main.py",
    ),
    "validator": ("adapters/*",),
}  # fmt: skip
"""By service: what is not logic, beside WIRING. Paths within the package."""
PURE_LIBS = {"expectations", "learning"}

CLIENTS = {
    "confluent_kafka", "aiokafka", "faust", "mode", "tidemill.kafka", "tidemill.service.server",
    "fastapi", "starlette", "uvicorn", "httpx", "httpx2", "tidemill.notify.channels", "requests", "aiohttp",
    "redis", "limits", "mlflow",
}  # fmt: skip
VALUE_TYPES = {
    "tidemill.kafka.batch",
    "tidemill.kafka.headers",
    "tidemill.kafka.dead_letters",
    "tidemill.kafka.partitions.room",
    "tidemill.kafka.worker",
}
"""Batches, headers and dead letters are values, room is a rule, a worker is what logic is to the loop: logic uses them,
and they import no client.
"""

NEVER = {
    "inference": {"sklearn", "skl2onnx", "mlflow", "polars", "pandas"},
    "validator": {"sklearn", "skl2onnx", "mlflow", "onnxruntime", "polars", "pandas"},
}
"""What a service must not import anywhere, its image being kept small by it."""


def import_problems(root: Path) -> list[str]:
    """Every import in the tree that breaks a rule, with its place."""
    return [problem for source in sources(root) for problem in _problems(root, source)]


def is_pure(source: Source) -> bool:
    """True for a module that must not import a client."""
    if source.group == "libs":
        return source.package in PURE_LIBS
    return source.group == "services" and not _is_edge(source.package, source.inside)


def _is_edge(package: str, inside: Path) -> bool:
    return inside.name in WIRING or any(inside.match(pattern) for pattern in EDGES.get(package, ()))


def _edge_modules(root: Path, service: str, own: str) -> set[str]:
    folder = root / "services" / service / "src" / own
    inside = (path.relative_to(folder) for path in sorted(folder.rglob("*.py")) if path.name != "__init__.py")
    return {
        ".".join((own, *path.with_suffix("").parts))
        for path in inside
        if _is_edge(service, path) and path.name not in ("settings.py", "metrics.py")
    }


def _problems(root: Path, source: Source) -> Iterator[str]:
    own = import_name(root, source.group, source.package)
    services = _import_names(root, "services") - {own}
    examples = _import_names(root, "examples") - {own}
    out_of_reach = _out_of_reach(root, source)
    pure = is_pure(source)
    edges = _edge_modules(root, source.package, own) if pure and source.group == "services" else set()
    for line, name in imports(source, own):
        where = f"{source.where}:{line} imports {name}"
        if _within(name, services):
            yield f"{where}: no package imports another service"
        if _within(name, examples):
            yield f"{where}: nothing imports an example"
        if _within(name, out_of_reach):
            why = f"libs/{source.package} stands below it" if source.group == "libs" else "no service needs it"
            yield f"{where}: {why}"
        if pure and _within(name, CLIENTS) and not _within(name, VALUE_TYPES):
            yield f"{where}: logic imports no client; put it in an adapter or wire it in wiring.py"
        if pure and _within(name, edges):
            yield f"{where}: logic imports no adapter; take what it needs as an argument"
        if source.group == "services" and _within(name, NEVER.get(source.package, set())):
            yield f"{where}: it is not in this service's image"


def _out_of_reach(root: Path, source: Source) -> set[str]:
    """The libraries that this module's package must not import."""
    if source.group == "examples":
        return set()
    below = FOR_SERVICES if source.group == "services" else LAYERS.get(source.package, set()) | {source.package}
    folders = (path.parent.name for path in (root / "libs").glob("*/src"))
    return {import_name(root, "libs", folder) for folder in folders if folder not in below}


def _import_names(root: Path, group: str) -> set[str]:
    return {import_name(root, group, path.parent.name) for path in (root / group).glob("*/src")}


def _within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)
