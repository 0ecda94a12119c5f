"""How far models are from their first versions: what `tidemill up` shows at a terminal while labels come in."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tidemill_cli.rendering.progress import Spinner
    from tidemill_operations.loop_view.frame import Frame
    from tidemill_operations.loop_view.reader import LoopReader

EVERY_S: Final = 2.0


class FirstVersions:
    """Looks now and then, where somebody sees it. `facts`: of the platform, as its run file has them."""

    def __init__(self, facts: Mapping[str, Any], waiting: Spinner) -> None:
        self._facts = facts
        self._waiting = waiting
        self._reader: LoopReader | None = None
        self._next = 0.0 if sys.stderr.isatty() else float("inf")

    def turn(self) -> None:
        """Another look, if it is time for one. Brokers that do not answer are looked at again."""
        if time.monotonic() < self._next:
            return
        from confluent_kafka import KafkaException

        from tidemill_operations.loop_view.reader import LoopReader
        from tidemill_operations.platform import view_of

        try:
            self._reader = self._reader or LoopReader(view_of(dict(self._facts)))
            text = missing(self._reader.look())
        except KafkaException:
            text = ""
        if text:
            self._waiting.update(text)
        else:
            self._waiting.hide()
        self._next = time.monotonic() + EVERY_S

    def close(self) -> None:
        """Leaves the brokers."""
        if self._reader is not None:
            self._reader.close()


def missing(frame: Frame) -> str:
    """What is waited for: the first versions of models that have labels; empty where there are none such."""
    said = []
    for model in frame.models:
        labelled = max(0, model.labels.labels - model.labels.orphans)
        if model.version is None and labelled:
            enough = "on its way" if labelled >= model.wanted else f"{labelled:,} of {model.wanted:,} labelled rows"
            said.append(f"{model.model}: first version: {enough}")
    return "; ".join(said)
