"""All expectations of a model's events and of its labels: those that the model file states, and those that
always hold.

The ones that always hold keep the platform standing: an event has an identity and a time that can be computed
with, a label has a label, and a number that a model computes with is finite.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tidemill_expectations.base import Expectation, ExpectationError
from tidemill_expectations.catalog import build
from tidemill_expectations.rules.between import Between
from tidemill_expectations.rules.finite import Finite
from tidemill_expectations.rules.lengths import LengthsBetween
from tidemill_expectations.rules.not_null import NotNull
from tidemill_expectations.rules.unique import AnyUnique, Unique, UniqueLabel
from tidemill_expectations.times import to_millis
from tidemill_expectations.windows.rules import Mostly, Windowed, WindowRule

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

EARLIEST_EVENT = to_millis(datetime(1900, 1, 1, tzinfo=UTC))
LATEST_EVENT = to_millis(datetime(2200, 1, 1, tzinfo=UTC))
UNIQUE_WITHIN = timedelta(days=365)
"""How far back in event time a repeated event id is looked for where the model file does not say."""
LONGEST_EVENT_ID = 256
"""Event ids are held in memory, in keys and in indexes: a bound keeps one producer's mistake from filling them."""


@dataclass(frozen=True, slots=True)
class Suite:
    """The expectations of one topic's records, in the order of reporting: about rows, about repeats, about
    windows of event time.
    """

    expectations: tuple[Expectation, ...]
    uniques: tuple[AnyUnique, ...] = ()
    windows: tuple[WindowRule, ...] = ()
    implied: bool = False
    """The rule against repeated event ids is the platform's own: the model file states none."""

    @property
    def unique(self) -> AnyUnique | None:
        """The first rule against repeats; None where there is none."""
        return self.uniques[0] if self.uniques else None


def event_suite(spec: ModelSpec) -> Suite:
    """What holds for the records of a model's raw topic.

    Built in: event id there and of 1 to 256 characters, event time there and within the years 1900 to 2199,
    features of kind number finite, and no event id twice within a year of event time, unless the model file says
    `unique: off` or states a rule of its own. Raises ExpectationError for an expectation in the model file that
    cannot be checked.
    """
    numbers = [Finite(feature.name) for feature in spec.features if feature.kind == "number"]
    declared, uniques, windows = _declared(spec)
    checks = [*_identity(spec.event_id), *_time(spec.event_time), *numbers, *declared]
    implied = _implied(spec, uniques)
    return Suite(_without_repeats(checks), implied + uniques, windows, implied=bool(implied))


def label_suite(spec: ModelSpec) -> Suite:
    """What holds for the records of a model's labels-raw topic: identity, both times, a label that is there
    and finite.

    Labels of one event differ in `observed_at`: the same one twice is a repeat, within the span that holds for the
    model's events, or else within the time after which the event would be given up as unlabelled.
    """
    label: list[Expectation] = [NotNull("label")]
    if spec.target.task == "multiclass":
        label.append(LengthsBetween("label", 1))
    if spec.target.task == "regression":
        label.append(Finite("label"))
    uniques = _declared(spec)[1]
    implied = _implied(spec, uniques)
    ids = [rule for rule in implied + uniques if rule.columns == (spec.event_id,)]
    within = ids[0].within if ids else spec.target.expires
    checks = [*_identity("event_id"), *_time("event_time"), *_time("observed_at"), *label]
    return Suite(tuple(checks), (UniqueLabel(within),), implied=bool(implied))


def _implied(spec: ModelSpec, stated: tuple[AnyUnique, ...]) -> tuple[AnyUnique, ...]:
    """The platform's own rule against repeated event ids: where none is stated, and ids are not positions, which
    cannot repeat.
    """
    positions = spec.events is not None and spec.events.event_id == "coordinates"
    if not spec.unique or positions or any(rule.columns == (spec.event_id,) for rule in stated):
        return ()
    return (Unique(spec.event_id, UNIQUE_WITHIN),)


def _identity(column: str) -> list[Expectation]:
    return [NotNull(column), LengthsBetween(column, 1, LONGEST_EVENT_ID)]


def _time(column: str) -> list[Expectation]:
    return [NotNull(column), Between(column, EARLIEST_EVENT, LATEST_EVENT, strict_max=True, times=True)]


def _declared(spec: ModelSpec) -> tuple[list[Expectation], tuple[AnyUnique, ...], tuple[WindowRule, ...]]:
    """What the model file states, by kind; the rule about event ids is the first of those against repeats."""
    checks: list[Expectation] = []
    uniques: list[AnyUnique] = []
    windows: list[WindowRule] = []
    for stated in spec.expectations:
        built = build(
            stated.name,
            stated.kwargs,
            severity=stated.severity,
            within=stated.within,
            over=stated.over,
            mostly=stated.mostly,
        )
        if isinstance(built, Expectation):
            checks.append(built)
        elif isinstance(built, Windowed | Mostly):
            windows.append(built)
        elif any(rule.columns == built.columns for rule in uniques):
            raise ExpectationError(f"{built.name} of {built.subject!r} stands twice")
        else:
            uniques.append(built)
    uniques.sort(key=lambda rule: rule.columns != (spec.event_id,))
    return checks, tuple(uniques), tuple(dict.fromkeys(windows))


def _without_repeats(expectations: list[Expectation]) -> tuple[Expectation, ...]:
    return tuple(dict.fromkeys(expectations))
