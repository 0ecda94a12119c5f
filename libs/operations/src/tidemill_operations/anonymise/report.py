"""What an anonymised copy came to: rows in and out, what was done to each field, and what is not promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NOT_PROMISED = (
    "numbers and times that stay may tell in combination who it is, above all to somebody who knows some of them: "
    "this is no proof against that, as differential privacy would be",
    "a value that is held by enough entities in its own field may be rare together with one of another field",
    "how often and when an entity has events stays to be seen, and may be like nobody else's",
    "hashes stand for the same entity throughout the copy: its events can be told to be one's",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldReport:
    """One field. `done`: in words; `values`: how many different ones it has in the table, `rare` of them held by too
    few entities; `replaced`: rows whose value became null or another for that; `ask`: why a person has to say what is
    to become of it, empty where not; `note`: what is to be known of it.
    """

    name: str
    done: str
    values: int
    rare: int
    replaced: int = 0
    ask: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows of the table and of the copy. `rare_*`: left out, since nothing could stand for a rare value."""

    events: int
    labels: int
    older: int
    repeats: int
    labels_of_others: int
    rare_events: int = 0
    rare_labels: int = 0
    labels_dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`key`: what became of the key, in words; `times`: what was done to times; `nameless`: events without entity."""

    model: str
    to: str
    dry_run: bool
    rare: int
    entities: int
    counts: Counts
    fields: tuple[FieldReport, ...]
    key: str
    times: str
    nameless: int
    files: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[FieldReport, ...]:
        """Fields of which a person must say what is to become of them."""
        return tuple(one for one in self.fields if one.ask)

    def facts(self) -> dict[str, Any]:
        """As JSON shows it, and as the copy says of itself."""
        counts = self.counts
        return {
            "model": self.model, "to": self.to, "dry_run": self.dry_run, "rare": self.rare, "key": self.key,
            "times": self.times, "entities": self.entities, "events": counts.events, "labels": counts.labels,
            "events_without_entity": self.nameless,
            "left_out": {
                "older_events": counts.older, "repeated_events": counts.repeats,
                "events_with_rare_values": counts.rare_events, "labels_of_other_events": counts.labels_of_others,
                "labels_with_rare_values": counts.rare_labels, "labels_dropped": counts.labels_dropped,
            },
            "fields": [
                {
                    "name": one.name, "done": one.done, "values": one.values, "rare_values": one.rare,
                    "rows_replaced": one.replaced, "ask": one.ask or None, "note": one.note or None,
                }
                for one in self.fields
            ],
            "not_promised": list(NOT_PROMISED), "files": list(self.files),
        }  # fmt: skip
