"""The demo's proof: the audit of its model, and the figures that its summary tells."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidemill.artifact import ArtifactStore
from tidemill.contracts.model_file import ModelSpec
from tidemill.kafka.client.scan import scan
from tidemill_flights.proof.accounting import at_most_once
from tidemill_flights.proof.readback import KnownLabels, Predictions, Readback
from tidemill_flights.proof.scoring import Comparison, compare, load_scorer
from tidemill_operations.audit.auditor import TopicAuditor
from tidemill_operations.audit.ledger import Tally
from tidemill_operations.platform import PlatformView

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
    known_labels: KnownLabels
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

    def audit(self) -> Audit:
        """Proves and counts everything; what waits for its worker is missing, as the demo waits for it to end."""
        name, schemas = self._spec.name, self._view.schemas
        record, label = schemas.record(name), schemas.label(name)
        read = Readback(self._view.new_codec(), record, self._spec.event_id, label)
        proof = TopicAuditor(self._view, name, observe=read).audit()
        records = proof.records
        return Audit(
            pushed=records.get("raw", 0),
            clean=records.get("clean", 0),
            dead=records.get("raw_dlq", 0),
            labels={
                "pushed": records.get("labels_raw", 0),
                "clean": records.get("labels", 0),
                "dead": records.get("labels_raw_dlq", 0),
            },
            dead_reasons=proof.dead_reasons,
            predictions=read.predictions,
            known_labels=read.known_labels,
            tallies={
                **proof.tallies,
                "event ids in clean": at_most_once(read.clean_ids) + Tally(duplicated=read.unreadable),
            },
        )

    def score(self, audit: Audit, epoch: int, before: dict[str, Any], after: dict[str, Any]) -> Comparison:
        """Two versions (ModelRefs) on the labelled rows that the stream predicted at `epoch` or later."""
        made = audit.predictions
        late = made.stream & (made.epoch >= epoch)
        wanted = {int(p): made.offset[late & (made.partition == p)] for p in np.unique(made.partition[late])}
        starts = {number: int(offsets.min()) for number, offsets in wanted.items()}
        record, topic = self._view.schemas.record(self._spec.name), self._view.topics.name("clean", self._spec.name)
        batches = scan(self._view.settings, topic, partitions=sorted(starts), start=starts)
        store, name = ArtifactStore.of(self._view.settings), self._spec.name
        scorers = load_scorer(store, name, before), load_scorer(store, name, after)
        codec, known = self._view.codec, audit.known_labels
        return compare(batches, wanted, known, codec, record, self._spec.event_id, *scorers)
