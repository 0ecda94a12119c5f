"""How many labels met no event: as *profile* commits it beside its offsets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemill_operations.standing.groups import PROFILE

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

NEWEST = 3


@dataclass(frozen=True, slots=True)
class LabelsMet:
    """All labels of a model that were held against events, those that are about none, and where the newest of these
    stand (`topic/partition/offset`).
    """

    labels: int = 0
    orphans: int = 0
    newest: tuple[str, ...] = ()

    def __str__(self) -> str:
        share = f" ({self.orphans / self.labels:.1%})" if self.orphans else ""
        places = f"; the newest: {', '.join(self.newest)}" if self.newest else ""
        return f"{self.orphans:,} of {self.labels:,}{share}{places}"


def labels_met(platform: PlatformView, model: str) -> LabelsMet:
    """What is known of a model's labels; nothing where no profile has committed yet."""
    from tidemill_operations.standing.lag import Offsets

    offsets = Offsets(platform.settings)
    topic = platform.topics.name("labels", model)
    groups = [name for name in offsets.groups(platform.settings.prefix) if PROFILE in name]
    found = LabelsMet()
    for group in groups:
        found = added(found, topic, offsets.metadata(group))
    return found


def added(known: LabelsMet, topic: str, metadata: Mapping[tuple[str, int], str]) -> LabelsMet:
    """What is known, and what the metadata of one group's offsets say of the topic's partitions."""
    labels, orphans, newest = known.labels, known.orphans, list(known.newest)
    for (name, partition), text in sorted(metadata.items()):
        if name != topic:
            continue
        try:
            counts = json.loads(text or "{}").get("labels") or {}
        except (ValueError, AttributeError):
            continue  # committed by another program
        labels += int(counts.get("labels", 0))
        orphans += int(counts.get("orphans", 0))
        newest += [f"{topic}/{partition}/{offset}" for offset in counts.get("newest", [])[-1:]]
    return LabelsMet(labels, orphans, tuple(newest[-NEWEST:]))
