"""Failed attempts to prove who one is, counted by where they come from and by the key that they name.

Nobody finds 256 random bits by trying, so a proof that holds is let in however often others have failed: whoever knows
a key's public id, or shares an address with a wrong client, cannot shut its owner out. Those who fail are told to wait,
and bring no key set anew, until they do.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

__all__ = ["FailedAttempts", "Proxies"]

MOST_REMEMBERED = 10_000
"""Of addresses and key ids together: about two megabytes. The one that failed longest ago is forgotten first."""
NAMED = 15
"""Characters of a key that name it: `tm_` and its id."""


class FailedAttempts:
    """Leaky buckets: so many failures at once, and as many a minute. Used by one thread."""

    def __init__(self, per_minute: int, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._a_second = per_minute / 60
        self._monotonic_s = monotonic_s
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, *sources: str) -> int:
        """After how many seconds these sources may fail again; 0: now."""
        now = self._monotonic_s()
        over = max((self._level(source, now) for source in sources), default=0.0) + 1 - self._most
        return max(0, math.ceil(over / self._a_second))

    def failed(self, *sources: str) -> None:
        """Count one failure of each source."""
        now = self._monotonic_s()
        for source in sources:
            level = min(self._level(source, now) + 1, self._most)
            self._levels[source] = (level, now)
            self._levels.move_to_end(source)
        while len(self._levels) > MOST_REMEMBERED:
            self._levels.popitem(last=False)

    def _level(self, source: str, now: float) -> float:
        level, at = self._levels.get(source, (0.0, now))
        return max(0.0, level - (now - at) * self._a_second)


class Proxies:
    """Tells where a request comes from: the address of the connection, or, where that is a proxy that is trusted, the
    last address in X-Forwarded-For that is none.
    """

    def __init__(self, networks: Sequence[str] = ()) -> None:
        """`networks`: such as 10.0.0.0/8. Raises ValueError for another text."""
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]

    def source(self, client: str, forwarded: str) -> str:
        """The address, of IPv6 its network of 64 bits, which is what one subscriber has."""
        return _subscriber(self._origin(client, forwarded))

    def address(self, client: str, forwarded: str) -> str | None:
        """The address itself; where what a proxy said is none, the proxy's; None without either."""
        for found in (self._origin(client, forwarded), client):
            try:
                return str(ipaddress.ip_address(found))
            except ValueError:
                continue
        return None

    def _origin(self, client: str, forwarded: str) -> str:
        found = client
        for hop in reversed(forwarded.split(",")[-16:] if forwarded else []):
            if not self._is_trusted(found):
                break
            found = hop.strip()
        return found

    def _is_trusted(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _subscriber(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text[:64]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return text
