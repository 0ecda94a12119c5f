"""Models that a request wants and that are not loaded: loaded beside the event loop, once for all who ask."""

from __future__ import annotations

import asyncio

from anyio import CapacityLimiter, to_thread

from tidemill_inference.model_cache.lazy_model import LONGEST_DELAY_S, NotLoaded
from tidemill_inference.serving.scorer import Scorer
from tidemill_inference.serving.serving import Serving

LONGEST_WAIT_S = 30.0
"""A request does not wait longer; the load goes on."""
THREADS = 4  # what hangs in a store must not take the threads of everybody

Held = tuple[Scorer, ...]


class WantedModels:
    """Belongs to one event loop."""

    def __init__(self, longest_wait_s: float = LONGEST_WAIT_S) -> None:
        self._longest_wait_s = longest_wait_s
        self._threads = CapacityLimiter(THREADS)
        self._loads: dict[tuple[str, int], asyncio.Task[Held]] = {}

    async def load(self, serving: Serving) -> Held:
        """The models of what serves, which stay in memory while the caller keeps them; loads those that are not there.
        Raises NotLoaded.
        """
        key = (serving.event.model, serving.epoch)
        load = self._loads.get(key)
        if load is None:
            load = asyncio.ensure_future(to_thread.run_sync(serving.load, limiter=self._threads))
            load.add_done_callback(lambda ended: self._forget(key, ended))
            self._loads[key] = load
        done, _ = await asyncio.wait([load], timeout=self._longest_wait_s)  # a client that goes away ends no load
        if not done:
            raise NotLoaded(serving.event, LONGEST_DELAY_S)
        return load.result()

    def _forget(self, key: tuple[str, int], ended: asyncio.Task[Held]) -> None:
        del self._loads[key]
        if not ended.cancelled():
            ended.exception()  # told already; here it counts as seen where nobody waits any more
