"""What was judged once is judged so for ever: batches drawn at random, with the verdicts of the forms that were
checked by polars before there were kernels for all rules.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.expectations.test_agreement import failing
from tidemill_expectations import Expectation, ExpectationError, build

CASES = [json.loads(line) for line in Path(__file__).with_name("recorded_verdicts.jsonl").read_text().splitlines()]
TYPES = {
    "timestamp[ms, tz=UTC]": pa.timestamp("ms", "UTC"), "timestamp[us, tz=UTC]": pa.timestamp("us", "UTC"),
    "date32[day]": pa.date32(), "dictionary": pa.dictionary(pa.int32(), pa.string()),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted({case["name"] for case in CASES}))
def test_recorded_batches_are_judged_as_they_were(name: str) -> None:
    for case in (case for case in CASES if case["name"] == name):
        rule = build(name, case["kwargs"])
        assert isinstance(rule, Expectation)
        rows = pa.record_batch({column: array(*held) for column, held in case["columns"].items()})
        if case["fails"] is None:
            with pytest.raises(ExpectationError):
                failing([rule], rows)
            continue
        (mask,) = failing([rule], rows)
        assert [row for row, failed in enumerate(mask) if failed] == case["fails"], case


def array(kind: str, values: list[Any]) -> pa.Array:
    return pa.array(values, TYPES.get(kind) or pa.type_for_alias(kind))
