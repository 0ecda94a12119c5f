"""The demo's proof: all topics of the model read back and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidemill.contracts.model_file import ModelSpec
from tidemill.kafka.batch import Batch
from tidemill.kafka.scan import scan
from tidemill_cli.demo.accounting import Tally, at_most_once, exactly_once, since, size, union
from tidemill_cli.demo.memory import give_back
from tidemill_cli.demo.readback import (
    Accepted,
    Positions,
    Predictions,
    SetAside,
    read_accepted,
    read_positions,
    read_predictions,
    read_set_aside,
)
from tidemill_cli.demo.scoring import Comparison, compare, load_scorer
from tidemill_cli.platform import PlatformView

ENOUGH_LABELLED = 5_000


@dataclass(frozen=True, slots=True)
class Audit:
    """What the topics hold. Counts are of events, but for `labels`; `tallies` are named checks."""

    pushed: int
    clean: int
    dead: int
    labels: dict[str, int]
    dead_reasons: Counter[str]
    predictions: Predictions
    clean_positions: Positions
    known_labels: Accepted
    tallies: dict[str, Tally]

    @property
    def total(self) -> Tally:
        """All checks together."""
        return sum(self.tallies.values(), Tally())


class Auditor:
    """Reads back the topics of one model."""

    def __init__(self, view: PlatformView, spec: ModelSpec) -> None:
        self._view = view
        self._spec = spec
        self._names = view.topics.model_topics(spec.name)

    def audit(self, starts: list[int] | None) -> Audit:
        """Counts everything. `starts`: the first version's start offset in each clean partition, None where
        there is no version.
        """
        record, label = self._view.schemas.record(self._spec.name), self._view.schemas.label(self._spec.name)
        codec = self._view.codec
        raw = read_positions(self._scan("raw"))
        clean = read_accepted(self._scan("clean"), self._names["raw"], codec, record, self._spec.event_id)
        dead = read_set_aside(self._scan("raw_dlq"), self._names["raw"])
        raw_labels = read_positions(self._scan("labels_raw"))
        labels = read_accepted(
            self._scan("labels"), self._names["labels_raw"], codec, label, "event_id", label_field="label"
        )
        dead_labels = read_set_aside(self._scan("labels_raw_dlq"), self._names["labels_raw"])
        schema = self._view.schemas.prediction(self._spec.name)
        predictions = read_predictions(self._scan("predictions"), codec, schema)
        return Audit(
            pushed=size(raw),
            clean=size(clean.positions),
            dead=size(dead.origins) + dead.strangers,
            labels={
                "pushed": size(raw_labels),
                "clean": size(labels.positions),
                "dead": size(dead_labels.origins),
            },
            dead_reasons=dead.reasons + dead_labels.reasons,
            predictions=predictions,
            clean_positions=clean.positions,
            known_labels=labels,
            tallies={
                "raw offsets in clean and dead letters": _settled(raw, clean, dead),
                "raw label offsets in labels and dead letters": _settled(raw_labels, labels, dead_labels),
                "event ids in clean": at_most_once(clean.ids),
                "clean offsets predicted by the stream": _predicted(clean.positions, predictions, starts),
            },
        )

    def score(self, audit: Audit, epoch: int, before: dict[str, Any], after: dict[str, Any]) -> Comparison:
        """Two versions (ModelRefs) on the labelled rows that the stream predicted at `epoch` or later."""
        made = audit.predictions
        late = made.stream & (made.epoch >= epoch)
        wanted = {int(p): made.offset[late & (made.partition == p)] for p in np.unique(made.partition[late])}
        starts = {number: int(offsets.min()) for number, offsets in wanted.items()}
        record = self._view.schemas.record(self._spec.name)
        batches = scan(self._view.settings, self._names["clean"], partitions=sorted(starts), start=starts)
        scorers = load_scorer(before), load_scorer(after)
        codec, known = self._view.codec, audit.known_labels
        return compare(batches, wanted, known, codec, record, self._spec.event_id, *scorers)

    def _scan(self, role: str) -> Iterator[Batch]:
        give_back()
        return scan(self._view.settings, self._names[role])


def _settled(raw: Positions, accepted: Accepted, dead: SetAside) -> Tally:
    found = exactly_once(raw, union(accepted.origins, dead.origins))
    return found + Tally(duplicated=accepted.strangers + dead.strangers)


def _predicted(clean: Positions, made: Predictions, starts: list[int] | None) -> Tally:
    if starts is None:
        return Tally(duplicated=int(np.count_nonzero(made.stream)))
    return exactly_once(since(clean, starts), made.inputs()) + Tally(duplicated=made.unreadable)
