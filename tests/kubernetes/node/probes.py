"""A container's probe: asked in its period, with its threshold."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any


class Probe:
    """`spec`: of a startup, liveness or readiness probe by HTTP; None always holds. `container`: for ports' names.

    `holds`: the last answer, asked again when its period is over. `failed`: so often in a row as its threshold.
    """

    def __init__(self, spec: Mapping[str, Any] | None, container: Mapping[str, Any], address: str) -> None:
        self._held = spec is None
        self._misses = 0
        self._spec = spec
        if spec is None:
            return
        ports = {port.get("name"): port["containerPort"] for port in container.get("ports", [])}
        asked = spec["httpGet"]
        self._url = f"http://{address}:{ports.get(asked['port'], asked['port'])}{asked.get('path', '/')}"
        self._period = float(spec.get("periodSeconds", 10))
        self._next = time.monotonic() + float(spec.get("initialDelaySeconds", 0))
        self._threshold = int(spec.get("failureThreshold", 3))

    @property
    def failed(self) -> bool:
        """Whether it has failed for as long as it may."""
        return self._spec is not None and self._misses >= self._threshold

    def failed_when_asked(self) -> bool:
        """As `failed`, after asking where it is time."""
        self.holds()
        return self.failed

    def holds(self) -> bool:
        """Asks where it is time. A probe that held stops holding at its threshold."""
        if self._spec is None or time.monotonic() < self._next:
            return self._held
        self._next = time.monotonic() + self._period
        if self._answers():
            self._held, self._misses = True, 0
        else:
            self._misses += 1
            self._held = self._held and self._misses < self._threshold
        return self._held

    def _answers(self) -> bool:
        assert self._spec is not None
        try:
            with urllib.request.urlopen(self._url, timeout=float(self._spec.get("timeoutSeconds", 1))) as answer:
                return 200 <= int(answer.status) < 400
        except (OSError, urllib.error.URLError):
            return False
