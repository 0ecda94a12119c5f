"""A model file that is nested endlessly, names itself or is enormous is refused with its place, at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.core.contracts.model_file.model_text import HEAD, MINIMAL, parse, refused
from tidemill.contracts.model_file import ModelFileError
from tidemill.contracts.model_file.load import parse_model

BOMB = "a: &a [x, x]\n" + "".join(f"{chr(98 + k)}: &{chr(98 + k)} [{f'*{chr(97 + k)}, ' * 9}]\n" for k in range(20))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: " + "[" * 100_000, "m.yaml:1:39: not YAML: nested more than 32 levels deep"),
        ("model: " + "{a: " * 100_000, "nested more than 32 levels deep"),
        ("- " * 50_000, "nested more than 32 levels deep"),
        ("".join("  " * k + "a:\n" for k in range(500)), "m.yaml:32:63: not YAML: nested more than 32 levels deep"),
        ("model: x\nfeatures: &a {x: *a}\n", "m.yaml:2:18: not YAML: the alias *a stands inside of what it names"),
        ("features: &a\n  - &b [*a]\n", "the alias *a stands inside of what it names"),
        ("model: *nowhere\n", "undefined alias"),
        ("a: [" + "x, " * 120_000 + "]", "too many values"),
        ("a: " + "x" * 5_000_000, "5,000,003 characters"),
        (BOMB, "unknown key 'a'"),
        ("\ufeff", "the file is empty"),
        ("model: a\0b", "not YAML"),
    ],
)
def test_what_has_no_end_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ModelFileError) as refused:
        parse_model(Path("m.yaml"), text)
    assert said in str(refused.value)


def test_an_alias_that_names_what_stands_before_it_works() -> None:
    text = """
model: loan
schema: loan.avsc
entity: &who who
event_time: at
target: {label: bad, task: binary}
features: {amount: number}
normalise: {name: &steps [trim], other: *steps}
privacy: {*who : hash}
"""
    assert [step.kind for step in parse_model(Path("m.yaml"), text).normalise["other"]] == ["trim"]


RULE = "expectations: [{expect_column_mean_to_be_between: {column: amount, min_value: 0, over: %s}}]\n"


@pytest.mark.parametrize("duration", ["0.5ms", "1.5ms", "0.0001s", "1.0005s"])
@pytest.mark.parametrize(
    "section",
    [
        RULE,
        "expectations: [{expect_column_values_to_not_be_null: {column: amount, mostly: 0.5, over: %s}}]",
        "expectations: [{expect_column_values_to_be_unique: {column: event_id, within: %s}}]",
        "expectations: [{expect_table_freshness_to_be_within: {max_age: %s}}]",
        "drift: {window: %s}",
        "release: {hold: %s}",
        "retrain: {every: %s}",
    ],
)
def test_a_time_with_a_part_of_a_millisecond_is_refused_at_its_place(section: str, duration: str) -> None:
    error = refused(MINIMAL + section % duration)
    assert "must be a whole number of milliseconds" in error.message
    assert error.column == section.index("%s") + 1


@pytest.mark.parametrize("key", ["delay", "expires"])
def test_labels_too_come_in_whole_milliseconds(key: str) -> None:
    text = HEAD + f"target: {{label: paid, task: binary, {key}: 10.5ms}}\nfeatures: {{amount: number}}\n"
    assert f"`target.{key}` must be a whole number of milliseconds" in refused(text).message


def test_a_window_of_a_millisecond_and_a_latency_below_one_are_taken() -> None:
    spec = parse(MINIMAL + RULE % "1ms" + "release: {limits: {p95: 0.5ms}}\n")
    assert spec.expectations[0].over == timedelta(milliseconds=1)
    assert spec.release.limits.p95 == timedelta(microseconds=500)
