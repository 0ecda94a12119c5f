"""Which alarms ask for retraining by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemill_learning.drift.detection.evidence import Track

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

LASTING = 3
"""Windows in a row for which features must have moved before they ask for retraining by themselves."""


def asks(spec: ModelSpec, track: Track, lasting: int) -> bool:
    """Whether the alarms of this track ask for retraining, as the model file says. `lasting`: windows in a row that
    have moved, and not as the season lets expect.

    Labels ask by themselves, label by label and with the place of the change (`label_time`): what windows of them
    find explains it, and would ask a second time, for rows from before the change, too. Features or scores that
    move are a reason only where nothing better is watched: weekends move both every week, and a model that still
    ranks and calibrates well has nothing to learn from it. Where labels have stopped, there is nothing to learn
    anew from. Each is evidence all the same. Where features or scores are a reason, they must differ from the same
    hours of earlier weeks, too, or a whole week must.
    """
    if "drift" not in spec.retrain.on or "quality" in spec.drift.watch:
        return False
    alone = "predictions" not in spec.drift.watch
    return lasting >= LASTING if alone else lasting > 0 and track.kind == "predictions"
