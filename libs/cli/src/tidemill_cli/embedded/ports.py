"""Ports: the preferred one where it is free, else one that the system gives."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


class Ports:
    """Hands out ports on this machine, none of them twice, and remembers which were not the preferred
    ones.
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self.changed: dict[str, tuple[int, int]] = {}
        """By name: (preferred port, port given instead)."""

    def take(self, name: str, preferred: int = 0) -> int:
        """A port that nothing listens on: `preferred` if it can be had; 0 means any."""
        port = preferred if preferred and preferred not in self._taken and is_free(preferred) else self._any()
        if preferred and port != preferred:
            self.changed[name] = (preferred, port)
        self._taken.add(port)
        return port

    def _any(self) -> int:
        while True:
            with socket.socket() as probe:
                probe.bind((HOST, 0))
                port: int = probe.getsockname()[1]
            if port not in self._taken:
                return port


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
