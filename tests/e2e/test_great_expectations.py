"""Our expectations say of each row what Great Expectations itself says, run from an environment of its own.

Left out: LIKE patterns (Great Expectations has them for databases alone), types (ours are those of the record), and
what needs a window here (uniqueness over rows, `mostly`).
"""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes.venvs import interpreter
from tidemill_expectations import Expectation, build

HERE = Path(__file__).parent / "great_expectations"
WORDS = ["", "a", "ab", "abc", "JFK", "jfk", "A1", "12", " x", "x ", "é", "naïve", "a_b", "a%b", "東京"]

EXPECTATIONS: list[tuple[str, dict[str, Any]]] = [
    ("expect_column_values_to_not_be_null", {"column": "word"}),
    ("expect_column_values_to_be_null", {"column": "word"}),
    ("expect_column_values_to_be_between", {"column": "number", "min_value": -1, "max_value": 2}),
    ("expect_column_values_to_be_between", {"column": "number", "min_value": 0, "strict_min": True}),
    ("expect_column_values_to_be_between", {"column": "whole", "max_value": 3, "strict_max": True}),
    ("expect_column_values_to_be_in_set", {"column": "word", "value_set": ["a", "JFK", "é"]}),
    ("expect_column_values_to_not_be_in_set", {"column": "word", "value_set": ["a", ""]}),
    ("expect_column_values_to_be_in_set", {"column": "whole", "value_set": [0, 1, 5]}),
    ("expect_column_value_lengths_to_be_between", {"column": "word", "min_value": 1, "max_value": 2}),
    ("expect_column_value_lengths_to_equal", {"column": "word", "value": 3}),
    ("expect_column_values_to_match_regex", {"column": "word", "regex": "^[A-Z]{3}$"}),
    ("expect_column_values_to_match_regex", {"column": "word", "regex": "b"}),
    ("expect_column_values_to_not_match_regex", {"column": "word", "regex": "^a"}),
    ("expect_column_values_to_match_regex_list", {"column": "word", "regex_list": ["^a", "^J"], "match_on": "any"}),
    ("expect_column_values_to_match_regex_list", {"column": "word", "regex_list": ["a", "b"], "match_on": "all"}),
    ("expect_column_values_to_not_match_regex_list", {"column": "word", "regex_list": ["^a", "^J"]}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "left", "column_B": "right"}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "left", "column_B": "right"}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "left", "column_B": "right", "or_equal": True}),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["left", "right", "whole"]}),
]


def table(seed: int, rows: int) -> list[dict[str, Any]]:
    """Rows with nulls, negative numbers, ties and odd words."""
    draw = random.Random(seed)

    def maybe(value: Any) -> Any:
        return None if draw.random() < 0.15 else value

    return [
        {
            "word": maybe(draw.choice(WORDS)),
            "number": maybe(draw.choice([-1.0, -1.5, 0.0, 0.5, 2.0, 2.0000001, 1e300])),
            "whole": maybe(draw.randrange(-2, 6)),
            "left": draw.randrange(4),
            "right": draw.randrange(4),
        }
        for _ in range(rows)
    ]


@pytest.mark.timeout(600)
def test_every_row_is_judged_as_great_expectations_judges_it() -> None:
    rows = table(seed=1, rows=200)
    asked = {"rows": rows, "expectations": [{"name": name, "kwargs": kwargs} for name, kwargs in EXPECTATIONS]}
    command = [str(interpreter(HERE / "lock.txt")), str(HERE / "judge.py")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    theirs = json.loads(done.stdout.splitlines()[-1])
    for (name, kwargs), failed in zip(EXPECTATIONS, theirs, strict=True):
        rule = build(name, kwargs)
        assert isinstance(rule, Expectation)
        assert [at for at, row in enumerate(rows) if rule.fails_row(row)] == failed, (name, kwargs)
        assert 0 < len(failed) < len(rows), f"{name} {kwargs}: every row came out alike, so nothing is compared"
