"""The producers of the prediction log: one at a time, another one where brokers answer others and not this one."""

from __future__ import annotations

from confluent_kafka import Producer

from tidemill.kafka.client.clients import Config
from tidemill.kafka.client.hearing import Hearing
from tidemill.settings import KafkaSettings

__all__ = ["LogProducers"]

_REPORTS_S = 1.0


class LogProducers:
    """`now`: the one to write with. It connects when it first writes. Used by the log's thread."""

    def __init__(self, settings: KafkaSettings, config: Config) -> None:
        self._config = config
        self._hearing = Hearing(settings, lambda: None)
        self.now = Producer(config)

    def renewed(self) -> Producer:
        """The one to go on with. Where it is another one, what waited in the one before is told as not delivered. Asks
        once in half a minute at most.
        """
        if self._hearing.lost(self.now):
            self.now.purge()
            self.now.flush(_REPORTS_S)
            self.now = Producer(self._config)
        return self.now
