"""Expectations over columns and rows, in the vocabulary of Great Expectations.

One expectation has two forms that agree: a function of one row (`Expectation.fails_row`) and a kernel over Arrow
columns (`tidemill_expectations.kernels`). Rows are checked without numpy and pyarrow installed: only `columns`,
`kernels` and what makes summaries need them.
"""

from __future__ import annotations

from tidemill_expectations.base import ColumnExpectation, Expectation, ExpectationError, Severity
from tidemill_expectations.catalog import KNOWN, build
from tidemill_expectations.rows import Failure, RowChecks
from tidemill_expectations.rules.between import Between
from tidemill_expectations.rules.finite import Finite
from tidemill_expectations.rules.in_set import InSet, NotInSet
from tidemill_expectations.rules.lengths import LengthsBetween, LengthsEqual
from tidemill_expectations.rules.not_null import NotNull
from tidemill_expectations.rules.null import Null
from tidemill_expectations.rules.of_type import InTypeList, OfType
from tidemill_expectations.rules.pairs import PairEqual, PairGreater
from tidemill_expectations.rules.regex import MatchRegex, NotMatchRegex
from tidemill_expectations.rules.unique import AnyUnique, CompoundUnique, Unique, UniqueLabel
from tidemill_expectations.rules.within_record import MulticolumnUnique, UniqueWithinRecord
from tidemill_expectations.suite import Suite, event_suite, label_suite
from tidemill_expectations.windows.rules import Mostly, Verdict, Windowed, WindowRule

__all__ = [
    "KNOWN",
    "AnyUnique",
    "Between",
    "ColumnExpectation",
    "CompoundUnique",
    "Expectation",
    "ExpectationError",
    "Failure",
    "Finite",
    "InSet",
    "InTypeList",
    "LengthsBetween",
    "LengthsEqual",
    "MatchRegex",
    "Mostly",
    "MulticolumnUnique",
    "NotInSet",
    "NotMatchRegex",
    "NotNull",
    "Null",
    "OfType",
    "PairEqual",
    "PairGreater",
    "RowChecks",
    "Severity",
    "Suite",
    "Unique",
    "UniqueLabel",
    "UniqueWithinRecord",
    "Verdict",
    "WindowRule",
    "Windowed",
    "build",
    "event_suite",
    "label_suite",
]
