"""Which names a service answers to and which web pages may ask it.

A browser sends requests to any address that a page names, this machine's own too. Where no key is asked for, that makes
every page that somebody visits a caller. Two headers tell: `Origin` is the page's (cross-site request forgery), and
`Host` is the name by which the browser found the service, which a page's own DNS may have turned to this machine (DNS
rebinding). Programs send neither a foreign Origin nor a foreign Host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Literal

from tidemill.access.authorizer import Refusal

__all__ = ["Headers", "Names", "Visitors", "is_loopback"]

Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case."""

Names = Literal["loopback", "private", "any"]
"""Names that are answered without being listed: those of this machine alone; also addresses and names that no public
DNS server gives out; all.
"""

_PRIVATE_ENDINGS = (".local", ".internal", ".svc", ".lan", ".home.arpa")
MOST_REMEMBERED = 64
_READS = (b"GET", b"HEAD", b"OPTIONS", "GET", "HEAD", "OPTIONS")


class Visitors:
    """Decides by headers alone. Belongs to one thread."""

    def __init__(self, names: Names, hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> None:
        """`hosts`: further names that are answered, `*.example.org` for all below one; where any is given, `names` any
        counts as private. `origins`: pages that may ask, such as https://shop.example.org; `*` for all.
        """
        self._names: Names = "private" if names == "any" and hosts and "*" not in hosts else names
        if "*" in hosts:
            self._names = "any"
        self._hosts = frozenset(_name(host.encode()) for host in hosts if not host.startswith("*."))
        self._below = tuple(host[1:].lower() for host in hosts if host.startswith("*."))
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._remembered: set[bytes] = set()

    def refusal(self, method: str, headers: Headers) -> Refusal | None:
        """Why a request is not looked at, None where nothing is against it."""
        hosts, origins, site = [], [], b""
        for name, value in headers:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
            elif name == b"sec-fetch-site":
                site = value
        for host in hosts:
            if not self.knows_host(host):
                return _unknown_host(host)
        for origin in origins:
            if not self._may_ask(origin, hosts):
                return _foreign(origin.decode("latin-1"))
        if not origins and site == b"cross-site" and method not in _READS:
            return _foreign("another site")
        return None

    @property
    def remembered(self) -> int:
        """How many Host headers are known without a look at them: at most MOST_REMEMBERED."""
        return len(self._remembered)

    def knows_host(self, value: bytes) -> bool:
        """Whether a Host header names this service."""
        if value in self._remembered:
            return True
        known = self._names == "any" or self._is_known(_name(value))
        if known and len(self._remembered) < MOST_REMEMBERED and len(value) < 256:
            self._remembered.add(value)
        return known

    def _is_known(self, name: str) -> bool:
        if name in self._hosts or name.endswith(self._below):
            return True
        if name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            is_private = bool(name) and ("." not in name or f".{name}".endswith(_PRIVATE_ENDINGS))
            return self._names == "private" and (is_private or name.endswith(".cluster.local"))
        return address.is_loopback or self._names == "private"

    def _may_ask(self, origin: bytes, hosts: Sequence[bytes]) -> bool:
        text = origin.decode("latin-1").lower()
        if "*" in self._origins or text in self._origins:
            return True
        scheme, _, place = text.partition("://")
        return scheme in ("http", "https") and [_place(host.decode("latin-1").lower()) for host in hosts] == [
            _place(place)
        ]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name(host: bytes) -> str:
    """The name of a Host header without its port: of `[::1]:80` the address, of `A.Example.:80` a.example."""
    text = host.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    name, colon, port = text.rpartition(":")
    if colon and port.isdigit() and ":" not in name:
        text = name
    return text.removesuffix(".")


def _place(text: str) -> str:
    return text.removesuffix(":80").removesuffix(":443")


def _unknown_host(host: bytes) -> Refusal:
    shown = host[:100].decode("latin-1")
    return Refusal(
        403,
        "unknown_host",
        f"this service is not known as {shown!r}: ask it by an address or name of its own (localhost), or name this "
        "one in TIDEMILL_ALLOWED_HOSTS",
    )


def _foreign(origin: str) -> Refusal:
    return Refusal(
        403,
        "foreign_origin",
        f"pages of {origin[:100]!r} may not ask this service: name their origin in TIDEMILL_CORS_ORIGINS if they are "
        "to",
    )
