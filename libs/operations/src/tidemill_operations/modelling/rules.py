"""Expectations that a sample meets, with room for what is a little different."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from tidemill_operations.modelling.columns import Column
from tidemill_operations.modelling.features import Guess
from tidemill_operations.modelling.files.yaml_text import flow, word

FEW: Final = 20
ROWS_OF_A_CATEGORY: Final = 20
LONGEST: Final = 60
ENOUGH: Final = 30
"""Rows from which on what never happened is worth a rule."""
DIGITS: Final = 2


def rules(guesses: Sequence[Guess], entity: Column | None, event_id: Column | None) -> list[tuple[str, str]]:
    """Each rule and its reason; of the features, the entity and the event id."""
    found: list[tuple[str, str]] = []
    if event_id is not None and event_id.is_unique:
        rule = f"expect_column_values_to_be_unique: {{column: {word(event_id.field)}, within: 365d}}"
        found.append((rule, "no id comes twice in the sample; one that does is set aside"))
    if entity is not None and entity is not event_id and not entity.missing:
        found.append((_not_null(entity), "never missing in the sample"))
    for guess in guesses:
        if guess.kind is not None and not guess.kind.startswith("{") and guess.column.present >= ENOUGH:
            found += _of(guess.column, guess.kind)
    return found


def _of(column: Column, kind: str) -> list[tuple[str, str]]:
    found = [] if column.missing else [(_not_null(column), "never missing in the sample")]
    if column.kind in ("long", "double"):
        found += _between(column) if kind == "number" else []
    elif column.kind == "string":
        found += _in_set(column)
    return found


def _not_null(column: Column) -> str:
    return f"expect_column_values_to_not_be_null: {{column: {word(column.field)}}}"


def _between(column: Column) -> list[tuple[str, str]]:
    least, most = (float(end) for end in (column.values.min(), column.values.max()))  # type: ignore[arg-type]
    room = most - least
    if not math.isfinite(room) or max(abs(least), abs(most)) + room > 1e15:
        return []
    low = 0.0 if least >= 0 else -_rounded_up(room - least)
    high = 0.0 if most <= 0 else _rounded_up(most + room)
    bounds = f"min_value: {_number(low)}, max_value: {_number(high)}"
    name = f"expect_column_values_to_be_between: {{column: {word(column.field)}, {bounds}}}"
    return [(name, f"from {least:g} to {most:g} in the sample, and as much room again")]


def _in_set(column: Column) -> list[tuple[str, str]]:
    values = sorted(column.values.drop_nulls().unique().to_list())
    if len(values) > FEW or len(values) * ROWS_OF_A_CATEGORY > column.present:
        return []
    if not all(value.isprintable() and len(value) <= LONGEST for value in values):
        return []
    body = f"{{column: {word(column.field)}, value_set: {flow(values)}, severity: warning}}"
    return [(f"expect_column_values_to_be_in_set: {body}", "all of the sample; a new one is told of and let through")]


def _rounded_up(number: float) -> float:
    """To two digits, away from zero."""
    if number == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(number)) - DIGITS + 1)
    return math.ceil(number / step) * step


def _number(value: float) -> str:
    exact = Decimal(f"{value:.6g}")
    return format(exact.quantize(Decimal(1)) if exact == exact.to_integral() else exact.normalize(), "f")
