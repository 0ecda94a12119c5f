"""How versions answer labelled rows: a few models in memory, each fetched and verified like in serving."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidemill.artifact import ArtifactError, ArtifactStore
from tidemill.contracts.events.platform import ModelRef
from tidemill.errors import RetryLater
from tidemill.rows.features import FeatureLike, feature_inputs
from tidemill_learning.label_time.loop import Answers
from tidemill_learning.label_time.pool import LARGEST
from tidemill_learning.training.examples import Task
from tidemill_trainer import metrics
from tidemill_trainer.training.champion import ServingChampion

_log = logging.getLogger(__name__)

Find = Callable[[int], ModelRef | None]
"""Version to where it lies."""


class Versions:
    """One model's versions, at most `LARGEST` in memory. Not thread-safe."""

    def __init__(self, model: str, task: Task, store: ArtifactStore, find: Find) -> None:
        self._model = model
        self._task = task
        self._store = store
        self._find = find
        self._loaded: OrderedDict[int, ServingChampion | None] = OrderedDict()
        self._unreadable: set[int] = set()

    def features(self, versions: Sequence[int]) -> list[FeatureLike]:
        """All features that any of them reads, each once."""
        found = [self._version(version) for version in versions]
        return list({one.name: one for model in found if model is not None for one in model.features}.values())

    def members(self, version: int) -> tuple[tuple[int, float], ...]:
        """The members of a mixture and their weights; nothing of another version, or of one that cannot be read. Raises
        `RetryLater` where the artifact store is away.
        """
        found = self._version(version)
        return () if found is None else found.members

    def answers(
        self, rows: pa.Table, target: NDArray[np.generic], versions: Sequence[int], champion: int | None
    ) -> dict[int, Answers]:
        """How each of them answers these rows. One that is lost, but the champion, is wrong in every row. Raises
        `RetryLater` where the artifact store is away, or the champion cannot be read.
        """
        together = rows.combine_chunks()
        return {version: self._answer(together, target, version, champion) for version in versions}

    def _answer(self, rows: pa.Table, target: NDArray[np.generic], version: int, champion: int | None) -> Answers:
        model = self._version(version)
        if model is None:
            if version == champion:
                del self._loaded[version]
                metrics.CHAMPION_UNREADABLE.labels(self._model).set(1)
                raise RetryLater(
                    f"{self._model}: version {version} serves and cannot be read: bring its artifact back, or release "
                    "another version", delay_s=5.0,
                )  # fmt: skip
            return _wrong(self._task, target)
        return Answers(model.score(feature_inputs(rows, model.features)), model.classes)

    def _version(self, version: int) -> ServingChampion | None:
        if version not in self._loaded:
            self._loaded[version] = self._fetch(version)
            while len(self._loaded) > LARGEST:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(version)
        return self._loaded[version]

    def _fetch(self, version: int) -> ServingChampion | None:
        reference = self._find(version)
        try:
            if reference is None:
                raise ArtifactError(f"nobody knows where version {version} lies")
            found = ServingChampion.fetch(self._store, self._model, reference)
        except ArtifactError as error:
            if version not in self._unreadable:  # one that serves is tried again and again
                _log.error("version %d of %s cannot be read: %s", version, self._model, error)
                self._unreadable.add(version)
            return None
        except OSError as error:
            raise RetryLater(f"the artifact store is away: {error}", delay_s=2.0) from error
        self._unreadable.discard(version)
        return found


def _wrong(task: Task, target: NDArray[np.generic]) -> Answers:
    if task == "binary":
        return Answers(1.0 - target.astype(np.float64))
    if task == "multiclass":
        return Answers(np.ones((len(target), 1)), ("",))
    return Answers(np.full(len(target), np.nan))
