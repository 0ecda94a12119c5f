"""Imports a package with everything watched that an import must not do; prints what it found as JSON.

Run with an isolated Python: `python import_probe.py PACKAGE`. Every module of the package is imported. Reported are
connections and name look-ups by anyone, reads of the environment by modules of ours, and lines logged or printed.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import pkgutil
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import redirect_stderr, redirect_stdout

WATCHED = {"socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto"}
# Alembic runs this file by itself, as a script with its own context; it is no module to import.
SCRIPTS = {"tidemill_trainer.migrations.env"}
# Set where they are not set already, before a library is imported that reports its use: a package of ours has no other
# moment for that. Nothing is done by them that depends on the platform.
SILENCING = {"ORT_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY"}
found: list[str] = []


class WatchedEnvironment(MutableMapping[str, str]):
    """os.environ that notes who reads it, where that is a module of ours."""

    def __init__(self, real: MutableMapping[str, str]) -> None:
        self._real = real

    def __getitem__(self, name: str) -> str:
        note_reader(name)
        return self._real[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._real[name] = value

    def __delitem__(self, name: str) -> None:
        del self._real[name]

    def __iter__(self) -> Iterator[str]:
        note_reader("all of it")
        return iter(self._real)

    def __len__(self) -> int:
        return len(self._real)

    def copy(self) -> dict[str, str]:
        note_reader("all of it")
        return dict(self._real)


def note_reader(name: str) -> None:
    """Blames the module that asked: the nearest caller outside this file and the standard library's mapping
    helpers.
    """
    if name in SILENCING:
        return
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") in (
        "__main__",
        "os",
        "_collections_abc",
        "collections.abc",
    ):
        frame = frame.f_back  # type: ignore[assignment]
    module = frame.f_globals.get("__name__", "") if frame is not None else ""
    if module.split(".")[0].startswith("tidemill"):
        found.append(f"{module} reads the environment: {name}")


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in WATCHED:
        found.append(f"{event} {arguments!r}")


class Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("tidemill"):
            found.append(f"{record.name} logs: {record.getMessage()}")


def import_all(name: str) -> list[str]:
    package = importlib.import_module(name)
    modules = [name]
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        if module.name.rpartition(".")[2] != "__main__" and module.name not in SCRIPTS:
            importlib.import_module(module.name)
            modules.append(module.name)
    return modules


def main() -> None:
    threads = threading.active_count()
    os.environ = WatchedEnvironment(os.environ)  # type: ignore[assignment]  # noqa: B003 - the reads of this very process are watched
    os.getenv = lambda name, default=None: os.environ.get(name, default)
    logging.getLogger().addHandler(Listener(level=0))
    logging.getLogger().setLevel(0)
    sys.addaudithook(watch)
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        modules = import_all(sys.argv[1])
    watched = list(found)
    if said.getvalue():
        watched.append(f"prints: {said.getvalue()[:200]!r}")
    print(json.dumps({"found": watched, "modules": modules, "threads": threading.active_count() - threads}))


if __name__ == "__main__":
    main()
