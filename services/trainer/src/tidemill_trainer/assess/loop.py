"""The loop of the *assess* thread: every model's label time, one step each in turn."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence

from tidemill.errors import RetryLater
from tidemill.service import Heartbeat
from tidemill_trainer.assess.assessment import Assessment

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
"""How often it is asked whether tables have grown, or a fit has ended."""


class Assess:
    """Goes on until it is stopped. `champion_known`: set once what serves has been read."""

    def __init__(
        self,
        models: Sequence[Assessment],
        champion_known: threading.Event,
        stop: threading.Event,
        heartbeat: Heartbeat,
    ) -> None:
        self._models = list(models)
        self._champion_known = champion_known
        self._stop = stop
        self._heartbeat = heartbeat
        self._said: dict[str, str] = {}

    def take_up(self, models: Iterable[Assessment]) -> None:
        """Assess these models, too, or as these say, from the next round on. From any thread."""
        self._models = list({model.model: model for model in (*self._models, *models)}.values())

    def run(self) -> None:
        """Assess until stopped."""
        while not self._stop.is_set():
            busy = False
            if self._champion_known.wait(LOOK_EVERY_S):
                for model in self._models:
                    busy |= self._turn(model)
            self._heartbeat.beat()
            if not busy:
                self._stop.wait(LOOK_EVERY_S)

    def _turn(self, model: Assessment) -> bool:
        if self._stop.is_set():
            return False
        try:
            busy = model.turn()
        except RetryLater as error:
            if self._said.get(model.model) != str(error):
                _log.warning("label time of %s waits: %s", model.model, error)
            self._said[model.model] = str(error)
            model.recover()
            return False
        if busy:
            self._said.pop(model.model, None)
        return busy
