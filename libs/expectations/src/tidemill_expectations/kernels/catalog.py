"""Which kernel is whose: every rule about rows has one."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from tidemill_expectations.base import Expectation, ExpectationError
from tidemill_expectations.kernels import missing, numbers, rows, sets, texts, types
from tidemill_expectations.kernels.columns import Kernel, plain_type
from tidemill_expectations.rules.between import Between
from tidemill_expectations.rules.finite import Finite
from tidemill_expectations.rules.in_set import InSet
from tidemill_expectations.rules.lengths import LengthsBetween
from tidemill_expectations.rules.not_null import NotNull
from tidemill_expectations.rules.null import Null
from tidemill_expectations.rules.of_type import OfType
from tidemill_expectations.rules.pairs import PairEqual, PairGreater
from tidemill_expectations.rules.patterns import PatternRule
from tidemill_expectations.rules.within_record import UniqueWithinRecord

KERNELS: dict[type, Callable[..., Kernel]] = {
    NotNull: missing.not_null,
    Null: missing.null,
    Between: numbers.between,
    Finite: numbers.finite,
    InSet: sets.in_set,
    LengthsBetween: texts.lengths,
    PatternRule: texts.patterns,
    OfType: types.of_type,
    PairEqual: rows.pair_equal,
    PairGreater: rows.pair_greater,
    UniqueWithinRecord: rows.unique_within_record,
}
"""By rule, for its subclasses too: what makes its kernel, given the rule and the plain type of each of its columns."""


def kernel_of(rule: Expectation, schema: pa.Schema) -> Kernel:
    """The rule over columns of that schema, made plain (`kernels.columns.plain`). Raises ExpectationError where a
    column is not there or is of a type that the rule is not for.
    """
    for column in rule.columns:
        if column not in schema.names:
            raise ExpectationError(f"{rule.name}: there is no column {column!r}")
    kinds = [plain_type(schema.field(column).type) for column in rule.columns]
    make = next((KERNELS[kind] for kind in type(rule).__mro__ if kind in KERNELS), None)
    if make is None:
        raise ExpectationError(f"{rule.name} has no form for columns")
    return make(rule, *kinds)
