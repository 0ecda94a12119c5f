"""The words of the model file: what each key may be, and what belongs to the language but is not built yet."""

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
MODES: Final = ("direct", "shadow", "canary", "blue_green", "ab")
STAGED_MODES: Final = ("canary", "ab")
COST: Final = "cost"
"""The metric that a model has whose file states what wrong decisions cost."""
BALANCED: Final = "balanced"
LEAST_WEIGHT: Final = 1e-6
LARGEST_WEIGHT: Final = 1e6
"""Of a class: beyond it a graph in single precision no longer tells the others' shares from nothing."""
BINARY_CLASSES: Final = ("false", "true")
_OF_CLASSES: Final = (
    "roc_auc", "log_loss", "brier", "accuracy", "f1", "pr_auc", "precision", "recall", "calibration_error",
)  # fmt: skip
METRICS: Final[dict[str, tuple[str, ...]]] = {
    "binary": (*_OF_CLASSES, COST),
    "multiclass": _OF_CLASSES,
    "regression": ("rmse", "mae", "r2"),
}
"""Per task; the first is the default."""

ROOT_NOT_BUILT: Final[tuple[str, ...]] = ()

BOUNDS: Final = ("min_value", "max_value")
STRICT: Final = ("strict_min", "strict_max")
PAIR: Final = ("column_A", "column_B")
SUBJECTS: Final = ("column", *PAIR, "column_list", "column_set")
"""Arguments that name fields of the record."""

ROW_EXPECTATIONS: Final[dict[str, tuple[str, ...]]] = {
    "expect_column_values_to_not_be_null": ("column",),
    "expect_column_values_to_be_null": ("column",),
    "expect_column_values_to_be_between": ("column", *BOUNDS, *STRICT),
    "expect_column_values_to_be_in_set": ("column", "value_set"),
    "expect_column_values_to_not_be_in_set": ("column", "value_set"),
    "expect_column_values_to_match_regex": ("column", "regex"),
    "expect_column_values_to_not_match_regex": ("column", "regex"),
    "expect_column_values_to_match_regex_list": ("column", "regex_list", "match_on"),
    "expect_column_values_to_not_match_regex_list": ("column", "regex_list"),
    "expect_column_values_to_match_like_pattern": ("column", "like_pattern"),
    "expect_column_values_to_not_match_like_pattern": ("column", "like_pattern"),
    "expect_column_values_to_match_like_pattern_list": ("column", "like_pattern_list", "match_on"),
    "expect_column_values_to_not_match_like_pattern_list": ("column", "like_pattern_list"),
    "expect_column_values_to_be_of_type": ("column", "type_"),
    "expect_column_values_to_be_in_type_list": ("column", "type_list"),
    "expect_column_value_lengths_to_be_between": ("column", *BOUNDS),
    "expect_column_value_lengths_to_equal": ("column", "value"),
    "expect_column_pair_values_a_to_be_greater_than_b": (*PAIR, "or_equal", "ignore_row_if"),
    "expect_column_pair_values_to_be_equal": (*PAIR, "ignore_row_if"),
    "expect_select_column_values_to_be_unique_within_record": ("column_list", "ignore_row_if"),
    "expect_multicolumn_values_to_be_unique": ("column_list", "ignore_row_if"),
}
"""Rules about one row to their arguments; with `mostly` they are judged by window."""

UNIQUE_EXPECTATIONS: Final[dict[str, tuple[str, ...]]] = {
    "expect_column_values_to_be_unique": ("column", "within"),
    "expect_compound_columns_to_be_unique": ("column_list", "ignore_row_if", "within"),
}
"""Rules about a row and those before it."""

WINDOW_EXPECTATIONS: Final[dict[str, tuple[str, ...]]] = {
    "expect_column_mean_to_be_between": ("column", *BOUNDS, *STRICT),
    "expect_column_sum_to_be_between": ("column", *BOUNDS, *STRICT),
    "expect_column_min_to_be_between": ("column", *BOUNDS, *STRICT),
    "expect_column_max_to_be_between": ("column", *BOUNDS, *STRICT),
    "expect_column_median_to_be_between": ("column", *BOUNDS, *STRICT),
    "expect_column_quantile_values_to_be_between": ("column", "quantile_ranges"),
    "expect_column_proportion_of_non_null_values_to_be_between": ("column", *BOUNDS, *STRICT),
    "expect_column_proportion_of_unique_values_to_be_between": ("column", *BOUNDS, *STRICT),
    "expect_column_unique_value_count_to_be_between": ("column", *BOUNDS, *STRICT),
    "expect_table_row_count_to_be_between": BOUNDS,
    "expect_table_row_count_to_equal": ("value",),
    "expect_table_columns_to_match_set": ("column_set", "exact_match"),
    "expect_table_freshness_to_be_within": ("max_age",),
}
"""Rules about all rows of a window of event time; the last is ours, Great Expectations has none like it."""

EXPECTATIONS: Final[dict[str, tuple[str, ...]]] = {
    **ROW_EXPECTATIONS,
    **UNIQUE_EXPECTATIONS,
    **WINDOW_EXPECTATIONS,
}
"""Expectation to its arguments, beside `severity`, and `over` and `mostly` where it takes them."""

OPTIONAL_ARGUMENTS: Final = (
    "min_value", "max_value", "strict_min", "strict_max", "or_equal", "ignore_row_if", "exact_match", "match_on",
)  # fmt: skip
IGNORE_PAIR: Final = ("both_values_are_missing", "either_value_is_missing", "never")
MATCH_ON: Final = ("any", "all")
IGNORE_LIST: Final = ("all_values_are_missing", "any_value_is_missing", "never")
TYPES: Final[dict[str, tuple[str, ...]]] = {
    "text": ("str", "string", "STRING", "VARCHAR", "TEXT", "StringType", "object"),
    "integer": (
        "int", "integer", "long", "int32", "int64", "INTEGER", "BIGINT", "IntegerType", "LongType", "Int64",
    ),
    "float": ("float", "double", "float32", "float64", "FLOAT", "DOUBLE", "FloatType", "DoubleType"),
    "boolean": ("bool", "boolean", "BOOLEAN", "BooleanType"),
    "time": ("datetime", "timestamp", "datetime64", "datetime64[ns]", "TIMESTAMP", "TimestampType"),
}  # fmt: skip
"""What a value is to the names of types that suites use: Python's, pandas', Avro's, SQL's and Spark's."""

ARGUMENTS_NOT_BUILT: Final = ("row_condition", "condition_parser", "meta", "notes")

EXPECTATIONS_NOT_BUILT: Final = (
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_distinct_values_to_contain_set",
    "expect_column_distinct_values_to_equal_set",
    "expect_column_kl_divergence_to_be_less_than",
    "expect_column_most_common_value_to_be_in_set",
    "expect_column_pair_values_to_be_in_set",
    "expect_column_stdev_to_be_between",
    "expect_column_to_exist",
    "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_be_decreasing",
    "expect_column_values_to_be_increasing",
    "expect_multicolumn_sum_to_equal",
    "expect_table_column_count_to_be_between",
    "expect_table_column_count_to_equal",
    "expect_table_columns_to_match_ordered_list",
)
"""Great Expectations' other expectations: refused by name, not as a slip of the pen."""
