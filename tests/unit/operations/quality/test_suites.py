"""Great Expectations suites, both forms, as expectations of a model file; what is left says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.unit.core.contracts.model_file.model_text import MINIMAL, parse
from tidemill.errors import ConfigError
from tidemill_cli.commands.data.quality import LEFT_OVER, quality
from tidemill_operations.quality.suites import import_suite, to_yaml

OLD = {
    "expectation_suite_name": "loans.warning",
    "ge_cloud_id": None,
    "data_asset_type": "Dataset",
    "meta": {"great_expectations_version": "0.18.8"},
    "expectations": [
        {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "amount"}, "meta": {"a": 1}},
        {
            "expectation_type": "expect_column_values_to_be_between",
            "kwargs": {"column": "amount", "min_value": 0, "max_value": 1e6, "mostly": 0.99, "strict_min": False},
        },
        {
            "expectation_type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "state", "value_set": ["NO", "yes", None], "row_condition": 'a=="b"',
                       "condition_parser": "pandas"},
        },
        {"expectation_type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
        {"expectation_type": "expect_column_to_exist", "kwargs": {"column": "id", "column_index": None}},
        {"expectation_type": "expect_column_values_to_be_spicy", "kwargs": {"column": "id"}},
        {"expectation_type": "expect_column_stdev_to_be_between", "kwargs": {"column": "amount", "max_value": 1}},
    ],
}  # fmt: skip
NEW = {
    "name": "loans",
    "id": "1-2",
    "notes": "",
    "expectations": [
        {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "amount", "min_value": 5.0},
         "severity": "critical", "id": "x", "meta": {}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "code", "regex": "^[A-Z]: #{2}$"},
         "severity": "warning"},
        {"type": "expect_column_pair_values_a_to_be_greater_than_b",
         "kwargs": {"column_A": "paid", "column_B": "due", "or_equal": True}},
        {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "b"]}},
        {"type": "expect_column_quantile_values_to_be_between",
         "kwargs": {"column": "amount", "allow_relative_error": False,
                    "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, None]]}}},
        {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "amount", "type_": "DoubleType"}},
        {"type": "expect_column_max_to_be_between", "kwargs": {"column": "amount", "max_value": {"$PARAMETER": "m"}}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "code", "regex": "("}},
    ],
}  # fmt: skip

LOOKALIKES = ("1", "true", "null", "~", "1_0", "0x1", "2013-01-01")


def reasons(suite: dict[str, Any]) -> dict[str, str]:
    return {left.name: left.reason for left in import_suite(suite, within="2d").left}


def as_model_file(suite: dict[str, Any]) -> Any:
    return parse(MINIMAL + to_yaml(import_suite(suite, within="2d"))).expectations


def test_what_is_taken_over_of_the_old_form_loads_as_a_model_file() -> None:
    not_null, between, unique = as_model_file(OLD)
    assert (not_null.name, not_null.severity) == ("expect_column_values_to_not_be_null", "critical")
    assert (between.mostly, between.severity, between.kwargs["max_value"]) == (0.99, "warning", 1e6)
    assert unique.within.days == 2


def test_what_is_taken_over_of_the_new_form_loads_as_a_model_file() -> None:
    found = {spec.name: spec for spec in as_model_file(NEW)}
    assert len(found) == 6
    assert found["expect_column_mean_to_be_between"].severity == "warning"
    assert found["expect_column_values_to_match_regex"].kwargs["regex"] == "^[A-Z]: #{2}$"
    assert found["expect_column_values_to_match_regex"].severity == "warning"
    assert found["expect_column_pair_values_a_to_be_greater_than_b"].columns == ("paid", "due")
    ranges = found["expect_column_quantile_values_to_be_between"].kwargs["quantile_ranges"]
    assert ranges == {"quantiles": (0.5,), "value_ranges": ((1.0, None),)}


def test_everything_that_is_left_says_why() -> None:
    assert reasons(OLD) == {
        "expect_column_values_to_be_in_set": "row_condition 'a==\"b\"': an expectation holds for all rows of a topic",
        "expect_column_to_exist": "the record's schema has its fields: every record has them",
        "expect_column_values_to_be_spicy": "not an expectation that Tidemill knows",
        "expect_column_stdev_to_be_between": "not built in Tidemill",
    }
    left = reasons(NEW)
    assert left["expect_column_max_to_be_between"] == "max_value is a parameter of a run: a stream has no runs"
    assert "is not a regular expression" in left["expect_column_values_to_match_regex"]
    assert left["expect_column_quantile_values_to_be_between"].startswith("argument allow_relative_error=False")


def test_text_that_looks_like_something_else_stays_text() -> None:
    suite = {"expectations": [{"type": "expect_column_values_to_be_in_set",
                               "kwargs": {"column": "a", "value_set": list(LOOKALIKES)}}]}  # fmt: skip
    (spec,) = as_model_file(suite)
    assert spec.kwargs["value_set"] == LOOKALIKES


@pytest.mark.parametrize("thing", [[], {}, {"expectations": {}}, "x"])
def test_what_is_no_suite_is_refused(thing: Any) -> None:
    with pytest.raises(ConfigError, match="no Great Expectations suite"):
        import_suite(thing, within="1d")


def test_the_command_writes_yaml_and_says_what_it_left(tmp_path: Path) -> None:
    suite, target = tmp_path / "suite.json", tmp_path / "model.yaml"
    suite.write_text(json.dumps(OLD))
    result = CliRunner().invoke(quality, ["import", str(suite), "--into", str(target)])
    assert result.exit_code == LEFT_OVER
    assert "3 of 7 expectations taken over" in result.stderr
    assert target.read_text().startswith("expectations:\n  - expect_column_values_to_not_be_null: {column: amount}\n")
    suite.write_text(json.dumps({"expectations": OLD["expectations"][:1]}))
    result = CliRunner().invoke(quality, ["import", str(suite)])
    assert (result.exit_code, result.stdout.count("\n")) == (0, 2)
