"""The socket that a service listens on, the same for every service: by IPv4, by IPv6, or by name."""

from __future__ import annotations

import errno
import socket

from tidemill.errors import ConfigError

__all__ = ["BACKLOG", "address_of", "listen"]

BACKLOG = 2_048
"""Connections that the system holds until they are accepted."""


def listen(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """A listening socket; port 0 takes a free one. `host` is an address, or a name, of which its IPv4 address is taken
    where it has one; `::` listens for both, where the system says so. Raises ConfigError where that cannot be.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        listener = socket.socket(family)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(backlog)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:  # a name with an empty part is no name that IDNA can write
        said = error.strerror if isinstance(error, OSError) else "not a name"
        raise ConfigError(f"cannot listen on {_joined(host, port)} ({said}): {_cure(error)}") from error
    return listener


def address_of(host: str, listener: socket.socket, *, tls: bool = False) -> str:
    """Where `host`'s listener is asked, as a URL: `http://127.0.0.1:8080`, `http://[::1]:8080`; `https://` with TLS."""
    return f"{'https' if tls else 'http'}://{_joined(host, listener.getsockname()[1])}"


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _cure(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES):
        return "set TIDEMILL_PORT=0"
    return "set TIDEMILL_HOST to an address of this machine, such as 127.0.0.1, ::1 or 0.0.0.0"
