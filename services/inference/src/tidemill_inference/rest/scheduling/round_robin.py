"""Fair turns of models on the event loop, so that a busy model does not stand before all requests of the others.

What is ready when the loop looks is done before it looks again: thirty connections of one model would go before a
single request of another, twice. So in one round of the loop a few requests of each model begin, and the rest of them
wait for the next round, in order. This is for what the application answers; what `lean.py` answers is shared out by
`gathering.py` in the same way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill_inference.rest.scheduling.activity import Sharing
from tidemill_inference.rest.scheduling.micro_batcher import ALONE

_ASKED = ("predict", "infer")


class Rounds:
    """Who begins in which round. Belongs to one event loop."""

    def __init__(self, each: int = ALONE) -> None:
        """`each`: how many of a model begin in one round."""
        self._each = each
        self._begun: dict[str, int] = {}
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}
        self._ticking = False

    def waits(self, model: str) -> bool:
        """Whether requests of it wait."""
        return model in self._lines

    def begin(self, model: str) -> asyncio.Future[None] | None:
        """None: begin now. Else what to wait for first."""
        loop = asyncio.get_running_loop()
        if not self._ticking:
            self._ticking = True
            loop.call_soon(self._tick, loop)
        begun = self._begun.get(model, 0)
        if model not in self._lines and begun < self._each:
            self._begun[model] = begun + 1
            return None
        turn = loop.create_future()
        self._lines.setdefault(model, deque()).append(turn)
        return turn

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Once a round while there is something to count."""
        self._begun = {model: self._wake(model) for model in list(self._lines)}
        self._ticking = bool(self._begun)
        if self._ticking:
            loop.call_soon(self._tick, loop)

    def _wake(self, model: str) -> int:
        line, woken = self._lines[model], 0
        while line and woken < self._each:
            turn = line.popleft()
            if not turn.done():  # a client that went away
                turn.set_result(None)
                woken += 1
        if not line:
            del self._lines[model]
        return woken


class Turns:
    """The layer that has the requests for predictions wait for their round; all others pass."""

    def __init__(
        self, app: ASGIApp, models: Collection[str], sharing: Sharing | None = None, rounds: Rounds | None = None
    ) -> None:
        self._app = app
        self._models = models
        self._sharing = sharing or Sharing()
        self._rounds = rounds or Rounds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        model = asked_model(scope)
        if model in self._models:
            self._sharing.note(model)
            if self._sharing.several or self._rounds.waits(model):
                turn = self._rounds.begin(model)
                if turn is not None:
                    await turn
        await self._app(scope, receive, send)


def asked_model(scope: Scope) -> str:
    """The model that a request asks for a prediction; empty where it asks for something else."""
    if scope["type"] != "http":
        return ""
    parts = scope["path"].split("/", 4)
    return parts[3] if len(parts) == 5 and parts[4].endswith(_ASKED) else ""
