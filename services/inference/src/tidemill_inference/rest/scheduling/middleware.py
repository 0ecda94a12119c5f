"""The layer by which requests that the application answers wait for their turn."""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill_inference.rest.scheduling.scheduler import Scheduler

_ASKED = ("predict", "infer")


class Turns:
    """Has the requests for predictions wait for the turn of their model; all others pass, and all where there is one
    model alone. `models` may grow.
    """

    def __init__(self, app: ASGIApp, models: Collection[str], scheduler: Scheduler) -> None:
        self._app = app
        self._models = models
        self._scheduler = scheduler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        model = asked_model(scope) if len(self._models) > 1 else ""
        if model in self._models:
            turn = self._scheduler.turn(model)
            if turn is not None:
                await turn
        await self._app(scope, receive, send)


def asked_model(scope: Scope) -> str:
    """The model that a request asks for a prediction; empty where it asks for something else."""
    if scope["type"] != "http":
        return ""
    parts = scope["path"].split("/", 4)
    return parts[3] if len(parts) == 5 and parts[4].endswith(_ASKED) else ""
