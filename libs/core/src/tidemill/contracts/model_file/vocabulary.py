"""The words of the model file: what each key may be, and what belongs to the language but is not
built yet.
"""

from __future__ import annotations

from typing import Final

TASKS: Final = ("binary", "multiclass", "regression")
KINDS: Final = ("category", "number", "time")
PARTS: Final = ("hour", "weekday", "month")
MISSING: Final = ("median", "zero")
SEVERITIES: Final = ("critical", "warning", "info")
CANDIDATES: Final = ("logistic_regression", "random_forest", "gradient_boosting")
"""The default is all of them.

`logistic_regression` is the linear one: ridge regression where the task is regression.
"""

WATCH: Final = ("features", "predictions", "quality")
RETRAIN_ON: Final = ("drift", "quality")
FORMATS: Final = ("avro", "json", "json-schema", "protobuf", "debezium")
UNITS: Final = ("s", "ms", "us", "ns")
LABEL_FIELDS: Final = ("event_id", "label", "event_time", "observed_at")
MODES: Final = ("direct",)
METRICS: Final[dict[str, tuple[str, ...]]] = {
    "binary": ("roc_auc", "log_loss", "brier", "accuracy", "f1"),
    "multiclass": ("roc_auc", "log_loss", "brier", "accuracy", "f1"),
    "regression": ("rmse", "mae", "r2"),
}
"""Per task; the first is the default."""

ROOT_NOT_BUILT: Final = ("normalise", "privacy")
RELEASE_NOT_BUILT: Final = ("stages", "hold", "approval", "limits")
MODES_NOT_BUILT: Final = ("shadow", "canary", "blue_green", "ab")

EXPECTATIONS: Final[dict[str, tuple[str, ...]]] = {
    "expect_column_values_to_not_be_null": (),
    "expect_column_values_to_be_between": ("min_value", "max_value", "strict_min", "strict_max"),
    "expect_column_values_to_be_in_set": ("value_set",),
    "expect_column_values_to_match_regex": ("regex",),
    "expect_column_value_lengths_to_be_between": ("min_value", "max_value"),
    "expect_column_values_to_be_unique": ("within",),
}
"""Expectation to its arguments, beside `column` and `severity`."""

ARGUMENTS_NOT_BUILT: Final = ("mostly", "row_condition", "condition_parser", "meta", "notes")

EXPECTATIONS_NOT_BUILT: Final = (
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_distinct_values_to_contain_set",
    "expect_column_distinct_values_to_equal_set",
    "expect_column_kl_divergence_to_be_less_than",
    "expect_column_max_to_be_between",
    "expect_column_mean_to_be_between",
    "expect_column_median_to_be_between",
    "expect_column_min_to_be_between",
    "expect_column_most_common_value_to_be_in_set",
    "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_column_pair_values_to_be_equal",
    "expect_column_pair_values_to_be_in_set",
    "expect_column_proportion_of_non_null_values_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between",
    "expect_column_quantile_values_to_be_between",
    "expect_column_stdev_to_be_between",
    "expect_column_sum_to_be_between",
    "expect_column_to_exist",
    "expect_column_unique_value_count_to_be_between",
    "expect_column_value_lengths_to_equal",
    "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_be_decreasing",
    "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_in_type_list",
    "expect_column_values_to_be_null",
    "expect_column_values_to_be_of_type",
    "expect_column_values_to_match_like_pattern",
    "expect_column_values_to_match_like_pattern_list",
    "expect_column_values_to_match_regex_list",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_not_match_like_pattern",
    "expect_column_values_to_not_match_like_pattern_list",
    "expect_column_values_to_not_match_regex",
    "expect_column_values_to_not_match_regex_list",
    "expect_compound_columns_to_be_unique",
    "expect_multicolumn_sum_to_equal",
    "expect_multicolumn_values_to_be_unique",
    "expect_select_column_values_to_be_unique_within_record",
    "expect_table_column_count_to_be_between",
    "expect_table_column_count_to_equal",
    "expect_table_columns_to_match_ordered_list",
    "expect_table_columns_to_match_set",
    "expect_table_row_count_to_be_between",
    "expect_table_row_count_to_equal",
)
"""Great Expectations' other expectations: refused by name, not as a slip of the pen."""
