"""Expectations over columns and rows, in the vocabulary of Great Expectations.

One expectation has two forms that agree: `failures` (a polars expression over a column) and `fails` (a
function of one value). Rows are checked without polars installed: `tidemill_expectations.columns` alone
imports it.
"""

from __future__ import annotations

from tidemill_expectations.base import Expectation, ExpectationError, Severity
from tidemill_expectations.between import Between
from tidemill_expectations.catalog import KNOWN, build
from tidemill_expectations.finite import Finite
from tidemill_expectations.in_set import InSet
from tidemill_expectations.lengths import LengthsBetween
from tidemill_expectations.not_null import NotNull
from tidemill_expectations.regex import MatchRegex
from tidemill_expectations.rows import Failure, RowChecks
from tidemill_expectations.suite import Suite, event_suite, label_suite
from tidemill_expectations.unique import Unique

__all__ = [
    "KNOWN",
    "Between",
    "Expectation",
    "ExpectationError",
    "Failure",
    "Finite",
    "InSet",
    "LengthsBetween",
    "MatchRegex",
    "NotNull",
    "RowChecks",
    "Severity",
    "Suite",
    "Unique",
    "build",
    "event_suite",
    "label_suite",
]
