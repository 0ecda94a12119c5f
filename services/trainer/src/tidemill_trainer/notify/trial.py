"""`tidemill-trainer notify --test`: a test message from where the trainer runs, with its secrets and its network."""

from __future__ import annotations

import threading

from tidemill.errors import FatalError
from tidemill.notify.trial import try_channels
from tidemill_trainer.settings import TrainerSettings


def try_all(settings: TrainerSettings, stop: threading.Event) -> None:
    """Send by each channel that is set, and print what came of it. Raises ConfigError where none is set, and FatalError
    where one has not taken its message.
    """
    trials = try_channels(settings)
    for trial in trials:
        print(trial)
    failed = [trial.channel for trial in trials if not trial.taken]
    if failed and not stop.is_set():
        raise FatalError(f"not taken by {', '.join(failed)}: see docs/runbooks/notifications.md")
