"""Pauses a model's events because of a window of event time, by the same control record as a flood does."""

from __future__ import annotations

from collections.abc import Callable

from tidemill.contracts.events.controls import ValidatorControl
from tidemill.ids import uuid7
from tidemill.kafka.client.publisher import Publisher
from tidemill.settings import KafkaSettings
from tidemill_validator.encoded_topic import EncodedTopic

ROLE = "raw"


class WindowPause:
    """Writes a pause to the control topic, which every worker follows. For the thread of the quality watch."""

    def __init__(
        self,
        settings: KafkaSettings,
        controls: EncodedTopic,
        worker: str,
        *,
        newest: Callable[[tuple[str, str]], ValidatorControl | None],
        now_ms: Callable[[], int],
    ) -> None:
        """`newest`: the newest control of a model and role, None where there is none."""
        self._publisher = Publisher(settings, name=f"window-pause-{worker}")
        self._controls, self._worker = controls, worker
        self._newest, self._now_ms = newest, now_ms

    def __call__(self, model: str, reason: str, at_ms: int) -> None:
        """Pause the events of a model, unless something was said about them since `at_ms`, when the window was seen
        to be complete: what a person resumed stays resumed. Raises RetryLater without brokers.
        """
        last = self._newest((model, ROLE))
        if last is not None and last.at >= at_ms:
            return
        control = ValidatorControl(
            control_id=uuid7(), model=model, role=ROLE, action="paused", admitted=(), by=self._worker, reason=reason,
            at=self._now_ms(),
        )  # fmt: skip
        value = self._controls.encode(control.to_dict())
        self._publisher.publish(self._controls.name, value, key=model.encode())
