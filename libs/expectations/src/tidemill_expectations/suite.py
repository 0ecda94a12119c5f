"""All expectations of a model's events and of its labels: those that the model file states, and those that
always hold.

The ones that always hold keep the platform standing: an event has an identity and a time that can be computed
with, a label has a label, and a number that a model computes with is finite.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tidemill_expectations.base import Expectation, ExpectationError
from tidemill_expectations.between import Between
from tidemill_expectations.catalog import build
from tidemill_expectations.finite import Finite
from tidemill_expectations.lengths import LengthsBetween
from tidemill_expectations.not_null import NotNull
from tidemill_expectations.times import to_millis
from tidemill_expectations.unique import Unique

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

EARLIEST_EVENT = to_millis(datetime(1900, 1, 1, tzinfo=UTC))
LATEST_EVENT = to_millis(datetime(2200, 1, 1, tzinfo=UTC))
LONGEST_EVENT_ID = 256
"""Event ids are held in memory, in keys and in indexes: a bound keeps one producer's mistake from filling
them.
"""


@dataclass(frozen=True, slots=True)
class Suite:
    """The expectations of one topic's records, in the order of reporting; `unique` where ids may not
    repeat.
    """

    expectations: tuple[Expectation, ...]
    unique: Unique | None


def event_suite(spec: ModelSpec) -> Suite:
    """What holds for the records of a model's raw topic.

    Built in: event id there and of 1 to 256 characters, event time there and within the years 1900 to 2199,
    features of kind number finite. Raises ExpectationError for an expectation in the model file that cannot
    be checked.
    """
    numbers = [Finite(feature.name) for feature in spec.features if feature.kind == "number"]
    declared, unique = _declared(spec)
    return Suite(
        _without_repeats([*_identity(spec.event_id), *_time(spec.event_time), *numbers, *declared]), unique
    )


def label_suite(spec: ModelSpec) -> Suite:
    """What holds for the records of a model's labels-raw topic: identity, both times, a label that is there
    and finite.

    A label comes once for an event: it is unique on its event id within the span that the model file gives
    its events, or else within the time after which the event would be given up as unlabelled.
    """
    label: list[Expectation] = [NotNull("label")]
    if spec.target.task == "multiclass":
        label.append(LengthsBetween("label", 1))
    if spec.target.task == "regression":
        label.append(Finite("label"))
    unique = _declared(spec)[1] or Unique(spec.event_id, spec.target.expires)
    checks = [*_identity("event_id"), *_time("event_time"), *_time("observed_at"), *label]
    return Suite(tuple(checks), Unique("event_id", unique.within))


def _identity(column: str) -> list[Expectation]:
    return [NotNull(column), LengthsBetween(column, 1, LONGEST_EVENT_ID)]


def _time(column: str) -> list[Expectation]:
    return [NotNull(column), Between(column, EARLIEST_EVENT, LATEST_EVENT, strict_max=True, times=True)]


def _declared(spec: ModelSpec) -> tuple[list[Expectation], Unique | None]:
    checks: list[Expectation] = []
    unique: Unique | None = None
    for stated in spec.expectations:
        built = build(stated.name, stated.kwargs, severity=stated.severity, within=stated.within)
        if isinstance(built, Expectation):
            checks.append(built)
            continue
        if built.column != spec.event_id:
            raise ExpectationError(
                f"{built.name} is for the event id {spec.event_id!r}, not for {built.column!r}"
            )
        if unique is not None:
            raise ExpectationError(f"{built.name} of {built.column!r} stands twice")
        unique = built
    return checks, unique


def _without_repeats(expectations: list[Expectation]) -> tuple[Expectation, ...]:
    return tuple(dict.fromkeys(expectations))
