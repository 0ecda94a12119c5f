"""What each key of the model file means, and an example of it, by its dotted path.

The JSON Schema carries both to editors, and the reference is made of them. A test holds every example against the
loader, and every path against the schema.
"""

from __future__ import annotations

from typing import Any, Final

_SOURCE: Final[dict[str, tuple[str, Any]]] = {
    "": ("Where the records are already on a topic of your own.", {"topic": "ops.flights.v2", "format": "debezium"}),
    ".topic": ("The topic's full name; the platform's prefix is not added.", "ops.flights.v2"),
    ".format": ("How its records are written.", "debezium"),
    ".event_id": (
        "Where the event id stands: a field, header:NAME, or coordinates (topic-partition-offset).",
        "header:message-id",
    ),
    ".event_time": (
        "Where the time of the event stands: a field, `{path: FIELD, unit: us}` where a number counts something else "
        "than milliseconds since 1970, or record (the time of the Kafka record).",
        {"path": "payload.asked_at", "unit": "us"},
    ),
    ".fields": (
        "Where fields stand that have another name there, or stand within others: a field, or a field with its unit as "
        "for `event_time`.",
        {"event_id": "payload.id"},
    ),
    ".schema": (
        "The producers' schema: a file in schemas/models/, where no registry has it.",
        "ops-flights.avsc",
    ),
    ".message": ("The Protobuf message in that file.", "ops.Flight"),
}

NOTES: Final[dict[str, tuple[str, Any]]] = {
    "model": ("The model's name, as in topics and addresses: small letters, digits and hyphens.", "flight-delay"),
    "description": ("What the model is asked, in a sentence.", "Will this flight arrive 15 minutes late or more?"),
    "owner": ("Whom to ask about it.", "operations@example.org"),
    "schema": ("The Avro schema of the events: a file in schemas/models/.", "flight-delay.avsc"),
    "entity": ("The field that is the record key: the order of events is kept for each.", "tail_number"),
    "event_id": ("The field that tells a repeat: what is pushed twice counts once.", "flight_id"),
    "unique": (
        "Whether an event id that comes again within a year is set aside. The expectation "
        "`expect_column_values_to_be_unique` of the event id says so within a span of your own.",
        "off",
    ),
    "event_time": ("The field with the time of the event, a timestamp-millis.", "scheduled_at"),
    **{f"source{path}": note for path, note in _SOURCE.items()},
    "source.key": ("Where the entity stands: a field, header:NAME, or record (its key).", "record"),
    "target": ("What is predicted.", {"label": "late", "task": "binary"}),
    "target.label": ("The name of what really happened; it may be a field of the record.", "late"),
    "target.task": ("Yes or no, one of several classes, or a number.", "binary"),
    "target.delay": ("How late labels usually are; training leaves such a gap.", "6h"),
    "target.expires": ("A prediction without a label by then stays without.", "3d"),
    **{f"target.source{path}": note for path, note in _SOURCE.items()},
    "target.source.fields.event_id": ("The event that the label is about.", "payload.id"),
    "target.source.fields.label": ("What really happened.", "payload.outcome"),
    "target.source.fields.event_time": ("When the event was.", "payload.asked_at"),
    "target.source.fields.observed_at": ("When the label became known; of several the last holds.", "payload.known_at"),
    "target.cost": (
        "What a wrong decision of a binary model costs: it decides where that is least.",
        {"false_positive": 1, "false_negative": 5},
    ),
    "target.cost.false_positive": ("What it costs to say true where it is false.", 1),
    "target.cost.false_negative": ("What it costs to say false where it is true.", 5),
    "features": (
        "The fields that the model sees: `category`; `number`, or `{number: {missing: zero}}`; or parts of a time, "
        "`{time: [hour, weekday, month], zone: ZONE}`.",
        {
            "carrier": "category",
            "distance": "number",
            "scheduled_at": {"time": ["hour", "weekday"], "zone": "America/New_York"},
        },
    ),
    "expectations": (
        "What each record, or all records of a span of time, must meet, under Great Expectations' names.",
        [{"expect_column_values_to_be_between": {"column": "distance", "min_value": 0, "max_value": 6000}}],
    ),
    "normalise": (
        "What is done to fields before they are checked: `trim`, `lower`, `upper`, `collapse`, `unit`, `multiply`, "
        "`offset`, `map`; one or a list.",
        {"carrier": ["trim", "upper"]},
    ),
    "privacy": (
        "What becomes of personal fields on the way to clean: `drop`, `hash` (with the platform's key), or `mask`.",
        {"tail_number": "hash"},
    ),
    "training": ("How a version is made.", {"first_after": 20_000, "budget": "30s"}),
    "training.first_after": ("How many labelled rows there must be before the first version.", 20_000),
    "training.newest": ("A version learns from at most so many of the newest labelled rows.", 60_000),
    "training.split": ("Train, validation and test parts in percent, by time; together 100.", [60, 20, 20]),
    "training.candidates": (
        "The learners that are tried, in this order. logistic_regression is the linear one: ridge regression where "
        "the task is regression.",
        ["gradient_boosting", "logistic_regression"],
    ),
    "training.budget": ("How long a search may take, in wall-clock time.", "30s"),
    "training.metric": (
        "By what versions are compared. Without it `roc_auc`, and `rmse` where the task is regression.",
        "log_loss",
    ),
    "training.gate": ("When a new version may serve at all.", {"at_least": 0.55}),
    "training.gate.at_least": ("The metric must be this good; without it there is no floor.", 0.55),
    "training.gate.better_by": ("The metric must be better than that of what serves by so much.", 0.01),
    "training.class_weights": (
        "How much a row of each class counts when it is learned from, 1 where a class is not named; balanced: all "
        "classes alike.",
        "balanced",
    ),
    "release": ("How a new version takes over.", {"mode": "canary", "stages": ["5%", "50%", "100%"]}),
    "release.mode": (
        "At once (direct), asked but not heard (shadow), for a growing share of entities (canary), for all at once "
        "after a time beside (blue_green), or for a share that stays (ab).",
        "canary",
    ),
    "release.stages": ("The shares of entities that it answers, rising; one share for ab.", ["10%", "100%"]),
    "release.hold": ("How long each stage lasts at least, in wall-clock time.", "1h"),
    "release.approval": ("Whether a person must let it answer at all.", True),
    "release.labels": ("So many labels are compared at most before the end.", 20_000),
    "release.limits": ("What a version on trial may do before it is taken out.", {"p95": "200ms"}),
    "release.limits.errors": ("Share of records without an answer.", "0.5%"),
    "release.limits.p95": ("95th percentile of the time of one scoring call.", "200ms"),
    "release.limits.shift": (
        "Largest distance of its scores' distribution from that of what serves.",
        "30%",
    ),
    "drift": ("What is watched, and by which windows.", {"window": 2_000}),
    "drift.window": ("So many events of a partition, or so much of its event time.", "12h"),
    "drift.watch": ("What is held against what the version learned from.", ["quality"]),
    "retrain": ("When a new version is wanted.", {"on": ["drift"], "every": "7d"}),
    "retrain.on": (
        "drift: changed features and predictions. quality: more errors; without it no fits follow a change of answers "
        "or the growth of the data, and only the first version is made.",
        ["drift"],
    ),
    "retrain.cooldown": ("So long after a run, or an answered alarm, the next one waits, in event time.", "21d"),
    "retrain.at_most": (
        "So many versions in a time (3 a day), or so many fits in labelled rows (15 in 40_000).",
        "3 a day",
    ),
    "retrain.mixtures": (
        "So many times in labelled rows, up to three versions together take over as one, weighted by how well they "
        "answer lately; off: each version answers alone.",
        "40 in 40_000",
    ),
    "retrain.every": ("A version is asked for so often in any case, in event time.", "7d"),
    "retention": ("How long rows of the training table stay; without it for ever.", {"rows": "400d"}),
    "retention.rows": (
        "So old a row grows, by its event's time and the wall clock; `tidemill tidy --apply` takes older ones.",
        "400d",
    ),
}
"""Dotted path to what the key means, and an example of its value."""
