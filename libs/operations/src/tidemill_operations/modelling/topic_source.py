"""The `source` of a model whose events are on a topic of the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tidemill_operations.modelling.topic_sample import TopicSample

__all__ = ["ANY_TIMES", "RECORD_TIME", "Named", "TopicSample", "of_topic"]

RECORD_TIME: Final = "record"
"""What `--event-time` says where a record's own time is meant."""

ANY_TIMES: Final = "1970-01-01T00:00:00Z/1s"
"""Times by rows, in the place of those that a sample does not have."""


@dataclass(frozen=True, slots=True)
class Named:
    """Field by column of the sample, which columns have which role (None: none has), and the unit of whole numbers that
    are times.
    """

    fields: Mapping[str, str]
    entity: str | None
    event_id: str | None
    event_time: str | None
    unit: str | None


def of_topic(topic: TopicSample, named: Named, first_line: str) -> dict[str, Any]:
    """What the model file says instead, or beside. `first_line`: for editors."""
    read = f"the newest {topic.records:,} records of the topic {topic.topic}"
    said: dict[str, Any] = {
        "head": [
            *([first_line] if first_line else []),
            f"# From {read} by `tidemill models new`, each guess with its reason.",
            "# Change what you know better; `tidemill check` says whether all fits.",
        ],
        "source": list(_source(topic, named)),
    }
    if named.event_id is None:
        said["event_id"] = ("event_id", "no field names an event: its place on the topic does")
    if named.event_time is None:
        said["event_time"] = ("event_time", "the record's own time")
    return said


def _source(topic: TopicSample, named: Named) -> Sequence[tuple[str, str]]:
    lines = [(f"topic: {topic.topic}", "its full name: no prefix is added, it is never created or changed"),
             (f"format: {topic.format}", "as the newest records are")]  # fmt: skip
    if named.event_id is None:
        lines.append(("event_id: coordinates", "no field names an event: topic-partition-offset does"))
    elif named.fields[named.event_id] != named.event_id:
        lines.append((f"event_id: {named.event_id}", "another name in the record"))
    if named.event_time is None:
        lines.append(("event_time: record", "the record's own time"))
    elif named.unit is not None:
        lines.append((f"event_time: {{path: {named.event_time}, unit: {named.unit}}}", "whole numbers since 1970"))
    elif named.fields[named.event_time] != named.event_time:
        lines.append((f"event_time: {named.event_time}", "another name in the record"))
    if named.entity is not None and named.fields[named.entity] != named.entity:
        lines.append((f"key: {named.entity}", "another name in the record"))
    roles = (named.entity, named.event_id, named.event_time)
    others = [f"{field}: {name}" for name, field in named.fields.items() if name != field and name not in roles]
    if others:
        lines.append((f"fields: {{{', '.join(others)}}}", "fields that have other names in the record"))
    return lines
