"""The loop of the *admit* thread: retrain requests from their topic."""

from __future__ import annotations

import logging
import threading

from tidemill.errors import RetryLater
from tidemill.service import Heartbeat
from tidemill_trainer.admission.admission import Admission
from tidemill_trainer.release.topic_reader import TopicReader, headers_of

_log = logging.getLogger(__name__)


class RequestReader:
    """Hands every request to admission, at least once; a repeat is known by its request id."""

    def __init__(
        self,
        reader: TopicReader,
        admission: Admission,
        poll_s: float,
        stop: threading.Event,
        heartbeat: Heartbeat,
    ) -> None:
        self._reader = reader
        self._admission = admission
        self._poll_s = poll_s
        self._stop = stop
        self._heartbeat = heartbeat

    def run(self) -> None:
        """Read until stopped."""
        try:
            while not self._stop.is_set():
                self._turn()
                self._heartbeat.beat()
        finally:
            self._reader.close()

    def _turn(self) -> None:
        try:
            messages = self._reader.poll(self._poll_s)
            for position, message in enumerate(messages):
                try:
                    self._admission.take(message.value(), headers_of(message))
                    self._reader.commit(message)
                except RetryLater:
                    self._reader.rewind(messages[position:])
                    raise
        except RetryLater as error:
            _log.warning("admit tries again: %s", error)
            self._stop.wait(error.delay_s)
