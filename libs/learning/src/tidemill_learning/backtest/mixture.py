"""A mixture in a backtest: what its graph answers live, from the answers of its members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tidemill.rows.features import FeatureLike
from tidemill_learning.backtest.fitting import Scorer
from tidemill_learning.backtest.playing import Version
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.label_time.mixture.answers import Answers, together

Floats = NDArray[np.float64]


class MixtureScorer:
    """The weighted mean of what its members answer, by the weighted mean of their thresholds."""

    def __init__(self, members: Sequence[tuple[Scorer, float]]) -> None:
        self._members = members
        self.fitted_until_ms = max(scorer.fitted_until_ms for scorer, _ in members)
        self.threshold = sum(weight * scorer.threshold for scorer, weight in members)
        self.classes = tuple(dict.fromkeys(name for scorer, _ in members for name in scorer.classes))

    @property
    def features(self) -> tuple[FeatureLike, ...]:
        """All that a member reads, each once."""
        found: dict[str, FeatureLike] = {}
        for scorer, _ in self._members:
            found |= {one.name: one for one in getattr(scorer, "features", ())}
        return tuple(found.values())

    def score(self, inputs: Mapping[str, NDArray[np.generic]]) -> Floats:
        """Scores of n rows."""
        return self.mixed([scorer.score(inputs) for scorer, _ in self._members])

    def mixed(self, scores: Sequence[Floats]) -> Floats:
        """The mixture's scores by those of the members, of the same rows."""
        said = {k: Answers(one, self._members[k][0].classes) for k, one in enumerate(scores)}
        return together(said, {k: np.full(len(scores[k]), self._members[k][1]) for k in said}).scores


class MixedVersion(Version):
    """A mixture of versions, which score their blocks once for all that they are members of."""

    def __init__(self, members: Sequence[tuple[Version, float]], stream: Stream) -> None:
        self._versions = [version for version, _ in members]
        self._mixture = MixtureScorer([(version.scorer, weight) for version, weight in members])
        super().__init__(self._mixture, stream)

    def _scored(self, number: int) -> Floats:
        return self._mixture.mixed([version.block(number) for version in self._versions])
