"""Ports: the preferred one where it is free, else one that no connection is given by the system.

A port is chosen a while before a child listens on it. In between it must go neither to another platform that starts
at the same time nor to a connection: the choice is noted in a file that is locked until this process ends, and comes
from below the range of which systems give ports to connections.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

HOST = "127.0.0.1"
CHOICE = range(20_000, 32_768)
_noted: dict[int, IO[str]] = {}


class Ports:
    """Hands out ports on this machine, none of them twice, and remembers which were not the preferred ones."""

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self.changed: dict[str, tuple[int, int]] = {}
        """By name: (preferred port, port given instead)."""

    def take(self, name: str, preferred: int = 0) -> int:
        """A port that nothing listens on: `preferred` if it can be had; 0 means any."""
        port = preferred if preferred and preferred not in self._taken and _may_have(preferred) else self._any()
        if preferred and port != preferred:
            self.changed[name] = (preferred, port)
        self._taken.add(port)
        return port

    def _any(self) -> int:
        while True:
            port = random.choice(CHOICE)
            if port not in self._taken and _may_have(port):
                return port


def _may_have(port: int) -> bool:
    """Whether the port is free, and noted as this process's."""
    if port not in _noted:
        folder = Path(tempfile.gettempdir()) / f"tidemill-ports-{os.getuid()}"
        folder.mkdir(exist_ok=True)
        file = (folder / str(port)).open("a")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock, never against ourselves
        except OSError:
            file.close()
            return False
        _noted[port] = file
    return is_free(port)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_listening(host: str, port: int, timeout_s: float = 0.5) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True
