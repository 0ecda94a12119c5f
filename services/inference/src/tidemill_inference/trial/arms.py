"""Both arms of a trial over the rows of one call: who answers each row, and what the other arm would have said."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from tidemill.rows.features import feature_inputs
from tidemill_inference.model_cache.lazy_model import NotLoaded
from tidemill_inference.trial.routing import Mask, salt_of, to_challenger

if TYPE_CHECKING:
    from tidemill_inference.serving.scorer import Scorer, Scores
    from tidemill_inference.serving.serving import Serving

_log = logging.getLogger(__name__)


class Arm:
    """One arm's scores of n rows: NaN where it was not asked or had no answer. `seconds`: spent on them."""

    def __init__(self, model: Scorer, classes: tuple[str, ...], rows: pa.RecordBatch) -> None:
        self._model = model
        self._classes = classes
        self._rows = rows
        self._inputs: Mapping[str, np.ndarray[Any, Any]] | None = None
        n = rows.num_rows
        shape = (n, len(classes)) if model.manifest.task == "multiclass" else (n,)
        self.scores: Scores = np.full(shape, np.nan)
        self.asked: Mask = np.zeros(n, dtype=np.bool_)
        self.seconds = 0.0

    @property
    def version(self) -> int:
        """The version that it is."""
        return self._model.manifest.version

    @property
    def threshold(self) -> float:
        """From which probability on it says true, of a binary task."""
        return self._model.manifest.decides_at

    @property
    def answered(self) -> Mask:
        """The rows for which it has a number."""
        return cast("Mask", np.isfinite(self.scores).reshape(len(self.asked), -1).all(axis=1))

    def ask(self, wanted: Mask) -> None:
        """Score the rows that are wanted and were not asked before. Raises what the graph raises."""
        rows = wanted & ~self.asked
        if not rows.any():
            return
        self.asked |= rows
        started = time.perf_counter()
        try:
            if self._inputs is None:
                self._inputs = feature_inputs(self._rows, self._model.manifest.features)
            whole = bool(rows.all())
            inputs = self._inputs if whole else {name: values[rows] for name, values in self._inputs.items()}
            self.scores[rows] = aligned(self._model.score(inputs), self._model.manifest.classes, self._classes)
        finally:
            self.seconds += time.perf_counter() - started

    def try_to_ask(self, wanted: Mask) -> None:
        """The same; a graph that fails has no answer, one that cannot be loaded now was not asked."""
        before = self.asked.copy()
        try:
            self.ask(wanted)
        except NotLoaded as error:
            self.asked = before
            _log.warning("%s", error)
        except Exception as error:  # noqa: BLE001 - whatever the graph breaks, the other arm answers
            _log.warning("version %d has no answer: %s", self.version, error)


class BothArms:
    """One call during a trial. The challenger answers the rows of its share; where it cannot, the champion does:
    nobody sees a fault of the challenger.
    """

    def __init__(self, serving: Serving, rows: pa.RecordBatch, keys: Sequence[bytes]) -> None:
        """`keys`: the rows' record keys, shape [n]. Raises ValueError without a challenger."""
        event = serving.event
        if serving.challenger is None or event.challenger is None:
            raise ValueError(f"{event.model}: epoch {event.epoch} has no challenger")
        self.champion = Arm(serving.model, serving.classes, rows)
        self.challenger = Arm(serving.challenger, serving.classes, rows)
        salt = salt_of(event.model, event.challenger.version)
        self._routed = to_challenger(keys, salt, event.challenger_share)

    def answer(self) -> Scores:
        """The scores that go out, each by the arm that answers the row. Raises what the champion's graph raises."""
        self.challenger.try_to_ask(self._routed)
        self.champion.ask(~self.challenged)
        return self._chosen(self.challenged, self.challenger.scores, self.champion.scores)

    def complete(self) -> None:
        """Ask both arms for what they were not asked yet: so that each label compares them."""
        everything = np.ones(len(self._routed), dtype=np.bool_)
        self.challenger.try_to_ask(everything)
        self.champion.try_to_ask(everything)

    @property
    def challenged(self) -> Mask:
        """The rows that the challenger answers."""
        return self._routed & self.challenger.answered

    @property
    def others(self) -> tuple[Scores, Mask]:
        """What the arm that does not answer said of each row, and where it said something."""
        mask = self.challenged
        return (
            self._chosen(mask, self.champion.scores, self.challenger.scores),
            np.where(mask, self.champion.answered, self.challenger.answered),
        )

    @property
    def versions(self) -> list[int]:
        """The version that answers each row."""
        return [self.challenger.version if yes else self.champion.version for yes in self.challenged.tolist()]

    def thresholds(self, challenger: Mask) -> Scores:
        """Per row the threshold of the challenger where `challenger` is true, else that of the champion."""
        return np.where(challenger, self.challenger.threshold, self.champion.threshold)

    @staticmethod
    def _chosen(mask: Mask, yes: Scores, no: Scores) -> Scores:
        chosen: Scores = np.where(mask.reshape(-1, *[1] * (yes.ndim - 1)), yes, no)
        return chosen


def aligned(scores: Scores, own: tuple[str, ...], all_classes: tuple[str, ...]) -> Scores:
    """Scores of a multiclass arm, [n, own], over the classes of both, [n, all]; 0 for one that it does not know."""
    if scores.ndim == 1 or own == all_classes:
        return scores
    wide = np.zeros((len(scores), len(all_classes)))
    wide[:, [all_classes.index(name) for name in own]] = scores
    return wide
