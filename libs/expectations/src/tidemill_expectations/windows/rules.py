"""Rules about all rows of a window of event time: what each must know of them, and its verdict.

Pure and without a clock. What a window held comes as a `Summary` (`tidemill_expectations.windows.summary`), merged over
partitions before it is judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from tidemill.contracts.model_file.vocabulary import WINDOW_EXPECTATIONS
from tidemill_expectations.base import Expectation, ExpectationError, Severity, check_span, is_number
from tidemill_expectations.times import span

if TYPE_CHECKING:
    from tidemill_expectations.windows.summary import Summary


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of one window. `observed` is what was measured, for people; `holds` is None where there
    was nothing to judge.
    """

    holds: bool | None
    observed: str


Statistic: TypeAlias = Callable[[Any], float]


@dataclass(frozen=True, slots=True)
class Windowed:
    """One expectation about a window. `column` is empty where it is about the table.

    Of severity critical it pauses the validator, warning warns, info is counted.
    """

    name: str
    column: str
    over: timedelta
    severity: Severity
    kwargs: tuple[tuple[str, Any], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,) if self.column else ()

    @property
    def subject(self) -> str:
        """Its field, for reports; empty where it is about the table."""
        return self.column

    @property
    def arguments(self) -> str:
        """Its arguments as one text."""
        return ", ".join(f"{key}={_told(value)}" for key, value in self.kwargs if key != "column")

    @property
    def needs_sketch(self) -> bool:
        """Whether quantiles of the column must be known."""
        return "quantile" in self.name or "median" in self.name

    @property
    def needs_distinct(self) -> bool:
        """Whether different values of the column must be counted."""
        return "unique" in self.name

    @property
    def needs_columns(self) -> bool:
        """Whether it must be known which columns had a value at all."""
        return self.name == "expect_table_columns_to_match_set"

    @property
    def is_freshness(self) -> bool:
        """Whether it is about the newest event of all and the present time, and not about a window."""
        return self.name == "expect_table_freshness_to_be_within"

    def judge(self, summary: Summary) -> Verdict:
        """Whether it holds for all rows of a window."""
        arguments = dict(self.kwargs)
        if self.needs_columns:
            return _columns_verdict(summary.filled, arguments)
        if self.name.startswith("expect_table_row_count"):
            exact = arguments.get("value")
            low, high = (exact, exact) if exact is not None else (arguments.get(k) for k in ("min_value", "max_value"))
            return Verdict(_within(summary.rows, low, high), f"{summary.rows:,} rows")
        column = summary.columns.get(self.column)
        if column is None:
            return Verdict(None, "no rows")
        if "quantile_ranges" in arguments:
            return _quantiles_verdict(column, arguments["quantile_ranges"])
        value = STATISTICS[self.name](column)
        if math.isnan(value):
            return Verdict(None, "no values")
        bounds = (arguments.get("min_value"), arguments.get("max_value"))
        strict = (arguments.get("strict_min", False), arguments.get("strict_max", False))
        return Verdict(_within(value, *bounds, *strict), f"{value:,.6g}")

    def judge_age(self, age: timedelta) -> Verdict:
        """Of freshness: whether the newest event is young enough."""
        return Verdict(age <= dict(self.kwargs)["max_age"], span(age))


@dataclass(frozen=True, slots=True)
class Mostly:
    """A rule about rows that so large a share of a window's rows must meet; Great Expectations' `mostly`.

    The share is of the rows that the rule looks at (`Expectation.ignored`): those that it ignores neither meet nor
    break it. A row that breaks it is not dead-lettered.
    """

    rule: Expectation
    mostly: float
    over: timedelta
    severity: Severity = "warning"

    def __post_init__(self) -> None:
        if not is_number(self.mostly) or not 0 <= self.mostly <= 1:
            raise ExpectationError(f"{self.rule.name}: mostly is a share from 0 to 1, not {self.mostly!r}")
        check_span(self.rule.name, "over", self.over)

    @property
    def name(self) -> str:
        return self.rule.name

    @property
    def columns(self) -> tuple[str, ...]:
        return self.rule.columns

    @property
    def subject(self) -> str:
        """The rule's fields, for reports."""
        return self.rule.subject

    @property
    def arguments(self) -> str:
        """The rule's arguments and the share."""
        return ", ".join(filter(None, [self.rule.arguments, f"mostly={self.mostly:g}"]))

    @property
    def key(self) -> str:
        """Under which name its counts stand in a summary: the rule without the share, which may be changed."""
        return f"{self.rule.name}({self.rule.subject}; {self.rule.arguments})"

    def judge(self, summary: Summary) -> Verdict:
        """Whether enough rows of a window met the rule."""
        checked, failed = summary.mostly.get(self.key, (0, 0))
        if not checked:
            return Verdict(None, "no values")
        share = (checked - failed) / checked  # 1 of 10 is 0.1: 1 - 9 / 10 is less
        return Verdict(share >= self.mostly, f"{share:.2%} of {checked:,}")


WindowRule: TypeAlias = Windowed | Mostly

STATISTICS: dict[str, Statistic] = {
    "expect_column_mean_to_be_between": lambda c: c.total / c.count if c.count else math.nan,
    "expect_column_sum_to_be_between": lambda c: c.total,
    "expect_column_min_to_be_between": lambda c: c.low if c.count else math.nan,
    "expect_column_max_to_be_between": lambda c: c.high if c.count else math.nan,
    "expect_column_median_to_be_between": lambda c: c.quantile(0.5),
    "expect_column_proportion_of_non_null_values_to_be_between": lambda c: (
        c.count / (c.count + c.missing) if c.count + c.missing else math.nan
    ),
    "expect_column_proportion_of_unique_values_to_be_between": lambda c: (
        min(c.distinct / c.count, 1.0) if c.count else math.nan
    ),
    "expect_column_unique_value_count_to_be_between": lambda c: c.distinct,
}


def build_window(name: str, kwargs: Mapping[str, Any], over: timedelta, severity: Severity) -> Windowed:
    """The rule of that name. Raises ExpectationError where it has no bound."""
    check_span(name, "over", over)
    if "min_value" in WINDOW_EXPECTATIONS[name]:
        low, high = kwargs.get("min_value"), kwargs.get("max_value")
        if low is None and high is None:
            raise ExpectationError(f"{name} needs min_value or max_value")
        if low is not None and high is not None and low > high:
            raise ExpectationError(f"{name}: min_value is above max_value")
    return Windowed(name, kwargs.get("column", ""), over, severity, tuple((k, _frozen(v)) for k, v in kwargs.items()))


def _frozen(value: Any) -> Any:
    """Lists as tuples, quantile ranges as pairs of (quantile, (lowest, highest)): hashable."""
    if isinstance(value, Mapping):
        ends = (tuple(pair) for pair in value["value_ranges"])
        return tuple(zip(value["quantiles"], ends, strict=True))
    return tuple(value) if isinstance(value, list | tuple) else value


def _columns_verdict(filled: frozenset[str] | set[str], arguments: Mapping[str, Any]) -> Verdict:
    wanted = set(arguments["column_set"])
    absent, more = sorted(wanted - filled), sorted(filled - wanted)
    exact = arguments.get("exact_match", True)
    told = [f"without {', '.join(absent)}"] if absent else []
    if exact and more:
        told.append(f"and {', '.join(more)} besides")
    return Verdict(not told, " ".join(told) or f"{len(filled)} columns")


def _quantiles_verdict(column: Any, ranges: Sequence[tuple[float, tuple[float | None, float | None]]]) -> Verdict:
    found = [(q, column.quantile(q)) for q, _ in ranges]
    if any(math.isnan(value) for _, value in found):
        return Verdict(None, "no values")
    holds = all(_within(value, *ends) for (_, value), (_, ends) in zip(found, ranges, strict=True))
    return Verdict(holds, ", ".join(f"{q:g}: {value:,.6g}" for q, value in found))


def _within(
    value: float, low: float | None, high: float | None, strict_min: bool = False, strict_max: bool = False
) -> bool:
    above = low is None or (value > low if strict_min else value >= low)
    return above and (high is None or (value < high if strict_max else value <= high))


def _told(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return "; ".join(f"{q:g} from {_end(low)} to {_end(high)}" for q, (low, high) in value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return span(value) if isinstance(value, timedelta) else str(value)


def _end(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}"
