"""What to fire: at whom, what, how often, for how long; everything has a bound."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_SECONDS = 1_800.0
MAX_CONNECTIONS = 900
MAX_RATE = 50_000.0
MAX_REQUESTS = 5_000_000
"""Of both loops: what would be more ends before its time."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. Only loopback: this is for measuring one's own server."""

    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Target:
        """Raises ValueError for anything but http:// on a loopback address."""
        parts = urlsplit(url)
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        try:
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if parts.scheme != "http" or not loopback:
            raise ValueError(f"{url} is not http:// on a loopback address")
        query = f"?{parts.query}" if parts.query else ""
        return cls(host, parts.port or 80, (parts.path or "/") + query)

    def request(self, method: str, headers: tuple[str, ...], body: bytes) -> bytes:
        """A whole request. `headers` as `Name: value`; host and content-length are added."""
        if any(":" not in line or "\r" in line or "\n" in line for line in headers):
            raise ValueError("a header is one line, Name: value")
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [f"{method} {self.path} HTTP/1.1", f"Host: {host}:{self.port}", *headers]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body


@dataclass(frozen=True, slots=True)
class Plan:
    """`requests`: sent in turn. `rate`: requests a second of the open loop; None for the closed one, in which every
    connection asks again as soon as it is answered. `connections`: how many the closed loop has, and the most that the
    open one opens. `clock`: even or exponential distances of the open loop's arrivals, the latter from `seed`.
    """

    target: Target
    requests: tuple[bytes, ...]
    seconds: float
    warm_s: float = 0.0
    connections: int = 32
    rate: float | None = None
    clock: str = "exponential"
    seed: int = 0
    timeout_s: float = 10.0
    note: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for what has no bound or is none."""
        total = self.warm_s + self.seconds
        if not (self.seconds > 0 and self.warm_s >= 0 and total <= MAX_SECONDS):
            raise ValueError(f"0 to {MAX_SECONDS:.0f} s, warm-up and all")
        if not 1 <= self.connections <= MAX_CONNECTIONS:
            raise ValueError(f"1 to {MAX_CONNECTIONS} connections")
        if self.rate is not None and not (0 < self.rate <= MAX_RATE and self.rate * total <= MAX_REQUESTS):
            raise ValueError(f"at most {MAX_RATE:.0f} requests a second and {MAX_REQUESTS} in all")
        if not self.requests:
            raise ValueError("there is nothing to send")

    def arrivals(self) -> Iterator[float]:
        """When the open loop's requests are due, in seconds from the start."""
        assert self.rate is not None
        total = self.warm_s + self.seconds
        if self.clock == "even":
            yield from (k / self.rate for k in range(round(self.rate * total)))
            return
        generator, at = random.Random(self.seed), 0.0
        for _ in range(MAX_REQUESTS):
            at += generator.expovariate(self.rate)
            if at >= total:
                return
            yield at
